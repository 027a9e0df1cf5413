-- Savepoints, nested, and the sub-transactions of plpgsql's EXCEPTION.
SELECT plan(20);
-- pgTAP writes data of its own; which sets are blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
CREATE FUNCTION shown(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS
    $$SELECT string_agg(coalesce(value #>> '{}', '-'), ' ' ORDER BY nr)
      FROM unnest(stash.cache_get_many(keys)) WITH ORDINALITY AS v (value, nr)$$;
CREATE TABLE notes (id int);

BEGIN;
SELECT stash.cache_set('a', '1');
SAVEPOINT one;
SELECT stash.cache_set('a', '2'), stash.cache_set('b', '2');
SAVEPOINT two;
SELECT stash.cache_set('a', '3'), stash.cache_delete('b'), stash.cache_set('c', '3');
SELECT is(shown('a', 'b', 'c'), '3 - 3', 'the innermost is read');
ROLLBACK TO two;
SELECT is(shown('a', 'b', 'c'), '2 2 -', 'back by one');
SELECT stash.cache_set('c', '4');
RELEASE two;
SELECT is(shown('a', 'b', 'c'), '2 2 4', 'released');
ROLLBACK TO one;
SELECT is(shown('a', 'b', 'c'), '1 - -', 'a released savepoint goes with its parent');
SELECT stash.cache_set('d', '5');
COMMIT;
SELECT is(shown('a', 'b', 'c', 'd'), '1 - - 5', 'what was not rolled back is stored');

-- Invalidations roll back, too
SELECT stash.cache_set_many('{t1,t2,p1}', '{1,2,3}', tags => '{user:1}', fresh => true);
BEGIN;
INSERT INTO notes VALUES (1);
SAVEPOINT one;
SELECT stash.cache_invalidate_tags('{user:1}'), stash.cache_delete_prefix('p'), stash.cache_clear();
SELECT is(shown('t1', 'p1', 'a'), '- - -', 'invalidated within the savepoint');
ROLLBACK TO one;
SELECT is(shown('t1', 'p1', 'a'), '1 3 1', 'not after it');
COMMIT;
SELECT is(shown('t1', 't2', 'p1', 'a'), '1 2 3 1', 'and not at commit');
BEGIN;
SELECT stash.cache_set('t3', '3', tags => '{user:1}', fresh => true);
SAVEPOINT one;
SELECT stash.cache_invalidate_tags('{user:1}');
SELECT is(shown('t3'), '-', 'the invalidation kills the set before it');
ROLLBACK TO one;
SELECT is(shown('t3'), '3', 'until it is rolled back');
COMMIT;
SELECT is(shown('t1', 't3'), '1 3', 'stored');

-- plpgsql
DO $$
BEGIN
    PERFORM stash.cache_set('x', '1');
    BEGIN
        PERFORM stash.cache_set('x', '2'), stash.cache_set('y', '2'), stash.cache_delete('a');
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        PERFORM stash.cache_set('z', '3');
    END;
END $$;
SELECT is(shown('x', 'y', 'z', 'a'), '1 - 3 1', 'an EXCEPTION block undoes what its body did');
DO $$
BEGIN
    FOR i IN 1..300 LOOP
        BEGIN
            PERFORM stash.cache_set('loop' || i, to_jsonb(i));
            IF i % 3 = 0 THEN RAISE division_by_zero; END IF;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END LOOP;
END $$;
SELECT is((SELECT count(*) FROM stash.cache_keys('loop*')), 200::bigint, 'hundreds of blocks, a third of them undone');
SELECT is(shown('loop299', 'loop300', 'loop1'), '299 - 1', 'each by itself');
DO $$
BEGIN
    BEGIN
        FOR i IN 1..2000 LOOP
            PERFORM stash.cache_set('loop' || i, '"undone"');
            PERFORM stash.cache_invalidate_tags(ARRAY['tag:' || i]);
        END LOOP;
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
    PERFORM stash.cache_set('loop1', '"done"');
END $$;
SELECT is(shown('loop1', 'loop2', 'loop2000'), 'done 2 -', 'thousands of operations undone at once');
BEGIN;
SELECT stash.cache_set('s', '1');
SAVEPOINT one;
SELECT stash.cache_touch('s', 5);
ROLLBACK TO one;
SELECT ok((SELECT ttl_left > 100 FROM stash.cache_get_entry('s')), 'a touch is undone');
COMMIT;
SELECT ok((SELECT ttl_left > 100 FROM stash.cache_get_entry('s')), 'for good');
BEGIN;
SAVEPOINT one;
SELECT stash.cache_incr('n');
ROLLBACK TO one;
COMMIT;
SELECT is(shown('n'), '1', 'a counter is not');
BEGIN;
SAVEPOINT one;
SELECT stash.cache_add('added', '1');
ROLLBACK TO one;
SELECT stash.cache_add('added', '2') IS NOT NULL AS done \gset
SELECT ok(:'done', 'a cache_add that was undone is in nobody''s way');
COMMIT;
SELECT is(shown('added'), '2', 'and the second is stored');

SELECT * FROM finish();
