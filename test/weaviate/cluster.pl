# Three nodes, three replicas, QUORUM: one node may be away. What is promised of more is in docs/vectors.md.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashVectors;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start(nodes => 3);
my $node = stash_node('cluster');
my $sync = StashVectors->new($node, $weaviate);
# A request may wait for a node that has just gone.
$node->safe_psql('postgres', "SELECT stash.weaviate_configure('@{[ $weaviate->url ]}', options => '{\"timeout_ms\": 5000}')");
my $doc = StashWeaviate->unique_name('Doc');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE doc (id int PRIMARY KEY, emb real[]);
INSERT INTO doc SELECT g, ARRAY[sin(g), cos(g * 0.7), 2]::real[] FROM generate_series(1, 400) AS g;
SELECT stash.vector_sync_enable('doc', 'emb', '{}', '$doc', options => '{"replication_factor": 3, "consistency": "QUORUM"}');
SQL
$sync->table('doc', $doc, 'id', '');
$sync->compare('three nodes');
is($weaviate->collection($doc)->{replicationConfig}{factor}, 3, 'three replicas');
is($weaviate->collection($doc)->{replicationConfig}{deletionStrategy}, 'TimeBasedResolution', 'the newer deletion wins');
is($node->safe_psql('postgres', "SELECT count(*) FROM stash.weaviate_nodes() WHERE status = 'HEALTHY'"), 3, 'all healthy');

$weaviate->kill(3);
$node->safe_psql('postgres', "UPDATE doc SET emb = ARRAY[sin(id), cos(id), 3]::real[]; DELETE FROM doc WHERE id > 350; INSERT INTO doc VALUES (5000, '{-5,5,5}')");
# Right after a node died, Weaviate may confirm a deletion that one of the others has not seen yet.
$sync->compare_soon('one of three nodes is down');
is($node->safe_psql('postgres', "SELECT string_agg(id->>'id', ' ' ORDER BY distance), min(engine) FROM stash.vector_search('doc', '{-5,5,5}', 1)"), '5000|weaviate', 'searches are answered');

# Without a quorum nothing is called stored.
$weaviate->kill(2);
$node->safe_psql('postgres', "UPDATE doc SET emb = ARRAY[sin(id), cos(id), 4]::real[] WHERE id < 100; DELETE FROM doc WHERE id BETWEEN 300 AND 320");
is($node->safe_psql('postgres', "SELECT stash.vector_wait('doc', 5)"), 'f', 'with two of three down nothing is called stored');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.vector_dead_letters()'), 0, 'and nothing is given up');
$weaviate->resume(2);
# A request that was given up may have waited in Weaviate for a leader, and be carried out now.
$sync->compare_soon('two nodes again');
$weaviate->resume(3);
$node->safe_psql('postgres', "UPDATE doc SET emb = ARRAY[sin(id), cos(id), 5]::real[] WHERE id < 200; DELETE FROM doc WHERE id BETWEEN 200 AND 210");
$sync->compare_soon('three nodes again');
# Node 2 lost the times of its deletions when it was killed, and takes the old objects of node 3, until
# Weaviate has compared it with node 1.
for (2, 3, 1)
{
    $weaviate->ask_node($_);
    $sync->compare_soon("in the end, node $_ as well");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM stash.vector_reconcile('doc')"), 0, 'and nothing differs');
done_testing();
