# Processes that end at once while batches fly, a server that is away for many changes, and an API key
# that is not valid any more. After each, all objects of the server are compared with the table.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashVectors;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start(api_key => 1);
my $proxy = $weaviate->proxy;
my $node = stash_node('crashes', 'restart_after_crash = on', 'log_statement = none');
my $sync = StashVectors->new($node, $weaviate);
$sync->configure;
my $doc = StashWeaviate->unique_name('Doc');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE doc (id int PRIMARY KEY, emb real[]);
CREATE FUNCTION version(id int, round int) RETURNS real[] LANGUAGE sql RETURN ARRAY[sin(id * 1.7), cos(id * 2.3), sin(id * 0.3 + round), round]::real[];
INSERT INTO doc SELECT g, version(g, 0) FROM generate_series(1, 600) AS g;
SELECT stash.vector_sync_enable('doc', 'emb', '{}', '$doc');
SQL
$sync->table('doc', $doc, 'id', '');
$sync->compare('at first');

sub change
{
    my ($round) = @_;
    $node->safe_psql('postgres', "UPDATE doc SET emb = version(id, $round); DELETE FROM doc WHERE id % 50 = $round");
    return;
}

# Weaviate, when some batches have been answered and others have not.
my $before = $sync->figure('doc', 'sent');
change(1);
wait_until($node, "SELECT sent > $before OR pending = 0 FROM stash.vector_sync_status()");
$weaviate->kill;
change(2);
# It is away, and changes wait.
$node->safe_psql('postgres', "UPDATE doc SET emb = version(id, 90 + $_) WHERE id % 2 = $_ % 2; DELETE FROM doc WHERE id % 50 = 10 + $_;
    INSERT INTO doc SELECT 10000 * $_ + g, version(g, $_) FROM generate_series(1, 20) AS g") for 1 .. 3;
wait_until($node, "SELECT state = 'server down' FROM stash.vector_sync_status()");
is($sync->figure('doc', 'pending > 1000'), 't', 'while the server is away changes wait');
is($sync->figure('doc', "lag > '0 s' AND oldest < now()"), 't', 'the status says for how long');
$weaviate->resume;
$sync->compare('a server that was killed in the middle of a batch');

# From here on what flies when something of ours is killed is carried out a moment after that.
$sync->configure($proxy->url);
sub while_batches_fly
{
    my ($round, $deed) = @_;
    $proxy->faults({ match => 'Batch(Objects|Delete)', bytes => 50, do => 'delay', seconds => 1.5 });
    change($round);
    for (1 .. 600) { last if $proxy->requests->{delay}; select undef, undef, undef, 0.05 }
    $deed->();
    $proxy->faults();
    change($round + 20);
    return;
}

sub kill_process
{
    my ($where) = @_;
    my $at = -s $node->logfile;
    kill 'KILL', $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE datname = 'postgres' AND $where");
    $node->wait_for_log(qr/database system is ready to accept connections/, $at);
    return;
}

while_batches_fly(4, sub { kill_process("backend_type LIKE 'pg_stash%'") });
$sync->compare('a worker that was killed');

# What it has written and not committed must never arrive.
while_batches_fly(5, sub {
    my $victim = $node->background_psql('postgres', on_error_stop => 0);
    $victim->query_safe('BEGIN; UPDATE doc SET emb = version(0, 0) WHERE id < 500');
    kill_process("state = 'idle in transaction'");
    # psql has lost its connection and ends.
    eval { $victim->quit };
});
$sync->compare('a backend that was killed');

# The postmaster: its children notice by themselves, and the shared memory is free when the last has gone.
while_batches_fly(6, sub {
    my $postmaster = $node->{_pid};
    $node->kill9;
    my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
    select undef, undef, undef, 0.1 while kill(0, $postmaster) && time < $deadline;
    until ($node->start(fail_ok => 1))
    {
        die 'the server does not come back' if time > $deadline;
        # A start that failed takes the pid file that was left for a server's.
        $node->{_pid} = undef;
        select undef, undef, undef, 0.2;
    }
});
$sync->compare('a postmaster that was killed');

# An end in good order gives what flies no more than a moment, and leaves the rest to the next worker.
while_batches_fly(7, sub { $node->restart });
$sync->compare('a restart');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.vector_dead_letters()'), 0, 'no row was given up');

# Another key.
my $old = $weaviate->key;
$weaviate->change_key;
$node->safe_psql('postgres', "UPDATE doc SET emb = version(id, 99) WHERE id < 100");
wait_until($node, "SELECT state = 'held back' FROM stash.vector_sync_status()");
like($sync->figure('doc', 'reason'), qr/unauthorized|HTTP 401/, 'a key that is not valid any more: the status says so');
is($node->safe_psql('postgres', "SELECT stash.vector_wait('doc', 1)"), 'f', 'nothing arrives');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.vector_dead_letters()'), 0, 'and nothing is given up');
$node->safe_psql('postgres', "SELECT stash.weaviate_set_key('@{[ $weaviate->key ]}')");
$sync->compare('the new key');
my $log = slurp_file($node->logfile);
unlike($log, qr/\Q$old\E|\Q@{[ $weaviate->key ]}\E/, 'no key is in the log');
done_testing();
