-- Memory snapshots: export and import.
--
-- A portable history: a JSON document that any tool can read. The first version of a key has its
-- content, each later one a JSON Patch on the version before it in the document.
CREATE FUNCTION stash.memory_patched(document jsonb, patch jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step jsonb;
    path text[];
    op text;
    parent jsonb;
BEGIN
    FOR step IN SELECT s FROM jsonb_array_elements(patch) AS s LOOP
        op := step->>'op';
        IF op IS NULL OR op NOT IN ('add', 'remove', 'replace') OR step->>'path' IS NULL
            OR step->>'path' !~ '^(/|$)' OR (op <> 'remove' AND NOT step ? 'value') THEN
            RAISE EXCEPTION 'malformed step of a patch: %', left(step::text, 100)
                USING ERRCODE = '22023';
        END IF;
        IF step->>'path' = '' THEN
            document := step->'value';
            CONTINUE;
        END IF;
        SELECT array_agg(replace(replace(p, '~1', '/'), '~0', '~') ORDER BY n) INTO path
            FROM string_to_table(substr(step->>'path', 2), '/') WITH ORDINALITY AS t (p, n);
        parent := document #> path[:cardinality(path) - 1];
        IF parent IS NULL OR jsonb_typeof(parent) NOT IN ('object', 'array')
            OR jsonb_typeof(parent) = 'array' AND path[cardinality(path)] !~ '^(0|[1-9][0-9]{0,8})$'
            OR jsonb_typeof(parent) = 'array' AND path[cardinality(path)]::integer
                > jsonb_array_length(parent) - (op <> 'add')::integer
            OR jsonb_typeof(parent) = 'object' AND op <> 'add' AND NOT parent ? path[cardinality(path)] THEN
            RAISE EXCEPTION 'a patch does not fit: no %', left(step->>'path', 100)
                USING ERRCODE = '22023';
        END IF;
        document := CASE
            WHEN op = 'remove' THEN document #- path
            WHEN op = 'add' AND jsonb_typeof(parent) = 'array'
                THEN jsonb_insert(document, path, step->'value')
            ELSE jsonb_set(document, path, step->'value') END;
    END LOOP;
    RETURN document;
END $$;
COMMENT ON FUNCTION stash.memory_patched(jsonb, jsonb) IS
'Internal: a document with a JSON Patch of adds, removes and replaces applied. Error 22023 when it is malformed or does not fit.';

CREATE FUNCTION stash.memory_snapshot_export(agent_id text, key text DEFAULT NULL)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    each record;
    here jsonb;
    before jsonb;
    before_line bigint;
    entries jsonb[] := '{}';
    entry jsonb;
BEGIN
    IF memory_snapshot_export.agent_id IS NULL THEN
        RAISE EXCEPTION 'agent_id must not be null' USING ERRCODE = '22004';
    END IF;
    FOR each IN SELECT i.*, v.logical_size, v.content, v.refs, e.embedding
        FROM stash.memory_line AS l JOIN stash.memory_version AS v ON v.line = l.id
        JOIN stash.memory_info AS i ON i.id = v.id
        LEFT JOIN stash.memory_embedding AS e ON e.id = v.id
        WHERE l.agent_id = memory_snapshot_export.agent_id
            AND (memory_snapshot_export.key IS NULL OR l.key = memory_snapshot_export.key)
        ORDER BY l.key, v.version LOOP
        here := stash.memory_content(each.pool, each.logical_size, each.content, each.refs);
        entry := jsonb_build_object('id', each.id, 'key', each.key, 'version', each.version,
            'created_at', to_jsonb(each.created_at), 'pinned', each.pinned, 'tags', each.tags,
            'metadata', each.metadata)
            || jsonb_strip_nulls(jsonb_build_object('parent', each.parent, 'origin', each.origin,
                'note', each.note, 'expires_at', each.expires_at, 'embedding', each.embedding));
        IF before_line IS NOT DISTINCT FROM each.line THEN
            entry := entry || jsonb_build_object('patch', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('op', d.op, 'path', d.path)
                    || CASE WHEN d.op = 'remove' THEN '{}'
                            ELSE jsonb_build_object('value', d.new) END ORDER BY d.n), '[]')
                FROM stash.memory_difference(before, here)
                    WITH ORDINALITY AS d (path, op, old, new, n)));
        ELSE
            entry := entry || jsonb_build_object('content', here);
        END IF;
        entries := entries || entry;
        before := here;
        before_line := each.line;
    END LOOP;
    RETURN jsonb_build_object('format', 'pg_stash memory 1', 'agent_id', memory_snapshot_export.agent_id,
        'snapshots', to_jsonb(entries));
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_export(text, text) IS
'The whole history of an agent (or of one key of it) as one JSON document: for each snapshot id, key, version, times, parent, tags, metadata, pinned, note, embedding and its content, as such for the first of a key, as a JSON Patch on the one before for the others. stash.memory_snapshot_import reads it. Errors: 22004 for NULL; 54000 when it is larger than a jsonb can be. O(versions × size).';

