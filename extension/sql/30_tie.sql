-- Ties: committed row changes invalidate tags.

CREATE FUNCTION stash.cache_invalidate_row() RETURNS trigger
AS 'MODULE_PATHNAME', 'stash_cache_invalidate_row' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION stash.cache_invalidate_row() IS
'Row trigger of stash.cache_invalidate_on; arguments: tag template, namespace';

CREATE FUNCTION stash.cache_invalidate_truncate() RETURNS trigger
AS 'MODULE_PATHNAME', 'stash_cache_invalidate_truncate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION stash.cache_invalidate_truncate() IS
'TRUNCATE trigger of stash.cache_invalidate_on; arguments: tag template, namespace';

CREATE FUNCTION stash.cache_invalidate_on(
    relation regclass, tag_template text, namespace text DEFAULT 'default')
RETURNS void AS 'MODULE_PATHNAME', 'stash_cache_invalidate_on'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION stash.cache_invalidate_on(regclass, text, text) IS
'Ties cache tags to a table: every committed change of a row invalidates the tags that the template gives its old and its new image, as in ''user:{id}''; TRUNCATE, ALTER TABLE, ATTACH, DETACH and DROP invalidate all of them. Needs the table''s owner. A table may have several ties; the same one twice is one. Errors: 42809 not a table (views, materialized views, foreign tables); 42703 unknown column; 22023 malformed template.';

CREATE FUNCTION stash.cache_invalidate_off(relation regclass)
RETURNS boolean AS 'MODULE_PATHNAME', 'stash_cache_invalidate_off'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION stash.cache_invalidate_off(regclass) IS
'Ends all ties of a table. Returns whether there were any.';
