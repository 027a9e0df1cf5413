-- PREPARE TRANSACTION: what it changes stays in flux until it is over, its sets become deletes.
SELECT plan(15);
SET stash.blind_fill_guard = 0;
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'old');
SELECT stash.cache_invalidate_on('users', 'user:{id}');
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
    SELECT stash.cache_set('k', '"old"', fresh => true), stash.cache_set('tagged', '"old"', tags => '{user:1}', fresh => true),
        stash.cache_set('other', '"old"', tags => '{user:2}', fresh => true)$$;

SELECT fill();
BEGIN;
UPDATE users SET name = 'new' WHERE id = 1;
SELECT stash.cache_set('k', '"new"', fresh => true);
PREPARE TRANSACTION 'one';
SELECT is(stash.cache_get_many('{k,tagged,other}'), ARRAY[NULL, NULL, '"old"']::jsonb[], 'prepared: what it changed is missed');
SELECT stash.cache_set('k', '"meanwhile"', fresh => true) IS NULL AS key_refused,
    stash.cache_set('tagged', '"meanwhile"', tags => '{user:1}', fresh => true) IS NULL AS tag_refused \gset
SELECT ok(:'key_refused' AND :'tag_refused', 'and cannot be filled');
SELECT is(stash.cache_fetch('tagged', 'SELECT to_jsonb(name) FROM users WHERE id = 1', tags => '{user:1}'), '"old"',
    'cache_fetch computes what is committed');
SELECT is(stash.cache_get('tagged'), NULL, 'and keeps nothing');
COMMIT PREPARED 'one';
SELECT is(stash.cache_get_many('{k,tagged,other}'), ARRAY[NULL, NULL, '"old"']::jsonb[], 'committed: its sets have become deletes');
SELECT stash.cache_fetch('tagged', 'SELECT to_jsonb(name) FROM users WHERE id = 1', tags => '{user:1}') AS got \gset
SELECT is(:'got'::text, '"new"', 'what is computed now is new');
SELECT is(stash.cache_get('tagged'), '"new"', 'and kept');

SELECT fill();
BEGIN;
UPDATE users SET name = 'never' WHERE id = 1;
SELECT stash.cache_delete('k');
PREPARE TRANSACTION 'two';
ROLLBACK PREPARED 'two';
SELECT is(stash.cache_get_many('{other}'), ARRAY['"old"']::jsonb[], 'rolled back: others are untouched');
SELECT stash.cache_fetch('tagged', 'SELECT to_jsonb(name) FROM users WHERE id = 1', tags => '{user:1}') AS got \gset
SELECT is(:'got'::text, '"new"', 'what it changed can be filled again');
SELECT stash.cache_fetch('tagged', 'SELECT to_jsonb(name) FROM users WHERE id = 1', tags => '{user:1}');
SELECT is(stash.cache_get('tagged'), '"new"', 'and is kept, at the latest by the statement after the one that noticed');

-- Without anything to say to the cache
BEGIN;
INSERT INTO users VALUES (9, 'x');
SELECT stash.cache_get('other');
PREPARE TRANSACTION 'three';
SELECT is(stash.cache_get('other'), '"old"', 'a prepared transaction disturbs only what it changed');
COMMIT PREPARED 'three';

-- Several at once
BEGIN;
SELECT stash.cache_delete('k');
PREPARE TRANSACTION 'four';
BEGIN;
SELECT stash.cache_invalidate_tags('{user:*}');
PREPARE TRANSACTION 'five';
SELECT is(stash.cache_get('other'), NULL, 'a prepared class');
COMMIT PREPARED 'four';
SELECT is(stash.cache_get('other'), NULL, 'is in flux until its own transaction is over');
COMMIT PREPARED 'five';
SELECT stash.cache_exists('other');
SELECT stash.cache_set('other', '"again"', tags => '{user:2}', fresh => true);
SELECT is(stash.cache_get('other'), '"again"', 'then it can be filled');
SELECT is((SELECT count(*) FROM pg_prepared_xacts), 0::bigint, 'nothing is left');

SELECT * FROM finish();
