-- Filters that are refused: SQLSTATE and message.
SELECT plan(28);

CREATE TABLE doc (id integer PRIMARY KEY, e real[], lang text, year integer, good boolean, born date, tags text[], meta jsonb);
INSERT INTO doc VALUES (1, '{1}', 'en', 2000, true, '2020-01-01', '{a}', '{}');
CREATE FUNCTION refused(filter jsonb, code text, message text) RETURNS text LANGUAGE sql AS $$
    SELECT throws_ok(format('SELECT * FROM stash.vector_search_local(''doc'', ''e'', ''{1}'', 10, %L)', filter),
                     code::char(5), message, left(filter::text, 60))
$$;

SELECT refused(f::jsonb, c, m) FROM (VALUES
    ('[]', '22023', 'a filter must be a JSON object'),
    ('"lang"', '22023', 'a filter must be a JSON object'),
    ('null', '22023', 'a filter must be a JSON object'),
    ('{"and": {"lang": "en"}}', '22023', '"and" in a filter must be a list of filters'),
    ('{"or": ["lang"]}', '22023', 'a filter must be a JSON object'),
    ('{"not": [{"lang": "en"}]}', '22023', 'a filter must be a JSON object'),
    ('{"": 1}', '22023', 'a filter names an empty property'),
    ('{"lang": {}}', '22023', 'the filter says nothing about "lang"'),
    ('{"lang": {"like": "e%"}}', '22023', 'unknown operator "like" in the filter of "lang"'),
    ('{"lang": {"in": "en"}}', '22023', '"in" in the filter of "lang" takes a list of values'),
    ('{"lang": {"eq": ["en"]}}', '22023', '"eq" in the filter of "lang" takes one value'),
    ('{"lang": {"in": [null]}}', '22023', '"in" in the filter of "lang" takes no null'),
    ('{"lang": {"gt": null}}', '22023', '"gt" in the filter of "lang" takes no null'),
    ('{"good": {"gt": true}}', '22023', '"gt" in the filter of "good" takes a number or a string'),
    ('{"lang": {"eq": {"a": 1}}}', '22023', '"eq" in the filter of "lang" takes no object'),
    ('{"colour": "red"}', '42703', 'there is no property "colour" to filter by'),
    ('{"lang.x": "red"}', '42804', '"lang" has no "x"'),
    ('{"lang": 5}', '42804', 'the filter compares "lang" with 5, but it takes a string'),
    ('{"year": "2000"}', '42804', 'the filter compares "year" with "2000", but it takes a number'),
    ('{"good": "true"}', '42804', 'the filter compares "good" with "true", but it takes true or false'),
    ('{"lang": ["en"]}', '42804', '"lang" is no list'),
    ('{"tags": {"gt": "a"}}', '42804', 'the list "tags" has no order'),
    ('{"tags": {"contains": ["a"]}}', '42804', '"contains" cannot be asked of "tags"'),
    ('{"year": 1e400}', '22023', 'the filter holds a number beyond double precision'),
    ('{"born": "some day"}', '22007', 'invalid input syntax for type date: "some day"')
    ) AS v (f, c, m);
SELECT refused((repeat('{"not": ', 40) || '{"lang": "en"}' || repeat('}', 40))::jsonb, '54001',
    'the filter is nested too deeply');
SELECT refused(jsonb_build_object('year', jsonb_build_object('in',
    (SELECT jsonb_agg(i) FROM generate_series(1, 10001) AS i))), '54001', 'the filter has too many values');
SELECT lives_ok(format('SELECT * FROM stash.vector_search_local(''doc'', ''e'', ''{1}'', 10, %L)',
    jsonb_build_object('year', jsonb_build_object('in', (SELECT jsonb_agg(i) FROM generate_series(1, 10000) AS i)))),
    'as many values as are allowed');

SELECT * FROM finish();
