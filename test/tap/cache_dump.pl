# pg_dump and restore bring back namespaces and ties, working; what a binary upgrade does with the
# library loads it without shared memory, hooks or workers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 8MB', 'max_worker_processes = 16');
sub sql
{
    my ($statement, $database) = @_;
    return $node->safe_psql($database // 'postgres', $statement);
}

sql('CREATE ROLE app; CREATE ROLE "odd role"');
sql('CREATE DATABASE source');
sql(q{
CREATE EXTENSION pg_stash;
SELECT stash.cache_namespace_create('plain');
SELECT stash.cache_namespace_create('odd ''"name', 2000000, 77, true, ARRAY['app', 'odd role']);
SELECT stash.cache_namespace_create('endless', default_ttl => 'infinity');
SELECT stash.cache_namespace_create('dropped');
SELECT stash.cache_namespace_drop('dropped');
SELECT stash.grant_usage('app');
CREATE TABLE t (id int PRIMARY KEY, "odd col" text);
SELECT stash.cache_invalidate_on('t', 't:{id}'), stash.cache_invalidate_on('t', 'odd:{odd col}', 'plain');
CREATE SCHEMA "odd schema";
CREATE TABLE "odd schema"."odd table" (id int);
SELECT stash.cache_invalidate_on('"odd schema"."odd table"', 'all ''of'' it');
CREATE TABLE parted (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE part2 PARTITION OF parted FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
CREATE TABLE part21 PARTITION OF part2 FOR VALUES FROM (100) TO (150);
SELECT stash.cache_invalidate_on('parted', 'p:{id}');
CREATE TABLE attached (id int, v int);
ALTER TABLE parted ATTACH PARTITION attached FOR VALUES FROM (200) TO (300);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
INSERT INTO parted SELECT i, i FROM generate_series(1, 299, 40) AS i WHERE i NOT BETWEEN 150 AND 199;
CREATE TABLE untied (id int);
SELECT stash.cache_invalidate_on('untied', 'u:{id}'), stash.cache_invalidate_off('untied');
}, 'source');

my $namespaces = 'SELECT * FROM stash.cache_namespace_list()';
my $triggers = q{SELECT tgrelid::regclass, tgname, tgenabled, tgtype, encode(tgargs, 'escape'), tgparentid <> 0,
    (SELECT count(*) FROM pg_depend WHERE classid = 'pg_trigger'::regclass AND objid = tg.oid AND deptype = 'x')
    FROM pg_trigger AS tg WHERE tgname LIKE '!stash%' ORDER BY tgrelid::regclass::text, 2};
my %before = (namespaces => sql($namespaces, 'source'), triggers => sql($triggers, 'source'));
is(scalar(() = $before{namespaces} =~ /\n/g), 3, 'four namespaces to dump');
is(scalar(() = $before{triggers} =~ /^/mg), 16, 'and the triggers of four ties and of the partitions');
unlike($before{triggers}, qr/\|[ODR]\|/, '... that fire always');

my $folder = PostgreSQL::Test::Utils::tempdir();
local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
sub check_restored
{
    my ($database, $how) = @_;
    is(sql($namespaces, $database), $before{namespaces}, "$how: the namespaces are there");
    is(sql($triggers, $database), $before{triggers}, '... and the ties with all their triggers, that fire always');
    is(sql(q{SELECT count(*) FROM t}, $database) . sql(q{SELECT count(*) FROM parted}, $database), '27', '... and the rows');
    # It works.
    fill($node, { one => '1' }, tags => ['t:1'], database => $database);
    fill($node, { two => '2' }, tags => ['odd:two'], database => $database, namespace => 'plain');
    fill($node, { p => '1', q => '1' }, tags => [ 'p:41', 'p:121' ], database => $database);
    is(cached($node, 'one', database => $database) . cached($node, 'p', database => $database), '11', '... the cache works');
    sql(q{SET session_replication_role = replica; UPDATE t SET "odd col" = 'x' WHERE id = 1}, $database);
    is(cached($node, 'one', database => $database), '', '... rows invalidate, for replicas too');
    sql(q{DELETE FROM t WHERE id = 2}, $database);
    is(cached($node, 'two', database => $database, namespace => 'plain'), '', '... in the other namespace');
    sql(q{UPDATE part21 SET v = 0 WHERE id = 121}, $database);
    is(cached($node, 'p', database => $database), '', '... and those of partitions of partitions');
    fill($node, { p => '1' }, tags => ['p:201'], database => $database);
    sql('TRUNCATE attached', $database);
    is(cached($node, 'p', database => $database), '', '... TRUNCATE of one too');
    fill($node, { p => '1' }, tags => ['p:160'], database => $database);
    sql('CREATE TABLE part22 PARTITION OF part2 FOR VALUES FROM (150) TO (200); INSERT INTO parted VALUES (160)', $database);
    is(cached($node, 'p', database => $database), '', '... and a new one');
    is(sql(q{SELECT stash.cache_set('k', '1', namespace => 'odd ''"name') IS NULL}, $database), 't', '... a strict namespace is strict');
    fill($node, { e => '1' }, ttl => 'NULL', database => $database, namespace => 'endless');
    is(sql(q{SELECT expires_at IS NULL FROM stash.cache_get_entry('e', 'endless')}, $database), 't', '... and one without end has none');
    is(sql(q{SET ROLE app; SELECT stash.cache_exists('k', 'plain')}, $database), 'f', '... roles may do what they might');
    is(sql(q{SELECT stash.cache_invalidate_off('t') AND stash.cache_invalidate_off('parted')}, $database), 't', '... ties can be ended');
    is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE '!stash%' AND tgrelid <> '"odd schema"."odd table"'::regclass}, $database),
        '0', '... with all their triggers');
    return;
}

