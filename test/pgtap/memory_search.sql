-- memory_snapshot_search: text, vectors, both; configuration; errors; what is indexed and what goes.
SELECT plan(53);
CREATE FUNCTION found(query text, agent text DEFAULT NULL, filter jsonb DEFAULT NULL) RETURNS SETOF text LANGUAGE sql AS
    $$SELECT agent_id || '/' || key || '/' || version FROM stash.memory_snapshot_search(query, agent_id => agent, filter => filter)$$;
CREATE FUNCTION long_text(seed integer) RETURNS text LANGUAGE sql AS
    $$SELECT string_agg(md5(seed::text || n), ' ') FROM generate_series(1, 12) AS n$$;

SELECT throws_ok($$SELECT stash.memory_snapshot_search()$$, '22004', 'query or embedding must be given', 'nothing asked');
SELECT throws_ok($$SELECT stash.memory_snapshot_search('x')$$, '55000', 'full text of memory snapshots is off', 'full text is off');
SELECT throws_ok(format($$SELECT stash.memory_snapshot_search(embedding => '{1}', max_rows => %s)$$, n), '22023',
    'max_rows must be between 1 and 1000', 'max_rows ' || n) FROM unnest(ARRAY['0', '1001', 'NULL']) AS n;
SELECT throws_ok($$SELECT stash.memory_snapshot_search(embedding => '{NaN}')$$, '22023', NULL, 'NaN');
SELECT throws_ok($$SELECT stash.memory_snapshot_search(embedding => '{1}', filter => '{"colour": 1}')$$, '42703',
    'there is no property "colour" to filter by', 'an unknown property');
SELECT throws_ok($$SELECT stash.memory_snapshot_search(embedding => '{1}', filter => '{"line": 1}')$$, '42703',
    'there is no property "line" to filter by', 'an internal column');
SELECT throws_ok($$SELECT stash.memory_snapshot_search(embedding => '{1}', filter => '[]')$$, '22023', NULL, 'no filter');
SELECT throws_ok($$SELECT stash.memory_search_configure('nothing')$$, '42704', NULL, 'an unknown language');
SELECT throws_ok($$SELECT stash.memory_search_configure('simple', '')$$, '22023', 'agent_id must not be empty', 'an empty agent');
SELECT throws_ok(format($$SELECT stash.memory_search_configure('simple', 'a', %L)$$, w), '22023',
    'weights must be a JSON object of paths and their weights', 'weights ' || w)
    FROM unnest(ARRAY['[]', '{"a": "E"}', '{"a": 1}', '{"": "A"}']) AS w;

-- Nothing is indexed while it is off; switching it on indexes what is there.
SELECT stash.memory_snapshot_create('ann', '{"title": "A walk", "text": "The cats were sleeping"}') \g /dev/null
SELECT is((SELECT count(*) FROM stash.memory_text), 0::bigint, 'off: no words');
SELECT stash.memory_search_configure('english', 'ann', '{"title": "A"}') \g /dev/null
-- Where a document is cut is a matter of chance, so one or two parts, and members may be apart.
SELECT cmp_ok((SELECT count(*) FROM stash.memory_text), '>', 0::bigint, 'switched on: a small document');
SELECT set_eq($$SELECT found('cat')$$, ARRAY['ann/default/1'], 'by the stem');
SELECT set_eq($$SELECT found('"sleep cats"')$$, '{}'::text[], 'no such phrase');
SELECT set_eq($$SELECT found('dog or walk')$$, ARRAY['ann/default/1'], 'one of two words');
SELECT set_eq($$SELECT found('cat -sleep')$$, '{}'::text[], 'without a word');
SELECT stash.memory_snapshot_create('bob', '{"text": "cats"}') \g /dev/null
SELECT set_eq($$SELECT found('cat')$$, ARRAY['ann/default/1'], 'another agent is not indexed');
SELECT stash.memory_search_configure('simple') \g /dev/null
SELECT set_eq($$SELECT found('cats')$$, ARRAY['ann/default/1', 'bob/default/1'], 'each agent by its language');
SELECT set_eq($$SELECT found('cat')$$, ARRAY['ann/default/1'], 'bob''s has no stems');
SELECT stash.memory_search_configure(NULL, 'bob') \g /dev/null
SELECT set_eq($$SELECT found('cats')$$, ARRAY['ann/default/1'], 'off for one');
SELECT ok(stash.memory_search_reset('bob'), 'reset');
SELECT ok(NOT stash.memory_search_reset('bob'), 'only once');
SELECT set_eq($$SELECT found('cats')$$, ARRAY['ann/default/1', 'bob/default/1'], 'back to what holds for all');
SELECT stash.memory_snapshot_create('ann', '{"title": "cats", "text": "of a walk"}', 'other') \g /dev/null
SELECT results_eq($$SELECT found('cats', 'ann')$$, $$VALUES ('ann/other/1'), ('ann/default/1')$$, 'weights decide the order');

-- A conversation: one hit a key, the newest version that has the part.
SELECT stash.memory_snapshot_create('cid', (SELECT jsonb_agg(jsonb_build_object('n', m, 'text', 'word' || m || ' ' || long_text(m)))
    FROM generate_series(1, n) AS m), 'talk', tags => ARRAY['t' || n % 3], metadata => jsonb_build_object('n', n)) FROM generate_series(1, 60) AS n \g /dev/null
