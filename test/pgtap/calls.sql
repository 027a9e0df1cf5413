-- Every cache function with every parameter, by position and by name.
SELECT plan(44);
-- Whether a set is blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
SELECT stash.cache_namespace_create('other', max_bytes => NULL, default_ttl => 60, strict => false, roles => NULL);
SELECT stash.cache_namespace_create('positional', 1048576, 60, false, '{}');

-- cache_set, cache_set_bytes
SELECT ok(stash.cache_set('p', '{"a": 1}', 100, '{t:1}', NULL, NULL, true, 'other') > 0, 'cache_set by position');
SELECT ok(stash.cache_set(key => 'n', value => '2', ttl => 100, tags => '{t:1}', if_version => 0, lease => NULL,
    fresh => true, namespace => 'other') > 0, 'cache_set by name');
SELECT ok(stash.cache_set_bytes('pb', '\x01', 100, '{t:1}', NULL, NULL, true, 'other') > 0,
    'cache_set_bytes by position');
SELECT ok(stash.cache_set_bytes(key => 'nb', value => '\x02', ttl => 100, tags => '{t:2}', if_version => 0,
    lease => NULL, fresh => true, namespace => 'other') > 0, 'cache_set_bytes by name');

-- cache_get and its like
SELECT is(stash.cache_get('p', 'other'), '{"a": 1}', 'cache_get by position');
SELECT is(stash.cache_get(key => 'n', namespace => 'other'), '2', 'cache_get by name');
SELECT is(stash.cache_get('p'), NULL, 'a namespace does not see the keys of another');
SELECT is(stash.cache_get_bytes('pb', 'other'), '\x01', 'cache_get_bytes by position');
SELECT is(stash.cache_get_bytes(key => 'nb', namespace => 'other'), '\x02', 'cache_get_bytes by name');
SELECT is(stash.cache_exists('p', 'other'), true, 'cache_exists by position');
SELECT is(stash.cache_exists(key => 'missing', namespace => 'other'), false, 'cache_exists by name');
SELECT is(stash.cache_get_many('{n,missing}', 'other'), ARRAY['2', NULL]::jsonb[], 'cache_get_many by position');
SELECT is(stash.cache_get_many(keys => '{n}', namespace => 'other'), ARRAY['2']::jsonb[], 'cache_get_many by name');
SELECT results_eq($$SELECT kind, value, tags, ttl_left BETWEEN 1 AND 100, expires_at > now() FROM stash.cache_get_entry('p', 'other')$$,
    $$VALUES ('jsonb', '{"a": 1}'::jsonb, '{t:1}'::text[], true, true)$$, 'cache_get_entry by position');
SELECT results_eq($$SELECT kind, value, tags FROM stash.cache_get_entry(key => 'nb', namespace => 'other')$$,
    $$VALUES ('bytes', NULL::jsonb, '{t:2}'::text[])$$, 'cache_get_entry by name, of bytes');
SELECT is_empty($$SELECT * FROM stash.cache_get_entry('missing', 'other')$$, 'cache_get_entry of a miss is no row');

-- Many
SELECT is(stash.cache_set_many('{a,b}', '{1,2}', 100, '{m}', true, 'other'), 2, 'cache_set_many by position');
SELECT is(stash.cache_set_many(keys => '{c}', items => '{3}', ttl => 100, tags => '{m}', fresh => true,
    namespace => 'other'), 1, 'cache_set_many by name');
SELECT is(stash.cache_set_entries('{"d": 4, "e": null}', 100, '{m}', true, 'other'), 2, 'cache_set_entries by position');
SELECT is(stash.cache_set_entries(entries => '{"f": 6}', ttl => 100, tags => '{m}', fresh => true,
    namespace => 'other'), 1, 'cache_set_entries by name');
SELECT is(array_to_json(stash.cache_get_many('{f,e,d,c,b,a}', 'other'))::text, '[6,null,4,3,2,1]',
    'what they stored, in the order asked');

