-- Sessions: the functions.

CREATE TYPE stash.session_state AS (
    id uuid,
    user_id text,
    agent_id text,
    data jsonb,
    schema_version integer,
    version bigint,
    created_at timestamptz,
    updated_at timestamptz,
    last_seen_at timestamptz,
    expires_at timestamptz,
    absolute_expires_at timestamptz,
    idle_ttl double precision,
    ip inet,
    user_agent text);
COMMENT ON TYPE stash.session_state IS
'A session as the session_* functions show it. expires_at, absolute_expires_at and idle_ttl are NULL for no limit; idle_ttl is in seconds.';

CREATE FUNCTION stash.session_create(
    user_id text DEFAULT NULL, agent_id text DEFAULT NULL, data jsonb DEFAULT '{}',
    ttl double precision DEFAULT NULL, idle_ttl double precision DEFAULT NULL,
    absolute_ttl double precision DEFAULT NULL, ip inet DEFAULT NULL, user_agent text DEFAULT NULL,
    max_per_user integer DEFAULT NULL, schema_version integer DEFAULT 1,
    OUT id uuid, OUT token text, OUT expires_at timestamptz)
RETURNS record AS 'MODULE_PATHNAME', 'stash_session_create'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION stash.session_create(text, text, jsonb, double precision, double precision, double precision, inet, text, integer, integer) IS
'Begins a session. token: 256 random bits as URL-safe text, shown only here; the table keeps its SHA-256. ttl, idle_ttl, absolute_ttl: seconds, NULL for stash.session_ttl, stash.session_idle_timeout and stash.session_absolute_timeout, ''infinity'' for no limit; expires_at is NULL for never. max_per_user: NULL for stash.session_max_per_user; beyond it stash.session_limit_action ends the least recently used session of the user, or refuses. schema_version: the application''s own, for data. A user_agent is cut at 1024 characters. Errors: 22023 bad value; 53400 too many sessions, with stash.session_limit_action = refuse. O(sessions of the user) with a limit per user.';

-- Alone in FROM, where nearly everybody calls them, these two are no function scan: the library
-- plans a scan of its own (session_scan.cpp), which fills the row's slot and nothing between.
CREATE FUNCTION stash.session_get(id uuid, touch boolean DEFAULT false)
RETURNS SETOF stash.session_state AS 'MODULE_PATHNAME', 'stash_session_get'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10 ROWS 1;
COMMENT ON FUNCTION stash.session_get(uuid, boolean) IS
'The session as it is committed now, whatever the isolation level; no row when it is unknown, expired or ended. touch: it counts as used now.';

CREATE FUNCTION stash.session_get_by_token(token text, touch boolean DEFAULT true)
RETURNS SETOF stash.session_state AS 'MODULE_PATHNAME', 'stash_session_get_by_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10 ROWS 1;
COMMENT ON FUNCTION stash.session_get_by_token(text, boolean) IS
'The session of a token as it is committed now, whatever the isolation level; no row when the token is unknown, was rotated away, or its session expired or ended. touch: it counts as used now.';

CREATE FUNCTION stash.session_touch(id uuid) RETURNS boolean
AS 'MODULE_PATHNAME', 'stash_session_touch' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION stash.session_touch(uuid) IS
'The session counts as used now: at once, whatever becomes of the transaction, in shared memory; the worker writes it down within stash.session_flush_interval. False when the session is unknown, expired or ended.';

CREATE FUNCTION stash.session_update(
    id uuid, data jsonb, expected_version bigint DEFAULT NULL, mode text DEFAULT 'merge',
    schema_version integer DEFAULT NULL)
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_session_update'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.session_update(uuid, jsonb, bigint, text, integer) IS
'Changes the data of a session; returns the new version, NULL when the session is unknown, expired or ended. mode: merge applies data as a JSON merge patch (RFC 7396: null removes a key), replace puts it in place. expected_version: error 40001 when the session has another one. schema_version: NULL leaves it. Errors: 40001; 22023 bad mode; 22004 data is NULL.';

