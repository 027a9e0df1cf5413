# Many sessions that expired leave behind neither a large table nor large indexes: another generation
# takes over, the living move to it and the old one is truncated, round after round; not under a
# snapshot that still needs it, and also when the server ends in the middle.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashSession;
use Test::More;
use Time::HiRes qw(sleep time);

my $many = $ENV{STASH_TEST_SESSIONS} // 40_000;
my $node = stash_node('main', 'stash.memory = 16MB', 'log_statement = none', 'shared_buffers = 128MB',
    'max_wal_size = 2GB', 'synchronous_commit = off', "stash.session_flush_interval = '500ms'");
sub sql { return $node->safe_psql('postgres', $_[0]) }
my $size = q{SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class AS c
    WHERE c.relnamespace = 'stash'::regnamespace AND c.relname ~ '^session_(touch_)?[01]$'};
my $leaves = q{SELECT string_agg((pg_relation_size('stash.session_' || g) > 0)::int::text, '' ORDER BY g) FROM generate_series(0, 1) AS g};

# The living: 300 with data, tokens and touches.
sql(q{CREATE TABLE living AS SELECT i, s.id, s.token, NULL::timestamptz AS seen FROM generate_series(1, 300) AS i,
    LATERAL stash.session_create('user ' || i, 'agent ' || i % 7, jsonb_build_object('n', i), idle_ttl => 1000 + i) AS s});
sql('SELECT count(*) FROM living WHERE stash.session_touch(id)');
my ($first) = split /\n/, sql('SELECT id FROM living LIMIT 1');
wait_for_flush($node, $first);
my $small = sql($size);
sub check_living
{
    my ($how) = @_;
    is(sql(q{SELECT count(*) FROM living AS l, LATERAL stash.session_get_by_token(l.token) AS s
        WHERE s.id = l.id AND s.user_id = 'user ' || i AND s.agent_id = 'agent ' || i % 7 AND s.data = jsonb_build_object('n', i)
        AND s.idle_ttl = 1000 + i}), '300', "$how: the living keep their tokens and all that they have");
    return;
}

# Rows as session_create made them a while ago.
sub insert_expired
{
    my ($round) = @_;
    my $present = sql('SELECT generation FROM stash.session ORDER BY created_at DESC LIMIT 1');
    sql(qq{WITH given AS (INSERT INTO stash.session (generation, id, user_id, data, token_hash, created_at, updated_at,
            seen_at, expires_at, absolute_expires_at, idle_ttl)
        SELECT $present, md5('$round ' || i)::uuid, 'gone ' || i % 5000, jsonb_build_object('padding', repeat(md5(i::text), 12)),
            sha256(convert_to('$round ' || i, 'UTF8')), now() - interval '1 h', now() - interval '1 h', now() - interval '1 h',
            now() - interval '1 s' * random(), 'infinity', 600
        FROM generate_series(1, $many) AS i RETURNING generation, id, seen_at)
        INSERT INTO stash.session_touch (generation, id, touched_at, due_at)
        SELECT generation, id, seen_at, 'infinity' FROM given});
    return;
}

# Returns when the worker has ended them all; a new worker looks at the tables at once, this one would
# do so within half a minute.
sub reaped
{
    wait_until($node, q{SELECT count(*) = 0 FROM (SELECT FROM stash.session WHERE expires_at < now() LIMIT 1) AS s});
    new_worker();
    return;
}
sub new_worker { sql(q{SELECT pg_terminate_backend(pid) FROM stash.worker_status() WHERE kind = 'worker'}); return }

