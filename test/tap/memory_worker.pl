# The worker's part in memory snapshots: it deletes what has expired and what a policy lets go, collects
# parts that nothing has any more, goes on where a killed server was, and lets pinned ones be.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 8MB', 'restart_after_crash = on', "stash.memory_retention_interval = '100ms'");
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub settled
{
    my ($what) = @_;
    wait_until($node, 'SELECT count(*) = 0 FROM stash.memory_discard');
    is(sql('SELECT * FROM stash.memory_check()'), '', "$what: sound");
    return;
}
my $document = q{(SELECT jsonb_agg(md5(m::text) || repeat('x', 300)) FROM generate_series(1, g) AS m)};
sub fill { my ($agent, $count) = @_; return sql("SELECT count(stash.memory_snapshot_create('$agent', $document)) FROM generate_series(1, $count) AS g") }
my $versions = q{SELECT string_agg(version::text, ' ' ORDER BY version) FROM stash.memory_snapshot_list('%s')};

# Expiry
sql("SELECT stash.memory_snapshot_create('tim', $document, 'k' || g, ttl => 0.5, embedding => '{1,2}') FROM generate_series(1, 20) AS g");
sql("SELECT stash.memory_snapshot_pin(id) FROM stash.memory_snapshot_list('tim', 'k7')");
wait_until($node, q{SELECT count(*) = 1 FROM stash.memory_version});
settled('after expiry');
is(sql(q{SELECT string_agg(key, ' ') FROM stash.memory_snapshot_list('tim')}), 'k7', 'the pinned one is there');
is(sql('SELECT count(*) FROM stash.memory_embedding'), '1', 'so is its embedding, and no other');
is(sql('SELECT count(*) FROM stash.memory_line'), '1', 'lines without versions are gone');

# Retention
fill($_, 30) for 'ann', 'ben', 'carl';
sql(q{SELECT stash.memory_snapshot_pin(id) FROM stash.memory_snapshot_list('ann') WHERE version = 3});
sql(q{SELECT stash.memory_snapshot_fork(id, 'fork') FROM stash.memory_snapshot_list('ann') WHERE version = 20});
sql(q{SELECT stash.memory_retention_set('a*', keep_last => 5), stash.memory_retention_set('b*', max_age => 100000)});
wait_until($node, q{SELECT count(*) = 6 FROM stash.memory_snapshot_list('ann')});
settled('after retention');
is(sql(sprintf $versions, 'ann'), '3 26 27 28 29 30', 'the last, and the pinned one');
is(sql(sprintf $versions, 'ben'), join(' ', 1 .. 30), 'none is that old');
is(sql(sprintf $versions, 'carl'), join(' ', 1 .. 30), 'no policy');
is(sql(q{SELECT jsonb_array_length(content) FROM stash.memory_snapshot_get_at('fork')}), '20', 'a fork keeps what it needs');
sql(q{UPDATE stash.memory_version AS v SET created_at = created_at - interval '2 days' FROM stash.memory_line AS l WHERE l.id = v.line AND l.agent_id = 'ben' AND v.version <= 28});
wait_until($node, q{SELECT count(*) = 2 FROM stash.memory_snapshot_list('ben')});
settled('after retention by age');
is(sql(sprintf $versions, 'ben'), '29 30', 'the young ones stay');
sql(q{SELECT stash.memory_retention_unset('a*')});
fill('ann', 10);

# The collector waits for a pool in use, and is not the one to make others wait.
my $busy = $node->background_psql('postgres');
$busy->query_safe('BEGIN');
$busy->query_safe(q{SELECT stash.memory_snapshot_create('ann', '"busy"')});
sql(q{SELECT stash.memory_snapshot_cleanup(keep_last => 1, agent_id => 'ann')});
sql(q{SELECT stash.memory_snapshot_create('ann', '"beside"', 'beside')});
is(sql('SELECT count(*) > 0 FROM stash.memory_discard'), 't', 'it waits');
$busy->query_safe('COMMIT');
$busy->quit;
settled('after a pool was busy');

# Killed in the middle of deleting and of collecting
fill('dora', 120);
sql(q{SELECT stash.memory_snapshot_cleanup(keep_last => 1, agent_id => 'dora')});
$node->stop('immediate');
$node->start;
settled('after a crash');
is(sql(sprintf $versions, 'dora'), '120', 'what was deleted is, the rest is there');
is(sql(q{SELECT jsonb_array_length(content) FROM stash.memory_snapshot_get_at('dora')}), '120', 'whole');
done_testing();
