-- memory_snapshot_create and _get: versions, heads, equal content, every error.
\ir lib/memory.sql
SELECT plan(61);
SELECT id AS first FROM stash.memory_snapshot_create('ann', '{"a": 1}') \gset
SELECT results_eq($$SELECT agent_id, key, version, parent, expires_at, pinned, tags, metadata, origin, note, bytes > 0, content, embedding FROM stash.memory_snapshot_get('$$ || :'first' || $$')$$,
    $$VALUES ('ann', 'default', 1::bigint, NULL::uuid, NULL::timestamptz, false, '{}'::text[], '{}'::jsonb, NULL::uuid, NULL::text, true, '{"a": 1}'::jsonb, NULL::real[])$$, 'the first version');
SELECT results_eq($$SELECT id::text, version, deduplicated FROM stash.memory_snapshot_create('ann', '{"a": 1}')$$, $$VALUES ($$ || quote_literal(:'first') || $$, 1::bigint, true)$$, 'the same content is the head');
SELECT id AS second, version AS two, deduplicated AS again FROM stash.memory_snapshot_create('ann', '{"a": 2}') \gset
SELECT is(:two, 2, 'another content is a new version');
SELECT is(:'again'::boolean, false, 'not deduplicated');
SELECT is((SELECT parent FROM stash.memory_snapshot_get(:'second')), :'first', 'its parent is the head');
SELECT is((SELECT version FROM stash.memory_snapshot_create('ann', '{"a": 1}')), 3::bigint, 'an earlier content is a new version, too');
SELECT is((SELECT version FROM stash.memory_snapshot_create('ann', '{"a": 1}', tags => '{x}')), 4::bigint, 'so are other tags');
SELECT is((SELECT deduplicated FROM stash.memory_snapshot_create('ann', '{"a": 1}', tags => '{x,x}')), true, 'tags are a set');
SELECT is((SELECT version FROM stash.memory_snapshot_create('ann', '{"a": 1}', tags => '{x}', metadata => '{"m": 1}')), 5::bigint, 'other metadata');
SELECT is((SELECT version FROM stash.memory_snapshot_create('ann', '{"a": 1}', tags => '{x}', metadata => '{"m": 1}', ttl => 1000)), 6::bigint, 'a ttl');
SELECT is((SELECT version FROM stash.memory_snapshot_create('ann', '{"a": 1}', tags => '{x}', metadata => '{"m": 1}', embedding => '{1,2.5}')), 7::bigint, 'an embedding');
SELECT results_eq($$SELECT tags, metadata, embedding FROM stash.memory_snapshot_get_at('ann')$$, $$VALUES ('{x}'::text[], '{"m": 1}'::jsonb, '{1,2.5}'::real[])$$, 'all that was given');
SELECT is((SELECT version FROM stash.memory_snapshot_create('ann', '1', 'other')), 1::bigint, 'another key begins anew');
SELECT is((SELECT version FROM stash.memory_snapshot_create('ben', '{"a": 1}')), 1::bigint, 'so does another agent');
SELECT is((SELECT deduplicated FROM stash.memory_snapshot_create('ben', '{"a": 1.0}')), false, '1.0 is not 1');

-- Heads
SELECT is((SELECT version FROM stash.memory_snapshot_create('eve', '1', expected_head => '00000000-0000-0000-0000-000000000000')), 1::bigint, 'the nil uuid: the first');
SELECT raises($$SELECT stash.memory_snapshot_create('eve', '2', expected_head => '00000000-0000-0000-0000-000000000000')$$, '40001', 'Read the head%', 'only the first');
SELECT id AS head FROM stash.memory_snapshot_get_at('eve') \gset
SELECT is((SELECT version FROM stash.memory_snapshot_create('eve', '2', expected_head => :'head')), 2::bigint, 'the head that was expected');
SELECT raises($$SELECT stash.memory_snapshot_create('eve', '3', expected_head => '$$ || :'head' || $$')$$, '40001', 'Read the head%', 'not the head any more');
SELECT raises($$SELECT stash.memory_snapshot_create('eve', '2', expected_head => '$$ || :'head' || $$')$$, '40001', 'Read the head%', 'also when the content is that of the head');
SELECT raises($$SELECT stash.memory_snapshot_create('nobody', '2', expected_head => '$$ || :'head' || $$')$$, '40001', '%', 'a head of another');
SELECT is_empty($$SELECT * FROM stash.memory_snapshot_list('nobody')$$, 'nothing was left');

