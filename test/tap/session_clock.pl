# The wall clock jumps: limits follow it, a clock that is set back logs nobody out and brings back
# nobody who ended; time zones do not matter.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StashCache;
use StashClock;
use StashNode;
use StashSession;
use Test::More;

# No worker: what a read decides is asked here.
my $node = clock_node('stash.max_workers = 0');
sub sql { return $node->safe_psql('postgres', $_[0]) }
sql('CREATE EXTENSION pg_stash');
set_clock('+3600');
cmp_ok(sql('SELECT extract(epoch FROM clock_timestamp())::bigint') - time, '>', 3500, 'the server believes it is an hour later')
  or BAIL_OUT('faketime has no effect');
set_clock('+0');

# An hour to live, ten minutes without use.
my ($hour, $hour_token) = begin_session($node, "'hour', ttl => 3600");
my ($idle, $idle_token) = begin_session($node, "'idle', idle_ttl => 600");
is(works($node, $hour_token) . works($node, $idle_token), '11', 'both live');
set_clock('+700');
is(works($node, $hour_token) . works($node, $idle_token), '10', 'the clock jumps ahead: one has idled');
is(sql("SELECT stash.session_touch('$idle')"), 'f', '... and a touch does not bring it back');
is(sql("SELECT stash.session_touch('$hour')"), 't', '... the other is used');
set_clock('+3700');
is(works($node, $hour_token), '0', 'an hour later it has expired');
is(sql("SELECT coalesce(stash.session_update('$hour', '{}')::text, 'unknown') || stash.session_delete('$hour')"), 'unknownfalse',
    '... nothing can be done with it');

# Used by a clock that was ahead.
set_clock('+0');
my ($ahead, $ahead_token) = begin_session($node, "'ahead', idle_ttl => 600");
set_clock('+500');
is(sql("SELECT stash.session_touch('$ahead')"), 't', 'a session is used by a clock that is ahead');
set_clock('+0');
is(works($node, $ahead_token), '1', 'the clock is set back: nobody is logged out');
is(sql("SELECT stash.session_touch('$ahead')"), 't', '... who can go on');
is(sql("SELECT last_seen_at > clock_timestamp() + interval '400 s' FROM stash.session_get('$ahead')"), 't',
    '... the last use does not go backwards');
my ($back, $back_token) = begin_session($node, "'back', ttl => 60");
is(works($node, $back_token), '1', 'sessions can begin with a clock that is behind');
sql("SELECT stash.session_delete('$back')");
is(works($node, $back_token), '0', '... and end at once');
set_clock('-3600');
is(works($node, $back_token), '0', '... for good, however far back the clock goes');
my $rotated = sql("SELECT stash.session_rotate_token('$ahead', 60)");
is(works($node, $ahead_token) . works($node, $rotated), '11', 'a rotation with grace by that clock');
set_clock('+0');
is(works($node, $ahead_token) . works($node, $rotated), '01', '... whose grace is over by the right one');

# Time zones: moments are moments.
my ($zone) = begin_session($node, "'zone', ttl => 7200, idle_ttl => 3600");
for my $name ('UTC', 'Pacific/Kiritimati', 'America/Los_Angeles', 'Europe/Berlin')
{
    is(sql("SET timezone = '$name'; SELECT round(extract(epoch FROM expires_at - created_at)), (SELECT count(*) FROM stash.session_list('zone'))"
            . " FROM stash.session_get('$zone')"), '7200|1', "a session in $name");
}
# A day of 25 hours: buckets of a day follow the zone, those of an hour do not.
my $days = q{SELECT count(*) FROM stash.session_analytics('2025-10-25 00:00 Europe/Berlin', '2025-10-28 00:00 Europe/Berlin', '%s')};
is(sql("SET timezone = 'Europe/Berlin'; " . sprintf($days, '1 day')), '3', 'three days are three buckets where the clocks change');
is(sql("SET timezone = 'Europe/Berlin'; " . sprintf($days, '1 hour')), '73', '... and 73 hours');
is(sql("SET timezone = 'UTC'; " . sprintf($days, '1 day')), '4', '... elsewhere a day has 24 hours');

done_testing();
