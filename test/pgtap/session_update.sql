-- session_update: merge patches, replacement, versions.
\ir lib/session.sql
SELECT plan(55);
-- What becomes of data when it is updated.
CREATE FUNCTION updated(data jsonb, patch jsonb, mode text DEFAULT 'merge') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    session uuid := (stash.session_create(data => updated.data)).id;
BEGIN
    PERFORM stash.session_update(session, patch, mode => mode);
    RETURN (SELECT s.data FROM stash.session_get(session) AS s);
END $$;

-- The examples of RFC 7396, appendix A
SELECT is(updated(original, patch), result, format('RFC 7396: %s with %s', original, patch)) FROM (VALUES
    ('{"a":"b"}'::jsonb, '{"a":"c"}'::jsonb, '{"a":"c"}'::jsonb),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b", "b":"c"}'),
    ('{"a":"b"}', '{"a":null}', '{}'),
    ('{"a":"b", "b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a": {"b": "c"}}', '{"a": {"b": "d", "c": null}}', '{"a": {"b": "d"}}'),
    ('{"a": [{"b":"c"}]}', '{"a": [1]}', '{"a": [1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', 'null', 'null'),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null, "a":1}'),
    ('[1,2]', '{"a":"b", "c":null}', '{"a":"b"}'),
    ('{}', '{"a": {"bb": {"ccc":null}}}', '{"a": {"bb": {}}}')) AS appendix_a (original, patch, result);
-- And of its section 3
SELECT is(updated('{"title": "Goodbye!", "author": {"givenName": "John", "familyName": "Doe"}, "tags": ["example", "sample"], "content": "This will be unchanged"}',
    '{"title": "Hello!", "phoneNumber": "+01-123-456-7890", "author": {"familyName": null}, "tags": ["example"]}'),
    '{"title": "Hello!", "author": {"givenName": "John"}, "tags": ["example"], "content": "This will be unchanged", "phoneNumber": "+01-123-456-7890"}',
    'RFC 7396, section 3');

-- More of merging
SELECT is(updated(original, patch), result, format('%s with %s', original, patch)) FROM (VALUES
    ('{"a": 1}'::jsonb, '{}'::jsonb, '{"a": 1}'::jsonb),
    ('{}', '{"a": [null, {"b": null}]}', '{"a": [null, {"b": null}]}'),
    ('{"a": {"b": {"c": 1, "d": 2}, "e": 3}}', '{"a": {"b": {"c": null}}}', '{"a": {"b": {"d": 2}, "e": 3}}'),
    ('{"a": 1}', '{"a": {"b": null, "c": {"d": 1}}}', '{"a": {"c": {"d": 1}}}'),
    ('{"a": {"b": 1}}', '{"a": {}}', '{"a": {"b": 1}}'),
    ('{"a": [1, 2]}', '{"a": {"0": 3}}', '{"a": {"0": 3}}'),
    ('"text"', '{"a": 1}', '{"a": 1}'),
    ('null', '{"a": 1}', '{"a": 1}'),
    ('{"": 1, "ä": 2, "aa": 3, "b": 4}', '{"": null, "ä": 5, "b": null}', '{"ä": 5, "aa": 3}')) AS more (original, patch, result);
SELECT is(updated(jsonb_object_agg('k' || n, n), jsonb_object_agg('k' || n, CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN -n END) FILTER (WHERE n % 3 < 2)),
    (SELECT jsonb_object_agg('k' || n, CASE n % 3 WHEN 1 THEN -n ELSE n END) FROM generate_series(1, 3000) AS n WHERE n % 3 > 0),
    'thousands of keys') FROM generate_series(1, 3000) AS n;
SELECT is(length(updated('{"a": 1}', jsonb_build_object('b', repeat('xyz', 1000000))) ->> 'b'), 3000000, 'data of megabytes');
SET max_stack_depth = '100kB';
SELECT throws_ok($$SELECT stash.session_update((stash.session_create()).id, x::jsonb) FROM (SELECT repeat('{"a":', 6000) || '1' || repeat('}', 6000) AS x) AS deep$$,
    '54001', NULL, 'data deeper than the stack');