-- Parents
SELECT id AS branch FROM stash.memory_snapshot_create('ann', '{"b": 1}', parent => :'first') \gset
SELECT is((SELECT parent FROM stash.memory_snapshot_get(:'branch')), :'first', 'a parent that is not the head');
SELECT results_eq($$SELECT version FROM stash.memory_snapshot_history('$$ || :'branch' || $$')$$, 'VALUES (8::bigint), (1)', 'its history passes the others by');
SELECT raises($$SELECT stash.memory_snapshot_create('ann', '2', parent => gen_random_uuid())$$, '42704', '%expired%', 'no such parent');
SELECT raises($$SELECT stash.memory_snapshot_create('ann', '2', parent => '$$ || :'head' || $$')$$, '22023', '%fork%', 'a parent of another agent');

-- Expiry
SELECT id AS short FROM stash.memory_snapshot_create('tim', '1', ttl => 0.3) \gset
SELECT id AS pinned FROM stash.memory_snapshot_create('tim', '2', ttl => 0.3) \gset
SELECT ok(expires_at BETWEEN created_at AND created_at + interval '1 second', 'it expires') FROM stash.memory_snapshot_get(:'short');
SELECT ok(stash.memory_snapshot_pin(:'pinned'), 'pinned');
SELECT pg_sleep(0.4);
SELECT is_empty($$SELECT * FROM stash.memory_snapshot_get('$$ || :'short' || $$')$$, 'expired');
SELECT isnt_empty($$SELECT * FROM stash.memory_snapshot_get('$$ || :'pinned' || $$')$$, 'a pinned one does not expire');
SELECT is((SELECT parent FROM stash.memory_snapshot_get(:'pinned')), NULL, 'its parent has');
SELECT is((SELECT count(*) FROM stash.memory_snapshot_list('tim')), 1::bigint, 'nor is it listed');
SELECT is((SELECT version FROM stash.memory_snapshot_create('tim', '1')), 3::bigint, 'versions go on');
SELECT id AS lasting FROM stash.memory_snapshot_create('tim', '9', ttl => 'infinity') \gset
SELECT results_eq($$SELECT expires_at FROM stash.memory_snapshot_get('$$ || :'lasting' || $$')$$, 'VALUES (NULL::timestamptz)', 'infinity: never');

-- Errors
SELECT raises($$SELECT stash.memory_snapshot_create(NULL, '1')$$, '22004', '%', 'no agent');
SELECT raises($$SELECT stash.memory_snapshot_create('a', NULL)$$, '22004', '%', 'no content');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', NULL)$$, '22004', '%', 'no key');
SELECT raises($$SELECT stash.memory_snapshot_create('', '1')$$, '22023', '%', 'an empty agent');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', '')$$, '22023', '%', 'an empty key');
SELECT raises($$SELECT stash.memory_snapshot_create(repeat('a', 256), '1')$$, '22001', '%', 'a long agent');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', repeat('a', 256))$$, '22001', '%', 'a long key');
SELECT lives_ok($$SELECT stash.memory_snapshot_create(repeat('a', 255), '1', repeat('a', 255))$$, 'as long as they may be');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', metadata => '[]')$$, '22023', '%', 'metadata that are no object');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', metadata => jsonb_build_object('a', repeat('x', 1100000)))$$, '54000', '%content%', 'large metadata');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', tags => '{a,NULL}')$$, '22004', '%', 'a NULL tag');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', tags => '{""}')$$, '22023', '%', 'an empty tag');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', tags => ARRAY[repeat('t', 256)])$$, '22001', '%', 'a long tag');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', tags => ARRAY(SELECT g::text FROM generate_series(1, 65) AS g))$$, '54000', '%', 'too many tags');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', ttl => 0)$$, '22023', '%', 'no time to live');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', ttl => -1)$$, '22023', '%', 'a negative ttl');
SELECT raises($$SELECT stash.memory_snapshot_create('a', '1', ttl => 'NaN')$$, '22023', '%', 'a ttl that is no number');
SELECT raises(format($$SELECT stash.memory_snapshot_create('a', '1', embedding => %L)$$, e), '22023', '%', 'embedding ' || e)
    FROM unnest('{"{}","{1,NaN}","{Infinity}","{1,NULL}","{{1,2},{3,4}}","{1e300}"}'::text[]) AS e;
SELECT is((SELECT count(*) FROM stash.memory_snapshot_list('a')), 0::bigint, 'nothing half done');
SELECT * FROM sound('after all that');
SELECT * FROM finish();
