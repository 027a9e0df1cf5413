# On a standby the cache works, with TTLs only, and says so; what was stored there in recovery is no
# hit after the promotion, and what was read there is not stored after it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $primary = stash_node('primary', { allows_streaming => 1 }, 'stash.memory = 8MB',
    'max_worker_processes = 12');
$primary->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');
$primary->safe_psql('postgres', "INSERT INTO t VALUES (1, 'old'), (2, 'old')");
$primary->safe_psql('postgres', "SELECT stash.cache_invalidate_on('t', 't:{id}')");
fill($primary, { p => '"of the primary"' });
my $image_of_primary = do { $primary->stop; read_bytes(image_of($primary)) };
$primary->start;
$primary->backup('base');

# The file of the primary's last clean shutdown in the standby's folder: recovery refuses it.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
is_deeply([ grep { /stash/ } slurp_dir($standby->data_dir . '/pg_stat_tmp') ], [], 'a base backup has no saved cache');
put_image($standby, $image_of_primary);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
like(slurp_file($standby->logfile), qr/pg_stash does not use the saved cache: the server is about to recover/,
    'a standby refuses a saved cache');
ok(!-e image_of($standby) && !-e loading_of($standby), '... and takes it away');
is(cached($standby, 'p'), '', '... and starts empty');

# In recovery.
fill($standby, { r => '1', life => '"long"' }, tags => ['t:1']);
fill($standby, { brief => '1' }, ttl => 0.5);
is(cached($standby, 'life'), '"long"', 'the cache works on a standby');
is($standby->safe_psql('postgres', "SELECT stash.cache_incr('counter', 5)"), '5', '... with counters');
wait_until($standby, "SELECT stash.cache_get('brief') IS NULL");
pass('... and TTLs');
$standby->safe_psql('postgres', "SELECT stash.cache_invalidate_tags(ARRAY['t:1'])");
is(cached($standby, 'r'), '', '... and tags that are invalidated there');
is($standby->safe_psql('postgres', "SELECT h->>'status', h->'problems' ? 'in recovery: the cache keeps to its TTLs only' FROM stash.health_check() AS h"),
    'degraded|t', 'health_check() says that there are only TTLs');
is($standby->safe_psql('postgres', "SELECT h->>'in_recovery' FROM stash.health_check() AS h"), 'true', '... and why');
is($standby->safe_psql('postgres', 'SELECT kind, state FROM stash.worker_status()'), 'launcher|in recovery',
    'no worker runs');
# What the primary commits does not reach the standby's cache.
fill($standby, { t2 => '"old"' }, tags => ['t:2']);
$primary->safe_psql('postgres', "UPDATE t SET v = 'new' WHERE id = 2");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is(cached($standby, 't2'), '"old"', 'only its TTL ends an entry there');

# Sets across the promotion: read in recovery before the last change arrived, stored after it.
$standby->safe_psql('postgres', "SELECT stash.cache_set('kept', '1', 'infinity', fresh => true)");
my $missed = $standby->background_psql('postgres');
$missed->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($missed->query_safe("SELECT stash.cache_get('k1')"), '', 'a reader on the standby misses');
is($missed->query_safe('SELECT v FROM t WHERE id = 1'), 'old', '... and reads a row');
my $silent = $standby->background_psql('postgres');
$silent->query_safe('BEGIN');
is($silent->query_safe('SELECT v FROM t WHERE id = 1'), 'old', 'another one reads it without asking the cache');
my $pending = $standby->background_psql('postgres');
$pending->query_safe('BEGIN');
is($pending->query_safe("SELECT stash.cache_set('k3', '\"old\"', 100, ARRAY['t:1'], fresh => true) IS NOT NULL"), 't',
    'a third one stores it but does not commit');
$primary->safe_psql('postgres', "UPDATE t SET v = 'new' WHERE id = 1");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$primary->stop;
$standby->promote;

is($silent->query_safe("SELECT stash.cache_set('k2', '\"old\"', 100, ARRAY['t:1'], fresh => true) IS NULL"), 't',
    'what was read in recovery is not accepted after the promotion');
$silent->query_safe('COMMIT');
$missed->query("SELECT stash.cache_set('k1', '\"old\"', 100, ARRAY['t:1'])");
$missed->query('COMMIT');
$pending->query('COMMIT');
$_->quit for $missed, $silent, $pending;
is(cached_all($standby, 'k1', 'k2', 'k3'), '- - -', '... however it comes');
is($standby->safe_psql('postgres', 'SELECT v FROM t WHERE id = 1'), 'new', 'the row is new');
is(cached_all($standby, 'life', 't2', 'kept'), '- - -', 'what was stored in recovery is no hit after the promotion');
is($standby->safe_psql('postgres', "SELECT count(*) FROM stash.cache_keys()"), '0', '... nor listed');
is($standby->safe_psql('postgres', "SELECT count(*) FROM stash.cache_get_by_tags(ARRAY['t:2'])"), '0', '... nor found by its tags');

# What the application read from the standby long before and stores without a word.
is($standby->safe_psql('postgres', "SELECT stash.cache_set('blind', '1') IS NULL"), 't',
    'a blind set just after the promotion is refused');

# It works like any other.
fill($standby, { life => '"new"', t2 => '"new"' }, tags => ['t:2']);
is(cached_all($standby, 'life', 't2'), '"new" "new"', 'after the promotion the cache can be filled');
$standby->safe_psql('postgres', "UPDATE t SET v = 'newer' WHERE id = 2");
is(cached($standby, 't2'), '', '... and ties invalidate');
wait_until($standby, "SELECT count(*) FROM stash.worker_status() WHERE state = 'running'", '2');
pass('the workers begin');
is($standby->safe_psql('postgres', "SELECT h->>'in_recovery' FROM stash.health_check() AS h"), 'false', 'health_check() says so');
fill($standby, { w => '"w"' });
$standby->restart;
launcher_done($standby);
is(cached_all($standby, 'w', 'kept', 'k3'), '"w" - -', 'after a clean restart what was stored since the promotion is warm, and only that');

# The same server with standby.signal and with recovery.signal.
for my $signal ('standby', 'recovery')
{
    my $offset = -s $standby->logfile;
    $standby->append_conf('postgresql.conf', "restore_command = 'false'\nprimary_conninfo = ''\n");
    fill($standby, { w => '"w"' });
    $standby->stop;
    ok(-s image_of($standby), "$signal.signal: there is a file");
    write_bytes($standby->data_dir . "/$signal.signal", '');
    $standby->start;
    $standby->promote if $signal eq 'standby';
    $standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
    launcher_done($standby);
    like(log_since($standby, $offset), qr/does not use the saved cache: the server is about to recover/, '... that is refused');
    is(entries($standby), '0', '... and nothing is in the cache');
}

# A base backup of a running server with a warm cache, restored as it is, with another's file.
fill($standby, { w => '"w"' });
$standby->safe_psql('postgres', 'CHECKPOINT');
$standby->backup('second');
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($standby, 'second');
ok(-e $restored->data_dir . '/backup_label', 'a restored backup has a backup_label');
$standby->stop;
put_image($restored, read_bytes(image_of($standby)));
$restored->start;
launcher_done($restored);
like(slurp_file($restored->logfile), qr/does not use the saved cache: the server is about to recover/,
    'with it a saved cache is refused');
is(entries($restored), '0', '... and the cache is empty');
fill($restored, { w => '"restored"' });
$restored->restart;
launcher_done($restored);
is(cached($restored, 'w'), '"restored"', 'from then on it is a server like any other');

done_testing();
