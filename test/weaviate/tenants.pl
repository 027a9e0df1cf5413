# Tenants: made on the fly, refused by name, left and entered by rows, and switched off at the server.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashVectors;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start;
my $node = stash_node('tenants');
my $sync = StashVectors->new($node, $weaviate);
my $proxy = $weaviate->proxy;
$sync->configure($proxy->url);
sub sql { my ($statement) = @_; return $node->safe_psql('postgres', $statement) }
my $doc = StashWeaviate->unique_name('Doc');
sql(<<"SQL");
CREATE TABLE doc (id int PRIMARY KEY, tenant text, n int, emb real[]);
INSERT INTO doc SELECT g, 't' || g % 3, g, ARRAY[g, 1]::real[] FROM generate_series(1, 90) AS g;
SELECT stash.vector_sync_enable('doc', 'emb', '{n}', '$doc', 'tenant');
SQL
$sync->table('doc', $doc, 'id', 'tenant');
$sync->compare('three tenants');
is_deeply([ $weaviate->tenants($doc) ], [ 't0', 't1', 't2' ], 'made on the fly');
sql("INSERT INTO doc VALUES (100, 'late', 1, '{1,1}'), (101, 'A-b_9', 1, '{1,1}'), (102, '" . 'x' x 64 . "', 1, '{1,1}')");
$sync->compare('new ones, of every kind of name');

# Names that no tenant can have: dead letters, and nothing else.
sql(<<'SQL');
INSERT INTO doc VALUES (200, '', 1, '{1,1}'), (201, 'a b', 1, '{1,1}'), (202, 'ümlaut', 1, '{1,1}'), (203, 'a/b', 1, '{1,1}'), (204, repeat('x', 65), 1, '{1,1}'),
    (205, NULL, 1, '{1,1}'), (206, E'new\nline', 1, '{1,1}'), (207, '.', 1, '{1,1}'), (208, 't0', 1, '{1,1}'), (209, 'bad name', 1, NULL);
SQL
my $bad = 'id BETWEEN 200 AND 207';
$sync->compare('bad names', $bad);
is(sql("SELECT string_agg(key, ' ' ORDER BY key), count(DISTINCT error) FROM stash.vector_dead_letters('doc')"), '200 201 202 203 204 205 206 207|2', 'are dead letters');
is(sql("SELECT error FROM stash.vector_dead_letters('doc') WHERE key = '205'"), 'the tenant is NULL', 'which say why');
like(sql("SELECT error FROM stash.vector_dead_letters('doc') WHERE key = '204'"), qr/more than 64/, '... and how long a name may be');
is(sql("SELECT count(*) FROM stash.vector_reconcile('doc')"), 0, 'and no differences');

# Rows that move: gone there, here now. Several times, to a name that is none and back.
my @steps = (
    [ 'a move', "UPDATE doc SET tenant = 't1' WHERE id = 3" ],
    [ 'a move to a new one', "UPDATE doc SET tenant = 'fresh' WHERE id IN (4, 5)" ],
    [ 'a move there and back', "BEGIN; UPDATE doc SET tenant = 't2' WHERE id = 6; UPDATE doc SET tenant = 't0' WHERE id = 6; COMMIT" ],
    [ 'many moves', join(';', map { "UPDATE doc SET tenant = 'm" . $_ % 4 . "' WHERE id BETWEEN 10 AND 20" } 1 .. 20) ],
    [ 'all of a tenant moved', "UPDATE doc SET tenant = 't1' WHERE tenant = 't2'" ],
    [ 'a move with another key', "UPDATE doc SET tenant = 't0', id = 300 WHERE id = 7" ],
    [ 'a move without a vector', "UPDATE doc SET tenant = 't0', emb = NULL WHERE id = 8" ],
    [ 'a move with one', "UPDATE doc SET tenant = 't1', emb = '{8,8}' WHERE id = 8" ],
    [ 'a move to a bad name', "UPDATE doc SET tenant = 'no tenant' WHERE id = 204; UPDATE doc SET id = 207 + id WHERE id = 207" ],
    [ 'a delete', 'DELETE FROM doc WHERE id IN (30, 31, 102)' ],
);
for (@steps)
{
    my ($name, $do) = @$_;
    sql($do);
    $sync->compare($name, "$bad OR id = 414");
}
sql("UPDATE doc SET tenant = 'bad!' WHERE id = 9");
$sync->compare('a good row that moves to a bad name', "$bad OR id IN (9, 414)");
sql("UPDATE doc SET tenant = 't0' WHERE id = 9 OR $bad OR id = 414");
$sync->compare('mended names');
is(sql("SELECT count(*) FROM stash.vector_dead_letters('doc')"), 0, 'leave no dead letters');

