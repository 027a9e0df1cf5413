-- Every way in which the rows of a plain table change.
SELECT plan(30);
\ir lib/watch.sql
SET client_min_messages = warning;
CREATE TABLE users (id int PRIMARY KEY, name text, CONSTRAINT positive CHECK (id > 0));
INSERT INTO users SELECT i, 'n' || i FROM generate_series(1, 5) AS i;
\set tags '''user:1'', ''user:2'', ''user:3'', ''user:9'', ''other:1'''
SELECT fill(:tags);
SELECT stash.cache_invalidate_on('users', 'user:{id}');
SELECT is(gone(:tags), 'user:1 user:2 user:3 user:9', 'making the tie invalidates the class');

SELECT fill(:tags);
UPDATE users SET name = 'x' WHERE id = 1;
SELECT is(gone(:tags), 'user:1', 'UPDATE');
SELECT fill(:tags);
UPDATE users SET id = 9 WHERE id = 2;
SELECT is(gone(:tags), 'user:2 user:9', 'UPDATE of the key: old image and new');
SELECT fill(:tags);
DELETE FROM users WHERE id = 9;
SELECT is(gone(:tags), 'user:9', 'DELETE');
SELECT fill(:tags);
INSERT INTO users VALUES (2, 'again');
SELECT is(gone(:tags), 'user:2', 'INSERT');
SELECT fill(:tags);
INSERT INTO users VALUES (1, 'y') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
SELECT is(gone(:tags), 'user:1', 'upsert that updates');
SELECT fill(:tags);
INSERT INTO users VALUES (9, 'y') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
SELECT is(gone(:tags), 'user:9', 'upsert that inserts');
SELECT fill(:tags);
INSERT INTO users VALUES (9, 'z') ON CONFLICT DO NOTHING;
SELECT is(gone(:tags), 'none', 'upsert that does nothing');
SELECT fill(:tags);
MERGE INTO users AS u USING (VALUES (1, 'merged'), (2, NULL), (30, 'new')) AS v (id, name) ON u.id = v.id
    WHEN MATCHED AND v.name IS NULL THEN DELETE
    WHEN MATCHED THEN UPDATE SET name = v.name
    WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.name);
SELECT is(gone(:tags), 'user:1 user:2', 'MERGE');
SELECT fill(:tags);
COPY users FROM stdin;
2	copied
\.
SELECT is(gone(:tags), 'user:2', 'COPY');
SELECT fill(:tags);
WITH moved AS (DELETE FROM users WHERE id = 3 RETURNING *) UPDATE users SET name = 'w' WHERE id = 1;
SELECT is(gone(:tags), 'user:1 user:3', 'a writing WITH');
SELECT fill(:tags);
TRUNCATE users;
SELECT is(gone(:tags), 'user:1 user:2 user:3 user:9', 'TRUNCATE: the class');
SELECT fill(:tags);
UPDATE users SET name = 'nobody';
SELECT is(gone(:tags), 'none', 'a change of no row');

-- Rolled back
INSERT INTO users SELECT i, 'n' FROM generate_series(1, 3) AS i;
SELECT fill(:tags);
BEGIN;
UPDATE users SET name = 'x';
SELECT is(gone(:tags), 'user:1 user:2 user:3', 'the transaction itself misses what it changed');
ROLLBACK;
SELECT is(gone(:tags), 'none', 'after ROLLBACK all is there');
BEGIN;
SAVEPOINT one;
DELETE FROM users WHERE id = 1;
ROLLBACK TO one;
DELETE FROM users WHERE id = 2;
COMMIT;
SELECT is(gone(:tags), 'user:2', 'only what was not rolled back counts');
BEGIN;
SELECT stash.cache_set('of user:3', '"own"', tags => '{user:3}', fresh => true);
UPDATE users SET name = 'later' WHERE id = 3;
COMMIT;
SELECT is(gone(:tags), 'user:2 user:3', 'a set dies of a later change of its row in the same transaction');
BEGIN;
UPDATE users SET name = 'first' WHERE id = 3;
SELECT stash.cache_set('of user:3', '"own"', tags => '{user:3}', fresh => true);
COMMIT;
SELECT is(stash.cache_get('of user:3'), '"own"', 'one after the change lives');

