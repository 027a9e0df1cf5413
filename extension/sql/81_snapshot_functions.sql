-- Memory snapshots: the functions. Export and import follow in 82_snapshot_export.sql.

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
    FROM stash.memory_version AS v JOIN stash.memory_line AS l ON l.pool = v.pool AND l.id = v.line
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

CREATE FUNCTION stash.memory_snapshot_get_at(
    agent_id text, key text DEFAULT 'default', at timestamptz DEFAULT NULL)
RETURNS SETOF stash.memory_snapshot LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 1000 ROWS 1
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    searched bigint;
    low bigint := 1;
    high bigint;
    middle bigint;
    here record;
    latest bigint := 0;
    found_id uuid;
BEGIN
    SELECT l.id, l.last_version INTO searched, high FROM stash.memory_line AS l
        WHERE l.agent_id = memory_snapshot_get_at.agent_id AND l.key = memory_snapshot_get_at.key;
    IF at IS NULL THEN
        latest := high;
    ELSE
        -- Versions of a line are made one after another, so their moments are in order, too.
        WHILE low <= high LOOP
            middle := (low + high) / 2;
            SELECT v.version, v.created_at INTO here FROM stash.memory_version AS v
                WHERE v.line = searched AND v.version BETWEEN middle AND high
                ORDER BY v.version LIMIT 1;
            IF FOUND AND here.created_at <= at THEN
                latest := here.version;
                low := here.version + 1;
            ELSE
                high := middle - 1;
            END IF;
        END LOOP;
    END IF;
    SELECT v.id INTO found_id FROM stash.memory_version AS v
        WHERE v.line = searched AND v.version <= latest
            AND stash.memory_lives(v.expires_at, v.pinned)
        ORDER BY v.version DESC LIMIT 1;
    RETURN QUERY SELECT * FROM stash.memory_snapshot_get(found_id);
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_get_at(text, text, timestamptz) IS
'What an agent had under a key at a moment (NULL: now, the head): the latest snapshot made until then that is still there; no row when there is none. O(log(versions) + size).';

CREATE FUNCTION stash.memory_snapshot_list(
    agent_id text DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL,
    metadata jsonb DEFAULT NULL, after uuid DEFAULT NULL, max_rows integer DEFAULT 100)
RETURNS SETOF stash.memory_snapshot_info LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
COST 1000 ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    lines bigint[];
BEGIN
    IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'max_rows must be between 1 and 100000' USING ERRCODE = '22023';
    END IF;
    IF metadata IS NOT NULL AND jsonb_typeof(metadata) <> 'object' THEN
        RAISE EXCEPTION 'metadata must be a JSON object' USING ERRCODE = '22023';
    END IF;
    IF agent_id IS NOT NULL THEN
        SELECT array_agg(l.id) INTO lines FROM stash.memory_line AS l
            WHERE l.agent_id = memory_snapshot_list.agent_id
            AND (memory_snapshot_list.key IS NULL OR l.key = memory_snapshot_list.key);
    ELSIF key IS NOT NULL THEN
        SELECT array_agg(l.id) INTO lines FROM stash.memory_line AS l
            WHERE l.key = memory_snapshot_list.key;
    END IF;
    IF lines IS NULL AND (agent_id IS NOT NULL OR key IS NOT NULL) THEN
        RETURN;
    END IF;
    -- One line: its own index is in the order asked for. Several: that of the pools, or of all.
    RETURN QUERY
        SELECT i.id, i.agent_id, i.key, i.version, i.parent, i.created_at, i.expires_at, i.pinned,
            i.tags, i.metadata, i.origin, i.note, i.bytes
        FROM (SELECT v.id FROM stash.memory_version AS v
            WHERE (lines IS NULL OR v.line = ANY (lines))
                AND (memory_snapshot_list.tags IS NULL OR v.tags @> memory_snapshot_list.tags
                     OR cardinality(memory_snapshot_list.tags) = 0)
                AND (memory_snapshot_list.metadata IS NULL OR memory_snapshot_list.metadata = '{}'
                     OR v.metadata @> memory_snapshot_list.metadata)
                AND (after IS NULL OR v.id < after)
                AND stash.memory_lives(v.expires_at, v.pinned)
            ORDER BY v.id DESC LIMIT max_rows) AS page
        JOIN stash.memory_info AS i ON i.id = page.id
        ORDER BY i.id DESC;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_list(text, text, text[], jsonb, uuid, integer) IS