RESET max_stack_depth;

-- Replacing
SELECT is(updated(original, patch, 'replace'), patch, format('replace %s by %s', original, patch)) FROM (VALUES
    ('{"a": 1}'::jsonb, '{"b": null}'::jsonb), ('{"a": 1}', '{}'), ('[1]', 'null')) AS more (original, patch);

-- What else changes, and what does not
SELECT * FROM stash.session_create('alice', 'phone', '{"a": 1}', 100, 50, 200, '10.1.2.3', 'Browser/1', schema_version => 3) \gset s_
CREATE TABLE before AS SELECT * FROM stash.session_get(:'s_id');
SELECT is(found(:'s_id', :'s_token'), 'id token', 'it is in memory');
SELECT is(stash.session_update(:'s_id', '{"b": 2}'), 2::bigint, 'the new version');
SELECT results_eq(format('SELECT id, data, version, schema_version FROM stash.session_get(%L)', :'s_id'),
    format($$VALUES (%L::uuid, '{"a": 1, "b": 2}'::jsonb, 2::bigint, 3)$$, :'s_id'), 'by id');
SELECT results_eq(format('SELECT id, data, version, schema_version FROM stash.session_get_by_token(%L)', :'s_token'),
    format($$VALUES (%L::uuid, '{"a": 1, "b": 2}'::jsonb, 2::bigint, 3)$$, :'s_id'), 'by token');
SELECT ok((SELECT s.updated_at > b.updated_at FROM before AS b, stash.session_get(:'s_id') AS s), 'updated_at');
SELECT is_empty(format($$SELECT to_jsonb(b) - '{data,version,updated_at,last_seen_at}'::text[] FROM before AS b EXCEPT
    SELECT to_jsonb(s) - '{data,version,updated_at,last_seen_at}'::text[] FROM stash.session_get(%L) AS s$$, :'s_id'), 'all else stays');
SELECT is(stash.session_update(:'s_id', '{}'), 3::bigint, 'a patch that changes nothing is a version, too');
SELECT is(stash.session_update(:'s_id', '{"c": 3}', schema_version => 4), 4::bigint, 'with another schema_version');
SELECT is((SELECT schema_version FROM stash.session_get(:'s_id')), 4, 'which is kept');
SELECT is(stash.session_update(:'s_id', '{}', schema_version => NULL, mode => 'replace'), 5::bigint, 'schema_version NULL');
SELECT is((SELECT schema_version FROM stash.session_get(:'s_id')), 4, 'leaves it');

-- expected_version
SELECT is(stash.session_update(:'s_id', '{"d": 4}', 5), 6::bigint, 'the version that was expected');
SELECT raises(format($$SELECT stash.session_update(%L, '{"lost": true}', %s)$$, :'s_id', expected), '40001', '%read it again%',
    'expected ' || expected || ', which it is not') FROM unnest(ARRAY[5, 7, 0, -1]) AS expected;
SELECT results_eq(format('SELECT data, version FROM stash.session_get(%L)', :'s_id'), $$VALUES ('{"d": 4}'::jsonb, 6::bigint)$$, 'nothing was changed');
SELECT is(stash.session_update(gen_random_uuid(), '{}', 1), NULL, 'an unknown session has no version to differ from');

-- Bad arguments
SELECT raises(format($$SELECT stash.session_update(%L, NULL)$$, :'s_id'), '22004', '%', 'data NULL');
SELECT raises(format($$SELECT stash.session_update(%L, '{}', mode => NULL)$$, :'s_id'), '22004', '%', 'mode NULL');
SELECT raises(format($$SELECT stash.session_update(%L, '{}', mode => %L)$$, :'s_id', bad), '22023', '%merge and replace%', 'mode ' || left(bad, 10))
FROM unnest(ARRAY['', 'Merge', 'patch', repeat('x', 100000)]) AS bad;

SELECT * FROM finish();
