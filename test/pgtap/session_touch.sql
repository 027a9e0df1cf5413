-- session_touch: at once, in memory, whatever becomes of the transaction.
\ir lib/session.sql
SELECT plan(29);
CREATE FUNCTION seen(session uuid) RETURNS timestamptz LANGUAGE sql AS $$SELECT last_seen_at FROM stash.session_get(session)$$;

SELECT * FROM stash.session_create('alice') \gset s_
SELECT seen(:'s_id') AS first \gset
SELECT stash.session_touch(:'s_id') AS done \gset
SELECT ok(:'done', 'true for a session that lives');
SELECT ok(seen(:'s_id') > :'first'::timestamptz, 'which was used later than when it began');
SELECT is((SELECT last_seen_at FROM stash.session_get_by_token(:'s_token', false)), seen(:'s_id'), 'by token, too');
SELECT is((SELECT last_seen_at FROM stash.session_list('alice')), seen(:'s_id'), 'and in the list');
SELECT seen(:'s_id') AS second \gset
SELECT clock_timestamp() AS before \gset
SELECT stash.session_touch(:'s_id');
SELECT ok(seen(:'s_id') BETWEEN :'before' AND clock_timestamp(), 'at the very moment');
SELECT is(seen(:'s_id'), seen(:'s_id'), 'which stays');
SELECT is((SELECT count(*) FROM generate_series(1, 1000) WHERE stash.session_touch(:'s_id')), 1000::bigint, 'a thousand times');

-- Not rolled back, and not a write
SELECT seen(:'s_id') AS before \gset
BEGIN;
SELECT pg_sleep(0.01);
SELECT stash.session_touch(:'s_id') AS done, pg_current_xact_id_if_assigned() IS NULL AS unwritten \gset
SELECT count(*) FROM stash.session_get_by_token(:'s_token') \gset
SELECT pg_current_xact_id_if_assigned() IS NULL AS unwritten_by_token \gset
ROLLBACK;
SELECT ok(:'done', 'in a transaction that fails');
SELECT ok(:'unwritten' AND :'unwritten_by_token', 'it writes nothing');
SELECT ok(seen(:'s_id') > :'before'::timestamptz, 'it counts nevertheless');
SELECT seen(:'s_id') AS before \gset
BEGIN READ ONLY;
SELECT pg_sleep(0.01);
SELECT stash.session_touch(:'s_id') AS done \gset
COMMIT;
SELECT ok(:'done' AND seen(:'s_id') > :'before'::timestamptz, 'in a read-only transaction, too');
SELECT ctid AS row, xmin AS writer, pg_current_wal_insert_lsn() AS lsn FROM stash.session WHERE id = :'s_id' \gset
SELECT stash.session_touch(:'s_id') \gset
SELECT is((SELECT format('%s %s', ctid, xmin) FROM stash.session WHERE id = :'s_id'), :'row' || ' ' || :'writer', 'the row is not written');
SELECT is((SELECT version FROM stash.session_get(:'s_id')), 1::bigint, 'it is the same version');
SELECT is((SELECT expires_at FROM stash.session_get(:'s_id')), :'s_expires_at'::timestamptz, 'with the same end');
SELECT is((SELECT updated_at - created_at FROM stash.session_get(:'s_id')), interval '0', 'not updated');

-- A change of the session keeps the touch
SELECT stash.session_touch(:'s_id');
SELECT seen(:'s_id') AS before \gset
SELECT stash.session_update(:'s_id', '{"a": 1}'), stash.session_extend(:'s_id', 1000000), stash.session_rotate_token(:'s_id');
SELECT is(seen(:'s_id'), :'before'::timestamptz, 'an update, an extension and a rotation leave the last use');
SELECT stash.session_delete(:'s_id');
SELECT is((SELECT last_seen_at FROM stash.session_history('alice')), :'before'::timestamptz, 'the history has it');

-- A session of its own transaction
BEGIN;
SELECT * FROM stash.session_create('bob', idle_ttl => 100) \gset s_
SELECT pg_sleep(0.01);
SELECT is(stash.session_touch(:'s_id'), true, 'a session that is not committed');
SELECT ok((SELECT last_seen_at > created_at FROM stash.session_get(:'s_id')), 'counts as used');
ROLLBACK;
SELECT is(found(:'s_id', :'s_token'), '- -', 'and is gone with its transaction');
SELECT is(stash.session_touch(:'s_id'), false, 'nothing to touch');

-- Never a resurrection
SELECT * FROM stash.session_create('carol', idle_ttl => 100) \gset s_
SELECT found(:'s_id', :'s_token');
BEGIN;
SELECT stash.session_delete(:'s_id');
SELECT is(stash.session_touch(:'s_id'), false, 'not of what the transaction deleted');
COMMIT;
SELECT is(stash.session_touch(:'s_id'), false, 'not of what is deleted');
SELECT is(found(:'s_id', :'s_token'), '- -', 'it stays away');
SELECT is((SELECT count(*) FROM stash.session_touch WHERE id = :'s_id') + (SELECT count(*) FROM stash.session WHERE id = :'s_id'), 0::bigint,
    'in every table');
SELECT is(stash.session_touch(gen_random_uuid()), false, 'an unknown session');

-- A limit that is short beside the flush interval: the table has the touch without a flush
SELECT is(current_setting('stash.session_flush_interval'), '10s', 'flushes are seconds apart');
SELECT * FROM stash.session_create('dora', idle_ttl => 2) \gset s_
SELECT stash.session_touch(:'s_id'), pg_sleep(0.6);
SELECT stash.session_touch(:'s_id') \gset
SELECT cmp_ok((SELECT t.touched_at - s.created_at FROM stash.session_touch AS t JOIN stash.session AS s USING (id) WHERE id = :'s_id'), '>=',
    interval '0.5 s', 'is written through');
SELECT is((SELECT due_at - touched_at < interval '2 s' FROM stash.session_touch WHERE id = :'s_id'), true, 'when it is due is put off later');

SELECT * FROM finish();
