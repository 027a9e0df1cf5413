# Processes that end: SIGTERM, SIGKILL, cancel requests, shutdown, and a server in which nothing
# shall run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

my $node = stash_node('main', 'restart_after_crash = on');
my $worker = "SELECT pid FROM stash.worker_status() WHERE database = 'postgres'";
my $launcher = "SELECT pid FROM stash.worker_status() WHERE kind = 'launcher'";

sub running
{
    wait_until($node, "SELECT count(*) FROM stash.worker_status() WHERE state = 'running'", '2');
    return;
}

# pg_terminate_backend of a worker: another one comes.
running();
my $before = $node->safe_psql('postgres', $worker);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($before, 5000)");
running();
isnt($node->safe_psql('postgres', $worker), $before, 'a terminated worker is replaced');
is($node->safe_psql('postgres', "SELECT failures > 0 FROM stash.worker_status() WHERE database = 'postgres'"),
    't', '... and counted as a failure');

# Again and again: the pauses grow.
for (1 .. 3)
{
    my $pid = $node->safe_psql('postgres', $worker);
    $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 5000)");
    wait_until($node, "SELECT pid IS NULL OR pid <> $pid FROM stash.worker_status() WHERE database = 'postgres'");
    is($node->safe_psql('postgres', "SELECT state FROM stash.worker_status() WHERE database = 'postgres'"),
        'backing off', 'a worker that keeps ending is not started at once') if $_ == 3;
    running();
}

# A cancel request ends neither.
$before = $node->safe_psql('postgres', "$worker UNION ALL $launcher");
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM stash.worker_status()");
sleep 2;
is($node->safe_psql('postgres', "$worker UNION ALL $launcher"), $before,
    'pg_cancel_backend ends neither worker nor launcher');

# pg_terminate_backend of the launcher: the worker goes on, the next launcher knows it.
my $old_worker = $node->safe_psql('postgres', $worker);
my $old_launcher = $node->safe_psql('postgres', $launcher);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old_launcher, 5000)");
is($node->safe_psql('postgres', "SELECT state FROM stash.worker_status() WHERE kind = 'launcher'"),
    'not running', 'a terminated launcher is gone');
$node->safe_psql('postgres', 'CREATE DATABASE meanwhile');
$node->safe_psql('meanwhile', 'CREATE EXTENSION pg_stash');
is($node->safe_psql('postgres', $worker), $old_worker, 'the worker outlives the launcher');
wait_until($node, "SELECT state FROM stash.worker_status() WHERE database = 'meanwhile'", 'running');
pass('the next launcher sees what happened meanwhile');
isnt($node->safe_psql('postgres', $launcher), $old_launcher, '... and is another process');
is($node->safe_psql('postgres', $worker), $old_worker, '... and leaves the worker alone');
is( $node->safe_psql('postgres',
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stash worker' AND datname = 'postgres'"),
    '1', '... and starts no second worker');
$node->safe_psql('postgres', 'DROP DATABASE meanwhile');

# SIGKILL: the postmaster restarts everything, with shared memory begun anew.
running();
my $killed = $node->safe_psql('postgres', $worker);
kill 'KILL', $killed;
$node->poll_query_until('postgres', "SELECT pg_postmaster_start_time() IS NOT NULL");
wait_until($node, "SELECT count(*) FROM stash.worker_status() WHERE state = 'running' AND pid <> $killed", '2');
pass('after a crash launcher and worker run again');
is($node->safe_psql('postgres', "SELECT failures FROM stash.worker_status() WHERE database = 'postgres'"),
    '0', '... with new shared memory');
my $log = slurp_file($node->logfile);
is(scalar(() = $log =~ /was terminated by signal 9/g), 1, '... after one crash');

# A shutdown does not wait for us and reports nothing.
my $offset = -s $node->logfile;
$node->stop('fast');
my $tail = slurp_file($node->logfile, $offset);
unlike($tail, qr/FATAL:  terminating background worker "pg_stash/, 'a fast shutdown ends them in silence');
$node->start;
running();
pass('they run after a restart');

# With nobody waiting for its place a worker has to be told that there are too many.
$node->safe_psql('postgres', 'ALTER SYSTEM SET stash.max_workers = 0');
$node->reload;
wait_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stash worker'", '0');
pass('SIGHUP with stash.max_workers = 0 ends the worker');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET stash.max_workers');
$node->reload;
running();
pass('SIGHUP with stash.max_workers = 3 brings it back');
$node->stop('smart');
pass('a smart shutdown does not wait for them');

# pg_upgrade starts servers in binary-upgrade mode: nothing of ours runs in them.
local $ENV{PGOPTIONS} = '';
PostgreSQL::Test::Utils::system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile,
    '-o', '-b --cluster-name=upgrade', 'start');
sleep 2;
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_stash%'"),
    '0', 'nothing runs while pg_upgrade has the server');
PostgreSQL::Test::Utils::system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, '-m', 'fast', 'stop');

done_testing();
