# Searches of a synchronised table, through Weaviate and without it; a server and a database that are
# killed while batches fly; a long transaction elsewhere while the outbox is emptied.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashVectors;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start(own => 1);
my $node = stash_node('searching', 'restart_after_crash = on');
my $sync = StashVectors->new($node, $weaviate);
$sync->configure;
my $doc = StashWeaviate->unique_name('Doc');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE doc (id int PRIMARY KEY, tenant text NOT NULL, n int, emb real[]);
INSERT INTO doc SELECT g, 'tenant' || g % 2, g, ARRAY[cos(g / 1000.0), sin(g / 1000.0)]::real[] FROM generate_series(1, 2000) AS g;
SELECT stash.vector_sync_enable('doc', 'emb', '{n}', '$doc', 'tenant');
SQL
$sync->table('doc', $doc, 'id', 'tenant');
$sync->compare('at first');
is($node->safe_psql('postgres', 'SELECT healthy FROM stash.weaviate_health()'), 't', 'the server is well');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.weaviate_nodes()'), 1, 'one node');

my $search = sub {
    my ($arguments) = @_;
    return $node->safe_psql('postgres', "SELECT string_agg(id->>'id', ' ' ORDER BY distance), min(engine) FROM stash.vector_search('doc', '{1,0}', 3, tenant => 'tenant1'$arguments)");
};
is($search->(''), '1 3 5|weaviate', 'the nearest of a tenant');
is($search->(q(, filter => '{"n": {"gt": 100}}')), '101 103 105|weaviate', 'with a filter');
$node->safe_psql('postgres', "SELECT stash.vector_sync_pause('doc'); DELETE FROM doc WHERE id = 3");
is($search->(''), '1 5 7|weaviate', 'what is deleted but still there does not appear');
$node->safe_psql('postgres', "SELECT stash.vector_sync_resume('doc')");

# The server is killed while batches fly.
$node->safe_psql('postgres', 'UPDATE doc SET emb = ARRAY[cos(n / 500.0), sin(n / 500.0)]::real[]');
$weaviate->kill;
is($search->(''), '1 5 7|local', 'the local engine answers when the server does not');
$node->safe_psql('postgres', 'DELETE FROM doc WHERE id > 1900');
$weaviate->resume;
$sync->compare('a server that was killed');

# The worker is killed while batches fly.
$node->safe_psql('postgres', 'UPDATE doc SET emb = ARRAY[sin(n / 700.0), cos(n / 700.0)]::real[]');
my $worker = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_stash worker' AND datname = 'postgres'");
kill 'KILL', $worker;
sleep 1;
$node->poll_query_until('postgres', 'SELECT true');
$sync->compare('a worker that was killed');

# Many changes while somebody else's transaction is open: the outbox is small again before it ends.
my $other = $node->background_psql('postgres', on_error_stop => 1);
is($other->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM doc'), 1899, 'another transaction is open');
$node->safe_psql('postgres', "UPDATE doc SET emb = ARRAY[1, $_]::real[]") for 1 .. 11;
$sync->compare('twenty thousand changes');
ok($node->poll_query_until('postgres', "SELECT sum(pg_relation_size('stash.vector_outbox_' || g)) < 1000000 FROM generate_series(0, 2) AS g"),
    'the outbox is small again');
is($other->query_safe('SELECT count(*) FROM doc; COMMIT'), 1899, 'while that transaction was still open');
$other->quit;

# A restored dump writes nothing until it is told to go on; then it sends everything.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'a dump');
unlike(slurp_file($dump), qr/\Q@{[ $weaviate->key ]}\E/, 'has no key in it') if $weaviate->key;
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('copy') ], 'is restored');
my $copy = StashVectors->new($node, $weaviate, 'copy');
$copy->table('doc', $doc, 'id', 'tenant');
$node->safe_psql('copy', 'UPDATE doc SET emb = ARRAY[3, n]::real[] WHERE id < 100; DELETE FROM doc WHERE id > 1800');
# The worker may have looked before anything was restored, and looks again every five seconds.
wait_until($node, "SELECT reason <> 'no Weaviate is configured' FROM stash.vector_sync_status()", 't', 'copy');
is($node->safe_psql('copy', "SELECT stash.vector_wait('doc', 1)"), 'f', 'the copy sends nothing');
is($copy->figure('doc', 'state'), 'held back', 'is held back');
like($copy->figure('doc', 'reason'), qr/this database is a copy/, 'and says why');
$sync->compare('a restored dump');
$node->safe_psql('postgres', 'SELECT stash.weaviate_configure(NULL)');
$node->safe_psql('copy', "SELECT stash.weaviate_set_key('" . ($weaviate->key // '') . "'); SELECT stash.weaviate_adopt()");
$copy->compare('a copy that was told to go on');
done_testing();
