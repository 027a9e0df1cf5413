-- What an administrator does to the tables directly: the hot copies go, deletions stand in the history.
\ir lib/session.sql
SELECT plan(36);
CREATE TABLE made (label text PRIMARY KEY, id uuid, token text);
CREATE FUNCTION make(label text) RETURNS void LANGUAGE sql AS
    $$INSERT INTO made SELECT make.label, s.id, s.token FROM stash.session_create('alice', label, '"old"') AS s$$;
CREATE FUNCTION id_of(wanted text) RETURNS uuid LANGUAGE sql AS $$SELECT id FROM made WHERE label = wanted$$;
CREATE FUNCTION token_of(wanted text) RETURNS text LANGUAGE sql AS $$SELECT token FROM made WHERE label = wanted$$;
CREATE FUNCTION living() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(label, '' ORDER BY label), '-') FROM made WHERE found(id, token) = 'id token'$$;
CREATE FUNCTION half_dead() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(label, '' ORDER BY label), '-') FROM made WHERE found(id, token) NOT IN ('id token', '- -')$$;
CREATE FUNCTION data_of(label text) RETURNS text LANGUAGE sql AS $$
    SELECT (SELECT data #>> '{}' FROM stash.session_get(id_of(label))) || ' ' ||
        (SELECT data #>> '{}' FROM stash.session_get_by_token(token_of(label), false))$$;
SELECT make(l) FROM unnest('{a,b,c,d,e,f,g}'::text[]) AS l;
SELECT tableoid::regclass AS leaf FROM stash.session LIMIT 1 \gset
SELECT is(living(), 'abcdefg', 'all');
SELECT hits() AS before \gset
SELECT is(living(), 'abcdefg', 'again');
SELECT is(hits() - :before, 14::bigint, 'from memory');

-- UPDATE
UPDATE stash.session SET data = '"new"' WHERE id = id_of('a');
SELECT is(data_of('a'), 'new new', 'UPDATE of the root');
SELECT is(data_of('b'), 'old old', 'of one');
UPDATE :leaf SET data = '"leaf"' WHERE id = id_of('b');
SELECT is(data_of('b'), 'leaf leaf', 'UPDATE of a leaf');
SELECT data_of('b');
BEGIN;
UPDATE stash.session SET data = '"never"';
SELECT is(data_of('b'), 'never never', 'seen by its transaction');
ROLLBACK;
SELECT is(data_of('b'), 'leaf leaf', 'not after it failed');
UPDATE stash.session SET expires_at = clock_timestamp() - interval '1 s' WHERE id = id_of('c');
SELECT is(living(), 'abdefg', 'expired by hand');
UPDATE stash.session SET token_hash = sha256('another') WHERE id = id_of('d');
SELECT is(found(id_of('d'), token_of('d')), 'id -', 'a token taken away by hand');
UPDATE stash.session SET token_hash = sha256(token_of('d')::bytea) WHERE id = id_of('d');
SELECT is(found(id_of('d'), token_of('d')), 'id token', 'and given back');
SET session_replication_role = replica;
UPDATE stash.session SET data = '"replica"' WHERE id = id_of('e');
RESET session_replication_role;
SELECT is(data_of('e'), 'replica replica', 'as logical replication applies it');
UPDATE stash.session SET user_agent = repeat('x', 70000) WHERE id = id_of('f');
SELECT is((SELECT length(user_agent) FROM stash.session_get(id_of('f'))), 70000, 'texts that session_create would have cut');
SELECT is((SELECT length(user_agent) FROM stash.session_get(id_of('f'))), 70000, 'are read again');
SELECT is(stash.session_update(id_of('f'), '"old"'), 2::bigint, 'and updated');
MERGE INTO stash.session AS s USING (SELECT id_of('g') AS id) AS m ON s.id = m.id WHEN MATCHED THEN UPDATE SET data = '"merged"';
SELECT is(data_of('g'), 'merged merged', 'MERGE');

-- DELETE
SELECT living();
BEGIN;
DELETE FROM stash.session;
SELECT is(living() || half_dead(), '--', 'seen by its transaction');
ROLLBACK;
SELECT is(living() || half_dead(), 'abdefg-', 'not after it failed');
SELECT is((SELECT count(*) FROM stash.session_history() WHERE kind = 'deleted'), 0::bigint, 'nor in the history');
SELECT stash.session_touch(id_of('a'));
SELECT last_seen_at AS seen FROM stash.session_get(id_of('a')) \gset
DELETE FROM stash.session WHERE id = id_of('a');
SELECT is(living() || half_dead(), 'bdefg-', 'DELETE');
SELECT results_eq($$SELECT session_user_id, agent_id, kind, reason, ended_by FROM stash.session_history() WHERE id = id_of('a')$$,
    $$VALUES ('alice', 'a', 'deleted', NULL, 'postgres')$$, 'stands in the history');
SELECT is((SELECT last_seen_at FROM stash.session_history() WHERE id = id_of('a')), :'seen', 'with the touch that memory knew');
INSERT INTO stash.session_touch (generation, id, touched_at, due_at) SELECT generation, id, created_at + interval '1 h', 'infinity'
    FROM stash.session WHERE id = id_of('b') ON CONFLICT DO NOTHING;
DELETE FROM :leaf WHERE id = id_of('b');
SELECT is(living() || half_dead(), 'defg-', 'DELETE of a leaf');
SELECT is(ended(id_of('b')), 'deleted by postgres', 'stands there, too');
SELECT is((SELECT last_seen_at - created_at FROM stash.session_history() WHERE id = id_of('b')), interval '1 h', 'with the touch that was written down');
SELECT is((SELECT count(*) FROM stash.session_touch WHERE id IN (id_of('a'), id_of('b'))), 0::bigint, 'which is gone');
SET session_replication_role = replica;
DELETE FROM stash.session WHERE id = id_of('d');
RESET session_replication_role;
SELECT is(living() || half_dead(), 'efg-', 'as logical replication applies it');
SELECT is(ended(id_of('d')), '-', 'which brings the history itself');
SELECT is(stash.session_delete(id_of('e'), 'by hand'), true, 'session_delete');
SELECT is(ended(id_of('e')), 'deleted by hand by postgres', 'is logged once');

-- TRUNCATE
SELECT make(l) FROM unnest('{h,i}'::text[]) AS l;
SELECT is(living(), 'fghi', 'in memory');
BEGIN;
TRUNCATE stash.session;
SELECT is(living() || half_dead(), '--', 'TRUNCATE');
ROLLBACK;
SELECT is(living() || half_dead(), 'fghi-', 'rolled back');
TRUNCATE :leaf;
SELECT is(living() || half_dead(), '--', 'TRUNCATE of a leaf');
SELECT make(l) FROM unnest('{j,k}'::text[]) AS l;
SELECT is(living(), 'jk', 'in memory');
SET session_replication_role = replica;
TRUNCATE stash.session;
RESET session_replication_role;
SELECT is(living() || half_dead(), '--', 'TRUNCATE of the root, as logical replication applies it');

SELECT * FROM finish();
