# Every kind of change of a table reaches Weaviate, and nothing else does: after each step all objects
# of the server are listed and compared with the table, id by id and vector by vector.
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
my $node = stash_node('forwarding', 'wal_level = logical');
my $sync = StashVectors->new($node, $weaviate);
$sync->configure;

# A plain table, with what the types of properties are.
my $doc = StashWeaviate->unique_name('Doc');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE doc (id int PRIMARY KEY, title text, n bigint, price numeric, ok boolean, at timestamptz, day date,
                  tags text[], meta jsonb, emb real[], other int);
INSERT INTO doc SELECT g, 'title ' || g, g, g / 4.0, g % 2 = 0, '2024-01-02 03:04:05+00', '2024-05-06',
                       ARRAY['a', 'b'], '{"k": 1}', ARRAY[g, 1, 2]::real[] FROM generate_series(1, 2500) AS g;
SELECT stash.vector_sync_enable('doc', 'emb', '{title,n,price,ok,at,day,tags,meta}', '$doc');
SQL
$sync->table('doc', $doc, 'id', '');
$sync->compare('a backfill of what was there');
my ($one) = grep { $_->{properties}{stash_key} eq '7' } values %{ $weaviate->objects($doc) };
is_deeply($one->{properties}, { stash_key => '7', title => 'title 7', n => 7, price => 1.75, ok => JSON::PP::false,
    at => '2024-01-02T03:04:05Z', day => '2024-05-06T00:00:00Z', tags => [ 'a', 'b' ], meta => '{"k": 1}' }, 'with its properties');

my @steps = (
    [ 'an insert', "INSERT INTO doc (id, title, emb) VALUES (3000, 'new', '{9,9,9}')" ],
    [ 'a row without an embedding', "INSERT INTO doc (id, title) VALUES (3001, 'none')" ],
    [ 'an update', "UPDATE doc SET emb = '{5,5,5}', title = 'changed' WHERE id <= 10" ],
    [ 'an embedding taken away', 'UPDATE doc SET emb = NULL WHERE id = 11' ],
    [ 'a delete', 'DELETE FROM doc WHERE id BETWEEN 20 AND 29' ],
    [ 'a changed primary key', 'UPDATE doc SET id = 4000 WHERE id = 30' ],
    [ 'keys that change places', 'UPDATE doc SET id = CASE id WHEN 31 THEN 5031 ELSE 5032 END WHERE id IN (31, 32)' ],
    [ 'a rollback', "BEGIN; UPDATE doc SET emb = '{0,0,1}'; DELETE FROM doc WHERE id < 100; ROLLBACK" ],
    [ 'a savepoint rolled back', "BEGIN; DELETE FROM doc WHERE id = 40; SAVEPOINT s; DELETE FROM doc WHERE id = 41; ROLLBACK TO s; COMMIT" ],
    [ 'an upsert', "INSERT INTO doc (id, emb) VALUES (42, '{4,2,0}'), (6000, '{6,0,0}') ON CONFLICT (id) DO UPDATE SET emb = excluded.emb" ],
    [ 'COPY', "COPY doc (id, emb) FROM PROGRAM 'printf \"7000\\t{7,0,0}\\n7001\\t{7,0,1}\\n\"'" ],
    [ 'MERGE', "MERGE INTO doc USING (VALUES (50), (8000)) AS v (id) ON doc.id = v.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, emb) VALUES (v.id, '{8,0,0}')" ],
    [ 'a replica role', "SET session_replication_role = replica; UPDATE doc SET emb = '{1,0,1}' WHERE id = 60; DELETE FROM doc WHERE id = 61" ],
    [ 'a prepared transaction', "BEGIN; UPDATE doc SET emb = '{2,2,1}' WHERE id = 62; PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'" ],
    [ 'many versions of a key', join(';', map { "UPDATE doc SET emb = '{1,$_,1}' WHERE id = 63" } 1 .. 50) ],
);
for (@steps)
{
    my ($name, $sql) = @$_;
    $node->safe_psql('postgres', $sql);
    $sync->compare($name);
}
my $before = $sync->figure('doc', 'sent');
$node->safe_psql('postgres', 'UPDATE doc SET other = 1');
$sync->compare('a column that is not sent');
is($sync->figure('doc', 'sent'), $before, 'sends nothing');

