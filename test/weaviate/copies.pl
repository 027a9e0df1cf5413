# Rows that arrive by logical replication are sent like any others; copies of a database that is
# synchronised send nothing until they are told to.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StashNode;
use StashVectors;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start;
my $doc = StashWeaviate->unique_name('Doc');

# --- a subscriber ---

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;
my $node = stash_node('subscriber', { allows_streaming => 1 });
my $sync = StashVectors->new($node, $weaviate);
$sync->configure;
my $table = 'CREATE TABLE doc (id int PRIMARY KEY, emb real[])';
$publisher->safe_psql('postgres', "$table; INSERT INTO doc SELECT g, ARRAY[g, 1, 2]::real[] FROM generate_series(1, 500) AS g;
    CREATE PUBLICATION p FOR TABLE doc");
$node->safe_psql('postgres', "$table; SELECT stash.vector_sync_enable('doc', 'emb', '{}', '$doc')");
$sync->table('doc', $doc, 'id', '');
my $caught_up = sub { $publisher->wait_for_catchup('s'); $sync->compare(@_) };
(my $publishing = $publisher->connstr('postgres')) =~ s/'/''/g;
$node->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$publishing' PUBLICATION p");
$node->wait_for_subscription_sync($publisher, 's');
$caught_up->('the first copy of a subscription');
is($node->safe_psql('postgres', 'SELECT count(*) FROM doc'), 500, 'all of it');
for (
    [ 'rows that are applied', "INSERT INTO doc SELECT g, ARRAY[g, 2, 2]::real[] FROM generate_series(501, 600) AS g" ],
    [ 'updates that are applied', "UPDATE doc SET emb = ARRAY[id, 3, 3]::real[] WHERE id % 2 = 0" ],
    [ 'a key that changes', "UPDATE doc SET id = 9000 WHERE id = 7" ],
    [ 'deletions that are applied', "DELETE FROM doc WHERE id BETWEEN 50 AND 99" ],
    [ 'a transaction that was rolled back', "BEGIN; DELETE FROM doc; ROLLBACK" ],
    [ 'TRUNCATE that is applied', "BEGIN; TRUNCATE doc; INSERT INTO doc SELECT g, ARRAY[g, 5, 5]::real[] FROM generate_series(1, 300) AS g; COMMIT" ])
{
    my ($name, $sql) = @$_;
    $publisher->safe_psql('postgres', $sql);
    $caught_up->($name);
}
$node->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$publisher->stop;

# --- copies ---

# It changes its table, and nothing of it arrives; it says why.
sub is_held_back
{
    my ($name, $copy, $why) = @_;
    my ($of, $database) = ($copy->{node}, $copy->{database});
    $of->safe_psql($database, "UPDATE doc SET emb = ARRAY[id, 66, 6]::real[] WHERE id < 100; DELETE FROM doc WHERE id > 200");
    wait_until($of, "SELECT state = 'held back' FROM stash.vector_sync_status()", 't', $database);
    is($of->safe_psql($database, "SELECT stash.vector_wait('doc', 2)"), 'f', "$name sends nothing");
    like($copy->figure('doc', 'reason'), $why, '... says why');
    ok($of->psql($database, 'SELECT stash.weaviate_health()') != 0, '... and does not even ask');
    $node->safe_psql('postgres', 'UPDATE doc SET emb = ARRAY[id, 7, emb[3] + 1]::real[] WHERE id < 50');
    return;
}

sub copy_of
{
    my ($of, $database) = @_;
    my $copy = StashVectors->new($of, $weaviate, $database);
    $copy->table('doc', $doc, 'id', '');
    return $copy;
}

# CREATE DATABASE copies the worker's tables, and the key as well.
wait_until($node, "SELECT count(*) = 0 FROM stash.vector_sync_status() WHERE pending > 0");
$node->safe_psql('template1', "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'postgres'");
my $cloned = 0;
for (1 .. 50)
{
    # The worker comes back by itself, and is sent away again.
    $cloned = $node->psql('template1', "ALTER DATABASE postgres ALLOW_CONNECTIONS false") == 0
      && $node->psql('template1', "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'postgres'") == 0
      && $node->psql('template1', 'CREATE DATABASE clone TEMPLATE postgres') == 0;
    $node->safe_psql('template1', 'ALTER DATABASE postgres ALLOW_CONNECTIONS true');
    last if $cloned;
}
ok($cloned, 'a database is cloned');
is_held_back('a clone', copy_of($node, 'clone'), qr/this database is a copy/);
$sync->compare('a clone beside the original');

# A base backup, started as a server of its own.
$node->backup('base');
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node, 'base');
$restored->start;
is_held_back('a restored backup', copy_of($restored, 'postgres'), qr/this server may be a copy/);
$sync->compare('a restored backup beside the original');
$restored->stop;

# A standby sends nothing, and nothing when it is promoted either.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
$standby->promote;
my $promoted = copy_of($standby, 'postgres');
is_held_back('a promoted standby', $promoted, qr/this server may be a copy/);
$sync->compare('a promoted standby beside the original');

# It takes over when it is told to, and the original has stopped.
$node->safe_psql('postgres', 'SELECT stash.weaviate_configure(NULL)');
$standby->safe_psql('postgres', 'SELECT stash.weaviate_adopt()');
$promoted->compare('a standby that was told to go on');
$weaviate->drop_collection($doc);
done_testing();
