
-- The namespaces of the cache. Private to the extension's owner: applications use the functions.
CREATE TABLE stash.cache_namespace (
    name text COLLATE "C" PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 63),
    max_bytes bigint CHECK (max_bytes > 0),
    default_ttl double precision CHECK (default_ttl > 0),
    strict boolean NOT NULL DEFAULT false,
    roles text[] CHECK (cardinality(roles) <= 16)
);
COMMENT ON TABLE stash.cache_namespace IS
'Configuration of the cache namespaces; changed by stash.cache_namespace_create, _alter and _drop';
-- The namespace "default" is there without a row, so that a dump carries what users made and changed.
SELECT pg_catalog.pg_extension_config_dump('stash.cache_namespace', '');
