-- Memory snapshots in Weaviate: the table of their embeddings is synchronised like any other, and
-- searches ask there.
CREATE FUNCTION stash.memory_snapshot_sync_enable(collection text DEFAULT 'MemorySnapshot', options jsonb DEFAULT '{}')
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    unknown text;
BEGIN
    IF collection IS NULL THEN
        RAISE EXCEPTION 'collection must not be null' USING ERRCODE = '22004';
    END IF;
    PERFORM stash.vector_check_options(coalesce(options, '{}'));
    SELECT o.key INTO unknown FROM jsonb_object_keys(coalesce(options, '{}')) AS o (key)
        WHERE o.key <> ALL ('{index,consistency,replication_factor,dimensions}') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'option "%" is not for memory snapshots', unknown USING ERRCODE = '22023',
            HINT = 'Options: index, consistency, replication_factor, dimensions. Snapshots are compared by cosine, and all of them are sent.';
    END IF;
    -- Nobody adds or deletes one while the trigger comes.
    LOCK TABLE stash.memory_embedding IN SHARE ROW EXCLUSIVE MODE;
    PERFORM stash.vector_sync_enable_owned('stash.memory_embedding', 'embedding',
        '{agent_id,key,version,created_at,tags}', collection, NULL, options);
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_sync_enable(text, jsonb) IS
'Keeps a Weaviate collection in step with all memory snapshots that have an embedding: from the commit of this transaction on, whatever adds or deletes one reaches it, and stash.memory_snapshot_search asks there. The table is stash.memory_embedding: stash.vector_sync_status lists it, stash.vector_wait waits for it. options: index, consistency, replication_factor, and dimensions: only embeddings of so many numbers are sent (without it those of another length than most become dead letters); a call for each length makes a collection for each. Errors: 22004; 22023 bad option or collection; 42710 the collection is fed already. Until the transaction ends nobody can add embeddings.';

CREATE FUNCTION stash.memory_snapshot_sync_disable(collection text DEFAULT NULL)
RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE stash.memory_embedding IN SHARE ROW EXCLUSIVE MODE;
    RETURN stash.vector_sync_disable_owned('stash.memory_embedding', $1);
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_sync_disable(text) IS
'Ends what stash.memory_snapshot_sync_enable began; the objects stay where they are. collection: NULL for the only one. Returns how many ended. Errors: 42704 not synchronised; 42P08 there are several, and collection does not say which.';

CREATE FUNCTION stash.memory_weaviate_hits(collection text, embedding double precision[], filter jsonb, hits integer)
RETURNS uuid[] AS 'MODULE_PATHNAME', 'stash_memory_weaviate_hits' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION stash.memory_weaviate_hits(text, double precision[], jsonb, integer) IS
'Internal: the ids of the snapshots that Weaviate finds nearest, as many as hits, fewer when there are no more; NULL when it cannot answer. The filter is applied as far as Weaviate can tell.';

-- Enough hits for so many lines that the predicate lets pass. A line with many near versions takes many.
CREATE FUNCTION stash.memory_near_ids(
    embedding double precision[], agent_id text, filter jsonb, predicate text, parameters text[], most integer)
RETURNS uuid[] LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    class text;
    asked jsonb := filter;
    ids uuid[];
    hits integer;
    lines integer;
    there integer;
BEGIN
    SELECT s.collection INTO class FROM stash.vector_sync AS s, stash.vector_figures(s.id) AS f
        WHERE s.relation = 'stash.memory_embedding'::regclass AND NOT s.paused
            AND s.embeddings->0->>'column' = 'embedding' AND coalesce(s.options->>'distance', 'cosine') = 'cosine'
            AND coalesce((s.options->>'dimensions')::integer, cardinality(embedding)) = cardinality(embedding)
            -- Complete, as far as the worker knows; without a worker there are no figures.
            AND NOT EXISTS (SELECT FROM stash.vector_progress AS p WHERE p.sync = s.id AND p.job = 'b')
            AND coalesce((s.options->>'backfill')::boolean, true)
            AND f.settled_rows IS NOT NULL AND f.job IS DISTINCT FROM 'backfill' AND coalesce(f.blocked, '') = ''
        ORDER BY s.id LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF agent_id IS NOT NULL THEN
        asked := jsonb_build_object('agent_id', agent_id);
        IF filter IS NOT NULL THEN
            asked := jsonb_build_object('and', jsonb_build_array(asked, filter));
        END IF;
    END IF;
    SELECT count(*) INTO lines FROM (SELECT FROM stash.memory_line AS l
        WHERE agent_id IS NULL OR l.agent_id = memory_near_ids.agent_id LIMIT most) AS l;
    hits := least(lines + greatest(2, lines / 8), 10000);
    LOOP
        ids := stash.memory_weaviate_hits(class, embedding, asked, hits);
        IF ids IS NULL THEN
            RETURN NULL;
        END IF;
        EXECUTE format('SELECT count(DISTINCT e.line) FROM stash.memory_embedding AS e JOIN stash.memory_info AS i ON i.id = e.id '
                       'WHERE e.id = ANY ($2) AND ($3 IS NULL OR i.agent_id = $3) AND (%s)', predicate)
            INTO there USING parameters, ids, agent_id;
        -- Fewer than were asked for are all that there are only when it was the most (see server_search.hpp).
        IF there >= lines OR hits = 10000 AND cardinality(ids) < hits THEN
            RETURN ids;
        END IF;
        IF hits = 10000 THEN
            RETURN NULL;
        END IF;
        hits := CASE WHEN cardinality(ids) < hits THEN 10000 ELSE least(hits * 8, 10000) END;
    END LOOP;
END $$;
COMMENT ON FUNCTION stash.memory_near_ids(double precision[], text, jsonb, text, text[], integer) IS
'Internal: among which snapshots the nearest versions of the most nearest lines are, as Weaviate says; NULL when it does not, or cannot name so many';