CREATE FUNCTION stash.session_extend(id uuid, ttl double precision DEFAULT NULL)
RETURNS timestamptz AS 'MODULE_PATHNAME', 'stash_session_extend'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.session_extend(uuid, double precision) IS
'Lets a session live at least ttl seconds from now (NULL: stash.session_ttl), not beyond its absolute limit; never shortens it. Returns when it expires: NULL when the session is unknown, expired or ended, or never expires. Error 22023 unless ttl is positive.';

CREATE FUNCTION stash.session_rotate_token(id uuid, grace double precision DEFAULT 0)
RETURNS text AS 'MODULE_PATHNAME', 'stash_session_rotate_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.session_rotate_token(uuid, double precision) IS
'Gives a session a new token and returns it. The old one works for another grace seconds (at most 3600); one that was rotated away before ends at once. NULL when the session is unknown, expired or ended. Error 22023 for a bad grace.';

CREATE FUNCTION stash.session_delete(id uuid, reason text DEFAULT NULL)
RETURNS boolean AS 'MODULE_PATHNAME', 'stash_session_delete'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.session_delete(uuid, text) IS
'Ends a session; the history keeps the reason. False when it is unknown, expired or ended already. Error 22001 for a reason of more than 1024 bytes.';

CREATE FUNCTION stash.session_revoke_others(id uuid, reason text DEFAULT NULL)
RETURNS integer AS 'MODULE_PATHNAME', 'stash_session_revoke_others'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.session_revoke_others(uuid, text) IS
'Ends all other sessions of the session''s user; returns how many. 0 when the session is unknown, expired or ended, or has no user. O(sessions of the user).';

CREATE FUNCTION stash.session_bulk_delete(
    ids uuid[] DEFAULT NULL, user_id text DEFAULT NULL, agent_id text DEFAULT NULL,
    reason text DEFAULT NULL)
RETURNS integer AS 'MODULE_PATHNAME', 'stash_session_bulk_delete'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.session_bulk_delete(uuid[], text, text, text) IS
'Ends the sessions that meet every condition given; returns how many lived. Error 22023 when all of ids, user_id and agent_id are NULL. O(sessions ended).';

CREATE FUNCTION stash.session_cleanup_inactive(
    idle double precision DEFAULT NULL, batch integer DEFAULT 1000)
RETURNS integer AS 'MODULE_PATHNAME', 'stash_session_cleanup_inactive'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION stash.session_cleanup_inactive(double precision, integer) IS
'Ends at most batch sessions that were not used for idle seconds (NULL: only those beyond their own limits, as the worker does); returns how many. Sessions that another transaction has locked are left. Call it until it returns 0. Error 22023 for a bad value. O(sessions) with idle.';

-- What memory knows of touches that the tables do not know yet.
CREATE FUNCTION stash.session_freshest(id uuid, known timestamptz) RETURNS timestamptz
AS 'MODULE_PATHNAME', 'stash_session_freshest' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 5;
COMMENT ON FUNCTION stash.session_freshest(uuid, timestamptz) IS
'Internal: the later of a known moment and the session''s last touch in shared memory';

-- Not a join, and nothing volatile: so a page of sessions is read in the order of an index.
CREATE VIEW stash.session_seen AS
    SELECT s.*, stash.session_freshest(s.id, greatest(s.seen_at,
        (SELECT t.touched_at FROM stash.session_touch AS t WHERE t.id = s.id LIMIT 1))) AS last_seen_at
    FROM stash.session AS s;
COMMENT ON VIEW stash.session_seen IS 'Internal: sessions with their freshest touch';

CREATE FUNCTION stash.session_lives(
    expires_at timestamptz, idle_ttl double precision, last_seen_at timestamptz)
RETURNS boolean LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN expires_at > clock_timestamp()
    AND (idle_ttl IS NULL OR extract(epoch FROM clock_timestamp() - last_seen_at) < idle_ttl);
COMMENT ON FUNCTION stash.session_lives(timestamptz, double precision, timestamptz) IS
'Internal: whether a session is within its limits now';

-- Conditions that are not given must not keep the others from their index: so each call is planned
-- for what it asks.
CREATE FUNCTION stash.session_list(
    user_id text DEFAULT NULL, agent_id text DEFAULT NULL, active boolean DEFAULT true,
    after uuid DEFAULT NULL, max_rows integer DEFAULT 100)
