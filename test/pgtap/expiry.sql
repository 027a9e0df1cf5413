-- Times to live: tested when the key is read.
SELECT plan(24);
-- pgTAP writes data of its own; which sets are blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
SELECT stash.cache_set('short', '1', 0.5), stash.cache_set_bytes('shortb', '\x01', 0.5),
    stash.cache_incr('shortn', 1, 0.5), stash.cache_set('tagged', '1', 0.5, '{t}');
SELECT ok(stash.cache_get('short') = '1' AND stash.cache_get_bytes('shortb') = '\x01' AND stash.cache_get('shortn') = '1',
    'alive');
SELECT pg_sleep(0.6);
SELECT is(stash.cache_get('short'), NULL, 'cache_get misses what expired');
SELECT is(stash.cache_get_bytes('shortb'), NULL, 'cache_get_bytes');
SELECT is(stash.cache_get('shortn'), NULL, 'a counter');
SELECT is(stash.cache_exists('short'), false, 'cache_exists');
SELECT is_empty($$SELECT * FROM stash.cache_get_entry('short')$$, 'cache_get_entry');
SELECT is_empty($$SELECT * FROM stash.cache_get_by_tags('{t}')$$, 'cache_get_by_tags');
SELECT is_empty($$SELECT * FROM stash.cache_keys()$$, 'cache_keys');
SELECT stash.cache_touch('short', 10) AS done \gset
SELECT is(:'done'::text, 'f', 'cache_touch does not raise the dead');
SELECT stash.cache_delete('short') AS done \gset
SELECT is(:'done'::text, 'f', 'cache_delete of what expired');
SELECT stash.cache_incr('shortn', 5, 10) AS done \gset
SELECT is(:'done'::text, '5', 'an expired counter begins anew');
SELECT stash.cache_incr('shortn', 1, 1000) AS done \gset
SELECT is(:'done'::text, '6', 'an existing one goes on');
SELECT ok((SELECT ttl_left <= 10 FROM stash.cache_get_entry('shortn')), 'and keeps its end');

-- Expired within a transaction, also when it is its own
BEGIN;
SELECT stash.cache_set('own', '1', 0.5);
SELECT is(stash.cache_get('own'), '1', 'its own set');
SELECT pg_sleep(0.6);
SELECT is(stash.cache_get('own'), NULL, 'expires for the transaction, too');
COMMIT;
SELECT is(stash.cache_get('own'), NULL, 'and is not stored');

-- Never
SELECT stash.cache_set('never', '1', 'infinity'), stash.cache_set('ages', '1', 1e300);
SELECT results_eq($$SELECT expires_at, ttl_left FROM stash.cache_get_entry('never')$$,
    $$VALUES (NULL::timestamptz, NULL::float8)$$, 'infinity is never: NULL');
SELECT results_eq($$SELECT expires_at, ttl_left FROM stash.cache_get_entry('ages')$$,
    $$VALUES (NULL::timestamptz, NULL::float8)$$, 'so is what cannot be counted');
SELECT stash.cache_touch('never', 100) AS done \gset
SELECT ok(:'done', 'cache_touch');
SELECT ok((SELECT ttl_left BETWEEN 90 AND 100 FROM stash.cache_get_entry('never')), 'gives it an end');

-- Defaults: the namespace's, then the setting's
SELECT stash.cache_namespace_create('minute', default_ttl => 60);
SELECT stash.cache_namespace_create('forever', default_ttl => 'infinity');
SELECT stash.cache_set('k', '1'), stash.cache_set('k', '1', namespace => 'minute'), stash.cache_set('k', '1', namespace => 'forever');
SELECT ok((SELECT ttl_left BETWEEN 3590 AND 3600 FROM stash.cache_get_entry('k')), 'stash.default_ttl');
SELECT ok((SELECT ttl_left BETWEEN 50 AND 60 FROM stash.cache_get_entry('k', 'minute')), 'the namespace''s default');
SELECT ok((SELECT ttl_left IS NULL AND value = '1' FROM stash.cache_get_entry('k', 'forever')), 'a namespace where nothing expires');
SET stash.default_ttl = '5s';
SELECT stash.cache_set('k', '1');
SELECT ok((SELECT ttl_left <= 5 FROM stash.cache_get_entry('k')), 'SET stash.default_ttl');

SELECT * FROM finish();
