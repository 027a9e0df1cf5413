-- vector_distance: every metric, every error.
SELECT plan(28);

SELECT is(stash.vector_distance('{1,0}', '{0,2}'), 1::float8, 'cosine is the default');
SELECT is(stash.vector_distance('{1,0}', '{3,0}', 'cosine'), 0::float8, 'cosine knows no length');
SELECT is(stash.vector_distance('{1,0}', '{-3,0}', 'cosine'), 2::float8, 'cosine of opposites');
SELECT is(stash.vector_distance('{1,2,3}', '{4,5,6}', 'inner_product'), -32::float8, 'inner product');
SELECT is(stash.vector_distance('{1,2,3}', '{4,5,6}', 'dot'), -32::float8, 'by its other name');
SELECT is(stash.vector_distance('{1,2}', '{4,6}', 'l2'), 5::float8, 'l2');
SELECT is(stash.vector_distance('{1,2}', '{4,6}', 'l2-squared'), 25::float8, 'l2-squared');
SELECT is(stash.vector_distance('{0,0}', '{1,2}'), 1::float8, 'zeros have no direction');
SELECT is(stash.vector_distance(ARRAY[1, 0]::real[], ARRAY[0, 1]::real[]), 1::float8, 'real[] by itself');
SELECT cmp_ok(abs(stash.vector_distance('{1e-30,1e-30}', '{1e-30,0}') - (1 - sqrt(0.5))), '<', 1e-12::float8,
    'small numbers keep their direction');
SELECT is(stash.vector_distance(NULL, '{1}'), NULL, 'NULL gives NULL');
SELECT is(stash.vector_distance('{1}', '{1}', NULL), NULL, 'NULL metric gives NULL');

-- Against SQL: sums in double precision, in another order.
CREATE TABLE pairs AS
    SELECT n, (SELECT array_agg(random() - 0.5) FROM generate_series(1, n) WHERE n = n) AS a,
           (SELECT array_agg(random() - 0.5) FROM generate_series(1, n) WHERE n = n) AS b
    FROM generate_series(1, 300) AS n;
CREATE VIEW sums AS SELECT n, a, b, s.* FROM pairs, LATERAL (
    SELECT sum(x * y) AS dot, sum(x * x) AS aa, sum(y * y) AS bb, sum((x - y) ^ 2) AS squared
    FROM unnest(a, b) AS u (x, y)) AS s;
SELECT is_empty($$SELECT n FROM sums WHERE abs(stash.vector_distance(a, b) - (1 - dot / sqrt(aa * bb))) > 1e-12$$,
    'cosine as SQL computes it');
SELECT is_empty($$SELECT n FROM sums WHERE abs(stash.vector_distance(a, b, 'dot') + dot) > 1e-12$$,
    'inner product as SQL computes it');
SELECT is_empty($$SELECT n FROM sums WHERE abs(stash.vector_distance(a, b, 'l2') - sqrt(squared)) > 1e-12$$,
    'l2 as SQL computes it');
SELECT is_empty($$SELECT n FROM sums WHERE abs(stash.vector_distance(a, b, 'l2-squared') - squared) > 1e-12$$,
    'l2-squared as SQL computes it');

SELECT throws_ok($$SELECT stash.vector_distance('{1,2}', '{1,2,3}')$$, '22023',
    'embeddings of 2 and 3 dimensions have no distance', 'different lengths');
SELECT throws_ok($$SELECT stash.vector_distance('{}', '{1}')$$, '22023', 'a must not be empty', 'empty');
SELECT throws_ok($$SELECT stash.vector_distance('{{1},{2}}', '{1}')$$, '22023',
    'a must have one dimension', 'an array of arrays');
SELECT throws_ok($$SELECT stash.vector_distance('{1}', '{NULL}')$$, '22004',
    'b must not have null elements', 'a NULL element');
SELECT throws_ok($$SELECT stash.vector_distance('{1}', '{NaN}')$$, '22023',
    'b must hold finite numbers only', 'NaN');
SELECT throws_ok($$SELECT stash.vector_distance('{Infinity}', '{1}')$$, '22023',
    'a must hold finite numbers only', 'infinity');
SELECT throws_ok($$SELECT stash.vector_distance('{-Infinity}', '{1}')$$, '22023',
    'a must hold finite numbers only', 'minus infinity');
SELECT throws_ok($$SELECT stash.vector_distance('{1e39}', '{1}')$$, '22023',
    'a holds a number that is too large', 'beyond real');
SELECT throws_ok($$SELECT stash.vector_distance('{1}', '{1}', 'Cosine')$$, '22023',
    'unknown metric "Cosine"', 'an unknown metric');
SELECT throws_ok($$SELECT stash.vector_distance('{1}', '{1}', '')$$, '22023', 'unknown metric ""', 'no metric');
SELECT throws_ok($$SELECT stash.vector_distance(array_fill(1::float8, ARRAY[65536]), '{1}')$$, '22023',
    'a has 65536 numbers, more than 65535', 'too long');
SELECT lives_ok($$SELECT stash.vector_distance(array_fill(1::float8, ARRAY[65535]),
    array_fill(2::float8, ARRAY[65535]))$$, 'the longest');

SELECT * FROM finish();