'Snapshots, the latest first, at most max_rows. agent_id, key: of these, NULL for all. tags: those that carry all of these; metadata: those whose metadata contain this. For the next page pass the last row''s id as after. Error 22023 unless max_rows is 1 to 100000 and metadata an object.';

CREATE FUNCTION stash.memory_snapshot_history(id uuid, depth integer DEFAULT 100)
RETURNS SETOF stash.memory_snapshot_info LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
COST 1000 ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    next_id uuid := id;
    here stash.memory_snapshot_info;
BEGIN
    IF depth IS NULL OR depth NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'depth must be between 1 and 100000' USING ERRCODE = '22023';
    END IF;
    FOR n IN 1..depth LOOP
        EXIT WHEN next_id IS NULL;
        SELECT i.id, i.agent_id, i.key, i.version, i.parent, i.created_at, i.expires_at, i.pinned,
            i.tags, i.metadata, i.origin, i.note, i.bytes INTO here
            FROM stash.memory_info AS i WHERE i.id = next_id;
        EXIT WHEN NOT FOUND;
        RETURN NEXT here;
        next_id := here.parent;
    END LOOP;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_history(uuid, integer) IS
'A snapshot and its parents, back to the first or depth of them; across forks. Where one was deleted it goes on with what was before. Error 22023 unless depth is 1 to 100000. O(depth).';

CREATE FUNCTION stash.memory_difference(
    before jsonb, after jsonb, OUT path text, OUT op text, OUT old jsonb, OUT new jsonb)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_memory_difference'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION stash.memory_difference(jsonb, jsonb) IS
'Internal: stash.memory_snapshot_diff of two documents';

CREATE FUNCTION stash.memory_snapshot_diff(
    a uuid, b uuid, OUT path text, OUT op text, OUT old jsonb, OUT new jsonb)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before record;
    after record;
BEGIN
    SELECT v.* INTO before FROM stash.memory_version AS v
        WHERE v.id = a AND stash.memory_lives(v.expires_at, v.pinned);
    IF FOUND THEN
        SELECT v.* INTO after FROM stash.memory_version AS v
            WHERE v.id = b AND stash.memory_lives(v.expires_at, v.pinned);
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no snapshot %', CASE WHEN before.id IS NULL THEN a ELSE b END
            USING ERRCODE = '42704', HINT = 'It may have expired or been deleted.';
    END IF;
    -- Equal documents of a pool have equal digests.
    IF before.pool = after.pool AND before.digest = after.digest THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT d.path, d.op, d.old, d.new FROM stash.memory_difference(
        stash.memory_content(before.pool, before.logical_size, before.content, before.refs),
        stash.memory_content(after.pool, after.logical_size, after.content, after.refs)) AS d;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_diff(uuid, uuid) IS
'What makes the content of b of that of a, in the terms of JSON Patch (RFC 6902): path, a JSON Pointer; op, add, remove or replace; the old and the new value, NULL where there is none. Applied in this order to a they give b. Elements of arrays are matched by content. No row: they are equal. Error 42704 when one is unknown. O(size + changes).';

CREATE FUNCTION stash.memory_snapshot_fork(id uuid, agent_id text, key text DEFAULT NULL)
RETURNS uuid AS 'MODULE_PATHNAME', 'stash_memory_snapshot_fork'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.memory_snapshot_fork(uuid, text, text) IS
'Gives another agent, or another key (NULL: the same), a snapshot to go on from: a version whose parent is this one, with its content, tags, metadata and embedding. Copies nothing, unless that agent has versions of its own under the key: then it is added behind them, with parts of its own. Returns its id. Errors: 22004 a NULL id or agent_id; 42704 no such snapshot; 22023 the snapshot''s own agent and key (use stash.memory_snapshot_restore).';

CREATE FUNCTION stash.memory_snapshot_restore(id uuid, note text DEFAULT NULL)
RETURNS uuid AS 'MODULE_PATHNAME', 'stash_memory_snapshot_restore'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.memory_snapshot_restore(uuid, text) IS
'Makes an earlier snapshot the head again: adds a version with its content, tags, metadata and embedding behind the present head, and keeps where it came from (origin, note). Returns its id. Nothing is copied, nothing is lost. Errors: 22004 a NULL id; 42704 no such snapshot; 22001 note longer than 1024 bytes.';

CREATE FUNCTION stash.memory_snapshot_pin(id uuid, pinned boolean DEFAULT true)
RETURNS boolean LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF memory_snapshot_pin.id IS NULL OR memory_snapshot_pin.pinned IS NULL THEN
        RAISE EXCEPTION 'id and pinned must not be null' USING ERRCODE = '22004';
    END IF;
    UPDATE stash.memory_version AS v SET pinned = memory_snapshot_pin.pinned
        WHERE v.id = memory_snapshot_pin.id AND stash.memory_lives(v.expires_at, v.pinned);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_pin(uuid, boolean) IS
