-- Who may do what: nobody anything, until grant_usage says so.
\ir lib/raises.sql
SELECT plan(56);
SET client_min_messages = warning;
DROP ROLE IF EXISTS stash_nobody, stash_app, stash_monitor, stash_member, "stash Odd";
CREATE ROLE stash_nobody;
CREATE ROLE stash_app;
CREATE ROLE stash_monitor;
CREATE ROLE "stash Odd";
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

-- PUBLIC may do nothing, not even when it may use the schema
SELECT is(attempt('stash_nobody', $$SELECT stash.cache_get('k')$$), '42501', 'nobody may use the schema');
GRANT USAGE ON SCHEMA stash TO stash_nobody;
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'stash'::regnamespace
    AND has_function_privilege('stash_nobody', p.oid, 'EXECUTE')$$, 'nor call a function');
SELECT is(attempt('stash_nobody', $$SELECT stash.cache_get('k')$$), '42501', 'the error of a function that is not allowed');
SELECT is(attempt('stash_nobody', $$SELECT * FROM stash.stat_cache$$), '42501', 'of the view');
SELECT is(attempt('stash_nobody', $$SELECT * FROM stash.cache_namespace$$), '42501', 'of the table');

-- cache: all an application needs, and no more
SELECT stash.grant_usage('stash_app');
SELECT is(attempt('stash_app', call), 'done', 'cache: ' || call) FROM unnest(ARRAY[
    $$SELECT stash.cache_set('k', '1', fresh => true)$$, $$SELECT stash.cache_get('k')$$, $$SELECT stash.cache_get_many('{k}')$$,
    $$SELECT stash.cache_incr('n')$$, $$SELECT stash.cache_invalidate_tags('{t}')$$, $$SELECT stash.cache_get_by_tags('{t}')$$,
    $$SELECT stash.cache_keys()$$, $$SELECT stash.cache_fetch('f', 'SELECT ''1''::jsonb')$$, $$SELECT stash.cache_get_lease('l')$$,
    $$SELECT stash.cache_delete_prefix('x')$$, $$SELECT stash.cache_clear()$$, $$SELECT stash.cache_info()$$,
    $$SELECT stash.cache_info('default')$$, $$SELECT * FROM stash.stat_cache$$, $$SELECT stash.cache_namespace_list()$$,
    $$SELECT stash.version()$$]) AS call;
SELECT is(attempt('stash_app', call), '42501', 'cache is not: ' || call) FROM unnest(ARRAY[
    $$SELECT stash.cache_namespace_create('x')$$, $$SELECT stash.cache_namespace_alter('default', strict => true)$$,
    $$SELECT stash.cache_namespace_drop('x')$$, $$SELECT stash.stat_reset()$$, $$SELECT stash.health_check()$$,
    $$SELECT stash.grant_usage('stash_nobody')$$, $$SELECT stash.revoke_usage('stash_nobody')$$,
    $$SELECT stash.namespace_changed('default', true)$$, $$SELECT * FROM stash.cache_namespace$$,
    $$INSERT INTO stash.cache_namespace VALUES ('x')$$]) AS call;
SELECT is(attempt('stash_member', $$SELECT stash.cache_get('k')$$), 'done', 'a member of the role may, too');

-- monitor, admin
SELECT stash.grant_usage('stash_monitor', '{monitor}');
SELECT is(attempt('stash_monitor', $$SELECT stash.health_check(), stash.cache_info(), stash.worker_status()$$), 'done', 'monitor sees figures');
SELECT is(attempt('stash_monitor', $$SELECT * FROM stash.stat_cache$$), 'done', 'and the view');
SELECT is(attempt('stash_monitor', $$SELECT stash.cache_get('k')$$), '42501', 'but no values');
SELECT stash.grant_usage(role => 'stash_monitor', modules => '{admin}');
SELECT is(attempt('stash_monitor', $$SELECT stash.cache_namespace_create('made'), stash.stat_reset()$$), 'done', 'admin manages namespaces');
SELECT lives_ok($$SELECT stash.grant_usage('"stash Odd"', '{cache,monitor,admin}')$$, 'a role whose name needs quotes');
SELECT is(attempt('stash Odd', $$SELECT stash.cache_get('k'), stash.health_check(), stash.stat_reset()$$), 'done', 'all modules');

-- Taken back
SELECT stash.revoke_usage('stash_app', '{cache}');
SELECT is(attempt('stash_app', $$SELECT stash.cache_get('k')$$), '42501', 'revoke_usage of a module');
SELECT is(attempt('stash_member', $$SELECT stash.cache_get('k')$$), '42501', 'and of its members');
SELECT stash.revoke_usage(role => '"stash Odd"');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'stash'::regnamespace
    AND has_function_privilege('stash Odd', p.oid, 'EXECUTE')$$, 'revoke_usage of all leaves nothing');
SELECT ok(NOT has_schema_privilege('stash Odd', 'stash', 'USAGE') AND NOT has_table_privilege('stash Odd', 'stash.stat_cache', 'SELECT'),
    'not the schema, not the view');
SELECT raises($$SELECT stash.grant_usage('stash_app', '{cash}')$$, '22023', '%monitor%', 'an unknown module');
SELECT raises($$SELECT stash.revoke_usage('stash_app', ARRAY[NULL]::text[])$$, '22023', '%monitor%', 'a null module');
SELECT raises($$SELECT stash.grant_usage(NULL)$$, '22004', '%', 'a null role');
SELECT raises($$SELECT stash.grant_usage('stash_none')$$, '42704', '%', 'an unknown role');

-- Namespaces for some roles only
SELECT stash.grant_usage('stash_app'), stash.grant_usage('stash_nobody');
SELECT stash.cache_namespace_create('private', roles => '{stash_app}');
CREATE FUNCTION used_by(who text) RETURNS text LANGUAGE sql AS $$SELECT attempt(who, $q$SELECT stash.cache_set('k', '1', namespace => 'private')$q$)$$;
SELECT is(used_by('stash_app') || used_by('stash_member') || used_by('postgres'), 'donedonedone', 'the role, its members, superusers');
SELECT is(used_by('stash_nobody'), '42501', 'nobody else');
SELECT is(attempt('stash_nobody', call), '42501', 'not even: ' || call) FROM unnest(ARRAY[
    $$SELECT stash.cache_info('private')$$, $$SELECT stash.cache_clear('private')$$, $$SELECT stash.cache_invalidate_tags('{t}', 'private')$$]) AS call;
SELECT stash.cache_namespace_alter('private', roles => '{stash_nobody}');
SELECT is(used_by('stash_app') || used_by('stash_nobody'), '42501done', 'other roles');
REVOKE stash_app FROM stash_member;
GRANT stash_nobody TO stash_member;
SELECT is(used_by('stash_member'), 'done', 'a new member of such a role');
REVOKE stash_nobody FROM stash_member;
SELECT is(used_by('stash_member'), '42501', 'is one no more');
SELECT stash.cache_namespace_alter('private', roles => '{}');
SELECT is(used_by('stash_app'), 'done', 'no roles: whoever may execute the functions');
SELECT stash.cache_namespace_alter('private', roles => '{stash_member}');
DROP OWNED BY stash_member;
DROP ROLE stash_member;
SELECT is(used_by('stash_app'), '42501', 'a role that was dropped does not open its namespace');

SELECT * FROM finish();
DROP OWNED BY stash_nobody, stash_app, stash_monitor, "stash Odd";
DROP ROLE stash_nobody, stash_app, stash_monitor, "stash Odd";
