-- Ties to other namespaces, by whoever changes the rows; and the end of the extension.
\ir lib/raises.sql
SELECT plan(22);
\ir lib/watch.sql
SET client_min_messages = warning;
DROP ROLE IF EXISTS stash_app, stash_editor;
CREATE ROLE stash_app;
CREATE ROLE stash_editor;
CREATE TABLE users (id int PRIMARY KEY);
CREATE FUNCTION fill_app() RETURNS bigint LANGUAGE sql AS
    $$SELECT stash.cache_set('k', '1', tags => '{user:1}', fresh => true, namespace => 'app')$$;

SELECT stash.cache_namespace_create('app', roles => '{stash_app}');
SELECT stash.cache_exists('k', 'app');
SELECT stash.cache_invalidate_on('users', 'user:{id}', 'app');
SELECT fill('user:1');
SELECT fill_app();
GRANT ALL ON users TO stash_editor;
SET ROLE stash_editor;
INSERT INTO users VALUES (1);
RESET ROLE;
SELECT is(stash.cache_get('k', 'app'), NULL, 'who may not use the namespace invalidates in it by changing rows');
SELECT is(gone('user:1'), 'none', 'and only in it');
SELECT fill_app();
DO $$BEGIN DELETE FROM users; PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END$$;
SELECT is(stash.cache_get('k', 'app'), '1', 'what was undone changes nothing');

-- A namespace that is gone stops nobody; the tie works again when it is back
SELECT stash.cache_namespace_drop('app');
SELECT lives_ok('DELETE FROM users', 'rows can be changed when the namespace is gone');
SELECT lives_ok('TRUNCATE users', 'the table can be emptied');
SELECT stash.cache_namespace_create('app');
SELECT stash.cache_exists('k', 'app');
SELECT fill_app() IS NOT NULL AS done \gset
SELECT ok(:'done', 'the new namespace can be filled');
INSERT INTO users VALUES (1);
SELECT is(stash.cache_get('k', 'app'), NULL, 'and the tie invalidates in it');
BEGIN;
SELECT stash.cache_namespace_create('young');
CREATE TABLE cubs (id int);
SELECT stash.cache_invalidate_on('cubs', 'cub:{id}', 'young');
SELECT stash.cache_set('k', '1', tags => '{cub:1}', fresh => true, namespace => 'young');
INSERT INTO cubs VALUES (1);
SELECT is(stash.cache_get('k', 'young'), NULL, 'a tie to a namespace of the same transaction');
COMMIT;
SELECT is(stash.cache_get('k', 'young'), NULL, 'after it, too');

-- Owners tie, others do not
SELECT stash.grant_usage('stash_app');
GRANT CREATE ON SCHEMA public TO stash_app;
SET ROLE stash_app;
CREATE TABLE mine (id int);
SELECT lives_ok($$SELECT stash.cache_invalidate_on('mine', 'mine:{id}')$$, 'an owner who may use the cache ties a table');
SELECT raises($$SELECT stash.cache_invalidate_on('users', 'user:{id}')$$, '42501', '%', 'nobody else does');
SELECT raises($$SELECT stash.cache_invalidate_off('users')$$, '42501', '%', 'nor unties it');
INSERT INTO mine VALUES (1);
SELECT ok(stash.cache_invalidate_off('mine'), 'an owner unties');
RESET ROLE;
SELECT raises('SELECT stash.cache_invalidate_row()', '39P01', '%', 'a trigger function is not called by hand');
CREATE TRIGGER wrong AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION stash.cache_invalidate_row();
SELECT raises('INSERT INTO users VALUES (2)', '39P01', '%', 'nor by a trigger of somebody else''s making');
DROP TRIGGER wrong ON users;

-- DROP EXTENSION takes the ties with it, and nothing else
CREATE TABLE parts (id int) PARTITION BY LIST (id);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES IN (1);
SELECT stash.cache_invalidate_on('parts', 'part:{id}');
CREATE TRIGGER other BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
BEGIN;
SELECT lives_ok('DROP EXTENSION pg_stash', 'DROP EXTENSION needs no CASCADE');
SELECT lives_ok('INSERT INTO users VALUES (7); INSERT INTO parts VALUES (1); TRUNCATE parts1', 'rows can be changed at once');
ROLLBACK;
SELECT fill_app();
INSERT INTO users VALUES (8);
DELETE FROM users WHERE id = 1;
SELECT is(stash.cache_get('k', 'app'), NULL, 'rolled back: the ties are there');
DROP EXTENSION pg_stash;
SELECT is((SELECT string_agg(tgname, ' ') FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ('users'::regclass, 'parts'::regclass, 'parts1'::regclass)),
    'other', 'no trigger of ours is left');
SELECT lives_ok('DELETE FROM users; DELETE FROM parts', 'rows can be changed');
CREATE EXTENSION pg_stash;
SELECT is(stash.cache_exists('untagged'), false, 'a new extension begins with an empty cache');
SELECT is_empty('SELECT name FROM stash.cache_namespace_list() WHERE name <> ''default''', 'and without namespaces');

SELECT * FROM finish();
DROP OWNED BY stash_app, stash_editor;
DROP ROLE stash_app, stash_editor;
