-- What a tie looks like in \d, and what is left of it.
CREATE TABLE tied (id int PRIMARY KEY, name text);
SELECT stash.cache_invalidate_on('tied', 'tied:{id}');
SELECT stash.cache_invalidate_on('tied', 'name:{name}', 'default');
\d tied
CREATE TABLE tied_parts (id int, part int) PARTITION BY LIST (part);
CREATE TABLE tied_part1 PARTITION OF tied_parts FOR VALUES IN (1);
SELECT stash.cache_invalidate_on('tied_parts', 'part:{id}');
CREATE TABLE tied_part2 PARTITION OF tied_parts FOR VALUES IN (2);
CREATE TABLE tied_part3 (id int, part int);
ALTER TABLE tied_parts ATTACH PARTITION tied_part3 FOR VALUES IN (3);
\d tied_parts
\d tied_part1
\d tied_part2
\d tied_part3
ALTER TABLE tied_parts DETACH PARTITION tied_part3;
\d tied_part3
SELECT stash.cache_invalidate_off('tied'), stash.cache_invalidate_off('tied_parts'), stash.cache_invalidate_off('tied_part3');
\d tied
\d tied_part1
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '!stash%';
DROP TABLE tied, tied_parts, tied_part3;
