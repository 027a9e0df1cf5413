-- Random histories of random documents, beside a model that knows which versions have to be there: for
-- memory_histories.pl, which runs several at a time. Loaded after test/pgtap/lib/memory.sql.
CREATE UNLOGGED TABLE made (
    id uuid PRIMARY KEY, client integer, history integer, agent text, key text, version bigint, document jsonb, before uuid);
CREATE INDEX ON made (client, history);
CREATE INDEX ON made (agent);
CREATE UNLOGGED TABLE done (what text, times bigint);

-- Each version that is there is as it was made; of agents that the worker cleans up some may be gone.
CREATE FUNCTION wrong(of_client integer, of_history integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM made AS m LEFT JOIN LATERAL stash.memory_snapshot_get(m.id) AS g ON true
    WHERE m.client = of_client AND m.history = coalesce(of_history, m.history)
        AND (g.id IS NULL AND m.agent NOT LIKE 'worker%' OR jsonb_send(g.content) <> jsonb_send(m.document) OR g.version <> m.version) $$;

-- The model's part of a clean-up: the last of each key stay.
CREATE FUNCTION forget(of_agent text, keep_last integer) RETURNS void LANGUAGE sql AS $$
    DELETE FROM made AS d USING (SELECT m.id, row_number() OVER (PARTITION BY m.key ORDER BY m.version DESC) AS n
        FROM made AS m WHERE m.agent = of_agent) AS r
    WHERE d.id = r.id AND r.n > forget.keep_last $$;

CREATE FUNCTION keep(of_client integer, of_history integer, of_agent text, of_key text, of_id uuid, of_document jsonb, of_before uuid)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO made SELECT v.id, of_client, of_history, of_agent, of_key, v.version, of_document, of_before
    FROM stash.memory_version AS v WHERE v.id = of_id ON CONFLICT DO NOTHING $$;

-- One history: versions, some of them restored earlier ones, now and then a fork that goes on elsewhere.
CREATE PROCEDURE history(client integer, number integer) LANGUAGE plpgsql AS $$
<<here>>
DECLARE
    by_worker boolean := random() < 0.2;
    agent text := CASE WHEN by_worker THEN 'worker ' ELSE 'agent ' END || client || ' ' || number % 11;
    key text := 'key ' || number;
    document jsonb := random_document(CASE WHEN random() < 0.05 THEN 3 ELSE 2 END);
    last_id uuid;
    next_id uuid;
    earlier record;
BEGIN
    FOR turn IN 1..1 + floor(random() * 9)::integer LOOP
        SELECT m.id, m.document INTO earlier FROM made AS m
            WHERE m.client = history.client AND m.history = history.number AND m.agent = here.agent ORDER BY random() LIMIT 1;
        IF FOUND AND NOT by_worker AND random() < 0.1 THEN
            next_id := stash.memory_snapshot_restore(earlier.id);
            document := earlier.document;
        ELSE
            next_id := put(agent, document, key);
        END IF;
        PERFORM keep(client, number, agent, key, next_id, document, last_id);
        IF last_id IS NOT NULL AND NOT by_worker AND random() < 0.25 AND NOT (differs_rightly(last_id, next_id) AND differs_rightly(next_id, last_id)) THEN
            RAISE EXCEPTION 'differences of % and % do not lead from one to the other', last_id, next_id;
        END IF;
        last_id := next_id;
        IF random() < 0.05 THEN
            agent := 'fork ' || client || ' ' || number || ' ' || turn;
            by_worker := false;
            last_id := stash.memory_snapshot_fork(last_id, agent, key);
            PERFORM keep(client, number, agent, key, last_id, document, next_id);
        END IF;
        document := changed_document(document);
    END LOOP;
END $$;

-- Histories, and between them what takes versions away, and collections.
CREATE PROCEDURE histories(client integer, count integer, seed double precision) LANGUAGE plpgsql AS $$
DECLARE
    other integer;
    victim record;
    keep_last integer;
BEGIN
    PERFORM setseed(seed);
    FOR number IN 1..count LOOP
        CALL history(client, number);
        COMMIT;
        other := ceil(random() * number);
        IF random() < 0.5 THEN
            SELECT m.id INTO victim FROM made AS m WHERE m.client = histories.client AND m.history = other AND m.agent NOT LIKE 'worker%' ORDER BY random() LIMIT 1;
            IF FOUND THEN
                PERFORM stash.memory_snapshot_delete(victim.id);
                DELETE FROM made AS m WHERE m.id = victim.id;
                INSERT INTO done VALUES ('deleted', 1);
            END IF;
        END IF;
        COMMIT;
        IF random() < 0.05 THEN
            SELECT m.agent INTO victim FROM made AS m WHERE m.client = histories.client AND m.history = other AND m.agent NOT LIKE 'worker%' LIMIT 1;
            IF FOUND THEN
                keep_last := 1 + floor(random() * 4);
                INSERT INTO done SELECT 'cleaned up', versions FROM stash.memory_snapshot_cleanup(keep_last => keep_last, agent_id => victim.agent);
                PERFORM forget(victim.agent, keep_last);
            END IF;
        END IF;
        COMMIT;
        IF random() < 0.02 THEN
            INSERT INTO done SELECT 'collected by hand', parts FROM stash.memory_collect(CASE WHEN random() < 0.5 THEN 100 END);
        END IF;
        COMMIT;
        IF wrong(client, number) + wrong(client, other) > 0 THEN
            RAISE EXCEPTION 'versions of history % or % of client % are not as they were made', number, other, client;
        END IF;
    END LOOP;
END $$;
