# Memory snapshots in Weaviate: whatever adds or deletes one reaches the collection, and searches there
# find what the exact local search finds, in the present and in the past.
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
my $node = stash_node('memory', 'stash.memory_retention_interval = 200');
my $sync = StashVectors->new($node, $weaviate);
$sync->configure;
sub sql { my ($statement, $database) = @_; return $node->safe_psql($database // 'postgres', $statement) }
my ($memory, $threes) = map { StashWeaviate->unique_name($_) } 'Memory', 'Threes';

# 40 agents with two keys of five versions each, half of them there before.
sql(<<'SQL');
CREATE FUNCTION put(agent text, key text, n float8, m float8) RETURNS uuid LANGUAGE sql AS $$
    SELECT (stash.memory_snapshot_create(agent, jsonb_build_object('text', 'note number ' || n || ' of ' || agent), key,
        metadata => jsonb_build_object('m', n::int % 7), tags => ARRAY['t' || n::int % 3, 'all'], embedding => ARRAY[cos(m), sin(m)])).id $$;
CREATE FUNCTION fill(first int, last int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(put('agent ' || a, k, a * 10 + v, (a * 37 + v * 11 + length(k) * 5) % 360 / 57.3))
    FROM generate_series(first, last) AS a, (VALUES ('plan'), ('notes')) AS k (k), generate_series(1, 5) AS v $$;
SELECT stash.memory_search_configure('simple');
SQL
is(sql('SELECT fill(1, 20)'), '200', 'snapshots that are there before');
sql("SELECT stash.memory_snapshot_sync_enable('$memory', '{\"dimensions\": 2}')");
$sync->table('stash.memory_embedding', $memory, 'id', '', { '' => 'embedding' });
my $compare = sub { return $sync->compare($_[0], 'cardinality(embedding) <> 2') };
$compare->('those that were there');
is(sql('SELECT fill(21, 40)'), '200', 'more of them');
$compare->('a create');
my ($one) = values %{ $weaviate->objects($memory) };
is(join(' ', sort keys %{ $one->{properties} }), 'agent_id created_at key stash_key tags version', 'with what they are filtered by');

my $id_of = sub { my ($agent, $key, $version) = @_; return sql("SELECT id FROM stash.memory_snapshot_list('$agent', '$key') WHERE version = $version") };
my @steps = (
    [ 'a fork', sub { sql("SELECT stash.memory_snapshot_fork('" . $id_of->('agent 1', 'plan', 2) . "', 'forked')") } ],
    [ 'a fork to an agent with a pool', sub { sql("SELECT stash.memory_snapshot_fork('" . $id_of->('agent 1', 'plan', 3) . "', 'agent 2', 'plan')") } ],
    [ 'a restore', sub { sql("SELECT stash.memory_snapshot_restore('" . $id_of->('agent 3', 'plan', 1) . "')") } ],
    [ 'an import', sub { sql("SELECT stash.memory_snapshot_import(stash.memory_snapshot_export('agent 4'), 'imported')") } ],
    [ 'a delete', sub { sql("SELECT stash.memory_snapshot_delete('" . $id_of->('agent 5', 'notes', 5) . "')") } ],
    [ 'a clean-up', sub { sql("SELECT stash.memory_snapshot_cleanup(keep_last => 2, agent_id => 'agent 6')") } ],
    [ 'a rollback', sub { sql("BEGIN; SELECT put('agent 7', 'plan', 1, 1); SELECT stash.memory_snapshot_cleanup(keep_last => 0); ROLLBACK") } ],
    [ 'versions that expire', sub { sql("SELECT stash.memory_snapshot_create('late', '1', ttl => 0.2, embedding => '{1,0}')");
        wait_until($node, "SELECT count(*) = 0 FROM stash.memory_embedding WHERE agent_id = 'late'", 't', 'postgres') } ],
    [ 'retention by the worker', sub { sql("SELECT stash.memory_retention_set('agent 8', 1)");
        wait_until($node, "SELECT count(*) = 2 FROM stash.memory_embedding WHERE agent_id = 'agent 8'", 't', 'postgres') } ],
    [ 'many of them, and their end', sub { sql("SELECT count(put('many', 'k' || g, g, g)) FROM generate_series(1, 1000) AS g");
        sql("SELECT stash.memory_snapshot_cleanup(0, agent_id => 'many')") } ],
);
for (@steps)
{
    my ($name, $do) = @$_;
    $do->();
    $compare->($name);
}
is(sql("SELECT count(*) FROM stash.vector_reconcile('stash.memory_embedding')"), 0, 'nothing differs');
is($sync->figure('stash.memory_embedding', 'dead'), 0, 'there is no dead letter');

# The same answers from there and from here, which is how it is while the synchronisation is paused.
my $now = sql('SELECT clock_timestamp()');
sql("SELECT fill(1, 5)");
$compare->('what is newer than a moment');
my @searches = map { my $angle = $_; map { [ $angle, $_ ] } (
    '', q(, agent_id => 'agent 9'), q(, agent_id => 'a'), q(, agent_id => 'nobody'),
    q(, filter => '{"key": "plan"}'), q(, filter => '{"tags": "t1"}'), q(, filter => '{"tags": {"contains_all": ["t1", "all"]}}'),
    q(, filter => '{"metadata": {"contains": {"m": 3}}}'), q(, agent_id => 'agent 9', filter => '{"metadata": {"contains": {"m": 99}}}'),
    q(, filter => '{"version": {"lte": 2}}'), q(, filter => '{"pinned": true}'), q(, filter => '{"not": {"key": "plan"}}'),
    qq(, filter => '{"created_at": {"lte": "$now"}}'), qq(, agent_id => 'agent 2', filter => '{"created_at": {"lte": "$now"}}'),
    qq(, filter => '{"created_at": {"gt": "$now"}}'), q(, query => 'note number', filter => '{"key": "notes"}'), q(, max_rows => 60)) } 0.1, 2.5;
my $search = sub {
    my ($angle, $arguments) = @{ $_[0] };
    # Of equally near ones it is chance which is found.
    return "SELECT coalesce(string_agg(concat_ws(' ', round(distance::numeric, 5), CASE WHEN text_rank IS NOT NULL THEN id::text END), ', ' ORDER BY score DESC, distance), '-'), coalesce(min(engine), '-')
        FROM stash.memory_snapshot_search(embedding => ARRAY[cos($angle), sin($angle)]$arguments)";
};
sql("SELECT stash.memory_snapshot_pin('" . $id_of->('agent 10', 'plan', 3) . "')");
my @there = split /\n/, sql(join ';', map { $search->($_) } @searches);
sql("SELECT stash.vector_sync_pause('stash.memory_embedding')");
my @here = split /\n/, sql(join ';', map { $search->($_) } @searches);
sql("SELECT stash.vector_sync_resume('stash.memory_embedding')");
for my $i (0 .. $#searches)
{
    my ($rows, $engine) = split /\|/, $here[$i];
    my $name = join '', @{ $searches[$i] };
    next if $rows ne '-' && !like($engine, qr/^(vector|hybrid)-local$/, "paused: local ($name)");
    $engine =~ s/local/weaviate/;
    is($there[$i], "$rows|$engine", "... and the same by Weaviate");
}
is(sql("SELECT count(DISTINCT version) > 1 AND bool_and(created_at <= '$now') FROM stash.memory_snapshot_search(embedding => '{1,0}', filter => '{\"created_at\": {\"lte\": \"$now\"}}')"), 't',
    'the past is searchable, and nothing newer is found in it');

# Deleted here, but not there yet.
my $nearest = q{SELECT id FROM stash.memory_snapshot_search(embedding => '{1,0}', max_rows => 1)};
my $gone = sql($nearest);
is(sql("BEGIN; SELECT stash.memory_snapshot_delete('$gone') \\g /dev/null\nSELECT count(*) FILTER (WHERE id = '$gone'), count(*), min(engine) FROM stash.memory_snapshot_search(embedding => '{1,0}', max_rows => 5);"),
    '0|5|vector-weaviate', 'what is deleted does not appear, though it is there');

# Other lengths.
sql("SELECT stash.memory_snapshot_create('three ' || g, '3', embedding => ARRAY[1, g, 0.5]) FROM generate_series(1, 20) AS g");
$compare->('those of another length');
is($sync->figure('stash.memory_embedding', 'dead'), 0, 'are no dead letters');
my $three = q{SELECT count(*), min(engine) FROM stash.memory_snapshot_search(embedding => '{1,2,3}')};
is(sql($three), '10|vector-local', 'are searched here');
sql("SELECT stash.memory_snapshot_sync_enable('$threes', '{\"dimensions\": 3}')");
is(sql("SELECT stash.vector_wait('stash.memory_embedding')"), 't', 'a second collection for them');
is(scalar keys %{ $weaviate->objects($threes) }, 20, 'has them and no others');
is(sql($three), '10|vector-weaviate', 'answers for them');
is(sql("SELECT min(engine) FROM stash.memory_snapshot_search(embedding => '{1,0}')"), 'vector-weaviate', 'and the first one for its own');
is(sql("SELECT count(*) FROM stash.vector_reconcile('stash.memory_embedding')"), 0, 'nothing differs');
sql("SELECT stash.memory_snapshot_sync_disable('$threes')");

# Nobody answers.
sql("SELECT stash.weaviate_configure('http://127.0.0.1:1')");
is(sql("SELECT min(engine), count(*) FROM stash.memory_snapshot_search(embedding => '{1,0}')"), 'vector-local|10', 'without the server it is searched here');
sql("SELECT stash.memory_snapshot_cleanup(keep_last => 3, agent_id => 'agent 11')");
$sync->configure;
$compare->('a server that was away');

# A dump does not have the trigger; whoever goes on with it makes it again.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'a dump');
for my $copy ('elsewhere', 'postgres')
{
    sql("CREATE DATABASE elsewhere") if $copy eq 'elsewhere';
    sql('DROP FUNCTION fill, put; DROP EXTENSION pg_stash; DROP SCHEMA stash') if $copy eq 'postgres';
    $node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr($copy) ], "restored: $copy");
    my $there = StashVectors->new($node, $weaviate, $copy);
    $there->table('stash.memory_embedding', $memory, 'id', '', { '' => 'embedding' });
    sql("SELECT put('restored', '$copy', 1, 1); SELECT stash.memory_snapshot_cleanup(keep_last => 2, agent_id => 'agent 12')", $copy);
    wait_until($node, "SELECT state = 'held back' FROM stash.vector_sync_status()", 't', $copy);
    is(sql("SELECT min(engine) FROM stash.memory_snapshot_search(embedding => '{1,0}')", $copy), 'vector-local', 'held back: it is searched here');
    sql("SELECT stash.weaviate_set_key('" . ($weaviate->key // '') . "'); SELECT stash.weaviate_adopt()", $copy);
    $there->compare('told to go on', 'cardinality(embedding) <> 2');
    sql("SELECT put('restored', '$copy', 2, 2); SELECT stash.memory_snapshot_cleanup(keep_last => 1, agent_id => 'agent 13')", $copy);
    $there->compare('and changes go there again', 'cardinality(embedding) <> 2');
    is(sql("SELECT min(engine) FROM stash.memory_snapshot_search(embedding => '{1,0}')", $copy), 'vector-weaviate', 'and searches, too');
    sql('SELECT stash.weaviate_configure(NULL)', $copy) if $copy eq 'elsewhere';
}
$weaviate->drop_collection($_) for $memory, $threes;
done_testing();
