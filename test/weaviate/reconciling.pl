# What was changed behind the table's back is found and mended; what is on its way is not reported.
use strict;
use warnings;
use Digest::SHA qw(sha1);
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashVectors;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start;
my $node = stash_node('reconciling');
my $sync = StashVectors->new($node, $weaviate);
$sync->configure;
my $doc = StashWeaviate->unique_name('Doc');
my $part = StashWeaviate->unique_name('Part');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE doc (id int PRIMARY KEY, title text, n bigint, price real, ok boolean, at timestamptz, day date, uid uuid,
                  tags text[], counts int[], days date[], emb real[]);
INSERT INTO doc SELECT g, 'title ' || g, g, g / 3.0, g % 2 = 0, '2024-01-02 03:04:05.120+02', '2024-05-06', gen_random_uuid(),
                       ARRAY['a', 'b'], '{}', '{2024-05-06}', ARRAY[g, 1, 0.1]::real[] FROM generate_series(1, 1500) AS g;
INSERT INTO doc (id) VALUES (5000);
SELECT stash.vector_sync_enable('doc', 'emb', '{title,n,price,ok,at,day,uid,tags,counts,days}', '$doc');
CREATE TABLE part (a int, b text, tenant text NOT NULL, one real[], two real[], PRIMARY KEY (a, b));
INSERT INTO part SELECT g, 'x', 't' || g % 2, ARRAY[g, 1]::real[], CASE WHEN g > 5 THEN ARRAY[1, g]::real[] END FROM generate_series(1, 20) AS g;
SELECT stash.vector_sync_enable('part', NULL, '{a}', '$part', 'tenant', '{"vectors": {"first": "one", "second": "two"}}');
SQL
$sync->table('doc', $doc, 'id', '');
$sync->table('part', $part, 'a, b', 'tenant', { first => 'one', second => 'two' });
$sync->compare('at first');

