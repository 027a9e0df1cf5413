-- memory_snapshot_cleanup, retention, stats, collect, check.
\ir lib/memory.sql
SELECT plan(63);
CREATE FUNCTION versions(agent text, key text DEFAULT 'default') RETURNS text LANGUAGE sql AS
    $$SELECT coalesce(string_agg(version::text, ' ' ORDER BY version), '-') FROM stash.memory_snapshot_list(agent, versions.key)$$;
CREATE FUNCTION fill(agent text, count integer) RETURNS void LANGUAGE sql AS
    $$SELECT put(agent, jsonb_build_object('n', g, 'messages', (SELECT jsonb_agg(md5(m::text) || repeat('x', 300)) FROM generate_series(1, g) AS m))) FROM generate_series(1, count) AS g$$;
-- As if it had been made so many seconds ago.
CREATE FUNCTION age(agent text, up_to bigint, seconds integer) RETURNS void LANGUAGE sql AS
    $$UPDATE stash.memory_version AS v SET created_at = v.created_at - seconds * interval '1 second' FROM stash.memory_line AS l WHERE l.id = v.line AND l.agent_id = agent AND v.version <= up_to$$;
SELECT fill('ann', 10);
SELECT fill('ben', 3);

SELECT results_eq('SELECT versions, bytes FROM stash.memory_snapshot_cleanup()', 'VALUES (0::bigint, 0::bigint)', 'nothing has expired');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(keep_last => 4, dry_run => true)), 6::bigint, 'a dry run');
SELECT is((SELECT bytes FROM stash.memory_snapshot_cleanup(keep_last => 4, dry_run => true)), (SELECT sum(bytes)::bigint FROM stash.memory_snapshot_list('ann') WHERE version <= 6), 'says what it is about');
SELECT is(versions('ann'), '1 2 3 4 5 6 7 8 9 10', 'does nothing');
SELECT ok(stash.memory_snapshot_pin((SELECT id FROM stash.memory_snapshot_list('ann') WHERE version = 2)), 'a pinned one');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(keep_last => 4)), 5::bigint, 'keep the last four');
SELECT is(versions('ann'), '2 7 8 9 10', 'and what is pinned');
SELECT is(versions('ben'), '1 2 3', 'of each key');
SELECT age('ann', 8, 1000);
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(older_than => 500, agent_id => 'ben')), 0::bigint, 'none is that old');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(keep_last => 4, older_than => 500)), 0::bigint, 'old, but among the last');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(keep_last => 1, older_than => 500)), 2::bigint, 'old, and not among the last');
SELECT is(versions('ann'), '2 9 10', 'the others stay');
SELECT age('ann', 10, 10000);
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(older_than => 500, agent_id => 'ann')), 1::bigint, 'by age alone');
SELECT is(versions('ann'), '2 10', 'the head stays');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(keep_last => 0, older_than => 500, agent_id => 'ann')), 1::bigint, 'unless it is not to be kept');
SELECT is(versions('ann'), '2', 'pinned is pinned');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(keep_last => 1, batch => 1)), 1::bigint, 'a batch');
SELECT is(versions('ben'), '2 3', 'begins with the oldest');
SELECT put('tim', '1') AS forever \gset
SELECT stash.memory_snapshot_create('tim', '2', ttl => 0.1);
SELECT stash.memory_snapshot_create('tim', '3');
SELECT pg_sleep(0.2);
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(agent_id => 'ben')), 0::bigint, 'not of this agent');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(dry_run => true)), 1::bigint, 'expired');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup()), 1::bigint, 'goes without a condition');
SELECT is(versions('tim'), '1 3', 'the rest stays');
SELECT raises('SELECT stash.memory_snapshot_cleanup(' || a || ')', '22023', '%', a) FROM unnest('{"keep_last => -1","older_than => -1","older_than => ''NaN''","batch => 0"}'::text[]) AS a;
SELECT * FROM sound('after cleaning up');