SELECT set_eq($$SELECT found('word5')$$, ARRAY['cid/talk/60'], 'of 56 versions that have it, the newest');
SELECT set_eq($$SELECT found('word5', filter => '{"metadata.n": {"lt": 20}}')$$, ARRAY['cid/talk/19'], 'that the filter allows');
SELECT set_eq($$SELECT found('word30', filter => '{"metadata.n": {"lt": 20}}')$$, '{}'::text[], 'or none');
SELECT set_eq($$SELECT found('word5', filter => '{"tags": "t1"}')$$, ARRAY['cid/talk/58'], 'by tags');
SELECT set_eq($$SELECT found('word5', 'ann')$$, '{}'::text[], 'of another agent');
SELECT cmp_ok((SELECT count(*) FROM stash.memory_text AS t JOIN stash.memory_pool AS p ON p.id = t.pool WHERE p.agent_id = 'cid'),
    '<', 200::bigint, 'the index grows with the parts, not with the versions');
SELECT stash.memory_snapshot_create('cid', '[{"text": "all new"}]', 'talk') \g /dev/null
SELECT set_eq($$SELECT found('word5')$$, ARRAY['cid/talk/60'], 'what the head no longer has is found in the last that had it');
DELETE FROM stash.memory_version WHERE metadata->>'n' = '60';
SELECT set_eq($$SELECT found('word5')$$, ARRAY['cid/talk/59'], 'a deleted version is no hit');
DELETE FROM stash.memory_part;
SELECT is((SELECT count(*) FROM stash.memory_text WHERE part IS NOT NULL), 0::bigint, 'words go with their parts');
DELETE FROM stash.memory_version;
SELECT is((SELECT count(*) FROM stash.memory_text), 0::bigint, 'and with their versions');
SELECT is((SELECT count(*) FROM stash.memory_snapshot_search('word5')), 0::bigint, 'nothing is found');

-- Text that no tsvector holds.
SELECT lives_ok($$SELECT stash.memory_snapshot_create('dan', jsonb_build_object('text', 'first ' ||
    (SELECT string_agg('w' || n, ' ') FROM generate_series(1, 400000) AS n) || ' last'))$$, 'megabytes of words');
SELECT set_eq($$SELECT found('first', 'dan')$$, ARRAY['dan/default/1'], 'its beginning is found');
SELECT results_eq($$SELECT agent_id, language, incomplete FROM stash.memory_search_status() WHERE agent_id = 'dan'$$,
    $$VALUES ('dan', 'simple', 1::bigint)$$, 'and it is said that not all is');
SELECT lives_ok($$SELECT stash.memory_snapshot_create('dan', jsonb_build_object('text', repeat('A', 3000000)), 'blob')$$, 'a word of megabytes');

-- Vectors, and both.
SELECT stash.memory_snapshot_create('eve', jsonb_build_object('text', t), t, embedding => e) FROM (VALUES
    ('apple pie', '{1,0,0}'::float8[]), ('apple tree', '{0,1,0}'), ('plum cake', '{0.9,0.1,0}')) AS v (t, e) \g /dev/null
SELECT stash.memory_snapshot_create('eve', jsonb_build_object('text', 'more ' || n), 'plum cake', embedding => ARRAY[0.9, 0.2, 0]) FROM generate_series(1, 30) AS n \g /dev/null
SELECT results_eq($$SELECT key, version, engine, round(distance::numeric, 3) FROM stash.memory_snapshot_search(embedding => '{1,0,0}')$$,
    $$VALUES ('apple pie', 1::bigint, 'vector-local', 0.000), ('plum cake', 1, 'vector-local', 0.006), ('apple tree', 1, 'vector-local', 1.000)$$,
    'vectors: one hit a key');
SELECT results_eq($$SELECT key, engine, round(score::numeric, 6), text_rank > 0, distance IS NOT NULL FROM stash.memory_snapshot_search('tree', '{1,0,0}', 'eve')$$,
    $$VALUES ('apple tree', 'hybrid-local', round(1.0 / 61 + 1.0 / 63, 6), true, true), ('apple pie', 'hybrid-local', round(1.0 / 61, 6), NULL, true),
      ('plum cake', 'hybrid-local', round(1.0 / 62, 6), NULL, true)$$, 'both, fused by reciprocal rank');
SELECT results_eq($$SELECT key, engine FROM stash.memory_snapshot_search('tree', agent_id => 'eve')$$, $$VALUES ('apple tree', 'text')$$, 'text alone');
SELECT is_empty($$SELECT * FROM stash.memory_snapshot_search(embedding => '{1,0}')$$, 'other dimensions are not compared');

-- Who may do what.
CREATE ROLE memory_app;
CREATE ROLE memory_admin;
SELECT stash.grant_usage('memory_app', '{memory}');
SELECT stash.grant_usage('memory_admin', '{admin,monitor}');
SET ROLE memory_app;
SELECT isnt_empty($$SELECT * FROM stash.memory_snapshot_search('tree')$$, 'memory: searches');
SELECT throws_ok($$SELECT stash.memory_search_configure('simple')$$, '42501', NULL, 'but configures nothing');
SELECT throws_ok($$SELECT * FROM stash.memory_text$$, '42501', NULL, 'and reads no table');
SELECT throws_ok($$SELECT * FROM stash.memory_text_hits('tree', NULL, 'true', NULL)$$, '42501', NULL, 'nor what is internal');
SET ROLE memory_admin;
SELECT lives_ok($$SELECT stash.memory_search_configure('simple', 'eve'), stash.memory_search_reset('eve'),
    stash.memory_search_rebuild('eve'), stash.memory_search_status()$$, 'admin and monitor do');
RESET ROLE;
DROP OWNED BY memory_app, memory_admin;
DROP ROLE memory_app, memory_admin;
SELECT * FROM finish();
