-- Tags: get and invalidate by them.
SELECT plan(32);
SET stash.blind_fill_guard = 0;
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
    SELECT stash.cache_clear();
    SELECT stash.cache_set('ab', '1', tags => '{a,b}', fresh => true), stash.cache_set('a', '2', tags => '{a}', fresh => true),
        stash.cache_set('u1', '3', tags => '{user:1,b}', fresh => true), stash.cache_set('u2', '4', tags => '{user:2}', fresh => true),
        stash.cache_set('u12', '5', tags => '{user:1,user:2}', fresh => true), stash.cache_set('none', '6', fresh => true),
        stash.cache_set_bytes('raw', '\x01', tags => '{a}', fresh => true);
$$;
CREATE FUNCTION tagged(tags text[], match_all boolean DEFAULT false) RETURNS text LANGUAGE sql AS
    $$SELECT coalesce(string_agg(key, ' ' ORDER BY key), '') FROM stash.cache_get_by_tags(tags, match_all)$$;
CREATE FUNCTION held() RETURNS text LANGUAGE sql AS $$SELECT coalesce(string_agg(key, ' ' ORDER BY key), '') FROM stash.cache_keys()$$;

SELECT fill();
SELECT is(tagged(tags, match_all), expected, format('%s, match_all %s', tags, match_all)) FROM (VALUES
    ('{a}'::text[], false, 'a ab raw'), ('{a,b}', false, 'a ab raw u1'), ('{a,b}', true, 'ab'), ('{a,a}', true, 'a ab raw'),
    ('{user:*}', false, 'u1 u12 u2'), ('{user:1,user:2}', true, 'u12'), ('{user:*,b}', true, 'u1'), ('{user:*,a}', false, 'a ab raw u1 u12 u2'),
    ('{nothing}', false, ''), ('{a,nothing}', true, ''), ('{a,nothing}', false, 'a ab raw'), ('{}', false, ''), ('{}', true, ''),
    ('{user:3}', false, ''), ('{other:*}', false, '')) AS c (tags, match_all, expected);
SELECT results_eq($$SELECT value FROM stash.cache_get_by_tags('{a}') WHERE key = 'raw'$$, 'VALUES (NULL::jsonb)', 'bytes have no jsonb value');
SELECT is((SELECT count(*) FROM stash.cache_get_by_tags('{a,user:*}', false, 4)), 4::bigint, 'max_rows');
SELECT is_empty($$SELECT * FROM stash.cache_get_by_tags('{a}', max_rows => 0)$$, 'max_rows 0');
SELECT is((SELECT tags FROM stash.cache_get_entry('ab')), '{a,b}', 'an entry tells its tags in order');
SELECT stash.cache_set('dup', '1', tags => '{x,x,y}', fresh => true);
SELECT is((SELECT tags FROM stash.cache_get_entry('dup')), '{x,y}', 'a tag counts once');
SELECT stash.cache_set('most', '1', tags => (SELECT array_agg(repeat('t', 253) || lpad(i::text, 2, '0')) FROM generate_series(1, 64) AS i), fresh => true);
SELECT is((SELECT cardinality(tags) FROM stash.cache_get_entry('most')), 64, '64 tags of 255 bytes');

-- Invalidating
SELECT fill();
SELECT stash.cache_invalidate_tags('{a,b}') AS n \gset
SELECT is(:'n'::text, '4', 'entries with several of the tags count once');
SELECT is(held(), 'none u12 u2', 'and go');
SELECT fill();
SELECT stash.cache_invalidate_tags('{user:1}') AS n \gset
SELECT is(:'n' || ' ' || held(), '2 a ab none raw u2', 'one tag of a class');
SELECT fill();
SELECT stash.cache_invalidate_tags('{user:*}') AS n \gset
SELECT is(:'n' || ' ' || held(), '3 a ab none raw', 'a class');
SELECT fill();
SELECT stash.cache_invalidate_tags('{user:*,user:1,a}') AS n \gset
SELECT is(:'n' || ' ' || held(), '6 none', 'a class and one of its tags');
SELECT fill();
SELECT stash.cache_invalidate_tags('{nothing}') AS n \gset
SELECT is(:'n' || ' ' || held(), '0 a ab none raw u1 u12 u2', 'a tag that nothing has');
SELECT stash.cache_invalidate_tags('{}') AS n \gset
SELECT is(:'n'::text, '0', 'no tags');
SELECT stash.cache_set('a', '9', tags => '{b}', fresh => true);
SELECT stash.cache_invalidate_tags('{a}');
SELECT is(stash.cache_get('a'), '9', 'a key''s former tags do not concern it');
SELECT is(tagged('{b}'), 'a u1', 'it is found by the new ones');
SELECT stash.cache_set('user:1', '1', tags => '{weird: :x*y,*,:}', fresh => true);
SELECT stash.cache_invalidate_tags('{*}');
SELECT is(stash.cache_get('user:1'), NULL, 'a tag that is a star');
SELECT stash.cache_set('long', '1', tags => ARRAY['a:b:c'], fresh => true);
SELECT stash.cache_invalidate_tags('{a:b:*}');
SELECT is(stash.cache_get('long'), '1', 'a class ends at the first colon');

SELECT * FROM finish();
