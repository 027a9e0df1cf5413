-- Cache writes take effect at commit and roll back with the transaction and its sub-transactions.
SELECT plan(40);
-- pgTAP writes data of its own; which sets are blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
CREATE FUNCTION fill(VARIADIC keys text[]) RETURNS void LANGUAGE sql AS
    $$SELECT stash.cache_set_many(keys, array_agg(to_jsonb('old'::text)), tags => '{all}', fresh => true) FROM unnest(keys)$$;
CREATE FUNCTION shown(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS
    $$SELECT string_agg(coalesce(value #>> '{}', '-'), ' ' ORDER BY nr)
      FROM unnest(stash.cache_get_many(keys)) WITH ORDINALITY AS v (value, nr)$$;

-- Rolled back
SELECT fill('a', 'b', 'c', 'd', 'e');
BEGIN;
SELECT stash.cache_set('a', '"new"'), stash.cache_delete('b'), stash.cache_touch('c', 0.001), stash.cache_set('n', '1');
SELECT stash.cache_invalidate_tags('{all}');
SELECT stash.cache_delete_prefix('d');
SELECT stash.cache_clear();
ROLLBACK;
SELECT pg_sleep(0.01);
SELECT is(shown('a', 'b', 'c', 'd', 'e', 'n'), 'old old old old old -', 'nothing of a rolled-back transaction is done');
BEGIN;
SELECT stash.cache_set('a', '"new"');
\set ON_ERROR_STOP off
SELECT 1 / 0;
\set ON_ERROR_STOP on
COMMIT;
SELECT is(shown('a'), 'old', 'nor of one that failed');

-- Committed, with and without data written
BEGIN;
SELECT stash.cache_set('a', '"new"'), stash.cache_delete('b');
COMMIT;
SELECT is(shown('a', 'b', 'c'), 'new - old', 'a committed transaction''s is');
CREATE TABLE notes (id int);
BEGIN;
INSERT INTO notes VALUES (1);
SELECT stash.cache_set('a', '"newer"', fresh => true), stash.cache_delete('c');
COMMIT;
SELECT is(shown('a', 'c', 'd'), 'newer - old', 'also of one that wrote data');

-- It reads its own
BEGIN;
SELECT stash.cache_set('a', '"mine"', 50, '{t:1}'), stash.cache_delete('d');
SELECT is(shown('a', 'd', 'e'), 'mine - old', 'a transaction sees its own sets and deletes');
SELECT is((SELECT tags FROM stash.cache_get_entry('a')), '{t:1}', 'with their tags');
SELECT ok((SELECT ttl_left <= 50 FROM stash.cache_get_entry('a')), 'and their ttl');
SELECT ok(stash.cache_exists('a') AND NOT stash.cache_exists('d'), 'cache_exists too');
SELECT results_eq($$SELECT state, value FROM stash.cache_get_lease('a')$$, $$VALUES ('hit', '"mine"'::jsonb)$$,
    'cache_get_lease too');
SELECT results_eq($$SELECT key, value FROM stash.cache_get_by_tags('{t:*}')$$, $$VALUES ('a', '"mine"'::jsonb)$$,
    'cache_get_by_tags too');
SELECT set_eq($$SELECT key FROM stash.cache_keys()$$, ARRAY['a', 'e'], 'cache_keys too');
SELECT stash.cache_touch('a', 1000) AS done \gset
SELECT is(:'done'::text, 't', 'a pending set can be touched');
SELECT ok((SELECT ttl_left > 500 FROM stash.cache_get_entry('a')), 'and lives longer then');
SELECT stash.cache_delete('a') AS done \gset
SELECT is(:'done'::text, 't', 'and deleted: it was there');
SELECT stash.cache_delete('a') AS done \gset
SELECT is(:'done'::text, 'f', 'once');
SELECT is(shown('a'), '-', 'and is gone');
ROLLBACK;
SELECT is(shown('a', 'd'), 'newer old', 'all of it only there');

-- Order
BEGIN;
SELECT stash.cache_set('o', '1');
SELECT stash.cache_delete('o');
SELECT stash.cache_set('o', '3', fresh => true);
SELECT is(shown('o'), '3', 'set, delete, set: the last is read');
COMMIT;
SELECT is(shown('o'), '3', 'and stored');
BEGIN;
SELECT stash.cache_set('o', '4', tags => '{x}');
SELECT stash.cache_invalidate_tags('{x}');
SELECT is(shown('o'), '-', 'a set dies of a later invalidation of its tag');
COMMIT;
SELECT is(shown('o'), '-', 'at commit, too, with what it replaced');
BEGIN;
SELECT stash.cache_set('o', '4', tags => '{user:1}');
SELECT stash.cache_invalidate_tags('{user:*}');
COMMIT;
SELECT is(shown('o'), '-', 'of its class');
BEGIN;
SELECT stash.cache_set('o', '4');
SELECT stash.cache_delete_prefix('o');
COMMIT;
SELECT is(shown('o'), '-', 'of its prefix');
BEGIN;
SELECT stash.cache_set('o', '4');
SELECT stash.cache_clear();
SELECT stash.cache_set('p', '5', fresh => true);
COMMIT;
SELECT is(shown('o', 'p', 'e'), '- 5 -', 'of its namespace; what comes after lives');
SELECT fill('o');
BEGIN;
SELECT stash.cache_invalidate_tags('{all}');
SELECT stash.cache_set('o', '"6"', tags => '{all}', fresh => true);
COMMIT;
SELECT is(shown('o'), '6', 'a set after the invalidation of its tag lives');
SELECT fill('o');
BEGIN;
SELECT stash.cache_delete('o');
SELECT stash.cache_add('o', '7') IS NOT NULL AS done \gset
SELECT ok(:'done', 'delete and cache_add in one transaction');
COMMIT;
SELECT is(shown('o'), '7', 'stores the added');
BEGIN;
SELECT stash.cache_add('o', '8') IS NULL AS done \gset
SELECT ok(:'done', 'cache_add of what is there is refused');
SELECT stash.cache_delete('o');
SELECT stash.cache_add('o', '9');
SELECT stash.cache_add('o', '10');
COMMIT;
SELECT is(shown('o'), '9', 'a second cache_add loses against the first');

-- A set in the statement that invalidates reads what came before: its snapshot cannot see the change
CREATE TABLE items (id int PRIMARY KEY, v text);
INSERT INTO items VALUES (1, 'before');
CREATE FUNCTION changes() RETURNS int LANGUAGE plpgsql VOLATILE AS
    $$BEGIN UPDATE items SET v = 'after'; PERFORM stash.cache_delete('i'); RETURN 1; END$$;
CREATE FUNCTION fills() RETURNS bigint LANGUAGE sql STABLE AS
    $$SELECT stash.cache_set('i', to_jsonb(v), fresh => true) FROM items$$;
CREATE TABLE verdict AS SELECT changes(), fills() AS version;
SELECT is((SELECT version FROM verdict), NULL, 'a set whose snapshot is older than the transaction''s own delete is refused');
SELECT is(shown('i'), '-', 'and nothing is there');
BEGIN;
SELECT changes();
SELECT fills() IS NOT NULL AS done \gset
SELECT ok(:'done', 'the next statement may set');
COMMIT;
SELECT is(shown('i'), 'after', 'what it read');

-- Counters act at once
BEGIN;
SELECT stash.cache_incr('counter', 5);
ROLLBACK;
SELECT is(stash.cache_get('counter'), '5', 'counters are not rolled back');
BEGIN;
SELECT stash.cache_delete('counter');
ROLLBACK;
SELECT stash.cache_incr('counter') AS done \gset
SELECT is(:'done'::text, '6', 'their deletion is');
SELECT stash.cache_delete('counter');
SELECT stash.cache_incr('counter') AS done \gset
SELECT is(:'done'::text, '1', 'a deleted counter begins anew');

-- After a refused set in a writer the key is gone, in a reader nothing changes
SELECT fill('r', 'guarded');
BEGIN;
SELECT stash.cache_set('r', '1', if_version => 1);
COMMIT;
SELECT is(shown('r'), 'old', 'a set that loses its condition changes nothing');
BEGIN;
INSERT INTO notes VALUES (2);
SELECT stash.cache_delete('guarded');
COMMIT;
SELECT stash.cache_set('guarded', '"kept"');
BEGIN;
SET LOCAL stash.blind_fill_guard = '1h';
SELECT stash.cache_set('guarded', '"blind"') IS NULL AS done \gset
COMMIT;
SELECT ok(:'done', 'a refused set');
SELECT is(shown('guarded'), 'kept', 'without data written leaves the value');
BEGIN;
SET LOCAL stash.blind_fill_guard = '1h';
INSERT INTO notes VALUES (3);
SELECT stash.cache_set('guarded', '"blind"');
COMMIT;
SELECT is(shown('guarded'), '-', 'with data written becomes a delete');

SELECT * FROM finish();
