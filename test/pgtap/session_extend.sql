-- session_extend: later, never sooner, not beyond the absolute limit.
\ir lib/session.sql
SELECT plan(27);
-- Seconds from now to a moment, to the nearest ten.
CREATE FUNCTION away(moment timestamptz) RETURNS int LANGUAGE sql AS
    $$SELECT round(extract(epoch FROM moment - clock_timestamp()) / 10)::int * 10$$;

SELECT * FROM stash.session_create(ttl => 1000, absolute_ttl => 5000) \gset s_
SELECT is(found(:'s_id', :'s_token'), 'id token', 'it is in memory');
SELECT is(away(stash.session_extend(:'s_id', 2000)), 2000, 'returns when it expires');
SELECT is(away((SELECT expires_at FROM stash.session_get(:'s_id'))), 2000, 'by id');
SELECT is(away((SELECT expires_at FROM stash.session_get_by_token(:'s_token'))), 2000, 'by token');
SELECT is(away(stash.session_extend(:'s_id', 500)), 2000, 'never sooner');
SELECT is(away((SELECT expires_at FROM stash.session_get(:'s_id'))), 2000, 'not in the table either');
SELECT is(stash.session_extend(:'s_id', 6000), (SELECT absolute_expires_at FROM stash.session_get(:'s_id')), 'not beyond the absolute limit');
SELECT is(stash.session_extend(:'s_id', 'infinity'), (SELECT absolute_expires_at FROM stash.session_get(:'s_id')), 'infinity: up to it');
SELECT is(stash.session_extend(:'s_id', 1e300), (SELECT absolute_expires_at FROM stash.session_get(:'s_id')), 'so is what cannot be counted');
SELECT is((SELECT version FROM stash.session_get(:'s_id')), 1::bigint, 'the data''s version is the same');
SELECT is((SELECT expires_at FROM stash.session_get(:'s_id')), :'s_expires_at'::timestamptz + interval '4000 s', 'where it stays');

-- The setting
SELECT * FROM stash.session_create(ttl => 1000) \gset s_
SELECT is(away(stash.session_extend(:'s_id')), 86400, 'stash.session_ttl');
SET stash.session_ttl = '3d';
SELECT is(away(stash.session_extend(:'s_id', NULL)), 3 * 86400, 'as it is now');
RESET stash.session_ttl;
SELECT is(away(stash.session_extend(:'s_id')), 3 * 86400, 'never sooner');

-- No limit
SELECT * FROM stash.session_create(ttl => 1000, absolute_ttl => 'infinity') \gset s_
SELECT is(away(stash.session_extend(:'s_id', 1e9)), 1000000000, 'without an absolute limit: decades');
SELECT is(stash.session_extend(:'s_id', 'infinity'), NULL, 'for ever: NULL');
SELECT is(limits(:'s_id'), '- - -', 'no limit');
SELECT is(stash.session_extend(:'s_id', 10), NULL, 'never sooner');
SELECT is(limits(:'s_id'), '- - -', 'no limit');

-- What was short lives on, in memory too
SELECT * FROM stash.session_create(ttl => 2) \gset s_
SELECT found(:'s_id', :'s_token');
SELECT ok(stash.session_extend(:'s_id', 100) IS NOT NULL, 'extended in time');
SELECT pg_sleep(2.05);
SELECT is(found(:'s_id', :'s_token'), 'id token', 'beyond its first end');

SELECT raises(format('SELECT stash.session_extend(%L, %L)', :'s_id', bad), '22023', '%infinity%', 'ttl ' || bad)
FROM unnest(ARRAY['0', '-1', '-infinity', 'NaN']) AS bad;
SELECT is(stash.session_extend(gen_random_uuid()), NULL, 'an unknown session');
SELECT is((SELECT count(*) FROM stash.session_history()), 0::bigint, 'none of these ended');

SELECT * FROM finish();
