-- Values and keys come back bit for bit.
SELECT plan(31);
-- Whether a set is blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;

CREATE TABLE documents (name text PRIMARY KEY, doc jsonb);
INSERT INTO documents VALUES
    ('null', 'null'), ('true', 'true'), ('zero', '0'), ('empty string', '""'), ('empty object', '{}'),
    ('empty array', '[]'), ('big number', '123456789012345678901234567890.12345678901234567890'),
    ('tiny number', '1e-300'), ('trailing zeros', '1.5000'), ('unicode', '"\u00e9 😀 𐍈 \u202e"'),
    ('escapes', '"a\"b\\c\/d\b\f\n\r\t"'), ('odd keys', '{"": 1, " ": 2, "\"": 3, "*": [null, {}]}'),
    ('nested', (repeat('[', 500) || repeat(']', 500))::jsonb),
    ('many members', (SELECT jsonb_object_agg('key' || i, i) FROM generate_series(1, 5000) AS i)),
    ('long string', to_jsonb(repeat('é', 200000)));
SELECT bag_eq(
    $$SELECT name FROM documents WHERE stash.cache_set('doc:' || name, doc) IS NOT NULL$$,
    $$SELECT name FROM documents$$, 'odd documents are stored');
SELECT is_empty(
    $$SELECT name FROM documents WHERE jsonb_send(stash.cache_get('doc:' || name)) IS DISTINCT FROM jsonb_send(doc)$$,
    'and come back as they were');
SELECT is_empty(
    $$SELECT d.name FROM documents AS d, stash.cache_get_entry('doc:' || d.name) AS e
      WHERE jsonb_send(e.value) IS DISTINCT FROM jsonb_send(d.doc)$$, 'cache_get_entry, too');
SELECT is_empty(
    $$SELECT name FROM documents WHERE jsonb_send((stash.cache_get_many(ARRAY['doc:' || name]))[1])
      IS DISTINCT FROM jsonb_send(doc)$$, 'cache_get_many, too');
SELECT is(stash.cache_get('doc:trailing zeros')::text, '1.5000', 'a number keeps its scale');

-- A JSON null is a value, a miss is SQL NULL
SELECT ok(stash.cache_get('doc:null') IS NOT NULL AND stash.cache_get('doc:null') = 'null', 'a JSON null is a value');
SELECT ok(stash.cache_get('nothing') IS NULL, 'a miss is SQL NULL');
SELECT ok(stash.cache_exists('doc:null'), 'a JSON null exists');
SELECT is((stash.cache_get_many('{doc:null,nothing}'))[1], 'null', 'JSON null among many');
SELECT ok((stash.cache_get_many('{doc:null,nothing}'))[2] IS NULL, 'a miss among many');
SELECT is(stash.cache_get_many('{}'), '{}'::jsonb[], 'no keys, no values');
SELECT is(stash.cache_set_many('{}', '{}'), 0, 'nothing to set');
SELECT is(stash.cache_get_many('{doc:true,doc:zero,doc:true}'), '{true,0,true}'::jsonb[], 'the same key twice');
SELECT is(stash.cache_set_many('{twice,twice}', '{1,2}'), 2, 'the same key set twice');
SELECT is(stash.cache_get('twice'), '2', 'the last counts');

-- Stored out of line and compressed: what a table gives is not what a literal is
CREATE TABLE toasted (id int, packed jsonb, plain jsonb, bytes bytea);
ALTER TABLE toasted ALTER plain SET STORAGE EXTERNAL, ALTER bytes SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT 1, d, d, convert_to(d::text, 'UTF8')
    FROM (SELECT to_jsonb(repeat('compressible ', 20000)) AS d) AS s;
SELECT ok(pg_column_size(packed) < 100000 AND pg_column_size(plain) > 200000, 'one is compressed, one is not')
FROM toasted;
SELECT is((SELECT count(stash.cache_set('toasted' || n, CASE n WHEN 1 THEN packed ELSE plain END)) FROM toasted,
    generate_series(1, 2) AS n), 2::bigint, 'toasted values are stored');
SELECT ok(stash.cache_get('toasted1') = packed AND stash.cache_get('toasted2') = plain, 'and come back') FROM toasted;
SELECT ok(stash.cache_set_bytes('toasted3', bytes) > 0, 'toasted bytes are stored') FROM toasted;
SELECT ok(stash.cache_get_bytes('toasted3') = bytes, 'and come back') FROM toasted;
CREATE TABLE copies AS SELECT stash.cache_get('toasted1') AS doc;
SELECT ok((SELECT doc FROM copies) = (SELECT packed FROM toasted), 'a cached value can be written to a table');

-- Bytes
CREATE TABLE blobs (id int, data bytea);
INSERT INTO blobs VALUES (1, ''), (2, '\x00'), (3, '\x0000ff00'), (4, decode(repeat('00', 100000), 'hex')),
    (5, convert_to(repeat('b', 1024 * 1024), 'UTF8'));
SELECT is((SELECT count(stash.cache_set_bytes('blob' || id, data)) FROM blobs), 5::bigint,
    'zero bytes, none, and exactly stash.max_value_size');
SELECT is_empty($$SELECT id FROM blobs WHERE stash.cache_get_bytes('blob' || id) IS DISTINCT FROM data$$,
    'come back as they were');
SELECT ok(stash.cache_set('megabyte', to_jsonb(repeat('x', 1024 * 1024 - 8))) > 0, 'a jsonb of nearly 1 MB');
SELECT is(length(stash.cache_get('megabyte')::text), 1024 * 1024 - 6, 'comes back');

-- Keys
SELECT ok(stash.cache_set(repeat('k', 1024), '1') > 0, 'a key of 1024 bytes');
SELECT is(stash.cache_get(repeat('k', 1024)), '1', 'is found');
SELECT ok(stash.cache_get(repeat('k', 1023)) IS NULL, 'a shorter one is another');
SELECT is((SELECT count(stash.cache_set(k, to_jsonb(k))) FROM unnest(ARRAY['ключ', '鍵', '🔑', 'é', U&'e\0301',
    ' ', E'\n\t', 'a''b"c\d', '%s', 'user:1:*']) AS k), 10::bigint, 'keys in other scripts');
SELECT is_empty($$SELECT k FROM unnest(ARRAY['ключ', '鍵', '🔑', 'é', U&'e\0301', ' ', E'\n\t', 'a''b"c\d', '%s',
    'user:1:*']) AS k WHERE stash.cache_get(k) IS DISTINCT FROM to_jsonb(k)$$, 'each is its own');
SELECT set_eq($$SELECT key FROM stash.cache_keys('[^a-z]*') WHERE key !~ '^[ -~]'$$,
    ARRAY['ключ', '鍵', '🔑', 'é', E'\n\t'], 'and is listed as it was given');

SELECT * FROM finish();
