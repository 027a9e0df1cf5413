# A touch writes neither a row nor WAL; the worker writes touches down in batches within
# stash.session_flush_interval. Where memory or the worker cannot do it, the touch writes the table
# itself, so that nobody who is active is logged out.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashSession;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = stash_node('main', 'stash.memory = 16MB', 'autovacuum = off', "stash.session_flush_interval = '1h'");
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub set_interval
{
    my ($interval) = @_;
    sql("ALTER SYSTEM SET stash.session_flush_interval = '$interval'");
    $node->reload;
    wait_until($node, "SELECT current_setting('stash.session_flush_interval') = '$interval'");
    return;
}

# 100,000 touches of 1000 sessions. The worker has written down that it writes.
wait_until($node, "SELECT state = 'running' AND tasks_run > 3 FROM stash.worker_status() WHERE database = 'postgres'");
sql(q{CREATE TABLE mine AS SELECT s.id FROM generate_series(1, 1000) AS i, LATERAL stash.session_create('user ' || i) AS s});
sql('SELECT count(*) FROM mine WHERE stash.session_touch(id)');
sql('VACUUM');
sql('CHECKPOINT');
my $changes = q{SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE relname ~ '^session'};
sql('SELECT pg_stat_force_next_flush()');
my $rows_before = sql($changes);
my $wal_before = sql('SELECT pg_current_wal_insert_lsn()');
is(sql('SELECT count(*) FROM mine, generate_series(1, 100) WHERE stash.session_touch(id)'), '100000', '100,000 touches');
is(sql("SELECT pg_current_wal_insert_lsn() - '$wal_before'"), '0', '... write no WAL');
is(sql($changes), $rows_before, '... and no row');
is(sql('SELECT count(*) FROM stash.session_touch'), '0', '... not even their first one');
my $age = q{SELECT extract(epoch FROM clock_timestamp() - min(last_seen_at)) < 60 FROM mine, stash.session_get(mine.id)};
is(sql($age), 't', '... and are known to readers');
is(sql(q{SELECT count(*) FROM stash.session_list(max_rows => 1000) WHERE last_seen_at > created_at}), '1000', '... and in lists');

# Then only the batches.
$wal_before = sql('SELECT pg_current_wal_insert_lsn()');
set_interval('200ms');
wait_until($node, 'SELECT count(*) = 1000 FROM stash.session_touch');
my $wal = sql("SELECT pg_current_wal_insert_lsn() - '$wal_before'");
cmp_ok($wal, '<', 500_000, "the worker writes a row for each session, not for each touch ($wal bytes)");
is(sql(q{SELECT count(*) FROM stash.session_touch AS t, LATERAL stash.session_get(t.id) AS s WHERE s.last_seen_at = t.touched_at}),
    '1000', '... with the moment of the last touch');
sql('SELECT count(*) FROM mine WHERE stash.session_touch(id)');
my $one = sql('SELECT id FROM mine LIMIT 1');
wait_for_flush($node, $one);
my $quiet = 0;
for (1 .. 20)
{
    $wal_before = sql('SELECT pg_current_wal_insert_lsn()');
    sleep 1;
    $quiet = sql("SELECT pg_current_wal_insert_lsn() = '$wal_before'") eq 't' and last;
}
ok($quiet, 'without touches there is nothing to write');

# Within the interval.
set_interval('2s');
for my $round (1, 2)
{
    my $touched = time;
    sql("SELECT stash.session_touch('$one')");
    wait_for_flush($node, $one);
    my $took = time - $touched;
    cmp_ok($took, '<', 4, sprintf 'a touch is written down within stash.session_flush_interval of 2 s (%.1f s)', $took);
}

# A touch that is rolled back, in a read-only transaction, and under REPEATABLE READ counts.
my $before = seen_at($node, $one);
sql("BEGIN; SELECT stash.session_touch('$one'); ROLLBACK");
cmp_ok(seen_at($node, $one), '>', $before, 'a touch counts whatever becomes of the transaction');
$before = seen_at($node, $one);
sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT stash.session_touch('$one'); COMMIT");
cmp_ok(seen_at($node, $one), '>', $before, '... and in a read-only one');

