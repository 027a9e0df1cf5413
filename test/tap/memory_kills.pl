# kill -9 at moments that nobody chose, while clients create, delete and clean up and the worker
# deletes and collects: whatever was told to a client is there bit for bit, and the rest is sound.
#
# STASH_TEST_SEED: what to repeat; it is printed. The clients' versions that are kept lie in one pool
# with those that are let go (forks stay in the pool of what they were forked from) and have parts in
# common with them, so the collector is always about to delete what has just come into use again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $clients = 3;
my $seed = $ENV{STASH_TEST_SEED} // int(time * 1000) % 2**31;
srand $seed;
note "STASH_TEST_SEED=$seed";

my $node = stash_node('main', 'stash.memory = 8MB', 'restart_after_crash = on', 'log_statement = none',
    "stash.memory_retention_interval = '100ms'");
sub sql { return $node->safe_psql('postgres', $_[0]) }
my $folder = PostgreSQL::Test::Utils::tempdir();

# Messages repeat from one document to others.
sql(q{CREATE FUNCTION document(n integer) RETURNS jsonb LANGUAGE sql RETURN jsonb_build_object('n', n, 'messages', (
    SELECT jsonb_agg(repeat(md5((m % 60)::text), 12)) FROM generate_series(n, n + 3 + n % 12) AS m))});
sql(q{CREATE TABLE told (id uuid PRIMARY KEY, n integer NOT NULL)});
sql(q{SELECT stash.memory_snapshot_create('shared', document(0))});
sql(qq{SELECT stash.memory_snapshot_fork(id, 'kept $_') FROM stash.memory_snapshot_list('shared', max_rows => 1)}) for 1 .. $clients;
sql(q{SELECT stash.memory_retention_set('shared', keep_last => 2)});

# What a client goes on doing until it is cut off.
sub script
{
    my ($client) = @_;
    my @lines;
    for (1 .. 4000)
    {
        my ($kept, $gone) = (int(rand 1000), int(rand 1000));
        push @lines, "SELECT id FROM stash.memory_snapshot_create('kept $client', document($kept)) \\gset", "\\echo told :id $kept",
            "SELECT stash.memory_snapshot_create('shared', document($gone), 'key ' || $gone % 5);";
        push @lines, q{SELECT stash.memory_snapshot_cleanup(keep_last => 1, agent_id => 'shared', batch => 20);} if rand() < 0.1;
        push @lines, q{SELECT stash.memory_collect(30);} if rand() < 0.1;
        push @lines, q{SELECT stash.memory_snapshot_delete(id) FROM stash.memory_snapshot_list('shared', 'key 3', max_rows => 1);} if rand() < 0.1;
    }
    return join "\n", @lines, '';
}

sub wait_for_server
{
    my $until = time + 60;
    while (time < $until)
    {
        my ($status) = $node->psql('postgres', 'SELECT 1');
        return if defined $status && $status == 0;
        sleep 0.05;
    }
    die 'the server did not come back';
}

# The server's crash, and its restart by hand; or one process, after which the postmaster restarts all.
sub kill_server
{
    my $postmaster = $node->{_pid};
    $node->kill9;
    my $until = time + 30;
    sleep 0.02 while kill(0, $postmaster) && time < $until;
    sleep 0.1 until $node->start(fail_ok => 1) || time > $until;
    return 1;
}

sub kill_process
{
    my ($kind) = @_;
    my $pid = sql("SELECT pid FROM pg_stat_activity WHERE $kind AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1");
    return 0 if $pid eq '';
    kill 'KILL', $pid;
    return 1;
}
my @victims = (['the server', \&kill_server],
    ['a client', sub { kill_process(q{datname = 'postgres' AND backend_type = 'client backend' AND application_name = 'load'}) }],
    ['the worker', sub { kill_process(q{datname = 'postgres' AND backend_type LIKE 'pg_stash%'}) }]);

my ($cut_off, $all) = (0, 0);
for my $turn (1 .. 10)
{
    append_to_file("$folder/in$turn.$_", script($_)) for 1 .. $clients;
    my @load = map {
        IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') . ' application_name=load', '-f', "$folder/in$turn.$_" ],
            '>', "$folder/out$_", '2>', "$folder/err$_")
    } 1 .. $clients;
    sleep 0.25 + rand 0.75;
    my ($name, $kill) = @{ $victims[rand @victims] };
    my $killed = $kill->();
    eval { $_->finish } for @load;
    wait_for_server();
    $cut_off += grep { slurp_file("$folder/err$_") =~ /server closed the connection|terminating connection|shutting down/ } 1 .. $clients;
    my @told = map { slurp_file("$folder/out$_") =~ /^told (\S+ \d+)$/mg } 1 .. $clients;
    $all += @told;
    # A document that is the head's already is no new version, so an id may come twice.
    sql('INSERT INTO told VALUES ' . join(', ', map { my ($id, $n) = split ' '; "('$id', $n)" } @told) . ' ON CONFLICT DO NOTHING') if @told;
    ok($killed && @told > 0, "turn $turn: $name killed, " . @told . ' versions told');
    is(sql(q{SELECT count(*) FROM told AS t LEFT JOIN LATERAL stash.memory_snapshot_get(t.id) AS g ON true
        WHERE jsonb_send(g.content) IS DISTINCT FROM jsonb_send(document(t.n))}), '0', '... all that was ever told is there bit for bit');
    is(sql('SELECT * FROM stash.memory_check()'), '', '... sound');
}
cmp_ok($cut_off, '>=', 20, "clients were cut off $cut_off times");
note "$all versions told";
wait_until($node, q{SELECT count(*) = 0 FROM stash.memory_discard});
wait_until($node, q{SELECT max(c) <= 2 FROM (SELECT count(*) AS c FROM stash.memory_version AS v JOIN stash.memory_line AS l ON l.id = v.line WHERE l.agent_id = 'shared' GROUP BY l.id) AS v});
wait_until($node, q{SELECT count(*) = 0 FROM stash.memory_discard});
is(sql('SELECT * FROM stash.memory_check()'), '', 'in the end: sound');
sql(q{SELECT stash.memory_snapshot_cleanup(keep_last => 0)});
wait_until($node, q{SELECT count(*) = 0 FROM stash.memory_pool});
is(sql('SELECT (SELECT count(*) FROM stash.memory_part) + (SELECT count(*) FROM stash.memory_line)'), '0', 'and nothing is left when all is let go');
done_testing();
