-- Bad values, tags, times, counts, leases and cursors: SQLSTATE and hint of each.
\ir lib/raises.sql
SELECT plan(72);

-- Values
SELECT raises($$SELECT stash.cache_set('k', NULL)$$, '22004', '%JSON null%', 'cache_set: a null value');
SELECT raises($$SELECT stash.cache_set_bytes('k', NULL)$$, '22004', '%JSON null%', 'cache_set_bytes: a null value');
SELECT raises($$SELECT stash.cache_add('k', NULL)$$, '22004', '%JSON null%', 'cache_add: a null value');
SELECT raises($$SELECT stash.cache_set_many('{a,b}', ARRAY['1', NULL]::jsonb[])$$, '22004', '%JSON null%',
    'cache_set_many: a null item');
SELECT raises($$SELECT stash.cache_set_many('{a}', NULL)$$, '22004', '_%', 'cache_set_many: null items');
SELECT raises($$SELECT stash.cache_set_many(NULL, '{}')$$, '22004', '_%', 'cache_set_many: null keys');
SELECT raises($$SELECT stash.cache_set_many('{a,b}', ARRAY['1']::jsonb[])$$, '2202E', '_%',
    'cache_set_many: arrays of different lengths');
SELECT raises($$SELECT stash.cache_set_entries(NULL)$$, '22004', '_%', 'cache_set_entries: null');
SELECT raises($$SELECT stash.cache_set_entries('[1]')$$, '22023', '%"key"%', 'cache_set_entries: no object');
SELECT raises($$SELECT stash.cache_set_entries('{"": 1}')$$, '22023', '_%', 'cache_set_entries: an empty key');
SELECT raises($$SELECT stash.cache_get_many(NULL)$$, '22004', '_%', 'cache_get_many: null keys');
SELECT raises($$SELECT stash.cache_incr('k', NULL)$$, '22004', '_%', 'cache_incr: null');
SELECT raises($$SELECT stash.cache_set('k', to_jsonb(repeat('x', 1024 * 1024)))$$, '54000',
    '%stash.max_value_size%', 'cache_set: more than stash.max_value_size');
SELECT raises($$SELECT stash.cache_set_bytes('k', convert_to(repeat('x', 1024 * 1024 + 1), 'UTF8'))$$, '54000',
    '%stash.max_value_size%', 'cache_set_bytes: more than stash.max_value_size');
SELECT raises($$SELECT stash.cache_set_many('{a}', ARRAY[to_jsonb(repeat('x', 1024 * 1024))])$$, '54000',
    '%stash.max_value_size%', 'cache_set_many: more than stash.max_value_size');
SELECT raises($$SELECT stash.cache_set_entries(jsonb_build_object('a', repeat('x', 1024 * 1024)))$$, '54000',
    '%stash.max_value_size%', 'cache_set_entries: more than stash.max_value_size');
SELECT raises($$SELECT stash.cache_set('k', '1', if_version => -1)$$, '22023', '%0 stands%', 'if_version below 0');

-- Tags
CREATE TABLE tagged (name text, call text);
INSERT INTO tagged VALUES
    ('cache_set', $$SELECT stash.cache_set('k', '1', tags => %s)$$),
    ('cache_set_bytes', $$SELECT stash.cache_set_bytes('k', '\x', tags => %s)$$),
    ('cache_add', $$SELECT stash.cache_add('k', '1', tags => %s)$$),
    ('cache_set_many', $$SELECT stash.cache_set_many('{k}', '{1}', tags => %s)$$),
    ('cache_set_entries', $$SELECT stash.cache_set_entries('{"k": 1}', tags => %s)$$),
    ('cache_fetch', $$SELECT stash.cache_fetch('k', 'SELECT ''1''::jsonb', tags => %s)$$);
INSERT INTO tagged SELECT n, format('SELECT stash.%s(%%s)', n)
    FROM unnest('{cache_get_by_tags,cache_invalidate_tags}'::text[]) AS n;
SELECT raises(format(call, $$ARRAY['a', NULL]$$), '22004', '%array_remove%', name || ': a null tag')
FROM tagged ORDER BY name;
SELECT raises(format(call, $$ARRAY['']$$), '22023', '%255 bytes%', name || ': an empty tag')
FROM tagged ORDER BY name;
SELECT raises(format(call, $$ARRAY[repeat('t', 256)]$$), '54000', '%hash%', name || ': a tag that is too long')
FROM tagged ORDER BY name;
SELECT raises(format(call, $$(SELECT array_agg('t' || i) FROM generate_series(1, 65) AS i)$$), '54000', '%coarser%',
    name || ': too many tags')
FROM tagged WHERE name NOT IN ('cache_get_by_tags', 'cache_invalidate_tags') ORDER BY name;
SELECT raises(format('SELECT stash.%s(NULL)', n), '22004', '_%', n || ': null tags')
FROM unnest('{cache_get_by_tags,cache_invalidate_tags}'::text[]) AS n;

-- Times
SELECT raises(format($$SELECT stash.%s('k', '1', %L)$$, n, ttl), '22023', '%infinity%', n || ': ttl ' || ttl)
FROM unnest('{cache_set,cache_add}'::text[]) AS n, unnest('{0,-1,NaN,-Infinity}'::text[]) AS ttl ORDER BY n, ttl;
SELECT raises(call, '22023', '%infinity%', 'ttl 0: ' || call) FROM unnest(ARRAY[
    $$SELECT stash.cache_set_bytes('k', '\x', 0)$$, $$SELECT stash.cache_set_many('{k}', '{1}', 0)$$,
    $$SELECT stash.cache_set_entries('{"k": 1}', 0)$$, $$SELECT stash.cache_incr('k', 1, 0)$$,
    $$SELECT stash.cache_touch('k', 0)$$, $$SELECT stash.cache_get_lease('k', 0)$$,
    $$SELECT stash.cache_fetch('k', 'SELECT ''1''::jsonb', ttl => 0)$$]) AS call;
SELECT raises($$SELECT stash.cache_get_lease('k', stale_ttl => 'NaN')$$, '22023', '_%', 'stale_ttl NaN');

-- Leases, cursors, counts
SELECT raises(format($$SELECT stash.cache_set('k', '1', lease => %L)$$, lease), '22023', '%cache_get_lease%',
    'malformed lease "' || lease || '"')
FROM unnest(ARRAY['', 'x', '12', '12-', '-', '12-0', '12-5x']) AS lease;

SELECT * FROM finish();
