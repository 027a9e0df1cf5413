# Whatever is not a clean shutdown followed by a start of the same server leaves the cache empty: a
# saved cache is used only if nothing can have happened to the data since.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $node = stash_node('main', 'restart_after_crash = on', 'stash.memory = 8MB');
my $image = image_of($node);
$node->safe_psql('postgres', 'CREATE TABLE t (v int); INSERT INTO t VALUES (0)');

sub change { return $node->safe_psql('postgres', 'UPDATE t SET v = v + 1 RETURNING v') }

# Fills the cache, lets the action come and go with the server, starts it if it was left stopped and
# finds the cache empty. The log must give the reason, if there was a file at all.
sub cold
{
    my ($name, $reason, $action) = @_;
    subtest $name => sub {
        fill($node, { a => '1', b => '[2]' }, tags => ['t']);
        is(cached_all($node, 'a', 'b'), '1 [2]', 'the cache is full before');
        my $offset = -s $node->logfile;
        my $begin = $action->();
        $offset = $begin->[0] if ref $begin;
        $node->start unless defined $node->{_pid};
        launcher_done($node);
        is(cached_all($node, 'a', 'b'), '- -', 'empty after');
        is(entries($node), '0', 'entirely');
        if ($reason) { like(log_since($node, $offset), qr/pg_stash does not use the saved cache: $reason/, 'the log says why') }
        else { unlike(log_since($node, $offset), qr/saved cache/, 'there was nothing to judge') }
        ok(!-e $image && !-e loading_of($node), 'no file is left');
    };
    return;
}

my $unclean = 'the server was not shut down cleanly';
my $other = 'it does not belong to the last shutdown';

# The file is good where it belongs: otherwise the refusals below would mean nothing.
fill($node, { a => '1' });
$node->restart;
launcher_done($node);
is(cached($node, 'a'), '1', 'a clean restart is warm');

cold('immediate stop', '', sub {
    $node->stop('immediate');
    ok(!-e $image, 'an immediate stop saves nothing');
});

cold('kill -9 of a backend', '', sub {
    my $victim = $node->background_psql('postgres');
    my $pid = $victim->query_safe('SELECT pg_backend_pid()');
    my $at = -s $node->logfile;
    kill 'KILL', $pid;
    $node->wait_for_log(qr/database system is ready to accept connections/, $at);
    eval { $victim->quit };
    return;
});

fill($node, { a => '5' });
$node->restart;
launcher_done($node);
is(cached($node, 'a'), '5', 'a clean restart after a crash restart is warm');

# What waits to be loaded when a process crashes is not loaded afterwards. Before the crash the
# launcher may have got to it, so only what the log says after it counts.
cold('crash while the launcher may be loading', '', sub {
    $node->stop;
    $node->start;
    my $at = -s $node->logfile;
    kill 'KILL', $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
    $node->wait_for_log(qr/all server processes terminated; reinitializing(?s:.*)ready to accept connections/, $at);
    return [$at + index(log_since($node, $at), 'all server processes terminated')];
});

cold('kill -9 of the postmaster', '', sub {
    my $postmaster = $node->{_pid};
    $node->kill9;
    my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
    sleep 1 while kill(0, $postmaster) && time < $deadline;
    ok(!-e $image, 'nobody saves anything');
    # Its children notice, but not at once.
    sleep 1 until $node->start(fail_ok => 1) || time > $deadline;
});

cold('a file from before an unclean run', $unclean, sub {
    $node->stop;
    my $bytes = read_bytes($image);
    $node->start;
    change();
    $node->stop('immediate');
    put_image($node, $bytes);
});

cold('an older file', $other, sub {
    $node->stop;
    my $bytes = read_bytes($image);
    $node->start;
    change();
    $node->stop;
    put_image($node, $bytes);
});

cold('the same file twice', $other, sub {
    $node->stop;
    my $bytes = read_bytes($image);
    $node->start;
    launcher_done($node);
    is(cached($node, 'a'), '1', 'used once');
    $node->stop;
    put_image($node, $bytes);
});

cold('a run without preloading in between', $other, sub {
    $node->stop;
    $node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
    $node->start;
    change();
    $node->stop;
    ok(-e $image, 'the file is still there');
    $node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_stash'");
});

cold('single-user mode in between', '', sub {
    $node->stop;
    my $said = run_log([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ], '<', \"UPDATE t SET v = -1\n",
        '>', \my $out, '2>', \my $err);
    ok($said, 'the server ran') or diag $err;
    like($err, qr/pg_stash/, 'with our library') if $err =~ /saved cache/;
    # It ends with a clean shutdown, and saves what it has: nothing of what was there.
    $node->start;
    launcher_done($node);
    is($node->safe_psql('postgres', 'SELECT v FROM t'), '-1', 'the data was changed');
    is(cached($node, 'a'), '', 'nothing came back');
    $node->stop('immediate');
    return [ -s $node->logfile ];
});

cold('pg_resetwal', $other, sub {
    $node->stop;
    system_or_bail('pg_resetwal', '-D', $node->data_dir);
});

# The log position may be where it was: the whole record of the checkpoint counts.
cold('pg_resetwal with another transaction counter', $other, sub {
    $node->stop;
    system_or_bail('pg_resetwal', '-x', '4000000', '-D', $node->data_dir);
    my $clog = $node->data_dir . '/pg_xact/0003';
    write_bytes($clog, "\0" x 262144);
});

my $stranger = stash_node('stranger', 'stash.memory = 8MB');
fill($stranger, { a => '"foreign"' });
$stranger->stop;
my $foreign = read_bytes(image_of($stranger));
cold('the file of another server', $other, sub {
    $node->stop;
    put_image($node, $foreign);
});

cold('no file', '', sub {
    $node->stop;
    unlink $image or die;
});

# A directory in its place, and one in the place of the file that is written first.
cold('something else under its name', '(it cannot be read|it is damaged)', sub {
    $node->stop;
    unlink $image or die;
    mkdir $image or die;
    $node->start;
    is(cached($node, 'a'), '', 'the server starts');
    $node->stop;
    rmdir $image if -d $image;
    put_image($node, '');
});

fill($node, { a => '7' });
$node->restart;
launcher_done($node);
is(cached($node, 'a'), '7', 'after all that a clean restart is warm');

done_testing();