# TRUNCATE, and keys that come again behind it.
$node->safe_psql('postgres', "BEGIN; TRUNCATE doc; INSERT INTO doc (id, emb) VALUES (1, '{1,1,1}'), (2, '{2,2,2}'); COMMIT");
$sync->compare('TRUNCATE and keys that come again');

# Cascades.
$node->safe_psql('postgres', "CREATE TABLE owner (id int PRIMARY KEY); INSERT INTO owner VALUES (1), (2);
    ALTER TABLE doc ADD COLUMN owner int REFERENCES owner ON DELETE CASCADE; UPDATE doc SET owner = id;
    DELETE FROM owner WHERE id = 1");
$sync->compare('a cascade');

# Partitions and tenants, a composite key whose text depends on settings, several named vectors.
my $part = StashWeaviate->unique_name('Part');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE part (region int, at timestamptz, tenant text NOT NULL, a real[], b double precision[], PRIMARY KEY (region, at)) PARTITION BY LIST (region);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
INSERT INTO part SELECT 1, '2024-01-01'::timestamptz + g * interval '1 s', 'tenant' || g % 3, ARRAY[g, 1]::real[], ARRAY[1, g, 0.5] FROM generate_series(1, 300) AS g;
SELECT stash.vector_sync_enable('part', NULL, '{region}', '$part', 'tenant', '{"vectors": {"first": "a", "second": "b"}}');
SQL
$sync->table('part', $part, "region, at", 'tenant', { first => 'a', second => 'b' });
$sync->compare('partitions and tenants');
@steps = (
    [ 'a new partition', "CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2); INSERT INTO part_2 VALUES (2, '2024-02-01', 'tenant0', '{2,2}', '{1,2,3}')" ],
    [ 'other settings', "SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Tokyo'; UPDATE part SET a = '{3,3}' WHERE at < '2024-01-01 00:00:20+00'" ],
    [ 'a tenant move', "UPDATE part SET tenant = 'moved' WHERE at < '2024-01-01 00:00:05+00'" ],
    [ 'a row that changes its partition', "UPDATE part SET region = 2 WHERE at = '2024-01-01 00:00:30+00'" ],
    [ 'one vector of two taken away', "UPDATE part SET b = NULL WHERE at = '2024-01-01 00:00:31+00'" ],
    [ 'a partition attached', "CREATE TABLE part_3 (LIKE part INCLUDING ALL); INSERT INTO part_3 VALUES (3, '2024-03-01', 'tenant1', '{3,1}', '{1,1,1}'); ALTER TABLE part ATTACH PARTITION part_3 FOR VALUES IN (3)" ],
    [ 'TRUNCATE of a partition', 'TRUNCATE part_2' ],
    [ 'a partition detached', 'ALTER TABLE part DETACH PARTITION part_3; INSERT INTO part_3 (region, at, tenant, a) VALUES (3, now(), $$tenant1$$, $${1,1}$$)' ],
    [ 'a partition dropped', "INSERT INTO part_2 VALUES (2, '2024-02-02', 'tenant0', '{2,2}', '{1,2,3}'); SELECT stash.vector_wait('part'); DROP TABLE part_2" ],
);
for (@steps)
{
    my ($name, $sql) = @$_;
    $node->safe_psql('postgres', $sql);
    $sync->compare($name);
}

# Bad rows, and only those, become dead letters; their stale objects go.
$node->safe_psql('postgres', <<'SQL');
INSERT INTO doc (id, n, emb) SELECT g, g, ARRAY[g, g, 1]::real[] FROM generate_series(100, 199) AS g;
UPDATE doc SET emb = '{1,2}' WHERE id = 101;
UPDATE doc SET emb = '{1,NaN,2}' WHERE id = 102;
UPDATE doc SET n = 9007199254740993 WHERE id = 103;
UPDATE doc SET price = 'NaN' WHERE id = 104;
UPDATE doc SET at = '0044-03-15 BC' WHERE id = 105;
UPDATE doc SET emb = '{}' WHERE id = 106;
SQL
$sync->compare('bad rows', 'id BETWEEN 101 AND 106');
is($node->safe_psql('postgres', "SELECT string_agg(key, ' ' ORDER BY key) FROM stash.vector_dead_letters('doc')"),
    '101 102 103 104 105 106', 'they are dead letters');
is($node->safe_psql('postgres', "SELECT error FROM stash.vector_dead_letters('doc') WHERE key = '103'"),
    'an integer is beyond 2^53, which Weaviate cannot hold exactly (column "n")', 'which say why');
$node->safe_psql('postgres', "UPDATE doc SET emb = '{1,2,3}' WHERE id = 101");
$sync->compare('a row that was mended', 'id BETWEEN 102 AND 106');
is($node->safe_psql('postgres', "SELECT count(*) FROM stash.vector_dead_letters('doc')"), 5, 'is no dead letter any more');
is($node->safe_psql('postgres', "SELECT stash.vector_retry('doc')"), 5, 'all are tried again');
$sync->compare('in vain', 'id BETWEEN 102 AND 106');
is($node->safe_psql('postgres', "SELECT count(*) FROM stash.vector_dead_letters('doc')"), 5, 'for they are as they were');
$node->safe_psql('postgres', 'DELETE FROM doc WHERE id BETWEEN 102 AND 106');
$sync->compare('bad rows deleted');

# Pause and resume.
$node->safe_psql('postgres', "SELECT stash.vector_sync_pause('doc'); UPDATE doc SET emb = '{7,7,7}' WHERE id = 110");
is($node->safe_psql('postgres', "SELECT stash.vector_wait('doc', 1.5)"), 'f', 'paused: nothing arrives');
is($node->safe_psql('postgres', "SELECT state || pending FROM stash.vector_sync_status() WHERE relation = 'doc'::regclass"), 'paused1', 'and the status says so');
$node->safe_psql('postgres', "SELECT stash.vector_sync_resume('doc')");
$sync->compare('resumed');

# A collection deleted underneath is made and filled again.
$weaviate->drop_collection($doc);
$node->safe_psql('postgres', "UPDATE doc SET emb = '{7,7,1}' WHERE id = 111");
$sync->compare('a collection deleted underneath');

# An existing collection that does not fit.
my $other = StashWeaviate->unique_name('Other');
$weaviate->create_collection({ class => $other, vectorizer => 'none', vectorIndexConfig => { distance => 'dot' }, properties => [ { name => 'title', dataType => ['int'] } ] });
$node->safe_psql('postgres', "CREATE TABLE other (id int PRIMARY KEY, title text, emb real[]); SELECT stash.vector_sync_enable('other', 'emb', '{title}', '$other')");
wait_until($node, "SELECT state = 'blocked' FROM stash.vector_sync_status() WHERE relation = 'other'::regclass");
like($node->safe_psql('postgres', "SELECT reason FROM stash.vector_sync_status() WHERE relation = 'other'::regclass"),
    qr/does not fit: the distance is dot, not cosine; property "title" is int, not text; property "stash_key" is not there/, 'a collection that does not fit: what differs');
$node->safe_psql('postgres', "SELECT stash.vector_sync_disable('other')");

# A column dropped, the table dropped, with work pending.
$node->safe_psql('postgres', "UPDATE part SET a = '{4,4}'; ALTER TABLE part DROP COLUMN b");
wait_until($node, "SELECT state = 'blocked' FROM stash.vector_sync_status() WHERE relation = 'part'::regclass");
like($node->safe_psql('postgres', "SELECT reason FROM stash.vector_sync_status() WHERE relation = 'part'::regclass"), qr/column "b" does not exist/, 'a dropped column');
$node->safe_psql('postgres', "UPDATE part SET a = '{4,5}'");
$node->safe_psql('postgres', "UPDATE doc SET emb = '{7,7,2}'; DROP TABLE doc; DROP TABLE part");
wait_until($node, 'SELECT count(*) = 0 FROM stash.vector_sync_status()');
is($weaviate->collection($doc), undef, 'the collection of a dropped table goes');
is($weaviate->collection($part), undef, 'so does that of a blocked one');

# DROP EXTENSION with work pending. The triggers on the table depend on it, so without CASCADE it is refused.
$node->safe_psql('postgres', "CREATE TABLE last (id int PRIMARY KEY, emb real[]); SELECT stash.vector_sync_enable('last', 'emb', '{}', '$doc');
    INSERT INTO last SELECT g, ARRAY[g, 1] FROM generate_series(1, 5000) AS g; DROP EXTENSION pg_stash CASCADE; INSERT INTO last VALUES (0)");
is($node->safe_psql('postgres', 'SELECT count(*) FROM last'), 5001, 'the table goes on without the extension');
$weaviate->drop_collection($doc);
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'nothing crashed');
done_testing();
