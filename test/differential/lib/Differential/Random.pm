# Draws that are a function of a seed: the same names, the same choices.
package Differential::Random;

use strict;
use warnings;

use Digest::SHA qw(sha256);
use Exporter 'import';

our @EXPORT = qw(seed_with chance between pick weighted sample shuffled);

sub seed_with {
    my (@parts) = @_;
    return srand unpack 'N', sha256(join '/', @parts);
}

sub chance  { my ($part) = @_; return rand() < $part }
sub between { my ($low, $high) = @_; return $low + int rand($high - $low + 1) }
sub pick    { return $_[int rand @_] }

# weighted(what => weight, ...)
sub weighted {
    my @pairs = @_;
    my $sum   = 0;
    for (my $i = 1; $i < @pairs; $i += 2) { $sum += $pairs[$i] }
    my $at = rand $sum;
    while (@pairs > 2) {
        my ($what, $weight) = splice @pairs, 0, 2;
        return $what if ($at -= $weight) < 0;
    }
    return $pairs[0];
}

sub shuffled {
    my @list = @_;
    for (my $i = @list; --$i > 0;) {
        my $k = int rand($i + 1);
        @list[$i, $k] = @list[$k, $i];
    }
    return @list;
}

sub sample {
    my ($count, @list) = @_;
    @list = shuffled(@list);
    return $count < @list ? @list[0 .. $count - 1] : @list;
}

1;
