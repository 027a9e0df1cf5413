-- What the tests of sessions share.
\ir raises.sql
-- How many reads of sessions memory answered.
CREATE FUNCTION hits() RETURNS bigint LANGUAGE sql AS
    $$SELECT coalesce((SELECT hits FROM stash.stat_cache WHERE namespace = '(sessions)'), 0)$$;
-- What a session's limits are, in seconds after it began: expiry, absolute expiry, idle; - for none.
CREATE FUNCTION limits(id uuid) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', coalesce(extract(epoch FROM expires_at - created_at)::float8::text, '-'),
        coalesce(extract(epoch FROM absolute_expires_at - created_at)::float8::text, '-'),
        coalesce(idle_ttl::text, '-'))
    FROM stash.session_get(id)$$;
-- A session by id and by token: what each finds.
CREATE FUNCTION found(id uuid, token text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM stash.session_get(id)) THEN 'id' ELSE '-' END || ' ' ||
        CASE WHEN EXISTS (SELECT FROM stash.session_get_by_token(token, false)) THEN 'token' ELSE '-' END$$;
-- How a session ended, as the history has it.
CREATE FUNCTION ended(session uuid) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce((SELECT string_agg(concat_ws(' ', kind, reason, 'by ' || ended_by), ', ')
        FROM stash.session_history(max_rows => 100000) WHERE id = session), '-')$$;
