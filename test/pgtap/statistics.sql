-- Figures: cache_info, stat_cache, stat_reset, health_check.
SELECT plan(30);
SET stash.blind_fill_guard = 0;
CREATE TABLE notes (id int);
CREATE FUNCTION figure(what text, which text DEFAULT 'one') RETURNS bigint LANGUAGE sql AS
    $$SELECT (to_jsonb(s) ->> what)::bigint FROM stash.stat_cache AS s WHERE namespace = which$$;
SELECT stash.cache_namespace_create('one', max_bytes => 1000000), stash.cache_namespace_create('strict', strict => true);
SELECT stash.cache_exists('k', 'one'), stash.cache_exists('k', 'strict'), stash.cache_exists('k');
SELECT stash.stat_reset();

-- Counted one by one
SELECT stash.cache_set('a', '1', fresh => true, namespace => 'one'), stash.cache_set('b', '1', tags => '{t}', fresh => true, namespace => 'one');
SELECT is(figure('sets'), 2::bigint, 'sets');
SELECT is(figure('entries'), 2::bigint, 'entries');
SELECT ok(figure('bytes_used') BETWEEN 100 AND 10000 AND figure('bytes_capped') = 1000000, 'bytes');
SELECT stash.cache_get('a', 'one'), stash.cache_get('a', 'one'), stash.cache_get('missing', 'one');
SELECT is(figure('hits') || ' ' || figure('misses'), '2 1', 'hits and misses');
SELECT stash.cache_get_many('{a,b,missing}', 'one');
SELECT is(figure('hits') || ' ' || figure('misses'), '4 2', 'of many');
SELECT stash.cache_delete('a', 'one');
SELECT is(figure('deletions') || ' ' || figure('entries'), '1 1', 'deletions');
SELECT stash.cache_invalidate_tags('{t}', 'one');
SELECT is(figure('invalidations'), 1::bigint, 'invalidations');
BEGIN;
SELECT stash.cache_set('r', '1', namespace => 'one'), stash.cache_delete('r', 'one');
ROLLBACK;
SELECT is(figure('sets') || ' ' || figure('deletions'), '2 1', 'what was rolled back is not counted');
SELECT is((SELECT hits FROM stash.cache_get_entry('h', 'one')), NULL, 'no entry, no hits');
SELECT stash.cache_set('h', '1', fresh => true, namespace => 'one');
SELECT stash.cache_get('h', 'one'), stash.cache_get('h', 'one'), stash.cache_get('h', 'one');
SELECT ok((SELECT hits FROM stash.cache_get_entry('h', 'one')) >= 3, 'an entry counts its hits');

-- Refusals by reason
SELECT stash.cache_set('k', '1', namespace => 'strict');
SELECT is(figure('refused_strict', 'strict'), 1::bigint, 'refused: strict');
SELECT stash.cache_set('h', '2', if_version => 1, namespace => 'one');
SELECT stash.cache_add('h', '2', namespace => 'one');
SELECT is(figure('refused_condition'), 2::bigint, 'refused: condition');
SELECT stash.cache_set('k', '2', lease => '1-1', namespace => 'one');
SELECT is(figure('refused_lease'), 1::bigint, 'refused: lease');
SELECT stash.cache_set('k', to_jsonb(repeat('x', 1000001)), fresh => true, namespace => 'one');
SELECT is(figure('refused_no_room'), 1::bigint, 'refused: no room');
BEGIN;
INSERT INTO notes VALUES (1);
SELECT stash.cache_delete('blind', 'one');
COMMIT;
SET stash.blind_fill_guard = '1h';
SELECT stash.cache_set('blind', '1', namespace => 'one');
SET stash.blind_fill_guard = 0;
SELECT is(figure('refused_blind'), 1::bigint, 'refused: blind');
CREATE FUNCTION deletes() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM stash.cache_delete('changed', 'one'); RETURN 1; END$$;
SELECT deletes(), stash.cache_set('changed', '1', fresh => true, namespace => 'one');
SELECT is(figure('refused_changed'), 1::bigint, 'refused: changed');

-- As jsonb
SELECT is(stash.cache_info('one') - 'hit_rate' - 'refused' - 'namespace' - 'bytes_capped',
    (SELECT to_jsonb(s) - 'namespace' - 'bytes_capped' FROM stash.stat_cache AS s WHERE namespace = 'one')
    - ARRAY(SELECT 'refused_' || k FROM jsonb_object_keys(stash.cache_info('one') -> 'refused') AS k), 'cache_info of a namespace is the view''s row');
SELECT is((SELECT jsonb_object_agg('refused_' || key, value) FROM jsonb_each(stash.cache_info('one') -> 'refused')),
    (SELECT jsonb_object_agg(key, value) FROM stash.stat_cache AS s, jsonb_each(to_jsonb(s)) WHERE namespace = 'one' AND key LIKE 'refused%'),
    'with the refusals');
SELECT is((stash.cache_info('one') ->> 'hit_rate')::numeric, round(figure('hits')::numeric / (figure('hits') + figure('misses')), 4), 'and the hit rate');
SELECT is(stash.cache_info() #> '{namespaces,one}', stash.cache_info('one') - 'namespace', 'cache_info of all has each namespace');
SELECT set_eq($$SELECT jsonb_object_keys(stash.cache_info() -> 'namespaces')$$, 'SELECT namespace FROM stash.stat_cache', 'every one that was used');
SELECT is((stash.cache_info() ->> 'sets')::bigint, (SELECT sum(sets) FROM stash.stat_cache)::bigint, 'and their sums');
SELECT ok((SELECT (i ->> 'memory')::bigint = 64 * 1024 * 1024 AND (i ->> 'bytes_used')::bigint < (i ->> 'bytes_capped')::bigint
    AND (i ->> 'bytes_capped')::bigint > 0.9 * (i ->> 'memory')::bigint AND (i ->> 'entries')::bigint >= 1 FROM stash.cache_info() AS i),
    'and the whole store');

-- Set to zero
SELECT stash.stat_reset();
SELECT is_empty($$SELECT * FROM stash.stat_cache WHERE hits + misses + sets + deletions + invalidations + evictions + expirations
    + refused_strict + refused_condition + refused_lease + refused_no_room + refused_blind + refused_changed + refused_in_flux + refused_clock > 0$$,
    'stat_reset sets the counters to zero');
SELECT is(figure('entries') > 0, true, 'the entries stay');
SELECT is(stash.cache_info('one') -> 'hit_rate', 'null', 'a hit rate of nothing is null');

-- Health
SELECT is(stash.health_check() ->> 'status', 'healthy', 'health_check');
SELECT ok((SELECT (h -> 'preloaded')::boolean AND NOT (h -> 'in_recovery')::boolean AND h -> 'problems' = '[]' AND h ? 'cache' AND h ? 'workers'
    AND h ->> 'version' = stash.version() FROM stash.health_check() AS h), 'and its details');
SELECT ok(stash.preloaded(), 'preloaded');
SELECT ok((SELECT count(*) >= 1 FROM stash.worker_status()), 'worker_status');

SELECT * FROM finish();
