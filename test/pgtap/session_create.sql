-- session_create: its arguments, limits and defaults.
\ir lib/session.sql
SELECT plan(70);

-- The limits: ttl, absolute_ttl, idle_ttl
SELECT is(limits((stash.session_create()).id), '86400 2592000 -', 'a day, thirty days, no idle limit');
SELECT is(limits((stash.session_create(ttl => 60)).id), '60 2592000 -', 'ttl');
SELECT is(limits((stash.session_create(ttl => 0.25)).id), '0.25 2592000 -', 'a fraction of a second');
SELECT is(limits((stash.session_create(idle_ttl => 90)).id), '86400 2592000 90', 'idle_ttl');
SELECT is(limits((stash.session_create(absolute_ttl => 86401)).id), '86400 86401 -', 'absolute_ttl');
SELECT is(limits((stash.session_create(ttl => 100, absolute_ttl => 50)).id), '50 50 -', 'nothing lives beyond absolute_ttl');
SELECT is(limits((stash.session_create(ttl => 'infinity')).id), '2592000 2592000 -', 'not even with ttl infinity');
SELECT is(limits((stash.session_create(ttl => 'infinity', absolute_ttl => 'infinity')).id), '- - -', 'no limit at all');
SELECT is(limits((stash.session_create(ttl => 60, absolute_ttl => 'infinity')).id), '60 - -', 'no absolute limit');
SELECT is(limits((stash.session_create(ttl => 1e300, absolute_ttl => 1e300)).id), '- - -', 'more than can be counted is no limit');
SELECT is(limits((stash.session_create(idle_ttl => 'infinity')).id), '86400 2592000 -', 'idle_ttl infinity');
SELECT is(limits((stash.session_create(idle_ttl => 100, absolute_ttl => 50)).id), '50 50 100',
    'an idle limit beyond the longest life is kept as it was given');
SELECT is(limits((stash.session_create(ttl => 100, idle_ttl => 200)).id), '100 2592000 200',
    'beyond ttl it is kept: the session may be extended');
SELECT is((SELECT expires_at FROM stash.session_create(ttl => 'infinity', absolute_ttl => 'infinity')), NULL, 'expires_at NULL is never');
SELECT * FROM stash.session_create(ttl => 60) \gset s_
SELECT is((SELECT expires_at FROM stash.session_get(:'s_id')), :'s_expires_at', 'expires_at as it was returned');
SELECT ok((SELECT created_at BETWEEN now() - interval '10 s' AND now() AND updated_at = created_at AND last_seen_at = created_at
    FROM stash.session_get(:'s_id')), 'it begins now, and has just been used');
SELECT is((SELECT count(*) FROM stash.session_get((stash.session_create(ttl => 1e-9)).id)), 0::bigint, 'a very short life is over at once');

-- The settings
SET stash.session_ttl = '1min';
SET stash.session_absolute_timeout = '1h';
SET stash.session_idle_timeout = '30s';
SELECT is(limits((stash.session_create()).id), '60 3600 30', 'the settings');
SELECT is(limits((stash.session_create(ttl => NULL, idle_ttl => NULL, absolute_ttl => NULL)).id), '60 3600 30', 'NULL stands for them');
SELECT is(limits((stash.session_create(ttl => 5, idle_ttl => 6, absolute_ttl => 7)).id), '5 7 6', 'arguments come first');
SELECT is(limits((stash.session_create(ttl => 'infinity', idle_ttl => 'infinity', absolute_ttl => 'infinity')).id), '- - -', 'infinity, too');
SET stash.session_absolute_timeout = 0;
SELECT is(limits((stash.session_create()).id), '60 - 30', 'stash.session_absolute_timeout = 0: no absolute limit');
SET stash.session_idle_timeout = 0;
SELECT is(limits((stash.session_create()).id), '60 - -', 'stash.session_idle_timeout = 0: no idle limit');
SELECT throws_ok('SET ' || setting, '22023', NULL, 'SET ' || setting) FROM unnest(ARRAY[
    'stash.session_ttl = 0', 'stash.session_ttl = -1', 'stash.session_idle_timeout = -1', 'stash.session_absolute_timeout = -1',
    'stash.session_max_per_user = -1', 'stash.session_limit_action = ''maybe''']) AS setting;
