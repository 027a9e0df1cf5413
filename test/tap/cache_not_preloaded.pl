# Without shared_preload_libraries there is no store: whatever needs it says so, with the line to
# add; tables with ties, namespaces, DDL and the extension itself work.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 8MB');
sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{CREATE TABLE t (id int PRIMARY KEY, v text);
      SELECT stash.cache_invalidate_on('t', 't:{id}');
      CREATE TABLE parted (id int) PARTITION BY RANGE (id);
      CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
      SELECT stash.cache_invalidate_on('parted', 'p:{id}');
      CREATE TABLE tied (id int);
      SELECT stash.cache_invalidate_on('tied', 'tied:{id}');
      INSERT INTO t VALUES (1, 'a')});
fill($node, { t1 => '"a"' }, tags => ['t:1']);
$node->stop;
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->start;

# Every function of the extension is in one of these two lists.
my %needs_store = (
    cache_set => q{('k', '1')}, cache_set_bytes => q{('k', '\x00')}, cache_get => q{('k')},
    cache_get_bytes => q{('k')}, cache_get_many => q{(ARRAY['k'])}, cache_get_entry => q{('k')},
    cache_exists => q{('k')}, cache_set_many => q{(ARRAY['k'], ARRAY['1']::jsonb[])},
    cache_set_entries => q{('{"k": 1}')}, cache_add => q{('k', '1')}, cache_incr => q{('k')},
    cache_touch => q{('k')}, cache_delete => q{('k')}, cache_get_lease => q{('k')},
    cache_fetch => q{('k', 'SELECT jsonb ''1''')}, cache_get_by_tags => q{(ARRAY['a'])},
    cache_invalidate_tags => q{(ARRAY['a'])}, cache_delete_prefix => q{('k')}, cache_keys => q{()},
    cache_clear => q{()}, cache_statistics => q{()}, cache_usage => q{()}, cache_info => q{()},
    cache_invalidate_on => q{('t', 't:{v}')}, stat_reset => q{()}, worker_status => q{()}, namespace_known => q{('default')});
my %works = (
    version => q{()}, preloaded => q{()}, health_check => q{()}, cache_namespace_list => q{()},
    cache_namespace_create => q{('n')}, cache_namespace_alter => q{('n', strict => true)},
    cache_namespace_drop => q{('n')}, namespace_changed => q{('default', false)},
    namespace_check => q{('n', NULL, NULL, NULL)}, module_functions => q{(ARRAY['cache'])},
    grant_usage => q{('somebody')}, revoke_usage => q{('somebody')});
# Two are called by triggers only; the last comes below. What needs tables alone has tests of its own:
# session_not_preloaded, memory_dump, vector_not_preloaded.
my %neither = map { $_ => 1 } qw(cache_invalidate_row cache_invalidate_truncate cache_invalidate_off);
sql('CREATE ROLE somebody');

my @functions = split /\n/, sql(
    q{SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'stash'::regnamespace
      AND proname !~ '^(session|memory|vector|weaviate)_' ORDER BY 1});
for my $function (@functions)
{
    next if $neither{$function} || $works{$function};
    my $arguments = $needs_store{$function};
    ok(defined $arguments, "$function: this test knows it") or next;
    my ($status, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT * FROM stash.$function$arguments");
    like($err, qr/ERROR:  55000: .*shared_preload_libraries = 'pg_stash'/s,
        "$function says what is missing and which line to add");
}
is(sql_error($node, 'SELECT * FROM stash.stat_cache'), '55000', 'so does the view');
for my $function (qw(version preloaded health_check cache_namespace_create cache_namespace_alter
    cache_namespace_list cache_namespace_drop namespace_changed namespace_check module_functions
    grant_usage revoke_usage))
{
    is(sql_error($node, "SELECT * FROM stash.$function$works{$function}"), '', "$function works");
}
is(sql('SELECT stash.preloaded()'), 'f', 'preloaded() says no');
is(sql("SELECT h->>'status' FROM stash.health_check() AS h"), 'unhealthy', 'health_check() says unhealthy');

# Tables with ties, in sessions that never loaded the library and in one that has.
is(sql("INSERT INTO t VALUES (2, 'b'); UPDATE t SET v = 'c' WHERE id = 1; DELETE FROM t WHERE id = 2;
        INSERT INTO parted VALUES (1); TRUNCATE parted; COPY t FROM PROGRAM 'printf ''5\\tx\\n'''; SELECT count(*) FROM t"),
    '2', 'rows of tied tables can be changed');
is(sql_error($node, q{BEGIN; SELECT stash.version(); UPDATE t SET v = 'd'; SAVEPOINT s; DELETE FROM t WHERE id = 5;
     ROLLBACK TO s; COMMIT; BEGIN; UPDATE t SET v = 'e'; ROLLBACK}), '', '... in transactions of any kind');
is(sql_error($node, "BEGIN; UPDATE t SET v = 'p'; PREPARE TRANSACTION 'p'"), '', '... and prepared');
is(sql_error($node, "COMMIT PREPARED 'p'"), '', '... and committed');
is(sql_error($node, 'CREATE TABLE part2 PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO parted VALUES (11);
     ALTER TABLE parted DETACH PARTITION part2; ALTER TABLE t ALTER v TYPE varchar(9); DROP TABLE part2'), '', 'DDL works');
is(sql("SELECT stash.cache_invalidate_off('tied')"), 't', 'ties can be ended');
is(sql("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tied'::regclass"), '0', '... and are');
is(sql_error($node, 'CREATE DATABASE other'), '', 'another database');
is(sql_error($node, 'CREATE EXTENSION pg_stash; DROP EXTENSION pg_stash; CREATE EXTENSION pg_stash', 'other'), '',
    '... gets the extension and loses it');

# The settings can be seen and set, and the server does not wait for shared memory it has not.
is(sql("LOAD 'pg_stash'; SHOW stash.memory"), '8MB', 'settings are known once the library is loaded');
is(sql_error($node, "LOAD 'pg_stash'; SET stash.memory = '16MB'"), '55P02', '... and protected');
is(sql_error($node, "LOAD 'pg_stash'; SET stash.no_such = 1"), '42602', '... and reserved');

# With the line again it works as if nothing had been; what was cached before is not believed.
$node->stop;
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_stash'");
$node->start;
launcher_done($node);
is(cached($node, 't1'), '', 'what was cached before the run without the library is gone');
fill($node, { t1 => '"now"' }, tags => ['t:1']);
is(cached($node, 't1'), '"now"', 'the cache works');
sql("UPDATE t SET v = 'z' WHERE id = 1");
is(cached($node, 't1'), '', '... and so do ties');
fill($node, { p11 => '1' }, tags => ['p:11']);
sql('CREATE TABLE part3 PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO part3 VALUES (11)');
is(cached($node, 'p11'), '', '... and partitions that were made since');

done_testing();