# What has ended leaves nothing, also when it is touched while it ends.
set_interval('500ms');
my ($ended, $token) = begin_session($node, "'ended', idle_ttl => 1000");
my $deleter = $node->background_psql('postgres');
$deleter->query_safe('BEGIN');
is($deleter->query_safe("SELECT stash.session_delete('$ended')"), 't', 'a session is being deleted');
is(sql("SELECT stash.session_touch('$ended')"), 't', '... and is touched before that commits');
is($deleter->query_safe("SELECT stash.session_touch('$ended')"), 'f', '... but not by who deletes it');
sleep 1;
$deleter->query_safe('COMMIT');
$deleter->quit;
is(sql("SELECT stash.session_touch('$ended')"), 'f', 'a touch of an ended session says so');
is(works($node, $token), '0', '... and does not bring it back');
sleep 1.2;
is(written_at($node, $ended), '', '... and no touch of it is written down');
$node->stop;

# The array is full: touches write the table, and nobody who is active idles.
my $small = stash_node('small', 'stash.memory = 16MB', 'autovacuum = off', 'stash.session_touch_slots = 64',
    "stash.session_flush_interval = '1min'", 'log_statement = none');
$small->safe_psql('postgres', q{CREATE TABLE mine AS SELECT s.* FROM generate_series(1, 300) AS i,
    LATERAL stash.session_create('user ' || i, idle_ttl => 3) AS s});
for (1 .. 6)
{
    is($small->safe_psql('postgres', 'SELECT count(*) FROM mine, LATERAL stash.session_get_by_token(mine.token)'),
        '300', '300 sessions in 64 slots are used again and again, none is idle') or last;
    sleep 1;
}
is($small->safe_psql('postgres', 'SELECT count(*) FROM stash.session_history()'), '0', '... so that none ended');
cmp_ok($small->safe_psql('postgres', 'SELECT count(*) FROM stash.session_touch AS t JOIN stash.session AS s USING (id) WHERE t.touched_at > s.created_at'),
    '>=', 236, '... because touches that memory has no room for write the table');
is($small->safe_psql('postgres', 'SELECT count(*) FROM mine, LATERAL stash.session_get(mine.id) AS s WHERE s.last_seen_at > clock_timestamp() - interval \'3 s\''),
    '300', '... and everyone reads them');
wait_until($small, q{SELECT count(*) = 300 FROM stash.session_history(max_rows => 1000) WHERE kind = 'idle'});
pass('once nobody uses them they are idle');

# Nobody flushes: touches write the table.
$small->safe_psql('postgres', 'ALTER SYSTEM SET stash.max_workers = 0');
$small->restart;
my ($alone) = begin_session($small, "'user', idle_ttl => 1000");
my $begun = written_at($small, $alone);
is($small->safe_psql('postgres', "SELECT stash.session_touch('$alone')"), 't', 'without a worker it is touched');
my $first = written_at($small, $alone);
cmp_ok($first, '>', $begun, '... and that is written down at once');
sleep 0.1;
$small->safe_psql('postgres', "SELECT stash.session_touch('$alone')");
cmp_ok(written_at($small, $alone), '>', $first, '... each time');
$small->stop('immediate');
$small->start;
cmp_ok(seen_at($small, $alone), '>', $first, '... and outlives a crash');

# A clean shutdown writes down what memory knows, whatever the interval.
$small->safe_psql('postgres', 'ALTER SYSTEM RESET stash.max_workers');
$small->safe_psql('postgres', q{ALTER SYSTEM SET stash.session_flush_interval = '1h'});
$small->restart;
wait_until($small, q{SELECT state = 'running' AND tasks_run > 3 FROM stash.worker_status() WHERE database = 'postgres'});
my ($kept) = begin_session($small, "'kept', idle_ttl => 100000");
$begun = written_at($small, $kept);
$small->safe_psql('postgres', "SELECT stash.session_touch('$kept')");
is(written_at($small, $kept), $begun, 'a touch that is in memory only');
$small->restart;
cmp_ok(written_at($small, $kept), '>', $begun, '... is written down by a clean shutdown');

