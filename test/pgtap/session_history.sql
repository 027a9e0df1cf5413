-- session_history: every kind of end, what is kept of it, and that nobody changes it.
\ir lib/session.sql
SELECT plan(39);
SET client_min_messages = warning;
DROP ROLE IF EXISTS stash_clerk;
CREATE ROLE stash_clerk;
SELECT stash.grant_usage('stash_clerk', '{session}');

-- Every kind. In one transaction, so that the worker is not faster.
BEGIN;
SELECT id AS expired FROM stash.session_create('alice', 'one', ttl => 1e-9) \gset
SELECT id AS idle FROM stash.session_create('alice', 'two', idle_ttl => 1) \gset
SELECT id AS deleted FROM stash.session_create('bob', 'three', '{"secret": "of the data"}', ip => '10.0.0.1', user_agent => 'Browser/1') \gset
SELECT id AS kept FROM stash.session_create('carol') \gset
SELECT id AS revoked FROM stash.session_create('carol', 'four') \gset
SELECT id AS evicted FROM stash.session_create('dora', 'five') \gset
SELECT stash.session_delete(:'deleted', 'logged out'), stash.session_revoke_others(:'kept', 'password changed');
SELECT id AS successor FROM stash.session_create('dora', max_per_user => 1) \gset
UPDATE stash.session SET seen_at = seen_at - interval '1 h', created_at = created_at - interval '2 h' WHERE id = :'idle';
UPDATE stash.session_touch SET touched_at = touched_at - interval '1 h', due_at = due_at - interval '1 h' WHERE id = :'idle';
SELECT stash.session_cleanup_inactive() AS cleaned \gset
SELECT is(:cleaned, 2, 'two are over by themselves');
COMMIT;
SELECT results_eq($$SELECT session_user_id, agent_id, kind, reason, ended_by FROM stash.session_history() ORDER BY agent_id$$, $$VALUES
    ('dora', 'five', 'evicted', NULL, 'postgres'),
    ('carol', 'four', 'revoked', 'password changed', 'postgres'),
    ('alice', 'one', 'expired', NULL, 'postgres'),
    ('bob', 'three', 'deleted', 'logged out', 'postgres'),
    ('alice', 'two', 'idle', NULL, 'postgres')$$, 'every kind');
SELECT results_eq(format($$SELECT id, ip, user_agent FROM stash.session_history('bob')$$),
    format($$VALUES (%L::uuid, '10.0.0.1'::inet, 'Browser/1')$$, :'deleted'), 'where from');
SELECT is_empty($$SELECT h.id FROM stash.session_history() AS h WHERE h::text LIKE '%secret%'$$, 'the data are not kept');
SELECT ok((SELECT created_at <= last_seen_at AND last_seen_at <= ended_at AND ended_at BETWEEN now() - interval '1 min' AND now()
    FROM stash.session_history('bob')), 'the moments');
SELECT is((SELECT ended_at - last_seen_at FROM stash.session_history() WHERE id = :'idle'), interval '1 s', 'an idle one ended when its time was over');
SELECT is((SELECT ended_at - last_seen_at FROM stash.session_history() WHERE id = :'expired'), interval '1 us', 'an expired one when it expired');
SELECT is((SELECT count(*) FROM stash.session_history() WHERE id IN (:'kept', :'successor')), 0::bigint, 'those that live are not in it');

-- ended_by: whoever the session of the database belongs to
SELECT id AS theirs FROM stash.session_create('erik') \gset
SET SESSION AUTHORIZATION stash_clerk;
SELECT stash.session_delete(:'theirs') AS done \gset
RESET SESSION AUTHORIZATION;
SELECT is(ended(:'theirs'), 'deleted by stash_clerk', 'by an application');

-- Order and bounds. Rows of known moments, rolled back at the end.
BEGIN;
INSERT INTO stash.session_history (slot, id, user_id, created_at, last_seen_at, ended_at, kind)
    SELECT n % 8, format('00000000-0000-0000-0000-%s', lpad((100 - n)::text, 12, '0'))::uuid, CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END,
        '2001-01-01', '2001-01-01', timestamptz '2001-02-01 00:00Z' + n * interval '1 min', 'deleted' FROM generate_series(1, 40) AS n;
