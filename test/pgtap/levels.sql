-- Isolation levels and READ ONLY: who may hit, who may fill.
SELECT plan(24);
-- pgTAP writes data of its own; which sets are blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
SELECT stash.cache_set('old', '1', fresh => true);

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(stash.cache_get('old'), '1', 'REPEATABLE READ hits what was there before it began');
SELECT stash.cache_set('mine', '2') IS NOT NULL AS done \gset
SELECT ok(:'done', 'and may fill');
SELECT stash.cache_get('mine') AS got \gset
COMMIT;
SELECT is(:'got'::text, '2', 'and reads its own');
SELECT is(stash.cache_get('mine'), '2', 'others find what it stored');

-- Another session stores while the transaction is open
CREATE EXTENSION dblink;
SELECT format('dbname=%L host=%L port=%L user=%L', current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user) AS here \gset
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT stash.cache_get('old');
SELECT dblink_exec(:'here', $$DO 'BEGIN PERFORM stash.cache_set(''later'', ''1''); END'$$);
SELECT is(stash.cache_get('later'), NULL, 'REPEATABLE READ misses what was stored since it began');
COMMIT;
SELECT is(stash.cache_get('later'), '1', 'the next one finds it');
BEGIN;
SELECT stash.cache_get('old');
SELECT dblink_exec(:'here', $$DO 'BEGIN PERFORM stash.cache_set(''later'', ''2''); END'$$);
SELECT is(stash.cache_get('later'), '2', 'READ COMMITTED reads the latest');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT stash.cache_incr('count');
SELECT is(stash.cache_get('count'), '1', 'counters are the same at every level');
COMMIT;

BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(stash.cache_get('old'), NULL, 'SERIALIZABLE misses');
SELECT is(stash.cache_exists('old'), false, 'whatever is asked');
SELECT is(stash.cache_get_many('{old}'), ARRAY[NULL]::jsonb[], 'and however');
SELECT is_empty($$SELECT * FROM stash.cache_get_entry('old')$$, 'and in whichever form');
SELECT stash.cache_set('serial', '3') IS NOT NULL AS done \gset
SELECT ok(:'done', 'but may fill');
SELECT is(stash.cache_get('serial'), '3', 'and reads its own');
SELECT is(stash.cache_fetch('fetched', 'SELECT ''4''::jsonb'), '4', 'cache_fetch computes');
COMMIT;
SELECT is(stash.cache_get_many('{serial,fetched}'), '{3,4}'::jsonb[], 'what it filled is there');
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT is(stash.cache_get('old'), NULL, 'READ ONLY alone does not help');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT is(stash.cache_get('old'), '1', 'SERIALIZABLE READ ONLY DEFERRABLE hits');
COMMIT;

-- Reading transactions fill
BEGIN READ ONLY;
SELECT stash.cache_set('ro', '5', tags => '{t}') IS NOT NULL AS set_ro, stash.cache_fetch('rofetched', 'SELECT ''6''::jsonb') AS fetched,
    stash.cache_incr('rocount') AS counted, stash.cache_delete('old') AS deleted \gset
COMMIT;
SELECT ok(:'set_ro', 'cache_set in a READ ONLY transaction');
SELECT is(:'fetched'::text, '6', 'cache_fetch');
SELECT is(:'counted'::text, '1', 'cache_incr');
SELECT is(:'deleted'::text, 't', 'cache_delete');
SELECT is(stash.cache_get_many('{ro,rofetched,rocount,old}'), ARRAY['5', '6', '1', NULL]::jsonb[], 'all of it is done');
SET default_transaction_read_only = on;
SELECT stash.cache_set('default', '7') IS NOT NULL AS done \gset
SELECT ok(:'done', 'default_transaction_read_only');
RESET default_transaction_read_only;

SELECT * FROM finish();
