-- Sessions that are over: expired, idle, deleted, rotated away. No function knows them any more.
\ir lib/session.sql
SELECT plan(51);

-- What every function says of a session
CREATE FUNCTION known(session uuid, token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answers text[] := '{}';
BEGIN
    IF EXISTS (SELECT FROM stash.session_get(session)) THEN answers := answers || 'get'::text; END IF;
    IF EXISTS (SELECT FROM stash.session_get(session, true)) THEN answers := answers || 'get touching'::text; END IF;
    IF EXISTS (SELECT FROM stash.session_get_by_token(token)) THEN answers := answers || 'token'::text; END IF;
    IF EXISTS (SELECT FROM stash.session_get_by_token(token, false)) THEN answers := answers || 'token untouched'::text; END IF;
    IF stash.session_touch(session) THEN answers := answers || 'touch'::text; END IF;
    IF stash.session_update(session, '{}') IS NOT NULL THEN answers := answers || 'update'::text; END IF;
    IF stash.session_extend(session) IS NOT NULL THEN answers := answers || 'extend'::text; END IF;
    IF stash.session_revoke_others(session) <> 0 THEN answers := answers || 'revoke_others'::text; END IF;
    IF EXISTS (SELECT FROM stash.session_list(max_rows => 10000) WHERE id = session) THEN answers := answers || 'list'::text; END IF;
    IF stash.session_rotate_token(session) IS NOT NULL THEN answers := answers || 'rotate'::text; END IF;
    IF stash.session_bulk_delete(ARRAY[session]) <> 0 THEN answers := answers || 'bulk_delete'::text; END IF;
    IF stash.session_delete(session) THEN answers := answers || 'delete'::text; END IF;
    RETURN array_to_string(answers, ', ');
END $$;
BEGIN;
SELECT * FROM stash.session_create('alice') \gset s_
SELECT stash.session_create('alice');
SELECT is(known(:'s_id', :'s_token'),
    'get, get touching, token, token untouched, touch, update, extend, revoke_others, list, rotate, bulk_delete', 'a session that lives');
SELECT is(known(:'s_id', :'s_token'), '', 'one that was deleted');
SELECT is(known(gen_random_uuid(), repeat('A', 43)), '', 'one that never was');
ROLLBACK;

-- Expired, in memory and in the table. The row is held, so that the worker does not reap it.
SELECT * FROM stash.session_create('bob', ttl => 2) \gset s_
SELECT stash.session_create('bob');
SELECT hits() AS before \gset
SELECT is(found(:'s_id', :'s_token'), 'id token', 'before it expires');
BEGIN;
SELECT id FROM stash.session WHERE id = :'s_id' FOR UPDATE \gset held_
SELECT is(found(:'s_id', :'s_token'), 'id token', 'again');
SELECT cmp_ok(hits() - :before, '>=', 2::bigint, 'from memory');
SELECT stash.session_touch(:'s_id') AS touched \gset
SELECT ok(:'touched', 'it is used');
SELECT pg_sleep(2.05);
SELECT is(known(:'s_id', :'s_token'), '', 'expired: use does not keep it');
SELECT is((SELECT count(*) FROM stash.session WHERE id = :'s_id'), 1::bigint, 'while the table has it');
SELECT is(stash.session_get_active_count('bob'), 1::bigint, 'it is not counted');
SELECT is((SELECT id FROM stash.session_list('bob', active => false)), :'s_id', 'only the list of those that are over has it');
ROLLBACK;

-- Idle, in memory and in the table
SELECT * FROM stash.session_create('carol', idle_ttl => 2) \gset s_
SELECT stash.session_create('carol');
SELECT found(:'s_id', :'s_token');
BEGIN;
SELECT hits() AS before \gset
SELECT id FROM stash.session WHERE id = :'s_id' FOR UPDATE \gset held_
SELECT pg_sleep(1.1);
SELECT is(stash.session_touch(:'s_id'), true, 'used before the limit');
SELECT pg_sleep(1.1);
SELECT is((SELECT id FROM stash.session_get(:'s_id', true)), :'s_id', 'lives beyond it; used again');
SELECT pg_sleep(1.1);
SELECT is((SELECT id FROM stash.session_get_by_token(:'s_token')), :'s_id', 'lives on; used by token');
SELECT pg_sleep(1.1);
SELECT is((SELECT id FROM stash.session_get(:'s_id')), :'s_id', 'lives on; looked at only');
SELECT is((SELECT id FROM stash.session_get_by_token(:'s_token', false)), :'s_id', 'by token');
SELECT cmp_ok(hits() - :before, '>=', 4::bigint, 'from memory');
SELECT pg_sleep(1.1);
SELECT is(known(:'s_id', :'s_token'), '', 'idle: looking did not keep it');
SELECT is((SELECT count(*) FROM stash.session WHERE id = :'s_id'), 1::bigint, 'while the table has it');
SELECT is(stash.session_get_active_count('carol'), 1::bigint, 'it is not counted');
SELECT is((SELECT id FROM stash.session_list('carol', active => false)), :'s_id', 'only the list of those that are over has it');
ROLLBACK;

-- Changes are not use
SELECT * FROM stash.session_create('dora', idle_ttl => 100) \gset s_
SELECT created_at AS seen FROM stash.session_get(:'s_id') \gset
SELECT is(stash.session_update(:'s_id', '{"a": 1}'), 2::bigint, 'an update');
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'seen', 'is no use');
SELECT ok(stash.session_extend(:'s_id', 1000000) > now(), 'session_extend');
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'seen', 'is none');
SELECT ok(stash.session_rotate_token(:'s_id') <> '', 'session_rotate_token');
SELECT is((SELECT last_seen_at FROM stash.session_get(:'s_id')), :'seen', 'is none');