'Keeps a snapshot from expiring, from clean-ups and from retention, or (false) no longer. False when it is unknown. Error 22004 for NULL.';

CREATE FUNCTION stash.memory_snapshot_delete(id uuid)
RETURNS boolean LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF memory_snapshot_delete.id IS NULL THEN
        RAISE EXCEPTION 'id must not be null' USING ERRCODE = '22004';
    END IF;
    DELETE FROM stash.memory_version AS v WHERE v.id = memory_snapshot_delete.id AND NOT v.pinned
        AND stash.memory_lives(v.expires_at, v.pinned);
    IF FOUND THEN
        RETURN true;
    END IF;
    IF EXISTS (SELECT FROM stash.memory_version AS v
               WHERE v.id = memory_snapshot_delete.id AND v.pinned) THEN
        RAISE EXCEPTION 'snapshot % is pinned', memory_snapshot_delete.id USING ERRCODE = '55006',
            HINT = 'Call stash.memory_snapshot_pin(id, false) first.';
    END IF;
    RETURN false;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_delete(uuid) IS
'Deletes a snapshot; others that share its content keep it. False when it is unknown. What was forked or branched off it goes on with what was before it. Errors: 22004 for NULL; 55006 it is pinned.';

-- Which versions of a line go by a rule: those that are neither among the last keep_last nor younger
-- than max_age. NULL: that reason to keep does not exist. Those that have expired go in any case.
CREATE FUNCTION stash.memory_overdue(
    line bigint, keep_last integer, max_age double precision, from_version bigint,
    until_version bigint, batch integer)
