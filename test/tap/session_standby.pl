# A standby reads sessions from the tables it replays and touches none; what ends on the primary ends
# there with the replay. Promoted, it is a server like any other.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StashNode;
use StashSession;
use Test::More;
use Time::HiRes qw(sleep);

my $primary = stash_node('primary', { allows_streaming => 1 }, 'stash.memory = 8MB', 'max_worker_processes = 12',
    "stash.session_flush_interval = '200ms'", 'max_connections = 20');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
sub caught_up { $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')); return }
sub hot_copies { return $_[0]->safe_psql('postgres', 'SELECT entries FROM stash.cache_usage()') }

my ($one, $token) = begin_session($primary, q{'user', data => '{"n": 1}'});
my ($rotated, $old_token) = begin_session($primary, q{'user'});
my ($ended, $ended_token) = begin_session($primary, q{'user'});
my ($brief, $brief_token) = begin_session($primary, q{'user', ttl => 1});
caught_up();

is($standby->safe_psql('postgres', "SELECT id, data FROM stash.session_get_by_token('$token')"), "$one|{\"n\": 1}",
    'a standby knows a session by its token, also when asked to touch it');
is($standby->safe_psql('postgres', "SELECT count(*) FROM stash.session_get('$one', true)"), '1', '... and by its id');
is(hot_copies($standby), '0', '... without a hot copy');
is($standby->safe_psql('postgres', "SELECT last_seen_at = created_at FROM stash.session_get('$one')"), 't', '... and without a touch');
is(sql_error($standby, "SELECT stash.session_touch('$one')"), '25006', 'session_touch is an error there');
for my $change ("session_create('u')", "session_update('$one', '{}')", "session_extend('$one')", "session_rotate_token('$one')",
    "session_delete('$one')", "session_revoke_others('$one')", "session_bulk_delete(user_id => 'user')", 'session_cleanup_inactive()')
{
    is(sql_error($standby, "SELECT * FROM stash.$change"), '25006', '... as is ' . ($change =~ s{\(.*}{}r));
}
is($standby->safe_psql('postgres', 'SELECT count(*) FROM stash.session_list()') =~ /^[34]$/ ? 1 : 0, 1, 'lists work');
is($standby->safe_psql('postgres', 'SELECT stash.session_get_active_count() >= 3'), 't', '... and counts');
is(sql_error($standby, 'SELECT * FROM stash.session_history()'), '', '... and the history');
is(sql_error($standby, 'SELECT * FROM stash.session_analytics()'), '', '... and analytics');

# What the primary commits counts after the replay; under REPEATABLE READ too.
my $reader = $standby->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query_safe("SELECT count(*) FROM stash.session_get_by_token('$ended_token')"), '1', 'a reader on the standby sees a session');
my $new_token = $primary->safe_psql('postgres',
    "SELECT stash.session_rotate_token('$rotated') FROM (SELECT stash.session_delete('$ended', 'gone')) AS d");
caught_up();
is($reader->query_safe("SELECT count(*) FROM stash.session_get_by_token('$ended_token')"), '0', '... and no longer once its end is replayed');
$reader->query_safe('COMMIT');
$reader->quit;
is(works($standby, $old_token) . works($standby, $new_token), '01', '... and a rotated token neither');
is($standby->safe_psql('postgres', q{SELECT kind, reason FROM stash.session_history('user') WHERE reason = 'gone'}), 'deleted|gone',
    '... and the history says so');

# Touches arrive when the primary has written them down.
my ($idle, $idle_token) = begin_session($primary, q{'user', idle_ttl => 3});
for (1 .. 5)
{
    $primary->safe_psql('postgres', "SELECT stash.session_touch('$idle'), stash.session_touch('$one')");
    sleep 0.8;
}
caught_up();
is(works($standby, $idle_token), '1', 'a session that is used on the primary does not idle on the standby');
is($standby->safe_psql('postgres', "SELECT last_seen_at > created_at + interval '2 s' FROM stash.session_get('$one')"), 't',
    '... which knows its last touch');
is(works($standby, $brief_token), '0', 'one that expires ends there by the clock');
wait_until($primary, "SELECT count(*) = 1 FROM stash.session_history WHERE id = '$brief'");

# Promotion.
$primary->safe_psql('postgres', "SELECT stash.session_touch('$one')");
wait_for_flush($primary, $one);
my $seen = seen_at($primary, $one);
caught_up();
my $held = $standby->background_psql('postgres');
is($held->query_safe("SELECT count(*) FROM stash.session_get_by_token('$token')"), '1', 'a connection to the standby');
$primary->stop;
$standby->promote;
is(seen_at($standby, $one), $seen, 'after the promotion the session and its last touch are there');
is($held->query_safe("SELECT count(*) FROM stash.session_get_by_token('$token')"), '1', '... for the old connection too');
wait_until($standby, "SELECT state = 'running' FROM stash.worker_status() WHERE kind = 'worker'");
is($held->query_safe("SELECT stash.session_touch('$one')"), 't', '... which can touch it');
cmp_ok(seen_at($standby, $one), '>', $seen, '... as all see');
wait_for_flush($standby, $one);
pass('... and that is written down');
works($standby, $token) for 1 .. 2;
cmp_ok(hot_copies($standby), '>', 0, 'there are hot copies');
is($standby->safe_psql('postgres', "SELECT stash.session_delete('$one')"), 't', '... sessions can be ended');
is($held->query_safe("SELECT count(*) FROM stash.session_get_by_token('$token')"), '0', '... at once for all');
my $newest = $held->query_safe("SELECT stash.session_rotate_token('$rotated')");
is(works($standby, $new_token) . works($standby, $newest), '01', '... tokens rotated');
wait_until($standby, "SELECT count(*) = 1 FROM stash.session_history WHERE id = '$idle'");
is(how_ended($standby, $idle), 'idle||', '... and the idle leave');
$held->quit;

done_testing();
