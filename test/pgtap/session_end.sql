-- session_delete, session_revoke_others, session_bulk_delete: what ends, and what the history says.
\ir lib/session.sql
SELECT plan(62);
CREATE TABLE made (label text PRIMARY KEY, id uuid, token text);
-- A session with a label; and the labels of those that live, in memory and in the table.
CREATE FUNCTION make(label text, user_id text DEFAULT NULL, agent_id text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO made SELECT make.label, s.id, s.token FROM stash.session_create(make.user_id, make.agent_id) AS s$$;
CREATE FUNCTION living() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(label, '' ORDER BY label), '-') FROM made WHERE found(id, token) = 'id token'$$;
CREATE FUNCTION half_dead() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(label, '' ORDER BY label), '-') FROM made WHERE found(id, token) NOT IN ('id token', '- -')$$;
CREATE FUNCTION id_of(wanted text) RETURNS uuid LANGUAGE sql AS $$SELECT id FROM made WHERE label = wanted$$;
CREATE FUNCTION ids_of(VARIADIC wanted text[]) RETURNS uuid[] LANGUAGE sql AS $$SELECT array_agg(id_of(w)) FROM unnest(wanted) AS w$$;
CREATE FUNCTION begin_anew() RETURNS void LANGUAGE sql AS $$
    SELECT stash.session_bulk_delete(coalesce(array_agg(id), '{}')) FROM made;
    DELETE FROM made;
    SELECT make('a', 'alice', 'phone'), make('b', 'alice', 'desk'), make('c', 'bob', 'phone'), make('d', 'bob'), make('e', NULL, 'phone'), make('f')$$;

-- session_delete
SELECT begin_anew();
SELECT is(living(), 'abcdef', 'all');
SELECT hits() AS before \gset
SELECT is(living(), 'abcdef', 'again');
SELECT is(hits() - :before, 12::bigint, 'from memory');
SELECT is(stash.session_delete(id_of('a')), true, 'session_delete');
SELECT is(living(), 'bcdef', 'ends one');
SELECT is(ended(id_of('a')), 'deleted by postgres', 'as the history says');
SELECT is(stash.session_delete(id_of('a'), 'again'), false, 'once');
SELECT is(ended(id_of('a')), 'deleted by postgres', 'there is no second end');
SELECT is(stash.session_delete(id_of('b'), 'logged out, "ä"'), true, 'with a reason');
SELECT is(ended(id_of('b')), 'deleted logged out, "ä" by postgres', 'as the caller gave it');
SELECT is(stash.session_delete(id_of('c'), ''), true, 'an empty reason');
SELECT is((SELECT reason FROM stash.session_history('bob')), '', 'is one');
SELECT is(stash.session_delete(id_of('d'), repeat('é', 512)), true, 'the longest reason');
SELECT is((SELECT max(reason) FROM stash.session_history('bob')), repeat('é', 512), 'is kept');
SELECT is(stash.session_delete(gen_random_uuid(), 'r'), false, 'an unknown session');
SELECT is(living() || half_dead(), 'ef-', 'these are left');
SELECT is((SELECT count(*) FROM stash.session_touch), 0::bigint, 'with no touches of the others');

-- session_revoke_others
SELECT begin_anew();
SELECT make('g', 'alice');
SELECT is(living(), 'abcdefg', 'all');
SELECT is(stash.session_revoke_others(id_of('a')), 2, 'session_revoke_others: how many');
SELECT is(living() || half_dead(), 'acdef-', 'all others of the user');
SELECT is(ended(id_of('b')) || ', ' || ended(id_of('g')), 'revoked by postgres, revoked by postgres', 'as the history says');
SELECT is(stash.session_revoke_others(id_of('a')), 0, 'there are no more');
SELECT is(stash.session_revoke_others(id_of('c'), 'stolen'), 1, 'with a reason');
SELECT is(ended(id_of('d')), 'revoked stolen by postgres', 'as the caller gave it');
SELECT is(stash.session_revoke_others(id_of('e')), 0, 'without a user there are no others');
SELECT is(stash.session_revoke_others(id_of('b')), 0, 'a session that is over revokes none');
SELECT is(stash.session_revoke_others(gen_random_uuid()), 0, 'nor does an unknown one');
SELECT is(living() || half_dead(), 'acef-', 'these are left');
-- Those that are beyond their limits are not counted: they are not revoked
BEGIN;
SELECT stash.session_create('alice', ttl => 1e-9);
SELECT make('h', 'alice');
SELECT is(stash.session_revoke_others(id_of('a')), 1, 'an expired session is not revoked');
SELECT is((SELECT count(*) FROM stash.session WHERE user_id = 'alice'), 2::bigint, 'and is left to the worker');
SELECT is(stash.session_bulk_delete(user_id => 'alice'), 1, 'nor deleted in bulk');
ROLLBACK;