CREATE FUNCTION minutes(user_id text DEFAULT NULL, since text DEFAULT NULL, until text DEFAULT NULL, max_rows int DEFAULT 100) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(extract(minute FROM ended_at)::text, ' ' ORDER BY nr) FROM stash.session_history(minutes.user_id,
        ('2001-02-01 ' || since)::timestamptz, ('2001-02-01 ' || until)::timestamptz, minutes.max_rows) WITH ORDINALITY
        AS h (id, session_user_id, agent_id, created_at, last_seen_at, ended_at, kind, reason, ended_by, ip, user_agent, nr)
    WHERE session_user_id IN ('even', 'odd')$$;
SELECT is(minutes(since => '00:35Z'), '40 39 38 37 36 35', 'the latest first, since inclusive');
SELECT is(minutes(until => '00:04Z'), '3 2 1', 'until exclusive');
SELECT is(minutes(since => '00:10Z', until => '00:13Z'), '12 11 10', 'both');
SELECT is(minutes('even', '00:10Z', '00:15Z'), '14 12 10', 'of a user');
SELECT is(minutes(until => '00:20Z', max_rows => 3), '19 18 17', 'some');
SELECT is(minutes(since => '00:20Z', until => '00:10Z'), NULL, 'nothing between');
SELECT is((SELECT count(*) FROM stash.session_history('nobody')), 0::bigint, 'an unknown user');
SELECT is((SELECT count(*) FROM stash.session_history(since => '-infinity', until => 'infinity')), 46::bigint, 'infinite bounds');
INSERT INTO stash.session_history (slot, id, user_id, created_at, last_seen_at, ended_at, kind)
    SELECT 0, gen_random_uuid(), 'tie', '2001-01-01', '2001-01-01', '2001-01-01', 'deleted' FROM generate_series(1, 120);
SELECT is((SELECT count(*) FROM stash.session_history('tie')), 100::bigint, 'a hundred unless told');
SELECT is((SELECT count(*) FROM stash.session_history('tie', max_rows => 100000)), 120::bigint, 'a hundred thousand at most');
SELECT is((SELECT array_agg(id) FROM stash.session_history('tie')), (SELECT array_agg(id) FROM (SELECT id FROM stash.session_history
    WHERE user_id = 'tie' ORDER BY id LIMIT 100) AS t), 'those of one moment by id');
ROLLBACK;
SELECT raises(format('SELECT * FROM stash.session_history(max_rows => %s)', bad), '22023', '%', 'max_rows ' || bad)
FROM unnest(ARRAY['0', '-1', '100001', 'NULL']) AS bad;

-- Nobody changes it, not the owner, not a superuser, not through a leaf
SELECT tableoid::regclass AS leaf FROM stash.session_history WHERE id = :'deleted' \gset
CREATE TABLE before AS SELECT * FROM stash.session_history;
SELECT raises(replace(statement, '@', relation), '0A000', '%retention%', replace(statement, '@', relation)) FROM unnest(ARRAY[
    'UPDATE @ SET reason = ''none''', 'UPDATE @ SET kind = kind', 'DELETE FROM @', 'DELETE FROM @ WHERE user_id = ''bob''', 'TRUNCATE @']) AS statement,
    unnest(ARRAY['stash.session_history', :'leaf']) AS relation;
SELECT raises('TRUNCATE stash.session, stash.session_history', '0A000', '%retention%', 'TRUNCATE with others');
SELECT raises('WITH gone AS (DELETE FROM stash.session_history RETURNING 1) SELECT * FROM gone', '0A000', '%retention%', 'DELETE in a WITH');
SELECT raises(format($$INSERT INTO stash.session_history (slot, id, created_at, last_seen_at, ended_at, kind) VALUES (0, %L, now(), now(), now(), 'lost')$$,
    :'kept'), '23514', '%', 'a kind that there is not');
SELECT set_eq('SELECT * FROM stash.session_history', 'SELECT * FROM before', 'it is as it was');
SELECT is((SELECT count(*) FROM stash.session), 2::bigint, 'so are the sessions');

SELECT * FROM finish();
DROP OWNED BY stash_clerk;
DROP ROLE stash_clerk;
