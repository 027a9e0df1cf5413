-- More than 16 operations in a transaction, more than 1000, and more than stash.max_pending.
SELECT plan(24);
-- pgTAP writes data of its own; which sets are blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
CREATE TABLE notes (id int);
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
    SELECT stash.cache_clear();
    SELECT set_config('stash.max_pending', '10000', true);
    SELECT stash.cache_set('user' || i, to_jsonb(i), tags => ARRAY['user:' || i], fresh => true) FROM generate_series(1, 50) AS i;
    SELECT stash.cache_set('order' || i, to_jsonb(i), tags => ARRAY['order:' || i], fresh => true) FROM generate_series(1, 50) AS i;
    SELECT stash.cache_set('plain' || i, to_jsonb(i), tags => ARRAY['plain' || i], fresh => true) FROM generate_series(1, 50) AS i;
    SELECT stash.cache_set('untagged', '0', fresh => true);
$$;
CREATE FUNCTION held() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(prefix || ' ' || n, ', ' ORDER BY prefix), 'nothing') FROM (SELECT rtrim(key, '0123456789') AS prefix, count(*) AS n
    FROM stash.cache_keys(max_rows => 100000) GROUP BY 1) AS k$$;
SELECT stash.cache_namespace_create('bystander');
SELECT stash.cache_set('k', '1', fresh => true, namespace => 'bystander');

-- All are carried out, however many
SELECT (SELECT count(*) FROM (SELECT stash.cache_set('seq' || i % 17, to_jsonb(i)) FROM generate_series(1, 34) AS i) AS s) AS done \gset
SELECT is(:'done'::text, '34', '17 keys, twice each');
SELECT is((SELECT array_agg((stash.cache_get('seq' || i))::int ORDER BY i) FROM generate_series(0, 16) AS i),
    (SELECT array_agg(CASE i WHEN 0 THEN 34 ELSE 17 + i END ORDER BY i) FROM generate_series(0, 16) AS i),
    'the second counts for each');
BEGIN;
SELECT count(stash.cache_set('big' || i, to_jsonb(i), tags => ARRAY['tag:' || i % 7])) FROM generate_series(1, 5000) AS i;
SELECT count(stash.cache_delete('big' || i)) FROM generate_series(2, 5000, 2) AS i;
SELECT is(stash.cache_get_many('{big1,big2,big4999}'), ARRAY['1', NULL, '4999']::jsonb[], 'a large transaction reads its own');
SELECT stash.cache_invalidate_tags('{tag:0}');
SELECT is(stash.cache_get('big7'), NULL, 'with its invalidations');
COMMIT;
SELECT is((SELECT count(*) FROM stash.cache_keys('big*', max_rows => 10000)),
    (SELECT count(*) FROM generate_series(1, 5000, 2) AS i WHERE i % 7 <> 0), '7500 operations: what should be there');
SELECT is_empty($$SELECT i FROM generate_series(1, 5000) AS i WHERE stash.cache_get('big' || i) IS DISTINCT FROM
    CASE WHEN i % 2 = 1 AND i % 7 <> 0 THEN to_jsonb(i) END$$, 'key by key');

-- Too many tags: classes, then the namespace
SELECT fill();
SELECT is(held(), 'order 50, plain 50, untagged 1, user 50', 'filled');
SET stash.max_pending = 16;
BEGIN;
INSERT INTO notes VALUES (1);
SELECT count(stash.cache_invalidate_tags(ARRAY['user:' || i])) FROM generate_series(1, 16) AS i;
COMMIT;
SELECT is(held(), 'order 50, plain 50, untagged 1, user 34', 'as many tags as stash.max_pending');
SELECT fill();
BEGIN;
INSERT INTO notes VALUES (1);
SELECT count(stash.cache_invalidate_tags(ARRAY['user:' || i])) FROM generate_series(1, 17) AS i;
SELECT is(held(), 'order 50, plain 50, untagged 1', 'one more: the class, for the transaction itself');
COMMIT;
SELECT is(held(), 'order 50, plain 50, untagged 1', 'and for all');
SELECT fill();
BEGIN;
SELECT count(stash.cache_invalidate_tags(ARRAY['user:' || i % 16])) FROM generate_series(1, 1000) AS i;
COMMIT;
SELECT is(held(), 'order 50, plain 50, untagged 1, user 35', 'the same tags over and over are no more');
SELECT fill();
BEGIN;
SELECT count(stash.cache_invalidate_tags(ARRAY['plain' || i])) FROM generate_series(1, 17) AS i;
COMMIT;
SELECT is(held(), 'nothing', 'a tag without class takes the namespace');
SELECT fill();
BEGIN;
SELECT count(stash.cache_invalidate_tags(ARRAY['class' || i || ':1'])) FROM generate_series(1, 32) AS i;
SELECT is(held(), 'order 50, plain 50, untagged 1, user 50', 'classes up to twice stash.max_pending');
SELECT stash.cache_invalidate_tags('{class33:1}');
SELECT is(held(), 'nothing', 'then the namespace');
COMMIT;
SELECT is(held(), 'nothing', 'at commit, too');
SELECT is(stash.cache_get('k', 'bystander'), '1', 'the other namespace stays');

-- Too many keys
SELECT fill();
BEGIN;
INSERT INTO notes VALUES (1);
SELECT count(stash.cache_delete('user' || i)) FROM generate_series(1, 16) AS i;
COMMIT;
SELECT is(held(), 'order 50, plain 50, untagged 1, user 34', 'as many keys as stash.max_pending');
SELECT fill();
BEGIN;
INSERT INTO notes VALUES (1);
SELECT count(stash.cache_delete('user' || i)) FROM generate_series(1, 17) AS i;
COMMIT;
SELECT is(held(), 'nothing', 'one more delete: the namespace');
SELECT is(stash.cache_get('k', 'bystander'), '1', 'the other namespace stays');
SELECT fill();
SET client_min_messages = error;
BEGIN;
SELECT (SELECT count(stash.cache_set('more' || i, '1', fresh => true)) FROM generate_series(1, 20) AS i) AS done \gset
COMMIT;
SELECT is(:'done'::text, '16', 'one more set is refused');
SELECT is(held(), 'more 16, order 50, plain 50, untagged 1, user 50', 'and changes nothing in a reader');
BEGIN;
INSERT INTO notes VALUES (1);
SELECT count(stash.cache_set('more' || i, '2', fresh => true)) FROM generate_series(1, 20) AS i;
COMMIT;
SELECT is(stash.cache_get('more17'), NULL, 'in a writer the refused key goes');
SELECT is(stash.cache_get('untagged'), NULL, 'with its namespace');
RESET client_min_messages;
SELECT is(stash.cache_get('k', 'bystander'), '1', 'the other namespace stays');

SELECT * FROM finish();