-- cache_add, cache_incr, cache_touch, cache_delete
SELECT ok(stash.cache_add('ap', '1', 100, '{t}', 'other') > 0, 'cache_add by position');
SELECT is(stash.cache_add(key => 'ap', value => '2', ttl => 100, tags => '{t}', namespace => 'other'), NULL,
    'cache_add by name, of a key that exists');
SELECT is(stash.cache_incr('ip', 5, 100, 'other'), 5::bigint, 'cache_incr by position');
SELECT is(stash.cache_incr(key => 'ip', by => -2, ttl => NULL, namespace => 'other'), 3::bigint, 'cache_incr by name');
SELECT is(stash.cache_touch('ap', 1000, 'other'), true, 'cache_touch by position');
SELECT is(stash.cache_touch(key => 'missing', ttl => 1000, namespace => 'other'), false, 'cache_touch by name');
SELECT ok((SELECT ttl_left > 500 FROM stash.cache_get_entry('ap', 'other')), 'cache_touch gave a new ttl');
SELECT is(stash.cache_delete('ap', 'other'), true, 'cache_delete by position');
SELECT is(stash.cache_delete(key => 'ap', namespace => 'other'), false, 'cache_delete by name, of nothing');

-- cache_get_lease, cache_fetch
SELECT results_eq($$SELECT value, state, lease IS NULL, version > 0 FROM stash.cache_get_lease('n', 10, 0, 'other')$$,
    $$VALUES ('2'::jsonb, 'hit', true, true)$$, 'cache_get_lease by position');
SELECT results_eq($$SELECT value, state, lease IS NULL, version FROM stash.cache_get_lease(key => 'new', lease_ttl => 10,
    stale_ttl => 5, namespace => 'other')$$, $$VALUES (NULL::jsonb, 'miss', false, NULL::bigint)$$, 'cache_get_lease by name');
SELECT is(stash.cache_fetch('fp', 'SELECT to_jsonb($1::int + 1)', '{1}', 100, '{t}', 'other'), '2', 'cache_fetch by position');
SELECT is(stash.cache_fetch(key => 'fp', query => 'SELECT 1/0', args => '{}', ttl => 100, tags => '{t}',
    namespace => 'other'), '2', 'cache_fetch by name, of what is there');

-- Tags, keys, namespaces
SELECT set_eq($$SELECT key, value FROM stash.cache_get_by_tags('{t:1}', false, 10, 'other')$$,
    $$VALUES ('p', '{"a": 1}'::jsonb), ('n', '2'), ('pb', NULL)$$, 'cache_get_by_tags by position');
SELECT set_eq($$SELECT key FROM stash.cache_get_by_tags(tags => '{t:1,t:2}', match_all => true, max_rows => 10,
    namespace => 'other')$$, ARRAY[]::text[], 'cache_get_by_tags by name');
SELECT set_eq($$SELECT key FROM stash.cache_keys('?', NULL, 100, 'other')$$, '{p,n,a,b,c,d,e,f}'::text[],
    'cache_keys by position');
SELECT is((SELECT count(*) FROM stash.cache_keys(pattern => NULL, cursor => NULL, max_rows => 3,
    namespace => 'other')), 3::bigint, 'cache_keys by name');
SELECT is(stash.cache_invalidate_tags('{t:1}', 'other'), 3::bigint, 'cache_invalidate_tags by position');
SELECT is(stash.cache_invalidate_tags(tags => '{t:1}', namespace => 'other'), 0::bigint, 'cache_invalidate_tags by name');
SELECT is(stash.cache_delete_prefix('f', 'other'), 2::bigint, 'cache_delete_prefix by position');
SELECT is(stash.cache_delete_prefix(prefix => 'f', namespace => 'other'), 0::bigint, 'cache_delete_prefix by name');
SELECT ok(stash.cache_clear('other') > 0, 'cache_clear by position');
SELECT ok(stash.cache_clear(namespace => 'other') >= 0 AND stash.cache_get('n', 'other') IS NULL, 'cache_clear by name');

SELECT * FROM finish();
