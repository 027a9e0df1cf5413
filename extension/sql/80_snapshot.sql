-- Memory snapshots: the tables. The functions follow in 81_snapshot_functions.sql.
--
-- How content lies here. A document is taken apart: members of its top level and of every long
-- array or object in it become parts, each kept once for all versions that have it.
--   memory_pool     parts are shared within a pool and never across pools. An agent's new keys go to
--                   the agent's pool; a fork stays in the pool of what it was forked from.
--   memory_line     one (agent_id, key): a line of versions.
--   memory_part     a part is either a leaf or a node.
--                   leaf: content is a jsonb array or object of some neighbouring elements (a jsonb
--                   scalar when the document is one). A long array or object within it is cut out: null
--                   stands in its place, and refs says which elements those are and of which parts
--                   each consists.
--                   node: content is NULL, refs lists its parts (leaves or nodes) in order.
--                   hash: of the content and of the hashes of everything below it.
--   memory_version  the root lies in the row itself: a small leaf (content, and refs for what is cut
--                   out), or a list of parts (content NULL, refs as in a node).
--   memory_embedding a version's vector, for those that have one.
--   memory_discard  pools that have lost versions and wait for the collector.
-- refs are lists of memory_part.id, packed; stash.memory_parts(pool, content, refs) unpacks
-- them down to the last leaf, stash.memory_content(pool, logical_size, content, refs) gives the
-- document. A part is never changed: an index over content grows with the parts, not with the
-- versions. Whoever deletes versions need not care for parts: a trigger queues the pool.
--
-- Locks: whoever adds a version or a part holds a SHARE lock on the pool until its transaction ends;
-- the collector deletes parts under an EXCLUSIVE one, which it takes only when nobody holds the other.
-- There are no foreign keys: they would lock the rows that all share. stash.memory_check() looks.

CREATE SEQUENCE stash.memory_pool_id;
CREATE SEQUENCE stash.memory_line_id;
CREATE SEQUENCE stash.memory_part_id;
-- A restore sets sequences in the order of their names: this one is right before parts can be stored.
CREATE SEQUENCE stash.memory_added;

