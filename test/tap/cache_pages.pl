# Where the store lies: with huge_pages = try in a mapping of its own, which a crash neither loses
# nor doubles; with off in PostgreSQL's segment.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $memory = 16;
my $huge_page = 2 << 20;
my $listed = "SELECT count(*) FROM pg_shmem_allocations WHERE name = 'pg_stash'";

# [start, end] of every anonymous shared mapping of a process.
sub shared_mappings
{
    my ($pid) = @_;
    return map { /^([0-9a-f]+)-([0-9a-f]+) rw-s .*\/dev\/zero/ ? [ hex $1, hex $2 ] : () }
      split /\n/, slurp_file("/proc/$pid/maps");
}
sub ours
{
    my ($pid) = @_;
    return grep { $_->[0] % $huge_page == 0 && $_->[1] - $_->[0] >= $memory << 20 } shared_mappings($pid);
}

my $node = stash_node('try', "stash.memory = ${memory}MB", 'huge_pages = try', 'restart_after_crash = on',
    'logging_collector = on');
my $postmaster = $node->{_pid};

SKIP:
{
    skip 'huge pages are reserved here', 6 if slurp_file('/proc/meminfo') !~ /^HugePages_Total:\s+0$/m;
    is($node->safe_psql('postgres', $listed), '0', 'with huge_pages = try the store is not in the main segment');
    my @before = ours($postmaster);
    is(scalar @before, 1, '... but in a mapping of its own, at a multiple of the size of a huge page');
    fill($node, { before => 1 });
    is(cached($node, 'before'), '1', '... which works');

    my $session = $node->background_psql('postgres', on_error_stop => 0);
    my $pid = $session->query_safe('SELECT pg_backend_pid()');
    kill 9, $pid;
    $session->{run}->finish;
    $node->poll_query_until('postgres', 'SELECT true') or die 'no restart';
    is(cached($node, 'before'), '', 'after a crash the store is empty');
    fill($node, { after => 2 });
    is(cached($node, 'after'), '2', '... and works');
    is_deeply([ ours($postmaster) ], \@before, '... in the same mapping, not in one more');
}

my $plain = stash_node('off', "stash.memory = ${memory}MB", 'huge_pages = off');
is($plain->safe_psql('postgres', $listed), '1', 'with huge_pages = off the store is in the main segment');
is(scalar(ours($plain->{_pid})), 0, '... and nowhere else');
fill($plain, { key => 3 });
is(cached($plain, 'key'), '3', '... where it works');

done_testing();
