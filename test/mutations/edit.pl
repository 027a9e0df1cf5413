#!/usr/bin/perl
# Reads the list of mutations for run:
#   edit.pl LIST names [NAME...]    their names, all or those that match one of the globs
#   edit.pl LIST tests NAME         the tests that must fail
#   edit.pl LIST check TREE         whether all could be applied
#   edit.pl LIST apply NAME TREE    edits the files of a tree; each old text must be there just once
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

my ($list, $command, @rest) = @ARGV;
my (%mutation, @order, $now);
open(my $in, '<:encoding(UTF-8)', $list) or die "$list: $!\n";
while (my $line = <$in>) {
    chomp $line;
    next if $line =~ /^\s*(#.*)?$/;
    if ($line =~ /^== (\S+)$/) {
        die "$list:$.: $1 is there twice\n" if $mutation{$1};
        push @order, $1;
        $now = $mutation{$1} = { tests => '', edits => [] };
    } elsif ($line =~ /^killed by: (.+)$/) {
        $now->{tests} = $1;
    } elsif ($line =~ /^in: (\S+)$/) {
        push @{ $now->{edits} }, { file => $1, old => [], new => [] };
    } elsif ($line =~ /^([-+]) ?(.*)$/) {
        push @{ $now->{edits}[-1]{ $1 eq '-' ? 'old' : 'new' } }, $2;
    } else {
        die "$list:$.: not understood: $line\n";
    }
}
close $in;

# How it is broken into lines does not matter.
sub pattern { return join('\s+', map { quotemeta } split(' ', join(' ', @{ $_[0] }))) }

# The texts of the files that a mutation changes, by path.
sub edited {
    my ($name, $tree) = @_;
    my %texts;
    for my $edit (@{ $mutation{$name}{edits} }) {
        my $path = "$tree/$edit->{file}";
        if (!defined $texts{$path}) {
            open(my $from, '<:encoding(UTF-8)', $path) or die "$path: $!\n";
            $texts{$path} = do { local $/; <$from> };
            close $from;
        }
        my $old = pattern($edit->{old});
        my $count = () = $texts{$path} =~ /$old/g;
        die "$name: $count times in $edit->{file}: @{ $edit->{old} }\n" if $count != 1;
        my $new = join("\n", @{ $edit->{new} });
        $texts{$path} =~ s/$old/$new/;
    }
    return \%texts;
}

if ($command eq 'names') {
    my @wanted = map { my $g = quotemeta; $g =~ s/\\\*/.*/g; qr/^$g$/ } @rest;
    for my $name (@order) {
        print "$name\n" if !@wanted || grep { $name =~ $_ } @wanted;
    }
} elsif ($command eq 'tests') {
    print "$mutation{$rest[0]}{tests}\n";
} elsif ($command eq 'check') {
    edited($_, $rest[0]) for @order;
} elsif ($command eq 'apply') {
    my ($name, $tree) = @rest;
    my $texts = edited($name, $tree);
    for my $path (keys %$texts) {
        open(my $to, '>:encoding(UTF-8)', $path) or die "$path: $!\n";
        print $to $texts->{$path};
        close $to;
    }
} else {
    die "edit.pl: no such command: $command\n";
}
