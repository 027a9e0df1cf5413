# pg_dump and restore carry sessions, their touches and how sessions ended; no token is in a dump, and
# tokens work after the restore. A new extension begins without the sessions of the old one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashSession;
use Test::More;

my $node = stash_node('main', 'stash.memory = 16MB', 'max_worker_processes = 16', "stash.session_flush_interval = '200ms'",
    'log_statement = none', 'wal_level = replica');
sub sql
{
    my ($statement, $database) = @_;
    return $node->safe_psql($database // 'postgres', $statement);
}

sql('CREATE DATABASE source');
sql('CREATE EXTENSION pg_stash', 'source');
my %source = (database => 'source');
my ($plain, $token) = begin_session($node, q{'plain', 'shop', '{"cart": [1, 2], "odd": "it''s \\\\ \"x\""}', ip => '10.1.2.3', user_agent => E'odd\tagent\\n'}, %source);
my ($idle, $idle_token) = begin_session($node, q{'idle', idle_ttl => 86400}, %source);
my ($endless, $endless_token) = begin_session($node, q{NULL, ttl => 'infinity', absolute_ttl => 'infinity'}, %source);
my ($rotated, $old_token) = begin_session($node, q{'rotated'}, %source);
my $new_token = sql("SELECT stash.session_rotate_token('$rotated', 3600)", 'source');
my ($ended, $ended_token) = begin_session($node, q{'ended'}, %source);
sql("SELECT stash.session_delete('$ended', 'log-out')", 'source');
my ($brief, $brief_token) = begin_session($node, q{'brief', ttl => 0.05}, %source);
my @tokens = ($token, $idle_token, $endless_token, $old_token, $new_token, $ended_token, $brief_token);
sql("SELECT stash.session_touch('$plain'), stash.session_touch('$idle')", 'source');
sql("SELECT stash.session_update('$plain', '{\"n\": 1}')", 'source');
wait_until($node, q{SELECT count(*) = 2 FROM stash.session_history()}, 't', 'source');
wait_until($node, "SELECT count(*) = 2 FROM stash.session_touch AS t WHERE t.touched_at > (SELECT created_at FROM stash.session AS s WHERE s.id = t.id)", 't', 'source');

my $sessions = 'SELECT * FROM stash.session_list(active => NULL)';
my $touches = 'SELECT * FROM stash.session_touch ORDER BY id';
my $history = 'SELECT * FROM stash.session_history()';
my $rows = 'SELECT * FROM stash.session ORDER BY id';
my $triggers = q{SELECT tgrelid::regclass, tgname, tgenabled, tgtype FROM pg_trigger
    WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'stash'::regnamespace) ORDER BY 1::text, 2};
my %before = map { $_ => sql($_, 'source') } $sessions, $touches, $history, $rows, $triggers;
is(scalar(() = $before{$sessions} =~ /^/mg), 4, 'four sessions to dump');

my $folder = PostgreSQL::Test::Utils::tempdir();
local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
system_or_bail('pg_dump', '-Fc', '-f', "$folder/custom", 'source');
system_or_bail('pg_dump', '-f', "$folder/plain", 'source');
system_or_bail('pg_dump', '--inserts', '-a', '-f', "$folder/data", 'source');
system_or_bail('pg_dump', '-s', '-f', "$folder/schema", 'source');
for my $file (qw(plain data))
{
    my $text = slurp_file("$folder/$file");
    like($text, qr/\Q$plain\E/, "the dump ($file) has the sessions");
    is(scalar(grep { index($text, $_) >= 0 } @tokens), 0, '... but none of their tokens');
}
is(scalar(grep { my $t = $_; grep { index($before{$_}, $t) >= 0 } $sessions, $rows, $history } @tokens), 0, '... which are in no table');

