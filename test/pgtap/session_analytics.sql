-- session_analytics: known sessions, counted by hand.
\ir lib/session.sql
SELECT plan(37);
SET timezone = 'UTC';
-- Rows of known moments: never committed, so that the worker lets them be.
BEGIN;
CREATE FUNCTION past(user_id text, began text, ended text, kind text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO stash.session_history (slot, id, user_id, created_at, last_seen_at, ended_at, kind)
    VALUES (0, gen_random_uuid(), past.user_id, past.began::timestamptz, past.began::timestamptz, past.ended::timestamptz, past.kind)$$;
SELECT past('alice', '2001-03-01 09:50', '2001-03-01 10:00', 'deleted'),        -- ends as the second bucket begins
    past('alice', '2001-03-01 10:00', '2001-03-01 10:10', 'expired'),
    past('alice', '2001-03-01 10:05', '2001-03-01 10:25', 'idle'),
    past('bob', '2001-03-01 10:10', '2001-03-01 10:40', 'deleted'),
    past('bob', '2001-03-01 10:10', '2001-03-01 10:50', 'revoked'),
    past('carol', '2001-03-01 10:20', '2001-03-01 12:30', 'evicted'),           -- three buckets long
    past(NULL, '2001-03-01 11:00', '2001-03-01 11:00:30.5', 'deleted'),         -- without a user
    past('dora', '2001-03-01 08:00', '2001-03-01 08:30', 'deleted'),            -- before all
    past('dora', '2001-03-01 13:00', '2001-03-01 13:30', 'deleted');            -- begins as the last bucket ends
-- One that lives since 11:30, and one that is over and not reaped
INSERT INTO stash.session (generation, id, user_id, data, token_hash, created_at, updated_at, seen_at, expires_at, absolute_expires_at, idle_ttl) VALUES
    (0, gen_random_uuid(), 'erik', '{}', sha256('1'), '2001-03-01 11:30', '2001-03-01 11:30', '2001-03-01 11:30', 'infinity', 'infinity', NULL),
    (1, gen_random_uuid(), 'fred', '{}', sha256('2'), '2001-03-01 11:40', '2001-03-01 11:40', '2001-03-01 11:40', '2001-03-01 12:40', 'infinity', NULL),
    (1, gen_random_uuid(), 'gina', '{}', sha256('3'), '2001-03-01 12:00', '2001-03-01 12:00', '2001-03-01 12:10', 'infinity', 'infinity', 600);
SELECT results_eq($$SELECT * FROM stash.session_analytics('2001-03-01 09:00', '2001-03-01 13:00')$$, $$VALUES
    ('2001-03-01 09:00'::timestamptz, 1::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 1::bigint, 1::bigint, NULL::float8, NULL::float8),
    ('2001-03-01 10:00', 5, 1, 1, 2, 1, 0, 6, 3, 1200, 2280),
    ('2001-03-01 11:00', 3, 0, 0, 1, 0, 0, 4, 3, 30.5, 30.5),
    ('2001-03-01 12:00', 1, 1, 1, 0, 0, 1, 4, 4, 3600, 7380)$$, 'buckets of an hour');
SELECT results_eq($$SELECT bucket_start, created, expired, idle, deleted, revoked, evicted, active, distinct_users, median_duration, round(p95_duration) FROM stash.session_analytics('2001-03-01 09:00', '2001-03-01 13:00', '1 day')$$, $$VALUES
    ('2001-03-01 09:00'::timestamptz, 10::bigint, 2::bigint, 2::bigint, 3::bigint, 1::bigint, 1::bigint, 10::bigint, 6::bigint, 1200::float8, 6120::float8)$$,
    'one bucket, cut at until');
SELECT results_eq($$SELECT bucket_start, created, deleted, active FROM stash.session_analytics('2001-03-01 10:00', '2001-03-01 10:50', '20 min')$$, $$VALUES
    ('2001-03-01 10:00'::timestamptz, 4::bigint, 1::bigint, 5::bigint), ('2001-03-01 10:20', 1, 0, 4), ('2001-03-01 10:40', 0, 1, 3)$$,
    'buckets begin at since');
SELECT results_eq($$SELECT bucket_start, created, deleted, active, distinct_users, median_duration FROM stash.session_analytics('2000-12-31', '2001-01-02', '1 day')$$,
    $$VALUES ('2000-12-31'::timestamptz, 0::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::float8), ('2001-01-01', 0, 0, 0, 0, NULL)$$, 'buckets without sessions');
-- Times without end or beginning
SELECT is((SELECT array_agg(bucket_start) FROM stash.session_analytics(until => '2001-03-01 13:00', bucket => '12 h')),
    '{2001-02-28 13:00,2001-03-01 01:00}'::timestamptz[], 'since NULL: a day before until');
SELECT is((SELECT count(*) FROM stash.session_analytics(now() - interval '90 min')), 2::bigint, 'until NULL: now');
SELECT is((SELECT count(*) FROM stash.session_analytics()), 24::bigint, 'both NULL: the last day by the hour');
SELECT is((SELECT sum(active) FROM stash.session_analytics(now() - interval '1 min', 'infinity', '1 day')), 1::numeric, 'until infinity: now');
SELECT is((SELECT count(*) FROM stash.session_analytics(now() - interval '90 min', now() + interval '1 year')), 2::bigint, 'the future has no buckets');
SELECT is((SELECT count(*) FROM stash.session_analytics('2001-03-01', '2001-03-01')), 0::bigint, 'an empty time has no bucket');
SELECT is((SELECT count(*) FROM stash.session_analytics('2001-03-02', '2001-03-01')), 0::bigint, 'nor one that ends before it begins');
SELECT is((SELECT count(*) FROM stash.session_analytics(now() + interval '1 h')), 0::bigint, 'nor the future');

-- Days and months follow the time zone
SET LOCAL timezone = 'Europe/Berlin';
SELECT is((SELECT array_agg(bucket_start) FROM stash.session_analytics('2001-03-24', '2001-03-27', '1 day')),
    '{2001-03-24 00:00+1,2001-03-25 00:00+1,2001-03-26 00:00+2}'::timestamptz[], 'a day of 23 hours');
SELECT is((SELECT array_agg(bucket_start) FROM stash.session_analytics('2001-03-24', '2001-03-27', '24 h')),
    '{2001-03-24 00:00+1,2001-03-25 00:00+1,2001-03-26 00:00+1}'::timestamptz[], '24 hours are 24 hours');
SELECT is((SELECT array_agg(bucket_start) FROM stash.session_analytics('2001-01-01', '2001-04-15', '1 month')),
    '{2001-01-01,2001-02-01,2001-03-01,2001-04-01}'::timestamptz[], 'months');
SELECT is((SELECT array_agg(created) FROM stash.session_analytics('2001-01-01', '2001-04-15', '1 month')), '{0,0,12,0}'::bigint[], 'with what is in them');
SELECT is((SELECT array_agg(created) FROM stash.session_analytics('1999-01-01', '2002-01-01', '1 year')), '{0,0,12}'::bigint[], 'years');
SET LOCAL timezone = 'UTC';
SELECT is((SELECT count(*) FROM stash.session_analytics('2001-03-01 10:00', '2001-03-01 10:01', '1 second')), 60::bigint, 'seconds');

-- Durations: thousands of known ones
SELECT past('many', '2001-05-01', (timestamptz '2001-05-01' + n * interval '1 s')::text, 'deleted') FROM generate_series(1, 1001) AS n;
SELECT results_eq($$SELECT deleted, active, distinct_users, median_duration, p95_duration FROM stash.session_analytics('2001-05-01', '2001-05-02', '1 day')$$,
    $$VALUES (1001::bigint, 1002::bigint, 2::bigint, 501::float8, 951::float8)$$, 'median and 95th percentile');

-- Bad bounds and buckets
SELECT raises(call, '22023', '%', call) FROM unnest(ARRAY[
    $$SELECT * FROM stash.session_analytics('-infinity')$$, $$SELECT * FROM stash.session_analytics('infinity')$$,
    $$SELECT * FROM stash.session_analytics('infinity', 'infinity')$$, $$SELECT * FROM stash.session_analytics(until => '-infinity')$$,
    $$SELECT * FROM stash.session_analytics('2001-01-01', '-infinity')$$,
    $$SELECT * FROM stash.session_analytics(bucket => NULL)$$, $$SELECT * FROM stash.session_analytics(bucket => '0')$$,
    $$SELECT * FROM stash.session_analytics(bucket => '-1 hour')$$, $$SELECT * FROM stash.session_analytics(bucket => '0.999 s')$$,
    $$SELECT * FROM stash.session_analytics('2001-01-01', '2001-04-01', '1 month -29 days')$$,
    $$SELECT * FROM stash.session_analytics('2001-01-01', '2001-04-01', '1 day -23 hours')$$]) AS call;
SELECT is((SELECT count(*) FROM stash.session_analytics('2001-03-01', timestamptz '2001-03-01' + interval '10000 s', '1 s')), 10000::bigint, 'ten thousand buckets');
SELECT raises(call, '54000', '%10000%', call) FROM unnest(ARRAY[
    $$SELECT * FROM stash.session_analytics('2001-03-01', timestamptz '2001-03-01' + interval '10001 s', '1 s')$$,
    $$SELECT * FROM stash.session_analytics('0001-01-01')$$,
    $$SELECT * FROM stash.session_analytics('4713-01-01 BC', bucket => '1 day')$$]) AS call;
SELECT is((SELECT count(*) FROM stash.session_analytics('4713-01-01 BC', '2001-01-01', '100 years')), 68::bigint, 'all of history in centuries');
ROLLBACK;

-- What the functions do, they count
SELECT * FROM stash.session_create('alice') \gset a_
SELECT * FROM stash.session_create('alice') \gset b_
SELECT stash.session_create('bob');
SELECT stash.session_delete(:'a_id');
SELECT results_eq($$SELECT sum(created), sum(deleted), sum(active), max(distinct_users), count(median_duration) FROM stash.session_analytics(now() - interval '59 min')$$,
    $$VALUES (3::numeric, 1::numeric, 3::numeric, 2::bigint, 1::bigint)$$, 'three began, one ended');
SELECT stash.session_revoke_others(:'b_id'), stash.session_create('bob', max_per_user => 1);
SELECT results_eq($$SELECT sum(created), sum(deleted), sum(evicted), sum(active) FROM stash.session_analytics(now() - interval '59 min')$$,
    $$VALUES (4::numeric, 1::numeric, 1::numeric, 4::numeric)$$, 'evicted');

SELECT * FROM finish();
