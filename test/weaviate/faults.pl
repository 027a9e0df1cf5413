# A proxy between the worker and the real server does what servers and networks do at times. After each
# fault all objects of the server are listed and compared with the table, and nothing is a dead letter.
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
my $proxy = $weaviate->proxy;
my $node = stash_node('faults');
my $sync = StashVectors->new($node, $weaviate);
my $doc = StashWeaviate->unique_name('Doc');
$node->safe_psql('postgres', <<"SQL");
SELECT stash.weaviate_configure('@{[ $proxy->url ]}', '@{[ $weaviate->key ]}', '{"timeout_ms": 2000}');
CREATE TABLE doc (id int PRIMARY KEY, n int, emb real[]);
INSERT INTO doc SELECT g, g, ARRAY[g, 1, 2]::real[] FROM generate_series(1, 300) AS g;
SELECT stash.vector_sync_enable('doc', 'emb', '{n}', '$doc');
SQL
$sync->table('doc', $doc, 'id', '');
$sync->compare('without faults');

# Every fault meets changes of all kinds: new versions, new keys, deletions.
my $round = 0;
sub change
{
    my ($sql) = @_;
    $round++;
    $node->safe_psql('postgres', "UPDATE doc SET emb = ARRAY[id, $round, 3]::real[] WHERE id % 3 = $round % 3;
        DELETE FROM doc WHERE id IN (SELECT id FROM doc ORDER BY id LIMIT 10);
        INSERT INTO doc SELECT 10000 + $round * 100 + g, g, ARRAY[g, $round, 4]::real[] FROM generate_series(1, 15) AS g");
    return;
}

my $batches = 'Batch(Objects|Delete)';
my @faults = (
    [ '429 with Retry-After', 1, { match => $batches, do => 'status', status => 429, headers => { 'Retry-After' => '1' },
        body => '{"code":"resource_exhausted","message":"USAGE_LIMIT_EXCEEDED"}', times => 1 } ],
    [ '500', 3, { match => $batches, do => 'status', status => 500, body => '{"code":"unknown","message":"cannot allocate memory"}', times => 3 } ],
    [ '500 with words of a proxy', 1, { match => $batches, do => 'status', status => 500, body => '<html>oops</html>', times => 1 } ],
    [ '503', 2, { match => $batches, do => 'status', status => 503, body => '{"error":[{"message":"operational mode is READ_ONLY"}]}', times => 2 } ],
    [ '502 from a gateway', 1, { match => $batches, do => 'status', status => 502, body => 'Bad Gateway', times => 1 } ],
    [ 'connections cut before the request was applied', 2, { match => $batches, do => 'cut', times => 2 } ],
    [ 'connections cut after the request was applied', 2, { match => $batches, do => 'cut_after', times => 2 } ],
    [ 'half an answer', 2, { match => $batches, do => 'cut_half', times => 2 } ],
    [ 'an empty 200', 3, { match => $batches, do => 'empty', times => 3 } ],
    [ 'a body that is too slow', 1, { match => $batches, do => 'slow', seconds => 0.5, times => 1 } ],
    [ 'a body that is slow enough', 2, { match => $batches, do => 'slow', seconds => 0.01, times => 2 } ],
    [ 'a read-only shard that calls objects stored', 3, { match => 'BatchObjects', do => 'read_only', times => 3 } ],
    [ '400 for a batch', 2, { match => 'BatchObjects', do => 'status', status => 400, body => '{"code":"invalid_argument","message":"proto: syntax error"}', times => 2 } ],
    [ '413 for a batch', 2, { match => 'BatchObjects', do => 'status', status => 413, body => '{"error":[{"message":"request body too large"}]}', times => 2 } ],
);
for (@faults)
{
    my ($name, $times, $rule) = @$_;
    # Not the worker's question, an empty batch, whether all is well again.
    $rule->{bytes} = 50;
    $proxy->faults($rule);
    change();
    $sync->compare($name);
    is($proxy->requests->{ $rule->{do} }, $times, '... which did happen');
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.vector_dead_letters()'), 0, 'no row was given up');

# Requests that the server carries out when the worker has long given them up. What they did is undone: an
# older version, a row that was deleted, the deletion of a row that is there again.
sub late
{
    my ($name, $match, $seconds, $first, $then) = @_;
    $proxy->faults({ match => $match, bytes => 50, do => 'delay', seconds => $seconds, times => 1 });
    $node->safe_psql('postgres', $first);
    wait_for_request('delay');
    $node->safe_psql('postgres', $then);
    return;
}
sub wait_for_request
{
    my ($what) = @_;
    for (1 .. 600) { return if $proxy->requests->{$what}; select undef, undef, undef, 0.05 }
    die "no $what";
}
$node->safe_psql('postgres', 'UPDATE doc SET emb = ARRAY[id, 90, 3]::real[]');
$sync->compare('before requests are late');
late('an older version', 'BatchObjects', 3, 'UPDATE doc SET emb = ARRAY[id, 91, 3]::real[]',
    'UPDATE doc SET emb = ARRAY[id, 92, 3]::real[] WHERE id % 2 = 0; DELETE FROM doc WHERE id % 5 = 0');
$sync->compare('a late upsert');
is($proxy->requests->{carried_out}, 1, '... which was carried out');
late('a deletion', 'BatchDelete', 3, 'DELETE FROM doc WHERE id % 7 = 0',
    'INSERT INTO doc SELECT g, g, ARRAY[g, 93, 3]::real[] FROM generate_series(7, 300, 7) AS g');
$sync->compare('a late deletion');
is($proxy->requests->{carried_out}, 1, '... which was carried out');
# Later than anybody would expect.
late('an older version', 'BatchObjects', 7, 'UPDATE doc SET emb = ARRAY[id, 94, 3]::real[]',
    'UPDATE doc SET emb = ARRAY[id, 95, 3]::real[] WHERE id % 2 = 0; DELETE FROM doc WHERE id % 3 = 0');
my $large = StashWeaviate->unique_name('Large');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE large (id int PRIMARY KEY, emb real[]);
SELECT stash.vector_sync_enable('large', 'emb', '{}', '$large');
SQL
is($node->safe_psql('postgres', "SELECT stash.vector_wait('large', 5)"), 't', 'other keys wait for none of it');
$sync->compare('before a very late upsert');
wait_for_request('carried_out');
$sync->compare_soon('a very late upsert');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.vector_dead_letters()'), 0, 'no row was given up for it');
# Of a synchronisation that has ended since, and been enabled again.
late('an older version', 'BatchObjects', 7, 'UPDATE doc SET emb = ARRAY[id, 96, 3]::real[]', <<"SQL");
SELECT stash.vector_sync_disable('doc');
UPDATE doc SET emb = ARRAY[id, 97, 3]::real[];
SELECT stash.vector_sync_enable('doc', 'emb', '{n}', '$doc');
DELETE FROM doc WHERE id % 4 = 0;
SQL
$sync->compare('enabled again before the last request of the one before');
wait_for_request('carried_out');
$sync->compare_soon('... and after it');

# While nothing gets through, the status says why, and the breaker spares the server.
$proxy->faults({ match => '.', do => 'status', status => 503, body => '{"error":[{"message":"maintenance"}]}' });
change();
is($node->safe_psql('postgres', "SELECT stash.vector_wait('doc', 3)"), 'f', 'nothing gets through');
is($sync->figure('doc', 'state'), 'server down', 'the status says so');
like($sync->figure('doc', 'last_error'), qr/HTTP 503: maintenance/, 'and why');
cmp_ok($proxy->requests->{status}, '<', 20, 'a server in trouble is left alone');
$proxy->faults();
$sync->compare('a server that is well again');

# A table of which nothing can be sent does not keep others waiting, however much of it had been read.
$proxy->faults({ match => $batches, do => 'delay', seconds => 1 });
$node->safe_psql('postgres', "INSERT INTO large SELECT g, ARRAY[g % 100, 1]::real[] FROM generate_series(1, 25000) AS g");
sleep 1;
$node->safe_psql('postgres', "SELECT stash.vector_sync_pause('large')");
$proxy->faults();
change();
$sync->compare('a table beside another with a backlog that is paused');
is($sync->figure('large', "state || ' ' || (pending > 20000)"), 'paused true', '... and still is');
$node->safe_psql('postgres', "DELETE FROM large WHERE id > 2000; SELECT stash.vector_sync_resume('large')");
$sync->table('large', $large, 'id', '');
$sync->compare('the backlog');
$node->safe_psql('postgres', 'DROP TABLE large');

# Whatever comes next.
$proxy->faults(map { { %{ $faults[$_][2] }, times => 1 } } 1, 6, 8, 12, 5, 13);
change() for 1 .. 5;
$sync->compare('one fault after another');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.vector_dead_letters()'), 0, 'and still no row was given up');
$weaviate->drop_collection($doc);
done_testing();
