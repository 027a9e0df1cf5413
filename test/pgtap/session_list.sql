-- session_list and session_get_active_count: pages, users, agents, the living and the others.
\ir lib/session.sql
SELECT plan(46);
CREATE TABLE made AS SELECT n, s.id FROM generate_series(1, 25) AS n,
    stash.session_create(CASE WHEN n % 5 = 0 THEN 'bob' WHEN n % 7 <> 0 THEN 'alice' END, CASE WHEN n % 2 = 0 THEN 'phone' END, to_jsonb(n)) AS s;
-- Who is who: 10, 20 … of bob; 7, 14, 21 of nobody; even ones by phone.

-- Filters
SELECT results_eq($$SELECT id FROM stash.session_list()$$, $$SELECT id FROM made ORDER BY id DESC$$, 'all, the newest first');
SELECT results_eq($$SELECT id FROM stash.session_list('bob')$$, $$SELECT id FROM made WHERE n % 5 = 0 ORDER BY id DESC$$, 'of a user');
SELECT results_eq($$SELECT id FROM stash.session_list(agent_id => 'phone')$$, $$SELECT id FROM made WHERE n % 2 = 0 ORDER BY id DESC$$, 'of an agent');
SELECT results_eq($$SELECT id FROM stash.session_list('bob', 'phone')$$, $$SELECT id FROM made WHERE n % 10 = 0 ORDER BY id DESC$$, 'of both');
SELECT is((SELECT count(*) FROM stash.session_list(given)), 0::bigint, format('no user "%s"', given)) FROM unnest(ARRAY['nobody', '', 'BOB', 'bo%']) AS given;
SELECT results_eq($$SELECT * FROM stash.session_list()$$, $$SELECT s.* FROM made AS m, stash.session_get(m.id) AS s ORDER BY m.id DESC$$,
    'a row is what session_get shows');
SELECT is((SELECT array_agg(DISTINCT data ORDER BY data) FROM stash.session_list('bob')), '{5,10,15,20,25}'::jsonb[], 'with its data');

-- Pages
CREATE FUNCTION pages(size int, user_id text DEFAULT NULL) RETURNS TABLE (id uuid, page int) LANGUAGE plpgsql AS $$
DECLARE
    last uuid;
    number int := 0;
BEGIN
    LOOP
        number := number + 1;
        RETURN QUERY SELECT l.id, number FROM stash.session_list(pages.user_id, after => last, max_rows => size) AS l;
        EXIT WHEN NOT FOUND;
        SELECT l.id INTO last FROM stash.session_list(pages.user_id, after => last, max_rows => size) AS l ORDER BY l.id LIMIT 1;
    END LOOP;
END $$;
SELECT results_eq(format('SELECT id FROM pages(%s)', size), 'SELECT id FROM made ORDER BY id DESC', 'in pages of ' || size)
FROM unnest(ARRAY[1, 4, 5, 24, 25, 26]) AS size;
SELECT is((SELECT max(page) FROM pages(4)), 7, 'seven of four');
SELECT results_eq($$SELECT id FROM pages(2, 'bob')$$, $$SELECT id FROM made WHERE n % 5 = 0 ORDER BY id DESC$$, 'of a user');
SELECT is_empty($$SELECT id FROM stash.session_list(after => '00000000-0000-0000-0000-000000000000')$$, 'after the oldest');
SELECT is((SELECT count(*) FROM stash.session_list(after => 'ffffffff-ffff-ffff-ffff-ffffffffffff')), 25::bigint, 'after an id that no session has');
SELECT id AS middle FROM made WHERE n = 12 \gset
SELECT count(*) AS older FROM made WHERE id < :'middle' \gset
SELECT stash.session_delete(:'middle');
SELECT is((SELECT count(*) FROM stash.session_list(after => :'middle')), :older::bigint, 'after one that has ended meanwhile');
DELETE FROM made WHERE n = 12;