-- Retention
SELECT lives_ok($$SELECT stash.memory_retention_set('a*', 5)$$, 'a policy');
SELECT lives_ok($$SELECT stash.memory_retention_set('a_%\?', keep_last => 2, max_age => 60)$$, 'with signs in its pattern');
SELECT lives_ok($$SELECT stash.memory_retention_set('a*', 3)$$, 'another for the same');
SELECT results_eq('SELECT * FROM stash.memory_retention_list()', $$VALUES ('a*', 3, NULL::double precision), ('a_%\?', 2, 60)$$, 'the policies');
SELECT is((stash.memory_rule('ann')).agent_pattern, 'a*', 'a pattern that matches');
SELECT is((stash.memory_rule('a_%\x')).agent_pattern, 'a_%\?', 'the longest decides');
SELECT is((stash.memory_rule('abcx')).agent_pattern, 'a*', 'only * and ? stand for others');
SELECT is((stash.memory_rule('ben')).agent_pattern, NULL, 'none');
SELECT is(stash.memory_retention_unset('a*'), true, 'unset');
SELECT is(stash.memory_retention_unset('a*'), false, 'once');
SELECT raises('SELECT stash.memory_retention_set(' || a || ')', s, '%', a) FROM (VALUES ('NULL, 1', '22004'), ('''''', '22023'), ('''a''', '22023'), ('''a'', 0', '22023'), ('''a'', NULL, 0', '22023'), ('''a'', 1, ''infinity''', '22023'), ('''a'', 1, ''NaN''', '22023')) AS t (a, s);

-- Figures
SELECT fill('sue', 100);
SELECT results_eq($$SELECT keys, versions, pinned, logical_bytes = (SELECT sum(bytes) FROM stash.memory_snapshot_list('sue')), ratio > 5, parts BETWEEN 100 AND 200, shared_parts BETWEEN 90 AND parts FROM stash.memory_snapshot_stats('sue')$$,
    'VALUES (1::bigint, 100::bigint, 0::bigint, true, true, true, true)', 'of an agent');
SELECT ok(versions > 100 AND keys = 4, 'of all') FROM stash.memory_snapshot_stats();
SELECT results_eq($$SELECT keys, versions, logical_bytes, stored_bytes, ratio, parts, shared_parts FROM stash.memory_snapshot_stats('nobody')$$, 'VALUES (0::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::double precision, 0::bigint, 0::bigint)', 'of nobody');

-- The checker finds what is wrong
SELECT raises('SELECT stash.memory_collect(0)', '22023', '%', 'collect nothing');
SELECT version FROM stash.memory_snapshot_create('ben', '"near"', 'near', embedding => '{1,2}');
SELECT is(problems(s), expected, expected) FROM (VALUES
    ('SELECT 1', 'none'),
    ($$UPDATE stash.memory_part SET content = '["else"]' WHERE id = (SELECT max(id) FROM stash.memory_part WHERE refs IS NULL)$$, 'its content does not have its hash'),
    ($$UPDATE stash.memory_part SET refs = '\x05' WHERE id = (SELECT max(id) FROM stash.memory_part WHERE content IS NULL)$$, 'its list of parts is damaged'),
    ('DELETE FROM stash.memory_part WHERE id = (SELECT max(id) FROM stash.memory_part WHERE content IS NOT NULL AND refs IS NULL)', 'a part below it is missing'),
    ('INSERT INTO stash.memory_part SELECT pool, id + 1000000, gen_random_uuid(), refs, content FROM stash.memory_part WHERE id = (SELECT max(id) FROM stash.memory_part)', 'its content does not have its hash, no snapshot has this part'),
    ('DELETE FROM stash.memory_line', 'a snapshot without its line'),
    ('UPDATE stash.memory_line SET last_version = 1', 'a snapshot later than the latest of its line'),
    ('INSERT INTO stash.memory_embedding VALUES (gen_random_uuid(), 1, 1, ''{1}'')', 'an embedding without its snapshot'),
    ('UPDATE stash.memory_embedding SET tags = ''{other}''', 'an embedding that says other things than its snapshot')) AS t (s, expected);
SELECT raises($$SELECT FROM stash.memory_version AS v, stash.memory_snapshot_get(v.id) WHERE NOT EXISTS (SELECT problems('SELECT 1')) OR stash.memory_content(v.pool, v.logical_size + 4, v.content, v.refs) IS NULL$$, 'XX001', '%memory_check%', 'a damaged snapshot is an error');
SELECT * FROM sound('in the end');
SELECT * FROM finish();