-- Foreign keys
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE visits (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE SET NULL);
SELECT stash.cache_invalidate_on('orders', 'order:{id}'), stash.cache_invalidate_on('visits', 'visit:{id}');
INSERT INTO users VALUES (4, 'n'), (5, 'n');
INSERT INTO orders VALUES (1, 4), (2, 5);
INSERT INTO visits VALUES (1, 4), (2, 5);
\set tags '''order:1'', ''order:2'', ''visit:1'', ''visit:2'''
SELECT fill(:tags);
DELETE FROM users WHERE id = 4;
SELECT is(gone(:tags), 'order:1 visit:1', 'ON DELETE CASCADE and SET NULL');
SELECT fill(:tags);
DELETE FROM visits;
UPDATE users SET id = 6 WHERE id = 5;
SELECT is(gone(:tags), 'order:2 visit:1 visit:2', 'ON UPDATE CASCADE');
SELECT fill(:tags);
TRUNCATE users CASCADE;
SELECT is(gone(:tags), 'order:1 order:2 visit:1 visit:2', 'TRUNCATE … CASCADE');

-- Whoever changes it, however
INSERT INTO users SELECT i, 'n' FROM generate_series(1, 3) AS i;
\set tags '''user:1'', ''user:2'', ''user:3'', ''user:9'', ''other:1'''
SELECT fill(:tags);
SET session_replication_role = replica;
UPDATE users SET name = 'replica' WHERE id = 1;
SELECT is(gone(:tags), 'user:1', 'session_replication_role = replica');
TRUNCATE users CASCADE;
SELECT is(gone(:tags), 'user:1 user:2 user:3 user:9', 'TRUNCATE, too');
RESET session_replication_role;
INSERT INTO users SELECT i, 'n' FROM generate_series(1, 3) AS i;
CREATE RULE redirect AS ON DELETE TO visits DO INSTEAD UPDATE users SET name = 'ruled' WHERE id = 2;
INSERT INTO visits VALUES (7, NULL);
SELECT fill(:tags);
DELETE FROM visits;
SELECT is(gone(:tags), 'user:2', 'a rule');
CREATE VIEW shown AS SELECT id, name FROM users;
SELECT fill(:tags);
UPDATE shown SET name = 'through a view' WHERE id = 3;
SELECT is(gone(:tags), 'user:3', 'an updatable view');
CREATE FUNCTION aside() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN UPDATE users SET name = 'aside' WHERE id = 1; RETURN NULL; END$$;
CREATE TRIGGER aside AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION aside();
SELECT fill(:tags);
INSERT INTO orders VALUES (9, NULL);
SELECT is(gone(:tags), 'user:1', 'a change by another trigger');
SELECT fill(:tags);
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE users SET name = 'd' WHERE id = 2;
SELECT is(gone(:tags), 'user:2', 'the tie is never deferred');
COMMIT;
SELECT fill(:tags);
DO $$BEGIN UPDATE users SET name = 'x' WHERE id = 1; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END$$;
SELECT is(gone(:tags), 'none', 'a change that an EXCEPTION block undid');
SELECT fill(:tags);
SET stash.max_pending = 16;
INSERT INTO users SELECT i, 'bulk' FROM generate_series(100, 200) AS i;
SELECT is(gone(:tags), 'user:1 user:2 user:3 user:9', 'more rows than stash.max_pending: the class');
RESET stash.max_pending;
SELECT fill(:tags);
INSERT INTO users SELECT i, 'bulk' FROM generate_series(1000, 6000) AS i;
SELECT is(gone(:tags), 'none', 'thousands of other rows');

SELECT * FROM finish();