RETURNS SETOF stash.session_state
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan ROWS 100 AS $$
#variable_conflict use_column
BEGIN
    IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'max_rows must be between 1 and 10000' USING ERRCODE = '22023',
            HINT = 'For the next page pass the last id as after.';
    END IF;
    RETURN QUERY
        SELECT s.id, s.user_id, s.agent_id, s.data, s.schema_version, s.version, s.created_at,
            s.updated_at, s.last_seen_at, nullif(s.expires_at, 'infinity'),
            nullif(s.absolute_expires_at, 'infinity'), s.idle_ttl, s.ip, s.user_agent
        FROM stash.session_seen AS s
        WHERE (session_list.user_id IS NULL OR s.user_id = session_list.user_id COLLATE "C")
          AND (session_list.agent_id IS NULL OR s.agent_id = session_list.agent_id COLLATE "C")
          AND (session_list.after IS NULL OR s.id < session_list.after)
          AND (session_list.active IS NULL OR session_list.active =
               stash.session_lives(s.expires_at, s.idle_ttl, s.last_seen_at))
        ORDER BY s.id DESC LIMIT session_list.max_rows;
END $$;
COMMENT ON FUNCTION stash.session_list(text, text, boolean, uuid, integer) IS
'Sessions, the newest first, of a user, of an agent, or of all (NULL). active: only those within their limits (true), only those beyond them that are not reaped yet (false), both (NULL). after: the last id of the page before. Error 22023 unless max_rows is 1 to 10000.';

