-- What goes in comes out, byte for byte, whatever it is.
\ir lib/memory.sql
SELECT plan(54);
SELECT ok(kept(d), left(d::text, 60)) FROM unnest(ARRAY[
    'null', 'true', 'false', '0', '-0', '1.0', '1.00', '1e400', '-1e-400', '123456789012345678901234567890.123456789',
    '""', '"a"', '"\u00e4\ud83d\ude00"', '"\\ \" \/ \b\f\n\r\t"', '[]', '{}', '[[]]', '[{}]', '{"": ""}', '{"a": []}',
    '[null, true, false, 0, "", [], {}]', '{"a": {"b": {"c": {"d": [1, 2, {"e": null}]}}}}', '[1, [2, [3, [4, [5]]]]]']::jsonb[]) AS d;
SELECT ok(kept(to_jsonb(repeat('x', n))), n || ' letters') FROM unnest('{100,255,256,511,512,2047,2048,100000,3000000}'::integer[]) AS n;
SELECT ok(kept((SELECT jsonb_agg(g) FROM generate_series(1, n) AS g)), n || ' numbers') FROM unnest('{1,31,32,33,64,1000,100000}'::integer[]) AS n;
SELECT ok(kept((SELECT jsonb_agg(''::text) FROM generate_series(1, n) AS g)), n || ' empty texts') FROM unnest('{127,128,129,50000}'::integer[]) AS n;
SELECT ok(kept((SELECT jsonb_object_agg('k' || g, g * 1.5) FROM generate_series(1, n) AS g)), n || ' members') FROM unnest('{1,31,32,33,1000,30000}'::integer[]) AS n;
SELECT ok(kept((repeat('[', 5000) || repeat(']', 5000))::jsonb), 'nested deeply');
SELECT ok(kept((repeat('{"a": [', 2000) || '1' || repeat(', "' || repeat('y', 50) || '"]}', 2000))::jsonb), 'nested deeply with something on each level');
SELECT * FROM sound('all of these');
SELECT * FROM finish();
