# Without shared_preload_libraries there is no memory of touches, no hot copy and no worker: every
# session function works all the same, on the tables.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashSession;
use Test::More;
use Time::HiRes qw(sleep);

my $node = stash_node('main', 'stash.memory = 8MB', "stash.session_flush_interval = '200ms'");
sub sql { return $node->safe_psql('postgres', $_[0]) }
my ($before, $before_token) = begin_session($node, q{'before'});
sql("SELECT stash.session_touch('$before')");
wait_for_flush($node, $before);
my $seen = seen_at($node, $before);
$node->stop;
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->start;

is(sql('SELECT stash.preloaded()'), 'f', 'the library is not preloaded');
is(works($node, $before_token), '1', 'a session from before works');
is(seen_at($node, $before), $seen, '... with its last touch');

# Every function of the extension's sessions is called here.
my ($id, $token) = begin_session($node, q{'u', 'agent', '{"a": 1}', idle_ttl => 100});
my ($other, $other_token) = begin_session($node, q{'u'});
my %calls = (
    session_create => [ q{count(*) FROM stash.session_create('v')}, '1' ],
    session_get => [ qq{data FROM stash.session_get('$id', true)}, '{"a": 1}' ],
    session_get_by_token => [ qq{id FROM stash.session_get_by_token('$token')}, $id ],
    session_touch => [ qq{stash.session_touch('$id')}, 't' ],
    session_update => [ qq{stash.session_update('$id', '{"b": 2}', 1)}, '2' ],
    session_extend => [ qq{stash.session_extend('$id', 200000) > now()}, 't' ],
    session_rotate_token => [ qq{length(stash.session_rotate_token('$other'))}, '43' ],
    session_list => [ q{count(*) FROM stash.session_list('u')}, '2' ],
    session_get_active_count => [ q{stash.session_get_active_count('u')}, '2' ],
    session_revoke_others => [ qq{stash.session_revoke_others('$id', 'else')}, '1' ],
    session_history => [ q{kind, reason FROM stash.session_history('u')}, 'revoked|else' ],
    session_analytics => [ q{sum(revoked) FROM stash.session_analytics()}, '1' ],
    session_bulk_delete => [ q{stash.session_bulk_delete(user_id => 'v')}, '1' ],
    session_delete => [ qq{stash.session_delete('$id', 'end')}, 't' ],
    session_cleanup_inactive => [ q{stash.session_cleanup_inactive(0.001)}, '1' ],
    session_freshest => [ qq{stash.session_freshest('$id', '2020-01-01 UTC') = '2020-01-01 UTC'}, 't' ],
    session_lives => [ q{stash.session_lives('infinity', NULL, now())}, 't' ]);
my %triggers = map { $_ => 1 } qw(session_row_changed session_truncated session_history_guard);
my @order = qw(session_create session_get session_get_by_token session_touch session_update
  session_extend session_rotate_token session_list session_get_active_count session_revoke_others session_history session_analytics
  session_bulk_delete session_delete session_freshest session_lives session_cleanup_inactive);
is(sql(q{SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc
    WHERE pronamespace = 'stash'::regnamespace AND proname ~ '^session_'}), join(' ', sort keys %calls, keys %triggers),
    'this test knows every function');
is(sql("SELECT $calls{$_}[0]"), $calls{$_}[1], "$_ works") for @order;
is(works($node, $token) . works($node, $other_token) . works($node, $before_token), '000', 'what ended has ended');

# A touch writes the table, for there is nobody else to remember it.
($id, $token) = begin_session($node, q{'u', idle_ttl => 2});
for (1 .. 4)
{
    my $written = written_at($node, $id);
    sleep 0.8;
    is(sql("SELECT count(*) FROM stash.session_get_by_token('$token')"), '1', 'a session in use does not idle');
    cmp_ok(written_at($node, $id), '>', $written, '... for its touch is in the table');
}
is(written_at($node, $id), seen_at($node, $id), '... from where it is read');
($other, $other_token) = begin_session($node, q{'u'});
is(written_at($node, $other), '', 'a session without an idle limit has no touch at first');
sql("SELECT stash.session_touch('$other')");
is(written_at($node, $other), seen_at($node, $other), '... then one');
my $untouched = written_at($node, $other);
is(sql("BEGIN READ ONLY; SELECT count(*) FROM stash.session_get_by_token('$other_token'); COMMIT"), '1', 'a read-only transaction reads');
is(written_at($node, $other), $untouched, '... but its touch cannot be kept');

# Limits hold without the worker: reads decide, session_cleanup_inactive() cleans up.
my ($brief, $brief_token) = begin_session($node, q{'brief', ttl => 0.1});
sleep 2.3;
is(works($node, $token) . works($node, $brief_token) . works($node, $other_token), '001', 'the idle and the expired are out');
is(sql("SELECT stash.session_touch('$id')"), 'f', '... and cannot be touched');
is(sql('SELECT count(*) FROM stash.session'), '3', '... but are in the table');
wait_until($node, 'SELECT stash.session_cleanup_inactive() >= 0 AND count(*) = 1 FROM stash.session');
is(how_ended($node, $id), 'idle||' . sql('SELECT session_user'), 'session_cleanup_inactive() ends the idle');
is(how_ended($node, $brief), 'expired||' . sql('SELECT session_user'), '... and the expired');
is(sql('SELECT count(*) FROM stash.session_touch WHERE id NOT IN (SELECT id FROM stash.session)'), '0', '... with their touches');
is(sql(qq{DELETE FROM stash.session WHERE id = '$other'; SELECT kind FROM stash.session_history WHERE id = '$other'}), 'deleted',
    'a direct DELETE works and is logged');
is(sql_error($node, 'TRUNCATE stash.session'), '', 'so does TRUNCATE');

# With the library again it is as if nothing had been.
my ($kept, $kept_token) = begin_session($node, q{'kept'});
$node->stop;
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_stash'");
$node->start;
is(works($node, $kept_token) . works($node, $kept_token), '11', 'sessions that were begun without the library work with it');
is(works($node, $token) . works($node, $other_token), '00', '... those that ended do not');
is(sql("SELECT stash.session_delete('$kept')"), 't', '... and can be ended');
is(works($node, $kept_token), '0', '... at once');

done_testing();
