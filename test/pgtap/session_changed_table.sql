-- Sessions are inserted without the executor; what an administrator adds to their table counts all
-- the same.
\ir lib/session.sql
SELECT plan(13);
CREATE TABLE seen (what text, who text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (TG_WHEN || ' ' || TG_LEVEL, NEW.user_id);
    RETURN NEW;
END $$;
SELECT id, token FROM stash.session_create('plain', idle_ttl => 60, ip => '::1', user_agent => 'agent') \gset
SELECT is(found(:'id', :'token'), 'id token', 'an unchanged table');
SELECT is((SELECT count(*) FROM stash.session_touch WHERE id = :'id'), 1::bigint, 'a session with an idle limit has its touch row');
SELECT row_eq($$SELECT user_agent, ip, data, version FROM stash.session_list('plain')$$,
    ROW('agent'::text, '::1'::inet, '{}'::jsonb, 1::bigint), 'every column is in its place');

CREATE TRIGGER look AFTER INSERT ON stash.session FOR EACH ROW EXECUTE FUNCTION see();
SELECT id, token FROM stash.session_create('watched', 'bot', '{"a": 1}', idle_ttl => 60, schema_version => 7) \gset
SELECT is(found(:'id', :'token'), 'id token', 'a table with a trigger');
SELECT results_eq('SELECT what, who FROM seen', $$VALUES ('AFTER ROW', 'watched')$$, 'the trigger has seen it');
SELECT row_eq($$SELECT agent_id, data, schema_version, version, idle_ttl FROM stash.session_list('watched')$$,
    ROW('bot'::text, '{"a": 1}'::jsonb, 7, 1::bigint, 60::float8), 'every column is in its place there, too');
DROP TRIGGER look ON stash.session;
ALTER TABLE stash.session ADD CONSTRAINT no_guests CHECK (user_id <> 'guest');
SELECT raises($$SELECT stash.session_create('guest')$$, '23514', '%', 'a constraint that was added holds');
ALTER TABLE stash.session DROP CONSTRAINT no_guests;

-- One statement sees what it has made before, the next ones too
SELECT is((SELECT count(*) FROM (SELECT stash.session_create('many', max_per_user => 2) FROM generate_series(1, 5)) AS s), 5::bigint,
    'five sessions in one statement');
SELECT is(stash.session_get_active_count('many'), 2::bigint, 'the limit holds within the statement');
BEGIN;
SELECT id, token FROM stash.session_create('mine') \gset
SELECT is(found(:'id', :'token'), 'id token', 'a transaction sees its own session');
ROLLBACK;
SELECT is(found(:'id', :'token'), '- -', 'and nobody after a rollback');
BEGIN READ ONLY;
SELECT raises($$SELECT stash.session_create('nobody')$$, '25006', '%', 'not in a read-only transaction');
ROLLBACK;
SELECT is(stash.session_get_active_count('nobody'), 0::bigint, 'which made none');
SELECT * FROM finish();
