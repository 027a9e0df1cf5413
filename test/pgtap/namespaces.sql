-- Namespaces: made, changed and dropped, committed and rolled back.
\ir lib/raises.sql
SELECT plan(46);
SET stash.blind_fill_guard = 0;

-- Made
SELECT set_eq('SELECT name COLLATE "default", max_bytes, default_ttl, strict, roles FROM stash.cache_namespace_list()',
    $$VALUES ('default', NULL::bigint, NULL::float8, false, NULL::text[])$$, 'at first there is the default one');
SELECT stash.cache_namespace_create('all', 1048576, 60, true, ARRAY['postgres']);
SELECT stash.cache_namespace_create(name => 'plain', max_bytes => NULL, default_ttl => 'infinity', strict => NULL, roles => NULL);
SELECT set_eq('SELECT name COLLATE "default", max_bytes, default_ttl, strict, roles FROM stash.cache_namespace_list()',
    $$VALUES ('all', 1048576::bigint, 60::float8, true, ARRAY['postgres']), ('default', NULL, NULL, false, NULL),
      ('plain', NULL, NULL, false, NULL)$$, 'by position and by name');
-- A namespace may refuse what the statement that first uses it has read before.
SELECT stash.cache_exists('k', 'all');
SELECT ok(stash.cache_set('k', '1', fresh => true, namespace => 'all') IS NOT NULL, 'it can be used');
SELECT raises($$SELECT stash.cache_namespace_create('all')$$, '42710', '%alter%', 'it exists already');
SELECT raises($$SELECT stash.cache_namespace_create('default')$$, '42710', '%', 'so does the default one');
SELECT raises($$SELECT stash.cache_namespace_create(NULL)$$, '22004', '_%', 'a null name');
SELECT raises($$SELECT stash.cache_namespace_create('')$$, '22023', '%', 'an empty name');
SELECT raises($$SELECT stash.cache_namespace_create(repeat('n', 64))$$, '22023', '%', 'a name that is too long');
SELECT raises($$SELECT stash.cache_namespace_create('x', 1023)$$, '22023', '_%', 'a budget that is too small');
SELECT raises($$SELECT stash.cache_namespace_create('x', -1)$$, '22023', '_%', 'or negative');
SELECT raises(format($$SELECT stash.cache_namespace_create('x', default_ttl => %L)$$, ttl), '22023', '%infinity%', 'default_ttl ' || ttl)
FROM unnest('{0,-1,NaN,-Infinity}'::text[]) AS ttl;
SELECT raises($$SELECT stash.cache_namespace_create('x', roles => '{nobody_at_all}')$$, '42704', '_%', 'an unknown role');
SELECT raises($$SELECT stash.cache_namespace_create('x', roles => ARRAY[NULL]::text[])$$, '22004', '_%', 'a null role');
SELECT raises($$SELECT stash.cache_namespace_create('x', roles => array_fill(current_user::text, '{17}'))$$, '54000', '_%', 'too many roles');
SELECT stash.cache_namespace_create(repeat('ñ', 31) || 'n');
SELECT stash.cache_exists('k', repeat('ñ', 31) || 'n');
SELECT ok(stash.cache_set('k', '1', namespace => repeat('ñ', 31) || 'n') IS NOT NULL, 'a name of 63 bytes');

-- Rolled back
BEGIN;
SELECT stash.cache_namespace_create('never');
SELECT stash.cache_exists('k', 'never');
SELECT ok(stash.cache_set('k', '1', fresh => true, namespace => 'never') IS NOT NULL, 'it is there for the transaction that made it');
SELECT is(stash.cache_get('k', 'never'), '1', 'to read and to write');
ROLLBACK;
SELECT raises($$SELECT stash.cache_get('k', 'never')$$, '42704', '_%', 'rolled back it is gone');
SELECT stash.cache_namespace_create('never');
SELECT is(stash.cache_get('k', 'never'), NULL, 'made again it is empty');
SELECT stash.cache_exists('k', 'plain');
SELECT stash.cache_set('k', '1', fresh => true, namespace => 'plain');
BEGIN;
SELECT stash.cache_namespace_drop('plain');
SELECT raises($$SELECT stash.cache_get('k', 'plain')$$, '42704', '_%', 'dropped it is gone for the transaction');
ROLLBACK;
SELECT is(stash.cache_get('k', 'plain'), '1', 'rolled back it is there');
BEGIN;
SAVEPOINT one;
SELECT stash.cache_namespace_drop('plain');
ROLLBACK TO one;
COMMIT;
SELECT lives_ok($$SELECT stash.cache_get('k', 'plain')$$, 'a drop that a savepoint undid');
SELECT stash.cache_exists('k', 'plain');
SELECT stash.cache_set('k', '2', fresh => true, namespace => 'plain');
SELECT is(stash.cache_get('k', 'plain'), '2', 'leaves it usable');

