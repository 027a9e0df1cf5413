# Synchronised tables under test, and the comparison with all that the server holds.
#
#   my $sync = StashVectors->new($node, $weaviate);
#   $sync->configure;                                  # or ($proxy->url, $key)
#   $sync->table('doc', $collection, 'id', 'tenant');  # key columns; the tenant column or ''
#   $sync->compare('after this');                      # waits, lists, compares: a test
#   $sync->compare_soon('in the end');                 # the same, until it is so; for what nobody waits for
package StashVectors;

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

sub new
{
    my ($class, $node, $weaviate, $database) = @_;
    return bless { node => $node, weaviate => $weaviate, database => $database // 'postgres', tables => {} }, $class;
}

sub configure
{
    my ($self, $url, $key) = @_;
    $url //= $self->{weaviate}->url;
    $key //= $self->{weaviate}->key;
    $self->{node}->safe_psql($self->{database}, "SELECT stash.weaviate_configure('$url', '$key')");
    return;
}

# `vectors` maps names to columns; without it the one vector is the column emb.
sub table
{
    my ($self, $table, $collection, $key, $tenant, $vectors) = @_;
    $self->{tables}{$table} = { collection => $collection, key => $key, tenant => $tenant, vectors => $vectors // { '' => 'emb' } };
    return;
}

sub figure
{
    my ($self, $table, $name) = @_;
    return $self->{node}->safe_psql($self->{database},
        "SELECT $name FROM stash.vector_sync_status() WHERE relation = '$table'::regclass");
}

# What the table says should be there: key image => { tenant, vectors }.
sub expected
{
    my ($self, $table, $except) = @_;
    my $about = $self->{tables}{$table};
    my @columns = split /, */, $about->{key};
    my $key = @columns == 1 ? "$columns[0]::text"
      : join ' || ', map { "octet_length($_\::text) || ':' || $_\::text" } @columns;
    my $tenant = $about->{tenant} || 'NULL::text';
    my $vectors = join ', ', map { "'$_', $about->{vectors}{$_}\::real[]" } sort keys %{ $about->{vectors} };
    my $any = join ' OR ', map { "$_ IS NOT NULL" } values %{ $about->{vectors} };
    my $where = $except ? "AND NOT ($except)" : '';
    my $rows = $self->{node}->safe_psql($self->{database}, "SET timezone = 'UTC'; SET datestyle = 'ISO';
        SELECT coalesce(jsonb_object_agg($key, jsonb_build_object('tenant', $tenant, 'vectors', jsonb_build_object($vectors))), '{}')
        FROM $table WHERE ($any) $where");
    return JSON::PP->new->utf8->decode($rows);
}

sub compare
{
    my ($self, $name, $except, @tables) = @_;
    return report($name, $self->wrong($except, @tables));
}

sub compare_soon
{
    my ($self, $name) = @_;
    my @wrong;
    my $until = time + ($self->{gave_up} ? 0 : 60);
    while (@wrong = $self->wrong)
    {
        last if time >= $until;
        select undef, undef, undef, 0.5;
    }
    # What did not come right in that time does not after a later step either.
    $self->{gave_up} = 1 if @wrong;
    return report($name, @wrong);
}

sub report
{
    my ($name, @wrong) = @_;
    ok(!@wrong, "$name: the server holds what the table does");
    diag($_) for @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ];
    return !@wrong;
}

# What differs between the tables and their collections when all has arrived.
sub wrong
{
    my ($self, $except, @tables) = @_;
    @tables = sort keys %{ $self->{tables} } if !@tables;
    my @wrong;
    for my $table (@tables)
    {
        my $about = $self->{tables}{$table};
        my $there = $self->{node}->safe_psql($self->{database}, "SELECT to_regclass('$table') IS NOT NULL");
        next if $there ne 't';
        my $patience = $self->{gave_up} ? 5 : 120;
        my $arrived = $self->{node}->safe_psql($self->{database}, "SELECT stash.vector_wait('$table', $patience)");
        push @wrong, "$table: still waiting: " . $self->{node}->safe_psql($self->{database}, 'SELECT row_to_json(s) FROM stash.vector_sync_status() AS s')
          if $arrived ne 't';
        my $expected = $self->expected($table, $table eq ($tables[0]) ? $except : undef);
        push @wrong, differences($expected, $self->{weaviate}->objects($about->{collection}), $table);
    }
    return @wrong;
}

sub differences
{
    my ($expected, $objects, $table) = @_;
    my @wrong;
    my %seen;
    for my $object (values %$objects)
    {
        my $key = $object->{properties}{stash_key};
        my $row = $expected->{$key};
        $seen{$key}++;
        if (!$row) { push @wrong, "$table: $key is there and should not be" . (defined $object->{tenant} ? " ($object->{tenant})" : ''); next }
        push @wrong, "$table: $key is with tenant $object->{tenant}" if ($row->{tenant} // '') ne ($object->{tenant} // '');
        for my $name (keys %{ $row->{vectors} })
        {
            my ($wanted, $found) = ($row->{vectors}{$name}, $object->{vectors}{$name});
            $found = undef if ref $found && !@$found;
            push @wrong, "$table: $key has another vector \"$name\""
              if defined $wanted != defined $found || (defined $wanted && !StashWeaviate->same_vector($wanted, $found));
        }
    }
    push @wrong, map { "$table: $_ is missing" } grep { !$seen{$_} } sort keys %$expected;
    push @wrong, map { "$table: $_ is there twice" } grep { $seen{$_} > 1 } keys %seen;
    return @wrong;
}

1;
