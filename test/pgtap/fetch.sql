-- cache_fetch: results, arguments, what is kept and for how long.
\ir lib/raises.sql
SELECT plan(42);
CREATE TABLE items (id int PRIMARY KEY, v text, price numeric, made timestamptz, tags text[]);
INSERT INTO items VALUES (1, 'one', 1.50, '2024-01-02 03:04:05+00', '{a,b}'), (2, 'two', 2, NULL, NULL);
CREATE SEQUENCE runs;
CREATE FUNCTION slow(i int) RETURNS jsonb LANGUAGE sql VOLATILE AS
    $$SELECT jsonb_build_object('run', nextval('runs'), 'v', (SELECT v FROM items WHERE id = i))$$;

-- Computed once
SELECT is(stash.cache_fetch('k', 'SELECT slow(1)'), '{"run": 1, "v": "one"}', 'a miss computes');
SELECT is(stash.cache_fetch('k', 'SELECT slow(1)'), '{"run": 1, "v": "one"}', 'a hit does not');
SELECT is(stash.cache_get('k'), '{"run": 1, "v": "one"}', 'cache_get finds it, too');
SELECT stash.cache_delete('k');
SELECT is(stash.cache_fetch('k', 'SELECT slow(2)'), '{"run": 2, "v": "two"}', 'after a delete it computes again');
BEGIN;
SELECT is(stash.cache_fetch('own', 'SELECT slow(1)') -> 'run', '3', 'within a transaction');
SELECT is(stash.cache_fetch('own', 'SELECT slow(1)') -> 'run', '3', 'it is computed once');
ROLLBACK;
SELECT is(stash.cache_get('own'), NULL, 'and rolled back with it');
SELECT is(stash.cache_fetch('own', 'SELECT slow(1)') -> 'run', '4', 'the next caller computes at once');
SELECT stash.cache_fetch('tagged', 'SELECT slow(1)', ttl => 50, tags => '{item:1}');
SELECT ok((SELECT ttl_left <= 50 AND tags = '{item:1}' FROM stash.cache_get_entry('tagged')), 'it has the ttl and the tags');
SELECT stash.cache_invalidate_tags('{item:*}');
SELECT is(stash.cache_get('tagged'), NULL, 'and dies with them');
SELECT stash.cache_fetch('brief', 'SELECT slow(1)', ttl => 0.001);
SELECT pg_sleep(0.01);
SELECT isnt(stash.cache_fetch('brief', 'SELECT ''"again"''::jsonb'), NULL, 'an expired value is computed again');

-- Arguments have the types that the query gives them
SELECT is(stash.cache_fetch('a1', 'SELECT to_jsonb(i) FROM items AS i WHERE id = $1', '{1}') ->> 'v', 'one', 'an int');
SELECT is(stash.cache_fetch('a2', 'SELECT to_jsonb(v) FROM items WHERE v = $1', '{two}'), '"two"', 'a text');
SELECT is(stash.cache_fetch('a3', 'SELECT to_jsonb(v) FROM items WHERE price > $1 AND made < $2', '{1.49,2025-01-01}'),
    '"one"', 'a numeric and a timestamp');
SELECT is(stash.cache_fetch('a4', 'SELECT to_jsonb(v) FROM items WHERE tags && $1', ARRAY['{b,c}']), '"one"', 'an array');
SELECT is(stash.cache_fetch('a5', 'SELECT to_jsonb($1::boolean) ', '{yes}'), 'true', 'a cast');
SELECT is(stash.cache_fetch('a6', 'SELECT $1::jsonb -> $2', ARRAY['{"a b": [1]}', 'a b']), '[1]', 'jsonb');
SELECT is(stash.cache_fetch('a7', 'SELECT to_jsonb($1::text IS NULL)', ARRAY[NULL]), 'true', 'NULL');
SELECT is(stash.cache_fetch('a8', 'SELECT to_jsonb(v) FROM items WHERE id = $1', '{2,unused}'), '"two"', 'one that is not used');
SELECT is(stash.cache_fetch('a9', 'SELECT to_jsonb($1::text)', ARRAY['''; DROP TABLE items; --']),
    '"''; DROP TABLE items; --"', 'quotes are nothing special');
SELECT raises($$SELECT stash.cache_fetch('x', 'SELECT to_jsonb($1::int)', '{abc}')$$, '22P02', '%', 'an argument that is no int');
SELECT raises($$SELECT stash.cache_fetch('x', 'SELECT to_jsonb($1::int + $2)', '{1}')$$, '42P02', '%', 'too few arguments');

-- No value
SELECT is(stash.cache_fetch('none', 'SELECT to_jsonb(v) FROM items WHERE id = 99'), NULL, 'no row is NULL');
SELECT is(stash.cache_fetch('none', 'SELECT NULL::jsonb'), NULL, 'NULL is NULL');
SELECT ok(NOT stash.cache_exists('none'), 'neither is stored');
SELECT is(stash.cache_fetch('none', 'SELECT ''1''::jsonb'), '1', 'and nobody waits for it');
SELECT is(stash.cache_fetch('null', 'SELECT ''null''::jsonb'), 'null', 'a JSON null is a value');
SELECT ok(stash.cache_exists('null'), 'that is stored');

-- Errors, each of which gives the lease back: the next call computes at once
SET stash.fetch_timeout = '1h';
SET statement_timeout = '1min';
SELECT raises($$SELECT stash.cache_fetch('x', 'SELECT ''1''::jsonb FROM items')$$, '21000', '%jsonb_agg%', 'two rows');
SELECT raises($$SELECT stash.cache_fetch('x', 'SELECT 1')$$, '42804', '%to_jsonb%', 'not jsonb');
SELECT raises($$SELECT stash.cache_fetch('x', 'SELECT ''1''::jsonb, 2')$$, '42804', '%to_jsonb%', 'two columns');
SELECT raises($$SELECT stash.cache_fetch('x', 'SELECT to_jsonb(1 / 0)')$$, '22012', '%', 'an error in the query');
SELECT raises($$SELECT stash.cache_fetch('x', 'SELECT nonsense')$$, '42703', '%', 'a query that makes no sense');
SELECT raises($$SELECT stash.cache_fetch('x', 'SELECT ''1''::jsonb; SELECT 1')$$, '42601', '%', 'two statements');
SELECT raises($$SELECT stash.cache_fetch('x', '')$$, '42601', '%', 'no statement');
SELECT raises($$SELECT stash.cache_fetch('x', NULL)$$, '22004', '_%', 'a null query');
SELECT raises(format('SELECT stash.cache_fetch(%L, %L)', 'x', q), '22023', '%must not write%', 'refused: ' || q)
FROM unnest(ARRAY['INSERT INTO items VALUES (3) RETURNING to_jsonb(items)',
    'WITH gone AS (DELETE FROM items RETURNING *) SELECT to_jsonb(count(*)) FROM gone',
    'SELECT to_jsonb(1) INTO other', 'EXPLAIN (FORMAT json) SELECT 1', 'SHOW work_mem']) AS q;
SELECT is(stash.cache_fetch('x', 'SELECT to_jsonb(count(*)) FROM items'), '2', 'nothing was written');

SELECT * FROM finish();
