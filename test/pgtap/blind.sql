-- Which sets are blind, and what the guard and strict namespaces do with them. pgTAP writes data of its
-- own, so what is set here is set outside of the assertions.
SELECT plan(25);
CREATE TABLE notes (id int);
SELECT stash.cache_namespace_create('strict', strict => true);
SET stash.blind_fill_guard = '1h';
CREATE FUNCTION change(k text) RETURNS void LANGUAGE sql AS
    $$INSERT INTO notes VALUES (1); SELECT stash.cache_delete(k)$$;

-- Nothing was changed: nothing is guarded. (A stamp may be another key's, too: one of a few will do.)
SELECT min(k) AS untouched FROM unnest('{u1,u2,u3,u4,u5,u6,u7,u8}'::text[]) AS k WHERE stash.cache_set(k, '1') IS NOT NULL \gset
SELECT ok(:'untouched' <> '', 'a blind set of a key that nobody changed');
SELECT stash.cache_delete(:'untouched');
SELECT stash.cache_set(:'untouched', '1') IS NOT NULL AS done \gset
SELECT ok(:'done', 'a delete that wrote no data guards nothing');

-- A data change
SELECT change('k');
SELECT stash.cache_set('k', '1') IS NULL AS done \gset
SELECT ok(:'done', 'after a data change a blind set is refused');
SELECT is(stash.cache_get('k'), NULL, 'and stores nothing');
SELECT is(stash.cache_get('k'), NULL, 'what an earlier transaction missed');
SELECT stash.cache_set('k', '1') IS NULL AS done \gset
SELECT ok(:'done', 'vouches for nothing');
BEGIN;
SELECT stash.cache_get('k');
SELECT stash.cache_set('k', '2') IS NOT NULL AS done \gset
SELECT ok(:'done', 'a set in the transaction that missed the key');
COMMIT;
SELECT is(stash.cache_get('k'), '2', 'is stored');
BEGIN;
SELECT stash.cache_get('k');
SELECT stash.cache_set('k', '3') IS NULL AS done \gset
SELECT ok(:'done', 'a hit vouches for nothing');
COMMIT;
SELECT stash.cache_set('k', '4', fresh => true) IS NOT NULL AS done \gset
SELECT ok(:'done', 'fresh => true');
SELECT change('k');
SELECT (SELECT stash.cache_set('k', '5', lease => lease) FROM stash.cache_get_lease('k')) IS NOT NULL AS done \gset
SELECT ok(:'done', 'with a lease');
SELECT change('k');
SELECT (SELECT stash.cache_set('k', '6') FROM stash.cache_get_lease('k')) IS NOT NULL AS done \gset
SELECT is(:'done'::text, 't', 'the lease''s transaction missed it, too');
SELECT change('k');
SELECT stash.cache_add('k', '7') IS NULL AS done \gset
SELECT ok(:'done', 'a blind cache_add');
SELECT stash.cache_set_many(ARRAY['k', :'untouched'], '{1,2}') AS done \gset
SELECT is(:'done'::text, '1', 'blind cache_set_many counts those that are not guarded');
SELECT stash.cache_set_entries('{"k": 1}') AS done \gset
SELECT is(:'done'::text, '0', 'blind cache_set_entries');
SELECT stash.cache_set_bytes('k', '\x') IS NULL AS done \gset
SELECT ok(:'done', 'blind cache_set_bytes');
SELECT stash.cache_set_many('{k}', '{1}', fresh => true) AS done \gset
SELECT is(:'done'::text, '1', 'fresh cache_set_many');

-- The guard counts for tags
INSERT INTO notes SELECT 1 WHERE stash.cache_invalidate_tags('{user:1}') >= 0;
SELECT stash.cache_set(:'untouched', '1', tags => '{user:1}') IS NULL AS done \gset
SELECT ok(:'done', 'the guard holds for tags');
SELECT max(t) AS other FROM unnest('{user:2,user:3,user:4,user:5,user:6,user:7}'::text[]) AS t
WHERE stash.cache_set(:'untouched', '1', tags => ARRAY[t]) IS NOT NULL \gset
SELECT ok(:'other' <> '', 'not for others');
INSERT INTO notes SELECT 1 WHERE stash.cache_invalidate_tags('{user:*}') >= 0;
SELECT stash.cache_set(:'untouched', '1', tags => ARRAY[:'other']) IS NULL AS done \gset
SELECT ok(:'done', 'and for classes');

-- As long as the setting says
SELECT change('short');
SET stash.blind_fill_guard = '10ms';
SELECT pg_sleep(0.05);
SELECT stash.cache_set('short', '1') IS NOT NULL AS done \gset
SELECT ok(:'done', 'later than the guard a blind set is accepted');
SET stash.blind_fill_guard = '1h';
SELECT stash.cache_set('short', '1') IS NULL AS done \gset
SELECT ok(:'done', 'no later than it, it is not');
RESET stash.blind_fill_guard;

-- Strict namespaces take no blind sets at all
SELECT stash.cache_set('k', '1', namespace => 'strict') IS NULL AS done \gset
SELECT ok(:'done', 'a strict namespace refuses a blind set');
SELECT stash.cache_set('k', '1', fresh => true, namespace => 'strict') IS NOT NULL AS done \gset
SELECT ok(:'done', 'not a fresh one');
SELECT is(stash.cache_fetch('f', 'SELECT ''1''::jsonb', namespace => 'strict'), '1', 'cache_fetch is not blind');

SELECT * FROM finish();
