-- A search does what a SELECT of the caller could do: privileges, columns, row security.
SELECT plan(17);

CREATE ROLE vector_reader;
CREATE ROLE vector_stranger;
CREATE SCHEMA hidden;
CREATE TABLE doc (id integer PRIMARY KEY, e real[], owner text, secret text);
INSERT INTO doc VALUES (1, '{1,0}', 'vector_reader', 'a'), (2, '{0,1}', 'somebody', 'b'), (3, '{1,1}', 'vector_reader', 'c');
CREATE TABLE hidden.doc AS SELECT * FROM doc;
GRANT SELECT ON hidden.doc TO vector_reader;
SELECT 'hidden.doc'::regclass::oid AS hidden \gset
SELECT stash.grant_usage('vector_reader', '{vector}');
GRANT SELECT (id, e, owner) ON doc TO vector_reader;

SET ROLE vector_stranger;
SELECT throws_ok($$SELECT stash.vector_distance('{1}', '{1}')$$, '42501', NULL, 'not granted: nothing');
RESET ROLE;
GRANT USAGE ON SCHEMA stash TO vector_stranger;
SET ROLE vector_stranger;
SELECT throws_ok($$SELECT stash.vector_distance('{1}', '{1}')$$, '42501', NULL, 'not granted: no distance');
SELECT throws_ok($$SELECT stash.vector_search_local('doc', 'e', '{1,0}')$$, '42501', NULL, 'not granted: no search');
RESET ROLE;
SELECT stash.grant_usage('vector_stranger', '{vector}');
SET ROLE vector_stranger;
SELECT lives_ok($$SELECT stash.vector_distance('{1}', '{1}')$$, 'granted: a distance');
SELECT throws_ok($$SELECT stash.vector_search_local('doc', 'e', '{1,0}', property_columns => '{}')$$, '42501',
    'permission denied for table doc', 'no right to read the table');
SELECT throws_ok($$SELECT stash.vector_search_local('doc', 'e', '{1,0}', 1, '{"id": 1}', property_columns => '{}')$$,
    '42501', 'permission denied for table doc', 'nor with a filter');
SET ROLE vector_reader;
SELECT throws_ok($$SELECT stash.vector_search_local('doc', 'e', '{1,0}')$$, '42501',
    'permission denied for table doc', 'all columns, without the right to all');
SELECT results_eq($$SELECT id->'id' FROM stash.vector_search_local('doc', 'e', '{1,0}', property_columns => '{owner}')$$,
    $$VALUES ('1'::jsonb), ('3'), ('2')$$, 'columns with rights');
SELECT throws_ok($$SELECT stash.vector_search_local('doc', 'e', '{1,0}', 10, '{"secret": "a"}', property_columns => '{}')$$,
    '42501', 'permission denied for table doc', 'a filter by a column without rights');
SELECT throws_ok(format($$SELECT stash.vector_search_local(%s::oid::regclass, 'e', '{1,0}')$$, :'hidden'), '42501',
    'permission denied for schema hidden', 'a schema that the caller may not use');

-- Row security filters before anything is ranked, and says nothing about other rows.
RESET ROLE;
GRANT SELECT ON doc TO vector_reader;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON doc USING (owner = current_user);
INSERT INTO doc VALUES (4, '{1,0,0}', 'somebody', 'd');
SET ROLE vector_reader;
SELECT results_eq($$SELECT id->'id' FROM stash.vector_search_local('doc', 'e', '{0,1}')$$,
    $$VALUES ('3'::jsonb), ('1')$$, 'own rows');
SELECT is_empty($$SELECT id FROM stash.vector_search_local('doc', 'e', '{0,1}', filter => '{"secret": "b"}')$$,
    'with a filter too');
SELECT throws_like($$SELECT id FROM stash.vector_search_local('doc', 'e', '{0,1,0}')$$,
    'no embedding in column "e" has 3 dimensions', 'a row of others is not even compared');
SET row_security = off;
SELECT throws_ok($$SELECT id FROM stash.vector_search_local('doc', 'e', '{0,1}')$$, '42501', NULL,
    'an error where row security may not filter');
RESET row_security;
RESET ROLE;
SELECT is((SELECT count(*) FROM stash.vector_search_local('doc', 'e', '{0,1}')), 3::bigint, 'the owner sees all');
ALTER TABLE doc FORCE ROW LEVEL SECURITY;
SELECT is((SELECT count(*) FROM stash.vector_search_local('doc', 'e', '{0,1}')), 3::bigint, 'so does a superuser');

-- A hostile search_path finds nothing of its own.
CREATE SCHEMA trap;
CREATE FUNCTION trap.spring(text, text) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'sprung'; END$$;
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.spring);
SET search_path = trap, pg_catalog, public;
SELECT count(*) AS found FROM stash.vector_search_local('public.doc', 'e', '{0,1}', 10,
    '{"owner": {"in": ["somebody"]}, "secret": "b"}') \gset
RESET search_path;
SELECT is(:found, 1, 'operators of pg_catalog only');

DROP OWNED BY vector_reader, vector_stranger;
DROP ROLE vector_reader, vector_stranger;
SELECT * FROM finish();
