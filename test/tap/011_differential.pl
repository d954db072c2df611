# Random queries answer the same on Pendo's tables as on local copies, whatever
# Pendo's documents leave open. test/differential/README.md tells more.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../differential/lib";
use Test::More;

use Differential::Driver;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

# The errors that this test is tested with are made by hand now and then; here,
# only that the code still has the texts that they change.
my $mutations = "$FindBin::Bin/../differential/mutations/run";
like(scalar `$^X '$mutations' --check`, qr/^(\d+) of \1 can be made\n\z/, 'every error of mutations/list can still be made');

my $rounds = 20;
my $before = 0;
my $driver = Differential::Driver->new(seed => 1, report => sub { diag $_[0] });
$driver->run(
    rounds   => $rounds,
    queries  => 2000,
    progress => sub {
        my ($self, $round) = @_;
        is($self->{differences} - $before, 0, "round $round: $self->{queries} queries until here, no difference");
        $before = $self->{differences};
    },
);
is($driver->{rounds}, $rounds, 'in every round the copy was equal');
cmp_ok($driver->{queries}, '>=', 2000, 'every query was run');
cmp_ok($driver->{known_errors}, '<', 20, 'few ended with an error that is known');

done_testing();