-- max_rows
SELECT stash.session_create('many', data => to_jsonb(n)) FROM generate_series(1, 120) AS n;
SELECT is((SELECT count(*) FROM stash.session_list('many')), 100::bigint, 'a hundred unless told');
SELECT is((SELECT count(*) FROM stash.session_list('many', max_rows => 10000)), 120::bigint, 'ten thousand at most');
SELECT raises(format('SELECT * FROM stash.session_list(max_rows => %s)', bad), '22023', '%after%', 'max_rows ' || bad)
FROM unnest(ARRAY['0', '-1', '10001', 'NULL']) AS bad;

-- Counts
SELECT is(stash.session_get_active_count(u, a), n::bigint, format('count of user %s, agent %s', coalesce(u, 'any'), coalesce(a, 'any'))) FROM (VALUES
    (NULL, NULL, 144), ('bob', NULL, 5), (NULL, 'phone', 11), ('bob', 'phone', 2), ('many', NULL, 120), ('nobody', NULL, 0), ('', NULL, 0)) AS c (u, a, n);

-- active: within the limits or not. Uncommitted, so that the worker does not reap them.
BEGIN;
SELECT id AS living FROM stash.session_create('carol', 'x') \gset
SELECT id AS expired FROM stash.session_create('carol', 'x', ttl => 1e-9) \gset
SELECT id AS idle FROM stash.session_create('carol', 'x', idle_ttl => 1e-9) \gset
SELECT id AS used FROM stash.session_create('carol', 'x', idle_ttl => 1000) \gset
SELECT id AS extended FROM stash.session_create('carol', 'x', ttl => 1000) \gset
SELECT is((SELECT array_agg(id) FROM stash.session_list('carol', max_rows => 100) WHERE id = ANY (ARRAY[:'expired', :'idle']::uuid[])), NULL,
    'active unless told');
CREATE FUNCTION listed(active boolean) RETURNS uuid[] LANGUAGE sql AS $$
    SELECT array_agg(id ORDER BY id) FROM stash.session_list('carol', 'x', active)$$;
CREATE FUNCTION sorted(VARIADIC ids uuid[]) RETURNS uuid[] LANGUAGE sql AS $$SELECT array_agg(i ORDER BY i) FROM unnest(ids) AS i$$;
SELECT is(listed(true), sorted(:'living', :'used', :'extended'), 'those within their limits');
SELECT is(listed(false), sorted(:'expired', :'idle'), 'those beyond');
SELECT is(listed(NULL), sorted(:'living', :'expired', :'idle', :'used', :'extended'), 'both');
SELECT is(stash.session_get_active_count('carol'), 3::bigint, 'the count is of those within');
-- The freshest touch decides, wherever it stands
UPDATE stash.session SET created_at = created_at - interval '1 day', seen_at = seen_at - interval '1 day' WHERE id = :'used';
UPDATE stash.session_touch SET touched_at = touched_at - interval '1 day' WHERE id = :'used';
SELECT is(listed(true), sorted(:'living', :'extended'), 'used a day ago');
UPDATE stash.session_touch SET touched_at = now() WHERE id = :'used';
SELECT is(listed(true), sorted(:'living', :'used', :'extended'), 'a touch that was written down');
UPDATE stash.session_touch SET touched_at = now() - interval '1 day' WHERE id = :'used';
UPDATE stash.session SET seen_at = now() WHERE id = :'used';
SELECT is(listed(true), sorted(:'living', :'used', :'extended'), 'that of the row');
SELECT stash.session_touch(:'used');
UPDATE stash.session SET seen_at = now() - interval '1 day' WHERE id = :'used';
SELECT is(listed(true), sorted(:'living', :'used', :'extended'), 'one that only memory knows');
SELECT is(stash.session_get_active_count('carol', 'x'), 3::bigint, 'the count knows it, too');
SELECT is((SELECT id FROM stash.session_get(:'used')), :'used', 'as session_get does');
ROLLBACK;
SELECT is_empty($$SELECT id FROM stash.session_list('carol', active => NULL)$$, 'nothing is left of a transaction that failed');

SELECT * FROM finish();
