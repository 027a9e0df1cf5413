-- The limit of sessions per user: who is evicted, who is refused.
\ir lib/session.sql
SELECT plan(30);
CREATE TABLE made (label text PRIMARY KEY, id uuid, token text);
CREATE FUNCTION make(label text, owner text, most int DEFAULT NULL, ttl float8 DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO made SELECT make.label, s.id, s.token FROM stash.session_create(owner, max_per_user => most, ttl => make.ttl) AS s$$;
CREATE FUNCTION living() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(label, '' ORDER BY label), '-') FROM made WHERE found(id, token) = 'id token'$$;
CREATE FUNCTION half_dead() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(label, '' ORDER BY label), '-') FROM made WHERE found(id, token) NOT IN ('id token', '- -')$$;
CREATE FUNCTION id_of(wanted text) RETURNS uuid LANGUAGE sql AS $$SELECT id FROM made WHERE label = wanted$$;

-- Evicted: the least recently used
SELECT make('a', 'alice', 3);
SELECT make('b', 'alice', 3);
SELECT make('c', 'alice', 3);
SELECT make('z', 'bob', 3);
SELECT is(living(), 'abcz', 'up to the limit');
SELECT hits() AS before \gset
SELECT is(living(), 'abcz', 'all in memory');
SELECT is(hits() - :before, 8::bigint, 'from where they are read');
SELECT make('d', 'alice', 3);
SELECT is(living() || half_dead(), 'bcdz-', 'beyond it the oldest goes, if none was used');
SELECT is(ended(id_of('a')), 'evicted by postgres', 'as the history says');
SELECT stash.session_touch(id_of('b'));
SELECT make('e', 'alice', 3);
SELECT is(living() || half_dead(), 'bdez-', 'one that was used stays: memory knows');
SELECT count(*) FROM made, stash.session_get_by_token(made.token) WHERE label = 'd';
SELECT make('f', 'alice', 3);
SELECT is(living() || half_dead(), 'defz-', 'used by token: b is the least recently used now');
UPDATE stash.session SET seen_at = seen_at - interval '1 h' WHERE id = id_of('f');
SELECT make('g', 'alice', 3);
SELECT is(living() || half_dead(), 'degz-', 'the table''s moment counts');
INSERT INTO stash.session_touch (generation, id, touched_at, due_at) SELECT generation, id, now() + interval '1 s', 'infinity'
    FROM stash.session WHERE id = id_of('e') ON CONFLICT DO NOTHING;
SELECT stash.session_touch(id_of('g')), stash.session_touch(id_of('d'));
SELECT make('h', 'alice', 2);
SELECT is(living() || half_dead(), 'ehz-', 'a lower limit evicts as many as it takes; a touch that was written down counts');
SELECT make('i', 'alice', 1);
SELECT is(living() || half_dead(), 'iz-', 'one session only');
SELECT make('j', 'alice', 1);
SELECT is(living() || half_dead(), 'jz-', 'again');
SELECT is((SELECT count(*) FROM stash.session_history('alice') WHERE kind = 'evicted'), 9::bigint, 'all of them are in the history');
SELECT make('k', 'alice');
SELECT is(living(), 'jkz', 'without a limit, one more');
SELECT stash.session_create(max_per_user => 1), stash.session_create(max_per_user => 1);
SELECT is((SELECT count(*) FROM stash.session_list(max_rows => 10000) WHERE user_id IS NULL), 2::bigint, 'sessions without a user have no limit');

-- What is over does not count, and is not evicted
BEGIN;
SELECT make('l', 'carol', ttl => 1e-9);
SELECT make('m', 'carol', 2);
SELECT make('n', 'carol', 2);
SELECT is(living(), 'jkmnz', 'an expired session takes no place');
SELECT is(ended(id_of('l')), '-', 'and was not evicted');
ROLLBACK;
SELECT make('m', 'carol', 1);
BEGIN;
SELECT make('n', 'carol', 1);
SELECT is(living(), 'jknz', 'evicted within a transaction');
ROLLBACK;
SELECT is(living() || half_dead(), 'jkmz-', 'which fails: it is back');

-- The settings
SET stash.session_max_per_user = 2;
SELECT make('o', 'dora');
SELECT make('p', 'dora');
SELECT make('q', 'dora');
SELECT is(living(), 'jkmpqz', 'stash.session_max_per_user');
SELECT make('r', 'dora', 3);
SELECT is(living(), 'jkmpqrz', 'the argument comes first');
SET stash.session_limit_action = 'refuse';
SELECT raises($$SELECT stash.session_create('dora')$$, '53400', '%evict%', 'refused');
SELECT raises($$SELECT stash.session_create('dora', max_per_user => 3)$$, '53400', '%evict%', 'with an argument, too');
SELECT is(living() || half_dead(), 'jkmpqrz-', 'nothing has changed');
SELECT make('s', 'dora', 4);
SELECT is(living(), 'jkmpqrsz', 'below the limit it is not refused');
SELECT lives_ok('SELECT stash.session_create()', 'nor without a user');
SELECT stash.session_delete(id_of(l)) FROM unnest('{p,q,r}'::text[]) AS l;
SELECT make('t', 'dora');
SELECT is(living(), 'jkmstz', 'nor when there is place again');
SELECT raises($$SELECT stash.session_create('dora')$$, '53400', '%evict%', 'until there is not');
RESET stash.session_max_per_user;
SELECT lives_ok($$SELECT stash.session_create('dora')$$, 'without a limit nobody is refused');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), 0::bigint, 'no lock is left');
SELECT throws_ok($$SELECT make('v' || n, 'fred', 5) FROM generate_series(1, 20) AS n$$, '53400', NULL, 'sessions of the same statement count');

SELECT * FROM finish();
