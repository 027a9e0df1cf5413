-- The cache: keys. Every function takes the namespace last. ttl is in seconds: NULL stands for the
-- namespace's default, 'infinity' for never. A miss is SQL NULL; a JSON null is a value.

CREATE FUNCTION stash.cache_set(
    key text, value jsonb, ttl double precision DEFAULT NULL, tags text[] DEFAULT NULL,
    if_version bigint DEFAULT NULL, lease text DEFAULT NULL, fresh boolean DEFAULT false,
    namespace text DEFAULT 'default')
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_cache_set'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION stash.cache_set(text, jsonb, double precision, text[], bigint, text, boolean, text) IS
'Stores a value when the transaction commits. Returns its version, or NULL when the set is refused: its data may be older than a committed change of the key or a tag. fresh => true: I read or wrote this data in this transaction. lease: from cache_get_lease. if_version: only if the key has this version now (0: does not exist); of two transactions one fails with 40001. Errors: 22004 null key, value or tag; 22023 empty key, bad ttl or lease; 54000 key, value or tags too large; 42704 unknown namespace; 42501 not allowed. O(size + tags).';

CREATE FUNCTION stash.cache_set_bytes(
    key text, value bytea, ttl double precision DEFAULT NULL, tags text[] DEFAULT NULL,
    if_version bigint DEFAULT NULL, lease text DEFAULT NULL, fresh boolean DEFAULT false,
    namespace text DEFAULT 'default')
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_cache_set_bytes'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION stash.cache_set_bytes(text, bytea, double precision, text[], bigint, text, boolean, text) IS
'cache_set for opaque bytes; read them with cache_get_bytes';

CREATE FUNCTION stash.cache_get(key text, namespace text DEFAULT 'default')
RETURNS jsonb AS 'MODULE_PATHNAME', 'stash_cache_get'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10;
COMMENT ON FUNCTION stash.cache_get(text, text) IS
'The value of a key, NULL when there is none that this transaction may see. A counter is returned as a number. Errors: 22004 null key; 22023 empty key; 42804 the key holds bytes; 42704 unknown namespace; 42501 not allowed. O(size).';

CREATE FUNCTION stash.cache_get_bytes(key text, namespace text DEFAULT 'default')
RETURNS bytea AS 'MODULE_PATHNAME', 'stash_cache_get_bytes'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10;
COMMENT ON FUNCTION stash.cache_get_bytes(text, text) IS
'The bytes of a key, NULL when there is none. Error 42804 when the key holds jsonb or a counter.';

CREATE FUNCTION stash.cache_get_many(keys text[], namespace text DEFAULT 'default')
RETURNS jsonb[] AS 'MODULE_PATHNAME', 'stash_cache_get_many'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION stash.cache_get_many(text[], text) IS
'The values of many keys in the order asked, NULL for a miss. O(keys).';

CREATE FUNCTION stash.cache_get_entry(
    key text, namespace text DEFAULT 'default',
    OUT kind text, OUT value jsonb, OUT version bigint, OUT tags text[],
    OUT expires_at timestamptz, OUT ttl_left double precision, OUT hits bigint)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_cache_get_entry'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 20 ROWS 1;
COMMENT ON FUNCTION stash.cache_get_entry(text, text) IS
'A key with all that is known of it; no row when there is none. kind: jsonb, bytes (value is NULL: use cache_get_bytes) or counter. expires_at and ttl_left (seconds) are NULL when it never expires. hits is exact up to 64, sampled beyond.';

CREATE FUNCTION stash.cache_exists(key text, namespace text DEFAULT 'default')
RETURNS boolean AS 'MODULE_PATHNAME', 'stash_cache_exists'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10;
COMMENT ON FUNCTION stash.cache_exists(text, text) IS 'Whether cache_get would find the key.';

CREATE FUNCTION stash.cache_set_many(
    keys text[], items jsonb[], ttl double precision DEFAULT NULL, tags text[] DEFAULT NULL,
    fresh boolean DEFAULT false, namespace text DEFAULT 'default')
RETURNS integer AS 'MODULE_PATHNAME', 'stash_cache_set_many'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION stash.cache_set_many(text[], jsonb[], double precision, text[], boolean, text) IS
'cache_set for many keys in one call. Returns how many were accepted. Error 2202E when the arrays differ in length. O(keys).';

CREATE FUNCTION stash.cache_set_entries(
    entries jsonb, ttl double precision DEFAULT NULL, tags text[] DEFAULT NULL,
    fresh boolean DEFAULT false, namespace text DEFAULT 'default')
RETURNS integer AS 'MODULE_PATHNAME', 'stash_cache_set_entries'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION stash.cache_set_entries(jsonb, double precision, text[], boolean, text) IS
'cache_set for each member of a JSON object. Returns how many were accepted. O(keys).';

CREATE FUNCTION stash.cache_add(
    key text, value jsonb, ttl double precision DEFAULT NULL, tags text[] DEFAULT NULL,
    namespace text DEFAULT 'default')
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_cache_add'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION stash.cache_add(text, jsonb, double precision, text[], text) IS
'cache_set for a key that does not exist. NULL when it does, or the set is refused; of two transactions that add it one fails with 40001.';

