-- A namespace's byte budget.
SELECT plan(10);
SET stash.blind_fill_guard = 0;
SELECT stash.cache_namespace_create('small', max_bytes => 65536);
-- A namespace may refuse what the statement that first uses it has read before.
SELECT stash.cache_exists('k', 'small');
SELECT stash.cache_set('k' || i, to_jsonb(repeat('x', 1000)), fresh => true, namespace => 'small') FROM generate_series(1, 500) AS i;
SELECT ok(bytes_used <= 65536 AND bytes_capped = 65536, 'the budget is never passed') FROM stash.stat_cache WHERE namespace = 'small';
SELECT cmp_ok((SELECT count(*) FROM stash.cache_keys(namespace => 'small')), '>', 20::bigint, 'but used');
SELECT cmp_ok((SELECT evictions FROM stash.stat_cache WHERE namespace = 'small'), '>', 300::bigint, 'what does not fit is evicted');
SELECT stash.cache_set('huge', to_jsonb(repeat('x', 70000)), fresh => true, namespace => 'small') IS NULL AS done \gset
SELECT ok(:'done', 'a value larger than the budget is refused');
SELECT is((SELECT refused_no_room FROM stash.stat_cache WHERE namespace = 'small'), 1::bigint, 'and counted');
SELECT stash.cache_set('k', '1', fresh => true);
SELECT is(stash.cache_get('k'), '1', 'other namespaces do not notice');
SELECT is((SELECT evictions FROM stash.stat_cache WHERE namespace = 'default'), 0::bigint, 'nothing of theirs is evicted');
SELECT stash.cache_namespace_alter('small', max_bytes => 0);
SELECT stash.cache_set('n' || i, to_jsonb(repeat('x', 1000)), fresh => true, namespace => 'small') FROM generate_series(1, 200) AS i;
SELECT is((SELECT count(*) FROM stash.cache_keys('n*', namespace => 'small')), 200::bigint, 'without a budget all fit');
SELECT stash.cache_namespace_alter('small', max_bytes => 32768);
SELECT stash.cache_set('last', '1', fresh => true, namespace => 'small');
SELECT cmp_ok((SELECT bytes_used FROM stash.stat_cache WHERE namespace = 'small'), '<=', 32768::bigint, 'a smaller budget takes hold with the next set');
SELECT is(stash.cache_get('last', 'small'), '1', 'which is stored');
SELECT * FROM finish();
