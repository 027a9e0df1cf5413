-- Random documents and histories: every version is kept as it was, differences lead from one to the
-- other, and whatever is deleted at random, the rest stays and nothing is left over. Thousands of histories, several
-- at a time: test/tap/memory_histories.pl.
\ir lib/memory.sql
SELECT plan(11);
SELECT setseed(0.4711);
CREATE TABLE made (id uuid, agent text, document jsonb, before uuid);
DO $$
DECLARE
    document jsonb;
    last_id uuid;
    next_id uuid;
    agent text;
BEGIN
    FOR history IN 1..60 LOOP
        agent := 'agent ' || history % 7;
        document := random_document(3);
        last_id := NULL;
        FOR version IN 1..1 + floor(random() * 25)::integer LOOP
            next_id := put(agent, document, 'key ' || history);
            INSERT INTO made SELECT next_id, agent, document, last_id
                WHERE NOT EXISTS (SELECT FROM made AS m WHERE m.id = next_id);
            last_id := next_id;
            IF random() < 0.03 THEN
                agent := 'fork ' || history || ' ' || version;
                last_id := stash.memory_snapshot_fork(last_id, agent);
                INSERT INTO made VALUES (last_id, agent, document, next_id);
            END IF;
            document := changed_document(document);
        END LOOP;
    END LOOP;
END $$;
SELECT diag(count(*) || ' versions, ' || pg_size_pretty(sum(length(document::text)))) FROM made;
SELECT cmp_ok((SELECT count(*) FROM made), '>', 500::bigint, 'there are many');
SELECT is((SELECT count(*) FROM made AS m WHERE content_of(m.id)::text IS DISTINCT FROM m.document::text OR jsonb_send(content_of(m.id)) <> jsonb_send(m.document)), 0::bigint, 'each is as it was');
SELECT is((SELECT count(*) FROM made AS m WHERE m.before IS NOT NULL AND NOT differs_rightly(m.before, m.id)), 0::bigint, 'differences lead to the next');
SELECT is((SELECT count(*) FROM made AS m WHERE m.before IS NOT NULL AND NOT differs_rightly(m.id, m.before)), 0::bigint, 'and back');
SELECT is((SELECT count(*) FROM made AS a JOIN LATERAL (SELECT * FROM made AS o ORDER BY md5(a.id::text || o.id) LIMIT 1) AS b ON true WHERE NOT differs_rightly(a.id, b.id)), 0::bigint, 'and to any other');
SELECT is_empty('SELECT * FROM stash.memory_check()', 'sound');
-- Deletions of all kinds, collections between them
CREATE FUNCTION still_kept() RETURNS bigint LANGUAGE sql AS
    $$SELECT count(*) FROM made AS m JOIN stash.memory_version AS v ON v.id = m.id WHERE content_of(m.id)::text IS DISTINCT FROM m.document::text$$;
DO $$
BEGIN
    FOR round IN 1..12 LOOP
        PERFORM stash.memory_snapshot_delete(id) FROM (SELECT v.id FROM stash.memory_version AS v ORDER BY random() LIMIT 40) AS chosen;
        PERFORM stash.memory_snapshot_cleanup(keep_last => 12 - round, agent_id => 'agent ' || round % 7);
        IF round % 2 = 0 THEN
            PERFORM stash.memory_collect(CASE WHEN round % 4 = 0 THEN 100 END);
        END IF;
        PERFORM put('agent ' || round % 7, m.document, 'again') FROM (SELECT document FROM made ORDER BY random() LIMIT 5) AS m;
        IF still_kept() > 0 OR EXISTS (SELECT FROM stash.memory_check()) THEN
            RAISE EXCEPTION 'round %: %', round, (SELECT string_agg(c::text, ', ') FROM stash.memory_check() AS c);
        END IF;
    END LOOP;
END $$;
SELECT is(still_kept(), 0::bigint, 'what was not deleted is as it was');
SELECT * FROM sound('after random deletions');
SELECT stash.memory_snapshot_cleanup(keep_last => 0, older_than => 0);
SELECT stash.memory_collect();
SELECT is((SELECT count(*) FROM stash.memory_part) + (SELECT count(*) FROM stash.memory_line) + (SELECT count(*) FROM stash.memory_pool), 0::bigint, 'in the end nothing is left');
SELECT * FROM finish();
