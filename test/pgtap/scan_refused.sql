-- Bad arguments of what works on many keys, and the wrong kind of value.
\ir lib/raises.sql
SELECT plan(25);
-- Whether a set is blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;

SELECT raises(format($$SELECT stash.cache_keys(cursor => %L)$$, place), '22023', '%last row%',
    'malformed cursor "' || place || '"')
FROM unnest(ARRAY['', 'x', '12', ':a', '99999999999999999999999:a']) AS place;
SELECT raises($$SELECT stash.cache_keys(max_rows => -1)$$, '22023', '%1000%', 'cache_keys: negative max_rows');
SELECT raises($$SELECT stash.cache_get_by_tags('{a}', max_rows => -1)$$, '22023', '%1000%',
    'cache_get_by_tags: negative max_rows');
SELECT raises($$SELECT stash.cache_delete_prefix('')$$, '22023', '%cache_clear%', 'an empty prefix');
SELECT raises($$SELECT stash.cache_delete_prefix(NULL)$$, '22004', '_%', 'a null prefix');
SELECT raises(call, '42704', '%cache_namespace_create%', 'unknown namespace: ' || call) FROM unnest(ARRAY[
    $$SELECT stash.cache_keys(namespace => 'nowhere')$$, $$SELECT stash.cache_delete_prefix('a', 'nowhere')$$,
    $$SELECT stash.cache_clear('nowhere')$$, $$SELECT stash.cache_info('nowhere')$$,
    $$SELECT stash.cache_get_by_tags('{a}', namespace => 'nowhere')$$,
    $$SELECT stash.cache_invalidate_tags('{a}', 'nowhere')$$,
    $$SELECT stash.cache_set_entries('{}', namespace => 'nowhere')$$,
    $$SELECT stash.cache_invalidate_on('pg_class', 'a', 'nowhere')$$]) AS call;

SELECT stash.cache_set('json', '1');
SELECT stash.cache_set_bytes('bytes', '\x00ff');
SELECT stash.cache_incr('counter');
SELECT raises($$SELECT stash.cache_get('bytes')$$, '42804', '%cache_get_bytes%', 'bytes read as jsonb');
SELECT raises($$SELECT stash.cache_get_many('{json,bytes}')$$, '42804', '%cache_get_bytes%', 'bytes among many');
SELECT raises($$SELECT stash.cache_fetch('bytes', 'SELECT ''1''::jsonb')$$, '42804', '%cache_get_bytes%',
    'bytes fetched');
SELECT raises($$SELECT stash.cache_get_lease('bytes')$$, '42804', '%cache_get_bytes%', 'bytes with a lease');
SELECT raises($$SELECT stash.cache_get_bytes('json')$$, '42804', '%cache_get%', 'jsonb read as bytes');
SELECT raises($$SELECT stash.cache_get_bytes('counter')$$, '42804', '%cache_get%', 'a counter read as bytes');
SELECT raises($$SELECT stash.cache_incr('json')$$, '42804', '%cache_incr%', 'increment of jsonb');
SELECT raises($$SELECT stash.cache_incr('bytes')$$, '42804', '%cache_incr%', 'increment of bytes');

SELECT * FROM finish();