CREATE FUNCTION stash.memory_add_imported(
    agent_id text, key text, id uuid, created_at timestamptz, content jsonb, parent uuid,
    metadata jsonb, tags text[], expires_at timestamptz, embedding double precision[],
    pinned boolean, origin uuid, note text, version bigint)
RETURNS uuid AS 'MODULE_PATHNAME', 'stash_memory_add_imported'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION stash.memory_add_imported(text, text, uuid, timestamptz, jsonb, uuid, jsonb, text[], timestamptz, double precision[], boolean, uuid, text, bigint) IS
'Internal: adds a version as stash.memory_snapshot_import says, with a new id when that is taken';

CREATE FUNCTION stash.memory_snapshot_import(document jsonb, agent_id text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    agent text := coalesce(memory_snapshot_import.agent_id, document->>'agent_id');
    each jsonb;
    here jsonb;
    new_id uuid;
    old_id text;
    new_ids jsonb := '{}';
    last_key text;
    last_version bigint;
    version bigint;
    imported bigint := 0;
BEGIN
    IF document IS NULL THEN
        RAISE EXCEPTION 'document must not be null' USING ERRCODE = '22004';
    END IF;
    IF document->>'format' IS DISTINCT FROM 'pg_stash memory 1'
        OR jsonb_typeof(document->'snapshots') IS DISTINCT FROM 'array' OR agent IS NULL THEN
        RAISE EXCEPTION 'not an export of memory snapshots' USING ERRCODE = '22023',
            HINT = 'Pass what stash.memory_snapshot_export() returned.';
    END IF;
    FOR each IN SELECT s FROM jsonb_array_elements(document->'snapshots') AS s LOOP
        BEGIN
            old_id := each->>'id';
            version := (each->>'version')::bigint;
            IF jsonb_typeof(each->'key') IS DISTINCT FROM 'string' OR old_id::uuid IS NULL
                OR version IS NULL OR version < 1
                OR  (each->>'created_at')::timestamptz IS NULL
                OR NOT isfinite((each->>'created_at')::timestamptz)
                OR (each ? 'content') = (each ? 'patch') OR new_ids ? old_id THEN
                RAISE EXCEPTION 'missing or doubled' USING ERRCODE = '22023';
            END IF;
            IF last_key IS DISTINCT FROM each->>'key' THEN
                last_key := each->>'key';
                last_version := 0;
                IF EXISTS (SELECT FROM stash.memory_line AS l JOIN stash.memory_version AS v
                    ON v.line = l.id WHERE l.agent_id = agent AND l.key = last_key) THEN
                    RAISE EXCEPTION 'agent "%" has snapshots under key "%" already', agent, last_key
                        USING ERRCODE = '42710', HINT = 'Import to another agent_id, or delete them first.';
                END IF;
                here := NULL;
            END IF;
            IF version <= last_version OR each ? 'patch' AND here IS NULL THEN
                RAISE EXCEPTION 'out of order' USING ERRCODE = '22023';
            END IF;
            last_version := version;
            here := CASE WHEN each ? 'content' THEN each->'content'
                         ELSE stash.memory_patched(here, each->'patch') END;
            new_id := stash.memory_add_imported(agent, last_key, old_id::uuid,
                (each->>'created_at')::timestamptz, here,
                (SELECT coalesce(new_ids->>(each->>'parent'),
                    (SELECT v.id::text FROM stash.memory_version AS v WHERE v.id = (each->>'parent')::uuid),
                    CASE WHEN each ? 'parent' THEN NULL ELSE '00000000-0000-0000-0000-000000000000' END))::uuid,
                coalesce(each->'metadata', '{}'),
                ARRAY(SELECT jsonb_array_elements_text(coalesce(each->'tags', '[]'))),
                (each->>'expires_at')::timestamptz,
                CASE WHEN each ? 'embedding' THEN ARRAY(SELECT e::double precision FROM
                    jsonb_array_elements_text(each->'embedding') AS e) END,
                coalesce((each->>'pinned')::boolean, false),
                coalesce(new_ids->>(each->>'origin'), each->>'origin')::uuid, each->>'note', version);
        EXCEPTION
            WHEN duplicate_object OR serialization_failure OR deadlock_detected OR lock_not_available
                OR query_canceled OR out_of_memory OR program_limit_exceeded THEN
                RAISE;
            WHEN data_exception THEN
                RAISE EXCEPTION 'malformed snapshot in the import: %', left(each::text, 100)
                    USING ERRCODE = '22023', DETAIL = SQLERRM;
        END;
        new_ids := new_ids || jsonb_build_object(old_id, new_id);
        imported := imported + 1;
    END LOOP;
    RETURN imported;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_import(jsonb, text) IS
'Takes in what stash.memory_snapshot_export wrote, from any database, as agent_id (NULL: the agent that it was of); returns how many snapshots. Ids are kept, unless they are taken in this database; versions, times, parents, tags, metadata, pins and embeddings are. Errors, and nothing is done: 22023 malformed; 42710 the agent has snapshots under one of the keys already; 22004 for NULL. O(versions × size).';
