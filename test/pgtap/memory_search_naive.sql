-- Random histories: the search finds what SQL finds in the documents themselves.
SELECT plan(6);
SELECT setseed(0.6) \g /dev/null
SELECT stash.memory_search_configure('simple') \g /dev/null

-- Arrays of messages of 5 words out of 40 and much filler, changed at random; some keys forked.
CREATE FUNCTION message() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT jsonb_build_object('text', string_agg('v' || floor(random() * 40)::text, ' ') || ' ' || repeat(md5(random()::text), 8))
    FROM generate_series(1, 5) $$;
DO $$
DECLARE
    content jsonb;
    at integer;
BEGIN
    FOR agent IN 1..3 LOOP
        FOR line IN 1..3 LOOP
            content := '[]';
            FOR version IN 1..40 LOOP
                at := floor(random() * (jsonb_array_length(content) + 1));
                content := CASE WHEN random() < 0.7 OR jsonb_array_length(content) = 0
                    THEN jsonb_insert(content, ARRAY[at::text], message()) ELSE content - at END;
                PERFORM stash.memory_snapshot_create('agent' || agent, content, 'key' || line,
                    tags => ARRAY['g' || floor(random() * 3)::text],
                    embedding => ARRAY[random() - 0.5, random() - 0.5, random() - 0.5, random() - 0.5]);
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
DELETE FROM stash.memory_version WHERE random() < 0.2;
CREATE TABLE words AS SELECT i.id, i.agent_id, i.key, i.version, i.tags, s.content::text AS content, s.embedding
    FROM stash.memory_info AS i, stash.memory_snapshot_get(i.id) AS s;
CREATE FUNCTION naive(word text, agent text, tag text) RETURNS SETOF uuid LANGUAGE sql AS $$
    SELECT id FROM (SELECT DISTINCT ON (agent_id, key) id, version FROM words
        WHERE content ~ ('\m' || word || '\M') AND (agent IS NULL OR agent_id = agent) AND (tag IS NULL OR tag = ANY (tags))
        ORDER BY agent_id, key, version DESC) AS s $$;
CREATE FUNCTION differing(agent text, tag text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT word FROM (SELECT 'v' || n AS word FROM generate_series(0, 39) AS n) AS w
    WHERE (SELECT array_agg(n ORDER BY n) FROM naive(word, agent, tag) AS n) IS DISTINCT FROM
        (SELECT array_agg(s.id ORDER BY s.id) FROM stash.memory_snapshot_search(word, agent_id => agent,
            filter => '{}'::jsonb || CASE WHEN tag IS NULL THEN '{}' ELSE jsonb_build_object('tags', tag) END, max_rows => 1000) AS s) $$;
SELECT cmp_ok((SELECT count(*) FROM words), '>', 200::bigint, 'there is something to search');
SELECT is_empty($$SELECT differing(NULL, NULL)$$, 'every word, all agents');
SELECT is_empty($$SELECT differing('agent2', NULL)$$, 'every word, one agent');
SELECT is_empty($$SELECT differing(NULL, 'g1')$$, 'every word, one tag');
SELECT is_empty($$SELECT differing('agent3', 'g2')$$, 'every word, one agent and tag');
SELECT results_eq(
    $$SELECT id FROM stash.memory_snapshot_search(embedding => '{1,2,3,4}', filter => '{"tags": "g1"}')$$,
    $$SELECT id FROM (SELECT DISTINCT ON (agent_id, key) id, stash.vector_distance(embedding, '{1,2,3,4}') AS d
      FROM words WHERE 'g1' = ANY (tags) ORDER BY agent_id, key, d) AS s ORDER BY d$$, 'vectors');

SELECT * FROM finish();
