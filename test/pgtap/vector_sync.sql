-- Synchronised tables without a server: what is refused, who may do what, and what triggers note.
\ir lib/raises.sql
SET client_min_messages = warning;
SELECT plan(61);
DROP ROLE IF EXISTS stash_vector_app, stash_vector_owner;
CREATE ROLE stash_vector_app;
CREATE ROLE stash_vector_owner;
GRANT CREATE ON SCHEMA public TO stash_vector_owner;
CREATE TYPE mood AS ENUM ('well');
CREATE TABLE doc (id int PRIMARY KEY, title text, box box, "Id" int, emb real[], emb2 double precision[], words text, mood mood);
ALTER TABLE doc OWNER TO stash_vector_owner;
CREATE TABLE keyless (emb real[]);
CREATE TABLE late (id int PRIMARY KEY DEFERRABLE, emb real[]);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, emb real[]);
CREATE TABLE parent (id int PRIMARY KEY, emb real[]);
CREATE TABLE child () INHERITS (parent);
CREATE VIEW seen AS SELECT * FROM doc;

-- The server
SELECT raises(format('SELECT stash.weaviate_configure(%L)', url), '22023', '%', 'a URL: ' || url)
    FROM unnest(ARRAY['', 'weaviate', 'ftp://host', 'http://user:secret@host', 'file:///etc/passwd']) AS url;
SELECT raises(format('SELECT stash.weaviate_configure(%L, NULL, %L)', 'http://127.0.0.1:1', options), '22023', 'Options:%', 'options: ' || options)
    FROM unnest(ARRAY['{"color": 1}', '{"timeout_ms": 1}', '{"timeout_ms": "x"}', '{"follow_promotion": 1}', '{"api_key_file": 1}']) AS options;
SELECT raises('SELECT stash.weaviate_adopt()', '55000', 'Begin with stash.weaviate_configure.', 'nothing to adopt');
SELECT raises('SELECT stash.weaviate_health()', '55000', 'See stash.weaviate_configure%', 'no server, no health');
SELECT raises('SELECT stash.weaviate_nodes()', '55000', 'See stash.weaviate_configure%', 'nor nodes');

-- Tables
SELECT raises(format('SELECT stash.vector_sync_enable(%L, %L)', name, 'emb'), state, hint, 'table ' || name) FROM (VALUES
    ('keyless', '55000', 'Objects are named%'), ('late', '55000', 'Objects are named%'), ('unlogged', '0A000', 'Such a table%'),
    ('parent', '42809', 'Triggers are not inherited%'), ('seen', '42809', 'Triggers see%')) AS t (name, state, hint);

-- Columns and options
SELECT raises('SELECT stash.vector_sync_enable(''doc'', ' || arguments || ')', state, hint, 'arguments ' || arguments) FROM (VALUES
    ($$NULL$$, '22023', 'embedding_column is%'),
    ($$'emb', options => '{"vectors": {"a": "emb"}}'$$, '22023', 'embedding_column is%'),
    ($$'nothing'$$, '42703', '%'),
    ($$'words'$$, '42804', 'Its type must be%'),
    ($$'emb', '{nothing}'$$, '42703', '%'),
    ($$'emb', '{box}'$$, '42804', 'Types that can%'),
    ($$'emb', '{id}'$$, '22023', 'Weaviate allows%'),
    ($$'emb', '{NULL}'$$, '22004', '%'),
    ($$'emb', '{title,words}', options => '{"names": {"words": "title"}}'$$, '42701', '%'),
    ($$'emb', options => '{"distance": "far"}'$$, '22023', 'Options:%'),
    ($$'emb', options => '{"index": "tree"}'$$, '22023', 'Options:%'),
    ($$'emb', options => '{"replication_factor": 0}'$$, '22023', 'Options:%'),
    ($$'emb', options => '{"backfill": "no"}'$$, '22023', 'Options:%'),
    ($$'emb', options => '{"unknown": 1}'$$, '22023', 'Options:%'),
    ($$NULL, options => '{"vectors": {"a b": "emb"}}'$$, '22023', 'A vector%')) AS t (arguments, state, hint);

