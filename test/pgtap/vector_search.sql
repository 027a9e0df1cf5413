-- vector_search_local over every kind of relation and column, against what SQL computes.
SELECT plan(56);
SELECT setseed(0.4) \g /dev/null

CREATE TABLE doc (
    tenant text, id integer, lang text, kept real[] NOT NULL DEFAULT '{}', gone integer,
    e real[], d double precision[], PRIMARY KEY (tenant, id));
ALTER TABLE doc DROP COLUMN gone;
INSERT INTO doc SELECT 't' || i % 3, i, CASE i % 3 WHEN 0 THEN 'en' WHEN 1 THEN 'de' END, '{}', e, e
    FROM (SELECT i, (SELECT array_agg((random() - 0.5)::real) FROM generate_series(1, 20) WHERE i = i) AS e
          FROM generate_series(1, 2000) AS i) AS s;
CREATE FUNCTION query(seed integer) RETURNS double precision[] LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg(sin(seed * 7 + n * 1.7)) FROM generate_series(1, 20) AS n';

-- The same in SQL: the ids in order, as far as the distances differ by more than rounding.
CREATE FUNCTION naive(column_name text, seed integer, metric text, rows integer, condition text DEFAULT 'true',
                      relation text DEFAULT 'doc')
RETURNS jsonb[] LANGUAGE plpgsql AS $$
DECLARE
    result jsonb[];
BEGIN
    EXECUTE format('SELECT array_agg(id) FROM (SELECT jsonb_build_object(''tenant'', tenant, ''id'', id) AS id
        FROM %I WHERE %s ORDER BY stash.vector_distance(%I, query($1), $2), 1 LIMIT $3) AS s',
        relation, condition, column_name) INTO result USING seed, metric, rows;
    RETURN result;
END $$;
CREATE FUNCTION found(column_name text, seed integer, metric text, rows integer, filter jsonb DEFAULT NULL,
                      relation regclass DEFAULT 'doc')
RETURNS jsonb[] LANGUAGE sql AS $$
    SELECT array_agg(id) FROM stash.vector_search_local(relation, column_name, query(seed), rows, filter, metric)
$$;

SELECT is(found(c, s, m, 10), naive(c, s, m, 10), format('%s of column %s, query %s', m, c, s))
    FROM unnest(ARRAY['e', 'd']) AS c, unnest(ARRAY['cosine', 'inner_product', 'l2', 'l2-squared']) AS m,
         generate_series(1, 2) AS s;
SELECT is(found('e', 3, 'cosine', 10, '{"lang": "en"}'), naive('e', 3, 'cosine', 10, $$lang = 'en'$$),
    'with a filter');
SELECT is(cardinality(found('e', 3, 'cosine', 10000)), 2000, 'all rows, when as many are asked for');

SELECT results_eq(
    $$SELECT engine, properties ? 'e', properties - 'd' FROM stash.vector_search_local('doc', 'e', query(1), 1)$$,
    $$SELECT 'local', false, jsonb_build_object('tenant', tenant, 'id', id, 'lang', lang, 'kept', '[]'::jsonb)
      FROM doc ORDER BY stash.vector_distance(e, query(1)) LIMIT 1$$,
    'properties are the other columns');
SELECT results_eq(
    $$SELECT properties FROM stash.vector_search_local('doc', 'e', query(1), 1, property_columns => '{lang,id}')$$,
    $$SELECT jsonb_build_object('lang', lang, 'id', id) FROM doc ORDER BY stash.vector_distance(e, query(1)) LIMIT 1$$,
    'or those asked for');
SELECT results_eq(
    $$SELECT properties FROM stash.vector_search_local('doc', 'e', query(1), 1, property_columns => '{}')$$,
    $$VALUES ('{}'::jsonb)$$, 'or none');
SELECT is_empty(
    $$SELECT s.id FROM stash.vector_search_local('doc', 'd', query(1), 50) AS s
      JOIN doc AS r ON r.id = (s.id->>'id')::integer
      WHERE abs(s.distance - stash.vector_distance(r.d, query(1))) > 1e-12 OR s.score <> 1 - s.distance / 2$$,
    'distance and score of cosine');
