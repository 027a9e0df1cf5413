-- cache_get_lease: miss, wait, stale, hit.
SELECT plan(28);
-- pgTAP writes data of its own; which sets are blind is the business of blind.sql.
SET stash.blind_fill_guard = 0;
CREATE TABLE notes (id int);
SELECT lease AS one, state AS state FROM stash.cache_get_lease('k') \gset
SELECT is(:'state'::text, 'miss', 'the first caller gets the lease');
SELECT results_eq($$SELECT value, state, lease FROM stash.cache_get_lease('k')$$,
    $$VALUES (NULL::jsonb, 'wait', NULL::text)$$, 'the second has to wait');
SELECT stash.cache_set('k', '1', lease => :'one') IS NOT NULL AS done \gset
SELECT ok(:'done', 'the lease sets');
SELECT results_eq($$SELECT value, state, lease FROM stash.cache_get_lease('k')$$,
    $$VALUES ('1'::jsonb, 'hit', NULL::text)$$, 'then it is a hit');
SELECT stash.cache_set('k', '2', lease => :'one') IS NULL AS done \gset
SELECT ok(:'done', 'a lease is used once');
SELECT is(stash.cache_get('k'), '1', 'and changes nothing');

-- What voids a lease
SELECT lease AS two FROM stash.cache_get_lease('v') \gset
SELECT stash.cache_delete('v');
SELECT stash.cache_set('v', '1', lease => :'two') IS NULL AS done \gset
SELECT ok(:'done', 'a delete of the key voids it');
SELECT lease AS three FROM stash.cache_get_lease('v') \gset
SELECT ok(:'three' <> :'two', 'there is a new one');
SELECT stash.cache_invalidate_tags('{user:1}');
SELECT stash.cache_set('v', '1', tags => '{user:1}', lease => :'three') IS NULL AS done \gset
SELECT ok(:'done', 'an invalidation of a tag voids it');
SELECT lease AS four FROM stash.cache_get_lease('w') \gset
SELECT stash.cache_clear();
SELECT stash.cache_set('w', '1', lease => :'four') IS NULL AS done \gset
SELECT ok(:'done', 'so does cache_clear');
SELECT lease AS five FROM stash.cache_get_lease('x') \gset
SELECT stash.cache_set('x', '1', fresh => true);
SELECT stash.cache_set('x', '2', lease => :'five') IS NOT NULL AS done \gset
SELECT ok(:'done', 'a set by others, who may have read the same, does not');
SELECT stash.cache_set('other', '1', lease => :'five') IS NULL AS done \gset
SELECT ok(:'done', 'a lease is for its key');
SELECT stash.cache_set('y', '1', lease => '1-1') IS NULL AS done \gset
SELECT ok(:'done', 'a lease that nobody gave');
SELECT lease AS six FROM stash.cache_get_lease('t', 0.1) \gset
SELECT pg_sleep(0.15);
SELECT stash.cache_set('t', '1', lease => :'six') IS NULL AS done \gset
SELECT ok(:'done', 'a lease ends after lease_ttl');
SELECT is((SELECT state FROM stash.cache_get_lease('t')), 'miss', 'and goes to the next');

-- Stale values
SELECT stash.cache_set('s', '"old"', 0.1, fresh => true);
SELECT pg_sleep(0.15);
SELECT results_eq($$SELECT state, value FROM stash.cache_get_lease('s', 10, 100)$$,
    $$VALUES ('miss', NULL::jsonb)$$, 'the first caller computes an expired value');
SELECT results_eq($$SELECT state, value, version > 0 FROM stash.cache_get_lease('s', 10, 100)$$,
    $$VALUES ('stale', '"old"'::jsonb, true)$$, 'the others get the stale one, marked');
SELECT results_eq($$SELECT state, value FROM stash.cache_get_lease('s', 10, 0)$$,
    $$VALUES ('wait', NULL::jsonb)$$, 'unless they do not want it');
SELECT is(stash.cache_get('s'), NULL, 'cache_get never sees it');
SELECT stash.cache_set('i', '"old"', tags => '{g}', fresh => true);
SELECT stash.cache_invalidate_tags('{g}');
SELECT stash.cache_get_lease('i', 10, 100);
SELECT results_eq($$SELECT state, value FROM stash.cache_get_lease('i', 10, 100)$$,
    $$VALUES ('stale', '"old"'::jsonb)$$, 'also a value that was invalidated by a tag');

-- Within a transaction that has changed the key
SELECT stash.cache_set('own', '1', fresh => true);
BEGIN;
SELECT stash.cache_delete('own');
SELECT results_eq($$SELECT state, value FROM stash.cache_get_lease('own')$$,
    $$VALUES ('wait', NULL::jsonb)$$, 'what the transaction deleted is no hit');
ROLLBACK;
SELECT is((SELECT state FROM stash.cache_get_lease('own')), 'hit', 'after it, it is');

-- In a writer, blind guard or not
SET stash.blind_fill_guard = '1h';
BEGIN;
INSERT INTO notes VALUES (1);
SELECT stash.cache_delete('g');
COMMIT;
SELECT lease AS eight FROM stash.cache_get_lease('g') \gset
SELECT stash.cache_set('g', '1', lease => :'eight') IS NOT NULL AS done \gset
SELECT ok(:'done', 'a lease passes the guard');
SELECT is(stash.cache_get('g'), '1', 'and stores');
SELECT lease AS nine FROM stash.cache_get_lease('h') \gset
BEGIN;
INSERT INTO notes VALUES (1);
SELECT stash.cache_delete('h');
COMMIT;
SELECT stash.cache_set('h', '1', lease => :'nine') IS NULL AS done \gset
SELECT ok(:'done', 'not one from before the change');

-- Rolled back: the lease is not used up
SELECT lease AS ten FROM stash.cache_get_lease('r') \gset
BEGIN;
SELECT stash.cache_set('r', '1', lease => :'ten');
ROLLBACK;
SELECT is(stash.cache_get('r'), NULL, 'a set with a lease rolls back');
SELECT stash.cache_set('r', '2', lease => :'ten') IS NOT NULL AS done \gset
SELECT ok(:'done', 'the lease can be used after that');
SELECT stash.cache_set_bytes('rb', '\x01', lease => (SELECT lease FROM stash.cache_get_lease('rb'))) IS NOT NULL AS done \gset
SELECT ok(:'done', 'bytes with a lease');

SELECT * FROM finish();