-- Nothing is synchronised yet
SELECT raises(format('SELECT stash.%s', call), '42704', 'Begin with%', call) FROM unnest(ARRAY[
    $$vector_sync_disable('doc')$$, $$vector_sync_pause('doc')$$, $$vector_sync_resume('doc')$$, $$vector_backfill('doc')$$,
    $$vector_retry('doc')$$, $$vector_search('doc', '{1,2}')$$]) AS call;

-- The triggers note what was committed, and nothing else
SELECT lives_ok($$SELECT stash.vector_sync_enable('doc', 'emb', '{title,mood}', options => '{"backfill": false}')$$, 'a table');
SELECT raises($$SELECT stash.vector_sync_enable('doc', 'emb2')$$, '42710', 'End it with%', 'a collection that is fed already');
CREATE VIEW noted AS SELECT sync, change, key FROM stash.vector_outbox_0;
INSERT INTO doc (id, emb) VALUES (1, '{1,2}'), (2, NULL);
UPDATE doc SET emb2 = '{1}';
BEGIN;
SAVEPOINT s;
DELETE FROM doc;
ROLLBACK TO s;
COMMIT;
SELECT bag_has($$SELECT key FROM noted WHERE change = 'k'$$, $$VALUES ('1')$$, 'an insertion is noted');
SELECT is((SELECT count(*) FROM noted WHERE key = '1'), 1::bigint, 'a column that is not sent is not');
UPDATE doc SET id = 3 WHERE id = 1;
SELECT bag_has($$SELECT key FROM noted$$, $$VALUES ('1'), ('1'), ('3')$$, 'a changed key: both');

-- The owner, and the module
SELECT stash.grant_usage('stash_vector_app', '{vector}');
SET ROLE stash_vector_app;
SELECT raises(format('SELECT stash.%s', call), '42501', '%', call) FROM unnest(ARRAY[
    $$vector_sync_pause('public.doc')$$, $$vector_sync_disable('public.doc')$$, $$vector_reconcile('public.doc')$$, $$weaviate_set_key('x')$$,
    $$weaviate_configure('http://127.0.0.1:1')$$, $$vector_note(1, 'b')$$]) AS call;
RESET ROLE;

-- A second collection of the same table
SELECT lives_ok($$SELECT stash.vector_sync_enable('doc', 'emb2', collection => 'Other', options => '{"backfill": false}')$$, 'a second collection');
SELECT bag_has($$SELECT collection FROM stash.vector_sync_status()$$, $$VALUES ('Doc'), ('Other')$$, 'both are there');
UPDATE doc SET emb2 = '{2}';
SELECT is((SELECT count(*) FROM stash.vector_outbox_0 WHERE sync = 2), 2::bigint, 'a change is noted for the collection that it changes');
SELECT raises($$SELECT stash.vector_sync_disable('doc')$$, '42P08', 'Say which%', 'which of them is to end');
SELECT raises(format('SELECT stash.%s', call), '42704', 'Begin with%', call) FROM unnest(ARRAY[
    $$vector_sync_disable('doc', 'None')$$, $$vector_sync_pause('doc', 'None')$$, $$vector_backfill('doc', 'None')$$,
    $$vector_search('doc', '{1,2}', collection => 'None')$$]) AS call;
SELECT raises($$SELECT stash.vector_search('doc', '{1,2}', embedding_column => 'title')$$, '42703', '%lists the collections%', 'no embedding column');
SELECT is(stash.vector_sync_disable('doc', 'Doc'), 1, 'one ends');
SELECT is(stash.vector_sync_disable('doc'), 1, 'the end of the only one');
SELECT * FROM finish();
