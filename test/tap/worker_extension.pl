# Which databases have a worker: CREATE and DROP EXTENSION, committed and rolled back, and what
# becomes of a worker whose extension is damaged.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

my $node = stash_node('main', 'autovacuum = off');
my $status = 'SELECT state FROM stash.worker_status() WHERE database =';
my $processes = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stash worker'";

# The server's log tells how many workers have been started for a database so far.
sub starts
{
    my ($database) = @_;
    my $log = slurp_file($node->logfile);
    return scalar(() = $log =~ /starting background worker process "pg_stash worker for database "$database""/g);
}

$node->append_conf('postgresql.conf', "log_min_messages = debug1\n");
$node->reload;
wait_until($node, "$status 'postgres'", 'running');
pass('CREATE EXTENSION that commits starts a worker');
is( $node->safe_psql('postgres',
        "SELECT backend_type, datname FROM pg_stat_activity WHERE backend_type LIKE 'pg_stash%' ORDER BY 1"),
    "pg_stash launcher|\npg_stash worker|postgres",
    'pg_stat_activity shows launcher and worker');
wait_until($node, "SELECT tasks_run > 0 AND lag < interval '1 min' FROM stash.worker_status() WHERE kind = 'worker'");
pass('the worker runs tasks');

# A database without the extension is looked at once, then left alone.
$node->safe_psql('postgres', 'CREATE DATABASE plain');
my $deadline = time + 30;
sleep 1 while starts('plain') == 0 && time < $deadline;
is(starts('plain'), 1, 'a new database is looked at once');
sleep 2;
is(starts('plain'), 1, '... and not again');
is($node->safe_psql('postgres', $processes), '1', '... and has no worker');

# Rolled back.
$node->safe_psql('plain', 'BEGIN; CREATE EXTENSION pg_stash; ROLLBACK');
sleep 2;
is(starts('plain'), 1, 'CREATE EXTENSION that rolls back leads to no look');
is($node->safe_psql('postgres', $processes), '1', '... and to no worker');

# Rolled back to a savepoint: one look, that finds nothing.
$node->safe_psql('plain',
    'BEGIN; SAVEPOINT s; CREATE EXTENSION pg_stash; ROLLBACK TO s; CREATE TABLE t (); COMMIT');
sleep 2;
cmp_ok(starts('plain'), '<=', 2, 'CREATE EXTENSION rolled back to a savepoint leads to one look at most');
is($node->safe_psql('postgres', $processes), '1', '... and to no worker');

# Committed after a savepoint.
# The slow look at one database a minute would find it too; it has to be told at commit.
my $created = time;
$node->safe_psql('plain', 'BEGIN; SAVEPOINT s; CREATE EXTENSION pg_stash; RELEASE s; COMMIT');
wait_until($node, "$status 'plain'", 'running');
cmp_ok(time - $created, '<', 10, 'the launcher learns of CREATE EXTENSION at commit');
pass('CREATE EXTENSION in a savepoint that is released starts a worker');

# DROP EXTENSION does not wait for the worker, and ends it.
my $pid = $node->safe_psql('plain', "SELECT pid FROM stash.worker_status() WHERE database = 'plain'");
$node->safe_psql('plain', 'BEGIN; DROP EXTENSION pg_stash; ROLLBACK');
sleep 1;
is($node->safe_psql('plain', "SELECT pid FROM stash.worker_status() WHERE database = 'plain'"),
    $pid, 'DROP EXTENSION that rolls back leaves the worker alone');
$node->safe_psql('plain', "SET statement_timeout = '10s'; DROP EXTENSION pg_stash");
wait_until($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", '0');
pass('DROP EXTENSION that commits ends the worker');
wait_until($node, "SELECT count(*) FROM stash.worker_status() WHERE database = 'plain'", '0');
pass('... and its row in worker_status()');

# Without our seeing it: the schema goes and takes the extension with it.
$node->safe_psql('plain', 'CREATE EXTENSION pg_stash');
wait_until($node, "$status 'plain'", 'running');
$node->safe_psql('plain', 'DROP SCHEMA stash CASCADE');
wait_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stash worker' AND datname = 'plain'", '0');
pass('DROP SCHEMA ... CASCADE ends the worker');

# CREATE EXTENSION that commits by COMMIT PREPARED is found by the slow look at the latest; another
# DDL on extensions in that database makes it quick.
$node->safe_psql('plain', "BEGIN; CREATE EXTENSION pg_stash; PREPARE TRANSACTION 'x'");
$node->safe_psql('plain', "COMMIT PREPARED 'x'");
$node->safe_psql('plain', "ALTER EXTENSION pg_stash UPDATE");
wait_until($node, "$status 'plain'", 'running');
pass('a worker starts after COMMIT PREPARED of CREATE EXTENSION');

# A damaged extension: no worker, no crash loop, a message.
my $tables = "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'stash'::regnamespace";
my @tables = split /\n/, $node->safe_psql('plain', $tables);
cmp_ok(scalar @tables, '>', 0, 'the extension has tables');
$node->safe_psql('plain', "ALTER TABLE stash.$_ RENAME TO ${_}_hidden") for @tables;
wait_until($node, "$status 'plain'", 'incomplete');
pass('without its tables the extension has no worker');
like($node->safe_psql('postgres', "SELECT last_error FROM stash.worker_status() WHERE database = 'plain'"),
    qr/^table stash\.\w+ is missing$/, '... and worker_status() says why');
my $before = starts('plain');
sleep 5;
cmp_ok(starts('plain') - $before, '<=', 1, '... and nobody tries again all the time');
is($node->safe_psql('postgres', "$status 'postgres'"), 'running', '... and others are not concerned');
my $complaints = () = slurp_file($node->logfile) =~ /does nothing in the background of database "plain"/g;
is($complaints, 1, '... and the log says it once');
$node->safe_psql('plain', "ALTER TABLE stash.${_}_hidden RENAME TO $_") for @tables;
$node->safe_psql('plain', 'ALTER EXTENSION pg_stash UPDATE');
wait_until($node, "$status 'plain'", 'running');
pass('a repaired extension gets its worker back');

# Not preloaded: the function says what to do.
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
is(sql_error($node, 'SELECT * FROM stash.worker_status()'), '55000', 'not preloaded: 55000');
my ($code, $out, $err) = $node->psql('postgres', 'SELECT * FROM stash.worker_status()');
like($err, qr/HINT:.*shared_preload_libraries = 'pg_stash'/, '... with the line to add');

done_testing();
