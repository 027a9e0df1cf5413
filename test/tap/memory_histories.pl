# Thousands of random documents and histories, several at a time, with deletions, clean-ups, retention
# and collections between them: every version that has to be there is, bit for bit; differences lead
# from one version to another; nothing is lost and nothing is left over.
#
# STASH_TEST_SEED: what to repeat; it is printed. What a client makes and deletes is then the same, though
# not what the clients and the worker do at the same moment. STASH_TEST_HISTORIES: how many.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $clients = 3;
my $each = int(($ENV{STASH_TEST_HISTORIES} // 2400) / $clients);
my $seed = $ENV{STASH_TEST_SEED} // int(time * 1000) % 1_000_000;
note "STASH_TEST_SEED=$seed";

my $node = stash_node('main', 'stash.memory = 8MB', 'log_statement = none', "stash.memory_retention_interval = '100ms'");
sub sql { return $node->safe_psql('postgres', $_[0]) }
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $_ ], "loads $_")
  for "$FindBin::RealBin/../pgtap/lib/memory.sql", "$FindBin::RealBin/lib/histories.sql";
sql(q{SELECT stash.memory_retention_set('worker*', keep_last => 3)});

my $folder = PostgreSQL::Test::Utils::tempdir();
my @load = map {
    my $fraction = ($seed * 7 + $_) % 1_000_003 / 1_000_003;
    IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', "CALL histories($_, $each, $fraction)" ],
        '>', "$folder/out$_", '2>', "$folder/err$_")
} 1 .. $clients;
my $checks = 0;
my @problems;
my $running = q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL histories%'};
do
{
    sleep 1;
    my $problems = sql('SELECT * FROM stash.memory_check()');
    push @problems, $problems if $problems ne '';
    $checks++;
} while (sql($running) > 0);
$_->finish for @load;
is(slurp_file("$folder/err$_"), '', "client $_ was right about every version") for 1 .. $clients;
is("@problems", '', "$checks checks meanwhile: sound");
note sql(q{SELECT count(DISTINCT (client, history)) || ' histories left, ' || count(*) || ' versions, ' || pg_size_pretty(sum(length(document::text))) FROM made});
note sql(q{SELECT string_agg(what || ' ' || n, ', ' ORDER BY what) FROM (SELECT what, sum(times) AS n FROM done GROUP BY what) AS d});

# The worker ends up with the last three of each key, as the model does.
sql(q{SELECT count(forget(agent, 3)) FROM (SELECT DISTINCT agent FROM made WHERE agent LIKE 'worker%') AS a});
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM stash.memory_version AS v WHERE NOT EXISTS (SELECT FROM made AS m WHERE m.id = v.id))});
wait_until($node, q{SELECT count(*) = 0 FROM stash.memory_discard});
is(sql(q{SELECT count(*) FROM made AS m FULL JOIN stash.memory_version AS v ON v.id = m.id WHERE v.id IS NULL OR m.id IS NULL}), '0', 'the versions that have to be there, and no others');
is(sql(qq{SELECT sum(wrong(c, NULL)) FROM generate_series(1, $clients) AS c}), '0', 'bit for bit');
is(sql(q{SELECT count(*) FROM (SELECT a.id, lead(a.id) OVER (ORDER BY md5(a.id::text)) AS other FROM made AS a ORDER BY md5(a.id::text) LIMIT 1000) AS p WHERE other IS NOT NULL AND NOT differs_rightly(id, other)}), '0', 'differences lead to any other');
is(sql('SELECT * FROM stash.memory_check()'), '', 'sound');
sql(q{SELECT stash.memory_snapshot_cleanup(keep_last => 0)});
wait_until($node, q{SELECT count(*) = 0 FROM stash.memory_pool});
is(sql('SELECT (SELECT count(*) FROM stash.memory_part) + (SELECT count(*) FROM stash.memory_line)'), '0', 'in the end nothing is left');
done_testing();