# Custom format, restored by two jobs; plain text; schema and data apart.
system_or_bail('pg_dump', '-Fc', '-f', "$folder/custom", 'source');
system_or_bail('pg_dump', '-f', "$folder/plain", 'source');
system_or_bail('pg_dump', '-s', '-f', "$folder/schema", 'source');
system_or_bail('pg_dump', '-a', '-f', "$folder/data", 'source');
my $text = slurp_file("$folder/plain");
like($text, qr/CREATE EXTENSION IF NOT EXISTS pg_stash/, 'the dump creates the extension');
unlike($text, qr/CREATE FUNCTION stash\./, '... and none of its members');

sql("CREATE DATABASE $_ TEMPLATE template0") for qw(custom plain apart);
# Sets in the same database a moment ago would make a blind set look strange; these are fresh.
system_or_bail('pg_restore', '-e', '-j', '2', '-d', 'custom', "$folder/custom");
check_restored('custom', 'custom format');
system_or_bail('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-d', 'plain', '-o', "$folder/out", '-f', "$folder/plain");
check_restored('plain', 'plain text in one transaction');
system_or_bail('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'apart', '-o', "$folder/out", '-f', "$folder/$_") for qw(schema data);
check_restored('apart', 'schema and data apart');

# The whole server, as an upgrade by dump does it.
system_or_bail('pg_dumpall', '-g', '-f', "$folder/globals");
like(slurp_file("$folder/globals"), qr/CREATE ROLE app;/, 'roles are in the dump of the globals');

# pg_upgrade: it dumps with --binary-upgrade, and creates the extension as an empty shell with the
# very same objects, in a server that was started with -b.
system_or_bail('pg_dump', '--binary-upgrade', '-s', '-f', "$folder/binary", 'source');
like(slurp_file("$folder/binary"), qr/binary_upgrade_create_empty_extension\('pg_stash'/, 'pg_upgrade knows the extension');
$node->stop;
system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-b', 'start');
is(sql('SELECT stash.preloaded()', 'source'), 'f', 'in binary-upgrade mode there is no store');
is(sql(q{UPDATE t SET "odd col" = 'b' RETURNING id}, 'source'), "1\n2", '... and tables with ties can be written');
system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, 'stop');

# The new cluster, at the point where pg_upgrade has copied the files.
system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start');
launcher_done($node);
is(entries($node), '0', 'after it the cache is empty, for the data may have changed');
is(sql($namespaces, 'source'), $before{namespaces}, '... and all is there');
$node->_update_pid(1);

done_testing();
