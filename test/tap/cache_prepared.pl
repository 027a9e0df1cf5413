# Prepared transactions: what they changed stays out of the cache until they are over, however they
# end, and over a restart everything does.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

# No worker: whoever looks has to find out by himself.
my $node = stash_node('main', 'stash.memory = 8MB', 'stash.max_workers = 0');

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Whether somebody who misses the key and has just read the data can store it.
sub accepted
{
    my ($key, $tags) = @_;
    $tags = $tags ? "ARRAY['$tags']" : 'NULL';
    cached($node, $key);
    return sql("SELECT stash.cache_set('$key', '\"filled\"', 100, $tags, fresh => true) IS NOT NULL");
}

sub prepare
{
    my ($name, $statements) = @_;
    return sql("BEGIN; CREATE TABLE IF NOT EXISTS made_$name (); $statements; PREPARE TRANSACTION '$name'");
}

sql('CREATE TABLE item (id int PRIMARY KEY, v text)');
sql("INSERT INTO item SELECT i, 'old' FROM generate_series(1, 2000) AS i");
sql("SELECT stash.cache_invalidate_on('item', 'item:{id}')");

# Without a restart.
fill($node, { a => '1', b => '1', c => '1' });
fill($node, { i1 => '1' }, tags => ['item:1']);
fill($node, { i2 => '1' }, tags => ['item:2']);
prepare('p1', "SELECT stash.cache_set('a', '2', fresh => true), stash.cache_delete('b');
               UPDATE item SET v = 'new' WHERE id = 1");
is(cached_all($node, 'a', 'b', 'c', 'i1', 'i2'), '- - 1 - 1', 'what a prepared transaction changed misses, the rest does not');
is(accepted('a') . accepted('b') . accepted('i1', 'item:1'), 'fff', '... and cannot be filled');
is(accepted('i2', 'item:2'), 't', '... which other keys can');
sql("COMMIT PREPARED 'p1'");
is(cached_all($node, 'a', 'b', 'i1'), '- - -', 'after COMMIT PREPARED it is still not there');
is(accepted('a') . accepted('b') . accepted('i1', 'item:1'), 'ttt', '... and can be filled');

prepare('p2', "SELECT stash.cache_delete('a'); UPDATE item SET v = 'newer' WHERE id = 1");
is(accepted('a') . accepted('i1', 'item:1'), 'ff', 'prepared again, refused again');
sql("ROLLBACK PREPARED 'p2'");
is(accepted('a') . accepted('i1', 'item:1'), 'tt', 'ROLLBACK PREPARED ends it');

# A reader that began before COMMIT PREPARED must not fill after it.
fill($node, { i3 => '1' }, tags => ['item:3']);
prepare('p3', "UPDATE item SET v = 'new' WHERE id = 3");
my $slow = $node->background_psql('postgres');
$slow->query_safe('BEGIN');
is($slow->query_safe("SELECT stash.cache_get('i3')"), '', 'a reader misses');
is($slow->query_safe('SELECT v FROM item WHERE id = 3'), 'old', '... and reads the old row');
sql("COMMIT PREPARED 'p3'");
is($slow->query_safe("SELECT stash.cache_set('i3', '\"old\"', 100, ARRAY['item:3'], fresh => true) IS NULL"),
    't', 'its set is refused after COMMIT PREPARED');
$slow->query_safe('COMMIT');
$slow->quit;
is(cached($node, 'i3'), '', '... and stores nothing');

# As many as there may be.
for my $i (1 .. 10) { prepare("many$i", "SELECT stash.cache_delete('many$i')") }
is(join('', map { accepted("many$_") } 1 .. 10), 'f' x 10, 'ten prepared transactions hold a key each');
sql("COMMIT PREPARED 'many$_'") for 1 .. 5;
sql("ROLLBACK PREPARED 'many$_'") for 6 .. 9;
is(join('', map { accepted("many$_") } 1 .. 10), 't' x 9 . 'f', 'each ends with its own');
# The records are used again.
for my $i (1 .. 9) { prepare("again$i", "SELECT stash.cache_delete('again$i')") }
is(join('', map { accepted("again$_") } 1 .. 9), 'f' x 9, 'others follow them');
sql("ROLLBACK PREPARED '$_'") for 'many10', map { "again$_" } 1 .. 9;
is(join('', map { accepted("again$_") } 1 .. 9) . accepted('many10'), 't' x 10, '... and end too');
is(sql('SELECT count(*) FROM pg_prepared_xacts'), '0', 'none is left');

# More than are remembered one by one: the whole namespace waits, and only that.
sql("SELECT stash.cache_namespace_create('aside')");
fill($node, { z => '1' });
fill($node, { z => '2' }, namespace => 'aside');
fill($node, { j => '1' }, tags => ['item:1999']);
prepare('wide', "UPDATE item SET v = 'wide' WHERE id > 1000");
is(cached_all($node, 'z', 'j'), '- -', 'with a thousand tags the whole namespace misses');
is(accepted('z'), 'f', '... and takes nothing');
is(cached($node, 'z', namespace => 'aside'), '2', '... others are not concerned');
sql("COMMIT PREPARED 'wide'");
is(accepted('z') . accepted('j', 'item:1999'), 'tt', 'it comes back');
is(cached_all($node, 'z', 'j'), '"filled" "filled"', '... as if new');

# Prepared in both namespaces, by keys, with sets.
prepare('both', "SELECT count(stash.cache_set('w' || i, '1', fresh => true)) FROM generate_series(1, 300) AS i;
                 SELECT stash.cache_delete('z', 'aside')");
is(cached($node, 'z') . cached($node, 'z', namespace => 'aside'), '', 'with 300 keys both namespaces miss');
sql("ROLLBACK PREPARED 'both'");
is(accepted('w1'), 't', 'it comes back');

# Over a restart.
for my $ending ('COMMIT', 'ROLLBACK')
{
    fill($node, { warm => '1', i5 => '1' });
    prepare("kept$_", "UPDATE item SET v = 'kept' WHERE id = 1$_; SELECT stash.cache_delete('k$_')") for 1, 2;
    $node->restart;
    launcher_done($node);
    is(cached_all($node, 'warm', 'i5'), '- -', "everything misses while transactions from before the restart are pending");
    is(accepted('warm') . accepted('k1') . accepted('other', 'item:11'), 'fff', '... and nothing is accepted');
    is(sql("SELECT stash.cache_incr('counter_$ending')"), '1', '... counters count, for they are nobody\'s data');
    my $reader = $node->background_psql('postgres');
    $reader->query_safe('BEGIN');
    is($reader->query_safe('SELECT count(v) FROM item WHERE id = 11'), '1', 'a reader begins');
    sql("$ending PREPARED 'kept1'");
    is(accepted('warm'), 'f', 'one of two is over: still nothing');
    sql("$ending PREPARED 'kept2'");
    is(cached_all($node, 'warm'), '-', 'nothing that was stored before is believed');
    is($reader->query_safe("SELECT stash.cache_set('x', '1', 100, ARRAY['item:11'], fresh => true) IS NULL"), 't',
        'the reader that began before they were over stores nothing');
    $reader->query_safe('COMMIT');
    $reader->quit;
    is(accepted('warm') . accepted('k1') . accepted('other', 'item:11'), 'ttt', 'when all are over it works');
    is(cached($node, 'warm'), '"filled"', '... altogether');
}

# Nobody used the cache between the restart and COMMIT PREPARED; a reader was there all the time.
prepare('unseen', "UPDATE item SET v = 'unseen' WHERE id = 21");
$node->restart;
my $early = $node->background_psql('postgres');
$early->query_safe('BEGIN');
isnt($early->query_safe('SELECT v FROM item WHERE id = 21'), 'unseen', 'a reader reads the old row');
sql("COMMIT PREPARED 'unseen'");
is($early->query_safe("SELECT stash.cache_set('i21', '\"old\"', 100, ARRAY['item:21'], fresh => true) IS NULL"), 't',
    'it cannot store it after a COMMIT PREPARED that nobody was told of');
$early->query_safe('COMMIT');
$early->quit;
is(cached($node, 'i21'), '', '... and nobody reads it');
is(accepted('i21', 'item:21'), 't', 'whoever reads now can');

# A crash with one prepared, and COMMIT PREPARED when the cache is not loaded.
prepare('crash', "UPDATE item SET v = 'crash' WHERE id = 22");
$node->stop('immediate');
$node->start;
is(accepted('y'), 'f', 'after a crash it is the same');
sql("ROLLBACK PREPARED 'crash'");
is(accepted('y'), 't', '... until it is over');

# The worker ends it too.
sql('ALTER SYSTEM SET stash.max_workers = 2');
$node->reload;
prepare('w', "SELECT stash.cache_delete('v')");
sql("COMMIT PREPARED 'w'");
wait_until($node, "SELECT stash.cache_set('v', '1', fresh => true) IS NOT NULL");
pass('with a worker it works as well');

done_testing();
