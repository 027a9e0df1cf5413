-- memory_snapshot_export and _import: a whole history as JSON, and back.
\ir lib/memory.sql
SELECT plan(32);
SELECT put('ann', jsonb_build_object('n', g, 'messages', (SELECT jsonb_agg(md5(m::text) || repeat('y', 300)) FROM generate_series(1, g) AS m))) FROM generate_series(1, 20) AS g;
SELECT stash.memory_snapshot_create('ann', '1.50', 'notes', metadata => '{"a": 1}', tags => '{red}', ttl => 10000, embedding => '{1,2.25}');
SELECT id AS notes FROM stash.memory_snapshot_create('ann', '[]', 'notes') \gset
SELECT stash.memory_snapshot_pin(:'notes');
SELECT stash.memory_snapshot_restore((SELECT id FROM stash.memory_snapshot_list('ann', 'default') WHERE version = 5), 'back');
SELECT stash.memory_snapshot_delete((SELECT id FROM stash.memory_snapshot_list('ann', 'default') WHERE version = 3));
SELECT id AS branch FROM stash.memory_snapshot_create('ann', '{"b": 1}', parent => (SELECT id FROM stash.memory_snapshot_list('ann', 'default') WHERE version = 7)) \gset
CREATE FUNCTION told(agent text) RETURNS TABLE (told text) LANGUAGE sql AS
    $$SELECT concat_ws(' ', g.key, g.version, g.created_at, g.expires_at, g.pinned, g.tags, g.metadata, g.note, g.embedding, p.version, o.version, md5(g.content::text))
      FROM stash.memory_snapshot_list(agent) AS l, stash.memory_snapshot_get(l.id) AS g
      LEFT JOIN stash.memory_snapshot_get(g.parent) AS p ON true LEFT JOIN stash.memory_snapshot_get(g.origin) AS o ON true ORDER BY g.key, g.version$$;
CREATE TABLE exported AS SELECT stash.memory_snapshot_export('ann') AS document;
SELECT is(document->>'format', 'pg_stash memory 1', 'says what it is') FROM exported;
SELECT is(jsonb_array_length(document->'snapshots'), 23, 'has all') FROM exported;
SELECT cmp_ok(length(document::text), '<', 30000, 'and shares what is equal') FROM exported;
SELECT is(jsonb_array_length(stash.memory_snapshot_export('ann', 'notes')->'snapshots'), 2, 'one key');
SELECT is(stash.memory_snapshot_import(document, 'copy'), 23::bigint, 'import as another agent') FROM exported;
SELECT results_eq('SELECT * FROM told(''copy'')', 'SELECT * FROM told(''ann'')', 'it is the same');
SELECT is((SELECT count(*) FROM stash.memory_snapshot_list('copy') AS a JOIN stash.memory_snapshot_list('ann') AS b ON a.id = b.id), 0::bigint, 'with ids of its own');
SELECT is((SELECT agent_id FROM stash.memory_snapshot_get((SELECT parent FROM stash.memory_snapshot_list('copy') WHERE version = 22))), 'copy', 'parents are its own, too');
SELECT * FROM sound('with a copy');
-- As in another database
SELECT stash.memory_snapshot_pin(:'notes', false);
DELETE FROM stash.memory_version AS v USING stash.memory_line AS l WHERE l.id = v.line AND l.agent_id = 'ann';
SELECT stash.memory_collect();
SELECT is(stash.memory_snapshot_import(document), 23::bigint, 'import as itself') FROM exported;
SELECT results_eq('SELECT * FROM told(''ann'')', 'SELECT * FROM told(''copy'')', 'it is the same again');
SELECT is((stash.memory_snapshot_get(:'notes')).key, 'notes', 'with its ids');
SELECT is(stash.memory_snapshot_export('ann')->'snapshots', document->'snapshots', 'an export of the import is the export') FROM exported;
SELECT is((SELECT version FROM stash.memory_snapshot_create('ann', '"new"')), 23::bigint, 'versions go on');
SELECT raises($$SELECT stash.memory_snapshot_import(document) FROM exported$$, '42710', '%another agent_id%', 'not into an agent that is there');
SELECT is(stash.memory_snapshot_export('nobody')->'snapshots', '[]', 'of nobody');
SELECT is(stash.memory_snapshot_import(stash.memory_snapshot_export('nobody')), 0::bigint, 'nothing');
SELECT raises('SELECT stash.memory_snapshot_export(NULL)', '22004', '%', 'export NULL');
SELECT raises('SELECT stash.memory_snapshot_import(NULL)', '22004', '%', 'import NULL');
SELECT raises($$SELECT stash.memory_snapshot_import('[]')$$, '22023', '%', 'import something else');
SELECT raises(format($$SELECT stash.memory_snapshot_import(jsonb_set((SELECT document FROM exported), %L, %L), 'bad')$$, p, v), '22023', '%', p || ' ' || v) FROM (VALUES
    ('{snapshots,0,id}', '"no uuid"'), ('{snapshots,0,version}', '0'), ('{snapshots,1,version}', '1'), ('{snapshots,0,created_at}', '"never"'), ('{snapshots,1,patch}', '[{"op": "remove", "path": "/nothing"}]'), ('{snapshots,0}', '1')) AS t (p, v);
SELECT is_empty($$SELECT * FROM stash.memory_snapshot_list('bad')$$, 'nothing half done');
SELECT * FROM sound('in the end');
SELECT * FROM finish();
