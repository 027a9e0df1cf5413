-- Objects that somebody puts in front of pg_catalog's, or names as ours, change nothing.
SELECT plan(12);
SET client_min_messages = warning;
DROP ROLE IF EXISTS stash_mallory;
CREATE ROLE stash_mallory;
GRANT CREATE ON SCHEMA public TO stash_mallory;
GRANT TEMPORARY ON DATABASE :DBNAME TO stash_mallory;
SELECT stash.grant_usage('stash_mallory', '{cache,monitor,admin}');
CREATE TABLE users (id int PRIMARY KEY);

CREATE FUNCTION hostile(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', 'pg_temp, public, pg_catalog', true);
    EXECUTE call;
    PERFORM set_config('search_path', 'public', true);
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;

SET ROLE stash_mallory;
CREATE FUNCTION public.trapped() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped as %', current_user; END$$;
CREATE FUNCTION public.octet_length(text) RETURNS int LANGUAGE sql AS 'SELECT trapped()::int';
CREATE FUNCTION public.text_trap(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT trapped()';
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.text_trap);
CREATE OPERATOR public.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = public.text_trap);
CREATE FUNCTION public.cardinality(anyarray) RETURNS int LANGUAGE sql AS 'SELECT trapped()::int';
CREATE FUNCTION public.round(numeric, int) RETURNS numeric LANGUAGE sql AS 'SELECT trapped()::int::numeric';
CREATE TEMPORARY TABLE cache_namespace (name text, max_bytes bigint, default_ttl float8, strict boolean, roles text[]);
CREATE TEMPORARY TABLE pg_roles (rolname name);
CREATE TEMPORARY TABLE pg_proc (proname name);
CREATE TEMPORARY TABLE pg_prepared_xacts (transaction xid);
CREATE TEMPORARY TABLE stat_cache (namespace text);
RESET ROLE;
SELECT is(hostile(call), 'done', call) FROM unnest(ARRAY[
    $$SELECT stash.cache_namespace_create('n', 10000, 10, false, ARRAY['stash_mallory'])$$,
    $$SELECT stash.cache_namespace_alter('n', 0, 0, true, '{}')$$, $$SELECT stash.cache_info()$$,
    $$SELECT stash.health_check()$$, $$SELECT stash.grant_usage('stash_mallory', '{cache}')$$,
    $$SELECT stash.revoke_usage('stash_mallory', '{cache}')$$, $$SELECT stash.cache_invalidate_on('public.users', 'user:{id}')$$,
    $$SELECT stash.cache_namespace_drop('n')$$]) AS call;
SELECT is_empty('SELECT * FROM pg_temp.cache_namespace', 'nothing went to a table of the same name');

SELECT is(hostile('SELECT ''a''::text = ''b'''), 'trapped as ' || current_user, 'the traps are set');

-- A schema that comes and goes in front: the trigger's statements are qualified
CREATE SCHEMA stash_front;
CREATE TABLE stash_front.users (id int);
SET search_path = stash_front, pg_catalog, public;
SELECT stash.cache_invalidate_on('public.users', 'other:{id}');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'stash_front.users'::regclass$$,
    'a tie is made on the table that was named');
SET search_path = '';
SELECT stash.cache_invalidate_off('public.users') AS done \gset
SET search_path = pg_catalog, public;
SELECT ok(:'done', 'with an empty search_path');

SELECT * FROM finish();
DROP OWNED BY stash_mallory CASCADE;
DROP ROLE stash_mallory;