# The worker waits for nobody: a transaction that wrote a touch and stays open holds up neither the
# other sessions' ends nor their log-outs, and the session itself lives by what memory knows.
$small->safe_psql('postgres', q{ALTER SYSTEM SET stash.session_flush_interval = '1s'});
$small->reload;
my $long = $small->background_psql('postgres', on_error_stop => 1);
my ($held) = begin_session($small, "'held', idle_ttl => 5");
my ($other) = begin_session($small, "'other', idle_ttl => 1");
$long->query_safe('BEGIN');
$long->query_safe("UPDATE stash.session_touch SET touched_at = now() WHERE id = '$held'");
my $lived = 0;
for (1 .. 8)
{
    $lived++ if $small->safe_psql('postgres', "SELECT stash.session_touch('$held')") eq 't';
    sleep 1;
}
is($lived, 8, 'a session is used while the row of its touch is locked');
is(how_ended($small, $other), 'idle||', '... another has idled meanwhile');
is($small->safe_psql('postgres', "SET lock_timeout = '3s'; SELECT stash.session_delete('$kept')"), 't', '... and one can be deleted');
$long->query_safe('ROLLBACK');
$long->quit;
wait_until($small, "SELECT count(*) = 1 FROM stash.session_history() WHERE id = '$held' AND kind = 'idle'");

# A touch leaves memory in the middle of a statement: the row was read before the worker wrote the
# touch down, and its slot has gone to others before memory is asked for it. The row is read again.
$small->safe_psql('postgres', q{ALTER SYSTEM SET stash.session_flush_interval = '1h'});
$small->reload;
wait_until($small, q{SELECT current_setting('stash.session_flush_interval') = '1h'});
my ($moved) = begin_session($small, "'moved', idle_ttl => 100000");
$small->safe_psql('postgres', q{CREATE TABLE others AS SELECT row_number() OVER () AS n, s.id FROM generate_series(1, 200) AS i,
    LATERAL stash.session_create('other ' || i, idle_ttl => 100000) AS s});
$small->safe_psql('postgres', "SELECT stash.session_touch('$moved')");
my $known = seen_at($small, $moved);
my $read_before = written_at($small, $moved);
cmp_ok($known, '>', $read_before, 'a touch that the tables do not know');
# No copy of the session in memory: it is read from its table.
$small->safe_psql('postgres', "UPDATE stash.session SET data = data WHERE id = '$moved'");
my $holder = $small->background_psql('postgres', on_error_stop => 1);
$holder->query_safe('SELECT pg_advisory_lock(22437, 15)');
my $reader = $small->background_psql('postgres', on_error_stop => 1);
$reader->query_safe(q{SET stash.pause_at = 'session_row'});
$reader->query_until(qr/reading/,
    "\\echo reading\nSELECT extract(epoch FROM last_seen_at) FROM stash.session_get('$moved');\n");
wait_until($small, q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 15 AND NOT granted});
$small->safe_psql('postgres', q{ALTER SYSTEM SET stash.session_flush_interval = '100ms'});
$small->reload;
wait_until($small, "SELECT extract(epoch FROM touched_at) = $known FROM stash.session_touch WHERE id = '$moved'");
# Eight at a time, so that a slot is clean when the next ones need it: refused touches would be
# remembered for all that have no slot.
for my $first (map { 8 * $_ + 1 } 0 .. 24)
{
    my $some = "n BETWEEN $first AND $first + 7";
    $small->safe_psql('postgres', "SELECT count(stash.session_touch(id)) FROM others WHERE $some");
    wait_until($small, "SELECT bool_and(t.touched_at >= s.last_seen_at) FROM others JOIN stash.session_touch AS t USING (id),"
          . " LATERAL stash.session_get(id) AS s WHERE $some");
}
$holder->query_safe('SELECT pg_advisory_unlock(22437, 15)');
like($reader->query_safe('SELECT 1'), qr/^$known\n1$/, '... and that leaves memory while it is read is not lost');
$reader->quit;
$holder->quit;
is($small->safe_psql('postgres', q{SELECT count(*) FROM stash.worker_status() WHERE failures > 0}), '0', 'no task of the worker failed');

done_testing();
