# Without shared_preload_libraries there is no worker, so nothing is sent to Weaviate: changes wait in
# the outbox, searches are answered here, and whoever waits is told why that makes no sense.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 8MB');
sub sql { return $node->safe_psql('postgres', $_[0]) }
$node->stop;
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->start;

sql(q{CREATE TABLE d (id int PRIMARY KEY, lang text, embedding real[]);
      INSERT INTO d VALUES (1, 'en', '{1,0}'), (2, 'de', '{0,1}')});
# A port where nobody listens.
for my $call (q{weaviate_configure('http://127.0.0.1:1')}, q{vector_sync_enable('d', 'embedding', ARRAY['lang'])},
    q{vector_sync_pause('d')}, q{vector_sync_resume('d')}, q{vector_backfill('d')}, q{vector_dead_letters()},
    q{vector_retry('d')}, q{weaviate_nodes()}, q{vector_distance('{1,0}', '{0,1}')})
{
    is(sql_error($node, "SELECT * FROM stash.$call"), '', "$call works");
}
is(sql("INSERT INTO d VALUES (3, 'en', '{1,1}'); UPDATE d SET lang = 'fr' WHERE id = 1; DELETE FROM d WHERE id = 2;
        SELECT state || ' ' || (pending > 0)::text FROM stash.vector_sync_status()"),
    'no worker true', 'changes wait, and the status says for what');
is(sql(q{SELECT string_agg(engine || ' ' || (id->>'id'), ', ') FROM stash.vector_search('d', '{1,0}', 2)}),
    'local 1, local 3', 'searches are answered here');
is(sql(q{SELECT string_agg(engine || ' ' || (id->>'id'), ', ') FROM stash.vector_search_local('d', 'embedding', '{1,0}', 2)}),
    'local 1, local 3', '... as by the local search itself');
is(sql('SELECT healthy FROM stash.weaviate_health()'), 'f', 'nobody listens there');
is(sql_error($node, "SELECT stash.vector_wait('d', 1)"), '55000', 'waiting makes no sense');
is(sql_error($node, "SELECT stash.vector_sync_disable('d')"), '', 'it can be ended');

done_testing();
