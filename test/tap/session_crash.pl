# Crashes under load: a backend, the worker and the whole server are killed while clients begin,
# change, rotate and end sessions. What a client was told stands afterwards; an idle clock loses at
# most stash.session_flush_interval.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Utils;
use StashNode;
use StashSession;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = stash_node('main', 'stash.memory = 16MB', 'restart_after_crash = on', 'log_statement = none',
    "stash.session_flush_interval = '300ms'");
my $folder = PostgreSQL::Test::Utils::tempdir();
my $worker = "SELECT pid FROM stash.worker_status() WHERE database = 'postgres' AND state = 'running'";

# What a client does, again and again; it says before each step what it is about to do, and after it
# that it has been told of success. psql writes that down also when it loses its server.
my $round = <<'SQL';
SELECT id, token FROM stash.session_create('user of ' || :client, data => '{"n": 0}', idle_ttl => 600) \gset
\echo created :id :token
SELECT s.id AS same FROM stash.session_get_by_token(:'token') AS s \gset
SELECT stash.session_update(:'id', '{"n": 1}') AS version \gset
\echo updated :id
SQL
my $rotate = <<'SQL';
\echo rotating :id
SELECT stash.session_rotate_token(:'id') AS other \gset
\echo rotated :id :other
SQL
my $delete = <<'SQL';
\echo deleting :id
SELECT stash.session_delete(:'id', 'log-out') AS gone \gset
\echo deleted :id
SQL
my $rounds = $round . $rotate . $round . $delete . $round . $rotate . $delete . $round;
append_to_file("$folder/client.sql", $rounds x 2000);

# Runs four clients, does the deed while they run, and returns what they were told.
sub under_load
{
    my ($deed) = @_;
    my @clients = map {
        my $client = $_;
        IPC::Run::start(
            [ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', "client=$client", '-d', $node->connstr('postgres'),
                '-f', "$folder/client.sql" ],
            '>', "$folder/out$client", '2>', "$folder/err$client");
    } 1 .. 4;
    sleep 1.2;
    $deed->();
    eval { $_->finish } for @clients;
    like(slurp_file("$folder/err$_"), qr/connection to server was lost/, "client $_ lost its server") for 1 .. 4;
    return join '', map { slurp_file("$folder/out$_") } 1 .. 4;
}

