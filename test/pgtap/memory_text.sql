-- The full-text index beside all that adds and takes away: imports, deletions, the collector; and
-- memory_check, which compares it with the text.
\ir lib/memory.sql
SELECT plan(35);
CREATE FUNCTION message(n integer) RETURNS jsonb LANGUAGE sql AS
    $$SELECT jsonb_build_object('title', 'title' || n, 'text', 'word' || n || ' ' || repeat(md5(n::text) || ' ', 30))$$;
CREATE FUNCTION conversation(first integer, last integer) RETURNS jsonb LANGUAGE sql AS
    $$SELECT jsonb_agg(message(n)) FROM generate_series(first, last) AS n$$;
CREATE FUNCTION found(query text) RETURNS SETOF text LANGUAGE sql AS
    $$SELECT agent_id || '/' || version FROM stash.memory_snapshot_search(query)$$;
-- How many parts and small versions have words that are not indexed, or the other way round.
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (
        SELECT a.pool, a.id::text FROM stash.memory_part AS a WHERE a.content IS NOT NULL
        UNION ALL SELECT v.pool, v.id::text FROM stash.memory_version AS v WHERE v.content IS NOT NULL) AS s (pool, id)
    FULL JOIN (SELECT t.pool, coalesce(t.part::text, t.version::text) FROM stash.memory_text AS t) AS t (pool, id)
        ON t.pool = s.pool AND t.id = s.id
    WHERE s.id IS NULL OR t.id IS NULL $$;

-- Imports
SELECT count(stash.memory_snapshot_create('ann', conversation(1, n))) FROM generate_series(1, 20) AS n \g /dev/null
SELECT stash.memory_snapshot_create('ann', '"a small one"') \g /dev/null
SELECT stash.memory_snapshot_export('ann') AS exported \gset
SELECT stash.memory_search_configure('simple', weights => '{"title": "A"}') \g /dev/null
SELECT is(differences(), 0::bigint, 'what was there is indexed');
SELECT is(stash.memory_snapshot_import(:'exported', 'bea'), 21::bigint, 'an import while full text is on');
SELECT is(differences(), 0::bigint, '... is indexed');
SELECT set_eq($$SELECT found('word20')$$, ARRAY['ann/20', 'bea/20'], '... and found');
SELECT set_eq($$SELECT found('word1 title1')$$, ARRAY['ann/20', 'bea/20'], '... in the newest version that has it');
SELECT set_eq($$SELECT found('small one')$$, ARRAY['ann/21', 'bea/21'], '... a small one, too');
SELECT is_empty('SELECT * FROM stash.memory_check()', '... and memory_check agrees');
SELECT is((SELECT count(*) FROM stash.memory_text WHERE part IS NOT NULL) <= 2 * 30, true, 'words are kept once a part, not once a version');
SELECT raises(format('SELECT stash.memory_snapshot_import(%L, %L)', jsonb_set(:'exported', '{snapshots,20,patch}', '[{"op": "remove", "path": "/none"}]'), 'eve'), '22023', '', 'an import that fails');
SELECT is(differences(), 0::bigint, '... leaves no words');

-- Deletions and the collector
SELECT stash.memory_snapshot_fork(id, 'fay') FROM stash.memory_snapshot_list('ann') WHERE version = 10 \g /dev/null
SELECT stash.memory_snapshot_create('ann', conversation(15, 20)) \g /dev/null
SELECT stash.memory_snapshot_cleanup(keep_last => 1, agent_id => 'ann') \g /dev/null
SELECT set_eq($$SELECT found('small one')$$, ARRAY['bea/21'], 'words of a small version go with it');
SELECT set_eq($$SELECT found('word12')$$, ARRAY['bea/20'], 'what no version has is not found, collected or not');
SELECT set_eq($$SELECT found('word7')$$, ARRAY['bea/20', 'fay/1'], 'a fork keeps its words');
SELECT * FROM sound('after a clean-up with full text');
SELECT is(differences(), 0::bigint, '... words of collected parts are gone');
SELECT set_eq($$SELECT found('word18')$$, ARRAY['ann/22', 'bea/20'], '... those of the others are not');
SELECT put('ann', conversation(1, 20)) \g /dev/null
SELECT set_eq($$SELECT found('word12')$$, ARRAY['ann/23', 'bea/20'], 'stored again, found again');
SELECT stash.memory_snapshot_cleanup(keep_last => 0, older_than => 0, agent_id => 'bea') \g /dev/null
SELECT * FROM sound('after the end of an agent');
SELECT is((SELECT count(*) FROM stash.memory_text AS t WHERE NOT EXISTS (SELECT FROM stash.memory_pool AS p WHERE p.id = t.pool)), 0::bigint, '... no words of it');

-- The checker finds what is wrong
SELECT stash.memory_snapshot_create('gus', '"small again"') \g /dev/null
SELECT is(problems(s, places => true), expected, expected) FROM (VALUES
    ('SELECT 1', 'none'),
    ('DELETE FROM stash.memory_text WHERE part = (SELECT max(part) FROM stash.memory_text)', 'its words are not indexed (part)'),
    ('DELETE FROM stash.memory_text WHERE version IS NOT NULL', 'its words are not indexed (snapshot)'),
    ($$UPDATE stash.memory_text SET words = 'else' WHERE part = (SELECT max(part) FROM stash.memory_text)$$, 'other words are indexed than it has (part)'),
    ('UPDATE stash.memory_text SET complete = false WHERE version IS NOT NULL', 'other words are indexed than it has (snapshot)'),
    ('UPDATE stash.memory_text SET part = part + 1000000 WHERE part = (SELECT max(part) FROM stash.memory_text)', 'its words are not indexed (part), words of a part that is not there (part)'),
    ('UPDATE stash.memory_text SET version = gen_random_uuid() WHERE version IS NOT NULL', 'its words are not indexed (snapshot), words of a snapshot that is not there (snapshot)'),
    ($$ALTER TABLE stash.memory_search_language DISABLE TRIGGER ALL; UPDATE stash.memory_search_language SET weights = '{}'$$, 'other words are indexed than it has (part)'),
    ('ALTER TABLE stash.memory_search_language DISABLE TRIGGER ALL; DELETE FROM stash.memory_search_language', 'words of an agent that full text is off for (part), words of an agent that full text is off for (snapshot)'))
    AS t (s, expected);

SELECT * FROM sound('in the end');
SELECT * FROM finish();
