-- cache_keys: pages, patterns; cache_delete_prefix and cache_clear.
SELECT plan(35);
SET stash.blind_fill_guard = 0;
CREATE FUNCTION all_keys(page int, pattern text DEFAULT NULL, OUT seen text[], OUT pages int) LANGUAGE plpgsql AS $$
DECLARE
    place text;
    batch text[];
BEGIN
    seen := '{}';
    pages := 0;
    LOOP
        SELECT array_agg(k.key ORDER BY k.n), (array_agg(k.next_cursor ORDER BY k.n DESC))[1] INTO batch, place
            FROM stash.cache_keys(pattern, place, page) WITH ORDINALITY AS k (key, next_cursor, n);
        seen := seen || coalesce(batch, '{}');
        pages := pages + 1;
        EXIT WHEN coalesce(cardinality(batch), 0) < page;
    END LOOP;
END $$;
SELECT count(stash.cache_set('key' || i, to_jsonb(i), fresh => true)) FROM generate_series(1, 2500) AS i;
SELECT count(stash.cache_set('user:' || i || ':name', to_jsonb(i), fresh => true)) FROM generate_series(1, 20) AS i;
SELECT stash.cache_namespace_create('elsewhere');
SELECT stash.cache_exists('key1', 'elsewhere');
SELECT stash.cache_set('key1', '1', fresh => true, namespace => 'elsewhere');

-- Pages
SELECT results_eq(format($$SELECT cardinality(seen), (SELECT count(DISTINCT k) FROM unnest(seen) AS k) FROM all_keys(%s)$$, page),
    'VALUES (2520, 2520::bigint)', format('pages of %s: every key once', page))
FROM unnest('{1,7,100,2519,2520,2521,100000}'::int[]) AS page;
SELECT results_eq($$SELECT cardinality(seen), (SELECT count(DISTINCT k) FROM unnest(seen) AS k) FROM all_keys(3, 'user:*')$$,
    'VALUES (20, 20::bigint)', 'pages of a pattern');
SELECT is((SELECT count(*) FROM stash.cache_keys()), 1000::bigint, 'max_rows is 1000 by default');
SELECT is((SELECT count(*) FROM stash.cache_keys(max_rows => NULL)), 1000::bigint, 'or NULL');
SELECT is_empty('SELECT * FROM stash.cache_keys(max_rows => 0)', 'max_rows 0');
SELECT is_empty($$SELECT * FROM stash.cache_keys(cursor => '999999999999:x')$$, 'behind the end there is nothing');
SELECT set_eq($$SELECT key FROM stash.cache_keys(namespace => 'elsewhere')$$, ARRAY['key1'], 'another namespace');

-- Keys that are there throughout come once, whatever else happens between the pages
CREATE FUNCTION with_changes(page int) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    place text;
    seen text[] := '{}';
    rows int;
    round int := 0;
BEGIN
    LOOP
        SELECT seen || coalesce(array_agg(k.key), '{}'), (array_agg(k.next_cursor ORDER BY k.n DESC))[1], count(*)
            INTO seen, place, rows FROM stash.cache_keys('key*', place, page) WITH ORDINALITY AS k (key, next_cursor, n);
        EXIT WHEN rows < page;
        round := round + 1;
        -- Odd keys come and go, even ones stay.
        PERFORM stash.cache_delete('key' || (round * 2 + 1)), stash.cache_set('keynew' || round, '1', fresh => true);
    END LOOP;
    RETURN (SELECT ARRAY[count(*), count(DISTINCT k)] FROM unnest(seen) AS k WHERE k ~ '^key\d*[02468]$');
END $$;
SELECT is(with_changes(50), '{1250,1250}'::bigint[], 'the others come once while keys come and go');

-- Patterns
SELECT stash.cache_clear();
SELECT count(stash.cache_set(k, '1', fresh => true)) FROM unnest('{a,ab,abc,b,A,a*c,a?c,"a[c","a\\c",a-c,a]c,a^c,"",aé}'::text[]) AS k WHERE k <> '';
SELECT is((SELECT coalesce(string_agg(key, ' ' ORDER BY key COLLATE "C"), '') FROM stash.cache_keys(pattern)), expected, 'pattern ' || pattern)
FROM (VALUES ('*', 'A a a*c a-c a?c a[c a\c a]c a^c ab abc aé b'), ('a', 'a'), ('?', 'A a b'), ('a?', 'ab'), ('a?c', 'a*c a-c a?c a[c a\c a]c a^c abc'),
    ('a\*c', 'a*c'), ('a\?c', 'a?c'), ('a\\c', 'a\c'), ('a[b*]c', 'a*c abc'), ('a[^b]c', 'a*c a-c a?c a[c a\c a]c a^c'),
    ('[a-b]', 'a b'), ('*c', 'a*c a-c a?c a[c a\c a]c a^c abc'), ('*b*', 'ab abc b'), ('a[]]c', 'a]c'), ('z*', ''), ('', '')) AS p (pattern, expected);

-- Prefixes
SELECT stash.cache_clear();
SELECT count(stash.cache_set(k, '1', fresh => true)) FROM unnest('{p,p1,p2,q1,P1,p%}'::text[]) AS k;
SELECT is(stash.cache_delete_prefix('p'), 4::bigint, 'cache_delete_prefix tells how many');
SELECT set_eq('SELECT key FROM stash.cache_keys()', ARRAY['q1', 'P1'], 'and takes them');
SELECT is(stash.cache_delete_prefix('none'), 0::bigint, 'none');
SELECT stash.cache_clear('elsewhere');
SELECT is(stash.cache_get_many('{q1}') || stash.cache_get_many('{key1}', 'elsewhere'), ARRAY['1', NULL]::jsonb[],
    'cache_clear empties its namespace only');
SELECT stash.cache_set('q1', '2', fresh => true, namespace => 'elsewhere');
SELECT is(stash.cache_get('q1', 'elsewhere'), '2', 'which can be filled again');

SELECT * FROM finish();