# A tenant that is switched off takes nothing, holds nobody up, and is not compared.
my $switch = sub { $weaviate->ask('PUT', "/v1/schema/$doc/tenants", [ { name => 't1', activityStatus => $_[0] } ]) };
my $reconciled = sub {
    my ($more) = @_;
    my ($status, $out, $error) = $node->psql('postgres', "SELECT difference, key FROM stash.vector_reconcile('doc'$more)");
    return ($out, $error);
};
my $off = sub { return sql("SELECT string_agg(id::text, ' ' ORDER BY id) FROM (SELECT id FROM doc WHERE tenant = 't1' ORDER BY id LIMIT 3) AS s") };
my ($first, $second, $third) = split / /, $off->();
$switch->('INACTIVE');
my ($found, $warning) = $reconciled->('');
is($found, '', 'switched off: its rows are no differences');
like($warning, qr/WARNING:  tenant "t1" of collection "$doc" is not active, and was not compared/, '... and that is said');
sql("UPDATE doc SET emb = '{5,5}' WHERE id IN ($first, 100); DELETE FROM doc WHERE id = $second; UPDATE doc SET tenant = 't0' WHERE id = $third; UPDATE doc SET tenant = 't1' WHERE id = 101");
wait_until($node, "SELECT retrying = 4 FROM stash.vector_sync_status()");
is(sql("SELECT count(*) FROM stash.vector_dead_letters('doc')"), 0, 'what is for it waits, and is no dead letter');
my $objects = $weaviate->ask('GET', "/v1/objects?class=$doc&tenant=t0&limit=500")->{objects};
is(scalar(grep { $_->{properties}{stash_key} == $third } @$objects), 1, 'others go on');
is(sql("SELECT engine FROM stash.vector_search('doc', '{5,5}', 1, tenant => 't1')"), 'local', 'a search in it is local');
$switch->('ACTIVE');
sql("SELECT stash.vector_retry('doc')");
$sync->compare('switched on again');
is_deeply([ $reconciled->('') ], [ '', '' ], 'nothing differs');

# A batch of many tenants meets one that is off: its rows are set aside at once, and the others go together.
my $batches = { match => 'BatchObjects', do => 'delay', seconds => 0, bytes => 50 };
$switch->('INACTIVE');
$proxy->faults($batches);
sql("UPDATE doc SET emb = ARRAY[id, 7]::real[] WHERE emb IS NOT NULL");
my $others = "SELECT count(*) = 0 FROM stash.vector_sync_status() WHERE pending > retrying";
wait_until($node, $others);
cmp_ok($proxy->requests->{delay}, '<=', 4, 'a batch is not halved for the sake of a tenant');
cmp_ok(sql('SELECT retrying FROM stash.vector_sync_status()'), '>', 20, '... whose rows wait');
# It is known from then on, until it takes something again.
sql("UPDATE doc SET emb = ARRAY[id, 8]::real[] WHERE emb IS NOT NULL");
wait_until($node, $others);
$switch->('ACTIVE');
sql("SELECT stash.vector_retry('doc')");
$sync->compare('many tenants, one of which was off');

# A sweep passes by a tenant that is off.
$switch->('INACTIVE');
sql("BEGIN; CREATE TABLE kept AS SELECT * FROM doc WHERE tenant = 't0' LIMIT 3; TRUNCATE doc; INSERT INTO doc SELECT * FROM kept; COMMIT");
is(sql("SELECT stash.vector_wait('doc', 30)"), 't', 'TRUNCATE: a sweep ends, though a tenant is off');
$switch->('ACTIVE');
($found) = $reconciled->(', true');
like($found, qr/^(foreign\|\d+\n?)+$/, 'what it left there is found');
$sync->compare('and mended');
$weaviate->drop_collection($doc);
done_testing();