-- Changed
SELECT stash.cache_namespace_alter('plain', 2097152, 5, true, ARRAY['postgres']);
SELECT set_eq($$SELECT name COLLATE "default", max_bytes, default_ttl, strict, roles FROM stash.cache_namespace_list() WHERE name = 'plain'$$,
    $$VALUES ('plain', 2097152::bigint, 5::float8, true, ARRAY['postgres'])$$, 'cache_namespace_alter');
SELECT stash.cache_namespace_alter(name => 'plain', max_bytes => NULL, default_ttl => NULL, strict => NULL, roles => NULL);
SELECT set_eq($$SELECT name COLLATE "default", max_bytes, default_ttl, strict, roles FROM stash.cache_namespace_list() WHERE name = 'plain'$$,
    $$VALUES ('plain', 2097152::bigint, 5::float8, true, ARRAY['postgres'])$$, 'NULL leaves what is there');
SELECT stash.cache_set('k', '3', fresh => true, namespace => 'plain');
SELECT ok((SELECT ttl_left <= 5 FROM stash.cache_get_entry('k', 'plain')), 'the default ttl counts');
SELECT stash.cache_set('b', '3', namespace => 'plain') IS NULL AS done \gset
SELECT ok(:'done', 'strict counts');
SELECT stash.cache_namespace_alter('plain', 0, 0, false, '{}');
SELECT set_eq($$SELECT name COLLATE "default", max_bytes, default_ttl, strict, roles FROM stash.cache_namespace_list() WHERE name = 'plain'$$,
    $$VALUES ('plain', NULL::bigint, NULL::float8, false, NULL::text[])$$, '0 takes away');
SELECT is(stash.cache_get('k', 'plain'), '3', 'what was stored stays');
BEGIN;
SELECT stash.cache_namespace_alter('plain', strict => true);
ROLLBACK;
SELECT stash.cache_set('b', '3', namespace => 'plain') IS NOT NULL AS done \gset
SELECT ok(:'done', 'a change that was rolled back does not count');
SELECT stash.cache_namespace_alter('default', default_ttl => 7);
SELECT stash.cache_set('k', '1');
SELECT ok((SELECT ttl_left <= 7 FROM stash.cache_get_entry('k')), 'the default namespace can be changed');
SELECT raises($$SELECT stash.cache_namespace_alter('nowhere', strict => true)$$, '42704', '_%', 'an unknown one cannot');
SELECT raises($$SELECT stash.cache_namespace_alter(NULL)$$, '22004', '_%', 'nor a null one');
SELECT raises($$SELECT stash.cache_namespace_alter('plain', default_ttl => -1)$$, '22023', '_%', 'a bad value');

-- Dropped
SELECT ok(stash.cache_namespace_drop('plain'), 'cache_namespace_drop');
SELECT raises($$SELECT stash.cache_get('k', 'plain')$$, '42704', '_%', 'it is gone');
SELECT ok(NOT stash.cache_namespace_drop(name => 'plain'), 'there was none');
SELECT stash.cache_namespace_create('plain');
SELECT is(stash.cache_get('k', 'plain'), NULL, 'made again it is empty');
SELECT raises($$SELECT stash.cache_namespace_drop('default')$$, '55006', '%cache_clear%', 'the default one stays');
SELECT raises($$SELECT stash.cache_namespace_drop(NULL)$$, '22004', '_%', 'a null name');

-- What was read before a namespace was dropped and made again is not stored after it
CREATE TABLE t (v int);
INSERT INTO t VALUES (1);
CREATE PROCEDURE reader(OUT refused boolean) LANGUAGE plpgsql AS $$
DECLARE
    old jsonb;
BEGIN
    SELECT to_jsonb(v) INTO old FROM t;
    UPDATE t SET v = 2;
    PERFORM stash.cache_delete('t', 'plain');
    COMMIT;
    PERFORM stash.cache_namespace_drop('plain');
    COMMIT;
    PERFORM stash.cache_namespace_create('plain');
    COMMIT;
    refused := stash.cache_set('t', old, fresh => true, namespace => 'plain') IS NULL;
END $$;
CALL reader(NULL) \gset
SELECT ok(:'refused', 'a value from before a change is refused by a namespace that was dropped and made again');
SELECT is(stash.cache_get('t', 'plain'), NULL, 'and not stored');
SET stash.blind_fill_guard = '1h';
SELECT stash.cache_set('blind', '1', namespace => 'plain') IS NULL AS done \gset
SELECT ok(:'done', 'nor is a blind set');
SET stash.blind_fill_guard = 0;

SELECT * FROM finish();
