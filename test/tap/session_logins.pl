# Fifty log-ins of one user at a time, under a limit: never more sessions than allowed, nobody is
# refused who need not be, and nobody has to try again, in READ COMMITTED and REPEATABLE READ.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 16MB', 'log_statement = none', 'max_connections = 120',
    'synchronous_commit = off');
sub sql { return $node->safe_psql('postgres', $_[0]) }

# What fifty clients did that ran a script so many times each: transactions, errors.
sub clients
{
    my ($script, $times, @options) = @_;
    my $file = $node->basedir . '/script.sql';
    open my $out, '>', $file or die $!;
    print $out $script;
    close $out;
    my ($output, $errors) = run_command([
        'pgbench', '--no-vacuum', '--client=50', '--jobs=2', "--transactions=$times", '--file', $file, @options,
        '--host', $node->host, '--port', $node->port, 'postgres' ]);
    my ($done) = $output =~ /number of transactions actually processed: (\d+)/;
    return ($done // 0, $errors);
}

my $one = q{SELECT id FROM stash.session_create('ann', max_per_user => 5)};
for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
    sql(q{SELECT stash.session_bulk_delete(user_id => 'ann')});
    my $ended = sql(q{SELECT count(*) FROM stash.session_history});
    # A statement first, so that REPEATABLE READ has its snapshot before it waits.
    my ($done, $errors) = clients("BEGIN ISOLATION LEVEL $level;\nSELECT count(*) FROM pg_class;\n$one;\nCOMMIT;\n", 10);
    is($done, 500, "$level: 500 log-ins by 50 clients");
    unlike($errors, qr/ERROR|aborted/, '... without an error');
    is(sql(q{SELECT stash.session_get_active_count('ann')}), '5', '... leave as many sessions as the limit allows');
    is(sql(q{SELECT count(*) FROM stash.session WHERE user_id = 'ann'}), '5', '... and rows');
    is(sql(q{SELECT count(*) FROM stash.session_history}) - $ended, '495', '... the others stand in the history');
    is(sql(q{SELECT count(DISTINCT id) FROM stash.session_history}), sql(q{SELECT count(*) FROM stash.session_history}),
        '... and no session twice');
}

# Refused beyond the limit: exactly so many get in.
sql(q{SELECT stash.session_bulk_delete(user_id => 'ann')});
my ($done, $errors) = clients("SET stash.session_limit_action = refuse;\n$one;\n", 1);
is(sql(q{SELECT stash.session_get_active_count('ann')}), '5', 'refuse: five of fifty get in');
my $refused = () = $errors =~ /the user has 5 sessions already/g;
is($refused, 45, '... and the others hear why');

# Other users do not wait for each other.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN');
$locker->query_safe(q{SELECT id FROM stash.session_create('bob', max_per_user => 5)});
is(sql(q{SET lock_timeout = '2s'; SELECT count(*) FROM stash.session_create('carol', max_per_user => 5)}), '1',
    'a log-in that is not committed yet holds up no other user');
is(sql(q{SET lock_timeout = '2s'; SELECT count(*) FROM stash.session_create('bob')}), '1', '... nor the same without a limit');
$locker->query_safe('COMMIT');
$locker->quit;

done_testing();
