-- What a caller puts in front of pg_catalog does not run with the rights of the sessions' owner.
\ir lib/session.sql
SELECT plan(58);
SET client_min_messages = warning;
DROP ROLE IF EXISTS stash_mallory;
CREATE ROLE stash_mallory;
SELECT stash.grant_usage('stash_mallory', '{session}');
CREATE SCHEMA traps AUTHORIZATION stash_mallory;
GRANT TEMPORARY ON DATABASE :DBNAME TO stash_mallory;

-- A trap does what it stands for, unless it runs as somebody else: then it springs.
SET ROLE stash_mallory;
CREATE FUNCTION traps.spring(what text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_user <> 'stash_mallory' THEN
        RAISE EXCEPTION 'trapped as %', current_user USING DETAIL = what;
    END IF;
END $$;
DO $$
DECLARE
    t text;
    op text;
    n int := 0;
BEGIN
    FOREACH t IN ARRAY ARRAY['uuid', 'text', 'timestamptz', 'bytea', 'int2', 'int4', 'int8', 'float8', 'interval', 'jsonb', 'bool'] LOOP
        FOREACH op IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>='] LOOP
            n := n + 1;
            EXECUTE format('CREATE FUNCTION traps.trap_%s(a %s, b %s) RETURNS boolean LANGUAGE plpgsql AS %L', n, t, t,
                format('BEGIN PERFORM traps.spring(%L); RETURN a OPERATOR(pg_catalog.%s) b; END', op || ' of ' || t, op));
            EXECUTE format('CREATE OPERATOR traps.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = traps.trap_%s)', op, t, t, n);
        END LOOP;
    END LOOP;
END $$;
CREATE FUNCTION traps.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
    $$BEGIN PERFORM traps.spring('clock_timestamp'); RETURN pg_catalog.clock_timestamp(); END$$;
CREATE FUNCTION traps.now() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN PERFORM traps.spring('now'); RETURN pg_catalog.now(); END$$;
CREATE FUNCTION traps.octet_length(a bytea) RETURNS int LANGUAGE plpgsql AS
    $$BEGIN PERFORM traps.spring('octet_length'); RETURN pg_catalog.octet_length(a); END$$;
CREATE FUNCTION traps.date_part(a text, b interval) RETURNS float8 LANGUAGE plpgsql AS
    $$BEGIN PERFORM traps.spring('date_part'); RETURN pg_catalog.date_part(a, b); END$$;
CREATE FUNCTION traps.isfinite(a timestamptz) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN PERFORM traps.spring('isfinite'); RETURN pg_catalog.isfinite(a); END$$;
CREATE FUNCTION traps.unnest(a uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql AS
    $$BEGIN PERFORM traps.spring('unnest'); RETURN QUERY SELECT pg_catalog.unnest(a); END$$;
CREATE FUNCTION traps.unnest(a text[]) RETURNS SETOF text LANGUAGE plpgsql AS
    $$BEGIN PERFORM traps.spring('unnest'); RETURN QUERY SELECT pg_catalog.unnest(a); END$$;
CREATE FUNCTION traps.unnest(a timestamptz[]) RETURNS SETOF timestamptz LANGUAGE plpgsql AS
    $$BEGIN PERFORM traps.spring('unnest'); RETURN QUERY SELECT pg_catalog.unnest(a); END$$;
CREATE FUNCTION traps.generate_series(a timestamptz, b timestamptz, c interval) RETURNS SETOF timestamptz LANGUAGE plpgsql AS
    $$BEGIN PERFORM traps.spring('generate_series'); RETURN QUERY SELECT pg_catalog.generate_series(a, b, c); END$$;
CREATE TEMPORARY TABLE session (LIKE pg_catalog.pg_class);
CREATE TEMPORARY TABLE session_touch (id uuid);
CREATE TEMPORARY TABLE session_history (id uuid);
RESET ROLE;

-- Runs a statement as the caller, or as the owner, behind the traps.
CREATE FUNCTION attempt(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text := 'done';
    detail text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    PERFORM set_config('search_path', 'pg_temp, traps, pg_catalog', true);
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS outcome = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        outcome := pg_catalog.concat_ws(': ', outcome, detail);
    END;
    PERFORM pg_catalog.set_config('search_path', 'public', true);
    RESET ROLE;
    RETURN outcome;
END $$;
SELECT alike(attempt('postgres', statement), 'trapped as postgres: %', 'a trap is set: ' || statement) FROM unnest(ARRAY[
    $$SELECT 'a'::text = 'b'$$, 'SELECT gen_random_uuid() <> gen_random_uuid()', $$SELECT '2001-01-01'::timestamptz > '2001-01-01'::timestamptz$$,
    'SELECT clock_timestamp()', $$SELECT unnest('{00000000-0000-0000-0000-000000000000}'::uuid[])$$, 'SELECT 1 < 2',
    $$SELECT * FROM generate_series('2001-01-01'::timestamptz, '2001-01-02', '1 h'::interval)$$, $$SELECT nullif('a'::text, 'b')$$]) AS statement;

CREATE FUNCTION calls(id uuid, token text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT replace(replace(c, '$id', quote_literal(id)), '$token', quote_literal(token)) FROM unnest(ARRAY[
    'SELECT stash.session_create(''mallory'', ''phone'', idle_ttl => 1000)', 'SELECT stash.session_create(''mallory'', max_per_user => 1)',
    'SELECT stash.session_create(''mallory'', ttl => 1e-9)', 'SELECT stash.session_create(''mallory'', idle_ttl => 1e-6)',
    'SELECT * FROM stash.session_get($id)', 'SELECT * FROM stash.session_get_by_token($token)', 'SELECT * FROM stash.session_get(gen_random_uuid())',
    'SELECT stash.session_touch($id)', 'SELECT stash.session_update($id, ''{"a": {"b": null}}'', schema_version => 2)', 'SELECT stash.session_extend($id, 1000000)',
    'SELECT stash.session_list(''mallory'', ''phone'')', 'SELECT stash.session_list(active => NULL)', 'SELECT stash.session_get_active_count(''mallory'')',
    'SELECT stash.session_rotate_token($id, 10)', 'SELECT stash.session_cleanup_inactive(1e6)', 'SELECT * FROM stash.session_history(''mallory'')',
    'SELECT * FROM stash.session_analytics()', 'SELECT stash.session_revoke_others($id)', 'SELECT stash.session_create(''bulk'')',
    'SELECT stash.session_bulk_delete(ARRAY[$id]::uuid[], ''x'')', 'SELECT stash.session_bulk_delete(user_id => ''bulk'')',
    'SELECT stash.session_bulk_delete(agent_id => ''phone'')', 'SELECT stash.session_delete($id, ''bye'')']) AS c$$;

-- First of all in this backend: what is prepared once is prepared behind the traps
CREATE TABLE before AS SELECT * FROM stash.session;
SELECT is(attempt('stash_mallory', call), 'done', 'first: ' || call) FROM calls(gen_random_uuid(), repeat('A', 43)) AS call;
-- On a session that lives; then again what was prepared without them, which is prepared anew when the path has changed
SELECT * FROM stash.session_create('alice') \gset s_
SELECT stash.session_create('alice');
SELECT is(attempt('stash_mallory', call), 'done', 'again: ' || call) FROM calls(:'s_id', :'s_token') AS call;
SELECT is(ended(:'s_id'), 'deleted bye by postgres', 'all was done');
SELECT is((SELECT count(*) FROM stash.session_history('mallory') WHERE kind = 'evicted') >= 1, true, 'evictions, too');

-- A change by an administrator who has such a path runs the trigger
SELECT * FROM stash.session_create('alice') \gset s_
SELECT is(attempt('postgres', format('DELETE FROM stash.session WHERE id OPERATOR(pg_catalog.=) %L', :'s_id')), 'done', 'the triggers of the tables');
SELECT is(found(:'s_id', :'s_token') || ended(:'s_id'), '- -deleted by postgres', 'did what they do');

SELECT * FROM finish();
DROP OWNED BY stash_mallory CASCADE;
DROP ROLE stash_mallory;
