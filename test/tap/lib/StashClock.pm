# A server whose wall clock a test sets, by libfaketime.
package StashClock;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StashCache;
use Test::More;

our @EXPORT = qw(clock_node set_clock with_clock);

my ($control, $library);

# Seconds from the true time, with a sign.
sub set_clock
{
    my ($offset) = @_;
    write_bytes("$control.new", "$offset\n");
    rename "$control.new", $control or die $!;
    return;
}

# Runs what starts a server.
sub with_clock
{
    my ($start) = @_;
    local $ENV{LD_PRELOAD} = $library;
    local $ENV{FAKETIME_TIMESTAMP_FILE} = $control;
    local $ENV{FAKETIME_NO_CACHE} = 1;
    local $ENV{FAKETIME_DONT_FAKE_MONOTONIC} = 1;
    return $start->();
}

# Starts a node with these lines of configuration; skips the test where there is no libfaketime.
sub clock_node
{
    my (@lines) = @_;
    ($library) = grep { -e } glob('/usr/lib/*/faketime/libfaketime.so.1 /usr/lib/faketime/libfaketime.so.1');
    plan skip_all => 'libfaketime is not installed (Debian package faketime)' unless $library;
    $control = PostgreSQL::Test::Utils::tempdir() . '/offset';
    set_clock('+0');
    my $node = PostgreSQL::Test::Cluster->new('main');
    $node->init;
    $node->append_conf('postgresql.conf', "$_\n") for "shared_preload_libraries = 'pg_stash'", 'stash.memory = 8MB', @lines;
    with_clock(sub { $node->start });
    return $node;
}

1;
