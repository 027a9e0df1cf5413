-- list, history, get_at, restore, fork, pin, delete.
\ir lib/memory.sql
SELECT plan(74);
CREATE TABLE made AS SELECT n, put('ann', jsonb_build_object('n', n)) AS id FROM generate_series(1, 10) AS n;
CREATE FUNCTION id_of(wanted integer) RETURNS uuid LANGUAGE sql AS $$SELECT id FROM made WHERE n = wanted$$;
CREATE FUNCTION history(id uuid, depth integer DEFAULT 100) RETURNS text LANGUAGE sql AS
    $$SELECT coalesce(string_agg(agent_id || version, ' ' ORDER BY o), '-') FROM stash.memory_snapshot_history(history.id, history.depth) WITH ORDINALITY AS h (id, agent_id, key, version, parent, created_at, expires_at, pinned, tags, metadata, origin, note, bytes, o)$$;
CREATE FUNCTION listed(agent text DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS text LANGUAGE sql AS
    $$SELECT coalesce(string_agg(agent_id || version, ' '), '-') FROM stash.memory_snapshot_list(agent, listed.key, listed.tags, listed.metadata)$$;

-- list
SELECT is(listed('ann'), 'ann10 ann9 ann8 ann7 ann6 ann5 ann4 ann3 ann2 ann1', 'the latest first');
SELECT id AS labelled FROM stash.memory_snapshot_create('ben', '1', 'notes', metadata => '{"a": {"b": 1}, "c": 2}', tags => '{red,green}') \gset
SELECT is(listed('ben', 'notes'), 'ben1', 'by agent and key');
SELECT is(listed(key => 'notes'), 'ben1', 'by key');
SELECT is(listed(tags => '{red}'), 'ben1', 'by a tag');
SELECT is(listed(tags => '{red,green}'), 'ben1', 'by all of its tags');
SELECT is(listed(tags => '{red,blue}'), '-', 'not by one that it has and one that it has not');
SELECT is(listed('ben', tags => '{}'), 'ben1', 'no tag is asked for');
SELECT is(listed(metadata => '{"a": {"b": 1}}'), 'ben1', 'by metadata');
SELECT is(listed(metadata => '{"a": {"b": 2}}'), '-', 'by other metadata');
SELECT is(listed('ben', metadata => '{}'), 'ben1', 'no metadata are asked for');
SELECT is(listed('carl'), '-', 'an unknown agent');
SELECT is((SELECT count(*) FROM stash.memory_snapshot_list()), 11::bigint, 'all');
SELECT results_eq($$SELECT version FROM stash.memory_snapshot_list('ann', max_rows => 3)$$, 'VALUES (10::bigint), (9), (8)', 'a page');
SELECT results_eq($$SELECT version FROM stash.memory_snapshot_list('ann', max_rows => 3, after => id_of(8))$$, 'VALUES (7::bigint), (6), (5)', 'the next');
SELECT results_eq($$SELECT version FROM stash.memory_snapshot_list('ann', max_rows => 3, after => id_of(2))$$, 'VALUES (1::bigint)', 'the last');
SELECT raises($$SELECT * FROM stash.memory_snapshot_list(max_rows => 0)$$, '22023', '%', 'no rows');
SELECT raises($$SELECT * FROM stash.memory_snapshot_list(max_rows => NULL)$$, '22023', '%', 'NULL rows');
SELECT raises($$SELECT * FROM stash.memory_snapshot_list(metadata => '1')$$, '22023', '%', 'metadata that are no object');

-- history
SELECT is(history(id_of(5)), 'ann5 ann4 ann3 ann2 ann1', 'history');
SELECT is(history(id_of(5), 2), 'ann5 ann4', 'so deep');
SELECT is(history(gen_random_uuid()), '-', 'of nothing');
SELECT is(history(NULL), '-', 'of NULL');
SELECT raises($$SELECT * FROM stash.memory_snapshot_history(id_of(5), 0)$$, '22023', '%', 'depth 0');

-- get_at
SELECT is((SELECT array_agg(g.version ORDER BY n) FROM made, LATERAL (SELECT created_at FROM stash.memory_snapshot_get(made.id)) AS c, stash.memory_snapshot_get_at('ann', at => c.created_at) AS g), ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]::bigint[], 'at the moment when each was made');
SELECT is((SELECT array_agg(g.version ORDER BY n) FROM made, LATERAL (SELECT created_at FROM stash.memory_snapshot_get(made.id)) AS c, stash.memory_snapshot_get_at('ann', at => c.created_at - interval '1 microsecond') AS g), ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9]::bigint[], 'just before');
SELECT is((SELECT version FROM stash.memory_snapshot_get_at('ann')), 10::bigint, 'now');
SELECT is((SELECT version FROM stash.memory_snapshot_get_at('ann', at => 'infinity')), 10::bigint, 'at the end of time');
SELECT is_empty($$SELECT * FROM stash.memory_snapshot_get_at('ann', at => '-infinity')$$, 'before all');
SELECT is_empty($$SELECT * FROM stash.memory_snapshot_get_at('carl')$$, 'of nobody');
SELECT is_empty($$SELECT * FROM stash.memory_snapshot_get(NULL)$$, 'get of NULL');

