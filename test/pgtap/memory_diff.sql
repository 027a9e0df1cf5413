-- memory_snapshot_diff: the terms of JSON Patch, insertions as insertions, and applied it gives the new.
\ir lib/memory.sql
SELECT plan(40);
CREATE FUNCTION steps(a jsonb, b jsonb) RETURNS text LANGUAGE sql AS
    $$SELECT coalesce(string_agg(concat_ws(' ', op, quote_ident(path), coalesce(old::text, '-'), coalesce(new::text, '-')), '; ' ORDER BY n), 'equal')
      FROM stash.memory_difference(a, b) WITH ORDINALITY AS d (path, op, old, new, n)$$;
SELECT is(steps(a, b), expected, format('%s to %s', left(a::text, 40), left(b::text, 40))) FROM (VALUES
    ('{"a": 1}'::jsonb, '{"a": 1}'::jsonb, 'equal'),
    ('{"a": 1}', '{"a": 2}', 'replace "/a" 1 2'),
    ('{"a": 1}', '{"b": 2}', 'remove "/a" 1 -; add "/b" - 2'),
    ('{"a": null}', '{}', 'remove "/a" null -'),
    ('{}', '{"a": null}', 'add "/a" - null'),
    ('{"a": 1}', '{"a": 1.0}', 'replace "/a" 1 1.0'),
    ('{"a/b": {"c~d": 1}}', '{"a/b": {"c~d": 2}}', 'replace "/a~1b/c~0d" 1 2'),
    ('{"": 1}', '{"": 2}', 'replace "/" 1 2'),
    ('1', '2', 'replace "" 1 2'),
    ('1', '[1]', 'replace "" 1 [1]'),
    ('{}', '[]', 'replace "" {} []'),
    ('"x"', 'null', 'replace "" "x" null'),
    ('[1, 2, 3]', '[0, 1, 2, 3]', 'add "/0" - 0'),
    ('[1, 2, 3]', '[1, 2, 3, 4]', 'add "/3" - 4'),
    ('[1, 2, 3]', '[1, 9, 2, 3]', 'add "/1" - 9'),
    ('[1, 2, 3]', '[2, 3]', 'remove "/0" 1 -'),
    ('[1, 2, 3]', '[1, 3]', 'remove "/1" 2 -'),
    ('[1, 2, 3]', '[]', 'remove "/0" 1 -; remove "/0" 2 -; remove "/0" 3 -'),
    ('[1, 2, 3, 4]', '[1, 9, 3, 8]', 'replace "/1" 2 9; replace "/3" 4 8'),
    ('[{"a": 1, "b": 2}]', '[{"a": 1, "b": 3}]', 'replace "/0/b" 2 3'),
    ('[{"a": 1}, 7]', '[0, {"a": 2}, 7]', 'replace "/0" {"a": 1} 0; add "/1" - {"a": 2}'),
    ('{"a": {"b": [1, {"c": 2}]}}', '{"a": {"b": [1, {"c": 3, "d": 4}]}}', 'replace "/a/b/1/c" 2 3; add "/a/b/1/d" - 4')) AS t (a, b, expected);
SELECT is(steps((SELECT jsonb_agg(md5(g::text)) FROM generate_series(1, 3000) AS g), (SELECT jsonb_agg(md5(g::text)) FROM generate_series(0, 3000) AS g)), 'add "/0" - "cfcd208495d565ef66e7dff9f98764da"', 'an insertion at the front of 3000');
SELECT is((SELECT count(*) FROM stash.memory_difference((SELECT jsonb_agg(md5(g::text)) FROM generate_series(1, 5000) AS g), (SELECT jsonb_agg(md5((g * 2)::text)) FROM generate_series(1, 5000) AS g))), 5000::bigint, 'beyond the limit elements are matched by place');
SELECT is((SELECT count(*) FROM stash.memory_difference((repeat('[', 3000) || '1' || repeat(']', 3000))::jsonb, (repeat('[', 3000) || '2' || repeat(']', 3000))::jsonb)), 1::bigint, 'however deep');
SELECT is_empty($$SELECT * FROM stash.memory_difference(NULL, '1')$$, 'NULL');
SELECT put('a', '{"a": 1, "b": [1, 2]}') AS one, put('b', '{"a": 1, "b": [2]}') AS two \gset
SELECT results_eq(format('SELECT * FROM stash.memory_snapshot_diff(%L, %L)', :'one', :'two'), $$VALUES ('/b/0', 'remove', '1'::jsonb, NULL::jsonb)$$, 'of two snapshots');
SELECT is_empty(format('SELECT * FROM stash.memory_snapshot_diff(%L, %L)', :'one', :'one'), 'of one');
SELECT raises($$SELECT * FROM stash.memory_snapshot_diff(gen_random_uuid(), put('a', '1'))$$, '42704', '%', 'from nothing');
SELECT raises($$SELECT * FROM stash.memory_snapshot_diff(put('a', '1'), gen_random_uuid())$$, '42704', '%', 'to nothing');
SELECT raises($$SELECT * FROM stash.memory_snapshot_diff(put('a', '1'), NULL)$$, '42704', '%', 'to NULL');

-- What applies patches, for the import.
SELECT is(stash.memory_patched('{"a": [1, 2]}', '[{"op": "add", "path": "/a/2", "value": 3}, {"op": "remove", "path": "/a/0"}, {"op": "add", "path": "/-1", "value": 0}]'), '{"a": [2, 3], "-1": 0}', 'a patch');
SELECT raises(format('SELECT stash.memory_patched(%L, %L)', '{"a": [1]}', p), '22023', '%', p) FROM unnest(ARRAY[
    '[{"op": "move", "path": "/a"}]', '[{"op": "add", "path": "/a"}]', '[{"op": "add", "path": "a", "value": 1}]',
    '[{"op": "remove", "path": "/b"}]', '[{"op": "replace", "path": "/a/1", "value": 1}]', '[{"op": "add", "path": "/a/2", "value": 1}]',
    '[{"op": "add", "path": "/a/-1", "value": 1}]', '[{"op": "add", "path": "/x/y", "value": 1}]']) AS p;
SELECT * FROM finish();
