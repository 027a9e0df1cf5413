-- Synchronised tables: making and ending them.
--
-- What needs the table's owner is a C function that checks it and then calls the function of the
-- same name with _owned, as the extension's owner. Those are nobody's to call.

-- What Weaviate calls a property of a PostgreSQL type; NULL for one that has no counterpart.
CREATE FUNCTION stash.vector_property_type(type regtype) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH base AS (
        SELECT t.typelem <> 0 AND t.typlen = -1 AND t.typcategory = 'A' AS is_list, t.typelem
        FROM pg_type AS t WHERE t.oid = type),
    element AS (
        SELECT b.is_list, e.oid, e.typname, e.typtype, coalesce(nullif(e.typbasetype, 0), e.oid) AS root
        FROM base AS b, pg_type AS e WHERE e.oid = CASE WHEN b.is_list THEN b.typelem ELSE type::oid END)
    SELECT CASE
        WHEN e.root IN ('int2'::regtype, 'int4'::regtype) THEN 'int'
        WHEN e.root IN ('float4'::regtype, 'float8'::regtype, 'numeric'::regtype) THEN 'number'
        WHEN e.root = 'bool'::regtype THEN 'boolean'
        WHEN e.root IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN 'date'
        WHEN e.root = 'uuid'::regtype THEN 'uuid'
        WHEN e.root = 'int8'::regtype THEN 'int'
        WHEN e.root IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'name'::regtype,
                        'json'::regtype, 'jsonb'::regtype) OR e.typtype = 'e' THEN 'text'
        END || CASE WHEN e.is_list THEN '[]' ELSE '' END
    FROM element AS e;
END;
COMMENT ON FUNCTION stash.vector_property_type(regtype) IS
'The Weaviate type of a property whose column has this type: int, number, boolean, date, uuid, text, and their lists; NULL: such a column cannot be sent';

