-- cache_fetch under row-level security: kept per role, or not at all.
SELECT plan(27);
SET stash.fetch_timeout = '1h';
SET statement_timeout = '1min';
SET stash.blind_fill_guard = 0;
SET client_min_messages = warning;
DROP ROLE IF EXISTS stash_alice, stash_bob;
CREATE ROLE stash_alice;
CREATE ROLE stash_bob;
SELECT stash.grant_usage('stash_alice'), stash.grant_usage('stash_bob');
GRANT CREATE ON SCHEMA public TO stash_alice;
CREATE TABLE notes (owner text, v text);
INSERT INTO notes VALUES ('stash_alice', 'hers'), ('stash_bob', 'his');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = current_user);
GRANT SELECT ON notes TO stash_alice, stash_bob;
CREATE SEQUENCE runs;
GRANT USAGE ON SEQUENCE runs TO stash_alice, stash_bob;
CREATE FUNCTION mine(k text, query text, who text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    result := stash.cache_fetch(k, query, tags => '{n}');
    RESET ROLE;
    RETURN result;
END $$;
\set own '''SELECT jsonb_agg(v) FROM notes'''

-- Not within the assertions: pgTAP writes, and what a writer sets takes the other roles' values.
SELECT mine('k', :own, 'postgres') AS all_of_them \gset
SELECT mine('k', :own, 'stash_alice') AS hers \gset
SELECT mine('k', :own, 'stash_bob') AS his \gset
SELECT is(:'all_of_them'::text, '["hers", "his"]', 'the superuser sees all');
SELECT is(:'hers'::text, '["hers"]', 'a role sees its own');
SELECT is(:'his'::text, '["his"]', 'and another its own');
SELECT is(mine('k', 'SELECT to_jsonb(1 / 0)', 'postgres'), '["hers", "his"]', 'the superuser''s value is kept');
SELECT is(mine('k', 'SELECT to_jsonb(1 / 0)', 'stash_alice'), '["hers"]', 'and one role''s');
SELECT is(mine('k', 'SELECT to_jsonb(1 / 0)', 'stash_bob'), '["his"]', 'and the other''s');
SELECT is(stash.cache_get('k'), '["hers", "his"]', 'cache_get returns the present role''s');
SET ROLE stash_bob;
SELECT stash.cache_get('k') AS got, (SELECT string_agg(key, ',') FROM stash.cache_keys()) AS keys,
    (SELECT string_agg(value::text, ',') FROM stash.cache_get_by_tags('{n}')) AS tagged \gset
RESET ROLE;
SELECT is(:'got'::text, '["his"]', 'for each');
SELECT is(:'keys'::text, 'k', 'cache_keys lists it once, as it was given');
SELECT is(:'tagged'::text, '["his"]', 'cache_get_by_tags returns the role''s, too');
SELECT stash.cache_delete('k');
SELECT is(mine('k', 'SELECT ''"new"''::jsonb', 'stash_alice'), '"new"', 'a delete of the key takes all roles'' values');
SELECT stash.cache_delete('k');
SELECT mine('k', :own, 'stash_alice'), mine('k', :own, 'stash_bob');
SELECT stash.cache_invalidate_tags('{n}');
SELECT is(mine('k', 'SELECT ''"new"''::jsonb', 'stash_alice'), '"new"', 'so does its tag');
SELECT is(mine('k', 'SELECT to_jsonb(1 / 0)', 'stash_bob'), '"new"', 'what no policy filters is everybody''s');

-- A policy that depends on more than the role
CREATE TABLE rented (tenant text, v text);
INSERT INTO rented VALUES ('a', 'a''s'), ('b', 'b''s');
ALTER TABLE rented ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON rented USING (tenant = current_setting('app.tenant', true));
GRANT SELECT ON rented TO stash_alice, stash_bob;
SET app.tenant = 'a';
SELECT is(mine('t', 'SELECT jsonb_agg(v) FROM rented', 'stash_alice'), '["a''s"]', 'tenant a');
SET app.tenant = 'b';
SELECT is(mine('t', 'SELECT jsonb_agg(v) FROM rented', 'stash_alice'), '["b''s"]', 'tenant b, same role: not shared');
SELECT ok(NOT stash.cache_exists('t'), 'nothing is kept');
CREATE VIEW rentals WITH (security_barrier) AS SELECT * FROM rented;
ALTER VIEW rentals OWNER TO stash_alice;
GRANT SELECT ON rentals TO stash_bob;
SELECT is(mine('v', 'SELECT jsonb_agg(v) FROM rentals', 'stash_bob'), '["b''s"]', 'through a view');
SET app.tenant = 'a';
SELECT is(mine('v', 'SELECT jsonb_agg(v) FROM rentals', 'stash_bob'), '["a''s"]', 'neither');
SELECT is(mine('sub', 'SELECT to_jsonb((SELECT string_agg(v, '','') FROM rented WHERE EXISTS (SELECT FROM rented)))', 'stash_bob'),
    '"a''s"', 'in a sub-select');
SET app.tenant = 'b';
SELECT is(mine('sub', 'SELECT to_jsonb((SELECT string_agg(v, '','') FROM rented WHERE EXISTS (SELECT FROM rented)))', 'stash_bob'),
    '"b''s"', 'neither');

-- What functions read nobody can tell from the query
CREATE FUNCTION reads_plpgsql() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT jsonb_agg(v) FROM notes); END$$;
CREATE FUNCTION reads_sql() RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_agg(v) FROM notes$$;
CREATE FUNCTION reads_rows() RETURNS TABLE (v text) LANGUAGE sql STABLE AS $$SELECT v FROM notes$$;
CREATE FUNCTION reads_rented() RETURNS TABLE (v text) LANGUAGE sql STABLE AS $$SELECT v FROM rented$$;
SELECT is(mine('f' || q, q, 'postgres') || mine('f' || q, q, 'stash_alice') || mine('f' || q, q, 'stash_bob'),
    '["hers", "his", "hers", "his"]', 'each sees its own through ' || q)
FROM unnest(ARRAY['SELECT reads_plpgsql()', 'SELECT reads_sql()', 'SELECT jsonb_agg(v) FROM reads_rows()',
    $$SELECT stash.cache_fetch('inner', 'SELECT jsonb_agg(v) FROM notes')$$]) AS q;
\set both '''SELECT jsonb_agg(n.v || r.v) FROM notes AS n, reads_rented() AS r'''
SET app.tenant = 'a';
SELECT is(mine('both', :both, 'stash_alice'), '["hersa''s"]', 'a table by role and a function by tenant');
SET app.tenant = 'b';
SELECT is(mine('both', :both, 'stash_alice'), '["hersb''s"]', 'are not kept');
CREATE FUNCTION plain() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN to_jsonb(nextval('runs')); END$$;
SELECT is(mine('plain', 'SELECT plain()', 'stash_alice') || mine('plain', 'SELECT plain()', 'stash_bob'), '[1, 1]',
    'a function that no policy concerns is kept for all');

SELECT * FROM finish();
DROP OWNED BY stash_alice, stash_bob CASCADE;
DROP ROLE stash_alice, stash_bob;