my @sizes;
for my $round (1 .. 3)
{
    my $seen = sql("SELECT extract(epoch FROM max(last_seen_at)) FROM living, LATERAL stash.session_get(id)");
    my $present = sql($leaves);

    # In the second round somebody has a snapshot from before there is a reason to move anything.
    # In the third somebody holds a session where it is.
    my ($reader, $holder);
    if ($round == 2)
    {
        $reader = $node->background_psql('postgres');
        $reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
        is($reader->query_safe('SELECT count(*) FROM living'), '300', 'somebody has a snapshot');
    }
    insert_expired($round);
    cmp_ok(sql($size), '>', 20 * $small, "round $round: $many expired sessions take a lot of space") if $many >= 40_000;
    if ($round == 3)
    {
        $holder = $node->background_psql('postgres');
        $holder->query_safe('BEGIN');
        $holder->query_safe("SELECT FROM stash.session WHERE id = '$first' FOR UPDATE");
    }
    reaped();
    is(sql("SELECT count(*) FROM stash.session_history WHERE kind = 'idle' AND user_id LIKE 'gone%'"), $round * $many,
        "... all of which stand in the history");
    my ($from, $to) = $present =~ /^10/ ? (0, 1) : (1, 0);
    if ($holder)
    {
        # The server ends while one is still to be moved.
        wait_until($node, "SELECT count(*) = 299 FROM stash.session_$to");
        is($holder->query_safe("SELECT count(*) FROM stash.session_$from WHERE id = '$first'"), '1', 'what is locked stays where it is');
        is(sql("SELECT count(*) FROM stash.session_get('$first')"), '1', '... and is found there');
        $node->stop('immediate');
        $node->start;
        check_living('after a crash in the middle');
        eval { $holder->{run}->finish };
        wait_until($node, "SELECT x ~ '^(01|10)\$' FROM ($leaves) AS l (x)");
        new_worker();
    }
    if ($reader)
    {
        wait_until($node, "SELECT count(*) = 0 FROM ONLY stash.session_$from");
        is(sql("SELECT count(*) FROM stash.session_$to"), '300', 'the living have moved to the other generation');
        sleep 6;
        cmp_ok(sql("SELECT pg_relation_size('stash.session_$from')"), '>', 0, 'what they left is not truncated while a snapshot needs it');
        is($reader->query_safe('SELECT count(*) FROM stash.session_list(max_rows => 10000) AS s JOIN living USING (id)'), '300',
            '... which sees its sessions');
        is($reader->query_safe("SELECT count(*) FROM stash.session_$from WHERE id IN (SELECT id FROM living)"), '300',
            '... where they were');
        check_living('meanwhile');
        $reader->query_safe('COMMIT');
        $reader->quit;
    }
    wait_until($node, "SELECT x ~ '^(01|10)\$' AND x <> '$present' FROM ($leaves) AS l (x)") if $round != 3;
    wait_until($node, "SELECT s < 3 * $small + 1000000 FROM ($size) AS l (s)");
    push @sizes, sql($size);
    cmp_ok($sizes[-1], '<', 3 * $small + 1_000_000, "... the tables shrink back ($small bytes at first, now $sizes[-1])");
    is(sql('SELECT count(DISTINCT generation) FROM stash.session'), '1', '... to one generation');
    check_living("round $round");
    cmp_ok(sql("SELECT extract(epoch FROM max(last_seen_at)) FROM living, LATERAL stash.session_get(id)"), '>=', $seen,
        '... and their touches');
    is(sql('SELECT count(*) FROM stash.session_touch'), '300', '... one each');
}
cmp_ok($sizes[-1], '<=', 1.5 * $sizes[0] + 200_000, 'from round to round they do not grow');

# What moved is a session like any other.
my $token = sql('SELECT token FROM living WHERE i = 1');
my $id = sql('SELECT id FROM living WHERE i = 1');
my $new_token = sql("SELECT stash.session_rotate_token('$id')");
is(works($node, $token) . works($node, $new_token), '01', 'tokens of what moved can be rotated');
is(sql("SELECT stash.session_update('$id', '{\"m\": 1}')"), '2', '... its data changed');
is(sql("SELECT stash.session_delete('$id')"), 't', '... and it can be ended');
is(works($node, $new_token), '0', '... at once');
is(sql('SELECT count(*) FROM stash.session_history WHERE kind <> \'idle\''), '1', 'no move stands in the history');

done_testing();
