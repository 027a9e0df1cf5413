-- The full-text index grows with the new text, not with the versions: from version 50 on each further
-- piece of a history costs as much a kilobyte of new text as the one before.
\ir lib/memory.sql
SELECT plan(7);
SELECT stash.memory_search_configure('simple') \g /dev/null
CREATE TABLE message AS SELECT n, jsonb_build_object('n', n, 'text', (
    SELECT string_agg('w' || (hashint4(n * 100 + w) & 4095), ' ') FROM generate_series(1, 60) AS w)) AS content FROM generate_series(1, 500) AS n;
CREATE TABLE grown (version bigint, text bigint, words bigint, text_index bigint);
CREATE FUNCTION grow(first integer, last integer) RETURNS void LANGUAGE sql AS $$
    SELECT put('ann', (SELECT jsonb_agg(m.content ORDER BY m.n) FROM message AS m WHERE m.n <= g)) FROM generate_series(first, last) AS g;
    SELECT gin_clean_pending_list('stash.memory_text_words');
    INSERT INTO grown SELECT last, (SELECT sum(length(m.content->>'text')) FROM message AS m WHERE m.n <= last),
        (SELECT sum(pg_column_size(t.words)) FROM stash.memory_text AS t), pg_relation_size('stash.memory_text_words') $$;
SELECT grow(1, 50) \g /dev/null
SELECT grow(51, 200) \g /dev/null
SELECT grow(201, 350) \g /dev/null
SELECT grow(351, 500) \g /dev/null
CREATE VIEW piece AS SELECT version, (words - lag(words) OVER w)::numeric / (text - lag(text) OVER w) AS words,
    (text_index - lag(text_index) OVER w)::numeric / (text - lag(text) OVER w) AS text_index FROM grown WINDOW w AS (ORDER BY version);
SELECT diag(format('versions to %s: %s bytes of words and %s of their index a kB of new text', version, round(words * 1000), round(text_index * 1000)))
    FROM piece WHERE words IS NOT NULL ORDER BY version;
SELECT is((SELECT count(*) FROM stash.memory_version), 500::bigint, '500 versions');
SELECT cmp_ok((SELECT max(words) / min(words) FROM piece), '<', 1.1, 'words take as much a kB in each piece');
SELECT cmp_ok((SELECT max(text_index) FROM piece), '<=', (SELECT 1.5 * text_index FROM piece WHERE version = 200), 'their index takes no more a kB than in the first');
SELECT cmp_ok((SELECT count(*) FROM stash.memory_text), '<', 600::bigint, 'a row a message, not one for each message of each version');
SELECT cmp_ok((SELECT text_index FROM grown WHERE version = 500), '<', (SELECT 10 * text FROM grown WHERE version = 500), 'all in all it is a few times the text');
SELECT is((SELECT count(*) FROM stash.memory_snapshot_search((SELECT content->>'text' FROM message WHERE n = 1))), 1::bigint, 'and finds the first message in the newest version');
SELECT is_empty('SELECT * FROM stash.memory_check()', 'sound');
SELECT * FROM finish();
