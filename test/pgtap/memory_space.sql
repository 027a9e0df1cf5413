-- Space that a clean-up gives back is used again: after a vacuum as many versions with new content take
-- about the pages that the first ones took.
\ir lib/memory.sql
SELECT plan(12);
CREATE FUNCTION fill(round text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(put('agent ' || g % 20, jsonb_build_object('n', g, 'messages', (
        SELECT jsonb_agg(repeat(md5(round || m || ' ' || g % 20), 12)) FROM generate_series(g / 20, g / 20 + 3) AS m))))
    FROM generate_series(1, 4000) AS g $$;
CREATE FUNCTION pages() RETURNS TABLE (relation text, pages bigint) LANGUAGE sql AS $$
    SELECT c.relname, pg_relation_size(c.oid) / current_setting('block_size')::integer FROM pg_class AS c
    WHERE c.relnamespace = 'stash'::regnamespace AND c.relname ~ '^memory_(version|part)' AND c.relkind IN ('r', 'i') $$;
CREATE PROCEDURE expect_collected() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stash.memory_collect();
    FOR i IN 1..100 LOOP
        COMMIT;
        EXIT WHEN NOT EXISTS (SELECT FROM stash.memory_discard);
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;

SELECT is(fill('first '), 4000::bigint, 'many versions');
VACUUM stash.memory_version, stash.memory_part;
CREATE TABLE first AS SELECT * FROM pages();
CREATE TABLE parts AS SELECT count(*) AS n FROM stash.memory_part;
SELECT cmp_ok((SELECT sum(pages) FROM first), '>', 200::numeric, 'that take many pages');
SELECT is((SELECT versions FROM stash.memory_snapshot_cleanup(keep_last => 2)), 3960::bigint, 'are cleaned up');
CALL expect_collected();
SELECT is((SELECT count(*) FROM stash.memory_discard), 0::bigint, 'and collected');
SELECT cmp_ok((SELECT count(*) FROM stash.memory_part), '<', (SELECT n / 20 FROM parts), 'with their parts');
-- Pages of indexes that one vacuum empties are free once a transaction later another one has looked.
VACUUM stash.memory_version, stash.memory_part;
SELECT pg_current_xact_id() \g /dev/null
VACUUM stash.memory_version, stash.memory_part;
SELECT is(fill('second '), 4000::bigint, 'as many others');
SELECT cmp_ok((SELECT count(*) FROM stash.memory_part), '>=', (SELECT n FROM parts), 'whose parts are new');
SELECT diag(string_agg(p.relation || ' ' || f.pages || ' → ' || p.pages, ', ' ORDER BY p.pages DESC))
    FROM pages() AS p JOIN first AS f USING (relation) WHERE f.pages > 10;
SELECT cmp_ok((SELECT sum(pages) FROM pages()), '<=', (SELECT sum(pages) * 1.2 FROM first), 'take the space that was given back');
SELECT is_empty('SELECT relation, f.pages, p.pages FROM pages() AS p JOIN first AS f USING (relation) WHERE p.pages > f.pages * 1.3 + 4', 'in each table and index');
SELECT * FROM sound('in the end');
SELECT * FROM finish();