SELECT is_empty(
    $$SELECT s.id FROM stash.vector_search_local('doc', 'd', query(1), 50, metric => 'dot') AS s
      WHERE s.score <> -s.distance$$, 'score of the inner product');
SELECT is_empty(
    $$SELECT s.id FROM stash.vector_search_local('doc', 'd', query(1), 50, metric => 'l2') AS s
      WHERE s.score <> 1 / (1 + s.distance)$$, 'score of l2');
SELECT results_eq(
    $$SELECT count(*) FROM stash.vector_search_local('doc', 'd', query(1), 10000, max_distance => 0.9)$$,
    $$SELECT count(*) FROM doc WHERE stash.vector_distance(d, query(1)) <= 0.9$$, 'max_distance');

-- What is no hit.
CREATE TABLE odd (id integer PRIMARY KEY, e real[]);
INSERT INTO odd VALUES (1, '{1,0}'), (2, NULL), (3, '{1,0,0}'), (4, '{1,NULL}'), (5, '{NaN,1}'),
    (6, '{{1,0},{0,1}}'), (7, '{}'), (8, '{0,0}'), (9, '{-1,0}'), (10, '{Infinity,1}'), (11, '[5:6]={1,0}');
SELECT results_eq($$SELECT id->'id', distance FROM stash.vector_search_local('odd', 'e', '{1,0}')$$,
    $$VALUES ('1'::jsonb, 0::float8), ('11', 0), ('8', 1), ('9', 2)$$,
    'no embedding, another length, NULL or NaN in it: no hits; bounds do not matter');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('odd', 'e', '{1,0,0,0}')$$, '22023',
    'no embedding in column "e" has 4 dimensions', 'nothing can be compared');
SELECT is_empty($$SELECT * FROM stash.vector_search_local('odd', 'e', '{1,0,0,0}', filter => '{"id": 2}')$$,
    'no embeddings, no rows');

-- Other relations.
CREATE VIEW doc_view AS SELECT * FROM doc WHERE lang = 'en';
CREATE MATERIALIZED VIEW doc_copy AS SELECT * FROM doc WHERE lang = 'en';
SELECT results_eq(
    format($$SELECT id, properties->'id', distance FROM stash.vector_search_local(%L, 'e', query(1), 3)$$, r),
    $$SELECT NULL::jsonb, properties->'id', distance
      FROM stash.vector_search_local('doc', 'e', query(1), 3, '{"lang": "en"}')$$, r || ': no key, no id')
    FROM unnest(ARRAY['doc_view', 'doc_copy']) AS r;
CREATE TABLE part (LIKE doc) PARTITION BY LIST (tenant);
ALTER TABLE part ADD PRIMARY KEY (tenant, id);
CREATE TABLE part_0 PARTITION OF part FOR VALUES IN ('t0');
CREATE TABLE part_more (e real[], lang text, kept real[] NOT NULL, id integer NOT NULL, d double precision[],
                        tenant text NOT NULL);
ALTER TABLE part ATTACH PARTITION part_more DEFAULT;
INSERT INTO part SELECT * FROM doc;
SELECT is(found('e', 4, 'cosine', 20, relation => 'part'), naive('e', 4, 'cosine', 20), 'partitions');
SELECT is(found('e', 4, 'cosine', 20, '{"tenant": "t1"}', 'part'), naive('e', 4, 'cosine', 20, $$tenant = 't1'$$),
    'partitions and a filter');
CREATE TABLE child () INHERITS (odd);
INSERT INTO child VALUES (100, '{1,0}');
SELECT results_eq($$SELECT id->'id' FROM stash.vector_search_local('odd', 'e', '{1,0}', 3) ORDER BY 1$$,
    $$VALUES ('1'::jsonb), ('11'), ('100')$$, 'children count');
CREATE TEMPORARY TABLE passing AS SELECT * FROM doc;
SELECT is((SELECT properties->'id' FROM stash.vector_search_local('passing', 'e', query(1), 1)),
    (SELECT properties->'id' FROM stash.vector_search_local('doc', 'e', query(1), 1)), 'a temporary table');
