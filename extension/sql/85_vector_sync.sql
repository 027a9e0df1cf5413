-- Synchronised tables: the configuration, the outbox and what the worker remembers.
--
-- Nothing here is for applications; the functions follow in 86_vector_functions.sql. A dump carries
-- which tables are synchronised and where to, never the key, nor what is still to be sent: a database
-- that finds itself elsewhere pauses, and sends everything anew when it is told to go on.
CREATE TABLE stash.weaviate (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    url text NOT NULL,
    options jsonb NOT NULL DEFAULT '{}',
    system text NOT NULL,
    place text NOT NULL,
    configured_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE stash.weaviate IS
'The Weaviate that this database feeds. system and place: where the database was when it was told so (see stash.weaviate_configure)';
SELECT pg_catalog.pg_extension_config_dump('stash.weaviate', '');

CREATE TABLE stash.weaviate_key (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    api_key text NOT NULL
);
COMMENT ON TABLE stash.weaviate_key IS 'The API key; not dumped, and granted to nobody';

CREATE SEQUENCE stash.vector_sync_id AS integer;
SELECT pg_catalog.pg_extension_config_dump('stash.vector_sync_id', '');

CREATE TABLE stash.vector_sync (
    id integer PRIMARY KEY CHECK (id > 0),
    relation regclass NOT NULL,
    collection text NOT NULL UNIQUE,
    embeddings jsonb NOT NULL,
    properties jsonb NOT NULL,
    tenant_column text,
    options jsonb NOT NULL DEFAULT '{}',
    key_space uuid NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE stash.vector_sync IS
'Synchronised tables, a row for each of their collections. embeddings: [{"column", "name"}], name null for the one unnamed vector; properties: [{"column", "name", "type"}]; key_space: the namespace of the objects'' UUIDs';
SELECT pg_catalog.pg_extension_config_dump('stash.vector_sync', '');

-- A row is one change. Leaves are read whole and then truncated, so nothing here is vacuumed.
DO $$
BEGIN
    FOR leaf IN 0..2 LOOP
        EXECUTE format('CREATE TABLE stash.vector_outbox_%s (at timestamptz NOT NULL, '
                       'sync integer NOT NULL, change "char" NOT NULL, tenant text, key text NOT NULL) '
                       'WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off)', leaf);
        EXECUTE format('COMMENT ON TABLE stash.vector_outbox_%s IS %L', leaf,
                       'A leaf of the outbox: keys that changed, not all of them still to be sent');
    END LOOP;
END $$;

CREATE TABLE stash.vector_failure (
    sync integer NOT NULL,
    tenant text NOT NULL,
    key text NOT NULL,
    attempts integer NOT NULL,
    dead boolean NOT NULL,
    error text NOT NULL,
    failed_at timestamptz NOT NULL,
    retry_at timestamptz NOT NULL,
    PRIMARY KEY (sync, tenant, key)
);
COMMENT ON TABLE stash.vector_failure IS
'Keys that could not be sent: those that are tried again at retry_at, and dead letters';

CREATE TABLE stash.vector_progress (
    sync integer NOT NULL,
    job "char" NOT NULL,
    asked text NOT NULL,
    after_key text NOT NULL,
    PRIMARY KEY (sync, job)
);
COMMENT ON TABLE stash.vector_progress IS
'How far long jobs have come: a worker that takes one over goes on there';

CREATE FUNCTION stash.vector_row_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'stash_vector_row_changed' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION stash.vector_row_changed() IS
'Row trigger of stash.vector_sync_enable: notes the key of a changed row in the outbox';

CREATE FUNCTION stash.vector_truncated() RETURNS trigger
AS 'MODULE_PATHNAME', 'stash_vector_truncated' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION stash.vector_truncated() IS
'TRUNCATE trigger of stash.vector_sync_enable: notes in the outbox that rows are gone';
