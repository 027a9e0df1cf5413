# Logical replication: what the apply worker writes invalidates on the subscriber, rows and TRUNCATE,
# in tables and partitions, initial copy included.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $publisher = stash_node('publisher', { allows_streaming => 'logical' }, 'stash.memory = 8MB', 'max_worker_processes = 16');
my $subscriber = stash_node('subscriber', { allows_streaming => 'logical' }, 'stash.memory = 8MB',
    'max_worker_processes = 16');
sub on_publisher { return $publisher->safe_psql('postgres', $_[0]) }
sub on_subscriber { return $subscriber->safe_psql('postgres', $_[0]) }

for my $node ($publisher, $subscriber)
{
    $node->safe_psql('postgres', q{
        CREATE TABLE t (id int PRIMARY KEY, grp int, v text);
        CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
        CREATE TABLE part2 PARTITION OF parted FOR VALUES FROM (100) TO (200);
        SELECT stash.cache_invalidate_on('t', 't:{id}'), stash.cache_invalidate_on('t', 'grp:{grp}');
        SELECT stash.cache_invalidate_on('parted', 'p:{id}')});
}
on_publisher(q{INSERT INTO t SELECT i, i / 10, 'old' FROM generate_series(1, 100) AS i;
               INSERT INTO parted SELECT i, 'old' FROM generate_series(1, 199) AS i;
               ALTER TABLE t REPLICA IDENTITY FULL;
               CREATE PUBLICATION p FOR TABLE t, parted WITH (publish_via_partition_root = false)});

# The initial copy is a change as well.
fill($subscriber, { before => '"nothing"' }, tags => ['t:1']);
my $connection = $publisher->connstr . ' dbname=postgres';
on_subscriber("CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p");
$subscriber->wait_for_subscription_sync($publisher, 's');
is(on_subscriber('SELECT count(*) FROM t'), '100', 'the tables are copied');
is(cached($subscriber, 'before'), '', 'the initial copy invalidates');

# Stores values that depend on these tags, changes something on the publisher, waits until it has been
# applied; returns which of the keys are still there.
sub survivors
{
    my ($statement, @tags) = @_;
    fill($subscriber, { $_ => '1' }, tags => [$_]) for @tags;
    is(cached_all($subscriber, @tags), join(' ', ('1') x @tags), "$statement: all is in the cache before");
    on_publisher($statement);
    $publisher->wait_for_catchup('s');
    my @left = split / /, cached_all($subscriber, @tags);
    return join ' ', map { $left[$_] eq '1' ? $tags[$_] : () } 0 .. $#tags;
}

is(survivors("UPDATE t SET v = 'new' WHERE id = 11", qw(t:11 t:12 grp:1 grp:2)), 't:12 grp:2', 'an applied UPDATE invalidates');
is(survivors('UPDATE t SET grp = 5 WHERE id = 12', qw(grp:1 grp:5 grp:2)), 'grp:2', '... the old image\'s tag and the new one\'s');
is(survivors("INSERT INTO t VALUES (101, 9, 'new')", qw(t:101 t:1 grp:9 grp:8)), 't:1 grp:8', 'an applied INSERT');
is(survivors('DELETE FROM t WHERE id = 13', qw(t:13 t:14)), 't:14', 'an applied DELETE');
is(survivors("UPDATE parted SET v = 'new' WHERE id IN (50, 150)", qw(p:50 p:150 p:51 p:151)), 'p:51 p:151',
    'rows of partitions');
is(survivors('TRUNCATE part1', qw(p:1 t:1)), 't:1', 'an applied TRUNCATE of a partition');
is(survivors('TRUNCATE parted', qw(p:1 p:101 t:1)), 't:1', '... of a partitioned table');
is(survivors('TRUNCATE t', qw(t:1 grp:1 p:1)), 'p:1', '... of a table');
is(survivors(q{INSERT INTO t SELECT i, i, 'many' FROM generate_series(1, 15000) AS i}, qw(t:1 t:15000 grp:7 p:1)), 'p:1',
    'a transaction with more tags than are kept one by one');
is(survivors("BEGIN; UPDATE t SET v = 'x' WHERE id = 1; ROLLBACK; UPDATE t SET v = 'y' WHERE id = 2", qw(t:1 t:2)), 't:1',
    'what rolls back on the publisher does nothing');

# What was applied and what is read agree, through a fill that began before the change.
my $reader = $subscriber->background_psql('postgres');
$reader->query_safe('BEGIN');
$reader->query_safe("SELECT stash.cache_get('three')");
my $old = $reader->query_safe('SELECT v FROM t WHERE id = 3');
on_publisher("UPDATE t SET v = 'after' WHERE id = 3");
$publisher->wait_for_catchup('s');
is($reader->query_safe("SELECT stash.cache_set('three', to_jsonb('$old'::text), 100, ARRAY['t:3']) IS NULL"), 't',
    'a value that was read before the change was applied is refused after it');
$reader->query_safe('COMMIT');
$reader->quit;
is(cached($subscriber, 'three'), '', '... and not stored');

# Two-phase: the subscriber prepares, and commits later.
on_subscriber('DROP SUBSCRIPTION s');
on_subscriber("CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p WITH (copy_data = false, two_phase = true)");
$subscriber->wait_for_subscription_sync($publisher, 's');
wait_until($subscriber, "SELECT subtwophasestate = 'e' FROM pg_subscription");
is(survivors("BEGIN; UPDATE t SET v = 'prepared' WHERE id = 4; PREPARE TRANSACTION 'two'", qw(t:4 t:5)), 't:5',
    'an applied PREPARE TRANSACTION invalidates');
is(on_subscriber('SELECT count(*) FROM pg_prepared_xacts'), '1', '... and is prepared there');
is(on_subscriber("SELECT stash.cache_set('t:4', '1', 100, ARRAY['t:4'], fresh => true) IS NULL"), 't', '... nothing can be stored');
on_publisher("COMMIT PREPARED 'two'");
$publisher->wait_for_catchup('s');
is(on_subscriber('SELECT v FROM t WHERE id = 4'), 'prepared', 'COMMIT PREPARED is applied');
wait_until($subscriber, "SELECT stash.cache_set('t:4', '2', 100, ARRAY['t:4'], fresh => true) IS NOT NULL");
is(cached($subscriber, 't:4'), '2', '... and the key can be filled again');

# The publisher's own cache has nothing to do with it.
fill($publisher, { mine => '1' }, tags => ['t:5']);
on_subscriber("UPDATE t SET v = 'local' WHERE id = 5");
is(cached($publisher, 'mine'), '1', 'changes on the subscriber do not reach the publisher');

done_testing();
