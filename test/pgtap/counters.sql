-- Counters.
\ir lib/raises.sql
SELECT plan(14);
-- pgTAP writes data of its own; which sets are blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
SELECT stash.cache_incr('n') AS done \gset
SELECT is(:'done'::text, '1', 'a counter begins with by');
SELECT stash.cache_incr('n', 41) AS done \gset
SELECT is(:'done'::text, '42', 'and adds');
SELECT stash.cache_incr('n', 0) AS done \gset
SELECT is(:'done'::text, '42', 'nothing');
SELECT stash.cache_incr('n', -50) AS done \gset
SELECT is(:'done'::text, '-8', 'or takes away');
SELECT is(stash.cache_get('n'), '-8', 'cache_get returns a number');
SELECT is(jsonb_typeof(stash.cache_get('n')), 'number', 'a JSON number');
SELECT results_eq($$SELECT kind, value, tags FROM stash.cache_get_entry('n')$$,
    $$VALUES ('counter', '-8'::jsonb, '{}'::text[])$$, 'cache_get_entry');
SELECT stash.cache_incr('max', 9223372036854775807) AS done \gset
SELECT is(:'done'::text, '9223372036854775807', 'the largest');
SELECT raises($$SELECT stash.cache_incr('max')$$, '22003', '%cache_delete%', 'one more is out of range');
SELECT is(stash.cache_get('max'), '9223372036854775807', 'and changes nothing');
SELECT stash.cache_incr('min', -9223372036854775808) AS done \gset
SELECT is(:'done'::text, '-9223372036854775808', 'the smallest');
SELECT raises($$SELECT stash.cache_incr('min', -1)$$, '22003', '_%', 'one less is out of range');
SELECT stash.cache_set('n', '"text"') IS NOT NULL AS done \gset
SELECT ok(:'done', 'a set replaces a counter');
SELECT is(stash.cache_get('n'), '"text"', 'by its value');
SELECT * FROM finish();