RESET ALL;

-- Limits that are none
SELECT raises(format('SELECT stash.session_create(%s => %L)', name, bad), '22023', '%infinity%', format('%s => %s', name, bad))
FROM unnest(ARRAY['ttl', 'idle_ttl', 'absolute_ttl']) AS name, unnest(ARRAY['0', '-1', '-infinity', 'NaN']) AS bad;

-- Whose it is
SELECT results_eq($$SELECT user_id, agent_id, data, schema_version, version, ip, user_agent FROM stash.session_get(
    (stash.session_create('alice', 'phone', '{"a": 1}', ip => '2001:db8::1', user_agent => 'Browser/1', schema_version => 7)).id)$$,
    $$VALUES ('alice', 'phone', '{"a": 1}'::jsonb, 7, 1::bigint, '2001:db8::1'::inet, 'Browser/1')$$, 'what is given is kept');
SELECT results_eq($$SELECT user_id, agent_id, data, schema_version, version, ip, user_agent FROM stash.session_get(
    (stash.session_create()).id)$$,
    $$VALUES (NULL::text, NULL::text, '{}'::jsonb, 1, 1::bigint, NULL::inet, NULL::text)$$, 'what is not is NULL; data is {}');
SELECT is((SELECT ip FROM stash.session_get((stash.session_create(ip => '10.0.0.0/8')).id)), '10.0.0.0/8', 'a network');
SELECT is((SELECT schema_version FROM stash.session_get((stash.session_create(schema_version => NULL)).id)), 1, 'schema_version NULL is 1');
SELECT is((SELECT data FROM stash.session_get((stash.session_create(data => given)).id)), given, 'data ' || given::text)
FROM unnest(ARRAY['null', '[1, {"a": null}]', '"text"', '7', 'false']::jsonb[]) AS given;
SELECT is((SELECT length(data ->> 'a') FROM stash.session_get((stash.session_create(data => jsonb_build_object('a', repeat('xyz', 1000000)))).id)),
    3000000, 'data larger than stash.max_value_size, which memory does not keep');
SELECT raises($$SELECT stash.session_create(data => NULL)$$, '22004', '%{}%', 'data NULL');
SELECT is((SELECT user_id || agent_id FROM stash.session_get((stash.session_create(repeat('u', 255), repeat('a', 255))).id)),
    repeat('u', 255) || repeat('a', 255), 'the longest user_id and agent_id');
SELECT raises(format('SELECT stash.session_create(%s => %L)', name, bad), state, hint, format('%s of %s bytes', name, octet_length(bad)))
FROM unnest(ARRAY['user_id', 'agent_id']) AS name,
    (VALUES ('', '22023', '%NULL%'), (repeat('u', 256), '22001', '%'), (repeat('é', 128), '22001', '%')) AS b (bad, state, hint);
SELECT is((SELECT user_agent FROM stash.session_get((stash.session_create(user_agent => given)).id)), left(given, 1024),
    'a user_agent of ' || length(given) || ' characters, ' || octet_length(given) || ' bytes')
FROM unnest(ARRAY['', repeat('x', 1024), repeat('y', 1025), repeat('é', 2000), repeat('🙂', 1500), 'a' || repeat('🙂', 1500)]) AS given;
SELECT raises(format('SELECT stash.session_create(''u'', max_per_user => %s)', bad), '22023', '%max_per_user%', 'max_per_user ' || bad)
FROM unnest(ARRAY[0, -1]) AS bad;
SELECT throws_ok($$SELECT stash.session_create(ip => 'nowhere')$$, '22P02', NULL, 'ip that is none');

-- Each is a session of its own
SELECT stash.session_create('same') FROM generate_series(1, 50);
SELECT is((SELECT count(DISTINCT id) FROM stash.session_list('same')), 50::bigint, 'fifty in a statement');
SELECT is((SELECT count(*) FROM stash.session_history()), 0::bigint, 'nobody''s session ended by it');

SELECT * FROM finish();
