# stash.memory is a hard cap: filled a hundred times over with values of 10 bytes to 1 MB from several
# connections, the store never fails, stays nearly full, never grows, and gives back every byte.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 64MB', 'max_connections = 20', 'log_statement = none',
    'stash.sweep_interval = 50ms');
sub sql { return $node->safe_psql('postgres', $_[0]) }

# Every key is new and tells how long its value must be. A tenth goes to a namespace with a budget,
# a fifth has tags. Sizes are spread evenly over the orders of magnitude: 87 kB on the average.
sql(q{
SELECT stash.cache_namespace_create('small', max_bytes => 4000000);
CREATE TABLE bytes AS SELECT decode(string_agg(md5(i::text), ''), 'hex') AS b FROM generate_series(1, 65536) AS i;
CREATE PROCEDURE fill(volume bigint, name text) LANGUAGE plpgsql AS $$
DECLARE
    source bytea := (SELECT b FROM bytes);
    size integer;
    stored bigint := 0;
    number integer := 0;
    refused integer := 0;
    lowest float;
BEGIN
    WHILE stored < volume LOOP
        size := (10 * exp(random() * ln(100000)))::integer;
        IF stash.cache_set_bytes(name || ':' || number || ':' || size, substring(source FROM 1 FOR size),
                tags => CASE WHEN number % 5 = 0 THEN ARRAY['number:' || number % 100, name] END,
                fresh => true, namespace => CASE WHEN number % 10 = 0 THEN 'small' ELSE 'default' END) IS NULL THEN
            refused := refused + 1;
        END IF;
        stored := stored + size;
        number := number + 1;
        IF number % 16 = 0 THEN COMMIT; END IF;
    END LOOP;
    COMMIT;
    IF refused > 0 THEN RAISE EXCEPTION '% sets were refused', refused; END IF;
END $$});

sub full
{
    my ($name) = @_;
    my ($used, $capped, $entries, $memory) = split /\|/,
      sql('SELECT bytes_used, bytes_capped, entries, memory FROM stash.cache_usage()');
    is($memory, 64 << 20, "$name: the memory is what the setting says");
    cmp_ok($capped, '>', 0.9 * $memory, '... more than nine tenths of it are for entries');
    cmp_ok($capped, '<=', $memory, '... and no more than there is');
    cmp_ok($used, '>=', 0.9 * $capped, '... and nine tenths of that are in use');
    cmp_ok($used, '<=', $capped, '... and no more than there is');
    is(sql('SELECT sum(entries) FROM stash.stat_cache'), $entries, '... the namespaces have the entries of the whole');
    is(sql(q{SELECT (SELECT count(*) FROM stash.cache_keys(max_rows => 1000000))
                  + (SELECT count(*) FROM stash.cache_keys(max_rows => 1000000, namespace => 'small'))}),
        $entries, '... and as many keys can be listed');
    is(sql('SELECT sum(sets - evictions - expirations - deletions) FROM stash.stat_cache'), $entries,
        '... every set is there or was evicted');
    is(sql('SELECT sum(refused_no_room) FROM stash.stat_cache'), '0', '... none found no room');
    cmp_ok(sql("SELECT bytes_used FROM stash.stat_cache WHERE namespace = 'small'"), '<=', 4000000,
        '... a budget is kept');
    is(sql(q{WITH k AS (SELECT key, 'default' AS ns FROM stash.cache_keys(max_rows => 1000000)
                        UNION ALL SELECT key, 'small' FROM stash.cache_keys(max_rows => 1000000, namespace => 'small'))
             SELECT count(*) FROM k, bytes
             WHERE stash.cache_get_bytes(key, ns) IS DISTINCT FROM substring(b FROM 1 FOR split_part(key, ':', 3)::integer)}),
        '0', '... every value is whole');
    return;
}

# Private memory of a process in kB.
sub private_memory
{
    my ($pid) = @_;
    my ($kb) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m or die "no RssAnon of $pid";
    return $kb;
}

my $shared = sql('SELECT sum(allocated_size) FROM pg_shmem_allocations');
my $postmaster = $node->{_pid};
my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe("CALL fill(200000000, 'first')");
full('three times over');
my ($own, $of_postmaster) = (private_memory($pid), private_memory($postmaster));

# The rest from four connections at a time: 6.4 GB altogether.
$node->pgbench('-n -c 4 -j 1 -t 1', 0, [qr{processed: 4/4}], [qr{^(?!.*ERROR)}s],
    'a hundred times over, from four connections',
    { 'fill' => "CALL fill(1500000000, 'client' || :client_id)\n" });
full('a hundred times over');

$session->query_safe("CALL fill(200000000, 'last')");
full('and again');
cmp_ok(private_memory($pid), '<', $own + 4096, 'a session that stores hundreds of megabytes does not grow');
cmp_ok(private_memory($postmaster), '<', $of_postmaster + 1024, '... nor does the postmaster');
is(sql('SELECT sum(allocated_size) FROM pg_shmem_allocations'), $shared, '... nor shared memory');
my $worker = sql("SELECT pid FROM stash.worker_status() WHERE kind = 'worker'");
cmp_ok(private_memory($worker), '<', 50000, '... nor the worker that sweeps');

# Small ones only, then one large: everything may have to go for it.
is(sql(q{SELECT count(stash.cache_set('s' || i, '1', fresh => true)) FROM generate_series(1, 9000) AS i}), '9000', 'small ones fit');
is(sql(q{SELECT stash.cache_set_bytes('large', (SELECT b FROM bytes), fresh => true) IS NOT NULL}), 't', 'the largest fits');
is(sql(q{SELECT stash.cache_get_bytes('large') = b FROM bytes}), 't', '... and is whole');
is(sql_error($node, q{SELECT stash.cache_set_bytes('larger', (SELECT b || '\x00'::bytea FROM bytes), fresh => true)}), '54000',
    'one byte more is an error');
is(sql(q{SELECT stash.cache_get_bytes('large') = b FROM bytes}), 't', '... that changes nothing');

# Nothing leaks: what is cleared comes back, to the last block.
$session->quit;
sql("SELECT stash.cache_clear(), stash.cache_clear('small')");
wait_until($node, 'SELECT entries = 0 AND bytes_used = 0 FROM stash.cache_usage()');
pass('when all is cleared and swept nothing is in use');
is(sql('SELECT sum(entries) || $$ $$ || sum(bytes_used) FROM stash.stat_cache'), '0 0', '... in no namespace');
ok(!$node->log_contains('ERROR:  (?!value|the value)'), 'nothing failed');

done_testing();
