-- pg_stash is one extension; its functions live in the schema stash.
CREATE EXTENSION pg_stash;
SELECT stash.version();
