-- Ids and tokens: their form, and where a token stands.
\ir lib/session.sql
SELECT plan(21);

CREATE TABLE made AS SELECT s.* FROM generate_series(1, 200) AS n, stash.session_create('alice', 'phone', jsonb_build_object('n', n)) AS s;
SELECT is((SELECT count(DISTINCT token) FROM made), 200::bigint, 'no token twice');
SELECT is_empty($$SELECT token FROM made WHERE token !~ '^[A-Za-z0-9_-]{43}$'$$, '43 characters of base64url');
SELECT is_empty($$SELECT token FROM made WHERE octet_length(decode(translate(token, '-_', '+/') || '=', 'base64')) <> 32$$, 'which are 32 bytes');
SELECT is_empty($$SELECT token FROM made WHERE rtrim(replace(translate(encode(decode(translate(token, '-_', '+/') || '=', 'base64'),
    'base64'), '+/', '-_'), E'\n', ''), '=') <> token$$, 'written in the one way');
SELECT is((SELECT count(DISTINCT bit) FROM made, generate_series(0, 255) AS bit
    WHERE get_bit(decode(translate(token, '-_', '+/') || '=', 'base64'), bit) = 1), 256::bigint, 'every bit is set in some');
SELECT is((SELECT count(DISTINCT bit) FROM made, generate_series(0, 255) AS bit
    WHERE get_bit(decode(translate(token, '-_', '+/') || '=', 'base64'), bit) = 0), 256::bigint, 'and clear in some');

-- Ids: uuid version 7, RFC 9562
SELECT is((SELECT count(DISTINCT id) FROM made), 200::bigint, 'no id twice');
SELECT is_empty($$SELECT id FROM made WHERE id::text !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'$$,
    'uuid version 7');
SELECT is_empty($$SELECT m.id FROM made AS m, stash.session_get(m.id) AS s
    WHERE ('x' || left(replace(m.id::text, '-', ''), 12))::bit(48)::bigint <> floor(extract(epoch FROM s.created_at) * 1000)$$,
    'which begins with the millisecond');

-- What the table knows of the token
SELECT is_empty($$SELECT m.id FROM made AS m LEFT JOIN stash.session AS s USING (id)
    WHERE s.token_hash IS DISTINCT FROM sha256(m.token::bytea)$$, 'the table has its SHA-256');
SELECT is_empty($$SELECT id FROM stash.session WHERE previous_token_hash IS NOT NULL OR previous_valid_until IS NOT NULL$$, 'and no other');

-- Used in every way, it stands nowhere in the tables
SELECT * FROM stash.session_create('bob', 'desk', '{"b": 2}', idle_ttl => 1000) \gset s_
SELECT count(*) FROM stash.session_get_by_token(:'s_token');
SELECT stash.session_rotate_token(:'s_id', 60) AS new_token \gset
SELECT count(*) FROM stash.session_get_by_token(:'s_token');
SELECT count(*) FROM stash.session_get_by_token(:'new_token');
CREATE FUNCTION rows_with(secret text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    relation regclass;
    found bigint;
    total bigint := 0;
BEGIN
    FOR relation IN SELECT c.oid FROM pg_class AS c
        WHERE c.relnamespace = 'stash'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') LOOP
        EXECUTE format('SELECT count(*) FROM %s AS r WHERE strpos(r::text, $1) > 0 OR strpos(r::text, $2) > 0', relation)
            INTO found USING secret, encode(secret::bytea, 'hex');
        total := total + found;
    END LOOP;
    RETURN total;
END $$;
SELECT cmp_ok(rows_with(:'s_id'), '>=', 2::bigint, 'rows_with finds what is there');
SELECT is((SELECT previous_token_hash FROM stash.session WHERE id = :'s_id'), sha256(:'s_token'::bytea), 'a token in its grace, too, as SHA-256');
SELECT is(rows_with(:'s_token') + rows_with(:'new_token'), 0::bigint, 'a token stands in none of the tables');
SELECT is(rows_with(rtrim(translate(:'new_token', '-_', '+/'), '=')), 0::bigint, 'not as base64');
SELECT is(rows_with(encode(decode(translate(:'new_token', '-_', '+/') || '=', 'base64'), 'hex')), 0::bigint, 'not as bytes');
SELECT stash.session_delete(:'s_id', 'done') AS done \gset
SELECT is(:'done'::text || ended(:'s_id'), 'tdeleted done by postgres', 'ended,');
SELECT is(rows_with(:'s_token') + rows_with(:'new_token') + rows_with(encode(sha256(:'new_token'::bytea), 'hex')), 0::bigint,
    'nothing of it is left');
SELECT is_empty($$SELECT column_name FROM information_schema.columns WHERE table_schema = 'stash'
    AND table_name LIKE 'session\_history%' AND column_name LIKE '%token%'$$, 'the history has no tokens');
SELECT hasnt_column('stash', 'session', 'token', 'nor has the table');
SELECT is_empty($$SELECT attname FROM pg_attribute WHERE attrelid = 'stash.session_state'::regclass AND attname LIKE '%token%'$$,
    'no function but session_create and session_rotate_token shows one');

SELECT * FROM finish();