# Compares what stands with what the clients were told, by the tables and then by the hot copies.
sub check_told
{
    my ($how, $told) = @_;
    my %sessions;
    for (split /\n/, $told)
    {
        my ($what, $id, $token) = split / /;
        $sessions{$id}{$what} = $token // 1;
    }
    my $count = keys %sessions;
    my $lines = join '', map {
        my $s = $sessions{$_};
        join("\t", $_, $s->{created}, $s->{rotated} // '\N', map({ $s->{$_} ? 't' : 'f' } qw(updated rotating deleting deleted))) . "\n"
    } keys %sessions;
    $node->safe_psql('postgres', 'CREATE TABLE IF NOT EXISTS told (id uuid, token text, other text, '
          . "updated bool, rotating bool, deleting bool, deleted bool); TRUNCATE told;\nCOPY told FROM STDIN;\n$lines\\.\n");
    my $counts = sub {
        my ($condition, $token, $more) = @_;
        return $node->safe_psql('postgres', "SELECT count(*), count(s.id) FROM (SELECT * FROM told WHERE $condition OFFSET 0) AS t "
              . "LEFT JOIN LATERAL stash.session_get_by_token(t.$token) AS s ON s.id = t.id " . ($more // ''));
    };
    for my $from ('the tables', 'the hot copies')
    {
        my ($all, $found) = split /\|/, $counts->('NOT rotating AND NOT deleting', 'token');
        cmp_ok($all, '>', 20, "$how: $all of $count sessions were begun and left, by $from");
        is($found, $all, '... and all work');
        ($all, $found) = split /\|/, $counts->('updated AND NOT rotating AND NOT deleting', 'token', "AND s.data = '{\"n\": 1}'");
        is($found, $all, '... with the data that was written last');
        ($all, $found) = split /\|/, $counts->('other IS NOT NULL AND NOT deleting', 'other');
        is($found, $all, "... the $all new tokens work");
        ($all, $found) = split /\|/, $counts->('other IS NOT NULL', 'token');
        is($found, '0', "... none of $all rotated tokens does");
        ($all, $found) = split /\|/, $counts->('deleted', 'token');
        is($found, '0', "... none of $all ended sessions is back");
        is($counts->('deleted AND other IS NOT NULL', 'other') =~ s/.*\|//r, '0', '... nor by its new token');
    }
    is($node->safe_psql('postgres', q{SELECT count(*) FROM told AS t WHERE deleted AND (SELECT count(*) FROM stash.session_history AS h
        WHERE h.id = t.id AND h.kind = 'deleted' AND h.reason = 'log-out') <> 1}), '0', '... each end stands in the history once');
    is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.session AS s JOIN stash.session_history AS h USING (id)'),
        '0', '... no session has ended and lives');
    # One that was being written just then leaves when it is due.
    is($node->safe_psql('postgres', q{SELECT count(*) FROM stash.session_touch
        WHERE id NOT IN (SELECT id FROM stash.session) AND due_at > clock_timestamp() + interval '600 s'}),
        '0', '... and no touch stays behind for longer than the idle limit');
    return;
}

sub crashed
{
    my ($pid) = @_;
    wait_until($node, "SELECT pid IS NOT NULL AND pid <> $pid FROM stash.worker_status() WHERE database = 'postgres' AND state = 'running'");
    return;
}

wait_until($node, "SELECT count(*) = 1 FROM ($worker) AS w");
my $pid = $node->safe_psql('postgres', $worker);
my $told = under_load(sub {
    kill 'KILL', $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%session_%' AND pid <> pg_backend_pid() AND backend_type = 'client backend' LIMIT 1});
});
crashed($pid);
check_told('a backend was killed', $told);

$pid = $node->safe_psql('postgres', $worker);
$told = under_load(sub { kill 'KILL', $pid });
crashed($pid);
check_told('the worker was killed', $told);

$told = under_load(sub { $node->stop('immediate') });
$node->start;
check_told('an immediate shutdown', $told);

# The postmaster alone: its children notice; a new one starts when they have gone.
my $postmaster = $node->{_pid};
$told = under_load(sub { $node->kill9 });
my $until = time + 30;
sleep 0.1 while kill(0, $postmaster) && time < $until;
sleep 0.5 until $node->start(fail_ok => 1) || time > $until;
check_told('the postmaster was killed', $told);

# Idle clocks. kept: touched, written down, touched, crash. brief: an idle limit near the interval,
# whose touches are written through. unused: its clock runs from its beginning.
$node->safe_psql('postgres', "ALTER SYSTEM SET stash.session_flush_interval = '1s'");
$node->restart;
wait_until($node, "SELECT count(*) = 1 FROM ($worker) AS w");
my ($kept) = begin_session($node, "'u', idle_ttl => 6");
my ($brief) = begin_session($node, "'u', idle_ttl => 3");
my ($unused) = begin_session($node, "'u', idle_ttl => 6");
my $end = time + 4;
while (time < $end)
{
    $node->safe_psql('postgres', "SELECT stash.session_touch('$kept'), stash.session_touch('$brief')");
    sleep 0.1;
}
my ($kept_seen, $brief_seen) = (seen_at($node, $kept), seen_at($node, $brief));
$node->stop('immediate');
$node->start;
my ($kept_now, $brief_now) = (seen_at($node, $kept), seen_at($node, $brief));
isnt($kept_now, '', 'a session in use outlives a crash');
cmp_ok($kept_seen - $kept_now, '<=', 1.5, '... and its idle clock loses at most the flush interval of 1 s');
cmp_ok($kept_now, '<=', $kept_seen, '... and gains nothing');
isnt($brief_now, '', 'so does one with a short idle limit');
cmp_ok($brief_seen - ($brief_now || 0), '<=', 1.5, '... that loses no more') or diag("$brief_seen $brief_now");
wait_until($node, "SELECT count(*) = 0 FROM stash.session_get('$unused')");
wait_until($node, "SELECT count(*) = 1 FROM stash.session_history WHERE id = '$unused'");
is(how_ended($node, $unused), 'idle||', 'one that was never used idles by its own clock');
is($node->safe_psql('postgres', "SELECT ended_at = created_at + interval '6 s' FROM stash.session_history WHERE id = '$unused'"),
    't', '... at its moment');
wait_until($node, "SELECT count(*) = 2 FROM stash.session_history WHERE id IN ('$kept', '$brief')");
is($node->safe_psql('postgres', "SELECT extract(epoch FROM last_seen_at) FROM stash.session_history WHERE id = '$kept'"),
    $kept_now, 'the others follow, counted from the last touch that was written down');

done_testing();
