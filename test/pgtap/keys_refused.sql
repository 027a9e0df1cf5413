-- Every function that takes a key refuses the same keys, with SQLSTATE and hint.
\ir lib/raises.sql
SELECT plan(56);

CREATE TABLE calls (name text, call text);
INSERT INTO calls VALUES
    ('cache_set', $$SELECT stash.cache_set(%s, '1', namespace => %s)$$),
    ('cache_set_bytes', $$SELECT stash.cache_set_bytes(%s, '\x01', namespace => %s)$$),
    ('cache_get', $$SELECT stash.cache_get(%s, %s)$$),
    ('cache_get_bytes', $$SELECT stash.cache_get_bytes(%s, %s)$$),
    ('cache_get_entry', $$SELECT stash.cache_get_entry(%s, %s)$$),
    ('cache_exists', $$SELECT stash.cache_exists(%s, %s)$$),
    ('cache_add', $$SELECT stash.cache_add(%s, '1', namespace => %s)$$),
    ('cache_incr', $$SELECT stash.cache_incr(%s, namespace => %s)$$),
    ('cache_touch', $$SELECT stash.cache_touch(%s, namespace => %s)$$),
    ('cache_delete', $$SELECT stash.cache_delete(%s, %s)$$),
    ('cache_get_lease', $$SELECT stash.cache_get_lease(%s, namespace => %s)$$),
    ('cache_fetch', $$SELECT stash.cache_fetch(%s, 'SELECT ''1''::jsonb', namespace => %s)$$),
    ('cache_get_many', $$SELECT stash.cache_get_many(ARRAY['a', %s], %s)$$),
    ('cache_set_many', $$SELECT stash.cache_set_many(ARRAY['a', %s], ARRAY['1', '2']::jsonb[], namespace => %s)$$);

SELECT raises(format(call, 'NULL', $$'default'$$), '22004', '_%', name || ': a null key')
FROM calls ORDER BY name;
SELECT raises(format(call, $$''$$, $$'default'$$), '22023', '%1024 bytes%', name || ': an empty key')
FROM calls ORDER BY name;
SELECT raises(format(call, $$repeat('k', 1025)$$, $$'default'$$), '54000', '%hash%',
    name || ': a key of more than 1 kB')
FROM calls ORDER BY name;
SELECT raises(format(call, $$'k'$$, $$'nowhere'$$), '42704', '%cache_namespace_create%',
    name || ': an unknown namespace')
FROM calls ORDER BY name;

SELECT * FROM finish();
