-- Memory snapshots that are synchronised, without a server: what is refused, which changes are noted,
-- and triggers that are made again after a restore.
\ir lib/memory.sql
SET client_min_messages = warning;
SELECT plan(53);
CREATE VIEW noted AS SELECT sync, change, key FROM stash.vector_outbox_0;
CREATE FUNCTION keys_noted() RETURNS SETOF text LANGUAGE sql AS $$SELECT key FROM noted WHERE change = 'k'$$;
-- What a statement notes, as agent, key and version where there still is one.
CREATE FUNCTION notes(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (SELECT count(*) FROM noted WHERE change = 'k');
BEGIN
    EXECUTE statement;
    RETURN (SELECT count(*) FROM noted WHERE change = 'k') - before;
END $$;
CREATE FUNCTION put_near(agent text, number integer, key text DEFAULT 'default', ttl double precision DEFAULT NULL) RETURNS uuid LANGUAGE sql AS
    $$SELECT (stash.memory_snapshot_create(agent, jsonb_build_object('n', number), key, tags => ARRAY['t' || number % 2], ttl => ttl, embedding => ARRAY[number, 1])).id$$;
SELECT put_near('ada', 1) AS old \gset

-- Refused
SELECT raises('SELECT stash.memory_snapshot_sync_enable(' || arguments || ')', state, hint, 'arguments ' || arguments) FROM (VALUES
    ('NULL', '22004', '%'),
    ($$'memory'$$, '22023', 'Weaviate''s collections begin%'),
    ($$options => '[]'$$, '22023', '%'),
    ($$options => '{"distance": "dot"}'$$, '22023', '%compared by cosine%'),
    ($$options => '{"distance": "far"}'$$, '22023', 'Options:%'),
    ($$options => '{"backfill": false}'$$, '22023', '%all of them are sent%'),
    ($$options => '{"vectors": {"a": "embedding"}}'$$, '22023', '%compared by cosine%'),
    ($$options => '{"dimensions": 0}'$$, '22023', 'Options:%'),
    ($$options => '{"dimensions": "3"}'$$, '22023', 'Options:%')) AS t (arguments, state, hint);
SELECT raises('SELECT stash.memory_snapshot_sync_disable()', '42704', 'Begin with%', 'nothing to end');
CREATE TABLE doc (id int PRIMARY KEY, a real[], b real[]);
SELECT raises($$SELECT stash.vector_sync_enable('doc', NULL, options => '{"vectors": {"a": "a"}, "dimensions": 3}')$$, '22023', 'Options:%', 'one length for several vectors');
DROP ROLE IF EXISTS stash_memory_app;
CREATE ROLE stash_memory_app;
SELECT stash.grant_usage('stash_memory_app', '{memory,vector,monitor}');
SET ROLE stash_memory_app;
SELECT raises(format('SELECT stash.%s', call), '42501', '%', call) FROM unnest(ARRAY[
    'memory_snapshot_sync_enable()', 'memory_snapshot_sync_disable()', $$vector_sync_enable('stash.memory_embedding', 'embedding')$$,
    $$memory_weaviate_hits('Memory', '{1,2}', NULL, 1)$$, $$memory_near_ids('{1,2}', NULL, NULL, 'true', NULL, 1)$$]) AS call;
RESET ROLE;
SELECT stash.grant_usage('stash_memory_app', '{admin}');
SET ROLE stash_memory_app;
SELECT lives_ok('SELECT stash.memory_snapshot_sync_enable()', 'the module admin may');
RESET ROLE;
SELECT results_eq('SELECT relation::text, collection FROM stash.vector_sync_status()', $$VALUES ('stash.memory_embedding', 'MemorySnapshot')$$, 'it is one of the synchronised tables');
SELECT raises('SELECT stash.memory_snapshot_sync_enable()', '42710', 'End it with%', 'once is enough');
SELECT is((SELECT count(*) FROM noted WHERE change = 'b'), 1::bigint, 'what is there is sent first');

-- Every way in and out
SELECT is(notes($$SELECT put_near('ada', 2)$$), 1::bigint, 'a snapshot with an embedding');
SELECT is(notes($$SELECT put('ada', '"without"')$$), 0::bigint, 'one without');
SELECT is(notes($$SELECT stash.memory_snapshot_pin(id), stash.memory_snapshot_pin(id, false) FROM stash.memory_snapshot_list()$$), 0::bigint, 'a pin');
SELECT is(notes(format('SELECT stash.memory_snapshot_restore(%L)', :'old')), 1::bigint, 'a restored one');
SELECT is(notes(format('SELECT stash.memory_snapshot_fork(%L, %L)', :'old', 'bob')), 1::bigint, 'a fork');
SELECT is(notes($$SELECT put('eve', '1'), stash.memory_snapshot_fork((SELECT id FROM stash.memory_snapshot_list('ada') WHERE version = 1), 'eve')$$), 1::bigint, 'a fork to another pool');
SELECT is(notes($$SELECT stash.memory_snapshot_import(stash.memory_snapshot_export('ada'), 'ada 2')$$), 3::bigint, 'an import');
SELECT is_empty($$SELECT * FROM stash.memory_embedding AS e JOIN stash.memory_info AS i USING (id)
    WHERE (e.agent_id, e.key, e.version, e.created_at, coalesce(e.tags, '{}')) IS DISTINCT FROM (i.agent_id, i.key, i.version, i.created_at, i.tags)$$, 'each with what it is filtered by');
SELECT bag_has('SELECT * FROM keys_noted()', 'SELECT id::text FROM stash.memory_embedding WHERE id <> ' || quote_literal(:'old'), 'under their ids');
SELECT is(notes(format('SELECT stash.memory_snapshot_delete(%L)', :'old')), 1::bigint, 'a delete');
SELECT is(notes($$SELECT stash.memory_snapshot_cleanup(keep_last => 1, agent_id => 'ada 2')$$), 2::bigint, 'a clean-up');
SELECT is(notes($$SELECT put_near('late', 3, ttl => 0.001), pg_sleep(0.01), (SELECT versions FROM stash.memory_snapshot_cleanup())$$), 2::bigint, 'what has expired');
SELECT count(*) AS before FROM noted \gset
BEGIN;
SELECT put_near('x', 4);
SAVEPOINT s;
SELECT put_near('x', 5);
ROLLBACK TO s;
ROLLBACK;
SELECT is((SELECT count(*) FROM noted), :before::bigint, 'nothing of what is rolled back');
SELECT put_near('many', g) FROM generate_series(1, 5) AS g;
SELECT count(*) AS there FROM stash.memory_embedding \gset
SELECT is(notes('TRUNCATE stash.memory_version'), :there::bigint, 'TRUNCATE of the versions');
TRUNCATE stash.memory_embedding;
SELECT is((SELECT count(*) FROM noted WHERE change = 's'), 1::bigint, 'TRUNCATE of the embeddings');
SELECT * FROM sound('with its embeddings');

-- Nobody answers: searches are local
SELECT put_near('ada', g) FROM generate_series(1, 3) AS g;
SELECT results_eq($$SELECT version, engine FROM stash.memory_snapshot_search(embedding => '{3,1}', agent_id => 'ada')$$, $$SELECT max(version), 'vector-local' FROM stash.memory_info WHERE agent_id = 'ada'$$, 'a search is local');

-- A restored database has not got the triggers
CREATE VIEW triggers AS SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE tgrelid = 'stash.memory_embedding'::regclass AND tgname LIKE '!stash%';
SELECT set_eq('SELECT * FROM triggers', $$VALUES ('!stash_vector_1', 'A'), ('!stash_vector_1_truncate', 'A')$$, 'they are there, and fire always');
DROP TRIGGER "!stash_vector_1" ON stash.memory_embedding;
DROP TRIGGER "!stash_vector_1_truncate" ON stash.memory_embedding;
SELECT lives_ok($$SELECT stash.weaviate_configure('http://127.0.0.1:1')$$, 'it is configured, as another database');
SELECT set_eq('SELECT * FROM triggers', $$VALUES ('!stash_vector_1', 'A'), ('!stash_vector_1_truncate', 'A')$$, '... which makes them again');
DROP TRIGGER "!stash_vector_1" ON stash.memory_embedding;
DELETE FROM stash.vector_progress;
SELECT lives_ok('SELECT stash.weaviate_adopt()', 'it goes on from here');
SELECT set_eq('SELECT * FROM triggers', $$VALUES ('!stash_vector_1', 'A'), ('!stash_vector_1_truncate', 'A')$$, '... which makes the missing one');
SELECT bag_has('SELECT change::text FROM noted', $$VALUES ('b'), ('b'), ('b'), ('s'), ('s'), ('s')$$, '... and sends everything anew');
SELECT results_eq('SELECT sync, job::text, asked FROM stash.vector_progress', $$VALUES (1, 'b', '')$$, '... until which searches are local');
SELECT is(notes($$SELECT put_near('ada', 9)$$), 1::bigint, 'changes are noted again');

-- A collection for each length, and the end
SELECT lives_ok($$SELECT stash.memory_snapshot_sync_enable('Other', '{"dimensions": 3}')$$, 'a second collection');
SELECT raises('SELECT stash.memory_snapshot_sync_disable()', '42P08', 'Say which%', 'the end of which?');
SELECT is(stash.memory_snapshot_sync_disable('Other') + stash.memory_snapshot_sync_disable(), 2, 'the end of both');
SELECT is_empty('SELECT * FROM triggers', 'nothing is left');
SELECT lives_ok('SELECT stash.memory_snapshot_sync_enable()', 'once more');
DROP VIEW noted, triggers CASCADE;
SELECT lives_ok('DROP EXTENSION pg_stash', 'the extension can be dropped with it');
SELECT * FROM finish();
