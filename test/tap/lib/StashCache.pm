# What the tests of the saved cache share: where it lies, what the log says of it, and when the
# launcher has done with it, so that a miss means "not there" and never "not there yet".
package StashCache;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;
use StashNode;

our @EXPORT = qw(fill cached cached_all entries image_of loading_of log_since launcher_done
  read_bytes write_bytes put_image);

# Stores keys (name => jsonb text) as somebody who has just read the data.
sub fill
{
    my ($node, $values, %more) = @_;
    my $tags = $more{tags} ? "ARRAY['" . join("','", @{ $more{tags} }) . "']" : 'NULL';
    my $ttl = $more{ttl} // 3600;
    my $namespace = $more{namespace} // 'default';
    my $sql = join '', map {
        "SELECT stash.cache_set('$_', '$values->{$_}', $ttl, $tags, fresh => true, namespace => '$namespace') IS NOT NULL;\n"
    } sort keys %$values;
    my $out = $node->safe_psql($more{database} // 'postgres', $sql);
    die "a set was refused" if $out =~ /f/;
    return;
}

# The value of a key as text; '' for a miss.
sub cached
{
    my ($node, $key, %more) = @_;
    my $namespace = $more{namespace} // 'default';
    return $node->safe_psql($more{database} // 'postgres',
        "SELECT stash.cache_get('$key', '$namespace')");
}

# The values of several keys in one line, '-' for a miss.
sub cached_all
{
    my ($node, @keys) = @_;
    my $list = join ',', map { "'$_'" } @keys;
    return $node->safe_psql('postgres',
        "SELECT array_to_string(stash.cache_get_many(ARRAY[$list]), ' ', '-')");
}

# Entries in the whole store, of all databases.
sub entries
{
    my ($node) = @_;
    return $node->safe_psql('postgres', 'SELECT entries FROM stash.cache_usage()');
}

sub image_of { return $_[0]->data_dir . '/pg_stat_tmp/pg_stash.cache' }
sub loading_of { return $_[0]->data_dir . '/pg_stat_tmp/pg_stash.loading' }

# The log from an offset on.
sub log_since
{
    my ($node, $offset) = @_;
    return slurp_file($node->logfile, $offset);
}

# Waits until the launcher has loaded the saved cache, or found that there is none to load.
sub launcher_done
{
    my ($node) = @_;
    wait_until($node,
        "SELECT state = 'running' AND tasks_run > 0 FROM stash.worker_status() WHERE kind = 'launcher'");
    return;
}

sub read_bytes
{
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}

sub write_bytes
{
    my ($path, $bytes) = @_;
    open my $file, '>:raw', $path or die "$path: $!";
    print $file $bytes or die "$path: $!";
    close $file or die "$path: $!";
    return;
}

# Gives a stopped server these bytes as its saved cache.
sub put_image
{
    my ($node, $bytes) = @_;
    write_bytes(image_of($node), $bytes);
    return;
}

1;
