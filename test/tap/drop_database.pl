# Commands that need a database without connections neither wait for our worker nor fail because of
# it, and the worker comes back when it may.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;
use Time::HiRes qw(time);

my $node = stash_node('main', 'stash.max_workers = 4', 'max_worker_processes = 12');
my $entries = 'SELECT entries FROM stash.cache_usage()';
my $status = 'SELECT state FROM stash.worker_status() WHERE database =';

sub pid_of
{
    my ($database) = @_;
    return $node->safe_psql('postgres', "SELECT pid FROM stash.worker_status() WHERE database = '$database'");
}

sub make_database
{
    my ($database) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, 'CREATE EXTENSION pg_stash');
    wait_until($node, "$status '$database'", 'running');
    return;
}

# Runs a command; PostgreSQL itself waits 5 s for others to leave before it fails.
sub quick_ok
{
    my ($command, $name) = @_;
    my $start = time;
    my ($code, $out, $err) = $node->psql('postgres', $command);
    my $took = time - $start;
    is($code, 0, "$name succeeds") or diag $err;
    cmp_ok($took, '<', 3, "$name does not wait");
    return;
}

make_database('a');
my $gone = pid_of('a');
quick_ok('DROP DATABASE a', 'DROP DATABASE with a worker connected');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $gone"), '0',
    'the worker has left');
wait_until($node, "SELECT count(*) FROM stash.worker_status() WHERE state <> 'running'", '0');
is($node->safe_psql('postgres', "SELECT count(*) FROM stash.worker_status() WHERE kind = 'worker'"),
    '1', 'the launcher has forgotten the database');

# Several times in a row, so that the worker is met at every point of its life.
for my $pause (0, 0.02, 0.05, 0.1, 0.2)
{
    $node->safe_psql('postgres', 'CREATE DATABASE a');
    $node->safe_psql('a', 'CREATE EXTENSION pg_stash');
    $node->safe_psql('a', q{SELECT stash.cache_set('k', '1')});
    is($node->safe_psql('postgres', $entries), '1', 'the database has a cache entry');
    select(undef, undef, undef, $pause);
    quick_ok('DROP DATABASE a', "DROP DATABASE $pause s after CREATE EXTENSION");
    wait_until($node, $entries, '0');
    pass('the entry went with the database');
}

make_database('a');
quick_ok('DROP DATABASE a WITH (FORCE)', 'DROP DATABASE WITH (FORCE)');

# A worker in the middle of something, here: waiting for a lock, is interrupted. The prepared
# transaction that holds the lock makes the command fail, but must be the only reason.
make_database('a');
$node->safe_psql('a', "BEGIN; LOCK TABLE pg_extension; PREPARE TRANSACTION 'holder'");
wait_until($node, "SELECT wait_event_type FROM pg_stat_activity WHERE backend_type = 'pg_stash worker' AND datname = 'a'", 'Lock');
my (undef, undef, $error) = $node->psql('postgres', 'DROP DATABASE a');
like($error, qr/DETAIL:  There is 1 prepared transaction using the database\./,
    'a worker that waits for a lock is interrupted');
$node->safe_psql('a', "ROLLBACK PREPARED 'holder'");
wait_until($node, "$status 'a'", 'running');
my $before = pid_of('a');
quick_ok('ALTER DATABASE a RENAME TO b', 'RENAME');
wait_until($node, "$status 'b'", 'running');
isnt(pid_of('b'), $before, 'a new worker serves the renamed database');
is($node->safe_psql('postgres', "SELECT application_name FROM pg_stat_activity WHERE pid = " . pid_of('b')),
    'pg_stash worker for database "b"', '... under its new name');

quick_ok('BEGIN; ALTER DATABASE b RENAME TO c; ROLLBACK', 'RENAME that rolls back');
wait_until($node, "$status 'b'", 'running');
pass('the worker comes back after a RENAME that rolled back');

# While the renaming transaction is open the worker stays away, and nothing waits for a lock.
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN');
$session->query_safe('ALTER DATABASE b RENAME TO c');
is($node->safe_psql('postgres', "$status 'b'"), 'blocked', 'no worker while a RENAME is open');
$session->query_safe('ALTER DATABASE c RENAME TO b');
sleep 2;
is($node->safe_psql('postgres', "$status 'b'"), 'blocked', '... for as long as it is');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stash worker' AND wait_event_type = 'Lock'"),
    '0', '... and none waits for a lock');

# FATAL skips what the command would do at its end.
my $owner = $session->query_safe('SELECT pg_backend_pid()');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($owner, 5000)");
wait_until($node, "$status 'b'", 'running');
pass('the worker comes back when the session that kept it away is terminated');
eval { $session->quit };

# A copy.
quick_ok('CREATE DATABASE copy TEMPLATE b', 'CREATE DATABASE from a database with a worker');
wait_until($node, "$status 'b'", 'running');
wait_until($node, "$status 'copy'", 'running');
pass('the original and the copy have workers');
my ($code) = $node->psql('postgres', 'CREATE DATABASE copy TEMPLATE b');
isnt($code, 0, 'a copy under a name that is taken fails');
wait_until($node, "$status 'b'", 'running');
pass('... and the worker of the original comes back');

# Another tablespace.
my $place = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$place'");
quick_ok('ALTER DATABASE b SET TABLESPACE elsewhere', 'SET TABLESPACE');
wait_until($node, "$status 'b'", 'running');
pass('the worker comes back in the other tablespace');

# Templates and closed databases are not for workers.
$node->safe_psql('postgres', 'ALTER DATABASE copy ALLOW_CONNECTIONS false');
wait_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stash worker' AND datname = 'copy'", '0');
pass('a database that allows no connections loses its worker');
$node->safe_psql('postgres', 'ALTER DATABASE copy ALLOW_CONNECTIONS true');
wait_until($node, "$status 'copy'", 'running');
$node->safe_psql('postgres', 'ALTER DATABASE copy IS_TEMPLATE true');
wait_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stash worker' AND datname = 'copy'", '0');
pass('a template loses its worker');

# Who may not drop the database cannot stop its worker by trying.
$node->safe_psql('postgres', 'CREATE ROLE somebody LOGIN CREATEDB');
wait_until($node, "$status 'b'", 'running');
my $undisturbed = pid_of('b');
for my $command ('DROP DATABASE b', 'ALTER DATABASE b RENAME TO c', 'CREATE DATABASE d TEMPLATE b')
{
    ($code) = $node->psql('postgres', $command, extra_params => [ '-U', 'somebody' ]);
    isnt($code, 0, "$command is refused to others");
}
sleep 1;
is(pid_of('b'), $undisturbed, '... and does not disturb the worker');

# Refused for reasons of its own: the worker comes back.
isnt($node->psql('b', 'DROP DATABASE b'), 0, 'the database of the session cannot be dropped');
wait_until($node, "$status 'b'", 'running');
$session = $node->background_psql('b');
isnt($node->psql('postgres', 'DROP DATABASE b'), 0, 'a database with sessions cannot be dropped');
wait_until($node, "$status 'b'", 'running');
pass('the worker comes back after a DROP DATABASE that failed');
$session->quit;

ok(!$node->log_contains('FATAL:  database "[^"]*" does not exist'),
    'no worker ever found its database gone');

done_testing();
