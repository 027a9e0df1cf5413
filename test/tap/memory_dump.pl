# pg_dump and restore carry snapshots with everything that belongs to them, and numbers go on; a
# standby reads them; without shared_preload_libraries everything works but the worker.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

my $node = stash_node('main', { allows_streaming => 1 }, 'stash.memory = 8MB', 'max_worker_processes = 16');
sub sql
{
    my ($statement, $database) = @_;
    return $node->safe_psql($database // 'postgres', $statement);
}
my $document = q{(SELECT jsonb_build_object('n', g * 1.50, 'messages', jsonb_agg(repeat(md5(m::text), 12)), 'odd', E'a\\tb''"\u00e4', 'deep', '[[[{"a": []}]]]'::jsonb) FROM generate_series(1, g) AS m)};
sql(qq{SELECT count(stash.memory_snapshot_create('agent ' || g % 3, $document, metadata => '{"m": 1}', tags => '{t}', embedding => '{1,2.5}')) FROM generate_series(1, 60) AS g});
sql(q{SELECT stash.memory_snapshot_fork(id, 'fork'), stash.memory_snapshot_pin(id) FROM stash.memory_snapshot_list('agent 1') WHERE version = 5});
sql(q{SELECT stash.memory_snapshot_restore(id, 'back') FROM stash.memory_snapshot_list('agent 1') WHERE version = 5});
sql(q{SELECT stash.memory_snapshot_cleanup(keep_last => 12, agent_id => 'agent 2')});
sql(q{SELECT stash.memory_retention_set('no agent', 5)});
# The full-text index is not dumped, only what was chosen: it is made anew.
sql(q{SELECT stash.memory_search_configure('simple', weights => '{"n": "A"}'), stash.memory_search_configure(NULL, 'agent 0')});
sql(q{SELECT stash.memory_snapshot_create('agent 2', '"a small one"', 'small')});
# What cleanup left behind is collected before it is counted, or it is collected in between.
wait_until($node, 'SELECT count(*) = 0 FROM stash.memory_discard');
my $words = q{SELECT t.pool, t.part, t.version, t.complete, t.words FROM stash.memory_text AS t ORDER BY 1, 2, 3};
my $found = q{SELECT agent_id, key, version, text_rank FROM stash.memory_snapshot_search('small or c4ca4238a0b923820dcc509a6f75849b') ORDER BY 1, 2};
my $all = q{SELECT g.id, g.agent_id, g.key, g.version, g.parent, g.created_at, g.pinned, g.tags, g.metadata, g.origin, g.note, g.embedding, md5(g.content::text), md5(jsonb_send(g.content))
    FROM stash.memory_snapshot_list(max_rows => 100000) AS l, stash.memory_snapshot_get(l.id) AS g ORDER BY 1};
my $before = sql($all);
my ($words_before, $found_before) = (sql($words), sql($found));
cmp_ok(scalar(() = $words_before =~ /^/mg), '>', 30, 'words are indexed');
is(scalar(() = $before =~ /^/mg), 55, 'snapshots to dump');

my $folder = PostgreSQL::Test::Utils::tempdir();
local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
system_or_bail('pg_dump', '-Fc', '-f', "$folder/custom", 'postgres');
system_or_bail('pg_dump', '-f', "$folder/plain", 'postgres');
# The plain one is restored so slowly that the worker comes by while the snapshots are not there yet,
# with all pools waiting for the collector.
my $script = PostgreSQL::Test::Utils::slurp_file("$folder/plain");
my $pause = 'INSERT INTO stash.memory_discard SELECT id FROM stash.memory_pool; SELECT pg_catalog.pg_sleep(3);';
is($script =~ s/^(?=COPY stash\.memory_version )/$pause\n/m, 1, 'a pause before the snapshots');
open(my $file, '>', "$folder/plain") or die $!;
print $file $script;
close($file) or die $!;
for my $how (qw(custom plain))
{
    sql("CREATE DATABASE $how");
    if ($how eq 'custom') { system_or_bail('pg_restore', '-d', $how, "$folder/custom") }
    else { system_or_bail('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $how, '-f', "$folder/plain") }
    is(sql($all, $how), $before, "$how: everything is as it was");
    is(sql('SELECT * FROM stash.memory_check()', $how), '', '... sound');
    is(sql($words, $how), $words_before, '... the words are indexed again');
    is(sql($found, $how), $found_before, '... and found');
    is(sql(q{SELECT version FROM stash.memory_snapshot_create('agent 1', '"new"')}, $how), '22', '... versions go on');
    is(sql(q{SELECT version FROM stash.memory_snapshot_create('new agent', '"new"')}, $how), '1', '... so do new agents');
    is(sql(q{SELECT count(*) FROM stash.memory_retention_list()}, $how), '1', '... policies are there');
    sql(q{SELECT stash.memory_snapshot_cleanup(keep_last => 0, older_than => 0)}, $how);
    wait_until($node, 'SELECT count(*) = 0 FROM stash.memory_discard', 't', $how);
    is(sql(q{SELECT count(*) FROM stash.memory_version WHERE NOT pinned}, $how), '0', '... and the collector works');
    is(sql('SELECT * FROM stash.memory_check()', $how), '', '... sound after it');
}

# A standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is($standby->safe_psql('postgres', $all), $before, 'a standby reads them');
is($standby->safe_psql('postgres', 'SELECT * FROM stash.memory_check()'), '', '... sound');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM stash.memory_snapshot_history((SELECT id FROM stash.memory_snapshot_list('fork')))}), '6', '... with their history');
is(sql_error($standby, q{SELECT stash.memory_snapshot_create('a', '1')}), '25006', '... and makes none');
$standby->stop;

# Without the library preloaded
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
is(sql('SELECT stash.preloaded()'), 'f', 'the library is not preloaded');
is(sql($all), $before, 'snapshots are read');
sql(q{SELECT stash.memory_snapshot_create('late', '[1, 2]')});
is(sql(q{SELECT content FROM stash.memory_snapshot_get_at('late')}), '[1, 2]', '... and made');
sql(q{SELECT stash.memory_snapshot_cleanup(keep_last => 0, older_than => 0)});
cmp_ok(sql('SELECT parts FROM stash.memory_collect()'), '>', 50, '... and collected by hand');
is(sql('SELECT * FROM stash.memory_check()'), '', '... sound');
done_testing();
