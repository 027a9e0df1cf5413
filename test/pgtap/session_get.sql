-- session_get and session_get_by_token: what they show, and every reason for no row.
\ir lib/session.sql
SELECT plan(42);

-- What they show
SELECT * FROM stash.session_create('alice', 'phone', '{"a": 1}', 100, 50, 200, '10.1.2.3', 'Browser/1', schema_version => 3) \gset s_
SELECT results_eq(format('SELECT id, user_id, agent_id, data, schema_version, version, idle_ttl, ip, user_agent FROM %s', call),
    format($$VALUES (%L::uuid, 'alice', 'phone', '{"a": 1}'::jsonb, 3, 1::bigint, 50::float8, '10.1.2.3'::inet, 'Browser/1')$$, :'s_id'), call)
FROM unnest(ARRAY[format('stash.session_get(%L)', :'s_id'), format('stash.session_get(%L, true)', :'s_id'),
    format('stash.session_get_by_token(%L)', :'s_token'), format('stash.session_get_by_token(%L, false)', :'s_token')]) AS call;
SELECT results_eq(format('SELECT expires_at - created_at, absolute_expires_at - created_at, updated_at - created_at FROM %s', call),
    $$VALUES (interval '100 s', interval '200 s', interval '0')$$, 'moments, by ' || call)
FROM unnest(ARRAY[format('stash.session_get(%L)', :'s_id'), format('stash.session_get_by_token(%L)', :'s_token')]) AS call;
SELECT results_eq(format('SELECT * FROM stash.session_get(%L)', :'s_id'), format('SELECT * FROM stash.session_get_by_token(%L, false)', :'s_token'),
    'the same by id and by token');
SELECT is((SELECT count(*) FROM generate_series(1, 5), LATERAL stash.session_get(:'s_id')), 5::bigint, 'in a join');
SELECT results_eq(format($$SELECT wanted, s.user_id FROM (VALUES (%L::uuid), (gen_random_uuid())) AS w (wanted)
    LEFT JOIN LATERAL stash.session_get(w.wanted) AS s ON true WHERE s.id IS NOT NULL$$, :'s_id'),
    format($$VALUES (%L::uuid, 'alice')$$, :'s_id'), 'by ids of a table');

-- Memory answers, not the table
SELECT hits() AS before \gset
SELECT count(*) FROM stash.session_get(:'s_id') \gset by_id_
SELECT count(*) FROM stash.session_get_by_token(:'s_token') \gset by_token_
SELECT is(hits() - :before, 2::bigint, 'memory answers both');
BEGIN;
ALTER TABLE stash.session DISABLE TRIGGER "!session_changed";
UPDATE stash.session SET data = '"of the table"' WHERE id = :'s_id';
SELECT is((SELECT data FROM stash.session_get(:'s_id')), '{"a": 1}', 'what the table has is not looked at: by id');
SELECT is((SELECT data FROM stash.session_get_by_token(:'s_token')), '{"a": 1}', 'by token');
ROLLBACK;

-- Which reads count as use
SELECT last_seen_at AS seen FROM stash.session_get(:'s_id') \gset
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'seen'::timestamptz, 'session_get does not, unless told');
SELECT count(*) FROM stash.session_get_by_token(:'s_token', false) \gset ignored_
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'seen'::timestamptz, 'session_get_by_token neither when told');
SELECT count(*) FROM stash.session_get(:'s_id', NULL), stash.session_get_by_token(:'s_token', NULL) \gset ignored_
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'seen'::timestamptz, 'touch NULL is false');
SELECT last_seen_at AS shown FROM stash.session_get(:'s_id', true) \gset
SELECT ok(:'shown'::timestamptz > :'seen'::timestamptz, 'touch => true shows the use that it is');
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'shown'::timestamptz, 'and keeps it');
SELECT last_seen_at AS shown_by_token FROM stash.session_get_by_token(:'s_token') \gset
SELECT ok(:'shown_by_token'::timestamptz > :'shown'::timestamptz, 'session_get_by_token does');
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'shown_by_token'::timestamptz, 'and keeps it');

-- No row: what is no session
SELECT is_empty($$SELECT * FROM stash.session_get(gen_random_uuid())$$, 'an unknown id');
SELECT is_empty($$SELECT * FROM stash.session_get(NULL)$$, 'no id');
SELECT is_empty($$SELECT * FROM stash.session_get_by_token(NULL)$$, 'no token');
SELECT is_empty(format('SELECT * FROM stash.session_get_by_token(%L)', bad), format('the token "%s"', left(bad, 50))) FROM unnest(ARRAY['',
    'x', repeat('A', 43), repeat('A', 42), repeat('A', 44), repeat('A', 1000000), repeat('é', 21) || 'A', repeat('=', 43),
    'x'' OR ''''=''', '*', repeat('%', 43)]) AS bad;
SELECT is_empty(format('SELECT * FROM stash.session_get_by_token(%L)', bad), 'nearly the token: ' || what) FROM (VALUES
    (:'s_token' || ' ', 'a space'), (:'s_token' || '=', 'padded'), (left(:'s_token', 42), 'shorter'), (' ' || left(:'s_token', 42), 'shifted'),
    (translate(:'s_token', 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'), 'cases'),
    (encode(sha256(:'s_token'::bytea), 'hex'), 'its hash'), (left(encode(sha256(:'s_token'::bytea), 'hex'), 43), 'half its hash'),
    (:'s_id', 'the id')) AS b (bad, what);
SELECT throws_ok($$SELECT * FROM stash.session_get('not an id')$$, '22P02', NULL, 'an id that is no uuid');

SELECT * FROM finish();
