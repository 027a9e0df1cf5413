# One part of a hundred megabytes, which two versions share, is let go in one statement while somebody
# holds the pool, somebody still reads it and others go on creating: nobody waits for the one who holds
# it, the collector does other pools meanwhile, and deletes the part when the pool is free.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use StashNode;
use Test::More;
use Time::HiRes qw(time);

# What waits for longer than that fails: it would have waited for the holder.
my $node = stash_node('main', 'stash.memory = 8MB', 'log_statement = none', 'max_wal_size = 2GB', "lock_timeout = '20s'", "statement_timeout = '120s'");
sub sql { return $node->safe_psql('postgres', $_[0]) }
# Random text, which the other method tries for seconds to shorten.
if (sql(q{SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'}) eq 't')
{
    sql(q{ALTER DATABASE postgres SET default_toast_compression = 'lz4'});
}
# The first of them, for each takes a while to read.
my $whole = q{SELECT md5(g.content->>'text') = (SELECT hash FROM large) FROM stash.memory_version AS v, stash.memory_snapshot_get(v.id) AS g WHERE v.version = 1 AND v.logical_size > 100000000};
my $large_parts = 'SELECT count(*) FROM stash.memory_part WHERE pg_column_size(content) > 1000000';

sql(q{CREATE TABLE large AS SELECT text, md5(text) AS hash FROM (SELECT string_agg(md5(n::text), '') AS text FROM generate_series(1, 3125000) AS n) AS t});
is(sql('SELECT length(text) FROM large'), '100000000', 'a text of 100 MB');
sql("SELECT stash.memory_snapshot_create('ann', (SELECT jsonb_build_object('text', text, 'turn', $_) FROM large))") for 1, 2;
is(sql($whole), 't', 'is in two versions');
is(sql($large_parts), '1', 'which share it');
my $stored = sql('SELECT pg_size_pretty(sum(pg_column_size(content))) FROM stash.memory_part');
sql(q{SELECT stash.memory_snapshot_create('ben', jsonb_build_object('text', repeat('x', 3000), 'turn', 1))});

my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN');
$holder->query_safe(q{SELECT stash.memory_snapshot_create('ann', '"held"', 'held')});
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query_safe('SELECT count(*) FROM stash.memory_version WHERE logical_size > 100000000'), '2', 'somebody is about to read them');

my $begun = time;
is(sql(q{SELECT versions FROM stash.memory_snapshot_cleanup(keep_last => 0, agent_id => 'ann')}), '2', 'both are let go, though the pool is held');
note sprintf '%s stored; let go in %.0f ms', $stored, (time - $begun) * 1000;
sql(q{SELECT stash.memory_snapshot_cleanup(keep_last => 0, agent_id => 'ben')});
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM stash.memory_pool WHERE agent_id = 'ben')});
pass('the collector does other pools meanwhile');
my $slowest = 0;
sub create
{
    my ($key) = @_;
    my $before = time;
    my $version = sql(qq{SELECT version FROM stash.memory_snapshot_create('ann', '"$key"', '$key')});
    my $took = (time - $before) * 1000;
    $slowest = $took if $took > $slowest;
    return $version eq '1';
}
is(scalar(grep { create("beside $_") } 1 .. 10), 10, 'others add to the pool beside who holds it');
is(sql($large_parts), '1', 'the part stays while the pool is held');
is(sql(q{SELECT count(*) FROM stash.memory_discard AS d JOIN stash.memory_pool AS p ON p.id = d.pool WHERE p.agent_id = 'ann'}) > 0, 1, 'and the pool is queued');

$holder->query_safe('COMMIT');
$holder->quit;
$slowest = 0;
my ($created, $asked) = (0, 0);
$begun = time;
while (sql($large_parts) ne '0' && time - $begun < 60)
{
    $asked++;
    $created++ if create("later $asked");
}
is($created, $asked, 'others add to it while the part is deleted');
is(sql($large_parts), '0', 'it is gone');
note sprintf 'gone %.0f ms after the pool was free; of %d creates meanwhile the slowest took %.0f ms, psql and all', (time - $begun) * 1000, $asked, $slowest;
is($reader->query_safe($whole), 't', 'who has been reading still reads the same');
$reader->query_safe('COMMIT');
$reader->quit;
wait_until($node, 'SELECT count(*) = 0 FROM stash.memory_discard');
is(sql('SELECT * FROM stash.memory_check()'), '', 'sound');
is(sql($whole), '', 'no version of it is left');
done_testing();
