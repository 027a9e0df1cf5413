-- The server behind synchronised tables, and how they stand.

CREATE FUNCTION stash.vector_here(OUT system text, OUT place text)
RETURNS record AS 'MODULE_PATHNAME', 'stash_vector_here' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION stash.vector_here() IS
'Internal: which database this is, and where its server runs';

CREATE FUNCTION stash.weaviate_checked_url(url text) RETURNS text
AS 'MODULE_PATHNAME', 'stash_weaviate_checked_url' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION stash.weaviate_checked_url(text) IS
'Internal: the URL as it is stored; error 22023 for one that is none, or holds a password';

CREATE FUNCTION stash.weaviate_ask(path text, OUT status integer, OUT body jsonb, OUT error text, OUT took double precision)
RETURNS record AS 'MODULE_PATHNAME', 'stash_weaviate_ask' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION stash.weaviate_ask(text) IS
'Internal: what the configured Weaviate answers to a GET; status 0 and the error when it does not answer';

-- A dump has the triggers of tables, but not those on the extension's own (memory_embedding).
CREATE FUNCTION stash.vector_start_anew() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stash.vector_cover(s.id), stash.vector_fill(s.id), stash.vector_note(s.id, 's')
        FROM stash.vector_sync AS s JOIN pg_class AS c ON c.oid = s.relation;
    PERFORM stash.vector_changed();
END $$;
COMMENT ON FUNCTION stash.vector_start_anew() IS
'Internal: what a database that has become another one has to do: its triggers, all rows, and objects without rows';

