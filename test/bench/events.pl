#!/usr/bin/perl
# How fast Track Events go out, against the simulator: at a latency, where the calls
# in flight bound it, and without one, beside a client of libcurl that does nothing
# else. Prints, and asserts nothing. Not as root: it starts a PostgreSQL server.
#
#   test/bench/events.pl --bare PROGRAM [--events N] [--concurrency N] [--latency MS]
#     --bare PROGRAM    bare_events, as CMake builds it (build/cmake/test/bench/bare_events)
#     --events N        (10000)
#     --concurrency N   calls in flight (64)
#     --latency MS      (50)
#     --rounds N        of which the best counts (3)
use strict;
use warnings;

use FindBin;
use Getopt::Long;
use Time::HiRes qw(time);

use lib "$FindBin::Bin/../tap";
use PendoTest;

my %options = (events => 10_000, concurrency => 64, latency => 50, rounds => 3);
GetOptions(\%options, 'bare=s', 'events=i', 'concurrency=i', 'latency=i', 'rounds=i') or exit 2;
my $bare = $options{bare} or die "--bare is missing\n";

my $simulator = start_simulator('--visitors', 1000, '--accounts', 10, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, event_concurrency => $options{concurrency});
my $insert = "INSERT INTO pendo.track_events (visitor_id, event, properties) SELECT 'v' || n, 'Event', jsonb_build_object('n', n) FROM generate_series(1, $options{events}) n";

sub bare {
    my $seconds = `'$bare' '$simulator->{url}' sim-track-secret $options{events} $options{concurrency}`;
    die "$bare failed\n" if $?;
    return 0 + $seconds;
}

sub extension {
    my ($delivery) = @_;
    $dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS ($delivery)");
    my $from = time;
    $dbh->do($insert);
    return time - $from;
}

# The best of each, taken in turns.
sub compare {
    my ($latency) = @_;
    my %best;
    for (1 .. $options{rounds}) {
        for (['bare libcurl', \&bare], ["'commit'", sub { extension("ADD delivery 'commit'") }], ["'statement'", sub { extension("ADD delivery 'statement'") }]) {
            my ($name, $run) = @$_;
            $simulator->reset;
            $simulator->config(latency_ms => $latency);
            my $seconds = $run->();
            $dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (DROP delivery)') if $name =~ /'/;
            die 'not all arrived' if @{ $simulator->events } != $options{events};
            $best{$name} = $seconds if !$best{$name} || $seconds < $best{$name};
        }
    }
    for my $name ('bare libcurl', "'commit'", "'statement'") {
        my $rate = $options{events} / $best{$name};
        printf "%-13s at %3d ms: %6.2f s %8.0f events/s", $name, $latency, $best{$name}, $rate;
        printf "  %.3f of %d calls / latency", $rate / ($options{concurrency} * 1000 / $latency), $options{concurrency} if $latency;
        printf "  %.3f of bare libcurl\n", $best{'bare libcurl'} / $best{$name};
    }
    return;
}

compare($options{latency});
compare(0);
