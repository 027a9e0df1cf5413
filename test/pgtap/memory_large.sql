-- Documents of 10 to 100 MB: the same bytes come back, whatever the shape.
BEGIN;
SELECT plan(6);

CREATE TEMP TABLE large (shape text, document jsonb);
INSERT INTO large
    SELECT 'messages', jsonb_agg(jsonb_build_object('n', g, 'content', repeat(md5(g::text), 31))) FROM generate_series(1, 100000) AS g
    UNION ALL SELECT 'string', to_jsonb(repeat(md5('x'), 650000))
    UNION ALL SELECT 'keys', jsonb_object_agg('key ' || g, md5(g::text)) FROM generate_series(1, 200000) AS g;
SELECT ok((SELECT version = 1 FROM stash.memory_snapshot_create(shape, document)), shape || ' is stored') FROM large WHERE shape = 'messages';
SELECT cmp_ok((SELECT length(document::text) FROM large WHERE shape = 'messages'), '>', 100000000, '100 MB of messages');
SELECT is((SELECT sum(version) FROM large, stash.memory_snapshot_create(shape || ' again', document)), 3::numeric, 'so are the others');
SELECT is((SELECT count(*) FROM large AS l, stash.memory_snapshot_get_at(l.shape || ' again') AS g
           WHERE g.content::text = l.document::text AND g.bytes > 9000000), 3::bigint, 'the same bytes come back');
SELECT is((SELECT version FROM stash.memory_snapshot_create('messages again',
    (SELECT jsonb_set(document, '{10000,content}', '"new"') FROM large WHERE shape = 'messages'))), 2::bigint, 'a message changes');
SELECT is_empty('SELECT * FROM stash.memory_check()', 'nothing is lost');

SELECT * FROM finish();
ROLLBACK;
