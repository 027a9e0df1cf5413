-- Sessions and transactions: what is read before a commit, after it, and after a failure; isolation levels.
\ir lib/session.sql
SELECT plan(51);
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('host=%s port=%s dbname=%s user=%s', current_setting('unix_socket_directories'), current_setting('port'),
    current_database(), current_user));
CREATE FUNCTION elsewhere(query text) RETURNS text LANGUAGE sql AS $$SELECT r FROM dblink('other', query) AS t (r text)$$;
CREATE FUNCTION data_of(session uuid) RETURNS text LANGUAGE sql AS $$SELECT data #>> '{}' FROM stash.session_get(session)$$;
CREATE FUNCTION data_by(token text) RETURNS text LANGUAGE sql AS $$SELECT data #>> '{}' FROM stash.session_get_by_token(token, false)$$;

-- Creation
BEGIN;
SELECT * FROM stash.session_create('alice', data => '"mine"') \gset s_
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'minemine', 'a transaction sees its own session');
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'minemine', 'again');
SELECT is(elsewhere(format('SELECT count(*) FROM stash.session_get_by_token(%L)', :'s_token')), '0', 'nobody else does');
SELECT is(elsewhere(format('SELECT count(*) FROM stash.session_get(%L)', :'s_id')), '0', 'not by id');
COMMIT;
SELECT is(elsewhere(format('SELECT count(*) FROM stash.session_get_by_token(%L)', :'s_token')), '1', 'until it commits');
BEGIN;
SELECT * FROM stash.session_create('alice') \gset n_
SELECT is(found(:'n_id', :'n_token'), 'id token', 'one that is rolled back');
ROLLBACK;
SELECT is(found(:'n_id', :'n_token'), '- -', 'never was');
SELECT is(elsewhere(format('SELECT count(*) FROM stash.session_get_by_token(%L)', :'n_token')), '0', 'for nobody');

-- Changes rolled back: the hot copies are made before, and read in the middle
CREATE PROCEDURE reset_to(session uuid, value text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stash.session_update(session, to_jsonb(value), mode => 'replace');
END $$;
CALL reset_to(:'s_id', 'old');
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'oldold', 'in memory');
BEGIN;
SELECT stash.session_update(:'s_id', '"new"');
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'newnew', 'an update is seen by its transaction');
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'newnew', 'again');
SELECT is(elsewhere(format('SELECT data_of(%L) || data_by(%L)', :'s_id', :'s_token')), 'oldold', 'by nobody else');
ROLLBACK;
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'oldold', 'and not after it failed');
SELECT is(elsewhere(format('SELECT data_of(%L) || data_by(%L)', :'s_id', :'s_token')), 'oldold', 'by anybody');
BEGIN;
SELECT stash.session_update(:'s_id', '"new"');
COMMIT;
SELECT is(elsewhere(format('SELECT data_of(%L) || data_by(%L)', :'s_id', :'s_token')), 'newnew', 'a commit is seen by all');
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'newnew', 'at once');
BEGIN;
SELECT stash.session_delete(:'s_id') AS done \gset
SELECT is(:'done' || found(:'s_id', :'s_token'), 't- -', 'a deletion is seen by its transaction');
SELECT is(elsewhere(format('SELECT found(%L, %L)', :'s_id', :'s_token')), 'id token', 'by nobody else');
SELECT is(ended(:'s_id') || elsewhere(format('SELECT ended(%L)', :'s_id')), 'deleted by postgres-', 'nor is its history');
ROLLBACK;
SELECT is(found(:'s_id', :'s_token'), 'id token', 'when it fails the session lives');
SELECT is(ended(:'s_id'), '-', 'and has no history');
BEGIN;
SELECT stash.session_rotate_token(:'s_id') AS token \gset never_
SELECT is(found(:'s_id', :'s_token') || found(:'s_id', :'never_token'), 'id -id token', 'a rotation is seen by its transaction');
SELECT is(elsewhere(format('SELECT found(%L, %L) || found(%L, %L)', :'s_id', :'s_token', :'s_id', :'never_token')), 'id tokenid -', 'by nobody else');
ROLLBACK;
SELECT is(found(:'s_id', :'s_token') || found(:'s_id', :'never_token'), 'id tokenid -', 'when it fails the old token works');
BEGIN;
SELECT stash.session_extend(:'s_id', 1000000);
ROLLBACK;
SELECT is((SELECT expires_at FROM stash.session_get(:'s_id')), :'s_expires_at'::timestamptz, 'an extension that failed');

-- Savepoints
CALL reset_to(:'s_id', 'old');
SELECT found(:'s_id', :'s_token');
BEGIN;
SAVEPOINT a;
SELECT stash.session_update(:'s_id', '"sub"');
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'subsub', 'in a sub-transaction');
ROLLBACK TO a;
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'oldold', 'which fails');
SELECT stash.session_update(:'s_id', '"kept"');
SAVEPOINT b;
SELECT stash.session_delete(:'s_id'), * FROM stash.session_create() \gset n_
SELECT is(found(:'s_id', :'s_token') || found(:'n_id', :'n_token'), '- -id token', 'deleted and made in another');
ROLLBACK TO b;
SELECT is(found(:'s_id', :'s_token') || found(:'n_id', :'n_token'), 'id token- -', 'which fails');
SAVEPOINT c;
SELECT stash.session_rotate_token(:'s_id', 100) AS token \gset r_
RELEASE c;
COMMIT;
SELECT is(data_of(:'s_id') || data_by(:'s_token') || data_by(:'r_token'), 'keptkeptkept', 'what is left is committed');
SELECT is(found(:'n_id', :'n_token'), '- -', 'the other is not');

