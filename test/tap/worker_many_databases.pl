# More databases than workers: they take turns, and leave the server's other background workers room.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

my $databases = 40;
my $node = stash_node('main', 'max_worker_processes = 8', 'stash.max_workers = 3',
    'max_parallel_workers_per_gather = 2', 'shared_buffers = 16MB');
my $count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stash worker'";

# The databases are copies, which nobody has told the launcher about but for CREATE DATABASE.
$node->safe_psql('template1', 'CREATE EXTENSION pg_stash');
$node->safe_psql('postgres', "CREATE DATABASE d$_ STRATEGY file_copy") for 2 .. $databases;

# Everybody is served, and then served again.
my $most = 0;
my $others = 0;
my %rounds;
my $deadline = time + 180;
while (time < $deadline)
{
    my $now = $node->safe_psql('postgres', $count);
    $most = $now if $now > $most;
    for (split /\n/, $node->safe_psql('postgres',
            "SELECT database, pid FROM stash.worker_status() WHERE kind = 'worker' AND tasks_run > 0 AND pid IS NOT NULL"))
    {
        my ($database, $pid) = split /\|/;
        $rounds{$database}{$pid} = 1;
    }
    last if keys %rounds == $databases && !grep { keys %$_ < 2 } values %rounds;
    select(undef, undef, undef, 0.1);
}
is(scalar keys %rounds, $databases, 'every database had a worker');
is(scalar(grep { keys %$_ < 2 } values %rounds), 0, '... more than once');
cmp_ok($most, '<=', 3, 'never more workers than stash.max_workers');
cmp_ok($most, '>', 1, '... but more than one');
ok(!$node->log_contains('no slot for a background worker is free'), 'max_worker_processes was enough');

my $workers = $node->safe_psql('postgres', <<'SQL');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE TABLE t AS SELECT generate_series(1, 10000) AS x; ANALYZE t;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT count(*) FROM t;
SQL
like($workers, qr/Workers Launched: 2/, 'a parallel query gets its workers');

# SIGHUP.
sub set_workers
{
    my ($value) = @_;
    $node->append_conf('postgresql.conf', "stash.max_workers = $value\n");
    $node->reload;
    return;
}
set_workers(1);
wait_until($node, "$count", '1');
sleep 2;
cmp_ok($node->safe_psql('postgres', $count), '<=', 1, 'SIGHUP: fewer workers');
set_workers(0);
wait_until($node, "$count", '0');
sleep 2;
is($node->safe_psql('postgres', $count), '0', 'SIGHUP: no workers');
is($node->safe_psql('postgres', "SELECT state FROM stash.worker_status() WHERE kind = 'launcher'"),
    'running', '... while the launcher idles');
is($node->safe_psql('postgres', "SELECT count(DISTINCT state) || min(state) FROM stash.worker_status() WHERE kind = 'worker'"),
    '1waiting', '... and the databases wait');
cmp_ok($node->safe_psql('postgres', "SELECT max(lag) FROM stash.worker_status()"), 'ne', '00:00:00',
    '... with a lag that shows it');
$node->safe_psql('postgres', 'DROP DATABASE d40');
wait_until($node, "SELECT count(*) FROM stash.worker_status() WHERE kind = 'worker'", $databases - 1);
pass('a dropped database is forgotten without any worker');
set_workers(3);
wait_until($node, "SELECT ($count) = 3");
pass('SIGHUP: workers again');

# More workers allowed than there are processes: no harm, and one line in the log a minute.
$node->append_conf('postgresql.conf', "stash.max_workers = 64\nmax_worker_processes = 4\n");
$node->restart;
wait_until($node, "SELECT ($count) >= 2");
sleep 12;
my $log = slurp_file($node->logfile);
my $complaints = () = $log =~ /no slot for a background worker is free/g;
is($complaints, 1, 'without free processes the launcher says so once and goes on');
like($log, qr/HINT:  Increase "max_worker_processes" or decrease "stash.max_workers"/, '... with a hint');
%rounds = ();
$deadline = time + 120;
while (time < $deadline && keys %rounds < $databases - 1)
{
    $rounds{$_} = 1
      for split /\n/, $node->safe_psql('postgres',
        "SELECT database FROM stash.worker_status() WHERE kind = 'worker' AND tasks_run > 0");
    select(undef, undef, undef, 0.2);
}
is(scalar keys %rounds, $databases - 1, '... and every database has its turn');

done_testing();
