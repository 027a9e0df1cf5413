-- Versions: if_version and cache_add.
SELECT plan(19);
-- pgTAP writes data of its own; which sets are blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
SELECT stash.cache_set('k', '1') AS v1 \gset
SELECT stash.cache_set('k', '2') AS v2 \gset
SELECT ok(:v2 > :v1, 'versions grow');
SELECT is((SELECT version FROM stash.cache_get_entry('k')), :v2::bigint, 'cache_get_entry tells the version');
SELECT is((SELECT version FROM stash.cache_get_lease('k')), :v2::bigint, 'cache_get_lease, too');
SELECT stash.cache_set('k', '3', if_version => :v1) IS NULL AS done \gset
SELECT ok(:'done', 'if_version of an older version loses');
SELECT is(stash.cache_get('k'), '2', 'and changes nothing');
SELECT stash.cache_set('k', '3', if_version => :v2) > :v2 AS done \gset
SELECT ok(:'done', 'if_version of the present one wins');
SELECT is(stash.cache_get('k'), '3', 'and stores');
SELECT stash.cache_set('k', '4', if_version => 0) IS NULL AS done \gset
SELECT ok(:'done', 'if_version 0: not a key that exists');
SELECT stash.cache_set('new', '1', if_version => 0) IS NOT NULL AS done \gset
SELECT ok(:'done', 'if_version 0: a key that does not');
SELECT stash.cache_set('none', '1', if_version => :v1) IS NULL AS done \gset
SELECT ok(:'done', 'no version matches a key that is not there');
SELECT stash.cache_delete('k');
SELECT stash.cache_add('k', '5') > :v2 AS done \gset
SELECT ok(:'done', 'a version is not used again after a delete');
SELECT stash.cache_set('k', '6', ttl => 0.001) IS NOT NULL AS done \gset
SELECT ok(:'done', 'a value with a short life');
SELECT pg_sleep(0.01);
SELECT stash.cache_add('k', '7') IS NOT NULL AS done \gset
SELECT ok(:'done', 'an expired key can be added');
SELECT stash.cache_set_bytes('b', '\x01') AS vb \gset
SELECT stash.cache_set_bytes('b', '\x02', if_version => :vb) IS NOT NULL AS done \gset
SELECT ok(:'done', 'if_version for bytes');

-- Within one transaction it is about the transaction's own
BEGIN;
SELECT stash.cache_set('own', '1') AS v1 \gset
SELECT stash.cache_set('own', '2', if_version => :v1) AS v2 \gset
SELECT ok(:v2 > :v1, 'of a pending set');
SELECT stash.cache_set('own', '3', if_version => :v1) IS NULL AS done \gset
SELECT ok(:'done', 'that was replaced');
SELECT stash.cache_delete('own');
SELECT stash.cache_set('own', '4', if_version => :v2) IS NULL AS done \gset
SELECT ok(:'done', 'or deleted');
SELECT stash.cache_set('own', '5', if_version => 0) IS NOT NULL AS done \gset
SELECT ok(:'done', 'none is left');
COMMIT;
SELECT is(stash.cache_get('own'), '5', 'what won is stored');

SELECT * FROM finish();