-- In one statement
CALL reset_to(:'s_id', 'old');
SELECT is((SELECT string_agg(step, ' ' ORDER BY nr) FROM (SELECT nr, CASE nr WHEN 1 THEN data_of(:'s_id') WHEN 2 THEN
    stash.session_update(:'s_id', '"within"')::text WHEN 3 THEN data_of(:'s_id') END AS step FROM generate_series(1, 3) AS nr OFFSET 0) AS steps)
    ~ '^old \d+ within$', true, 'the rest of a statement sees what it changed');

-- REPEATABLE READ and SERIALIZABLE: sessions are those of now

SELECT found(:'s_id', :'s_token');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(data_of(:'s_id'), 'within', 'REPEATABLE READ: the snapshot is taken');
SELECT elsewhere(format('SELECT stash.session_update(%L, ''"later"'')', :'s_id'));
SELECT is(data_of(:'s_id') || data_by(:'s_token'), 'laterlater', 'an update by another is seen');
SELECT ok(stash.session_update(:'s_id', '"latest"') > 0, 'and updated: no serialization failure');
SELECT is(data_of(:'s_id'), 'latest', 'as one reads');
COMMIT;
SELECT is(elsewhere(format('SELECT data_of(%L)', :'s_id')), 'latest', 'committed');
SELECT * FROM stash.session_create('bob') \gset b_
SELECT found(:'b_id', :'b_token');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(found(:'b_id', :'b_token'), 'id token', 'SERIALIZABLE: the snapshot is taken');
SELECT elsewhere(format('SELECT stash.session_delete(%L)', :'b_id'));
SELECT is(found(:'b_id', :'b_token'), '- -', 'a deletion by another is seen');
SELECT is(stash.session_touch(:'b_id'), false, 'nothing to touch');
SELECT is(stash.session_update(:'b_id', '{}'), NULL, 'nor to update');
SELECT elsewhere('SELECT id || '' '' || token FROM stash.session_create(''carol'')') AS made \gset
SELECT is(found(split_part(:'made', ' ', 1)::uuid, split_part(:'made', ' ', 2)), 'id token', 'a session that another made meanwhile');
COMMIT;

-- Read-only transactions
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE FUNCTION states(session uuid, token text, template text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(state_of(replace(replace(t, '$id', quote_literal(session)), '$token', quote_literal(token))), ' ' ORDER BY nr)
    FROM unnest(template) WITH ORDINALITY AS x (t, nr)$$;
SELECT * FROM stash.session_create('dora') \gset s_
BEGIN READ ONLY;
SELECT states(:'s_id', :'s_token', ARRAY['SELECT stash.session_get($id)', 'SELECT stash.session_get($id, true)', 'SELECT stash.session_get_by_token($token)',
    'SELECT stash.session_touch($id)', 'SELECT stash.session_list()', 'SELECT stash.session_get_active_count()', 'SELECT stash.session_history()',
    'SELECT stash.session_analytics()']) AS reads,
    states(:'s_id', :'s_token', ARRAY['SELECT stash.session_create()', 'SELECT stash.session_update($id, ''{}'')', 'SELECT stash.session_extend($id)',
    'SELECT stash.session_rotate_token($id)', 'SELECT stash.session_delete($id)', 'SELECT stash.session_revoke_others($id)',
    'SELECT stash.session_bulk_delete(ARRAY[$id]::uuid[])', 'SELECT stash.session_cleanup_inactive()']) AS writes \gset
ROLLBACK;
SELECT is(:'reads'::text, 'done done done done done done done done', 'a read-only transaction reads and touches');
SELECT is(:'writes'::text, '25006 25006 25006 25006 25006 25006 25006 25006', 'and changes nothing');
SELECT is((SELECT version FROM stash.session_get(:'s_id')), 1::bigint, 'it did not');

-- Prepared transactions
SELECT found(:'s_id', :'s_token');
BEGIN;
SELECT stash.session_delete(:'s_id', 'prepared'), * FROM stash.session_create('emil', max_per_user => 5) \gset n_
PREPARE TRANSACTION 'ended';
SELECT is(found(:'s_id', :'s_token') || found(:'n_id', :'n_token'), 'id token- -', 'prepared: not yet');
COMMIT PREPARED 'ended';
SELECT is(found(:'s_id', :'s_token') || found(:'n_id', :'n_token'), '- -id token', 'committed: at once');
SELECT is(ended(:'s_id'), 'deleted prepared by postgres', 'with its history');
BEGIN;
SELECT stash.session_update(:'n_id', '"never"'), stash.session_rotate_token(:'n_id') AS token \gset never_
PREPARE TRANSACTION 'undone';
SELECT is(found(:'n_id', :'n_token') || found(:'n_id', :'never_token'), 'id tokenid -', 'prepared: not yet');
ROLLBACK PREPARED 'undone';
SELECT is(found(:'n_id', :'n_token') || found(:'n_id', :'never_token'), 'id tokenid -', 'rolled back: never');
SELECT is((SELECT version FROM stash.session_get(:'n_id')), 1::bigint, 'as it was');

SELECT dblink_disconnect('other');
SELECT * FROM finish();