sub check_restored
{
    my ($database, $how) = @_;
    my %there = (database => $database);
    is(sql($_, $database), $before{$_}, "$how: the same " . /FROM ([a-z_.]+)/ig) for $sessions, $touches, $history, $rows, $triggers;
    for (1, 2)
    {
        is(join('', map { works($node, $_, %there) } @tokens), '1111100', '... tokens work as before, those of ended sessions do not');
    }
    is(sql("SELECT ip, user_agent, data->>'odd' FROM stash.session_get('$plain')", $database), "10.1.2.3|odd\tagent\n|it's \\ \"x\"", '... with all that they have');
    is(sql("SELECT expires_at IS NULL FROM stash.session_get('$endless')", $database), 't', '... an endless one too');
    isnt(sql("SELECT stash.session_update('$plain', '{\"n\": 2}', 2)", $database), '', '... they can be changed');
    is(sql("SELECT data->'n' FROM stash.session_get_by_token('$token')", $database), '2', '... which everyone sees');
    is(sql("SELECT stash.session_delete('$rotated')", $database), 't', '... and ended');
    is(join('', map { works($node, $_, %there) } $old_token, $new_token), '00', '... with all their tokens');
    is(sql("DELETE FROM stash.session WHERE id = '$idle'; SELECT kind FROM stash.session_history('idle')", $database), 'deleted', '... by an administrator too');
    is(works($node, $idle_token, %there), '0', '... at once');
    is(sql_error($node, 'DELETE FROM stash.session_history', $database), '0A000', '... the history cannot be changed');
    wait_until($node, q{SELECT state = 'running' AND tasks_run > 3 FROM stash.worker_status() WHERE database = '} . $database . q{'});
    sql("SELECT stash.session_touch('$endless')", $database);
    wait_until($node, "SELECT count(*) = 1 FROM stash.session_touch WHERE id = '$endless'", 't', $database);
    pass('... and touches are written down');
    return;
}
sql("CREATE DATABASE $_ TEMPLATE template0") for qw(custom plain apart slow);
system_or_bail('pg_restore', '-e', '-j', '2', '-d', 'custom', "$folder/custom");
check_restored('custom', 'custom format');
system_or_bail('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-d', 'plain', '-o', "$folder/out", '-f', "$folder/plain");
check_restored('plain', 'plain text');
system_or_bail('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'apart', '-o', "$folder/out", '-f', "$folder/$_") for qw(schema data);
check_restored('apart', 'schema and data apart, as INSERTs');

# A restore may bring the touches long before their sessions. Meanwhile the worker looks for touches of
# sessions that are gone, which it does when it starts, and empties the generation that nobody uses.
my ($list) = run_command(['pg_restore', '-l', "$folder/custom"]);
my @touch_data = grep { /TABLE DATA stash session_touch/ } split /^/, $list;
is(scalar(@touch_data), 2, 'two tables of touches to restore');
append_to_file("$folder/touches", join('', @touch_data));
append_to_file("$folder/others", join('', grep { /TABLE DATA stash/ && !/session_touch/ } split /^/, $list));
my $worker = "FROM stash.worker_status() WHERE database = 'slow'";
system_or_bail('pg_restore', '-e', '-s', '-d', 'slow', "$folder/custom");
system_or_bail('pg_restore', '-e', '-a', '-L', "$folder/touches", '-d', 'slow', "$folder/custom");
sql('UPDATE stash.session_touch SET generation = 1', 'slow');
wait_until($node, "SELECT state = 'running' $worker");
sql("SELECT pg_terminate_backend(pid) $worker");
wait_until($node, "SELECT state = 'running' AND tasks_run > 5 $worker");
wait_until($node, 'SELECT count(*) = 0 FROM stash.session_touch_1', 't', 'slow');
is(sql('SELECT count(*) FROM stash.session_touch', 'slow'), $before{$touches} =~ tr/\n// + 1, 'touches wait for their sessions');
system_or_bail('pg_restore', '-e', '-a', '-L', "$folder/others", '-d', 'slow', "$folder/custom");
check_restored('slow', 'touches long before their sessions');

# CREATE DATABASE ... TEMPLATE copies the rows, and no hot copy or touch.
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'source'});
sql('CREATE DATABASE copy TEMPLATE source');
is(works($node, $token, database => 'copy'), '1', 'a copied database has the sessions');
is(sql("SELECT stash.session_delete('$plain')", 'copy'), 't', '... its own');
is(works($node, $token, database => 'copy') . works($node, $token, %source), '01', '... which end alone');

# Without the extension and with a new one.
is(join('', map { works($node, $_, %source) } @tokens), '1111100', 'in the source they are hot');
sql("SELECT stash.session_touch('$plain')", 'source');
my $other = $node->background_psql('source');
is($other->query_safe("SELECT count(*) FROM stash.session_get_by_token('$token')"), '1', '... for another backend too');
sql('DROP EXTENSION pg_stash; CREATE EXTENSION pg_stash', 'source');
is(join('', map { works($node, $_, %source) } @tokens), '0000000', 'a new extension has no session of the old one');
is($other->query_safe("SELECT count(*) FROM stash.session_get_by_token('$token')"), '0', '... for a backend that knew the old one');
is(sql("SELECT stash.session_touch('$plain')", 'source'), 'f', '... none can be touched');
my ($fresh, $fresh_token) = begin_session($node, q{'fresh'}, %source);
is($other->query_safe("SELECT id FROM stash.session_get_by_token('$fresh_token')"), $fresh, '... new ones begin');
is(sql("SELECT stash.session_delete('$fresh')", 'source'), 't', '... and end');
is($other->query_safe("SELECT count(*) FROM stash.session_get_by_token('$fresh_token')"), '0', '... for all');
sql('BEGIN; DROP EXTENSION pg_stash; ROLLBACK', 'source');
($fresh, $fresh_token) = begin_session($node, q{'fresh'}, %source);
is($other->query_safe("SELECT id FROM stash.session_get_by_token('$fresh_token')"), $fresh, 'a DROP EXTENSION that is rolled back harms nobody');
$other->quit;

done_testing();
