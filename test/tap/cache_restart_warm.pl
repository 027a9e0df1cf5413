# After a clean restart the cache is warm: what was in it is there, with all that belongs to it, and
# the rules hold for it as before.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

# Files of a server with group access are open to the group; the saved cache is not.
my $node = stash_node('main', { extra => ['-g'] }, 'stash.memory = 8MB', 'stash.max_value_size = 512kB');

sub sql
{
    my ($statement, $database) = @_;
    return $node->safe_psql($database // 'postgres', $statement);
}

$node->safe_psql('postgres', 'CREATE DATABASE other');
sql('CREATE EXTENSION pg_stash', 'other');
sql("SELECT stash.cache_namespace_create('second', 4000000)");
fill($node, { plain => '{"a": [1, 2]}', null => 'null' });
fill($node, { user1 => '1', user2 => '2' }, tags => [ 'user:1', 'team' ]);
fill($node, { user3 => '3' }, tags => ['user:3']);
fill($node, { plain => '"of the other namespace"' }, namespace => 'second');
fill($node, { plain => '"of the other database"' }, database => 'other');
sql(q{SELECT stash.cache_set_bytes('bytes', '\x00ff00', fresh => true)});
sql(q{SELECT stash.cache_set('eternal', '"e"', 'infinity', fresh => true)});
sql(q{SELECT stash.cache_incr('counter', 41)});
sql(q{SELECT stash.cache_set('big', to_jsonb(repeat('x', 400000)), fresh => true)});
# A key in another alphabet, one as long as a key may be, and characters that quote and separate.
sql(q{SELECT stash.cache_set(k, to_jsonb(k), tags => ARRAY[left(k, 255)], fresh => true)
      FROM unnest(ARRAY['ключ', repeat('k', 1000), E'a\nb\t''"\\\\']) AS k});
# Gone before the shutdown: deleted, invalidated, expired.
fill($node, { deleted => '1', short => '1' });
sql("SELECT stash.cache_delete('deleted')");
fill($node, { stale => '1' }, tags => ['stale']);
sql("SELECT stash.cache_invalidate_tags(ARRAY['stale'])");
# Live at the shutdown, over before anybody looks.
fill($node, { brief => '1' }, ttl => 1.5);
fill($node, { long => '1' }, ttl => 1000);

# Hits are not kept.
sub facts_of
{
    return sql(q{SELECT to_json(k.key), e.kind, e.value, e.version, e.tags, e.expires_at
                 FROM stash.cache_keys() AS k, stash.cache_get_entry(k.key) AS e
                 WHERE k.key <> 'brief' ORDER BY k.key});
}
my $before = facts_of();
like($before, qr/^"user1"\|jsonb\|1\|\d+\|\{user:1,team\}\|/m, 'the cache is full before the restart');
my $largest = sql('SELECT max(e.version) FROM stash.cache_keys() AS k, stash.cache_get_entry(k.key) AS e');

my $offset = -s $node->logfile;
$node->stop;
my $image = image_of($node);
ok(-s $image, 'a clean shutdown writes a file');
is(sprintf('%04o', (stat $image)[2] & 07777), '0600', '... that only the server may read');
is_deeply([ sort grep { /stash/ } slurp_dir($node->data_dir . '/pg_stat_tmp') ],
    ['pg_stash.cache'], '... under its own name in pg_stat_tmp, where base backups do not look');

sleep 2;
$node->start;
ok(!-e $image, 'the file is gone when the server answers');
launcher_done($node);
ok(!-e loading_of($node), '... and under no other name when it has been loaded');
like(log_since($node, $offset), qr/pg_stash loaded 16 entries of the saved cache/, 'the log says how many entries came back');

is(facts_of(), $before, 'every entry is back with kind, value, version, tags and the same end of its life');
is(cached($node, 'brief'), '', 'what expired while the server was down is gone');
is(cached($node, 'plain', namespace => 'second'), '"of the other namespace"', 'other namespaces are back');
is(cached($node, 'plain', database => 'other'), '"of the other database"', 'other databases are back');
is(sql("SELECT string_agg(namespace || ' ' || entries, ', ' ORDER BY namespace) FROM stash.stat_cache"),
    'default 14, second 1', '... and counted');
is(sql('SELECT entries FROM stash.cache_usage()'), '16', '... in the whole store too');
cmp_ok(sql("SELECT bytes_used FROM stash.stat_cache WHERE namespace = 'default'"), '>', 400000,
    '... and so are their bytes');
is(sql("SELECT bytes_capped FROM stash.stat_cache WHERE namespace = 'second'"), '4000000',
    'a namespace has its budget');
is(sql("SELECT encode(stash.cache_get_bytes('bytes'), 'hex')"), '00ff00', 'bytes are back');
is(cached($node, 'null'), 'null', 'a JSON null is a value still');
is(cached_all($node, 'deleted', 'short', 'stale'), '- 1 -', 'what was deleted or invalidated is not');
is(sql("SELECT length(stash.cache_get('big')::text)"), '400002', 'a large value is whole');
is(sql("SELECT ttl_left IS NULL FROM stash.cache_get_entry('eternal')"), 't', 'no end is no end still');
cmp_ok(sql("SELECT ttl_left FROM stash.cache_get_entry('long')"), '<', 998.1,
    'the downtime counts for those that live');

is(sql("SELECT stash.cache_incr('counter')"), '42', 'a counter goes on counting');
cmp_ok(sql("SELECT stash.cache_set('plain', '1', fresh => true)"), '>', $largest, 'versions go on growing');
is(sql("SELECT stash.cache_set('user3', '33', if_version => $largest - 1000000000, fresh => true) IS NULL"), 't',
    'a condition on a version that never was does not hold');
my $version = sql("SELECT version FROM stash.cache_get_entry('user3')");
is(sql("SELECT stash.cache_set('user3', '33', if_version => $version, tags => ARRAY['user:3'], fresh => true) IS NOT NULL"),
    't', '... and one on a version from before the restart does');

# The index by tags.
is(sql("SELECT string_agg(key, ',' ORDER BY key) FROM stash.cache_get_by_tags(ARRAY['team'])"),
    'user1,user2', 'entries are found by their tags');
is(sql("SELECT stash.cache_invalidate_tags(ARRAY['team'])"), '2', 'a tag knows its entries');
is(cached_all($node, 'user1', 'user2', 'user3'), '- - 33', 'invalidating a tag works on what was loaded');
sql("SELECT stash.cache_invalidate_tags(ARRAY['user:*'])");
is(cached($node, 'user3'), '', 'invalidating a class works');
sql("SELECT stash.cache_invalidate_tags(ARRAY['ключ'])");
is(cached($node, 'ключ'), '', 'invalidating any tag works');
is(sql("SELECT stash.cache_delete_prefix('k')"), '1', 'prefixes find what was loaded');
isnt(cached($node, 'plain'), '', 'the rest stays');

# Once more, with nothing changed; then with the saving turned off at each end.
$node->restart;
launcher_done($node);
is(cached_all($node, 'plain', 'counter', 'user3'), '1 42 -', 'a second restart is as warm');
sql('ALTER SYSTEM SET stash.save_at_shutdown = off');
$node->reload;
wait_until($node, "SELECT setting = 'off' FROM pg_settings WHERE name = 'stash.save_at_shutdown'");
$node->stop;
ok(!-e $image, 'no file with stash.save_at_shutdown = off');
$node->start;
launcher_done($node);
is(entries($node), '0', '... and an empty cache');
sql('ALTER SYSTEM RESET stash.save_at_shutdown');
$node->reload;
wait_until($node, "SELECT setting = 'on' FROM pg_settings WHERE name = 'stash.save_at_shutdown'");
fill($node, { a => '1' });
$node->stop;
ok(-e $image, 'a reload turns it on again');
$node->append_conf('postgresql.auto.conf', "stash.save_at_shutdown = off\n");
$offset = -s $node->logfile;
$node->start;
launcher_done($node);
is(cached($node, 'a'), '', 'a file is not used with stash.save_at_shutdown = off');
ok(!-e $image, '... and taken away');
like(log_since($node, $offset), qr/does not use the saved cache: stash.save_at_shutdown is off/, '... and the log says why');

# Smaller than what was saved: it evicts, as ever.
$node->append_conf('postgresql.auto.conf', "stash.save_at_shutdown = on\nstash.memory = 64MB\n");
$node->restart;
sql(q{SELECT count(stash.cache_set('n' || i, to_jsonb(repeat('x', 20000)), fresh => true)) FROM generate_series(1, 1500) AS i});
my $many = entries($node);
$node->append_conf('postgresql.auto.conf', "stash.memory = 8MB\nstash.max_value_size = 64kB\n");
$node->restart;
launcher_done($node);
cmp_ok(entries($node), '<', $many, 'a saved cache that does not fit is loaded as far as it fits');
cmp_ok(entries($node), '>', 100, '... and fills the store');
is(sql("SELECT count(*) FROM stash.cache_keys(max_rows => 100000) AS k WHERE length(stash.cache_get(k.key)::text) <> 20002"),
    '0', '... with whole values');

done_testing();
