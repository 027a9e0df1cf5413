# kill -9 in the middle of creates, deletions and collections: what a client was told is there and
# whole, and nothing is left over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = stash_node('main', 'stash.memory = 8MB', 'fsync = on', 'restart_after_crash = on', 'log_statement = none',
    "stash.memory_retention_interval = '100ms'");
sub sql { return $node->safe_psql('postgres', $_[0]) }
my $folder = PostgreSQL::Test::Utils::tempdir();

# Every document says in its first element how many follow, and what each has to be.
sql(q{CREATE FUNCTION document(n integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(n) || jsonb_agg(repeat(md5(m::text), 12)) FROM generate_series(1, n) AS m $$});
my $whole = q{SELECT count(*) FILTER (WHERE g.content = document((g.content->>0)::integer)) || ' of ' || count(*) FROM stash.memory_snapshot_list(max_rows => 100000) AS l, stash.memory_snapshot_get(l.id) AS g};
sql(q{SELECT stash.memory_retention_set('*', keep_last => 8)});
my $round = join '', map { <<"SQL" } 1 .. 40;
SELECT id FROM stash.memory_snapshot_create('agent ' || :client, document($_ + :client)) \\gset
\\echo created :id
SELECT id FROM stash.memory_snapshot_create('shared', document($_ * 3), 'key ' || :client) \\gset
\\echo created :id
SQL
append_to_file("$folder/client.sql", $round x 50);

for my $turn (1 .. 3)
{
    my @clients = map {
        IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', "client=$_", '-d', $node->connstr('postgres'), '-f', "$folder/client.sql" ],
            '>', "$folder/out$_", '2>', "$folder/err$_")
    } 1 .. 3;
    sleep 1.5;
    my $postmaster;
    if ($turn == 2)
    {
        # One backend only; the postmaster restarts the others.
        my $pid = sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_stash%' AND datname = 'postgres' LIMIT 1});
        kill 'KILL', $pid;
    }
    else
    {
        $postmaster = $node->{_pid};
        $node->kill9;
    }
    eval { $_->finish } for @clients;
    if ($turn != 2)
    {
        my $until = time + 30;
        sleep 0.1 while kill(0, $postmaster) && time < $until;
        sleep 0.5 until $node->start(fail_ok => 1) || time > $until;
    }
    $node->poll_query_until('postgres', 'SELECT true');
    my @told = map { slurp_file("$folder/out$_") =~ /^created (\S+)$/mg } 1 .. 3;
    cmp_ok(scalar @told, '>', 10, "turn $turn: clients were told of " . @told . ' snapshots');
    is(sql('SELECT * FROM stash.memory_check()'), '', '... sound');
    like(sql($whole), qr/^(\d+) of \1$/, '... all that is there is whole');
    # The last that each client was told of is a head or was followed, so no policy took it.
    my @last = map { (slurp_file("$folder/out$_") =~ /^created (\S+)$/mg)[-1] } 1 .. 3;
    is(sql("SELECT count(DISTINCT id) FROM stash.memory_snapshot_list(max_rows => 100000) WHERE id IN ('" . join("', '", @last) . "')"),
        scalar(do { my %seen; grep { !$seen{$_}++ } @last }), '... what clients were told last is there');
}
wait_until($node, q{SELECT max(c) <= 8 FROM (SELECT count(*) AS c FROM stash.memory_version GROUP BY line) AS v});
wait_until($node, 'SELECT count(*) = 0 FROM stash.memory_discard');
is(sql('SELECT * FROM stash.memory_check()'), '', 'in the end: sound, and nothing is left over');
done_testing();