-- restore
SELECT stash.memory_snapshot_restore(id_of(3), 'as it was') AS restored \gset
SELECT results_eq($$SELECT version, parent, origin, note, content FROM stash.memory_snapshot_get_at('ann')$$, $$SELECT 11::bigint, id_of(10), id_of(3), 'as it was', '{"n": 3}'::jsonb$$, 'restore adds a version');
SELECT is(stash.memory_snapshot_restore(:'restored') <> :'restored', true, 'the head can be restored, too');
SELECT stash.memory_snapshot_restore(:'labelled') AS again \gset
SELECT is((SELECT tags FROM stash.memory_snapshot_get(:'again')), '{green,red}'::text[], 'with its tags');
SELECT raises($$SELECT stash.memory_snapshot_restore(gen_random_uuid())$$, '42704', '%', 'nothing to restore');
SELECT raises($$SELECT stash.memory_snapshot_restore(NULL)$$, '22004', '%', 'restore NULL');
SELECT raises($$SELECT stash.memory_snapshot_restore(id_of(1), repeat('x', 1025))$$, '22001', '%', 'a long note');

-- fork
SELECT (stash.memory_snapshot_create('big', (SELECT jsonb_agg(md5(g::text)) FROM generate_series(1, 1000) AS g))).id AS big \gset
SELECT count(*) AS parts FROM stash.memory_part \gset
SELECT stash.memory_snapshot_fork(:'big', 'dora') AS forked \gset
SELECT is((SELECT count(*) FROM stash.memory_part), :parts::bigint, 'a fork copies nothing');
SELECT is(content_of(:'forked'), content_of(:'big'), 'it has the content');
SELECT is(history(:'forked'), 'dora1 big1', 'and the history');
SELECT ok(put('dora', content_of(:'big') || '"more"') IS NOT NULL, 'it goes on');
SELECT is((SELECT version FROM stash.memory_snapshot_get_at('big')), 1::bigint, 'by itself');
SELECT cmp_ok((SELECT count(*) FROM stash.memory_part), '<', :parts::bigint + 5, 'sharing what is equal');
SELECT stash.memory_snapshot_fork(id_of(4), 'ann', 'aside') AS aside \gset
SELECT is(history(:'aside'), 'ann1 ann4 ann3 ann2 ann1', 'to another key');
SELECT put('edgar', '"own"') AS own \gset
SELECT stash.memory_snapshot_fork(:'big', 'edgar') AS copied \gset
SELECT is(content_of(:'copied'), content_of(:'big'), 'to an agent that has versions of its own');
SELECT is((SELECT version FROM stash.memory_snapshot_get(:'copied')), 2::bigint, 'it is added behind them');
SELECT is(history(:'copied'), 'edgar2 big1', 'its parent is what it was forked from');
SELECT raises($$SELECT stash.memory_snapshot_fork(id_of(4), 'ann')$$, '22023', '%restore%', 'to itself');
SELECT raises($$SELECT stash.memory_snapshot_fork(gen_random_uuid(), 'ann')$$, '42704', '%', 'nothing to fork');
SELECT raises($$SELECT stash.memory_snapshot_fork(NULL, 'ann')$$, '22004', '%', 'fork NULL');
SELECT raises($$SELECT stash.memory_snapshot_fork(id_of(4), NULL)$$, '22004', '%', 'to nobody');

-- pin and delete
SELECT ok(stash.memory_snapshot_pin(id_of(9)), 'pin');
SELECT raises($$SELECT stash.memory_snapshot_delete(id_of(9))$$, '55006', '%pin%', 'a pinned one is not deleted');
SELECT ok(stash.memory_snapshot_pin(id_of(9), false), 'unpin');
SELECT is(stash.memory_snapshot_pin(gen_random_uuid()), false, 'pin nothing');
SELECT raises($$SELECT stash.memory_snapshot_pin(NULL)$$, '22004', '%', 'pin NULL');
SELECT raises($$SELECT stash.memory_snapshot_pin(id_of(9), NULL)$$, '22004', '%', 'pinned NULL');
SELECT ok(stash.memory_snapshot_delete(id_of(4)), 'delete one in the middle');
SELECT is(stash.memory_snapshot_delete(id_of(4)), false, 'once');
SELECT raises($$SELECT stash.memory_snapshot_delete(NULL)$$, '22004', '%', 'delete NULL');
SELECT is(history(id_of(5)), 'ann5 ann3 ann2 ann1', 'history goes on behind it');
SELECT is((SELECT string_agg(version::text, ' ') FROM stash.memory_snapshot_history((SELECT id FROM stash.memory_snapshot_list('ann', 'aside')))), '1 3 2 1', 'so does that of its fork');
SELECT is((SELECT version FROM stash.memory_snapshot_get_at('ann', at => (SELECT created_at FROM stash.memory_snapshot_get(id_of(5))) - interval '1 microsecond')), 3::bigint, 'and time travel');
SELECT ok(stash.memory_snapshot_delete(:'big'), 'delete what was forked');
SELECT is((SELECT count(*)::integer FROM stash.memory_check()), 0, 'sound');
SELECT (stash.memory_collect()).parts AS collected \gset
SELECT is(jsonb_array_length(content_of(:'forked')), 1000, 'the fork keeps its content');
SELECT is(history(:'forked'), 'dora1', 'not its history');
SELECT is(history(:'copied'), 'edgar2', 'nor does the other');
-- In one transaction, or the worker might be first.
BEGIN;
SELECT ok(bool_and(stash.memory_snapshot_delete(id)), 'delete all of them') FROM stash.memory_snapshot_list('dora');
SELECT is((stash.memory_collect(max_parts => 3)).parts, 3::bigint, 'as many parts go as were asked for');
SELECT ok((stash.memory_collect()).parts > 100, 'then the others');
COMMIT;
SELECT is((SELECT version FROM stash.memory_snapshot_create('dora', '1')), 1::bigint, 'an agent without anything begins anew');
SELECT * FROM sound('after all that');
SELECT * FROM finish();
