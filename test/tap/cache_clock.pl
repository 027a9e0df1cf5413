# The wall clock is set back: nothing is accepted and REPEATABLE READ misses until it has passed what
# it once was; stamps go on growing, so nothing stale is ever read.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use PostgreSQL::Test::Cluster;
use StashCache;
use StashClock;
use StashNode;
use Test::More;

# libfaketime gives our own server a clock that a file sets. Without it the unit tests of the clock
# are what there is.
my $node = clock_node('stash.blind_fill_guard = 0');
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub accepted { return sql("SELECT stash.cache_set('$_[0]', '\"$_[0]\"', 36000, ARRAY['t:1'], fresh => true) IS NOT NULL") }
sub repeatable { return sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT stash.cache_get('$_[0]'); COMMIT") }

sql('CREATE EXTENSION pg_stash');
set_clock('+3600');
my ($ahead) = sql('SELECT extract(epoch FROM clock_timestamp())::bigint') - time;
cmp_ok($ahead, '>', 3500, 'the server believes it is an hour later') or BAIL_OUT('faketime has no effect');

is(accepted('before'), 't', 'with a clock that only goes on sets are accepted');
sql('SELECT pg_sleep(0.01)');
is(repeatable('before'), '"before"', '... and REPEATABLE READ hits');
my $version = sql("SELECT version FROM stash.cache_get_entry('before')");

# Back by half an hour.
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN');
$reader->query_safe("SELECT stash.cache_get('across')");
set_clock('+1800');
cmp_ok(sql('SELECT extract(epoch FROM clock_timestamp())::bigint') - time, '<', 1900, 'the clock was set back');
is(accepted('behind'), 'f', 'nothing is accepted while the clock is behind');
is(cached($node, 'behind'), '', '... nor stored');
is(sql("SELECT stash.cache_add('added', '1') IS NULL"), 't', '... nor added');
is(sql("SELECT stash.cache_set('blind', '1') IS NULL"), 't', '... nor blind');
is(sql("SELECT l.state FROM stash.cache_get_lease('leased') AS l"), 'miss', 'a lease can be had');
is($reader->query_safe("SELECT stash.cache_set('across', '1') IS NULL"), 't', 'a set by who began before the step is refused');
$reader->query_safe('COMMIT');
$reader->quit;
is(repeatable('before'), '', 'REPEATABLE READ misses');
is(cached($node, 'before'), '"before"', 'READ COMMITTED reads what stands');
cmp_ok(sql("SELECT refused_clock FROM stash.stat_cache WHERE namespace = 'default'"), '>', 0, 'the refusals are counted as such');

# Invalidations work, though their moment is earlier than that of the entry.
sql("SELECT stash.cache_invalidate_tags(ARRAY['t:1'])");
is(cached($node, 'before'), '', 'what was stored by the later clock can be invalidated');

# The same distance again: the old maximum is passed by an hour's waiting only.
set_clock('+3000');
is(accepted('closer'), 'f', 'the clock has come closer, but is behind still');
set_clock('+1800');
is(accepted('back'), 'f', '... and is set back once more');

set_clock('+3700');
is(accepted('after'), 't', 'when the clock has passed its old maximum, sets are accepted');
is(cached($node, 'after'), '"after"', '... and read');
is(cached($node, 'before'), '', 'what was invalidated meanwhile stays away');
sql('SELECT pg_sleep(0.01)');
is(repeatable('after'), '"after"', 'REPEATABLE READ hits again');
cmp_ok(sql("SELECT version FROM stash.cache_get_entry('after')"), '>', $version, 'versions have gone on growing');

# TTLs follow the clock.
sql("SELECT stash.cache_set('brief', '1', 60, fresh => true)");
is(cached($node, 'brief'), '1', 'an entry for a minute');
set_clock('+3800');
is(cached($node, 'brief'), '', '... is gone when the clock says so');

# A restart with a clock that is behind the one that the file was written by.
is(accepted('kept'), 't', 'stored by the later clock');
$node->stop;
set_clock('+100');
with_clock(sub { $node->start });
launcher_done($node);
is(cached($node, 'kept'), '"kept"', 'a saved cache is loaded, for its data has not changed');
sql("SELECT stash.cache_invalidate_tags(ARRAY['t:1'])");
is(cached($node, 'kept'), '', '... and can be invalidated by the earlier clock');
is(accepted('new'), 't', '... by which the store now lives');

done_testing();
