-- Sessions: the tables. The functions follow in 71_session_functions.sql.
--
-- Sessions live in one of two generations. New ones go to the present generation; when it is mostly
-- the space of ended sessions, the other becomes the present one, the worker moves the living over
-- in batches and truncates what is left. So neither table nor indexes keep the size of a peak.
-- A touch row exists for sessions with an idle limit, and for others once a touch was written down.
-- vacuum_truncate is off: VACUUM would lock everybody out while it cuts a large table, for 100 ms and
-- more, and the generations give the space back anyway.
CREATE TABLE stash.session (
    generation smallint NOT NULL,
    id uuid NOT NULL,
    user_id text COLLATE "C",
    agent_id text COLLATE "C",
    data jsonb NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    version bigint NOT NULL DEFAULT 1,
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    previous_token_hash bytea CHECK (octet_length(previous_token_hash) = 32),
    previous_valid_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    absolute_expires_at timestamptz NOT NULL,
    idle_ttl double precision CHECK (idle_ttl > 0 AND idle_ttl < 'infinity'),
    ip inet,
    user_agent text
) PARTITION BY LIST (generation);
COMMENT ON TABLE stash.session IS
'Sessions that have not been reaped yet; private to the extension''s owner: applications use the session_* functions. seen_at is the last touch as known when the row was written; stash.session_touch and shared memory may know a later one. token_hash is the SHA-256 of the token.';

CREATE TABLE stash.session_touch (
    generation smallint NOT NULL,
    id uuid NOT NULL,
    touched_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL
) PARTITION BY LIST (generation);
COMMENT ON TABLE stash.session_touch IS
'The last touch of sessions, written in batches by the worker. due_at: when the worker looks whether the session has idled too long.';

CREATE TABLE stash.session_history (
    slot smallint NOT NULL,
    id uuid NOT NULL,
    user_id text COLLATE "C",
    agent_id text COLLATE "C",
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('expired', 'idle', 'deleted', 'revoked', 'evicted')),
    reason text,
    ended_by text,
    ip inet,
    user_agent text
) PARTITION BY LIST (slot);
COMMENT ON TABLE stash.session_history IS
'How sessions ended; rows are never changed, and leave after stash.session_history_retention. stash.session_history() reads it.';

DO $$
DECLARE
    leaf text;
BEGIN
    FOR generation IN 0..1 LOOP
        leaf := 'session_' || generation;
        EXECUTE format('CREATE TABLE stash.%I PARTITION OF stash.session FOR VALUES IN (%s) '
                       'WITH (vacuum_truncate = off)', leaf, generation);
        EXECUTE format('ALTER TABLE stash.%I ADD PRIMARY KEY (id)', leaf);
        EXECUTE format('CREATE UNIQUE INDEX ON stash.%I (token_hash)', leaf);
        EXECUTE format('CREATE INDEX ON stash.%I (previous_token_hash) '
                       'WHERE previous_token_hash IS NOT NULL', leaf);
        EXECUTE format('CREATE INDEX ON stash.%I (user_id, id)', leaf);
        EXECUTE format('CREATE INDEX ON stash.%I (agent_id, id) WHERE agent_id IS NOT NULL', leaf);
        EXECUTE format('CREATE INDEX ON stash.%I (expires_at)', leaf);
        EXECUTE format('COMMENT ON TABLE stash.%I IS %L', leaf, 'One of the two generations of stash.session');
        PERFORM pg_catalog.pg_extension_config_dump(('stash.' || leaf)::regclass, '');
        leaf := 'session_touch_' || generation;
        EXECUTE format('CREATE TABLE stash.%I PARTITION OF stash.session_touch FOR VALUES IN (%s) '
                       'WITH (fillfactor = 70, vacuum_truncate = off)', leaf, generation);
        EXECUTE format('ALTER TABLE stash.%I ADD PRIMARY KEY (id)', leaf);
        EXECUTE format('CREATE INDEX ON stash.%I (due_at) WHERE due_at < ''infinity''', leaf);
        EXECUTE format('COMMENT ON TABLE stash.%I IS %L', leaf, 'The touches of one generation of stash.session');
        PERFORM pg_catalog.pg_extension_config_dump(('stash.' || leaf)::regclass, '');
    END LOOP;
    -- A ring: each slot takes a sixth of the retention, so the oldest is empty when it comes again.
    FOR slot IN 0..7 LOOP
        leaf := 'session_history_' || slot;
        EXECUTE format('CREATE TABLE stash.%I PARTITION OF stash.session_history '
                       'FOR VALUES IN (%s)', leaf, slot);
        EXECUTE format('CREATE INDEX ON stash.%I (ended_at)', leaf);
        EXECUTE format('CREATE INDEX ON stash.%I (user_id, ended_at)', leaf);
        EXECUTE format('COMMENT ON TABLE stash.%I IS %L', leaf, 'A slot of stash.session_history');
        PERFORM pg_catalog.pg_extension_config_dump(('stash.' || leaf)::regclass, '');
    END LOOP;
END $$;

-- Whatever changes a row, also an administrator, takes the hot copy away; a direct DELETE is logged
-- as the functions log theirs.
CREATE FUNCTION stash.session_row_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'stash_session_row_changed' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION stash.session_row_changed() IS
'Row trigger of stash.session: invalidates the hot copy of the session';
CREATE TRIGGER "!session_changed" AFTER UPDATE OR DELETE ON stash.session
    FOR EACH ROW EXECUTE FUNCTION stash.session_row_changed();
ALTER TABLE stash.session ENABLE ALWAYS TRIGGER "!session_changed";

CREATE FUNCTION stash.session_truncated() RETURNS trigger
AS 'MODULE_PATHNAME', 'stash_session_truncated' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION stash.session_truncated() IS
'TRUNCATE trigger of stash.session and its generations: invalidates every hot copy';

CREATE FUNCTION stash.session_history_guard() RETURNS trigger
AS 'MODULE_PATHNAME', 'stash_session_history_guard' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION stash.session_history_guard() IS
'Trigger of stash.session_history: its rows are never changed. Error 0A000';
CREATE TRIGGER "!session_history" BEFORE UPDATE OR DELETE ON stash.session_history
    FOR EACH ROW EXECUTE FUNCTION stash.session_history_guard();
ALTER TABLE stash.session_history ENABLE ALWAYS TRIGGER "!session_history";

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['session', 'session_0', 'session_1'] LOOP
        EXECUTE format('CREATE TRIGGER "!session_truncate" AFTER TRUNCATE ON stash.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION stash.session_truncated()', tab);
        EXECUTE format('ALTER TABLE stash.%I ENABLE ALWAYS TRIGGER "!session_truncate"', tab);
    END LOOP;
    -- The row triggers of the partitions are clones, which do not inherit ALWAYS.
    FOR tab IN SELECT c.relname FROM pg_class AS c
        WHERE c.relnamespace = 'stash'::regnamespace AND c.relname ~ '^session_[01]$' LOOP
        EXECUTE format('ALTER TABLE stash.%I ENABLE ALWAYS TRIGGER "!session_changed"', tab);
    END LOOP;
    FOR tab IN SELECT c.relname FROM pg_class AS c
        WHERE c.relnamespace = 'stash'::regnamespace AND c.relname ~ '^session_history_[0-9]$' LOOP
        EXECUTE format('ALTER TABLE stash.%I ENABLE ALWAYS TRIGGER "!session_history"', tab);
        EXECUTE format('CREATE TRIGGER "!session_history_truncate" BEFORE TRUNCATE '
                       'ON stash.%I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION stash.session_history_guard()', tab);
    END LOOP;
END $$;
