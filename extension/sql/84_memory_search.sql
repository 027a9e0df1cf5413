-- Search over memory snapshots: full text, vectors, and both.
--
--   memory_search_language  whose memory is indexed for full text, and how. No row: it is not.
--   memory_text             the words of a part, or of a version whose document is so small that it
--                           lies in its row. A row comes with the part or version, by a trigger in
--                           the same statement, and goes with it. Parts without words have none.
-- So the index grows with the new text of a version, not with the version. memory_text is not dumped:
-- restoring memory_search_language fills it, after the parts are there.
-- Whoever changes memory_search_language locks out, until its transaction ends, who adds parts or
-- versions: each of them was either seen by the one, or sees the other.

CREATE TABLE stash.memory_search_language (
    agent_id text COLLATE "C" UNIQUE NULLS NOT DISTINCT,
    language text,
    weights jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE stash.memory_search_language IS
'Full text of memory snapshots: see stash.memory_search_configure. agent_id NULL: of all agents without a row of their own. language NULL: none.';
SELECT pg_catalog.pg_extension_config_dump('stash.memory_search_language', '');

CREATE TABLE stash.memory_text (
    pool bigint NOT NULL,
    part bigint,
    version uuid,
    complete boolean NOT NULL,
    words tsvector NOT NULL,
    CHECK ((part IS NULL) <> (version IS NULL))
);
COMMENT ON TABLE stash.memory_text IS
'The words of parts and of small versions. complete: false where the text was longer than a tsvector may be, and only its beginning is here.';
CREATE UNIQUE INDEX memory_text_part ON stash.memory_text (pool, part) WHERE part IS NOT NULL;
CREATE UNIQUE INDEX memory_text_version ON stash.memory_text (version) WHERE version IS NOT NULL;
CREATE INDEX memory_text_words ON stash.memory_text USING gin (words);
CREATE INDEX memory_text_incomplete ON stash.memory_text (pool) WHERE NOT complete;
ALTER TABLE stash.memory_text ALTER words SET STATISTICS 0;

CREATE FUNCTION stash.memory_words(
    content jsonb, language regconfig, weights jsonb, OUT words tsvector, OUT complete boolean)
RETURNS record AS 'MODULE_PATHNAME', 'stash_memory_words' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION stash.memory_words(jsonb, regconfig, jsonb) IS
'Internal: the words of all strings in content. complete is false when they were more than a tsvector holds; then words has the first of them. O(size).';

CREATE FUNCTION stash.memory_search_choice(pool bigint, OUT language text, OUT weights jsonb)
RETURNS SETOF record LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
    SELECT c.language, c.weights FROM stash.memory_pool AS p, stash.memory_search_language AS c
    WHERE p.id = pool AND (c.agent_id = p.agent_id OR c.agent_id IS NULL)
    ORDER BY c.agent_id NULLS LAST LIMIT 1;
END;
COMMENT ON FUNCTION stash.memory_search_choice(bigint) IS
'Internal: the language and the weights of a pool; language is NULL, or there is no row, where it is not indexed';

-- A part or a version was added.
CREATE FUNCTION stash.memory_text_added() RETURNS trigger
AS 'MODULE_PATHNAME', 'stash_memory_text_added' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION stash.memory_text_added() IS
'Trigger of stash.memory_part and stash.memory_version: indexes what has been added, where full text is on';
CREATE TRIGGER "!memory_text_added" AFTER INSERT ON stash.memory_part
    FOR EACH ROW WHEN (NEW.content IS NOT NULL) EXECUTE FUNCTION stash.memory_text_added();
ALTER TABLE stash.memory_part ENABLE ALWAYS TRIGGER "!memory_text_added";
CREATE TRIGGER "!memory_text_added" AFTER INSERT ON stash.memory_version
    FOR EACH ROW WHEN (NEW.content IS NOT NULL) EXECUTE FUNCTION stash.memory_text_added();
ALTER TABLE stash.memory_version ENABLE ALWAYS TRIGGER "!memory_text_added";

CREATE FUNCTION stash.memory_text_deleted() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND TG_TABLE_NAME = 'memory_part' THEN
        DELETE FROM stash.memory_text AS t WHERE t.part IS NOT NULL;
    ELSIF TG_OP = 'TRUNCATE' THEN
        DELETE FROM stash.memory_text AS t WHERE t.version IS NOT NULL;
    ELSIF NOT EXISTS (SELECT FROM stash.memory_search_language) THEN
        -- Then there are no words either, but for as many dead rows as there may be.
        RETURN NULL;
    ELSIF TG_TABLE_NAME = 'memory_part' THEN
        DELETE FROM stash.memory_text AS t USING gone AS g WHERE t.pool = g.pool AND t.part = g.id;
    ELSE
        DELETE FROM stash.memory_text AS t USING gone AS g WHERE t.version = g.id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION stash.memory_text_deleted() IS
'Trigger of stash.memory_part and stash.memory_version: takes away the words of what has been deleted';
DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['memory_part', 'memory_version'] LOOP
        EXECUTE format('CREATE TRIGGER "!memory_text_deleted" AFTER DELETE ON stash.%I '
                       'REFERENCING OLD TABLE AS gone FOR EACH STATEMENT '
                       'EXECUTE FUNCTION stash.memory_text_deleted()', tab);
        EXECUTE format('CREATE TRIGGER "!memory_text_truncated" AFTER TRUNCATE ON stash.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION stash.memory_text_deleted()', tab);
        EXECUTE format('ALTER TABLE stash.%I ENABLE ALWAYS TRIGGER "!memory_text_deleted", '
                       'ENABLE ALWAYS TRIGGER "!memory_text_truncated"', tab);
    END LOOP;
END $$;

CREATE FUNCTION stash.memory_search_rebuild(agent_id text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    made bigint;
    more bigint;
BEGIN
    LOCK TABLE stash.memory_part, stash.memory_version IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM stash.memory_text AS t WHERE memory_search_rebuild.agent_id IS NULL OR t.pool IN (
        SELECT p.id FROM stash.memory_pool AS p WHERE p.agent_id = memory_search_rebuild.agent_id);
    INSERT INTO stash.memory_text (pool, part, words, complete)
        SELECT a.pool, a.id, w.words, w.complete
        FROM stash.memory_pool AS p, stash.memory_search_choice(p.id) AS c, stash.memory_part AS a,
            stash.memory_words(a.content, c.language::regconfig, c.weights) AS w
        WHERE (memory_search_rebuild.agent_id IS NULL OR p.agent_id = memory_search_rebuild.agent_id)
            AND a.pool = p.id AND a.content IS NOT NULL AND w.words <> '';
    GET DIAGNOSTICS made = ROW_COUNT;
    INSERT INTO stash.memory_text (pool, version, words, complete)
        SELECT v.pool, v.id, w.words, w.complete
        FROM stash.memory_pool AS p, stash.memory_search_choice(p.id) AS c, stash.memory_version AS v,
            stash.memory_words(v.content, c.language::regconfig, c.weights) AS w
        WHERE (memory_search_rebuild.agent_id IS NULL OR p.agent_id = memory_search_rebuild.agent_id)
            AND v.pool = p.id AND v.content IS NOT NULL AND w.words <> '';
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN made + more;
END $$;
COMMENT ON FUNCTION stash.memory_search_rebuild(text) IS
'Makes the full-text index of an agent''s memory (NULL: of all) anew, and returns how many parts are in it. For after a parallel pg_restore, or a change of a text search dictionary. Until the transaction ends nobody can create snapshots. O(stored size).';

CREATE FUNCTION stash.memory_language_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stash.memory_search_rebuild(CASE WHEN TG_OP = 'DELETE' THEN OLD.agent_id ELSE NEW.agent_id END);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION stash.memory_language_changed() IS
'Trigger of stash.memory_search_language: indexes what is there';
CREATE TRIGGER "!memory_language_changed" AFTER INSERT OR UPDATE OR DELETE
    ON stash.memory_search_language
    FOR EACH ROW EXECUTE FUNCTION stash.memory_language_changed();
ALTER TABLE stash.memory_search_language ENABLE ALWAYS TRIGGER "!memory_language_changed";

CREATE FUNCTION stash.memory_search_configure(
    language regconfig, agent_id text DEFAULT NULL, weights jsonb DEFAULT '{}')
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF agent_id = '' THEN
        RAISE EXCEPTION 'agent_id must not be empty' USING ERRCODE = '22023',
            HINT = 'NULL stands for all agents without a choice of their own.';
    END IF;
    IF weights IS NULL OR jsonb_typeof(weights) <> 'object' OR EXISTS (
        SELECT FROM jsonb_each(weights) AS w WHERE w.key = '' OR w.value NOT IN ('"A"', '"B"', '"C"', '"D"')) THEN
        RAISE EXCEPTION 'weights must be a JSON object of paths and their weights' USING ERRCODE = '22023',
            HINT = 'For example {"title": "A", "message.content": "B"}; weights are A, B, C and D.';
    END IF;
    INSERT INTO stash.memory_search_language AS c (agent_id, language, weights)
        VALUES (memory_search_configure.agent_id, memory_search_configure.language::text,
                memory_search_configure.weights)
        ON CONFLICT (agent_id) DO UPDATE SET language = excluded.language, weights = excluded.weights;
END $$;
COMMENT ON FUNCTION stash.memory_search_configure(regconfig, text, jsonb) IS
'Switches full text on for an agent''s memory, what is stored already included. language: a text search configuration (english, simple, ...); NULL: not indexed. agent_id: NULL for all agents that have no choice of their own. weights: which strings weigh more, by the names that lead to them within their part, {"title": "A", "message.content": "B"}; others have D. A fork keeps the choice of the agent it was forked from. Until the transaction ends nobody can create snapshots. Error 22023 for an empty agent_id or malformed weights. O(stored size).';

CREATE FUNCTION stash.memory_search_reset(agent_id text DEFAULT NULL)
RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM stash.memory_search_language AS c
        WHERE c.agent_id IS NOT DISTINCT FROM memory_search_reset.agent_id;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION stash.memory_search_reset(text) IS
'Takes back what stash.memory_search_configure chose for this agent_id; false when it chose nothing. O(stored size).';

CREATE FUNCTION stash.memory_search_status(
    OUT agent_id text, OUT language text, OUT parts bigint, OUT indexed bigint, OUT incomplete bigint)
RETURNS SETOF record LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.agent_id, c.language,
        (SELECT count(*) FROM stash.memory_part AS a WHERE a.pool = p.id AND a.content IS NOT NULL)
        + (SELECT count(*) FROM stash.memory_version AS v WHERE v.pool = p.id AND v.content IS NOT NULL),
        count(t.*), count(t.*) FILTER (WHERE NOT t.complete)
    FROM stash.memory_pool AS p LEFT JOIN stash.memory_search_choice(p.id) AS c ON true
        LEFT JOIN stash.memory_text AS t ON t.pool = p.id
    GROUP BY p.id, p.agent_id, c.language ORDER BY p.agent_id
$$;
COMMENT ON FUNCTION stash.memory_search_status() IS
'Full text by agent: its language (NULL: off), parts that could hold words, parts that hold some and are indexed, and those whose text was longer than a tsvector may be, so that only its beginning is found. O(parts).';

CREATE FUNCTION stash.memory_filter(filter jsonb, OUT predicate text, OUT parameters text[])
RETURNS record AS 'MODULE_PATHNAME', 'stash_memory_filter' LANGUAGE C STABLE;
COMMENT ON FUNCTION stash.memory_filter(jsonb) IS
'Internal: a filter as a predicate about stash.memory_info AS i, with its parameters in $1';

CREATE FUNCTION stash.memory_distance(embedding real[], query double precision[]) RETURNS double precision
AS 'MODULE_PATHNAME', 'stash_memory_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION stash.memory_distance(real[], double precision[]) IS
'Internal: the cosine distance; NULL where there is none, for want of the same number of dimensions';

CREATE FUNCTION stash.memory_text_hits(
    query text, agent_id text, predicate text, parameters text[], OUT line bigint, OUT id uuid, OUT rank real)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_memory_text_hits'
LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION stash.memory_text_hits(text, text, text, text[]) IS
'Internal: for each line with a version that the predicate allows and that has a part with the words, the newest such version, and the rank of its best part';

CREATE TYPE stash.memory_search_hit AS (
    id uuid,
    agent_id text,
    key text,
    version bigint,
    created_at timestamptz,
    tags text[],
    metadata jsonb,
    score double precision,
    text_rank real,
    distance double precision,
    engine text);
COMMENT ON TYPE stash.memory_search_hit IS
'A snapshot that was found. score: the sum of 1 / (60 + place) over the lists (text, vector) in which it was found. text_rank: ts_rank of its best part, NULL unless found by its text. distance: of its embedding, NULL unless found by that. engine: who answered: text, vector-local, hybrid-local, or vector-weaviate, hybrid-weaviate when Weaviate named the nearest.';

CREATE FUNCTION stash.memory_snapshot_search(
    query text DEFAULT NULL, embedding double precision[] DEFAULT NULL, agent_id text DEFAULT NULL,
    filter jsonb DEFAULT NULL, max_rows integer DEFAULT 10)
RETURNS SETOF stash.memory_search_hit LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wanted record;
    near uuid[];
BEGIN
    IF query IS NULL AND embedding IS NULL THEN
        RAISE EXCEPTION 'query or embedding must be given' USING ERRCODE = '22004';
    END IF;
    IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'max_rows must be between 1 and 1000' USING ERRCODE = '22023';
    END IF;
    IF query IS NOT NULL AND NOT EXISTS (
        SELECT FROM stash.memory_search_language AS c WHERE c.language IS NOT NULL) THEN
        RAISE EXCEPTION 'full text of memory snapshots is off' USING ERRCODE = '55000',
            HINT = 'Switch it on: SELECT stash.memory_search_configure(''english'')';
    END IF;
    IF embedding IS NOT NULL THEN
        -- Refuses what is no embedding, with or without rows.
        PERFORM stash.vector_distance(embedding, embedding);
    END IF;
    SELECT f.predicate, f.parameters INTO wanted FROM stash.memory_filter(filter) AS f;
    IF embedding IS NOT NULL THEN
        -- Fused lists count down to ten times as many lines as are asked for.
        near := stash.memory_near_ids(embedding, agent_id, filter, wanted.predicate, wanted.parameters,
                                      CASE WHEN query IS NULL THEN max_rows ELSE 10 * max_rows END);
    END IF;
    RETURN QUERY EXECUTE format($statement$
        WITH worded AS (
            SELECT h.line, h.id, h.rank, row_number() OVER (ORDER BY h.rank DESC, h.id DESC) AS place
            FROM stash.memory_text_hits($2, $3, $5, $1) AS h ORDER BY place LIMIT 10 * $6),
        near AS (
            SELECT n.line, n.id, n.distance, row_number() OVER (ORDER BY n.distance, n.id DESC) AS place
            FROM (SELECT DISTINCT ON (e.line) e.line, e.id, d.distance
                FROM stash.memory_embedding AS e JOIN stash.memory_info AS i ON i.id = e.id,
                    LATERAL (SELECT stash.memory_distance(e.embedding, $4) AS distance OFFSET 0) AS d
                WHERE d.distance IS NOT NULL AND ($7 IS NULL OR e.id = ANY ($7)) AND ($3 IS NULL OR i.agent_id = $3) AND (%s)
                ORDER BY e.line, d.distance, i.version DESC) AS n
            WHERE $4 IS NOT NULL ORDER BY place LIMIT 10 * $6),
        fused AS (
            SELECT CASE WHEN n.place < w.place THEN n.id ELSE coalesce(w.id, n.id) END AS id,
                coalesce(1.0::float8 / (60 + w.place), 0) + coalesce(1.0::float8 / (60 + n.place), 0) AS score,
                w.rank, n.distance
            FROM worded AS w FULL JOIN near AS n ON n.line = w.line)
        SELECT i.id, i.agent_id, i.key, i.version, i.created_at, i.tags, i.metadata, f.score, f.rank,
            f.distance, CASE WHEN $4 IS NULL THEN 'text' ELSE CASE WHEN $2 IS NULL THEN 'vector' ELSE 'hybrid' END
                || CASE WHEN $7 IS NULL THEN '-local' ELSE '-weaviate' END END
        FROM fused AS f JOIN stash.memory_info AS i ON i.id = f.id
        ORDER BY f.score DESC, i.id DESC LIMIT $6 $statement$, wanted.predicate)
        USING wanted.parameters, query, agent_id, embedding, wanted.predicate, max_rows, near;
END $$;
COMMENT ON FUNCTION stash.memory_snapshot_search(text, double precision[], text, jsonb, integer) IS
'Finds snapshots by their text, by their embedding, or by both, fused by reciprocal rank (k = 60). At most one hit for an agent and key: by text the newest version that has a part with all the words (a part is a message, or some neighbouring members), by embedding the nearest version. query: as for websearch_to_tsquery; NULL: not by text. embedding: compared by cosine with those of the same number of dimensions, by Weaviate where snapshots are synchronised (stash.memory_snapshot_sync_enable) and it is well; NULL: not by embedding. agent_id: NULL for all. filter: as in docs/search.md, about agent_id, key, version, created_at, expires_at, pinned, tags, metadata, origin, note, bytes; applied before anything is ranked. max_rows: 1 to 1000. Errors: 22004 neither query nor embedding; 22023 max_rows, embedding, filter; 42703, 42804, 54001 filter; 55000 full text is off. O(matching parts + versions looked through + embeddings).';
