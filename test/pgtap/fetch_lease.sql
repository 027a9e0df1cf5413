-- cache_fetch within one session never waits for itself.
-- stash.fetch_timeout is an hour: whoever waits runs into statement_timeout.
SELECT plan(10);
SET stash.fetch_timeout = '1h';
SET statement_timeout = '1min';
CREATE SEQUENCE runs;

BEGIN;
DO $$BEGIN PERFORM stash.cache_fetch('k', 'SELECT to_jsonb(1 / 0)'); EXCEPTION WHEN division_by_zero THEN NULL; END$$;
SELECT stash.cache_fetch('k', 'SELECT to_jsonb(2)') AS got \gset
COMMIT;
SELECT is(:'got'::text, '2', 'after an error in a sub-transaction');
SELECT is(stash.cache_get('k'), '2', 'the second value is kept');

BEGIN;
SAVEPOINT one;
SELECT stash.cache_fetch('s', 'SELECT to_jsonb(1)');
ROLLBACK TO one;
SELECT stash.cache_fetch('s', 'SELECT to_jsonb(2)') AS got \gset
COMMIT;
SELECT is(:'got'::text, '2', 'after ROLLBACK TO');
SELECT is(stash.cache_get('s'), '2', 'the second value is kept');

BEGIN;
SELECT length(stash.cache_fetch('big', 'SELECT to_jsonb(repeat(''x'', 2000000))')::text) AS one,
    length(stash.cache_fetch('big', 'SELECT to_jsonb(repeat(''x'', 2000000))')::text) AS two \gset
COMMIT;
SELECT is(:'one'::text, '2000002', 'a value that is too large is returned');
SELECT is(:'two'::text, '2000002', 'and computed again by the next call');
SELECT ok(NOT stash.cache_exists('big'), 'not kept');

BEGIN;
SELECT stash.cache_fetch('tagged', 'SELECT to_jsonb(nextval(''runs''))', tags => '{t}') AS one \gset
SELECT stash.cache_invalidate_tags('{t}');
SELECT stash.cache_fetch('tagged', 'SELECT to_jsonb(nextval(''runs''))', tags => '{t}') AS two \gset
COMMIT;
SELECT is(:'one' || ' ' || :'two', '1 2', 'after its own invalidation it computes again');

BEGIN;
SELECT stash.cache_fetch('outer', $$SELECT jsonb_build_array(stash.cache_fetch('inner', 'SELECT to_jsonb(1)'))$$) AS got \gset
COMMIT;
SELECT is(:'got'::text, '[1]', 'a fetch within a fetch');
SELECT is(array_to_json(stash.cache_get_many('{inner,outer}'))::text, '[1,[1]]', 'both are kept');

SELECT * FROM finish();