CREATE FUNCTION stash.vector_column(relation regclass, name text, OUT type regtype, OUT type_name text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT coalesce(nullif(t.typbasetype, 0), a.atttypid)::regtype, t.typname::text INTO type, type_name
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = relation AND a.attname = name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of relation "%" does not exist', name, relation USING ERRCODE = '42703';
    END IF;
END $$;
COMMENT ON FUNCTION stash.vector_column(regclass, text) IS
'Internal: the type of a column, its base type for a domain; error 42703 when there is none';

CREATE FUNCTION stash.vector_check_table(relation regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_kind "char";
    persistence "char";
BEGIN
    SELECT c.relkind, c.relpersistence INTO found_kind, persistence FROM pg_class AS c WHERE c.oid = relation;
    IF found_kind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '"%" is not a table', relation USING ERRCODE = '42809',
            HINT = 'Triggers see the changes of tables only: synchronise the table that holds the embeddings.';
    END IF;
    IF persistence <> 'p' THEN
        RAISE EXCEPTION '"%" is a temporary or unlogged table', relation USING ERRCODE = '0A000',
            HINT = 'Such a table loses rows without anybody noticing.';
    END IF;
    IF found_kind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = relation) THEN
        RAISE EXCEPTION '"%" has inheritance children', relation USING ERRCODE = '42809',
            HINT = 'Triggers are not inherited there: synchronise each table by itself.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = relation AND indisprimary AND indimmediate) THEN
        RAISE EXCEPTION '"%" has no primary key', relation USING ERRCODE = '55000',
            HINT = 'Objects are named by the primary key, which must not be deferrable.';
    END IF;
END $$;
COMMENT ON FUNCTION stash.vector_check_table(regclass) IS
'Internal: raises an error for a table that cannot be synchronised';

CREATE FUNCTION stash.vector_check_options(options jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    each record;
BEGIN
    IF jsonb_typeof(options) <> 'object' THEN
        RAISE EXCEPTION 'options must be a JSON object' USING ERRCODE = '22023';
    END IF;
    FOR each IN SELECT o.key, o.value, o.value #>> '{}' AS txt, jsonb_typeof(o.value) AS kind
                FROM jsonb_each(options) AS o LOOP
        -- In parentheses, for PL/pgSQL reads the condition up to the first THEN outside of them.
        IF (CASE each.key
            WHEN 'distance' THEN each.txt IN ('cosine', 'dot', 'l2-squared', 'manhattan', 'hamming')
            WHEN 'index' THEN each.txt IN ('hnsw', 'flat', 'dynamic')
            WHEN 'consistency' THEN each.txt IN ('ONE', 'QUORUM', 'ALL')
            WHEN 'replication_factor' THEN each.kind = 'number' AND each.txt ~ '^[1-9][0-9]?$'
            WHEN 'backfill' THEN each.kind = 'boolean'
            WHEN 'dimensions' THEN each.kind = 'number' AND each.txt ~ '^[1-9][0-9]{0,4}$' AND NOT options ? 'vectors'
            WHEN 'vectors' THEN each.kind = 'object' AND each.value <> '{}'
            WHEN 'names' THEN each.kind = 'object'
            END) IS TRUE THEN
            CONTINUE;
        END IF;
        RAISE EXCEPTION 'bad option "%": %', each.key, each.value USING ERRCODE = '22023',
            HINT = 'Options: distance (cosine, dot, l2-squared, manhattan, hamming), index (hnsw, flat, dynamic), consistency (ONE, QUORUM, ALL), replication_factor, backfill (true, false), dimensions (of the one embedding), vectors ({"name": "column"}), names ({"column": "property"}).';
    END LOOP;
END $$;
COMMENT ON FUNCTION stash.vector_check_options(jsonb) IS
'Internal: raises 22023 for options that vector_sync_enable does not know';

-- [{"column", "name"}]: name is null for the one vector of a collection that has no named ones.
CREATE FUNCTION stash.vector_embeddings_of(relation regclass, embedding_column text, options jsonb)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result jsonb;
    each record;
BEGIN
    IF (embedding_column IS NULL) = (options->'vectors' IS NULL) THEN
        RAISE EXCEPTION 'give embedding_column, or the option "vectors"' USING ERRCODE = '22023',
            HINT = 'embedding_column is the one unnamed vector; {"vectors": {"name": "column"}} makes named ones.';
    END IF;
    IF embedding_column IS NOT NULL THEN
        result := jsonb_build_array(jsonb_build_object('column', embedding_column, 'name', NULL));
    ELSE
        SELECT jsonb_agg(jsonb_build_object('column', v.value, 'name', v.key) ORDER BY v.key) INTO result
            FROM jsonb_each_text(options->'vectors') AS v;
    END IF;
    FOR each IN SELECT e->>'column' AS col, e->>'name' AS vector FROM jsonb_array_elements(result) AS e LOOP
        IF each.col IS NULL OR each.vector !~ '^[_A-Za-z][_0-9A-Za-z]{0,229}$' THEN
            RAISE EXCEPTION 'bad vector "%"', each.vector USING ERRCODE = '22023',
                HINT = 'A vector''s name has letters, digits and underscores, and stands for a column.';
        END IF;
        IF NOT (SELECT c.type IN ('real[]'::regtype, 'double precision[]'::regtype) OR c.type_name IN ('vector', 'halfvec')
                FROM stash.vector_column(relation, each.col) AS c) THEN
            RAISE EXCEPTION 'column "%" holds no embedding', each.col USING ERRCODE = '42804',
                HINT = 'Its type must be real[], double precision[], or pgvector''s vector or halfvec.';
        END IF;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION stash.vector_embeddings_of(regclass, text, jsonb) IS
'Internal: the vectors of a synchronised table. Errors: 22023, 42703, 42804';

CREATE FUNCTION stash.vector_properties_of(relation regclass, properties text[], options jsonb)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result jsonb := '[]';
    col text;
    name text;
    type text;
BEGIN
    FOREACH col IN ARRAY coalesce(properties, '{}') LOOP
        IF col IS NULL THEN
            RAISE EXCEPTION 'properties must not contain null' USING ERRCODE = '22004';
        END IF;
        SELECT stash.vector_property_type(c.type) INTO type FROM stash.vector_column(relation, col) AS c;
        IF type IS NULL THEN
            RAISE EXCEPTION 'column "%" cannot be a property', col USING ERRCODE = '42804',
                HINT = 'Types that can: numbers, text, boolean, dates and timestamps, uuid, enums, jsonb, and arrays of them.';
        END IF;
        name := coalesce(options->'names'->>col, col);
        IF name !~ '^[_A-Za-z][_0-9A-Za-z]{0,230}$' OR lower(name) IN ('id', '_id', '_additional', 'stash_key', 'vector') THEN
            RAISE EXCEPTION 'column "%" cannot be a property called "%"', col, name USING ERRCODE = '22023',
                HINT = 'Weaviate allows letters, digits and underscores, and keeps some names to itself: name it otherwise with the option {"names": {"column": "property"}}.';
        END IF;
        -- Weaviate keeps the first letter of a property small.
        name := lower(left(name, 1)) || substr(name, 2);
        IF EXISTS (SELECT FROM jsonb_array_elements(result) AS p WHERE p->>'name' = name) THEN
            RAISE EXCEPTION 'two properties are called "%"', name USING ERRCODE = '42701';
        END IF;
        result := result || jsonb_build_object('column', col, 'name', name, 'type', type);
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION stash.vector_properties_of(regclass, text[], jsonb) IS
'Internal: the properties of a synchronised table. Errors: 22004, 22023, 42701, 42703, 42804';

-- The statement triggers of a table and all its partitions; row triggers are cloned by PostgreSQL.
CREATE FUNCTION stash.vector_cover_partitions(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    each record;
    member regclass;
BEGIN
    FOR each IN SELECT s.id, '!stash_vector_' || s.id AS trigger_name FROM stash.vector_sync AS s
                WHERE s.relation = vector_cover_partitions.relation LOOP
        FOR member IN SELECT relation UNION SELECT t.relid FROM pg_partition_tree(relation) AS t
                      JOIN pg_class AS c ON c.oid = t.relid WHERE c.relkind IN ('r', 'p') LOOP
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', member, each.trigger_name);
            CONTINUE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = member
                                  AND t.tgname = each.trigger_name || '_truncate');
            EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %s FOR EACH STATEMENT '
                           'EXECUTE FUNCTION stash.vector_truncated(%L)',
                           each.trigger_name || '_truncate', member, each.id);
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', member, each.trigger_name || '_truncate');
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION stash.vector_cover_partitions(regclass) IS
'Internal: makes sure that the triggers of a synchronised table are on all its partitions and fire always';

-- The arguments are what extension/src/vector/trigger_fn.cpp says.
CREATE FUNCTION stash.vector_cover(sync integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    what stash.vector_sync;
    trigger_name text := '!stash_vector_' || sync;
    arguments text;
BEGIN
    SELECT s.* INTO STRICT what FROM stash.vector_sync AS s WHERE s.id = sync;
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = what.relation AND t.tgname = trigger_name) THEN
        SELECT string_agg(quote_literal(a.txt), ', ' ORDER BY a.part, a.number) INTO arguments
            FROM (SELECT 0 AS part, 1 AS number, what.id::text AS txt
                  UNION ALL SELECT 0, 2, coalesce(what.tenant_column, '')
                  UNION ALL SELECT 0, 3, jsonb_array_length(what.embeddings)::text
                  UNION ALL SELECT 1, e.number::int, e.item->>'column' FROM jsonb_array_elements(what.embeddings) WITH ORDINALITY AS e (item, number)
                  UNION ALL SELECT 2, p.number::int, p.item->>'column' FROM jsonb_array_elements(what.properties) WITH ORDINALITY AS p (item, number)) AS a;
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
                       'EXECUTE FUNCTION stash.vector_row_changed(%s)', trigger_name, what.relation, arguments);
    END IF;
    PERFORM stash.vector_cover_partitions(what.relation);
