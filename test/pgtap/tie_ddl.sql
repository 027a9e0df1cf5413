-- DDL on a tied table.
SELECT plan(30);
\ir lib/watch.sql
\set tags '''user:1'', ''user:2'', ''other:1'''
\set whole '''user:1 user:2'''
CREATE SCHEMA shop;
CREATE TABLE shop.users (id int PRIMARY KEY, name text, spare int);
INSERT INTO shop.users VALUES (1, 'a', 1), (2, 'b', 2);
SELECT stash.cache_invalidate_on('shop.users', 'user:{id}');

SELECT fill(:tags);
SELECT changed('ALTER TABLE shop.users ALTER name TYPE varchar USING upper(name)', 'ALTER TYPE … USING, seen by the transaction',
    :whole, :tags);
SELECT is(gone(:tags), :whole, 'and after it');
SELECT fill(:tags);
BEGIN;
ALTER TABLE shop.users ALTER name TYPE text USING lower(name);
ROLLBACK;
SELECT is(gone(:tags), 'none', 'not when it is rolled back');
SELECT fill(:tags);
ALTER TABLE shop.users ADD COLUMN added int DEFAULT 7;
SELECT is(gone(:tags), :whole, 'ADD COLUMN');
SELECT fill(:tags);
ALTER TABLE shop.users DROP COLUMN spare;
SELECT is(gone(:tags), :whole, 'DROP COLUMN');
SELECT fill(:tags);
UPDATE shop.users SET name = 'x' WHERE id = 1;
SELECT is(gone(:tags), 'user:1', 'the tie still works');

-- Triggers switched off and on
SELECT fill(:tags);
ALTER TABLE shop.users DISABLE TRIGGER ALL;
SELECT is(gone(:tags), :whole, 'DISABLE TRIGGER ALL');
UPDATE shop.users SET name = 'unseen';
SELECT fill(:tags);
ALTER TABLE shop.users ENABLE TRIGGER ALL;
SELECT is(gone(:tags), :whole, 'ENABLE TRIGGER ALL makes up for what was not seen');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop.users'::regclass AND tgname LIKE '!stash%' AND tgenabled <> 'A'$$,
    'the tie''s triggers fire always again');
SELECT fill(:tags);
SET session_replication_role = replica;
UPDATE shop.users SET name = 'x' WHERE id = 2;
RESET session_replication_role;
SELECT is(gone(:tags), 'user:2', 'for replicas, too');
ALTER TABLE shop.users DISABLE TRIGGER USER;
ALTER TABLE shop.users ENABLE TRIGGER USER;
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop.users'::regclass AND tgname LIKE '!stash%' AND tgenabled <> 'A'$$,
    'ENABLE TRIGGER USER');

-- Policies: others see other rows
SELECT fill(:tags);
ALTER TABLE shop.users ENABLE ROW LEVEL SECURITY;
SELECT is(gone(:tags), :whole, 'ENABLE ROW LEVEL SECURITY');
SELECT fill(:tags);
CREATE POLICY seen ON shop.users USING (id = 1);
SELECT is(gone(:tags), :whole, 'CREATE POLICY');
SELECT fill(:tags);
ALTER POLICY seen ON shop.users USING (id = 2);
SELECT is(gone(:tags), :whole, 'ALTER POLICY');
SELECT fill(:tags);
BEGIN;
DROP POLICY seen ON shop.users;
ROLLBACK;
SELECT is(gone(:tags), 'none', 'not when it is rolled back');
SELECT fill(:tags);
DROP POLICY seen ON shop.users;
SELECT is(gone(:tags), :whole, 'DROP POLICY');
ALTER TABLE shop.users DISABLE ROW LEVEL SECURITY;
CREATE TABLE shop.untied (id int);
SELECT fill(:tags);
CREATE POLICY seen ON shop.untied USING (id = 1);
DROP TABLE shop.untied;
SELECT is(gone(:tags), 'none', 'nor those of another table');

-- Renamed
SELECT fill(:tags);
ALTER TABLE shop.users RENAME TO people;
UPDATE shop.people SET name = 'y' WHERE id = 1;
SELECT is(gone(:tags) LIKE '%user:1%', true, 'a renamed table is still tied');
ALTER TABLE shop.people RENAME id TO nr;
SELECT fill(:tags);
UPDATE shop.people SET name = 'z' WHERE nr = 1;
SELECT is(gone(:tags), :whole, 'where the template''s column is not found, the class goes');
SELECT fill(:tags);
INSERT INTO shop.people (nr) VALUES (3);
SELECT is(gone(:tags), :whole, 'whatever the change');
ALTER TABLE shop.people RENAME nr TO id;
SELECT fill(:tags);
UPDATE shop.people SET name = 'z' WHERE id = 1;
SELECT is(gone(:tags), 'user:1', 'found again');
ALTER TABLE shop.people DROP COLUMN id;
SELECT fill(:tags);
UPDATE shop.people SET name = 'z' WHERE name = 'z';
SELECT is(gone(:tags), :whole, 'a dropped column');

-- Dropped
SELECT fill(:tags);
BEGIN;
DROP TABLE shop.people;
SELECT is(gone(:tags), :whole, 'DROP TABLE, in its transaction');
ROLLBACK;
SELECT is(gone(:tags), 'none', 'rolled back');
DROP TABLE shop.people;
SELECT is(gone(:tags), :whole, 'DROP TABLE');
CREATE TABLE shop.users (id int PRIMARY KEY);
SELECT stash.cache_invalidate_on('shop.users', 'user:{id}');
SELECT fill(:tags);
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
SELECT is(gone(:tags), :whole, 'DROP SCHEMA … CASCADE');
SET client_min_messages = warning;
DROP ROLE IF EXISTS stash_owner;
CREATE ROLE stash_owner;
CREATE TABLE owned (id int);
SELECT stash.cache_invalidate_on('owned', 'user:{id}');
ALTER TABLE owned OWNER TO stash_owner;
SELECT fill(:tags);
DROP OWNED BY stash_owner;
SELECT is(gone(:tags), :whole, 'DROP OWNED');
DROP ROLE stash_owner;

-- What changes nothing
CREATE TABLE kept (id int PRIMARY KEY);
SELECT stash.cache_invalidate_on('kept', 'user:{id}');
INSERT INTO kept VALUES (1), (2);
SELECT fill(:tags);
VACUUM ANALYZE kept;
REINDEX TABLE kept;
SELECT is(gone(:tags), 'none', 'VACUUM, ANALYZE, REINDEX');
CREATE TABLE elsewhere (id int);
SELECT fill(:tags);
ALTER TABLE elsewhere ADD COLUMN x int;
DROP TABLE elsewhere;
SELECT is(gone(:tags), 'none', 'DDL on tables without ties');
CREATE TABLE copied (LIKE kept INCLUDING ALL);
INSERT INTO copied VALUES (1);
SELECT is(gone(:tags), 'none', 'a copy of a tied table is not tied');

SELECT * FROM finish();