CREATE FUNCTION stash.cache_incr(
    key text, by bigint DEFAULT 1, ttl double precision DEFAULT NULL,
    namespace text DEFAULT 'default')
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_cache_incr'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10;
COMMENT ON FUNCTION stash.cache_incr(text, bigint, double precision, text) IS
'Adds to a counter and returns its new value, atomically and at once: like a sequence, it is not rolled back. A key that does not exist is created with the ttl; an existing counter keeps its own. Errors: 42804 the key is no counter; 22003 out of range of bigint.';

CREATE FUNCTION stash.cache_touch(
    key text, ttl double precision DEFAULT NULL, namespace text DEFAULT 'default')
RETURNS boolean AS 'MODULE_PATHNAME', 'stash_cache_touch'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION stash.cache_touch(text, double precision, text) IS
'Gives a key a new ttl, counted from now, when the transaction commits. False when there is no such key.';

CREATE FUNCTION stash.cache_delete(key text, namespace text DEFAULT 'default')
RETURNS boolean AS 'MODULE_PATHNAME', 'stash_cache_delete'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION stash.cache_delete(text, text) IS
'Deletes a key when the transaction commits; values that were read before that are refused. Returns whether the key was there.';

CREATE FUNCTION stash.cache_get_lease(
    key text, lease_ttl double precision DEFAULT 10, stale_ttl double precision DEFAULT 0,
    namespace text DEFAULT 'default',
    OUT value jsonb, OUT state text, OUT lease text, OUT version bigint)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_cache_get_lease'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 20 ROWS 1;
COMMENT ON FUNCTION stash.cache_get_lease(text, double precision, double precision, text) IS
'A value, or the right to compute it. state: hit (value); miss (nobody has it: compute it and pass the lease to cache_set within lease_ttl seconds); stale (somebody computes it; value died less than stale_ttl seconds ago); wait (somebody computes it, there is no value). Any invalidation of the key or a tag voids the lease.';

CREATE FUNCTION stash.cache_fetch(
    key text, query text, args text[] DEFAULT NULL, ttl double precision DEFAULT NULL,
    tags text[] DEFAULT NULL, namespace text DEFAULT 'default')
RETURNS jsonb AS 'MODULE_PATHNAME', 'stash_cache_fetch'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION stash.cache_fetch(text, text, text[], double precision, text[], text) IS
'The value of a key; on a miss the single jsonb result of the query (args are its $1, $2, …), computed by one caller while the others wait up to stash.fetch_timeout, and stored. No row is NULL and is not stored. Runs with the caller''s rights; under row-level security values are kept per role, and not at all when a policy depends on more than the role. Errors: 21000 more than one row; 42804 not one jsonb column; 42P02 too few args.';

CREATE FUNCTION stash.cache_get_by_tags(
    tags text[], match_all boolean DEFAULT false, max_rows integer DEFAULT 1000,
    namespace text DEFAULT 'default', OUT key text, OUT value jsonb)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_cache_get_by_tags'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100 ROWS 100;
COMMENT ON FUNCTION stash.cache_get_by_tags(text[], boolean, integer, text) IS
'Keys that carry one of the tags (match_all: all of them) and their values, in no particular order. A class such as user:* stands for all tags that begin with user:. The value of bytes is NULL. O(rows), match_all: O(entries of the rarest tag).';

CREATE FUNCTION stash.cache_invalidate_tags(tags text[], namespace text DEFAULT 'default')
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_cache_invalidate_tags'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 20;
COMMENT ON FUNCTION stash.cache_invalidate_tags(text[], text) IS
'Invalidates all entries that carry one of the tags when the transaction commits. user:* stands for all tags that begin with user:. Returns how many entries carry one of them now (with several large tags, an entry may count for each). O(tags), however many entries there are.';

CREATE FUNCTION stash.cache_delete_prefix(prefix text, namespace text DEFAULT 'default')
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_cache_delete_prefix'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION stash.cache_delete_prefix(text, text) IS
'Deletes all keys that begin with the prefix when the transaction commits. Returns how many there are now. O(entries of the store); where it is done often, use a tag.';

CREATE FUNCTION stash.cache_keys(
    pattern text DEFAULT NULL, cursor text DEFAULT NULL, max_rows integer DEFAULT 1000,
    namespace text DEFAULT 'default', OUT key text, OUT next_cursor text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_cache_keys'
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 1000 ROWS 1000;
COMMENT ON FUNCTION stash.cache_keys(text, text, integer, text) IS
'Keys that match a glob pattern (* ? [a-z], as in Redis; NULL: all), in no particular order, at most max_rows. For the next page pass the last row''s next_cursor; fewer rows than max_rows are the last page. A key that is there throughout is returned exactly once. Never blocks writers for long. O(entries of the store) for a whole scan.';

CREATE FUNCTION stash.cache_clear(namespace text DEFAULT 'default')
RETURNS bigint AS 'MODULE_PATHNAME', 'stash_cache_clear'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION stash.cache_clear(text) IS
'Invalidates a whole namespace when the transaction commits. Returns how many entries it holds now, with those that are dead and wait to be reclaimed. O(1).';
