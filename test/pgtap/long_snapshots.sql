-- Procedures that commit, cursors, WITH HOLD cursors: values that are older than the transaction.
SELECT plan(17);
SET stash.blind_fill_guard = 0;
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'old'), (2, 'old');
SELECT stash.cache_invalidate_on('t', 't:{id}');
CREATE FUNCTION store(k text, v text, i int) RETURNS boolean LANGUAGE sql AS
    $$SELECT stash.cache_set(k, to_jsonb(v), tags => ARRAY['t:' || i], fresh => true) IS NOT NULL$$;

-- A procedure that commits: its first snapshot lives on
CREATE PROCEDURE commits(OUT stored boolean, OUT seen jsonb) LANGUAGE plpgsql AS $$
DECLARE
    before text;
BEGIN
    SELECT v INTO before FROM t WHERE id = 1;
    COMMIT;
    UPDATE t SET v = 'new' WHERE id = 1;
    COMMIT;
    stored := store('k', before, 1);
    COMMIT;
    seen := stash.cache_get('k');
END $$;
CALL commits(NULL, NULL) \gset
SELECT ok(NOT :'stored', 'after COMMIT in a procedure: what it read before is refused');
SELECT is(stash.cache_get('k'), NULL, 'and not stored');
CREATE PROCEDURE loops(OUT stored int) LANGUAGE plpgsql AS $$
BEGIN
    stored := 0;
    FOR i IN 1..20 LOOP
        UPDATE t SET v = 'round ' || i WHERE id = 2;
        PERFORM stash.cache_set('loop', to_jsonb('round ' || i), tags => '{t:2}', fresh => true);
        COMMIT;
        IF stash.cache_get('loop') IS NOT NULL AND stash.cache_get('loop') <> to_jsonb('round ' || i) THEN stored := stored + 1; END IF;
    END LOOP;
END $$;
CALL loops(NULL) \gset
SELECT is(:'stored'::text, '0', 'a loop of updates, sets and commits never reads an older round');
CREATE PROCEDURE rolls_back(OUT kept jsonb) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stash.cache_set('p', '"committed"');
    COMMIT;
    PERFORM stash.cache_set('p', '"rolled back"');
    ROLLBACK;
    kept := stash.cache_get('p');
END $$;
CALL rolls_back(NULL) \gset
SELECT is(:'kept'::text, '"committed"', 'COMMIT and ROLLBACK in a procedure');

-- A cursor that was opened before the transaction's own change
BEGIN;
DECLARE c CURSOR FOR SELECT store('c' || id, v, id) AS stored FROM t ORDER BY id;
UPDATE t SET v = 'newer' WHERE id = 1;
FETCH c \gset one_
FETCH c \gset two_
COMMIT;
SELECT ok(NOT :'one_stored', 'a cursor older than the change may not store what changed');
SELECT ok(:'two_stored', 'but what did not');
SELECT is(stash.cache_get('c1'), NULL, 'nothing of the one');
SELECT is(stash.cache_get('c2'), '"round 20"', 'the other');
BEGIN;
UPDATE t SET v = 'newest' WHERE id = 1;
DECLARE c CURSOR FOR SELECT store('c' || id, v, id) AS stored FROM t WHERE id = 1;
FETCH c \gset
COMMIT;
SELECT ok(:'stored', 'one that was opened after the change may');
SELECT is(stash.cache_get('c1'), '"newest"', 'and it is stored');
BEGIN;
DECLARE c CURSOR FOR SELECT stash.cache_set('d', to_jsonb(v), fresh => true) IS NOT NULL AS stored FROM t WHERE id = 1;
SELECT stash.cache_delete('d');
FETCH c \gset
COMMIT;
SELECT ok(NOT :'stored', 'the same with cache_delete');
BEGIN;
DECLARE c CURSOR FOR SELECT store('e', v, id) AS stored FROM t WHERE id = 1;
SAVEPOINT one;
UPDATE t SET v = 'undone' WHERE id = 1;
ROLLBACK TO one;
FETCH c \gset
COMMIT;
SELECT ok(:'stored', 'a change that was rolled back does not count');
SELECT is(stash.cache_get('e'), '"newest"', 'what the cursor read is stored');

-- WITH HOLD: the values are older than any transaction that fetches them
SELECT lease FROM stash.cache_get_lease('held', 60) \gset
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT v FROM t WHERE id = 1;
COMMIT;
FETCH held \gset
SELECT stash.cache_set('held', to_jsonb(:'v'::text), tags => '{t:1}', lease => :'lease') IS NOT NULL AS stored \gset
SELECT ok(:'stored', 'a WITH HOLD cursor with a lease that was taken before');
CLOSE held;
SELECT stash.cache_delete('held');
SELECT lease FROM stash.cache_get_lease('held', 60) \gset
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT v FROM t WHERE id = 1;
COMMIT;
UPDATE t SET v = 'changed since' WHERE id = 1;
FETCH held \gset
SELECT stash.cache_set('held', to_jsonb(:'v'::text), tags => '{t:1}', lease => :'lease') IS NULL AS refused \gset
SELECT ok(:'refused', 'is refused when the row has changed since');
SELECT is(:'v'::text, 'newest', 'for what it holds is old');
SELECT is(stash.cache_get('held'), NULL, 'and stays out');

SELECT * FROM finish();