END $$;
COMMENT ON FUNCTION stash.vector_cover(integer) IS
'Internal: makes the triggers of a synchronised table, where they are not there';

CREATE FUNCTION stash.vector_drop_triggers(relation regclass, sync integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT t.tgrelid::regclass AS tab, t.tgname FROM pg_trigger AS t
                WHERE t.tgname IN ('!stash_vector_' || sync, '!stash_vector_' || sync || '_truncate')
                AND t.tgparentid = 0 AND (t.tgrelid = relation OR t.tgrelid IN (SELECT p.relid FROM pg_partition_tree(relation) AS p)) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', each.tgname, each.tab);
    END LOOP;
END $$;
COMMENT ON FUNCTION stash.vector_drop_triggers(regclass, integer) IS
'Internal: ends the triggers of a synchronised table';

CREATE FUNCTION stash.vector_sync_enable(
    relation regclass, embedding_column text, properties text[] DEFAULT '{}', collection text DEFAULT NULL,
    tenant_column text DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS void AS 'MODULE_PATHNAME', 'stash_vector_as_owner' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

CREATE FUNCTION stash.vector_sync_enable_owned(
    relation regclass, embedding_column text, properties text[], collection text, tenant_column text, options jsonb)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    given jsonb := coalesce(options, '{}');
    embeddings jsonb;
    mapped jsonb;
    class text;
    fresh integer;
BEGIN
    PERFORM stash.vector_check_table(relation);
    PERFORM stash.vector_check_options(given);
    embeddings := stash.vector_embeddings_of(relation, embedding_column, given);
    mapped := stash.vector_properties_of(relation, properties, given);
    IF tenant_column IS NOT NULL THEN
        PERFORM stash.vector_column(relation, tenant_column);
    END IF;
    SELECT coalesce(collection, upper(left(n.name, 1)) || substr(n.name, 2)) INTO class
        FROM (SELECT regexp_replace(c.relname, '[^A-Za-z0-9]+', '_', 'g') AS name FROM pg_class AS c WHERE c.oid = relation) AS n;
    IF class !~ '^[A-Z][_0-9A-Za-z]{0,254}$' THEN
        RAISE EXCEPTION 'bad collection "%"', class USING ERRCODE = '22023',
            HINT = 'Weaviate''s collections begin with a capital letter; letters, digits and underscores follow.';
    END IF;
    LOCK TABLE stash.vector_sync IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM stash.vector_sync AS s WHERE s.collection = class) THEN
        RAISE EXCEPTION 'collection "%" is fed already, by "%"', class,
            (SELECT s.relation FROM stash.vector_sync AS s WHERE s.collection = class) USING ERRCODE = '42710',
            HINT = 'End it with stash.vector_sync_disable, or give this one another collection.';
    END IF;
    -- Never one that was in use: of a table that is gone rows may still lie in the outbox.
    SELECT greatest(coalesce(max(s.id), 0) + 1, nextval('stash.vector_sync_id')) INTO fresh FROM stash.vector_sync AS s;
    INSERT INTO stash.vector_sync (id, relation, collection, embeddings, properties, tenant_column, options, key_space)
        VALUES (fresh, relation, class, embeddings, mapped, tenant_column, given,
                md5(current_database() || '.' || (SELECT n.nspname || '.' || c.relname FROM pg_class AS c
                    JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation) || '.' || class)::uuid);
    PERFORM stash.vector_cover(fresh);
    PERFORM stash.vector_changed();
    IF coalesce((given->>'backfill')::boolean, true) THEN
        PERFORM stash.vector_fill(fresh);
    END IF;
END $$;

CREATE FUNCTION stash.vector_note(sync integer, change "char") RETURNS void
AS 'MODULE_PATHNAME', 'stash_vector_note' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION stash.vector_note(integer, "char") IS
'Internal: asks the worker for a backfill (b) or for a sweep (s) of a synchronised table';

-- The progress that nobody has made says that the collection is not complete; the worker takes it
-- away when it has sent all.
CREATE FUNCTION stash.vector_fill(sync integer) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO stash.vector_progress (sync, job, asked, after_key) VALUES (sync, 'b', '', '') ON CONFLICT DO NOTHING;
    SELECT stash.vector_note(sync, 'b');
END;
COMMENT ON FUNCTION stash.vector_fill(integer) IS
'Internal: asks the worker for a backfill, and remembers that until then the collection is not complete';

CREATE FUNCTION stash.vector_changed() RETURNS void
AS 'MODULE_PATHNAME', 'stash_vector_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION stash.vector_changed() IS
'Internal: the configuration of synchronised tables changes with this transaction';

CREATE FUNCTION stash.vector_syncs_of(relation regclass, collection text) RETURNS SETOF integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT s.id FROM stash.vector_sync AS s
        WHERE s.relation = vector_syncs_of.relation AND (vector_syncs_of.collection IS NULL OR s.collection = vector_syncs_of.collection)
        ORDER BY s.id;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is not synchronised%', relation, coalesce(' with collection "' || collection || '"', '')
            USING ERRCODE = '42704', HINT = 'Begin with stash.vector_sync_enable.';
    END IF;
END $$;
COMMENT ON FUNCTION stash.vector_syncs_of(regclass, text) IS
'Internal: the syncs of a table, all of them or that of a collection, the oldest first; error 42704 when there are none';

CREATE FUNCTION stash.vector_sync_disable(relation regclass, collection text DEFAULT NULL)
RETURNS integer AS 'MODULE_PATHNAME', 'stash_vector_as_owner' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

CREATE FUNCTION stash.vector_sync_disable_owned(relation regclass, collection text)
RETURNS integer LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ending integer;
    ended integer := 0;
BEGIN
    IF collection IS NULL AND (SELECT count(*) FROM stash.vector_syncs_of(relation, NULL)) > 1 THEN
        RAISE EXCEPTION '"%" feeds several collections', relation USING ERRCODE = '42P08',
            DETAIL = (SELECT string_agg(s.collection, ', ' ORDER BY s.id) FROM stash.vector_sync AS s
                      WHERE s.relation = vector_sync_disable_owned.relation),
            HINT = 'Say which: stash.vector_sync_disable(relation, collection).';
    END IF;
    FOR ending IN SELECT stash.vector_syncs_of(relation, collection) LOOP
        PERFORM stash.vector_drop_triggers(relation, ending);
        DELETE FROM stash.vector_sync AS s WHERE s.id = ending;
        DELETE FROM stash.vector_failure AS f WHERE f.sync = ending;
        DELETE FROM stash.vector_progress AS p WHERE p.sync = ending;
        ended := ended + 1;
    END LOOP;
    PERFORM stash.vector_changed();
    RETURN ended;
END $$;

CREATE FUNCTION stash.vector_sync_pause(relation regclass, collection text DEFAULT NULL)
RETURNS void AS 'MODULE_PATHNAME', 'stash_vector_as_owner' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

CREATE FUNCTION stash.vector_sync_pause_owned(relation regclass, collection text)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stash.vector_syncs_of($1, $2);
    UPDATE stash.vector_sync AS s SET paused = true WHERE s.id IN (SELECT stash.vector_syncs_of($1, $2));
    PERFORM stash.vector_changed();
END $$;

CREATE FUNCTION stash.vector_sync_resume(relation regclass, collection text DEFAULT NULL)
RETURNS void AS 'MODULE_PATHNAME', 'stash_vector_as_owner' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

CREATE FUNCTION stash.vector_sync_resume_owned(relation regclass, collection text)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stash.vector_syncs_of($1, $2);
    UPDATE stash.vector_sync AS s SET paused = false WHERE s.id IN (SELECT stash.vector_syncs_of($1, $2));
    PERFORM stash.vector_changed();
END $$;

CREATE FUNCTION stash.vector_backfill(relation regclass, collection text DEFAULT NULL)
RETURNS void AS 'MODULE_PATHNAME', 'stash_vector_as_owner' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

CREATE FUNCTION stash.vector_backfill_owned(relation regclass, collection text)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stash.vector_fill(s) FROM stash.vector_syncs_of($1, $2) AS s;
END $$;

CREATE FUNCTION stash.vector_retry(relation regclass, key text DEFAULT NULL, collection text DEFAULT NULL)
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_vector_as_owner' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

CREATE FUNCTION stash.vector_retry_owned(relation regclass, key text, collection text)
RETURNS bigint LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint;
BEGIN
    PERFORM stash.vector_syncs_of($1, $3);
    UPDATE stash.vector_failure AS f SET dead = false, attempts = 0, retry_at = now()
        WHERE f.sync IN (SELECT stash.vector_syncs_of($1, $3)) AND ($2 IS NULL OR f.key = $2);
    GET DIAGNOSTICS changed = ROW_COUNT;
    PERFORM stash.vector_changed();
    RETURN changed;
END $$;

COMMENT ON FUNCTION stash.vector_sync_enable(regclass, text, text[], text, text, jsonb) IS
'Keeps a Weaviate collection in step with a table or partitioned table: from the commit of this transaction on, every committed change is sent in the background. embedding_column: real[], double precision[], or pgvector''s vector or halfvec; NULL when the option "vectors" names several. properties: columns that go with it. collection: NULL makes a name of the table''s; it is created unless it is there, and must fit then. A table may feed several, each by a call. tenant_column: turns multi-tenancy on. options: distance, index, consistency, replication_factor, backfill, dimensions, vectors, names (see docs/vectors.md). Needs the table''s owner and a primary key. Errors: 22023 bad option or name; 42501; 42701; 42703 unknown column; 42710 the collection is fed already; 42804 type of a column; 42809 no table; 0A000 temporary or unlogged; 55000 no primary key.';
COMMENT ON FUNCTION stash.vector_sync_enable_owned(regclass, text, text[], text, text, jsonb) IS
'Internal: vector_sync_enable, after its check';
COMMENT ON FUNCTION stash.vector_sync_disable(regclass, text) IS
'Ends the synchronisation of a table with a collection; the objects stay where they are. collection: NULL for the only one. Returns how many ended. Needs the table''s owner. Errors: 42704 not synchronised; 42P08 the table feeds several, and collection does not say which.';
COMMENT ON FUNCTION stash.vector_sync_disable_owned(regclass, text) IS 'Internal: vector_sync_disable, after its check';
COMMENT ON FUNCTION stash.vector_sync_pause(regclass, text) IS
'Nothing of the table is sent until stash.vector_sync_resume; changes wait in the outbox. collection: NULL for all that the table feeds. Needs the table''s owner. Error 42704: not synchronised.';
COMMENT ON FUNCTION stash.vector_sync_pause_owned(regclass, text) IS 'Internal: vector_sync_pause, after its check';
COMMENT ON FUNCTION stash.vector_sync_resume(regclass, text) IS
'Sends what waits since stash.vector_sync_pause, and goes on. collection: NULL for all that the table feeds. Needs the table''s owner. Error 42704: not synchronised.';
COMMENT ON FUNCTION stash.vector_sync_resume_owned(regclass, text) IS 'Internal: vector_sync_resume, after its check';
COMMENT ON FUNCTION stash.vector_backfill(regclass, text) IS
'Sends every row of the table anew, in the background, in bounded batches. collection: NULL to all that the table feeds. Needs the table''s owner. Error 42704: not synchronised.';
COMMENT ON FUNCTION stash.vector_backfill_owned(regclass, text) IS 'Internal: vector_backfill, after its check';
COMMENT ON FUNCTION stash.vector_retry(regclass, text, text) IS
'Tries dead letters of a table again, all of them or the one with this key (see stash.vector_dead_letters). collection: NULL for all that the table feeds. Returns how many. Needs the table''s owner. Error 42704: not synchronised.';
COMMENT ON FUNCTION stash.vector_retry_owned(regclass, text, text) IS 'Internal: vector_retry, after its check';
