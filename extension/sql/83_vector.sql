-- Exact search over embeddings, with nothing beside the database.
--
-- Embeddings come in as double precision[]: that is what drivers send for an array of numbers, and
-- real[] converts to it by itself, while the reverse would need a cast in every call.

CREATE FUNCTION stash.vector_distance(a double precision[], b double precision[], metric text DEFAULT 'cosine')
RETURNS double precision AS 'MODULE_PATHNAME', 'stash_vector_distance'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION stash.vector_distance(double precision[], double precision[], text) IS
'The distance of two embeddings, in double precision. metric: cosine (1 - cos, 0 to 2; 1 when one of them is all zeros), inner_product or dot (minus the inner product), l2 (Euclidean), l2-squared. NULL when an argument is NULL. Errors: 22004 an element is NULL; 22023 empty, of several dimensions, of different lengths, NaN, infinity or beyond the range of real in it, unknown metric. O(length).';

CREATE FUNCTION stash.vector_search_local(
    relation regclass, embedding_column text, embedding double precision[],
    max_rows integer DEFAULT 10, filter jsonb DEFAULT NULL, metric text DEFAULT 'cosine',
    max_distance double precision DEFAULT NULL, property_columns text[] DEFAULT NULL,
    OUT id jsonb, OUT distance double precision, OUT score double precision, OUT properties jsonb,
    OUT engine text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_vector_search_local'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION stash.vector_search_local(regclass, text, double precision[], integer, jsonb, text, double precision, text[]) IS
'The max_rows rows (1 to 10000) of a table, partitioned table, view, materialized view or foreign table whose embeddings are nearest, the nearest first, found by comparing all. embedding_column: of type real[], double precision[], or pgvector''s vector or halfvec. filter: which rows count, see docs/search.md; NULL for all. metric: as for stash.vector_distance. max_distance: rows farther away are left out; NULL for no limit. property_columns: what properties shows, NULL for all columns but the embedding. id: the primary key as {"column": value}; NULL where there is none. score: the more the better: 1 - distance / 2 for cosine, the inner product, or 1 / (1 + distance). engine: ''local''. Runs with the caller''s rights, row security included. Rows whose embedding is NULL, of another number of dimensions, or has NULL or NaN in it are left out. Errors: 22004 a NULL argument or element; 22023 bad embedding, max_rows, metric or filter, or no row has an embedding of so many dimensions though some have others; 42501; 42703 unknown column or property; 42804 type of a column or of a value in the filter; 42809 no relation with rows; 54001 filter too large. O(rows * dimensions).';
