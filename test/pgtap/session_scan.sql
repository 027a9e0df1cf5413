-- session_get and session_get_by_token in FROM: planned as a scan of their own, or called as
-- functions, with the same rows.
\ir lib/session.sql
SELECT plan(33);
SET client_min_messages = warning;
SELECT * FROM stash.session_create('alice', data => '{"a": 1}') \gset s_
SELECT * FROM stash.session_create('bob') \gset b_
CREATE FUNCTION plan_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    whole text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
        whole := whole || line || E'\n';
    END LOOP;
    RETURN whole;
END $$;
CREATE FUNCTION scans(statement text) RETURNS boolean LANGUAGE sql AS $$SELECT plan_of(statement) ~ 'Custom Scan \(stash session\)'$$;
SELECT format('stash.session_get(%L)', :'s_id') AS by_id, format('stash.session_get_by_token(%L)', :'s_token') AS by_token \gset

-- Where the scan stands, and where it cannot
SELECT ok(scans('SELECT * FROM ' || call), 'a scan: ' || call) FROM unnest(ARRAY[:'by_id', :'by_token']) AS call;
SELECT ok(scans(format('SELECT data FROM %s WHERE version > 0', :'by_id')), 'with a condition');
SELECT ok(scans(format('SELECT n, s.data FROM generate_series(1, 3) AS n JOIN %s AS s ON s.version = n', :'by_id')), 'in a join');
SELECT ok(NOT scans(format('SELECT s FROM %s AS s', :'by_id')), 'the row as a whole is the function''s');
SELECT ok(NOT scans(format('SELECT 1 FROM %s AS s WHERE s IS NOT NULL', :'by_id')), 'in a condition, too');
SELECT ok(NOT scans(format('SELECT s.user_id FROM (SELECT %L::uuid AS id FROM generate_series(1, 2) OFFSET 0) AS q, stash.session_get(id) AS s', :'s_id')), 'lateral');
SELECT ok(NOT scans(format('SELECT * FROM %s WITH ORDINALITY', :'by_id')), 'with ordinality');
SELECT ok(NOT scans(format('SELECT * FROM ROWS FROM (%s, generate_series(1, 2))', :'by_id')), 'beside other functions');

-- The same rows
SELECT is((SELECT to_jsonb(s) FROM stash.session_get(:'s_id') AS s), (SELECT jsonb_build_object('id', id, 'user_id', user_id, 'agent_id', agent_id,
    'data', data, 'schema_version', schema_version, 'version', version, 'created_at', created_at, 'updated_at', updated_at, 'last_seen_at', last_seen_at,
    'expires_at', expires_at, 'absolute_expires_at', absolute_expires_at, 'idle_ttl', idle_ttl, 'ip', ip, 'user_agent', user_agent)
    FROM stash.session_get(:'s_id')), 'each column by scan and by function');
SELECT results_eq(format('SELECT user_id FROM %s WHERE version = 1', :'by_id'), ARRAY['alice'], 'a condition that holds');
SELECT results_eq(format('SELECT user_id || version, updated_at - created_at FROM %s', :'by_id'), $$VALUES ('alice1', interval '0')$$, 'expressions');
SELECT results_eq(format('SELECT count(*), 7 FROM %s', :'by_id'), $$VALUES (1::bigint, 7)$$, 'no column at all');
SELECT results_eq(format('SELECT user_id, count(*) FROM %s GROUP BY user_id ORDER BY user_id', :'by_id'), $$VALUES ('alice', 1::bigint)$$, 'grouped');
SELECT is_empty(format('SELECT user_id FROM %s WHERE version = 2', :'by_id'), 'one that does not');
SELECT results_eq(format('SELECT s.user_id FROM (SELECT x::uuid AS id FROM unnest(ARRAY[%L, %L, NULL, gen_random_uuid()::text]) AS x OFFSET 0) AS q, stash.session_get(id) AS s',
    :'s_id', :'b_id'), ARRAY['alice', 'bob'], 'lateral: a row for each that is there');
