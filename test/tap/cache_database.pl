# Databases and the extension come and go; nobody finds what another's namesake has left.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 8MB', 'stash.max_namespaces = 12', 'stash.max_workers = 4',
    'max_worker_processes = 12');
sub sql
{
    my ($statement, $database) = @_;
    return $node->safe_psql($database // 'postgres', $statement);
}

# DROP DATABASE frees entries and namespaces.
fill($node, { mine => '"postgres"' });
is(entries($node), '1', 'one entry to begin with');
my $bytes = sql('SELECT bytes_used FROM stash.cache_usage()');
for my $round (1 .. 3)
{
    sql('CREATE DATABASE d');
    sql('CREATE EXTENSION pg_stash', 'd');
    is(cached($node, 'k', database => 'd'), '', "round $round: a new database of the same name is empty");
    sql("SELECT stash.cache_namespace_create('n' || i) FROM generate_series(1, 5) AS i", 'd');
    fill($node, { k => "\"round $round\"" }, database => 'd', tags => ['t:1']);
    fill($node, { k => '1' }, database => 'd', namespace => "n$_") for 1 .. 5;
    is(sql('SELECT count(*) FROM stash.stat_cache', 'd'), '6', '... six of its namespaces are in use, of twelve');
    is(entries($node), '7', '... with an entry each');
    sql('DROP DATABASE d');
    wait_until($node, 'SELECT entries FROM stash.cache_usage()', '1');
    wait_until($node, 'SELECT bytes_used FROM stash.cache_usage()', $bytes);
    pass('... and DROP DATABASE frees entries and bytes');
}
is(cached($node, 'mine'), '"postgres"', 'other databases keep what is theirs');

# A copy.
sql('CREATE DATABASE original');
sql(q{CREATE EXTENSION pg_stash; CREATE TABLE t (id int); SELECT stash.cache_invalidate_on('t', 't:{id}');
      SELECT stash.cache_namespace_create('special', strict => true)}, 'original');
fill($node, { k => '"original"' }, database => 'original', tags => ['t:1']);
sql('CREATE DATABASE copy TEMPLATE original');
is(cached($node, 'k', database => 'copy'), '', 'a copy of a database starts empty');
is(sql('SELECT string_agg(name, $$,$$) FROM stash.cache_namespace_list()', 'copy'), 'default,special', '... with the namespaces');
fill($node, { k => '"copy"' }, database => 'copy', tags => ['t:1']);
is(cached($node, 'k', database => 'original'), '"original"', '... and has its own keys');
sql('INSERT INTO t VALUES (1)', 'copy');
is(cached($node, 'k', database => 'copy'), '', 'its ties invalidate there');
is(cached($node, 'k', database => 'original'), '"original"', '... and only there');
is(sql("SELECT stash.cache_set('b', '1', namespace => 'special') IS NULL", 'copy'), 't', 'its namespaces are as strict');

# A new name is the same database.
sql('ALTER DATABASE copy RENAME TO renamed');
fill($node, { k => '"renamed"' }, database => 'renamed');
is(cached($node, 'k', database => 'renamed'), '"renamed"', 'RENAME changes nothing');

# DROP and CREATE EXTENSION.
sql('SELECT stash.cache_namespace_drop($$special$$)', 'original');
sql("SELECT stash.cache_namespace_create('ns')", 'original');
fill($node, { k => '"old"' }, database => 'original', namespace => 'ns');
my $other = $node->background_psql('original');
$other->query_safe("SELECT stash.cache_get('k')");
is(sql_error($node, 'BEGIN; DROP EXTENSION pg_stash; ROLLBACK', 'original'), '', 'DROP EXTENSION that rolls back');
is(cached($node, 'k', database => 'original'), '"original"', '... empties nothing');
is(sql_error($node, 'DROP EXTENSION pg_stash', 'original'), '', 'DROP EXTENSION');
is(sql("SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass", 'original'), '0', '... takes the ties with it');
is(sql('INSERT INTO t VALUES (7) RETURNING id', 'original'), '7', '... and the tables go on');
$other->query('SELECT 1');
sql('CREATE EXTENSION pg_stash', 'original');
is(cached($node, 'k', database => 'original'), '', 'CREATE EXTENSION starts empty');
is(sql_error($node, "SELECT stash.cache_get('k', 'ns')", 'original'), '42704', '... without the old namespaces');
is($other->query_safe("SELECT stash.cache_get('k')"), '', '... for sessions that knew the old one too');
sql("SELECT stash.cache_namespace_create('ns')", 'original');
is(cached($node, 'k', database => 'original', namespace => 'ns'), '', 'a namespace that is made anew starts empty');
is($other->query_safe("SELECT stash.cache_set('k', '2', namespace => 'ns', fresh => true) IS NOT NULL"), 't', '... and works');
is(cached($node, 'k', database => 'original', namespace => 'ns'), '2', '... for all');
is(sql_error($node, 'DROP EXTENSION pg_stash; CREATE EXTENSION pg_stash', 'original'), '', 'both in one go');
is(cached($node, 'k', database => 'original'), '', '... empty again');
$other->quit;

# Over a restart nothing of the dropped comes back.
fill($node, { k => '"before"' }, database => 'original');
sql('DROP EXTENSION pg_stash', 'original');
$node->restart;
launcher_done($node);
sql('CREATE EXTENSION pg_stash', 'original');
is(cached($node, 'k', database => 'original'), '', 'what was dropped before a clean restart stays away');
is(cached($node, 'mine'), '"postgres"', '... the rest is warm');

done_testing();