CREATE DOMAIN embedding AS real[];
CREATE TABLE typed (id integer PRIMARY KEY, e embedding);
INSERT INTO typed VALUES (1, '{1,2}');
SELECT is((SELECT id FROM stash.vector_search_local('typed', 'e', '{1,2}')), '{"id": 1}', 'a domain');
CREATE TABLE "strange "" name" (id integer PRIMARY KEY, "e ""x" real[], "it's" text);
INSERT INTO "strange "" name" VALUES (1, '{1,2}', 'y');
SELECT is((SELECT properties FROM stash.vector_search_local('"strange "" name"', 'e "x', '{1,2}',
    filter => '{"it''s": "y"}')), '{"id": 1, "it''s": "y"}', 'names that need quotes');

-- Stored out of line, and by parallel workers: the same rows.
CREATE TABLE large (id integer PRIMARY KEY, e real[], filler text);
ALTER TABLE large ALTER filler SET STORAGE plain;
INSERT INTO large SELECT i, (SELECT array_agg((random() - 0.5)::real) FROM generate_series(1, 1000) WHERE i = i),
    repeat('x', 1000) FROM generate_series(1, 300) AS i;
CREATE FUNCTION nearest_large() RETURNS integer[] LANGUAGE sql AS $$
    SELECT array_agg((s.id->>'id')::integer) FROM stash.vector_search_local('large', 'e',
        (SELECT e::float8[] FROM large WHERE id = 42), 7, property_columns => '{}') AS s $$;
SELECT is((nearest_large())[1], 42, 'out of line');
CREATE TEMPORARY TABLE one_process AS SELECT nearest_large() AS ids;
SET min_parallel_table_scan_size = 0;
ALTER TABLE large SET (parallel_workers = 2);
SELECT is(nearest_large(), (SELECT ids FROM one_process), 'with parallel workers');
SET max_parallel_workers = 0;
SELECT is(nearest_large(), (SELECT ids FROM one_process), 'with workers that cannot be had');
RESET max_parallel_workers;
BEGIN;
UPDATE large SET e = (SELECT l.e FROM large AS l WHERE l.id = 42) WHERE id = 1;
SELECT set_eq('SELECT unnest((nearest_large())[1:2])', '{1,42}'::integer[], 'a transaction sees its own changes');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(nearest_large(), (SELECT ids FROM one_process), 'in a serializable transaction');
COMMIT;
RESET min_parallel_table_scan_size;

SELECT throws_ok($$SELECT * FROM stash.vector_search_local(NULL, 'e', '{1}')$$, '22004', NULL, 'no relation');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', NULL, '{1}')$$, '22004', NULL, 'no column');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', 'e', NULL)$$, '22004', NULL, 'no embedding');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', 'e', '{NaN}')$$, '22023', NULL, 'NaN');
SELECT throws_ok(format($$SELECT * FROM stash.vector_search_local('doc', 'e', '{1}', %s)$$, coalesce(n::text, 'NULL')), code, NULL,
    coalesce(n::text, 'NULL') || ' rows')
    FROM (VALUES (0, '22023'), (10001, '22023'), (-1, '22023'), (NULL, '22004')) AS v (n, code);
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', 'x', '{1}')$$, '42703',
    'column "x" of relation "doc" does not exist', 'an unknown column');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', 'gone', '{1}')$$, '42703', NULL, 'a dropped column');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', 'lang', '{1}')$$, '42804',
    'column "lang" of relation "doc" holds no embeddings', 'a column of text');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', 'e', '{1}', property_columns => '{x}')$$, '42703',
    NULL, 'an unknown property');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', 'e', '{1}', property_columns => '{NULL}')$$, '22004',
    NULL, 'a NULL property');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc_pkey', 'e', '{1}')$$, '42809', NULL, 'an index');
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('doc', 'e', '{1}', metric => 'manhattan')$$, '22023',
    'unknown metric "manhattan"', 'an unknown metric');

SELECT * FROM finish();