-- session_bulk_delete
CREATE FUNCTION bulk_of(labels text[], user_id text DEFAULT NULL, agent_id text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    were text;
    count int;
BEGIN
    PERFORM begin_anew();
    were := living();
    count := stash.session_bulk_delete((SELECT array_agg(id_of(l)) FROM unnest(labels) AS l), bulk_of.user_id, bulk_of.agent_id, 'bulk');
    IF count <> (SELECT count(*) FROM made WHERE ended(id) = 'deleted bulk by postgres') THEN
        RETURN 'the history differs';
    END IF;
    RETURN were || ' - ' || count || ' = ' || living() || half_dead();
END $$;
SELECT is(bulk_of(labels, u, a), 'abcdef - ' || result, format('bulk_delete of %s, user %s, agent %s', coalesce(labels::text, 'any'),
    coalesce(u, 'any'), coalesce(a, 'any'))) FROM (VALUES
    ('{a}'::text[], NULL, NULL, '1 = bcdef-'), ('{a,c,f}', NULL, NULL, '3 = bde-'), ('{a,a,NULL}', NULL, NULL, '1 = bcdef-'),
    (NULL, 'alice', NULL, '2 = cdef-'), (NULL, NULL, 'phone', '3 = bdf-'), (NULL, 'bob', 'phone', '1 = abdef-'),
    ('{a,b,c,e}', NULL, 'phone', '3 = bdf-'), ('{a,c,d}', 'bob', NULL, '2 = abef-'), ('{a,b,c}', 'alice', 'phone', '1 = bcdef-'),
    ('{c}', 'alice', NULL, '0 = abcdef-'), (NULL, 'nobody', NULL, '0 = abcdef-'), (NULL, NULL, 'nothing', '0 = abcdef-'),
    (NULL, '', NULL, '0 = abcdef-'), (NULL, 'alice', 'nothing', '0 = abcdef-'), ('{NULL}', NULL, NULL, '0 = abcdef-'),
    ('{x}', NULL, NULL, '0 = abcdef-'))
    AS cases (labels, u, a, result);
SELECT is(stash.session_bulk_delete('{}'), 0, 'no ids at all end nothing');
SELECT is(stash.session_bulk_delete('{}', 'alice'), 0, 'not even with a user');
SELECT is(living(), 'abcdef', 'all are there');
SELECT is(stash.session_bulk_delete(ids_of('a', 'b') || gen_random_uuid() || ids_of('a')), 2, 'unknown and repeated ids');
SELECT is(stash.session_bulk_delete(user_id => 'bob'), 2, 'without a reason');
SELECT is(ended(id_of('c')), 'deleted by postgres', 'there is none');
SELECT raises('SELECT stash.session_bulk_delete()', '22023', '%which%', 'all NULL');
SELECT raises($$SELECT stash.session_bulk_delete(NULL, NULL, NULL, 'all of them')$$, '22023', '%which%', 'but for the reason');
SELECT is(living(), 'ef', 'ended nothing');
INSERT INTO made SELECT 'many' || n, s.id, s.token FROM generate_series(1, 3000) AS n, stash.session_create('many', data => to_jsonb(n)) AS s;
SELECT is(stash.session_bulk_delete(user_id => 'many'), 3000, 'thousands');
SELECT is((SELECT count(*) FROM stash.session_history('many', max_rows => 10000) WHERE kind = 'deleted'), 3000::bigint, 'are all in the history');
SELECT is(living(), 'ef', 'and gone');

-- Reasons that are none
SELECT raises(call, '22001', '%', call || ' with a reason of 1025 bytes') FROM unnest(ARRAY[
    'SELECT stash.session_delete(gen_random_uuid(), repeat(''r'', 1025))', 'SELECT stash.session_revoke_others(gen_random_uuid(), repeat(''r'', 1025))',
    'SELECT stash.session_bulk_delete(''{}'', reason => repeat(''r'', 1025))']) AS call;

SELECT * FROM finish();
