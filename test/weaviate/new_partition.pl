# A transaction makes a partition and fills it. Its commit is held where its rows are visible and the
# worker has not been told of the partition yet: the rows must not be taken for deleted ones.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashVectors;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start;
my $node = stash_node('new_partition');
my $sync = StashVectors->new($node, $weaviate);
$sync->configure;
my $part = StashWeaviate->unique_name('Part');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE part (id int PRIMARY KEY, emb real[]) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (100);
INSERT INTO part SELECT g, ARRAY[g, 1]::real[] FROM generate_series(1, 10) AS g;
SELECT stash.vector_sync_enable('part', 'emb', '{}', '$part');
SQL
$sync->table('part', $part, 'id', '');
$sync->compare('at first');

my $holder = $node->background_psql('postgres', on_error_stop => 1);
$holder->query_safe('SELECT pg_advisory_lock(22437, 2)');
my $writer = $node->background_psql('postgres', on_error_stop => 1);
$writer->query_until(qr/started/, <<'SQL');
\echo started
SET stash.pause_at = 'before_stamp';
BEGIN;
SELECT stash.cache_set('key', '1');
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (100) TO (200);
INSERT INTO part SELECT g, ARRAY[g, 1]::real[] FROM generate_series(100, 110) AS g;
COMMIT;
SQL
ok($node->poll_query_until('postgres', "SELECT count(*) = 11 FROM stash.vector_outbox_0 WHERE change = 'k' AND key::int >= 100"), 'the changes are visible');
is($node->safe_psql('postgres', "SELECT stash.vector_wait('part', 3)"), 'f', 'and are not taken for settled');
$holder->query_safe('SELECT pg_advisory_unlock(22437, 2)');
$sync->compare('a new partition that was told of late');
$_->quit for $holder, $writer;
$weaviate->drop_collection($part);
done_testing();