CREATE FUNCTION stash.session_get_active_count(
    user_id text DEFAULT NULL, agent_id text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN (SELECT count(*) FROM stash.session_seen AS s
        WHERE (session_get_active_count.user_id IS NULL
               OR s.user_id = session_get_active_count.user_id COLLATE "C")
          AND (session_get_active_count.agent_id IS NULL
               OR s.agent_id = session_get_active_count.agent_id COLLATE "C")
          AND stash.session_lives(s.expires_at, s.idle_ttl, s.last_seen_at));
END $$;
COMMENT ON FUNCTION stash.session_get_active_count(text, text) IS
'How many sessions live, of a user, of an agent, or of all (NULL). O(sessions that match).';

CREATE FUNCTION stash.session_history(
    user_id text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    max_rows integer DEFAULT 100)
RETURNS TABLE (
    id uuid, session_user_id text, agent_id text, created_at timestamptz, last_seen_at timestamptz,
    ended_at timestamptz, kind text, reason text, ended_by text, ip inet, user_agent text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan ROWS 100 AS $$
#variable_conflict use_column
BEGIN
    IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'max_rows must be between 1 and 100000' USING ERRCODE = '22023';
    END IF;
    RETURN QUERY
        SELECT h.id, h.user_id, h.agent_id, h.created_at, h.last_seen_at, h.ended_at, h.kind,
            h.reason, h.ended_by, h.ip, h.user_agent
        FROM stash.session_history AS h
        WHERE (session_history.user_id IS NULL OR h.user_id = session_history.user_id COLLATE "C")
          AND (session_history.since IS NULL OR h.ended_at >= session_history.since)
          AND (session_history.until IS NULL OR h.ended_at < session_history.until)
        ORDER BY h.ended_at DESC, h.id LIMIT session_history.max_rows;
END $$;
COMMENT ON FUNCTION stash.session_history(text, timestamptz, timestamptz, integer) IS
'How sessions ended, the latest first: kind expired, idle, deleted, revoked or evicted; reason as the caller gave it; ended_by the database role that ended it. since (inclusive) and until (exclusive) bound ended_at. Kept for stash.session_history_retention. Error 22023 unless max_rows is 1 to 100000.';

CREATE FUNCTION stash.session_analytics(
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    bucket interval DEFAULT '1 hour')
RETURNS TABLE (
    bucket_start timestamptz, created bigint, expired bigint, idle bigint, deleted bigint,
    revoked bigint, evicted bigint, active bigint, distinct_users bigint,
    median_duration double precision, p95_duration double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 24 AS $$
#variable_conflict use_column
DECLARE
    -- Infinite and missing bounds, and the moment until which there is something to count.
    upper_bound timestamptz := least(coalesce(until, clock_timestamp()), clock_timestamp());
    lower_bound timestamptz := coalesce(since, upper_bound - interval '1 day');
BEGIN
    -- A month less some days can lead backwards, and then the buckets never end.
    IF bucket IS NULL OR bucket < interval '1 second' OR EXISTS (
        SELECT FROM unnest(ARRAY['year', 'month', 'day', 'hour', 'minute', 'second']) AS part
        WHERE date_part(part, bucket) < 0) THEN
        RAISE EXCEPTION 'bucket must be at least a second, without negative parts'
            USING ERRCODE = '22023';
    END IF;
    IF NOT isfinite(lower_bound) OR NOT isfinite(upper_bound) THEN
        RAISE EXCEPTION 'since must be finite, and until not -infinity' USING ERRCODE = '22023',
            HINT = 'History begins stash.session_history_retention ago.';
    END IF;
    IF extract(epoch FROM upper_bound - lower_bound) / extract(epoch FROM bucket) > 10000 THEN
        RAISE EXCEPTION 'too many buckets' USING ERRCODE = '54000',
            HINT = 'Ask for at most 10000: a larger bucket, or a shorter time.';
    END IF;
    RETURN QUERY
        WITH bounds AS (
            SELECT b AS from_time, least(b + bucket, upper_bound) AS to_time
            FROM generate_series(lower_bound, upper_bound - interval '1 microsecond', bucket) AS b
        ), known AS (
            SELECT h.id, h.user_id, h.created_at, h.ended_at, h.kind
            FROM stash.session_history AS h WHERE h.ended_at >= lower_bound
            UNION ALL
            SELECT s.id, s.user_id, s.created_at,
                CASE WHEN s.expires_at <= clock_timestamp() THEN s.expires_at
                     WHEN stash.session_lives(s.expires_at, s.idle_ttl, s.last_seen_at)
                         THEN timestamptz 'infinity'
                     ELSE s.last_seen_at + s.idle_ttl * interval '1 second' END,
                CASE WHEN s.expires_at <= clock_timestamp() THEN 'expired'
                     WHEN stash.session_lives(s.expires_at, s.idle_ttl, s.last_seen_at) THEN NULL
                     ELSE 'idle' END
            FROM stash.session_seen AS s
        )
        SELECT b.from_time,
            count(*) FILTER (WHERE k.created_at >= b.from_time AND k.created_at < b.to_time),
            count(*) FILTER (WHERE k.kind = 'expired' AND k.ended_at < b.to_time),
            count(*) FILTER (WHERE k.kind = 'idle' AND k.ended_at < b.to_time),
            count(*) FILTER (WHERE k.kind = 'deleted' AND k.ended_at < b.to_time),
            count(*) FILTER (WHERE k.kind = 'revoked' AND k.ended_at < b.to_time),
            count(*) FILTER (WHERE k.kind = 'evicted' AND k.ended_at < b.to_time),
            count(k.id), count(DISTINCT k.user_id),
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM k.ended_at - k.created_at)
                ::double precision) FILTER (WHERE k.ended_at < b.to_time),
            percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM k.ended_at - k.created_at)
                ::double precision) FILTER (WHERE k.ended_at < b.to_time)
        FROM bounds AS b
        LEFT JOIN known AS k ON k.created_at < b.to_time AND k.ended_at >= b.from_time
        GROUP BY b.from_time ORDER BY b.from_time;
END $$;
COMMENT ON FUNCTION stash.session_analytics(timestamptz, timestamptz, interval) IS
'A row a bucket from since (NULL: a day before until) to until (NULL: now): sessions created; ended, by kind; active at some time in it; distinct users of those; median and 95th percentile of the durations in seconds of those that ended in it, NULL when none did. Buckets begin at since; days and months follow the time zone. Errors: 22023 bad bounds or bucket; 54000 more than 10000 buckets. O(sessions in the time × buckets that each spans).';
