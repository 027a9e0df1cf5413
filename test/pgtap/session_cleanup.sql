-- session_cleanup_inactive: ends what is over, or was not used for long. Within transactions, so that the worker is not faster.
\ir lib/session.sql
SELECT plan(36);
-- Lets a session be as it was some seconds ago.
CREATE FUNCTION age(target uuid, seconds float8) RETURNS void LANGUAGE sql AS $$
    UPDATE stash.session SET created_at = created_at - seconds * interval '1 s', updated_at = updated_at - seconds * interval '1 s',
        seen_at = seen_at - seconds * interval '1 s' WHERE id = target;
    UPDATE stash.session_touch SET touched_at = touched_at - seconds * interval '1 s', due_at = due_at - seconds * interval '1 s' WHERE id = target$$;
CREATE FUNCTION left_of(owner text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(agent_id, '' ORDER BY agent_id), '-') FROM stash.session WHERE user_id = owner$$;

BEGIN;
SELECT id AS living FROM stash.session_create('alice', 'a') \gset
SELECT id AS expired FROM stash.session_create('alice', 'b', ttl => 1e-9) \gset
SELECT id AS idle FROM stash.session_create('alice', 'c', idle_ttl => 10) \gset
SELECT id AS unused FROM stash.session_create('alice', 'd', idle_ttl => 1000) \gset
SELECT id AS touched FROM stash.session_create('alice', 'e', idle_ttl => 10) \gset
SELECT age(:'idle', 100), age(:'unused', 100);
SELECT stash.session_touch(:'touched');
SELECT age(:'touched', 100);
SELECT is(stash.session_cleanup_inactive(), 2, 'NULL: only those beyond their own limits');
SELECT is(left_of('alice'), 'ade', 'the expired and the idle one');
SELECT is(ended(:'expired') || ', ' || ended(:'idle'), 'expired by postgres, idle by postgres', 'as the history says, by whom');
SELECT is((SELECT count(*) FROM stash.session_touch WHERE id IN (:'expired', :'idle')), 0::bigint, 'their touches are gone');
SELECT is(stash.session_cleanup_inactive(), 0, 'there are no more');
SELECT is(stash.session_cleanup_inactive('infinity'), 0, 'infinity is no limit');
SELECT is(stash.session_cleanup_inactive(200), 0, 'all were used within 200 seconds');
SELECT is(stash.session_cleanup_inactive(50), 1, 'one was not within 50');
SELECT is(left_of('alice'), 'ae', 'though it has not reached its own limit');
SELECT is(ended(:'unused'), 'idle by postgres', 'as the history says');
SELECT ok((SELECT ended_at - last_seen_at > interval '99 s' FROM stash.session_history() WHERE id = :'unused'), 'it ends now');
SELECT age(:'living', 100);
SELECT is(stash.session_cleanup_inactive(50), 1, 'also without an idle limit');
SELECT is(left_of('alice'), 'e', 'a touch that memory has counts');
SELECT pg_sleep(0.02);
SELECT is(stash.session_cleanup_inactive(0.01), 1, 'fractions of a second');
SELECT is(left_of('alice'), '-', 'none is left');
ROLLBACK;

-- Batches
BEGIN;
SELECT stash.session_create('bob', 'x', ttl => 1e-9) FROM generate_series(1, 12);
SELECT age(id, 100) FROM (SELECT (stash.session_create('bob', 'y', idle_ttl => 10)).id FROM generate_series(1, 12)) AS y;
SELECT age(id, 100) FROM (SELECT (stash.session_create('bob', 'z')).id FROM generate_series(1, 12)) AS z;
SELECT is(stash.session_cleanup_inactive(50, 5), 5, 'a batch');
SELECT is(stash.session_cleanup_inactive(batch => 10), 10, 'another');
SELECT is(left_of('bob'), repeat('y', 9) || repeat('z', 12), 'the expired first, then the idle');
SELECT is(stash.session_cleanup_inactive(50, 10), 10, 'a third');
SELECT is(left_of('bob'), repeat('z', 11), 'then those not used');
SELECT is(stash.session_cleanup_inactive(50, 100000), 11, 'a batch that is not full');
SELECT is(stash.session_cleanup_inactive(50), 0, 'nothing is left');
ROLLBACK;
-- A transaction that fails leaves them to the next, which finds all
BEGIN;
SELECT stash.session_create('carol', data => to_jsonb(n), ttl => 1e-9) FROM generate_series(1, 5) AS n;
SAVEPOINT before;
SELECT is(stash.session_cleanup_inactive(batch => 2), 2, 'two of five');
SELECT is(stash.session_cleanup_inactive(batch => 2), 2, 'four');
ROLLBACK TO before;
SELECT is((SELECT count(*) FROM stash.session WHERE user_id = 'carol'), 5::bigint, 'rolled back');
SELECT is(stash.session_cleanup_inactive(batch => 2), 2, 'again');
SELECT is(stash.session_cleanup_inactive(batch => 2), 2, 'four');
SELECT is(stash.session_cleanup_inactive(batch => 2), 1, 'the last');
SELECT is((SELECT count(*) FROM stash.session WHERE user_id = 'carol'), 0::bigint, 'all are gone when it returns fewer than the batch');
ROLLBACK;

SELECT raises(call, '22023', '%', call) FROM unnest(ARRAY['SELECT stash.session_cleanup_inactive(0)', 'SELECT stash.session_cleanup_inactive(-1)',
    'SELECT stash.session_cleanup_inactive(''NaN'')', 'SELECT stash.session_cleanup_inactive(batch => 0)',
    'SELECT stash.session_cleanup_inactive(batch => -1)', 'SELECT stash.session_cleanup_inactive(batch => 100001)']) AS call;
SELECT lives_ok('SELECT stash.session_cleanup_inactive(NULL, NULL)', 'NULLs are the defaults');

SELECT * FROM finish();
