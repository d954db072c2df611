# A short soak: test/soak, which see, for a few seconds with a seed of its own.
use strict;
use warnings;

use FindBin;

my $seed = $ENV{PENDO_SOAK_SEED} || 1;
my @how_long = $ENV{PENDO_TEST_LONG} ? qw(--faults 1000) : qw(--seconds 15);
exec $^X, "$FindBin::Bin/../soak", '--seed', $seed, @how_long or die "test/soak: $!\n";
