-- Columns of pgvector's types, where it can be had.
SELECT count(*) > 0 AS there FROM pg_available_extensions WHERE name = 'vector' \gset
\if :there
SELECT plan(7);
CREATE EXTENSION vector;
SELECT setseed(0.3) \g /dev/null
CREATE TABLE doc (id integer PRIMARY KEY, e real[], v vector, h halfvec(30));
INSERT INTO doc SELECT i, e, e::vector, e::halfvec
    FROM (SELECT i, (SELECT array_agg((random() - 0.5)::real) FROM generate_series(1, 30) WHERE i = i) AS e
          FROM generate_series(1, 500) AS i) AS s;
SELECT array_agg(sin(n))::float8[] AS query FROM generate_series(1, 30) AS n \gset
SELECT results_eq(
    format($$SELECT (id->>'id')::integer FROM stash.vector_search_local('doc', 'v', %L, 10, metric => %L)$$, :'query', m),
    format($$SELECT id FROM doc ORDER BY v %s %L::float8[]::vector LIMIT 10$$, op, :'query'), 'vector, ' || m)
    FROM (VALUES ('cosine', '<=>'), ('inner_product', '<#>'), ('l2', '<->')) AS v (m, op);
SELECT results_eq(
    format($$SELECT (id->>'id')::integer FROM stash.vector_search_local('doc', 'h', %L, 10)$$, :'query'),
    format($$SELECT id FROM doc ORDER BY h::vector <=> %L::float8[]::vector LIMIT 10$$, :'query'), 'halfvec');
SELECT is_empty(
    format($$SELECT 1 FROM stash.vector_search_local('doc', 'v', %L, 10) AS s JOIN doc AS d ON d.id = (s.id->>'id')::integer
      WHERE abs(s.distance - (d.v <=> %L::float8[]::vector)) > 1e-6$$, :'query', :'query'), 'the same distances');
INSERT INTO doc VALUES (1000, NULL, '[1,2]', NULL);
SELECT results_eq($$SELECT id->'id' FROM stash.vector_search_local('doc', 'v', '{1,2}')$$, $$VALUES ('1000'::jsonb)$$,
    'vectors of several lengths in a column');
CREATE TABLE sparse (id integer, v sparsevec(5));
SELECT throws_ok($$SELECT * FROM stash.vector_search_local('sparse', 'v', '{1,2}')$$, '42804', NULL, 'sparsevec');
\else
SELECT plan(1);
SELECT skip('pgvector is not installed', 1);
\endif
SELECT * FROM finish();