-- Deleted: in memory, then gone, by id and by token
SELECT * FROM stash.session_create('emil') \gset s_
SELECT hits() AS before \gset
SELECT is(found(:'s_id', :'s_token'), 'id token', 'before');
SELECT is(found(:'s_id', :'s_token'), 'id token', 'again');
SELECT cmp_ok(hits() - :before, '>=', 2::bigint, 'from memory');
SELECT stash.session_delete(:'s_id') AS done \gset
SELECT ok(:'done', 'deleted');
SELECT is(found(:'s_id', :'s_token'), '- -', 'neither');
SELECT stash.session_touch(:'s_id') AS done \gset
SELECT is(:'done'::text, 'f', 'a touch');
SELECT is(found(:'s_id', :'s_token'), '- -', 'does not bring it back');
SELECT is(known(:'s_id', :'s_token'), '', 'nothing knows it');

-- Rotated away
SELECT * FROM stash.session_create('fred') \gset s_
SELECT is(found(:'s_id', :'s_token'), 'id token', 'before');
SELECT is(found(:'s_id', :'s_token'), 'id token', 'from memory');
SELECT stash.session_rotate_token(:'s_id') AS token \gset new_
SELECT is(found(:'s_id', :'s_token'), 'id -', 'the old token is none');
SELECT is(found(:'s_id', :'new_token'), 'id token', 'the new one is');
SELECT is(found(:'s_id', :'s_token'), 'id -', 'still');

-- NULL where a session is named
SELECT raises(call, '22004', '%', call) FROM unnest(ARRAY['SELECT stash.session_touch(NULL)', 'SELECT stash.session_update(NULL, ''{}'')',
    'SELECT stash.session_extend(NULL)', 'SELECT stash.session_rotate_token(NULL)', 'SELECT stash.session_delete(NULL)',
    'SELECT stash.session_revoke_others(NULL)']) AS call;

-- Reaped by the worker: the history says how it ended, and that nobody ended it
SELECT * FROM stash.session_create('gina', ttl => 0.05) \gset expired_
SELECT * FROM stash.session_create('gina', idle_ttl => 0.05) \gset idle_
CREATE PROCEDURE wait_for(session uuid) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..1200 LOOP
        EXIT WHEN ended(session) <> '-';
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
CALL wait_for(:'expired_id');
CALL wait_for(:'idle_id');
SELECT is(ended(:'expired_id'), 'expired', 'an expired session');
SELECT is(ended(:'idle_id'), 'idle', 'an idle one');
SELECT is((SELECT ended_at FROM stash.session_history('gina') WHERE id = :'expired_id'), :'expired_expires_at'::timestamptz,
    'it ended when it expired');
SELECT is((SELECT extract(epoch FROM ended_at - last_seen_at)::float8 FROM stash.session_history('gina') WHERE id = :'idle_id'), 0.05::float8,
    'it ended when its time without use was over');
SELECT is((SELECT count(*) FROM stash.session WHERE user_id = 'gina') + (SELECT count(*) FROM stash.session_touch
    WHERE id IN (:'expired_id', :'idle_id')), 0::bigint, 'nothing of them is left');

SELECT * FROM finish();
