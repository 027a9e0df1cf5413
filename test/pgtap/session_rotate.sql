-- session_rotate_token: the new token, and how long the old one works.
\ir lib/session.sql
SELECT plan(40);
-- Which of some tokens find a session: their letters.
CREATE FUNCTION valid(VARIADIC tokens text[]) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(chr(64 + nr::int), '' ORDER BY nr) FILTER (WHERE EXISTS (SELECT FROM stash.session_get_by_token(t, false))), '-')
    FROM unnest(tokens) WITH ORDINALITY AS x (t, nr)$$;

-- Without grace
SELECT id, token AS a FROM stash.session_create('alice', data => '{"a": 1}', ttl => 1000) \gset
CREATE TABLE before AS SELECT * FROM stash.session_get(:'id');
SELECT hits() AS before \gset
SELECT is(valid(:'a'), 'A', 'the token');
SELECT is(valid(:'a'), 'A', 'again');
SELECT cmp_ok(hits() - :before, '>=', 1::bigint, 'from memory');
SELECT stash.session_rotate_token(:'id') AS b \gset
SELECT matches(:'b'::text, '^[A-Za-z0-9_-]{43}$', 'the new one looks like one');
SELECT isnt(:'b'::text, :'a', 'and is another');
SELECT is(valid(:'a', :'b'), 'B', 'only the new one works');
SELECT is(valid(:'a', :'b'), 'B', 'from memory, too');
SELECT is((SELECT id FROM stash.session_get_by_token(:'b')), :'id', 'the session is the same');
SELECT is_empty(format($$SELECT to_jsonb(b) - 'last_seen_at' FROM before AS b EXCEPT
    SELECT to_jsonb(s) - 'last_seen_at' FROM stash.session_get(%L) AS s$$, :'id'), 'in all that it shows');
SELECT results_eq(format('SELECT token_hash, previous_token_hash, previous_valid_until FROM stash.session WHERE id = %L', :'id'),
    format('VALUES (sha256(%L::bytea), NULL::bytea, NULL::timestamptz)', :'b'), 'nothing is left of the old token');
SELECT stash.session_rotate_token(:'id', NULL) AS c \gset
SELECT is(valid(:'a', :'b', :'c'), 'C', 'grace NULL is none');
SELECT stash.session_rotate_token(:'id', 0) AS d \gset
SELECT is(valid(:'a', :'b', :'c', :'d'), 'D', 'grace 0 is none');

-- With grace
SELECT id, token AS a FROM stash.session_create('bob') \gset
SELECT is(valid(:'a'), 'A', 'in memory');
SELECT stash.session_rotate_token(:'id', 1000) AS b \gset
SELECT is(valid(:'a', :'b'), 'AB', 'both work');
SELECT hits() AS before \gset
SELECT is(valid(:'a', :'b'), 'AB', 'again');
SELECT is(hits() - :before, 2::bigint, 'from memory');
SELECT is((SELECT id FROM stash.session_get_by_token(:'a')), (SELECT id FROM stash.session_get_by_token(:'b')), 'the same session');
SELECT stash.session_rotate_token(:'id', 1000) AS c \gset
SELECT is(valid(:'a', :'b', :'c'), 'BC', 'a second rotation ends the first token at once');
SELECT is(valid(:'a', :'b', :'c'), 'BC', 'from memory, too');
SELECT stash.session_rotate_token(:'id') AS d \gset
SELECT is(valid(:'a', :'b', :'c', :'d'), 'D', 'one without grace ends all');
SELECT is(valid(:'a', :'b', :'c', :'d'), 'D', 'from memory, too');
SELECT stash.session_rotate_token(:'id', 3600) AS e \gset
SELECT is(valid(:'d', :'e'), 'AB', 'the longest grace');
SELECT is((SELECT round(extract(epoch FROM previous_valid_until - clock_timestamp()) / 60) FROM stash.session WHERE id = :'id'), 60::numeric, 'an hour');
SELECT stash.session_delete(:'id');
SELECT is(valid(:'d', :'e'), '-', 'a session that ends takes both');

-- Grace is over
SELECT id, token AS a FROM stash.session_create('carol') \gset
SELECT stash.session_rotate_token(:'id', 2) AS b \gset
SELECT is(valid(:'a', :'b'), 'AB', 'within grace');
SELECT hits() AS before \gset
SELECT is(valid(:'a', :'b'), 'AB', 'again');
SELECT is(hits() - :before, 2::bigint, 'from memory');
SELECT pg_sleep(2.05);
SELECT is(valid(:'a', :'b'), 'B', 'the old token is over to the moment');
SELECT is(valid(:'a', :'b'), 'B', 'and stays so');
SELECT ok((SELECT previous_token_hash = sha256(:'a'::bytea) AND previous_valid_until < now() FROM stash.session WHERE id = :'id'),
    'though the table still has it');
SELECT stash.session_rotate_token(:'id', 1e-9) AS c \gset
SELECT is(valid(:'a', :'b', :'c'), 'C', 'a grace too short to count');

-- A use with the old token is a use
SELECT id, token AS a FROM stash.session_create('dora') \gset
SELECT stash.session_rotate_token(:'id', 100) AS b \gset
SELECT ok((SELECT last_seen_at > created_at FROM stash.session_get_by_token(:'a')), 'the old token touches');
SELECT ok((SELECT last_seen_at > created_at FROM stash.session_get(:'id')), 'the session');

SELECT raises(format('SELECT stash.session_rotate_token(%L, %L)', :'id', bad), '22023', '%old token%', 'grace ' || bad)
FROM unnest(ARRAY['-1', '3600.1', 'infinity', '-infinity', 'NaN']) AS bad;
SELECT is(valid(:'a', :'b'), 'AB', 'nothing was rotated by that');
SELECT is(stash.session_rotate_token(gen_random_uuid()), NULL, 'an unknown session');

SELECT * FROM finish();
