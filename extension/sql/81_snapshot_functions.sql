-- Memory snapshots: the functions.

CREATE FUNCTION stash.memory_lives(expires_at timestamptz, pinned boolean) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN expires_at IS NULL OR pinned OR expires_at > pg_catalog.clock_timestamp();
COMMENT ON FUNCTION stash.memory_lives(timestamptz, boolean) IS
'Internal: whether a version has not expired; a pinned one never does';

CREATE FUNCTION stash.memory_content(pool bigint, logical_size bigint, content jsonb, refs bytea)
RETURNS jsonb AS 'MODULE_PATHNAME', 'stash_memory_content'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION stash.memory_content(bigint, bigint, jsonb, bytea) IS
'Internal: the document of a row of stash.memory_version, from these columns of it. Error XX001 when parts are missing or damaged. O(size).';

CREATE FUNCTION stash.memory_snapshot_create(
    agent_id text, content jsonb, key text DEFAULT 'default', parent uuid DEFAULT NULL,
    metadata jsonb DEFAULT NULL, tags text[] DEFAULT NULL, ttl double precision DEFAULT NULL,
    embedding double precision[] DEFAULT NULL, expected_head uuid DEFAULT NULL,
    OUT id uuid, OUT version bigint, OUT deduplicated boolean)
RETURNS record AS 'MODULE_PATHNAME', 'stash_memory_snapshot_create'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.memory_snapshot_create(text, jsonb, text, uuid, jsonb, text[], double precision, double precision[], uuid) IS
'Adds a version to an agent''s memory under a key. When content, tags and metadata are those of the head, and neither parent nor ttl nor embedding is given, nothing is added: the result is the head, deduplicated is true. parent: NULL for the head. metadata: a JSON object. ttl: seconds, NULL or ''infinity'' for ever. embedding: 1 to 16384 finite numbers. expected_head: error 40001 unless the head has this id; the nil uuid (all zeros) says that there must be none; NULL asks nothing. Errors: 40001; 22004 agent_id, content or key is NULL; 22023 empty name, bad ttl, metadata, embedding or parent of another agent; 22001 name longer than 255 bytes; 42704 no such parent; 54000 too many tags, metadata too large. O(size) to hash, O(what changed) to store.';

CREATE FUNCTION stash.memory_parent(line bigint, version bigint, parent uuid) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN memory_parent.parent IS NULL THEN (
        SELECT v.id FROM stash.memory_version AS v
        WHERE v.line = memory_parent.line AND v.version < memory_parent.version
            AND stash.memory_lives(v.expires_at, v.pinned)
        ORDER BY v.version DESC LIMIT 1)
    ELSE (SELECT v.id FROM stash.memory_version AS v
        WHERE v.id = memory_parent.parent AND stash.memory_lives(v.expires_at, v.pinned)) END;
END;
COMMENT ON FUNCTION stash.memory_parent(bigint, bigint, uuid) IS
'Internal: the parent of a version as it is now, from these columns of it; NULL when there is none';

CREATE TYPE stash.memory_snapshot_info AS (
    id uuid,
    agent_id text,
    key text,
    version bigint,
    parent uuid,
    created_at timestamptz,
    expires_at timestamptz,
    pinned boolean,
    tags text[],
    metadata jsonb,
    origin uuid,
    note text,
    bytes bigint);
COMMENT ON TYPE stash.memory_snapshot_info IS
'What is known of a snapshot beside its content. parent: NULL when there is none, or none any more. expires_at: NULL for never. origin and note: of a restored one. bytes: size of the content as jsonb.';

CREATE VIEW stash.memory_info AS
    SELECT v.id, l.agent_id, l.key, v.version, stash.memory_parent(v.line, v.version, v.parent) AS parent,
        v.created_at, v.expires_at, v.pinned, coalesce(v.tags, '{}') AS tags,
        coalesce(v.metadata, '{}') AS metadata, v.origin, v.note, v.logical_size AS bytes,
        v.pool, v.line
    FROM stash.memory_version AS v JOIN stash.memory_line AS l ON l.id = v.line
    WHERE stash.memory_lives(v.expires_at, v.pinned);
COMMENT ON VIEW stash.memory_info IS
'Internal: the snapshots that live, as stash.memory_snapshot_info shows them';

CREATE TYPE stash.memory_snapshot AS (
    id uuid,
    agent_id text,
    key text,
    version bigint,
    parent uuid,
    created_at timestamptz,
    expires_at timestamptz,
    pinned boolean,
    tags text[],
    metadata jsonb,
    origin uuid,
    note text,
    bytes bigint,
    content jsonb,
    embedding real[]);
COMMENT ON TYPE stash.memory_snapshot IS
'A snapshot: stash.memory_snapshot_info, the content and the embedding (NULL when it has none)';

CREATE FUNCTION stash.memory_snapshot_get(id uuid)
RETURNS SETOF stash.memory_snapshot LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 1000 ROWS 1
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT i.id, i.agent_id, i.key, i.version, i.parent, i.created_at, i.expires_at,
            i.pinned, i.tags, i.metadata, i.origin, i.note, i.bytes,
            stash.memory_content(v.pool, v.logical_size, v.content, v.refs),
            (SELECT e.embedding FROM stash.memory_embedding AS e WHERE e.id = v.id)
        FROM stash.memory_version AS v JOIN stash.memory_info AS i ON i.id = v.id
        WHERE v.id = memory_snapshot_get.id;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_get(uuid) IS
'A snapshot with its content; no row when it is unknown, deleted or expired. Error XX001 when what is stored is damaged. O(size).';
