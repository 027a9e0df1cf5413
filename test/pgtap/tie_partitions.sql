-- Partitioned tables: through the root and directly at a partition, now and later.
SELECT plan(26);
\ir lib/watch.sql
CREATE TABLE events (id int, day int, v text) PARTITION BY LIST (day);
CREATE TABLE events1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events2 PARTITION OF events FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE events2a PARTITION OF events2 FOR VALUES IN (1, 2, 3);
SELECT stash.cache_invalidate_on('events', 'event:{id}');
INSERT INTO events SELECT i, d, 'v' FROM generate_series(1, 3) AS i, generate_series(1, 2) AS d;
\set tags '''event:1'', ''event:2'', ''event:3'', ''other:1'''
\set whole '''event:1 event:2 event:3'''

SELECT fill(:tags);
UPDATE events SET v = 'x' WHERE id = 1;
SELECT is(gone(:tags), 'event:1', 'UPDATE of the root');
SELECT fill(:tags);
UPDATE events1 SET v = 'x' WHERE id = 2;
SELECT is(gone(:tags), 'event:2', 'of a partition');
SELECT fill(:tags);
DELETE FROM events2a WHERE id = 3;
SELECT is(gone(:tags), 'event:3', 'of a partition''s partition');
SELECT fill(:tags);
COPY events1 FROM stdin;
3	1	copied
\.
SELECT is(gone(:tags), 'event:3', 'COPY to a partition');
SELECT fill(:tags);
UPDATE events SET day = 2 WHERE id = 3 AND day = 1;
SELECT is(gone(:tags), 'event:3', 'a row that moves to another partition');
SELECT fill(:tags);
SET session_replication_role = replica;
UPDATE events2a SET v = 'x' WHERE id = 1;
RESET session_replication_role;
SELECT is(gone(:tags), 'event:1', 'session_replication_role = replica at a partition');
SELECT fill(:tags);
TRUNCATE events1;
SELECT is(gone(:tags), :whole, 'TRUNCATE of a partition');
SELECT fill(:tags);
TRUNCATE events2;
SELECT is(gone(:tags), :whole, 'TRUNCATE of a partitioned partition');
SELECT fill(:tags);
TRUNCATE ONLY events2a;
SELECT is(gone(:tags), :whole, 'TRUNCATE ONLY');
SELECT fill(:tags);
TRUNCATE events;
SELECT is(gone(:tags), :whole, 'TRUNCATE of the root');

-- New partitions
CREATE TABLE events3 PARTITION OF events FOR VALUES IN (3);
SELECT fill(:tags);
INSERT INTO events3 VALUES (1, 3, 'v');
SELECT is(gone(:tags), 'event:1', 'a new partition''s rows');
SELECT fill(:tags);
SET session_replication_role = replica;
INSERT INTO events3 VALUES (2, 3, 'v');
SELECT is(gone(:tags), 'event:2', 'replica, too');
SELECT fill(:tags);
TRUNCATE events3;
RESET session_replication_role;
SELECT is(gone(:tags), :whole, 'its TRUNCATE');
CREATE TABLE events4 (id int, day int, v text);
INSERT INTO events4 VALUES (1, 4, 'v');
SELECT fill(:tags);
ALTER TABLE events ATTACH PARTITION events4 FOR VALUES IN (4);
SELECT is(gone(:tags), :whole, 'ATTACH brings rows: the class');
SELECT fill(:tags);
UPDATE events4 SET v = 'x';
SELECT is(gone(:tags), 'event:1', 'the attached partition''s rows');
SELECT fill(:tags);
TRUNCATE events4;
SELECT is(gone(:tags), :whole, 'its TRUNCATE');
CREATE TABLE events5 (id int, day int, v text) PARTITION BY LIST (id);
CREATE TABLE events5a PARTITION OF events5 FOR VALUES IN (1, 2, 3);
ALTER TABLE events ATTACH PARTITION events5 FOR VALUES IN (5);
SELECT fill(:tags);
TRUNCATE events5a;
SELECT is(gone(:tags), :whole, 'TRUNCATE of what was attached with it');
CREATE TABLE events5b PARTITION OF events5 FOR VALUES IN (4);
SELECT fill(:tags);
TRUNCATE events5b;
SELECT is(gone(:tags), :whole, 'a new partition of an attached one');

-- DETACH, DROP
INSERT INTO events VALUES (1, 1, 'v'), (2, 4, 'v');
SELECT fill(:tags);
ALTER TABLE events DETACH PARTITION events4;
SELECT is(gone(:tags), :whole, 'DETACH takes rows: the class');
SELECT fill(:tags);
UPDATE events4 SET v = 'alone';
TRUNCATE events4;
SELECT is(gone(:tags), 'none', 'what is detached is tied no more');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'events4'::regclass$$, 'nothing of the tie is left');
SELECT fill(:tags);
ALTER TABLE events DETACH PARTITION events3 CONCURRENTLY;
SELECT is(gone(:tags), :whole, 'DETACH … CONCURRENTLY');
SELECT fill(:tags);
DROP TABLE events1;
SELECT is(gone(:tags), :whole, 'DROP of a partition');

-- The end of the tie
SELECT fill(:tags);
SELECT ok(stash.cache_invalidate_off('events'), 'cache_invalidate_off of the root');
SELECT is(gone(:tags), :whole, 'invalidates once more');
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '!stash%'$$,
    'and leaves nothing at the partitions');

SELECT * FROM finish();
