-- The tour of README.md, played by scripts/demo. A test compares the two: change both.
\set QUIET on
\pset null NULL

CREATE EXTENSION pg_stash;
SELECT stash.cache_set('greeting', '{"text": "hello"}', ttl => 60);
SELECT stash.cache_get('greeting'), stash.cache_get('nobody');

-- cache_set returns the version of the entry. A miss is SQL NULL.
-- Tie a table to tags. From now on every committed change of a row invalidates the tag that the
-- template makes of it:
CREATE TABLE product (id int PRIMARY KEY, name text, price numeric);
INSERT INTO product VALUES (1, 'lamp', 40), (2, 'desk', 250);
SELECT stash.cache_invalidate_on('product', 'product:{id}');

-- cache_fetch returns the cached value, or runs the query and stores its result. Of many callers
-- one computes, the others wait for it:
SELECT stash.cache_fetch('product:1', 'SELECT to_jsonb(p) FROM product AS p WHERE id = $1',
                         args => ARRAY['1'], ttl => 300, tags => ARRAY['product:1']);
SELECT stash.cache_get('product:1');

-- An update that rolls back leaves the entry. Within the transaction it is a miss already:
BEGIN;
UPDATE product SET price = 35 WHERE id = 1;
SELECT stash.cache_get('product:1');
ROLLBACK;
SELECT stash.cache_get('product:1');

-- One that commits takes the entry away:
UPDATE product SET price = 30 WHERE id = 1;
SELECT stash.cache_get('product:1');

-- A slow process read the old price before the update and caches it now. NULL: refused.
SELECT stash.cache_set('product:1', '{"id": 1, "name": "lamp", "price": 40}',
                       tags => ARRAY['product:1']);
SELECT stash.cache_fetch('product:1', 'SELECT to_jsonb(p) FROM product AS p WHERE id = $1',
                         args => ARRAY['1'], ttl => 300, tags => ARRAY['product:1']);

-- A transaction that writes data can write the cache with it. Others see both at its commit, or
-- neither:
BEGIN;
UPDATE product SET price = 240 WHERE id = 2;
SELECT stash.cache_set('product:2', to_jsonb(p), tags => ARRAY['product:2'], fresh => true) > 0 AS stored
FROM product AS p WHERE id = 2;
COMMIT;
SELECT stash.cache_get('product:2');

-- Tags of a class go in one call, however many entries they have. The result is how many there
-- were:
SELECT stash.cache_invalidate_tags(ARRAY['product:*']);
SELECT stash.cache_get_many(ARRAY['product:1', 'product:2', 'greeting']);

-- Counters count at once, for all, and are not rolled back. The TTL is set when the counter is
-- made:
SELECT stash.cache_incr('logins:alice', ttl => 60), stash.cache_incr('logins:alice');

-- What happened:
SELECT hits, misses, sets, invalidations, refused_blind FROM stash.stat_cache;

-- Sessions are durable. The token is shown once; the table keeps only its hash:
SELECT id, token FROM stash.session_create('ada', data => '{"cart": []}') \gset
SELECT user_id, data FROM stash.session_get_by_token(:'token');
SELECT stash.session_update(:'id', '{"cart": ["lamp"]}') AS version;
SELECT data FROM stash.session_get_by_token(:'token');

-- After a log-out the token finds nothing, and the history says how the session ended:
SELECT stash.session_delete(:'id', 'log-out');
SELECT data FROM stash.session_get_by_token(:'token');
SELECT session_user_id, kind, reason FROM stash.session_history('ada');

-- What an agent knows, in versions that share what is equal. The second says which head it has read:
SELECT id AS first FROM stash.memory_snapshot_create('agent', '{"goal": "Rome", "messages": ["hello"]}') \gset
SELECT id AS second FROM stash.memory_snapshot_create('agent', '{"goal": "Rome", "messages": ["hello", "in May"]}', expected_head => :'first') \gset
SELECT * FROM stash.memory_snapshot_diff(:'first', :'second');
SELECT version, content FROM stash.memory_snapshot_get(:'first');

-- The nearest rows by an embedding. The database alone compares all of them; with a Weaviate at hand
-- the demo goes on there:
CREATE TABLE article (id int PRIMARY KEY, title text, embedding real[]);
INSERT INTO article VALUES (1, 'Elephants', '{0.9,0.1,0}'), (2, 'Locks', '{0.1,0.9,0.1}'), (3, 'Indexes', '{0.2,0.8,0.3}');
SELECT id, round(distance::numeric, 3) AS distance, properties, engine
FROM stash.vector_search_local('article', 'embedding', '{0,1,0}', max_rows => 2, property_columns => '{title}');
