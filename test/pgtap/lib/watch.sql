-- What a statement on a tied table invalidates: fill() stores one entry for each tag (and an untagged
-- one), gone() names the tags whose entries are gone.
SET stash.blind_fill_guard = 0;
CREATE FUNCTION fill(VARIADIC tags text[]) RETURNS void LANGUAGE sql AS $$
    SELECT stash.cache_clear();
    SELECT stash.cache_set(key => 'of ' || t, value => '1', tags => ARRAY[t], fresh => true) FROM unnest(tags) AS t;
    SELECT stash.cache_set('untagged', '1', fresh => true)$$;
CREATE FUNCTION gone(VARIADIC tags text[]) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(t, ' ' ORDER BY n), 'none') || CASE WHEN stash.cache_exists('untagged') THEN '' ELSE ' and all' END
    FROM unnest(tags) WITH ORDINALITY AS x (t, n) WHERE NOT stash.cache_exists('of ' || t)$$;
-- Runs a statement and says what it took away.
CREATE FUNCTION changed(statement text, description text, expected text, VARIADIC tags text[])
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN is(gone(VARIADIC tags), expected, description);
END $$;
