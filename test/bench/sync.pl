#!/usr/bin/perl
# What a sync and a full read cost, against the simulator. Prints, and asserts
# nothing. Not as root: it starts a PostgreSQL server.
#
#   test/bench/sync.pl [--records N] [--latency MS] [--read N]
#     --records N   how many visitors to update (1000000)
#     --latency MS  the simulator's pause before each answer (50)
#     --read N      how many visitors to read with SELECT * (5000000; 0: none)
#
# "floor" is what a client has to take: of delivery 'commit' the CPU time of the
# backend and calls/concurrency times a call after each other, of 'statement' the
# larger of the two. A call takes what a bare one of 1,000 records takes in the
# same run: the pause, and what the simulator does.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use Getopt::Long;
use HTTP::Tiny;
use POSIX ();
use Time::HiRes qw(sleep time);

use lib "$FindBin::Bin/../tap";
use PendoTest;

my %options = (records => 1_000_000, latency => 50, read => 5_000_000);
GetOptions(\%options, 'records=i', 'latency=i', 'read=i') or exit 2;
my $concurrency = 4;
my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());

# kB of anonymous memory, and CPU seconds.
sub state_of {
    my ($pid) = @_;
    my ($memory) = PendoTest::slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m;
    my @fields = split ' ', PendoTest::slurp("/proc/$pid/stat") =~ s/.*\) //sr;
    return ($memory, ($fields[11] + $fields[12]) / $ticks);
}

# { wall, cpu, memory } of a statement: seconds, and kB above what it began with.
sub measure {
    my ($dbh, $sql) = @_;
    my $pid = $dbh->{pg_pid};
    my ($before, $cpu) = state_of($pid);
    my ($peak, $from) = ($before, time);
    $dbh->do($sql, { pg_async => PG_ASYNC });
    until ($dbh->pg_ready) {
        my ($now) = state_of($pid);
        $peak = $now if $now > $peak;
        sleep 0.02;
    }
    $dbh->pg_result;
    return { wall => time - $from, cpu => (state_of($pid))[1] - $cpu, memory => $peak - $before };
}

sub report {
    my ($name, $result, $calls, $floor) = @_;
    printf "%-38s %6d calls %7.2f s %6.2f s CPU  RssAnon +%6.1f MB", $name, $calls, $result->{wall}, $result->{cpu}, $result->{memory} / 1024;
    printf "  floor %6.2f s, wall/floor %.3f", $floor, $result->{wall} / $floor if $floor;
    print "\n";
    return;
}

# Seconds that a bare bulk call takes: the median of nine.
sub bare_call {
    my ($simulator) = @_;
    my $body = '[' . join(',', map { sprintf '{"visitorId":"v%07d","values":{"plan":"plan %d","seats":%d}}', $_, $_, $_ } 1 .. 1000) . ']';
    my $http = HTTP::Tiny->new;
    my @times;
    for (1 .. 9) {
        my $from = time;
        my $answer = $http->post("$simulator->{url}/api/v1/metadata/visitor/custom/value",
            { content => $body, headers => { 'x-pendo-integration-key' => 'sim-write-key', 'content-type' => 'application/json' } });
        die "$answer->{status} $answer->{content}\n" unless $answer->{success};
        push @times, time - $from;
    }
    return (sort { $a <=> $b } @times)[4];
}

sub measure_updates {
    my $simulator = start_simulator('--visitors', $options{records}, '--accounts', 100, '--clean');
    my $cluster = start_cluster();
    my $dbh = $cluster->session;
    connect_pendo($dbh, $simulator, concurrency => $concurrency, delivery => 'commit');
    $dbh->do("CREATE TABLE source AS SELECT 'v' || lpad(n::text, 7, '0') AS id, 'plan ' || n AS plan, n AS seats FROM generate_series(1, $options{records}) n");
    $dbh->do('ANALYZE source');
    my $sync = 'UPDATE pendo.visitors v SET custom_plan = s.plan, custom_seats = s.seats FROM source s WHERE v.visitor_id = s.id';
    my $bulk = 'POST /api/v1/metadata/visitor/custom/value';
    for my $delivery ('commit', 'statement') {
        $simulator->reset;
        $dbh = $cluster->session;
        $dbh->do("ALTER SERVER pendo OPTIONS (SET delivery '$delivery')");
        $dbh->do("$sync AND s.seats <= 10");
        my $before = $simulator->stats->{$bulk};
        $simulator->config(latency_ms => $options{latency});
        my $result = measure($dbh, $sync);
        my $calls = $simulator->stats->{$bulk} - $before;
        my $waiting = POSIX::ceil($calls / $concurrency) * bare_call($simulator);
        $simulator->config(latency_ms => 0);
        my $floor = $delivery eq 'commit' ? $result->{cpu} + $waiting : $result->{cpu} > $waiting ? $result->{cpu} : $waiting;
        report("UPDATE of $options{records}, '$delivery'", $result, $calls, $floor);
    }
    $dbh->do('SET pendo_fdw.only_changes = on');
    for my $changed (0, 1) {
        my $before = $simulator->stats->{$bulk};
        $dbh->do('UPDATE source SET seats = -seats WHERE seats % 100 = 0') if $changed;
        my $result = measure($dbh, $sync);
        report("only_changes, $changed % changed", $result, $simulator->stats->{$bulk} - $before);
    }
    return;
}

sub measure_reading {
    my ($visitors) = @_;
    my $simulator = start_simulator('--visitors', $visitors, '--accounts', 100, '--clean');
    my $cluster = start_cluster();
    my $dbh = $cluster->session;
    connect_pendo($dbh, $simulator);
    $dbh->selectall_arrayref('SELECT * FROM pendo.visitors LIMIT 10');
    my $pid = $dbh->{pg_pid};
    my ($base, $cpu) = state_of($pid);
    my ($peak, $from, $rows, $line) = ($base, time, 0);
    $dbh->do('COPY (SELECT * FROM pendo.visitors) TO STDOUT');
    while ($dbh->pg_getcopydata($line) >= 0) {
        next if ++$rows % 2000;
        my ($now) = state_of($pid);
        $peak = $now if $now > $peak;
    }
    die "$rows rows of $visitors\n" if $rows != $visitors;
    my $calls = $simulator->stats->{'POST /api/v1/aggregation'};
    report("SELECT * of $visitors", { wall => time - $from, cpu => (state_of($pid))[1] - $cpu, memory => $peak - $base }, $calls);
    return;
}

measure_updates() if $options{records};
if ($options{read}) {
    measure_reading($_) for 10_000, $options{read};
}
