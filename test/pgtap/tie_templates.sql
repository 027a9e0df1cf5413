-- Templates: what a row's tags are, and which are refused.
\ir lib/raises.sql
SELECT plan(50);
\ir lib/watch.sql
CREATE TYPE color AS ENUM ('red', 'green');
CREATE TABLE t (id int PRIMARY KEY, "Odd Name" text, city text, n numeric(6, 2), c color, d date, a int[], "quo""ted" int);
-- A tie of its own for each case: one row changes, one tag goes
CREATE FUNCTION tag_of(template text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM t;
    PERFORM stash.cache_invalidate_off('t');
    PERFORM stash.cache_invalidate_on('t', template);
    RETURN template;
END $$;
\set row '(1, ''x y'', ''Zürich'', 1.5, ''red'', ''2024-02-29'', ''{1,2}'', 7)'

SELECT tag_of('user:{id}');
SELECT fill('user:1', 'user:2', 'user:{id}');
INSERT INTO t VALUES :row;
SELECT is(gone('user:1', 'user:2', 'user:{id}'), 'user:1', 'a column');
SELECT tag_of('{id}');
SELECT fill('1', '2', 'x:1');
INSERT INTO t VALUES :row;
SELECT is(gone('1', '2', 'x:1'), '1', 'nothing but a column');
SELECT tag_of('city:{city}:{id}');
SELECT fill('city:Zürich:1', 'city:Zürich:2', 'city:Bern:1');
INSERT INTO t VALUES :row;
SELECT is(gone('city:Zürich:1', 'city:Zürich:2', 'city:Bern:1'), 'city:Zürich:1', 'two columns');
SELECT tag_of('{Odd Name}/{quo"ted}');
SELECT fill('x y/7', 'x y/8');
INSERT INTO t VALUES :row;
SELECT is(gone('x y/7', 'x y/8'), 'x y/7', 'columns with odd names');
SELECT tag_of('{{{id}}}');
SELECT fill('{1}', '1', '{{1}}');
INSERT INTO t VALUES :row;
SELECT is(gone('{1}', '1', '{{1}}'), '{1}', 'braces');
SELECT tag_of('all');
SELECT fill('all', 'all:1');
INSERT INTO t VALUES :row;
SELECT is(gone('all', 'all:1'), 'all', 'no column at all');
SELECT tag_of('user:*');
SELECT fill('user:1', 'other:1');
INSERT INTO t VALUES :row;
SELECT is(gone('user:1', 'other:1'), 'user:1', 'a class');
SELECT tag_of('v:{n}|{c}|{d}|{a}');
SELECT fill('v:1.50|red|2024-02-29|{1,2}', 'v:1.5|red|2024-02-29|{1,2}');
INSERT INTO t VALUES :row;
SELECT is(gone('v:1.50|red|2024-02-29|{1,2}', 'v:1.5|red|2024-02-29|{1,2}'), 'v:1.50|red|2024-02-29|{1,2}',
    'types look as their text does');

-- What gives no tag takes the class, or the namespace
SELECT tag_of('city:{city}');
SELECT fill('city:a', 'city:b', 'other:a');
INSERT INTO t (id) VALUES (1);
SELECT is(gone('city:a', 'city:b', 'other:a'), 'city:a city:b', 'a null column: the class');
SELECT fill('city:a', 'city:b', 'other:a');
UPDATE t SET city = 'a';
SELECT is(gone('city:a', 'city:b', 'other:a'), 'city:a city:b', 'a null in the old image');
SELECT fill('city:a', 'city:b', 'other:a');
UPDATE t SET city = 'b';
SELECT is(gone('city:a', 'city:b', 'other:a'), 'city:a city:b', 'no null: both images, each by itself');
SELECT fill('city:a', 'city:b', 'city:c');
UPDATE t SET city = 'a';
SELECT is(gone('city:a', 'city:b', 'city:c'), 'city:a city:b', 'and nothing else');
SELECT tag_of('plain{city}');
SELECT fill('plaina', 'other:a');
INSERT INTO t (id) VALUES (1);
SELECT is(gone('plaina', 'other:a'), 'plaina other:a and all', 'a null column without a class: the namespace');
SELECT tag_of('long:{city}');
SELECT fill('long:a', 'other:a');
INSERT INTO t (id, city) VALUES (1, repeat('c', 251));
SELECT is(gone('long:a', 'other:a'), 'long:a', 'a tag that gets too long: the class');
SELECT fill('long:' || repeat('c', 250), 'long:a');
UPDATE t SET city = repeat('c', 250);
SELECT fill('long:' || repeat('c', 250), 'long:a');
DELETE FROM t;
SELECT is(gone('long:' || repeat('c', 250), 'long:a'), 'long:' || repeat('c', 250), 'one of exactly 255 bytes');
SELECT tag_of('{city}');
SELECT fill('a', 'other:a');
INSERT INTO t (id, city) VALUES (1, '');
SELECT is(gone('a', 'other:a'), 'a other:a and all', 'an empty tag: the namespace');
SELECT tag_of('{city}:{id}');
SELECT fill('a:1', 'b:1');
TRUNCATE t;
SELECT is(gone('a:1', 'b:1'), 'a:1 b:1 and all', 'a class that a column makes: TRUNCATE takes the namespace');

-- Several ties, and their end
SELECT stash.cache_invalidate_off('t');
SELECT stash.cache_invalidate_on('t', 'one:{id}'), stash.cache_invalidate_on('t', 'two:{id}'),
    stash.cache_invalidate_on('t', 'one:{id}');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass), 4::bigint, 'the same tie twice is one');
