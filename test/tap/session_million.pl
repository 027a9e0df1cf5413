# A million living sessions: what asks for one of them, or for one user's, costs what it costs with
# few, and what ends many ends them all.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashSession;
use Test::More;

my $many = $ENV{STASH_TEST_SESSIONS} // 1_000_000;
my $node = stash_node('main', 'stash.memory = 16MB', 'log_statement = none', 'shared_buffers = 256MB',
    'max_wal_size = 4GB', 'synchronous_commit = off', 'autovacuum = off');
sub sql { return $node->safe_psql('postgres', $_[0]) }

# As session_create makes them; the token of number i is i in 43 digits. A thousand users, 500 agents.
sql(qq{INSERT INTO stash.session (generation, id, user_id, agent_id, data, token_hash, created_at, updated_at, seen_at,
        expires_at, absolute_expires_at)
    SELECT 0, lpad(to_hex(i), 32, '0')::uuid, 'user ' || i % 1000, 'agent ' || i % 500, '{"n": 1}',
        sha256(convert_to(lpad(i::text, 43, '0'), 'UTF8')), now(), now(), now(), now() + interval '1 day', now() + interval '1 day'
    FROM generate_series(1, $many) AS i});
is(sql('SELECT stash.session_get_active_count()'), $many, "$many sessions live");
is(sql(qq{SELECT count(*) FROM generate_series(1, $many, $many / 1000) AS i, LATERAL stash.session_get_by_token(lpad(i::text, 43, '0')) AS s
        WHERE s.user_id = 'user ' || i % 1000}), '1000', 'a thousand of them by token');

# Pages that a statement reads the second time in a session, with what it takes to plan it.
sub pages
{
    my ($statement) = @_;
    my $explain = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) $statement;";
    my @read = sql("$explain $explain") =~ /Buffers: shared hit=(\d+)/g;
    return $read[-2] + $read[-1];
}
cmp_ok(pages(q{SELECT * FROM stash.session_get_by_token(repeat('y', 43))}), '<', 100, 'a token that nobody has costs some index pages');
is(sql(q{SELECT count(*) FROM stash.session_list('user 7', max_rows => 10000)}), $many / 1000, 'the sessions of one user');
is(sql(q{SELECT stash.session_get_active_count(agent_id => 'agent 3')}), $many / 500, '... of one agent');
my ($last, $pages, $seen) = ('NULL', 0, 0);
while ($pages < 5)
{
    my @ids = split /\n/, sql("SELECT id FROM stash.session_list(after => $last, max_rows => 1000)");
    $seen += @ids;
    $last = "'$ids[-1]'";
    $pages++;
}
is($seen, 5000, 'pages of all sessions follow each other');
cmp_ok(pages(q{SELECT count(*) FROM stash.session_list(after => '00000000-0000-0000-0000-000000080000', max_rows => 100)}), '<', 1000,
    '... a page from the middle reads no whole table');

cmp_ok(pages(q{SELECT count(*) FROM stash.session_list('user 8', max_rows => 10)}), '<', 1000, '... nor does one of a user');
my ($id, $token) = begin_session($node, "'user 7', max_per_user => 10");
is(sql(q{SELECT stash.session_get_active_count('user 7')}), '10', 'a limit that is set late ends what is above it');
is(works($node, $token), '1', '... not the new one');
is(sql(q{SELECT stash.session_bulk_delete(agent_id => 'agent 3')}), $many / 500, 'all of an agent end at once');
is(sql(q{SELECT count(*) FROM stash.session_history(max_rows => 100000)}), $many / 500 + $many / 1000 - 9, '... and stand in the history');
is(sql('SELECT stash.session_get_active_count()'), $many - $many / 500 - $many / 1000 + 10, 'all others live');

done_testing();
