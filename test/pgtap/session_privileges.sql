-- What an application may do with sessions: all of session_*, and nothing to the tables.
\ir lib/session.sql
SELECT plan(74);
SET client_min_messages = warning;
DROP ROLE IF EXISTS stash_nobody, stash_app, stash_cacher, stash_member;
CREATE ROLE stash_nobody;
CREATE ROLE stash_app;
CREATE ROLE stash_cacher;
CREATE ROLE stash_member IN ROLE stash_app;
CREATE FUNCTION attempt(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text := 'done';
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        state := SQLSTATE;
    END;
    RESET ROLE;
    RETURN state;
END $$;
SELECT * FROM stash.session_create('alice') \gset s_
GRANT USAGE ON SCHEMA stash TO stash_nobody;
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'stash'::regnamespace AND proname LIKE 'session%'
    AND has_function_privilege('stash_nobody', p.oid, 'EXECUTE')$$, 'nobody may call a function');

-- {session}: every function of an application
SELECT stash.grant_usage('stash_app', '{session}');
SELECT stash.grant_usage('stash_cacher', '{cache,monitor,admin}');
CREATE TABLE calls AS SELECT replace(replace(c, '$id', quote_literal(:'s_id')), '$token', quote_literal(:'s_token')) AS call FROM unnest(ARRAY[
    $$SELECT stash.session_create('bob', 'phone', '{}', 10, 10, 10, '10.0.0.1', 'B', 3, 1)$$, 'SELECT * FROM stash.session_get($id)',
    'SELECT * FROM stash.session_get_by_token($token)', 'SELECT stash.session_touch($id)', $$SELECT stash.session_update($id, '{"a": 1}')$$,
    'SELECT stash.session_extend($id, 1000000)', 'SELECT stash.session_rotate_token($id)', 'SELECT * FROM stash.session_list()',
    'SELECT stash.session_get_active_count()', 'SELECT * FROM stash.session_history()', 'SELECT * FROM stash.session_analytics()',
    'SELECT stash.session_revoke_others($id)', 'SELECT stash.session_cleanup_inactive(100)', $$SELECT stash.session_bulk_delete(user_id => 'bob')$$,
    'SELECT stash.session_delete($id)']) AS c;
SELECT set_eq($$SELECT substring(call FROM 'session_\w+') FROM calls$$, $$SELECT proname FROM pg_proc WHERE pronamespace = 'stash'::regnamespace
    AND proname LIKE 'session\_%' AND prorettype <> 'trigger'::regtype
    AND proname NOT IN ('session_freshest', 'session_lives')$$, 'these are all functions of sessions');
SELECT is(attempt('stash_nobody', call), '42501', 'nobody: ' || call) FROM calls;
SELECT is(attempt('stash_cacher', call), '42501', 'cache, monitor and admin are not: ' || call) FROM calls;
SELECT is((SELECT version FROM stash.session_get(:'s_id')), 1::bigint, 'nothing has changed');
SELECT is(attempt('stash_app', call), 'done', 'session: ' || call) FROM calls;
SELECT is(ended(:'s_id'), 'deleted by postgres', 'it was done');

-- And no more
SELECT is_empty($$SELECT c.oid::regclass, privilege FROM pg_class AS c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
    WHERE c.relnamespace = 'stash'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege('stash_app', c.oid, privilege)$$,
    'no table and no view');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'stash'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND has_any_column_privilege('stash_app', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')$$, 'no column');
SELECT is(attempt('stash_app', statement), '42501', statement) FROM unnest(ARRAY['SELECT * FROM stash.session', 'SELECT * FROM stash.session_0',
    'SELECT * FROM stash.session_touch', 'SELECT * FROM stash.session_history', 'SELECT * FROM stash.session_seen',
    'UPDATE stash.session SET data = ''{}''', 'DELETE FROM stash.session_1', 'TRUNCATE stash.session', 'SELECT * FROM stash.stat_cache',
    'SELECT stash.session_freshest(gen_random_uuid(), now())', 'SELECT stash.session_lives(now(), 1, now())',
    'SELECT stash.cache_get(''k'')', 'SELECT stash.stat_reset()', 'SELECT stash.grant_usage(''stash_nobody'')',
    'ALTER TABLE stash.session DISABLE TRIGGER ALL', 'CREATE TABLE stash.mine ()']) AS statement;
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'stash'::regnamespace
    AND p.prorettype = 'trigger'::regtype AND proname LIKE 'session%' AND has_function_privilege('stash_app', p.oid, 'EXECUTE')$$, 'no trigger function');
CREATE TABLE mine (id uuid, token_hash bytea);
CREATE TRIGGER t AFTER DELETE ON mine FOR EACH ROW EXECUTE FUNCTION stash.session_row_changed();
INSERT INTO mine DEFAULT VALUES;
SELECT throws_ok('DELETE FROM mine', '39P01', NULL, 'which are of no use on other tables');
SELECT throws_ok('SELECT stash.session_row_changed()', '39P01', NULL, 'nor called');
-- Members, and what is taken back
SELECT is(attempt('stash_member', 'SELECT stash.session_create()'), 'done', 'a member of the role may, too');
SELECT stash.revoke_usage('stash_app', '{session}');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'stash'::regnamespace
    AND has_function_privilege('stash_app', p.oid, 'EXECUTE')$$, 'revoke_usage leaves nothing');
SELECT is(attempt('stash_member', 'SELECT stash.session_create()'), '42501', 'nor to its members');
SET SESSION AUTHORIZATION stash_nobody;
PREPARE reads AS SELECT 1 FROM stash.session_get('00000000-0000-0000-0000-000000000000');
RESET SESSION AUTHORIZATION;
SELECT is(attempt('stash_nobody', 'EXECUTE reads'), '42501', 'nor in a statement that was prepared');

SELECT * FROM finish();
DROP OWNED BY stash_nobody, stash_app, stash_cacher, stash_member;
DROP ROLE stash_nobody, stash_app, stash_cacher, stash_member;
