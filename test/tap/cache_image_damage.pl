# A damaged saved cache is refused or cut short with a line in the log: no byte of it is trusted
# before its checksum has been compared, and whatever it says, the server starts and nothing wrong is
# ever read.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 8MB');

# Header: magic 8, system identifier 8, checkpoint 8, its digest 8, checksum 8.
use constant header => 40;
# Record: checksum 8, database 4, value's size 4, version 8, end of life 8, sizes of key and of tags
# 2 each, seconds of staleness 2, size of the namespace's name 1, kind 1; then name, key, tags, value.
use constant record => 40;
my %field = (
    checksum => 0, database => 8, value_size => 12, version => 16, expires => 24, key_size => 32,
    tags_size => 34, stale => 36, name_size => 38, kind => 39,
    name => record, key => record + 9, tags => record + 12, value => record + 22);

my %expected = map { ("key$_" => "$_") } 1 .. 9;
my $list = join ',', map { "'$_'" } sort keys %expected;

# A clean shutdown; returns what it wrote.
sub good_image
{
    fill($node, \%expected, tags => [ 'a:1', 'b:2' ]);
    $node->stop;
    return read_bytes(image_of($node));
}

# Starts with these bytes as the saved cache. Returns the log and how many entries came back.
sub start_with
{
    my ($bytes) = @_;
    my $offset = -s $node->logfile;
    put_image($node, $bytes);
    $node->start;
    launcher_done($node);
    my $log = log_since($node, $offset);
    die "a process crashed:\n$log" if $log =~ /terminated by signal|PANIC|server process .* exited/;
    die 'a file was left' if -e image_of($node) || -e loading_of($node);
    return $log;
}

# Every key is a miss or has its own value; as many are there as the store holds.
sub check_values
{
    my $wrong = $node->safe_psql('postgres',
        "SELECT count(*) FROM unnest(ARRAY[$list]) AS k WHERE stash.cache_get(k)::text <> right(k, 1)");
    my $found = $node->safe_psql('postgres',
        "SELECT count(*) FROM unnest(ARRAY[$list]) AS k WHERE stash.cache_exists(k)");
    return "$wrong wrong, $found found, " . entries($node) . ' entries';
}

sub refused
{
    my ($name, $damage) = @_;
    my $bytes = good_image();
    my $log = start_with($damage->($bytes));
    like($log, qr/LOG:  pg_stash does not use the saved cache: it (?:is damaged or of another version|does not belong)/,
        "$name: the log says so");
    is(check_values(), '0 wrong, 0 found, 0 entries', '... and the cache is empty');
    return;
}

# Loaded up to the damage.
sub cut_short
{
    my ($name, $loaded, $damage) = @_;
    my $bytes = good_image();
    my $log = start_with($damage->($bytes));
    like($log, qr/LOG:  pg_stash found the saved cache damaged and stopped after $loaded entries/,
        "$name: the log says so");
    is(check_values(), "0 wrong, $loaded found, $loaded entries", "... and $loaded entries are there");
    return;
}

sub flipped
{
    my ($bytes, $at, $bits) = @_;
    substr($bytes, $at, 1) ^= chr($bits // 0x10);
    return $bytes;
}

sub replaced
{
    my ($bytes, $at, $new) = @_;
    substr($bytes, $at, length $new) = $new;
    return $bytes;
}

# The offsets of the records, read as the format says.
sub records_of
{
    my ($bytes) = @_;
    my @at;
    for (my $at = header; $at < length $bytes;)
    {
        push @at, $at;
        my ($value, $key, $tags, $name, $kind) =
          (unpack('L', substr($bytes, $at + 12, 4)), unpack('SSxxCC', substr($bytes, $at + 32, 8)));
        last if $kind == 0;
        $at += record + $name + $key + $tags + $value;
    }
    return @at;
}

my $sample = good_image();
my @at = records_of($sample);
is(scalar @at, 10, 'the file is laid out as this test believes: nine records and an end');
is(length $sample, $at[-1] + record, '... and nothing behind the end');
like(substr($sample, $at[0] + record), qr/^defaultkey\d.a:1/s, '... name, key and tags as said');
like(start_with($sample), qr/pg_stash loaded 9 entries/, 'undamaged, all of it is used');
is(check_values(), '0 wrong, 9 found, 9 entries', '... and right');

refused("header, byte $_", do { my $at = $_; sub { flipped($_[0], $at) } }) for 0, 8, 20, 27, 39;
refused('empty', sub { '' });
refused('one byte', sub { substr $_[0], 0, 1 });
refused('cut in the header', sub { substr $_[0], 0, header - 1 });
refused('text', sub { "this is no cache\n" x 1000 });

cut_short("first record, $_", 0, do { my $at = $field{$_}; sub { flipped($_[0], header + $at, 1) } })
  for sort keys %field;
cut_short("third record, $_", 2, do { my $f = $field{$_}; sub { flipped($_[0], (records_of($_[0]))[2] + $f, 0x80) } })
  for qw(value value_size kind);
cut_short('the end record', 9, sub { flipped($_[0], length($_[0]) - 1) });
cut_short('cut behind the header', 0, sub { substr $_[0], 0, header });
cut_short('cut in a record', 4, sub { substr $_[0], 0, (records_of($_[0]))[4] + 17 });
cut_short('cut in a value', 4, sub { substr $_[0], 0, (records_of($_[0]))[5] - 1 });
cut_short('cut before the end record', 9, sub { substr $_[0], 0, (records_of($_[0]))[-1] });
# Sizes that reach behind every buffer, in a file that has the bytes for them: the whole store is 8 MB.
my $tail = "\xff" x 40_000_000;
cut_short('a value of 4 GB', 0, sub { replaced($_[0], header + $field{value_size}, "\xff" x 4) . $tail });
cut_short('a value of 39 MB', 0, sub { replaced($_[0], header + $field{value_size}, pack 'L', 39_000_000) . $tail });
cut_short('a key of 64 kB', 0, sub { replaced($_[0], header + $field{key_size}, "\xff\xff") . $tail });
cut_short('tags of 64 kB', 0, sub { replaced($_[0], header + $field{tags_size}, "\xff\xff") . $tail });
cut_short('a name of 255 bytes', 0, sub { replaced($_[0], header + $field{name_size}, "\xff") . $tail });
cut_short('zeros', 0, sub { substr($_[0], 0, header) . "\0" x 100_000 });

my $bytes = good_image();
like(start_with($bytes), qr/pg_stash loaded 9 entries/, 'the server is as well as before');

done_testing();