RETURNS TABLE (id uuid, version bigint, bytes bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
-- Only the index in the order of versions stops at the end of a batch. What else the planner may choose
-- reads all versions of the line each time.
SET enable_bitmapscan = off SET enable_sort = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    -- Versions below it are not among the last.
    bound bigint := 0;
    oldest timestamptz := 'infinity';
BEGIN
    IF keep_last IS NOT NULL OR max_age IS NOT NULL THEN
        bound := coalesce((SELECT v.version FROM stash.memory_version AS v
            WHERE v.line = memory_overdue.line AND stash.memory_lives(v.expires_at, v.pinned)
            ORDER BY v.version DESC OFFSET greatest(keep_last, 1) - 1 LIMIT 1), 0);
        IF keep_last = 0 THEN
            bound := 9223372036854775807;
        END IF;
    END IF;
    IF max_age IS NOT NULL THEN
        -- Beyond some thousand years nothing is that old.
        oldest := clock_timestamp() - least(max_age, 6e10) * interval '1 second';
    END IF;
    RETURN QUERY SELECT v.id, v.version, v.logical_size FROM stash.memory_version AS v
        WHERE v.line = memory_overdue.line AND v.version >= from_version
            AND v.version < until_version AND NOT v.pinned
            AND (v.version < bound AND v.created_at < oldest
                 OR NOT stash.memory_lives(v.expires_at, v.pinned))
        ORDER BY v.version LIMIT batch;
END $$;
COMMENT ON FUNCTION stash.memory_overdue(bigint, integer, double precision, bigint, bigint, integer) IS
'Internal: the next versions of a line that a rule lets go, from from_version up to before until_version';

CREATE FUNCTION stash.memory_snapshot_cleanup(
    keep_last integer DEFAULT NULL, older_than double precision DEFAULT NULL,
    agent_id text DEFAULT NULL, dry_run boolean DEFAULT false, batch integer DEFAULT NULL,
    OUT versions bigint, OUT bytes bigint)
RETURNS record LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    each record;
    overdue uuid[];
    freed bigint;
    last_seen bigint;
    most integer;
BEGIN
    versions := 0;
    bytes := 0;
    IF keep_last < 0 OR older_than < 0 OR older_than = 'NaN' OR batch < 1 THEN
        RAISE EXCEPTION 'keep_last and older_than must not be negative, batch must be at least 1'
            USING ERRCODE = '22023';
    END IF;
    IF keep_last IS NULL AND older_than IS NULL THEN
        -- What has expired, and nothing else, is found by its own index.
        SELECT array_agg(e.id), coalesce(sum(e.logical_size), 0) INTO overdue, bytes FROM (
            SELECT v.id, v.logical_size FROM stash.memory_version AS v
            WHERE v.expires_at <= clock_timestamp() AND NOT v.pinned
                AND (memory_snapshot_cleanup.agent_id IS NULL OR v.line IN (
                    SELECT l.id FROM stash.memory_line AS l
                    WHERE l.agent_id = memory_snapshot_cleanup.agent_id))
            ORDER BY v.expires_at LIMIT batch) AS e;
        versions := coalesce(cardinality(overdue), 0);
        IF NOT coalesce(dry_run, false) THEN
            DELETE FROM stash.memory_version AS v WHERE v.id = ANY (overdue) AND NOT v.pinned;
            GET DIAGNOSTICS versions = ROW_COUNT;
        END IF;
        RETURN;
    END IF;
    FOR each IN SELECT l.id FROM stash.memory_line AS l
        WHERE memory_snapshot_cleanup.agent_id IS NULL
            OR l.agent_id = memory_snapshot_cleanup.agent_id
        ORDER BY l.id LOOP
        last_seen := 0;
        LOOP
            most := least(10000, batch - versions);
            EXIT WHEN most <= 0;
            SELECT array_agg(o.id), coalesce(sum(o.bytes), 0), max(o.version)
                INTO overdue, freed, last_seen
                FROM stash.memory_overdue(each.id, keep_last, older_than, last_seen + 1,
                                          9223372036854775807, coalesce(most, 10000)) AS o;
            EXIT WHEN overdue IS NULL;
            IF NOT coalesce(dry_run, false) THEN
                DELETE FROM stash.memory_version AS v WHERE v.id = ANY (overdue) AND NOT v.pinned;
            END IF;
            versions := versions + cardinality(overdue);
            bytes := bytes + freed;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_cleanup(integer, double precision, text, boolean, integer) IS
'Deletes versions that are not among the last keep_last of their key and are older than older_than seconds; of a condition that is NULL nothing is asked. Expired versions go in any case, pinned ones never, and the head stays unless keep_last is 0. agent_id: NULL for all. dry_run: only counts. batch: at most so many. Returns how many versions, and the sum of their sizes as jsonb: of that the disk gets back what no other version shares, when the collector has been. Error 22023 for a bad value. O(versions looked at).';

CREATE FUNCTION stash.memory_retention_set(
    agent_pattern text, keep_last integer DEFAULT NULL, max_age double precision DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF agent_pattern IS NULL THEN
        RAISE EXCEPTION 'agent_pattern must not be null' USING ERRCODE = '22004';
    END IF;
    IF octet_length(agent_pattern) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'agent_pattern must have 1 to 255 bytes' USING ERRCODE = '22023';
    END IF;
    IF keep_last IS NULL AND max_age IS NULL THEN
        RAISE EXCEPTION 'keep_last and max_age are both null' USING ERRCODE = '22023',
            HINT = 'stash.memory_retention_unset() ends a policy.';
    END IF;
    IF keep_last < 1 OR max_age <= 0 OR max_age IN ('infinity', 'NaN') THEN
        RAISE EXCEPTION 'keep_last must be at least 1, max_age a positive number of seconds'
            USING ERRCODE = '22023';
    END IF;
    INSERT INTO stash.memory_retention AS r (agent_pattern, keep_last, max_age)
        VALUES (memory_retention_set.agent_pattern, memory_retention_set.keep_last, memory_retention_set.max_age)
        ON CONFLICT ON CONSTRAINT memory_retention_pkey
        DO UPDATE SET keep_last = excluded.keep_last, max_age = excluded.max_age;
END $$;
COMMENT ON FUNCTION stash.memory_retention_set(text, integer, double precision) IS
'Lets the worker delete versions of the agents whose ids match a pattern (* and ? as in file names): those that are not among the last keep_last of their key and are older than max_age seconds; of a condition that is NULL nothing is asked. Pinned versions and heads stay. Of several patterns that match, the longest decides alone. Replaces the policy of the same pattern. Errors: 22004; 22023 bad value.';

CREATE FUNCTION stash.memory_retention_unset(agent_pattern text)
RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM stash.memory_retention AS r
        WHERE r.agent_pattern = memory_retention_unset.agent_pattern;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION stash.memory_retention_unset(text) IS
'Ends the policy of a pattern. False when there was none.';

CREATE FUNCTION stash.memory_retention_list()
RETURNS TABLE (agent_pattern text, keep_last integer, max_age double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.agent_pattern, r.keep_last, r.max_age FROM stash.memory_retention AS r
    ORDER BY r.agent_pattern;
END;
COMMENT ON FUNCTION stash.memory_retention_list() IS 'The retention policies';

CREATE FUNCTION stash.memory_rule(agent_id text) RETURNS stash.memory_retention
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r FROM stash.memory_retention AS r
    WHERE memory_rule.agent_id LIKE translate(
        replace(replace(replace(r.agent_pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*?', '%_')
    ORDER BY octet_length(r.agent_pattern) DESC, r.agent_pattern LIMIT 1;
END;
COMMENT ON FUNCTION stash.memory_rule(text) IS
'Internal: the policy that decides for an agent, or NULL';

CREATE FUNCTION stash.memory_shared_parts(pools bigint[]) RETURNS bigint
AS 'MODULE_PATHNAME', 'stash_memory_shared_parts'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION stash.memory_shared_parts(bigint[]) IS
'Internal: how many parts of these pools more than one version has';

CREATE FUNCTION stash.memory_snapshot_stats(
    agent_id text DEFAULT NULL, OUT keys bigint, OUT versions bigint, OUT pinned bigint,
    OUT logical_bytes bigint, OUT stored_bytes bigint, OUT ratio double precision,
    OUT parts bigint, OUT shared_parts bigint)
RETURNS record LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    -- Beside a row itself: its line pointer and its entries in the indexes that every row has.
    of_version CONSTANT bigint := 4 + 31 + 31 + 40;
    of_part CONSTANT bigint := 4 + 31 + 51;
    pools bigint[];
    lines bigint[];
    part_bytes bigint;
BEGIN
    SELECT array_agg(DISTINCT l.pool), array_agg(l.id) INTO pools, lines
        FROM stash.memory_line AS l WHERE memory_snapshot_stats.agent_id IS NULL
        OR l.agent_id = memory_snapshot_stats.agent_id;
    SELECT count(DISTINCT v.line), count(*), count(*) FILTER (WHERE v.pinned),
        coalesce(sum(v.logical_size), 0), coalesce(sum(pg_column_size(v.*) + of_version), 0)
        INTO keys, versions, pinned, logical_bytes, stored_bytes
        FROM stash.memory_version AS v
        WHERE v.line = ANY (lines) AND stash.memory_lives(v.expires_at, v.pinned);
    -- The whole row's size, as it is stored: compressed, out of line too.
    SELECT count(*), coalesce(sum(of_part + 56 + coalesce(pg_column_size(p.refs), 0)
                                  + coalesce(pg_column_size(p.content), 0)), 0)
        INTO parts, part_bytes FROM stash.memory_part AS p WHERE p.pool = ANY (pools);
    stored_bytes := stored_bytes + part_bytes;
    ratio := logical_bytes / nullif(stored_bytes, 0)::double precision;
    shared_parts := coalesce(stash.memory_shared_parts(pools), 0);
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_stats(text) IS
'Figures of an agent''s snapshots (NULL: of all). logical_bytes: the sum of their sizes as jsonb; stored_bytes: what their rows and parts take, with an estimate for the indexes, without full text and embeddings; ratio: the one by the other. parts: of the pools that the agent uses, with those of its forks; shared_parts: those that more than one version has. O(versions + parts).';

CREATE FUNCTION stash.memory_parts(pool bigint, content jsonb, refs bytea)
RETURNS SETOF bigint AS 'MODULE_PATHNAME', 'stash_memory_parts'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1000;
COMMENT ON FUNCTION stash.memory_parts(bigint, jsonb, bytea) IS
'Internal: the ids of all parts of a version, leaves and nodes, each once, from these columns of its row. O(parts).';

CREATE FUNCTION stash.memory_check(
    OUT problem text, OUT pool bigint, OUT part bigint, OUT snapshot uuid)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_memory_check'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 1
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.memory_check() IS
'Looks through all snapshots: every part''s hash, every reference, every digest, what belongs to nothing, and whether the full-text index holds the words of what is indexed and no others. A row for each problem; none when all is well. Parts of deleted versions that wait for the collector are none. O(everything); about 70 bytes of memory a part of the largest pool.';

CREATE FUNCTION stash.memory_collect(
    max_parts integer DEFAULT NULL, OUT parts bigint, OUT pools bigint)
RETURNS record AS 'MODULE_PATHNAME', 'stash_memory_collect'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.memory_collect(integer) IS
'Deletes parts that no version has any more, as the worker does by itself; for servers without a worker. At most max_parts (NULL: all). Until the transaction ends nobody can add to the pools that it went through; pools in use are left. Returns how many parts, of how many pools. Error 22023 unless max_parts is positive. O(parts of those pools).';