SELECT fill('one:1', 'two:1', 'one:2');
INSERT INTO t (id) VALUES (1);
SELECT is(gone('one:1', 'two:1', 'one:2'), 'one:1 two:1', 'several ties');
SELECT fill('one:1', 'two:1', 'one:2');
SELECT ok(stash.cache_invalidate_off('t'), 'cache_invalidate_off');
SELECT is(gone('one:1', 'two:1', 'one:2'), 'one:1 two:1 one:2', 'invalidates what they watched');
SELECT fill('one:1', 'two:1', 'one:2');
DELETE FROM t;
SELECT is(gone('one:1', 'two:1', 'one:2'), 'none', 'and ends them all');
SELECT ok(NOT stash.cache_invalidate_off('t'), 'there are none');
BEGIN;
SELECT stash.cache_invalidate_on('t', 'one:{id}');
ROLLBACK;
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 't'::regclass$$, 'a tie rolls back');
SELECT ok(stash.cache_invalidate_on(relation => 't', tag_template => 'one:{id}', namespace => 'default') IS NOT NULL, 'by name');
SELECT is((SELECT min(tgname COLLATE "C") LIKE '!stash%' AND bool_and(tgenabled = 'A' AND NOT tgdeferrable) FROM pg_trigger
    WHERE tgrelid = 't'::regclass), true, 'first by name, always enabled, not deferrable');

-- Refused
SELECT raises(format('SELECT stash.cache_invalidate_on(%L, %L)', 't', tpl), '22023', '%braces%', 'malformed: ' || tpl)
FROM unnest(ARRAY['', '{', '}', 'a{', 'a}', '{}', 'user:{id', '{{{id}}']) AS tpl;
SELECT raises($$SELECT stash.cache_invalidate_on('t', 'user:{nothing}')$$, '42703', '%', 'an unknown column');
SELECT raises($$SELECT stash.cache_invalidate_on('t', NULL)$$, '22004', '_%', 'a null template');
SELECT raises($$SELECT stash.cache_invalidate_on(NULL, 'a')$$, '22004', '_%', 'a null relation');
SELECT raises($$SELECT stash.cache_invalidate_off(NULL)$$, '22004', '_%', 'a null relation to untie');
SELECT raises($$SELECT stash.cache_invalidate_on('t', repeat('a', 256))$$, '54000', '%255%', 'a template that is too long');
SELECT raises($$SELECT stash.cache_invalidate_on(4294967295::oid, 'a')$$, '42P01', '%', 'a relation that does not exist');
CREATE VIEW v AS SELECT * FROM t;
CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
CREATE SEQUENCE s;
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE f (id int) SERVER files OPTIONS (filename '/dev/null');
SELECT raises(format('SELECT stash.cache_invalidate_on(%L, %L)', r, 'a'), '42809', '%tie the tables%', 'not a table: ' || r)
FROM unnest(ARRAY['v', 'm', 's', 'f', 't_pkey']) AS r;
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
SELECT raises($$SELECT stash.cache_invalidate_on('parent', 'a')$$, '42809', '%each table%', 'a table with inheritance children');
SELECT stash.cache_invalidate_on('child', 'a');
SELECT raises($$CREATE TABLE grandchild () INHERITS (child)$$, '0A000', '%cache_invalidate_off%', 'a tied table gets no children');
CREATE TABLE stranger (id int);
SELECT raises($$ALTER TABLE stranger INHERIT child$$, '0A000', '%cache_invalidate_off%', 'not by ALTER TABLE either');
SELECT lives_ok($$ALTER TABLE stranger INHERIT parent$$, 'a table without ties does');
SELECT raises($$SELECT stash.cache_invalidate_on('pg_class', 'a')$$, '42809', '%', 'a system catalog');

SELECT * FROM finish();