SELECT results_eq(format('SELECT (SELECT user_id FROM stash.session_get(id)) FROM (VALUES (%L::uuid), (NULL), (%L)) AS q (id)', :'s_id', :'b_id'),
    $$VALUES ('alice'), (NULL), ('bob')$$, 'in a correlated subquery: begun again for each');
SELECT results_eq(format('SELECT (stash.session_get(%L)).user_id', :'s_id'), ARRAY['alice'], 'in the select list');
SELECT results_eq(format('SELECT n, user_id FROM generate_series(1, 2) AS n LEFT JOIN %s ON version = n ORDER BY n', :'by_id'),
    $$VALUES (1, 'alice'), (2, NULL)$$, 'an outer join');
SELECT results_eq(format('SELECT user_id FROM stash.session_get((SELECT id FROM stash.session_list(%L)))', 'bob'), ARRAY['bob'], 'the id from a subquery');
CREATE TABLE visit AS SELECT 'alice' AS who, 0 AS times;
SELECT results_eq(format('UPDATE visit SET times = times + 1 FROM %s WHERE user_id = who RETURNING times', :'by_token'), ARRAY[1], 'in an UPDATE');
SELECT results_eq(format('SELECT who FROM visit, %s WHERE user_id = who FOR UPDATE OF visit', :'by_token'), ARRAY['alice'], 'beside a locked row');

-- Prepared, with every kind of argument, again after the session has ended
PREPARE find(text) AS SELECT user_id FROM stash.session_get_by_token($1);
SET plan_cache_mode = force_generic_plan;
CREATE TABLE bound AS SELECT format('EXECUTE find(%L)', :'s_token') AS token;
SELECT results_eq((SELECT token FROM bound), ARRAY['alice'], 'a generic plan');
SELECT is_empty('EXECUTE find(NULL)', 'NULL');
SELECT is_empty('EXECUTE find(''short'')', 'no token');
SELECT ok(stash.session_delete(:'b_id'), 'bob leaves');
SELECT is_empty(format('SELECT * FROM stash.session_get(%L)', :'b_id'), 'and is not found');
RESET plan_cache_mode;
BEGIN;
DECLARE both_ways SCROLL CURSOR FOR SELECT user_id FROM stash.session_get_by_token(:'s_token');
MOVE FORWARD ALL IN both_ways;
SELECT results_eq('FETCH BACKWARD 1 FROM both_ways', ARRAY['alice'], 'a cursor runs backwards');
COMMIT;

-- What was touched, and who may
SELECT last_seen_at AS before FROM stash.session_get(:'s_id') \gset
SELECT count(*) FROM stash.session_get(:'s_id', NULL) \gset ignored_
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'before'::timestamptz, 'touch NULL is false');
SELECT ok((SELECT last_seen_at FROM stash.session_get(:'s_id', true)) > :'before'::timestamptz, 'true touches');
EXPLAIN SELECT * FROM stash.session_get(:'s_id', true) \g /dev/null
DROP ROLE IF EXISTS stash_stranger;
CREATE ROLE stash_stranger;
GRANT USAGE ON SCHEMA stash TO stash_stranger;
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text := 'done';
BEGIN
    SET LOCAL ROLE stash_stranger;
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        message := SQLSTATE || ' ' || SQLERRM;
    END;
    RESET ROLE;
    RETURN message;
END $$;
SELECT is(attempt('SELECT * FROM stash.session_get(gen_random_uuid())'), '42501 permission denied for function session_get', 'without the right');
SELECT is(attempt('EXECUTE find(''x'')'), '42501 permission denied for function session_get_by_token', 'nor by a plan made before');
GRANT EXECUTE ON FUNCTION stash.session_get(uuid, boolean) TO stash_stranger;
SELECT is(attempt('SELECT * FROM stash.session_get(gen_random_uuid())'), 'done', 'with it');
REVOKE ALL ON FUNCTION stash.session_get(uuid, boolean) FROM stash_stranger;
REVOKE ALL ON SCHEMA stash FROM stash_stranger;
DROP ROLE stash_stranger;
SELECT * FROM finish();
