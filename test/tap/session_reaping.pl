# Sessions beyond their limits leave through the worker, and the history says how and when; time zones
# and dropped databases do not matter; the history leaves too.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashSession;
use Test::More;
use Time::HiRes qw(sleep);

my $node = stash_node('main', 'stash.memory = 8MB', "stash.session_flush_interval = '1min'",
    "stash.session_history_retention = '1h'", "stash.session_orphan_retention = '2s'");
sub sql { return $node->safe_psql('postgres', $_[0]) }

# Expired, idle, and kept by touches that only memory knows.
my ($expired) = begin_session($node, q{'expired', ttl => 1});
my ($idle) = begin_session($node, q{'idle', idle_ttl => 1});
my ($absolute) = begin_session($node, q{'absolute', ttl => 100, absolute_ttl => 1.5});
my ($endless) = begin_session($node, q{'endless', ttl => 'infinity', absolute_ttl => 'infinity'});
my ($used, $used_token) = begin_session($node, q{'used', idle_ttl => 4});
for (1 .. 12)
{
    is(sql("SELECT count(*) FROM stash.session_get_by_token('$used_token')"), '1', 'a session in use does not idle') or last;
    sleep 0.5;
}
wait_until($node, 'SELECT count(*) = 3 FROM stash.session_history()');
is(sql(q{SELECT string_agg(session_user_id || ':' || kind, ' ' ORDER BY session_user_id) FROM stash.session_history()}),
    'absolute:expired expired:expired idle:idle', 'the others have ended, each in its way');
is(sql(q{SELECT string_agg((ended_at - created_at)::text, ' ' ORDER BY session_user_id) FROM stash.session_history()}),
    '00:00:01.5 00:00:01 00:00:01', '... at its own moment, not when the worker came');
is(sql(q{SELECT count(*) FROM stash.session_history() WHERE reason IS NULL AND ended_by IS NULL AND last_seen_at = created_at}), '3',
    '... by nobody, for no reason but time');
is(sql(q{SELECT string_agg(user_id, ' ' ORDER BY user_id) FROM stash.session}), 'endless used', '... and left the table');
is(sql("SELECT count(*) FROM stash.session_touch WHERE id NOT IN (SELECT id FROM stash.session)"), '0', '... with their touches');
is(sql(q{SELECT expired || ' ' || idle FROM stash.session_analytics(now() - interval '10 min', NULL, '1 h')}), '2 1', 'analytics count them');

# An idle session that another transaction has locked is left for later, the next ones are not.
my ($locked) = begin_session($node, q{'locked', ttl => 0.5});
my ($next) = begin_session($node, q{'next', ttl => 0.6});
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN');
$holder->query_safe("SELECT FROM stash.session WHERE id = '$locked' FOR UPDATE");
wait_until($node, "SELECT count(*) = 1 FROM stash.session_history('next')");
is(lives($node, $locked) . sql("SELECT count(*) FROM stash.session WHERE id = '$locked'"), '01', 'an expired session that is locked has to wait');
$holder->query_safe('COMMIT');
$holder->quit;
wait_until($node, "SELECT count(*) = 1 FROM stash.session_history('locked')");
pass('... until it is not');

# A touch of a session that is gone leaves after a while, due or not; not at once, for a restore may
# bring the session after it.
sql(q{INSERT INTO stash.session_touch (generation, id, touched_at, due_at)
    VALUES (0, gen_random_uuid(), now(), now() + interval '0.1 s'), (0, gen_random_uuid(), now(), 'infinity')});
wait_until($node, 'SELECT count(*) = 0 FROM stash.session_touch WHERE id NOT IN (SELECT id FROM stash.session)');
pass('touches without a session leave');

# Time zones: limits are seconds.
my ($zoned, $zoned_token) = split /\|/, sql(q{SET TimeZone = 'Pacific/Kiritimati'; SELECT id, token FROM stash.session_create('zoned', idle_ttl => 100)});
is(sql("SET TimeZone = 'Pacific/Pago_Pago'; SELECT stash.session_touch('$zoned')"), 't', 'a session of another time zone can be touched');
is(sql("SET TimeZone = 'America/New_York'; SELECT extract(epoch FROM expires_at - created_at) FROM stash.session_get_by_token('$zoned_token')"),
    '86400.000000', '... and lives as long as in any');
is(sql("SET TimeZone = 'Pacific/Kiritimati'; SELECT count(*) FROM stash.session_list('zoned')")
      . sql("SET TimeZone = 'Pacific/Pago_Pago'; SELECT stash.session_get_active_count('zoned')"), '11', '... in lists too');

# History: whole slots of the ring leave when their last row is old enough. A slot is a sixth of the
# retention wide and counted from 2000.
sql(q{INSERT INTO stash.session_history (slot, id, user_id, created_at, last_seen_at, ended_at, kind)
    SELECT (floor(extract(epoch FROM at - '2000-01-01 00:00 UTC'::timestamptz) / 600)::bigint % 8), gen_random_uuid(), name, at, at, at, 'expired'
    FROM (VALUES ('old', to_timestamp(floor(extract(epoch FROM now()) / 600) * 600 - 4190)), ('kept', now() - interval '50 min')) AS v (name, at)});
is(sql(q{SELECT count(*) FROM stash.session_history WHERE user_id IN ('old', 'kept')}), '2', 'old history');
sql(q{SELECT pg_terminate_backend(pid) FROM stash.worker_status() WHERE kind = 'worker'});
wait_until($node, q{SELECT count(*) = 0 FROM stash.session_history('old')});
is(sql(q{SELECT count(*) FROM stash.session_history('kept')}), '1', '... leaves after stash.session_history_retention, and not before');
is(sql(q{SELECT count(*) FROM stash.session_history('idle')}), '1', '... nor what is new');

# DROP DATABASE with touches that nobody has written down: their slots are free again.
sql('CREATE DATABASE gone');
$node->safe_psql('gone', q{CREATE EXTENSION pg_stash;
    CREATE TABLE mine AS SELECT s.id FROM generate_series(1, 200) AS i, LATERAL stash.session_create('user ' || i) AS s;
    SELECT count(*) FROM mine WHERE stash.session_touch(id)});
is(sql_error($node, 'DROP DATABASE gone'), '', 'a database with open touches can be dropped');
sql('CREATE DATABASE gone');
$node->safe_psql('gone', 'CREATE EXTENSION pg_stash');
my ($later, $later_token) = begin_session($node, q{'later'}, database => 'gone');
is(works($node, $later_token, database => 'gone'), '1', '... and another one of its name has sessions');

done_testing();
