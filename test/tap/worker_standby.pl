# A standby runs none of our processes until it is promoted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

my $primary = stash_node('primary', { allows_streaming => 1 });
my $running = "SELECT count(*) FROM stash.worker_status() WHERE state = 'running'";
wait_until($primary, $running, '2');
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
sleep 2;
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_stash%'"),
    '0', 'nothing of ours runs on a standby');
is($standby->safe_psql('postgres', 'SELECT kind, state FROM stash.worker_status()'),
    'launcher|in recovery', 'worker_status() works there and says so');

# What is dropped on the primary while its worker is connected is dropped on the standby too.
$primary->safe_psql('postgres', 'CREATE DATABASE other');
$primary->safe_psql('other', 'CREATE EXTENSION pg_stash');
wait_until($primary, $running, '3');
$primary->safe_psql('postgres', 'DROP DATABASE other');
$primary->safe_psql('postgres', 'CREATE DATABASE third');
$primary->safe_psql('third', 'CREATE EXTENSION pg_stash');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

$standby->promote;
wait_until($standby, $running, '3');
is($standby->safe_psql('postgres',
        "SELECT string_agg(database, ',' ORDER BY database) FROM stash.worker_status() WHERE kind = 'worker'"),
    'postgres,third', 'after promotion every database with the extension has its worker');
wait_until($primary, $running, '3');
pass('the old primary goes on');

done_testing();