CREATE FUNCTION stash.weaviate_configure(url text, api_key text DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    unknown text;
    address text;
    copied boolean;
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'only a superuser may choose where vectors are sent' USING ERRCODE = '42501',
            HINT = 'A role with the module admin may change the key, with stash.weaviate_set_key.';
    END IF;
    IF url IS NULL THEN
        DELETE FROM stash.weaviate;
        DELETE FROM stash.weaviate_key;
        PERFORM stash.vector_changed();
        RETURN;
    END IF;
    address := stash.weaviate_checked_url(url);
    SELECT o.key INTO unknown FROM jsonb_each(coalesce(options, '{}')) AS o
        WHERE CASE o.key
            WHEN 'timeout_ms' THEN jsonb_typeof(o.value) = 'number' AND (o.value #>> '{}')::numeric BETWEEN 100 AND 600000
            WHEN 'follow_promotion' THEN jsonb_typeof(o.value) = 'boolean'
            WHEN 'api_key_file' THEN jsonb_typeof(o.value) = 'string'
            END IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'bad option "%"', unknown USING ERRCODE = '22023',
            HINT = 'Options: timeout_ms (100 to 600000), follow_promotion (true, false), api_key_file (a path on the server).';
    END IF;
    copied := NOT EXISTS (SELECT FROM stash.weaviate AS w, stash.vector_here() AS h
                          WHERE w.system = h.system AND w.place = h.place);
    INSERT INTO stash.weaviate AS w (url, options, system, place)
        SELECT address, coalesce(options, '{}'), h.system, h.place FROM stash.vector_here() AS h
        ON CONFLICT (one) DO UPDATE SET url = excluded.url, options = excluded.options,
            system = excluded.system, place = excluded.place, configured_at = now();
    DELETE FROM stash.weaviate_key;
    IF api_key <> '' THEN
        INSERT INTO stash.weaviate_key (api_key) VALUES (api_key);
    END IF;
    PERFORM stash.vector_changed();
    IF copied THEN
        PERFORM stash.vector_start_anew();
    END IF;
END $$;

CREATE FUNCTION stash.weaviate_set_key(api_key text)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM stash.weaviate_key;
    IF $1 <> '' THEN
        INSERT INTO stash.weaviate_key (api_key) VALUES ($1);
    END IF;
    PERFORM stash.vector_changed();
END $$;

CREATE FUNCTION stash.weaviate_adopt() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'only a superuser may choose where vectors are sent' USING ERRCODE = '42501',
            HINT = 'Ask one to call stash.weaviate_adopt().';
    END IF;
    UPDATE stash.weaviate AS w SET system = h.system, place = h.place FROM stash.vector_here() AS h;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no Weaviate is configured' USING ERRCODE = '55000',
            HINT = 'Begin with stash.weaviate_configure.';
    END IF;
    PERFORM stash.vector_start_anew();
END $$;

CREATE FUNCTION stash.weaviate_health(
    OUT url text, OUT healthy boolean, OUT version text, OUT took double precision, OUT error text)
RETURNS SETOF record LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp COST 100000 ROWS 1
BEGIN ATOMIC
    SELECT w.url, a.status = 200, a.body->>'version', a.took,
           coalesce(a.error, CASE WHEN a.status <> 200 THEN 'status ' || a.status END)
    FROM stash.weaviate AS w, stash.weaviate_ask('/meta') AS a;
END;

CREATE FUNCTION stash.weaviate_nodes(
    OUT name text, OUT status text, OUT version text, OUT shards bigint, OUT objects bigint,
    OUT queue_length bigint, OUT rate_per_second bigint)
RETURNS SETOF record LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp COST 100000 ROWS 3
BEGIN ATOMIC
    SELECT n->>'name', n->>'status', n->>'version', (n->'stats'->>'shardCount')::bigint,
           (n->'stats'->>'objectCount')::bigint, (n->'batchStats'->>'queueLength')::bigint,
           (n->'batchStats'->>'ratePerSecond')::bigint
    FROM stash.weaviate_ask('/nodes') AS a, jsonb_array_elements(a.body->'nodes') AS n;
END;

CREATE FUNCTION stash.vector_figures(
    sync integer, OUT settled_rows bigint, OUT oldest_at timestamptz, OUT sent bigint, OUT deleted bigint,
    OUT rate double precision, OUT job text, OUT blocked text, OUT last_sent_at timestamptz, OUT last_error text,
    OUT last_error_at timestamptz)
RETURNS record AS 'MODULE_PATHNAME', 'stash_vector_figures' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION stash.vector_figures(integer) IS
'Internal: what the worker tells of a synchronised table; a row of nulls when it tells nothing';

CREATE FUNCTION stash.vector_worker(OUT held_back text, OUT breaker text, OUT in_flight integer, OUT works boolean)
RETURNS record AS 'MODULE_PATHNAME', 'stash_vector_worker' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION stash.vector_worker() IS
'Internal: what the worker tells of the server: why nothing is sent, and the state of the breaker';

CREATE FUNCTION stash.vector_sync_status(
    OUT relation regclass, OUT collection text, OUT state text, OUT reason text, OUT pending bigint, OUT lag interval,
    OUT oldest timestamptz, OUT retrying bigint, OUT dead bigint, OUT sent bigint, OUT deleted bigint, OUT rate double precision,
    OUT last_sent_at timestamptz, OUT breaker text, OUT last_error text, OUT last_error_at timestamptz)
RETURNS SETOF record LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp COST 10000 ROWS 4
BEGIN ATOMIC
    WITH waiting AS MATERIALIZED (
        SELECT o.sync, count(*) AS changes, min(o.at) AS since
        FROM (SELECT at, sync FROM stash.vector_outbox_0 UNION ALL SELECT at, sync FROM stash.vector_outbox_1
              UNION ALL SELECT at, sync FROM stash.vector_outbox_2) AS o GROUP BY o.sync),
    figures AS MATERIALIZED (
        SELECT s.id, s.relation, s.collection, s.paused, f.*,
               greatest(coalesce(w.changes, 0) - coalesce(f.settled_rows, 0), 0) AS open, w.since,
               (SELECT count(*) FROM stash.vector_failure AS e WHERE e.sync = s.id AND NOT e.dead) AS again,
               (SELECT count(*) FROM stash.vector_failure AS e WHERE e.sync = s.id AND e.dead) AS given_up
        FROM stash.vector_sync AS s LEFT JOIN waiting AS w ON w.sync = s.id, stash.vector_figures(s.id) AS f)
    SELECT f.relation, f.collection,
           CASE WHEN NOT v.works THEN 'no worker' WHEN f.paused THEN 'paused'
                WHEN v.held_back <> '' THEN 'held back' WHEN f.blocked <> '' THEN 'blocked'
                WHEN v.breaker <> 'closed' THEN 'server down'
                WHEN f.job IS NOT NULL THEN f.job ELSE 'running' END,
           coalesce(nullif(v.held_back, ''), nullif(f.blocked, '')),
           f.open + f.again,
           clock_timestamp() - CASE WHEN f.open > 0 THEN coalesce(f.oldest_at, f.since) END,
           CASE WHEN f.open > 0 THEN coalesce(f.oldest_at, f.since) END,
           f.again, f.given_up, f.sent, f.deleted, f.rate, f.last_sent_at, v.breaker,
           nullif(f.last_error, ''), f.last_error_at
    FROM figures AS f, stash.vector_worker() AS v ORDER BY f.id;
END;

CREATE FUNCTION stash.vector_may_read(relation regclass) RETURNS boolean
AS 'MODULE_PATHNAME', 'stash_vector_may_read' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION stash.vector_may_read(regclass) IS
'Internal: whether the role of the session, not of a function, may select from the table';

CREATE FUNCTION stash.vector_dead_letters(
    relation regclass DEFAULT NULL, max_rows integer DEFAULT 1000,
    OUT tab regclass, OUT collection text, OUT tenant text, OUT key text, OUT error text, OUT attempts integer,
    OUT failed_at timestamptz)
RETURNS SETOF record LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
BEGIN ATOMIC
    SELECT s.relation, s.collection, nullif(f.tenant, ''), f.key, f.error, f.attempts, f.failed_at
    FROM stash.vector_failure AS f JOIN stash.vector_sync AS s ON s.id = f.sync
    WHERE f.dead AND ($1 IS NULL OR s.relation = $1) AND stash.vector_may_read(s.relation)
    ORDER BY f.failed_at, f.key LIMIT $2;
END;

CREATE FUNCTION stash.vector_wait(
    relation regclass, timeout double precision DEFAULT 30, collection text DEFAULT NULL)
RETURNS boolean AS 'MODULE_PATHNAME', 'stash_vector_wait' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000;

CREATE FUNCTION stash.vector_reconcile(
    relation regclass, repair boolean DEFAULT false, collection text DEFAULT NULL,
    OUT in_collection text, OUT difference text, OUT key text, OUT tenant text, OUT object uuid, OUT detail text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_vector_reconcile' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 10;

CREATE FUNCTION stash.vector_search(
    relation regclass, embedding double precision[], max_rows integer DEFAULT 10, filter jsonb DEFAULT NULL,
    tenant text DEFAULT NULL, query text DEFAULT NULL, alpha double precision DEFAULT 0.5,
    max_distance double precision DEFAULT NULL, collection text DEFAULT NULL, embedding_column text DEFAULT NULL,
    OUT id jsonb, OUT distance double precision, OUT score double precision, OUT properties jsonb, OUT engine text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_vector_search' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100000 ROWS 10;

COMMENT ON FUNCTION stash.weaviate_configure(text, text, jsonb) IS
'Says which Weaviate this database feeds: an http or https URL; NULL ends it. api_key: NULL for a server without keys; it is kept in a table of its own, which no dump contains. options: timeout_ms, follow_promotion (go on after a failover), api_key_file (a path on the server, instead of api_key, which a log of statements would show). Superusers only. Errors: 22023 bad URL or option, 42501.';
COMMENT ON FUNCTION stash.weaviate_set_key(text) IS
'Changes the API key; NULL or an empty one takes it away. What waited for it goes on.';
COMMENT ON FUNCTION stash.weaviate_adopt() IS
'Lets a copy of a configured database (a restored dump or backup, a promoted standby) write to the configured Weaviate from now on: everything is sent anew, and objects without rows go. Superusers only. Errors: 42501; 55000 nothing is configured.';
COMMENT ON FUNCTION stash.weaviate_health() IS
'Asks the configured Weaviate how it is; took: seconds. Error 55000: none is configured, or this is a copy of a configured database.';
COMMENT ON FUNCTION stash.weaviate_nodes() IS
'The nodes of the configured Weaviate, with their objects and the queues of their batches. Errors as for stash.weaviate_health.';
COMMENT ON FUNCTION stash.vector_sync_status() IS
'Synchronised tables. state: running, backfill, sweep, paused, blocked (reason says why), held back (the whole database, reason says why), server down, no worker. pending: committed changes that are not there yet, retries included; exact while nothing moves. lag: the age of the oldest of them. dead: dead letters. rate: objects a second.';
COMMENT ON FUNCTION stash.vector_dead_letters(regclass, integer) IS
'Keys whose rows Weaviate cannot hold, or refused, and why; of tables that the caller may read. Mend the row, or call stash.vector_retry.';
COMMENT ON FUNCTION stash.vector_wait(regclass, double precision, text) IS
'Waits until all that was committed before the call is in Weaviate, or is a dead letter: true; false after timeout seconds. collection: NULL for all that the table feeds. Errors: 22023 timeout; 42704 not synchronised; 53300 too many sessions wait; 55000 pg_stash is not preloaded.';
COMMENT ON FUNCTION stash.vector_reconcile(regclass, boolean, text) IS
'Compares all objects of the server with the rows of a synchronised table, ids, vectors and properties, and returns a row for each difference: missing (a row without its object), different (detail says in what), foreign (an object without a row; key is NULL for one that is no object of this table), unreadable (an object whose key does not fit the type of the primary key). No row: all is equal. What is on its way, and dead letters, are no differences. repair: sends what is missing or different again and deletes what is foreign or unreadable, in the background, once this transaction commits. collection: NULL for all that the table feeds. Needs the table''s owner, and a READ COMMITTED transaction that has written nothing. Memory: a page of 200 rows or 1000 ids. O(rows + objects). Errors: 22004; 25001 the transaction; 42501; 42704 not synchronised; 55000 the server does not answer, or changes still wait to be sent.';
COMMENT ON FUNCTION stash.vector_search(regclass, double precision[], integer, jsonb, text, text, double precision, double precision, text, text) IS
'The max_rows (1 to 10000) rows of a synchronised table that are nearest to an embedding, the nearest first; with query, those that are best by words and embedding together, alpha of the embedding (1) against the words (0). id: the primary key as {"column": value}. filter: see docs/vectors.md. tenant: needed for a table with a tenant column. collection: of a table that feeds several; embedding_column: the column to compare with; NULL takes the oldest collection that fits, and its first vector. engine: ''weaviate'' when it answered, ''local'' when all rows were compared instead, because it did not answer or the filter leaves too few of its hits. Rows come from the table, under the caller''s rights and snapshot: what is deleted there never appears. Errors: 22004; 22023; 42501; 42703 no such embedding column there; 42704 not synchronised; 55000 only Weaviate could answer, and does not.';