CREATE TABLE stash.memory_pool (
    id bigint PRIMARY KEY DEFAULT nextval('stash.memory_pool_id'),
    agent_id text COLLATE "C" NOT NULL UNIQUE,
    salt uuid NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE stash.memory_pool IS
'Within a pool equal parts are kept once. salt: goes into every hash of the pool, so that nobody can prepare collisions.';

CREATE TABLE stash.memory_line (
    pool bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('stash.memory_line_id'),
    last_version bigint NOT NULL DEFAULT 0,
    agent_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    PRIMARY KEY (pool, id),
    UNIQUE (agent_id, key)
) WITH (fillfactor = 80);
COMMENT ON TABLE stash.memory_line IS
'An (agent_id, key) and the number of its latest version, also when that is deleted';

CREATE TABLE stash.memory_version (
    pool bigint NOT NULL,
    line bigint NOT NULL,
    version bigint NOT NULL,
    added bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    logical_size bigint NOT NULL,
    id uuid PRIMARY KEY WITH (fillfactor = 100),
    digest uuid NOT NULL,
    parent uuid,
    origin uuid,
    pinned boolean NOT NULL DEFAULT false,
    refs bytea,
    content jsonb,
    tags text[],
    metadata jsonb,
    note text,
    UNIQUE (line, version) WITH (fillfactor = 100)
);
COMMENT ON TABLE stash.memory_version IS
'Versions; never changed but for pinned, and parent when that is deleted. parent: NULL stands for the version before in the line, the nil uuid for none. added: from a sequence, drawn while the pool is shared, so it is higher than all that were committed before the pool was last owned. expires_at NULL: never. logical_size: bytes of the document as jsonb. origin: what stash.memory_snapshot_restore brought back. tags and metadata are NULL when empty.';
CREATE UNIQUE INDEX memory_version_pool ON stash.memory_version (pool, added) WITH (fillfactor = 100);
CREATE INDEX memory_version_parent ON stash.memory_version (parent) WHERE parent IS NOT NULL;
CREATE INDEX memory_version_expires ON stash.memory_version (expires_at)
    WHERE expires_at IS NOT NULL AND NOT pinned;
CREATE INDEX memory_version_tags ON stash.memory_version USING gin (tags) WHERE tags IS NOT NULL;
CREATE INDEX memory_version_metadata ON stash.memory_version USING gin (metadata jsonb_path_ops)
    WHERE metadata IS NOT NULL;

CREATE TABLE stash.memory_part (
    pool bigint NOT NULL,
    id bigint PRIMARY KEY WITH (fillfactor = 100),
    hash uuid NOT NULL,
    refs bytea,
    content jsonb,
    UNIQUE (pool, hash)
);
COMMENT ON TABLE stash.memory_part IS
'Parts of documents, each once a pool; never changed. hash: the first half of the SHA-256 of salt, content and the hashes below.';
-- Only sizes count here; nothing filters or joins by what is in them.
ALTER TABLE stash.memory_part ALTER refs SET STATISTICS 0, ALTER content SET STATISTICS 0,
    ALTER hash SET STATISTICS 0;
ALTER TABLE stash.memory_version ALTER refs SET STATISTICS 0, ALTER content SET STATISTICS 0,
    ALTER digest SET STATISTICS 0;

CREATE TABLE stash.memory_embedding (
    id uuid PRIMARY KEY,
    pool bigint NOT NULL,
    line bigint NOT NULL,
    embedding real[] NOT NULL,
    agent_id text COLLATE "C",
    key text COLLATE "C",
    version bigint,
    created_at timestamptz,
    tags text[]
);
COMMENT ON TABLE stash.memory_embedding IS
'The vectors of those versions that have one. What follows the embedding is the version''s, once more, for Weaviate to filter by (see stash.memory_snapshot_sync_enable)';
CREATE INDEX ON stash.memory_embedding (line);
ALTER TABLE stash.memory_embedding ALTER embedding SET STATISTICS 0, ALTER tags SET STATISTICS 0;

CREATE TABLE stash.memory_discard (
    pool bigint NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE stash.memory_discard IS
'Pools in which versions were deleted. started: the collector is at it; what is deleted meanwhile queues the pool anew.';
CREATE INDEX ON stash.memory_discard (pool);

CREATE TABLE stash.memory_retention (
    agent_pattern text COLLATE "C" PRIMARY KEY,
    keep_last integer CHECK (keep_last >= 1),
    max_age double precision CHECK (max_age > 0),
    CHECK (keep_last IS NOT NULL OR max_age IS NOT NULL)
);
COMMENT ON TABLE stash.memory_retention IS
'Which versions the worker deletes: see stash.memory_retention_set';

DO $$
DECLARE
    each regclass;
BEGIN
    FOR each IN SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'stash'::regnamespace
        AND c.relname LIKE 'memory\_%' AND c.relkind IN ('r', 'S') LOOP
        PERFORM pg_catalog.pg_extension_config_dump(each, '');
    END LOOP;
END $$;

-- Whoever deletes versions, also an administrator by hand: their vectors go, what was forked or
-- branched off them goes on to what was before, and the collector hears of it.
CREATE FUNCTION stash.memory_versions_deleted() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child record;
    ancestor record;
BEGIN
    DELETE FROM stash.memory_embedding AS e USING gone AS g WHERE e.id = g.id;
    FOR child IN SELECT v.id, v.parent FROM stash.memory_version AS v, gone AS g
        WHERE v.parent = g.id ORDER BY v.id FOR UPDATE OF v LOOP
        -- Up from one deleted version to the next, until one that is there.
        LOOP
            SELECT g.line, g.version, g.parent INTO ancestor FROM gone AS g
                WHERE g.id = child.parent;
            EXIT WHEN NOT FOUND;
            child.parent := coalesce(ancestor.parent, (
                SELECT v.id FROM stash.memory_version AS v WHERE v.line = ancestor.line
                AND v.version < ancestor.version ORDER BY v.version DESC LIMIT 1),
                '00000000-0000-0000-0000-000000000000');
        END LOOP;
        UPDATE stash.memory_version AS v SET parent = child.parent WHERE v.id = child.id;
    END LOOP;
    -- A row that says so already must not be taken away by the collector before we commit.
    FOR child IN SELECT DISTINCT g.pool FROM gone AS g LOOP
        PERFORM FROM stash.memory_discard AS d WHERE d.pool = child.pool AND NOT d.started
            LIMIT 1 FOR KEY SHARE SKIP LOCKED;
        IF NOT FOUND THEN
            INSERT INTO stash.memory_discard (pool) VALUES (child.pool);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION stash.memory_versions_deleted() IS
'Trigger of stash.memory_version: looks after what depended on deleted versions';
CREATE TRIGGER "!memory_versions_deleted" AFTER DELETE ON stash.memory_version
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT
    EXECUTE FUNCTION stash.memory_versions_deleted();
ALTER TABLE stash.memory_version ENABLE ALWAYS TRIGGER "!memory_versions_deleted";

CREATE FUNCTION stash.memory_versions_truncated() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM stash.memory_embedding;
    INSERT INTO stash.memory_discard (pool) SELECT p.id FROM stash.memory_pool AS p;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION stash.memory_versions_truncated() IS
'TRUNCATE trigger of stash.memory_version';
CREATE TRIGGER "!memory_versions_truncated" AFTER TRUNCATE ON stash.memory_version
    FOR EACH STATEMENT EXECUTE FUNCTION stash.memory_versions_truncated();
ALTER TABLE stash.memory_version ENABLE ALWAYS TRIGGER "!memory_versions_truncated";
