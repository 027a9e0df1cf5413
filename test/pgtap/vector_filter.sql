-- The filter of a search: every operator on every kind of column, against predicates in SQL.
SELECT plan(99);

CREATE TYPE mood AS ENUM ('calm', 'glad');
CREATE TABLE doc (
    id integer PRIMARY KEY, e real[], lang text, year integer, ratio real, price numeric, good boolean,
    born date, seen timestamptz, code uuid, mood mood, tags text[], sizes integer[], meta jsonb, plain json,
    short varchar(5), "or" integer, "a.b" integer);
INSERT INTO doc SELECT i, '{1}', (ARRAY['en', 'de', NULL])[1 + i % 3], nullif(2000 + i % 20, 2003), i * 0.1::real,
    i * 0.1, nullif(i % 2 = 0, i % 5 = 0), date '2020-01-01' + i, timestamptz '2020-01-01 00:00+00' + i * interval '1 hour',
    md5((i % 4)::text)::uuid, (ARRAY['calm', 'glad']::mood[])[1 + i % 2],
    (ARRAY['{a,b}', '{b}', '{}', NULL]::text[])[1 + i % 4]::text[], ARRAY[i % 3, i % 5],
    (ARRAY['{"n": 5, "s": "x", "l": [1, "x"], "o": {"p": null}}', '{"n": "5", "s": "y", "o": {"p": 7.50}}', '{}', '[1]'])[1 + i % 4]::jsonb,
    '{"k": 1}', 'ab', i, i FROM generate_series(1, 60) AS i;

-- The ids that the filter and the predicate find.
CREATE FUNCTION same(filter jsonb, predicate text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    expected integer[];
    actual integer[];
BEGIN
    EXECUTE format('SELECT coalesce(array_agg(id ORDER BY id), ''{}'') FROM doc WHERE %s', predicate) INTO expected;
    SELECT coalesce(array_agg((s.id->>'id')::integer ORDER BY (s.id->>'id')::integer), '{}') INTO actual
        FROM stash.vector_search_local('doc', 'e', '{1}', 1000, filter) AS s;
    RETURN NEXT is(actual, expected, filter::text);
    RETURN NEXT cmp_ok(cardinality(expected), '<', 60, 'which are not all');
END $$;

SELECT same(f::jsonb, p) FROM (VALUES
    ('{"lang": "en"}', $$lang = 'en'$$),
    ('{"lang": null}', $$lang IS NULL$$),
    ('{"lang": {"ne": "en"}}', $$lang IS DISTINCT FROM 'en'$$),
    ('{"lang": {"ne": null}}', $$lang IS NOT NULL$$),
    ('{"not": {"lang": "en"}}', $$lang IS DISTINCT FROM 'en'$$),
    ('{"not": {"lang": "en", "year": 2004}}', $$(lang = 'en' AND year = 2004) IS NOT TRUE$$),
    ('{"not": {"year": {"gt": 2005}}}', $$(year > 2005) IS NOT TRUE$$),
    ('{"lang": {"in": ["en", "fr"]}}', $$lang IN ('en', 'fr')$$),
    ('{"lang": {"in": []}}', $$false$$),
    ('{"lang": {"gte": "e"}}', $$lang >= 'e'$$),
    ('{"lang": "x'' OR true --"}', $$false$$),
    ('{"year": {"gte": 2005, "lt": 2010}}', $$year >= 2005 AND year < 2010$$),
    ('{"year": {"gt": 2004.5}}', $$year > 2004.5$$),
    ('{"year": 1e300}', $$false$$),
    ('{"year": {"lte": 2005}, "lang": "de"}', $$year <= 2005 AND lang = 'de'$$),
    ('{"ratio": 0.3}', $$ratio = 0.3::real$$),
    ('{"price": {"in": [0.3, 0.70]}}', $$price IN (0.3, 0.7)$$),
    ('{"good": true}', $$good$$),
    ('{"good": {"ne": true}}', $$good IS NOT TRUE$$),
    ('{"born": {"gt": "2020-01-20"}}', $$born > '2020-01-20'$$),
    ('{"seen": {"lt": "2020-01-02T00:00:00Z"}}', $$seen < '2020-01-02 00:00+00'$$),
    ('{"code": "c4ca4238-a0b9-2382-0dcc-509a6f75849b"}', $$code = md5('1')::uuid$$),
    ('{"mood": "glad"}', $$mood = 'glad'$$),
    ('{"short": "abc"}', $$false$$),
    ('{"tags": "a"}', $$'a' = ANY (tags)$$),
    ('{"tags": ["a", "b"]}', $$tags @> '{a,b}'$$),
    ('{"tags": []}', $$tags IS NOT NULL$$),
    ('{"tags": null}', $$tags IS NULL$$),
    ('{"tags": {"ne": "a"}}', $$('a' = ANY (tags)) IS NOT TRUE$$),
    ('{"tags": {"contains_any": ["a", "z"]}}', $$tags && '{a,z}'$$),
    ('{"tags": {"in": ["a", "z"]}}', $$tags && '{a,z}'$$),
    ('{"sizes": {"contains_all": [1, 2]}}', $$sizes @> '{1,2}'$$),
    ('{"meta.n": 5}', $$meta->'n' = '5'$$),
    ('{"meta.n": {"gte": 5}}', $$meta->'n' = '5'$$),
    ('{"meta.n": {"gte": "5"}}', $$meta->'n' = '"5"'$$),
    ('{"meta.o.p": 7.5}', $$meta->'o'->'p' = '7.5'$$),
    ('{"meta.o.p": null}', $$coalesce(meta->'o'->'p', 'null') = 'null'$$),
    ('{"meta.l": "x"}', $$meta->'l' @> '"x"'$$),
    ('{"meta.l": ["x", 1]}', $$meta->'l' @> '["x", 1]'$$),
    ('{"meta.s": {"in": ["x", "z"]}}', $$meta->>'s' IN ('x', 'z')$$),
    ('{"meta.s": {"ne": "x"}}', $$(meta->>'s' = 'x') IS NOT TRUE$$),
    ('{"meta": {"contains": {"o": {"p": 7.5}}}}', $$meta @> '{"o": {"p": 7.5}}'$$),
    ('{"plain.k": 2}', $$false$$),
    ('{"and": [{"lang": "en"}, {"year": {"lt": 2010}}]}', $$lang = 'en' AND year < 2010$$),
    ('{"or": [{"lang": "en"}, {"year": 2007}]}', $$lang = 'en' OR year = 2007$$),
    ('{"or": []}', $$false$$),
    ('{"not": {"or": [{"lang": "en"}, {"not": {"year": 2007}}]}}', $$lang IS DISTINCT FROM 'en' AND year = 2007$$),
    ('{"a.b": 5}', $$id = 5$$)
    ) AS v (f, p);
SELECT is((SELECT count(*) FROM stash.vector_search_local('doc', 'e', '{1}', 1000, '{}')), 60::bigint,
    'an empty filter holds for all');
SELECT is((SELECT count(*) FROM stash.vector_search_local('doc', 'e', '{1}', 1000, '{"and": []}')), 60::bigint,
    'so does an empty "and"');
SELECT is((SELECT count(*) FROM stash.vector_search_local('doc', 'e', '{1}', 1000, '{"not": {"year": -1}}')), 60::bigint,
    'and "not" of what is never so');

SELECT * FROM finish();