my $found = sub {
    my ($table, $more) = @_;
    return $node->safe_psql('postgres', "SELECT string_agg(concat_ws(' ', difference, coalesce(key, object::text), tenant, detail), '; ' ORDER BY difference, key, object)
        FROM stash.vector_reconcile('$table'" . ($more // '') . ')');
};
is($found->('doc'), '', 'nothing differs');
is($found->('part'), '', 'nor with tenants and named vectors');

# The ids are those of the documented rule: version 5, of what names the row for good.
my $id_of = sub {
    my ($space, $key) = @_;
    my $name = length($space) . ":$space" . length($key) . ":$key";
    my $hash = sha1(pack('H*', '6e1d0d5f0b534c2e9a3b521f3c8e7704') . $name);
    my @bytes = unpack 'C16', $hash;
    $bytes[6] = $bytes[6] & 0x0f | 0x50;
    $bytes[8] = $bytes[8] & 0x3f | 0x80;
    return join '-', unpack 'A8 A4 A4 A4 A12', unpack 'H*', pack 'C16', @bytes;
};
for ([ 'doc', $doc ], [ 'part', $part ])
{
    my ($table, $collection) = @$_;
    my $space = $node->safe_psql('postgres', "SELECT key_space FROM stash.vector_sync WHERE collection = '$collection'");
    my $objects = $weaviate->objects($collection);
    my @wrong = grep { $id_of->($space, $objects->{$_}{properties}{stash_key}) ne $_ } keys %$objects;
    is("@wrong", '', "$table: every id is computed from the key");
}

# Objects changed behind its back.
my $space = $node->safe_psql('postgres', "SELECT key_space FROM stash.vector_sync WHERE collection = '$doc'");
my $path = sub { return "/v1/objects/$doc/" . $id_of->($space, $_[0]) };
my $stray = '00000000-0000-4000-8000-000000000001';
$weaviate->ask('DELETE', $path->(7));
$weaviate->ask('PATCH', $path->(8), { class => $doc, vector => [ 8, 1, 2 ] });
$weaviate->ask('PATCH', $path->(9), { class => $doc, properties => { title => 'other' } });
$weaviate->ask('PATCH', $path->(10), { class => $doc, properties => { stash_key => '99999' } });
$weaviate->ask('PATCH', $path->(11), { class => $doc, properties => { n => 12, tags => ['a'] } });
$weaviate->ask('POST', '/v1/objects', { class => $doc, id => $stray, vector => [ 1, 2, 3 ], properties => { title => 'stray' } });
$weaviate->ask('POST', '/v1/objects', { class => $doc, id => $id_of->($space, 777777), vector => [ 1, 2, 3 ], properties => { stash_key => '777777' } });
my $differences = join '; ', 'different 10 property "stash_key"', 'different 11 property "n", property "tags"',
  'different 8 vector', 'different 9 property "title"', 'foreign 777777 no row with an embedding has this object',
  "foreign $stray not an object of this table", 'missing 7 the row has no object';
is($found->('doc'), $differences, 'all that differs, and in what');
is($found->('doc', ', true'), $differences, 'the same when it is mended');
$sync->compare('mended');
is($found->('doc'), '', 'nothing differs any more');

my $part_space = $node->safe_psql('postgres', "SELECT key_space FROM stash.vector_sync WHERE collection = '$part'");
my $part_path = sub { return "/v1/objects/$part/" . $id_of->($part_space, $_[0]) . '?tenant=' . $_[1] };
$weaviate->ask('DELETE', $part_path->('1:31:x', 't1'));
$weaviate->ask('POST', '/v1/objects', { class => $part, id => $stray, tenant => 't0', vectors => { first => [ 1, 2 ] }, properties => { a => 1 } });
$weaviate->ask('POST', '/v1/objects', { class => $part, id => $id_of->($part_space, '1:51:x'), tenant => 't0', vectors => { first => [ 5, 1 ] },
    properties => { a => 5, stash_key => '1:51:x' } });
$weaviate->ask('POST', "/v1/schema/$part/tenants", [ { name => 'nobody' } ]);
$differences = join '; ', 'foreign 1:51:x t0 no row with an embedding has this object', "foreign $stray t0 not an object of this table",
  'missing 1:31:x t1 the row has no object';
is($found->('part', ', true'), $differences, 'with tenants: one in the tenant of another, one in none');
$sync->compare('mended there');
is($found->('part'), '', 'nothing differs there');

# An object with a key that no row can have.
my $stranger = { class => $doc, id => $id_of->($space, 'seven'), vector => [ 1, 2, 3 ], properties => { stash_key => 'seven' } };
$weaviate->ask('POST', '/v1/objects', $stranger);
$weaviate->ask('POST', '/v1/objects', { %$stranger, id => $id_of->($part_space, '1:5'), class => $part, tenant => 't0', vector => undef, vectors => { first => [ 1, 2 ] },
    properties => { stash_key => '1:5' } });
is($found->('doc', ', true'), "unreadable seven no row can have this key: it does not fit the primary key's type", 'a key that is no integer');
is($found->('part', ', true'), "unreadable 1:5 t0 no row can have this key: it does not fit the primary key's type", 'half a key');
$sync->compare('and both go');

# What changes while the objects are compared: page by page they are listed, and then looked at again.
my @ids = sort keys %{ $weaviate->objects($doc) };
my $objects = $weaviate->objects($doc);
my ($mended, $changed) = map { $objects->{$_}{properties}{stash_key} } @ids[ -1, -2 ];
my ($listing, $first, $second) = map { $node->background_psql('postgres', on_error_stop => 1) } 1 .. 3;
my $paused = sub { wait_until($node, "SELECT count(*) = 1 FROM pg_locks WHERE classid = 22437 AND mode = 'ShareLock' AND NOT granted") };
$first->query_safe('SELECT pg_advisory_lock(22437, 14)');
$listing->query_until(qr/begun/, "\\echo begun\nSET stash.pause_at = 'objects_listed';
    SELECT difference, key, detail FROM stash.vector_reconcile('doc', true);\n\\echo over\n");
$paused->();
$weaviate->ask('PATCH', $path->($_), { class => $doc, properties => { stash_key => '99999' } }) for $mended, $changed;
$weaviate->ask('POST', '/v1/objects', { class => $doc, id => $id_of->($space, 888888), vector => [ 1, 2, 3 ], properties => { stash_key => '888888' } });
$second->query_until(qr/asked/, "\\echo asked\nSELECT pg_advisory_lock(22437, 14);\n");
wait_until($node, "SELECT count(*) = 1 FROM pg_locks WHERE classid = 22437 AND mode = 'ExclusiveLock' AND NOT granted");
$first->query_safe('SELECT pg_advisory_unlock(22437, 14)');
$paused->();
$node->safe_psql('postgres', "UPDATE doc SET title = 'mended' WHERE id = $mended; INSERT INTO doc (id, emb) VALUES (888888, '{1,2,3}')");
is($node->safe_psql('postgres', "SELECT stash.vector_wait('doc')"), 't', 'while a page is looked at rows change');
$second->quit;
is($listing->query_until(qr/over/, ''), qq(different|$changed|property "stash_key"\nover\n), 'what has been mended since, and what was not');
$_->quit for $listing, $first;
$sync->compare('no object of a row was taken for a stranger');
is($found->('doc'), '', 'nothing differs');

# Another type of key, and other keys: changes that no trigger sees, and some that wait meanwhile.
my $typed = StashWeaviate->unique_name('Typed');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE typed (id text PRIMARY KEY, emb real[]);
INSERT INTO typed SELECT 'key ' || g, ARRAY[g, 1]::real[] FROM generate_series(1, 40) AS g;
SELECT stash.vector_sync_enable('typed', 'emb', '{}', '$typed');
SQL
$sync->table('typed', $typed, 'id', '');
$sync->compare('keys that are texts');
$node->safe_psql('postgres', "BEGIN; UPDATE typed SET emb = '{1,1}' WHERE id < 'key 2'; DELETE FROM typed WHERE id > 'key 3';
    ALTER TABLE typed ALTER id TYPE int USING substr(id, 5)::int; COMMIT");
$sync->compare('keys that have become numbers');
is($found->('typed'), '', 'nothing differs');

# A dead letter is none; nor is what changes while it runs.
$node->safe_psql('postgres', "UPDATE doc SET emb = '{1,2}' WHERE id = 20; UPDATE doc SET n = 9007199254740993 WHERE id = 21");
is($found->('doc'), '', 'dead letters are no differences');
$node->safe_psql('postgres', "UPDATE doc SET emb = '{1,2,3}' WHERE id = 20; UPDATE doc SET n = 1 WHERE id = 21");
my $busy = $node->background_psql('postgres', on_error_stop => 1);
$busy->query_until(qr/begun/, <<'SQL');
\echo begun
DO $$ BEGIN
    FOR round IN 1 .. 400 LOOP
        UPDATE doc SET emb = ARRAY[round, id, 1]::real[], title = 'round ' || round WHERE id = 1 + round * 37 % 1500;
        DELETE FROM doc WHERE id = 1 + round * 41 % 1500;
        COMMIT;
        INSERT INTO doc (id, title, emb) VALUES (1 + round * 41 % 1500, 'again', ARRAY[1, round, 3]), (10000 + round, 'new', '{1,1,1}')
            ON CONFLICT (id) DO NOTHING;
        COMMIT;
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;
\echo over
SQL
is($found->('doc'), '', "while rows change: nothing is reported ($_)") for 1 .. 3;
$busy->query_until(qr/over/, '');
$busy->quit;
$sync->compare('after all changes');
is($found->('doc'), '', 'nothing differs at the end');

# What it refuses.
my $refused = sub {
    my ($sql, $error, $name) = @_;
    my (undef, undef, $stderr) = $node->psql('postgres', $sql);
    like($stderr, $error, $name);
};
$refused->("BEGIN; UPDATE doc SET n = 3 WHERE id = 1; SELECT stash.vector_reconcile('doc')", qr/transaction of its own/, 'a transaction that has written');
$refused->("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT stash.vector_reconcile('doc')", qr/transaction of its own/, 'one with an old snapshot');
$refused->("SELECT stash.vector_reconcile('doc', collection => 'None')", qr/not synchronised/, 'a collection that is not fed');
$weaviate->drop_collection($_) for $doc, $part, $typed;
done_testing();
