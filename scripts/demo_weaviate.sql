-- What scripts/demo plays after the tour when a Weaviate server is at hand. See docs/vectors.md.
\set QUIET on
\pset null NULL

-- A Weaviate is at hand. The table of the tour is kept in step with a collection from now on:
SELECT stash.weaviate_configure(:'weaviate_url');
SELECT stash.vector_sync_enable('article', 'embedding', '{title}');
INSERT INTO article VALUES (4, 'Bottlenecks', '{0.1,0.8,0.2}');
SELECT stash.vector_wait('article');
SELECT relation, collection, state, pending, sent FROM stash.vector_sync_status();

-- Weaviate searches; the rows come from the table:
SELECT id, round(distance::numeric, 3) AS distance, properties, engine
FROM stash.vector_search('article', '{0,1,0}', max_rows => 2);

-- All objects of the server compared with the table: nothing differs.
SELECT * FROM stash.vector_reconcile('article');
