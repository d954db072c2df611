# The syncs as pg_cron jobs, run by background workers and by connections of
# pg_cron's own; and what the log of a job says when Pendo refuses it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

chomp(my $share = `$pg_config --sharedir`);
plan skip_all => 'pg_cron is not installed' unless -f "$share/extension/pg_cron.control";

my %jobs = (
    update => "UPDATE pendo.visitors v SET custom_plan = u.plan, custom_seats = u.seats FROM users u WHERE v.visitor_id = u.id",
    insert => "INSERT INTO pendo.track_events (visitor_id, event, occurred_at) SELECT id, 'Synced by ' || plan, now() FROM users",
    failing => "UPDATE readonly.visitors v SET custom_plan = u.plan FROM users u WHERE v.visitor_id = u.id",
    warning => "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'nobody'",
);

# Both ways run at the same time: a minute is the shortest that older versions know.
my @ways = map { start_way($_) } qw(on off);
check_way($_) for @ways;
done_testing();

sub start_way {
    my ($workers) = @_;
    my $simulator = start_simulator('--visitors', 200, '--accounts', 20, '--clean');
    my $cluster = start_cluster(conf => [
        "shared_preload_libraries = 'pg_cron'", "cron.database_name = 'postgres'", "cron.host = '127.0.0.1'",
        "cron.use_background_workers = $workers", 'max_worker_processes = 16',
    ]);
    my $dbh = $cluster->session;
    connect_pendo($dbh, $simulator);
    $dbh->do($_) for
      "CREATE SERVER readonly FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$simulator->{url}', track_url '$simulator->{url}')",
      "CREATE USER MAPPING FOR CURRENT_USER SERVER readonly OPTIONS (integration_key 'sim-read-key')",
      'CREATE SCHEMA readonly',
      'IMPORT FOREIGN SCHEMA pendo LIMIT TO (visitors) FROM SERVER readonly INTO readonly',
      "CREATE TABLE users AS SELECT 'v' || lpad(n::text, 7, '0') AS id, 'cron ' || n AS plan, n AS seats FROM generate_series(1, 100) n",
      'CREATE EXTENSION pg_cron';
    my ($version) = $dbh->selectrow_array("SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'");
    my ($major, $minor) = split /\./, $version;
    my $schedule = $major > 1 || $minor >= 5 ? '5 seconds' : '* * * * *';
    $dbh->do('SELECT cron.schedule(?, ?, ?)', undef, $_, $schedule, $jobs{$_}) for sort keys %jobs;
    return { workers => $workers, simulator => $simulator, cluster => $cluster, dbh => $dbh };
}

# What the first run of a job left behind.
sub run_of {
    my ($way, $job) = @_;
    return wait_until("job $job, background workers $way->{workers}", 150, sub {
        $way->{dbh}->selectrow_hashref(<<'SQL', undef, $job);
SELECT d.status, d.return_message FROM cron.job_run_details d JOIN cron.job j USING (jobid)
 WHERE j.jobname = ? AND d.status IN ('succeeded', 'failed') ORDER BY runid LIMIT 1
SQL
    });
}

sub check_way {
    my ($way) = @_;
    my $name = "background workers $way->{workers}";
    my $simulator = $way->{simulator};

    my $run = run_of($way, 'update');
    is($run->{status}, 'succeeded', "$name: the UPDATE succeeds") or diag $run->{return_message};
    is($run->{return_message}, 'UPDATE 100', "$name: and says how much");
    my @wrong = grep {
        my $custom = $simulator->record('visitor', sprintf 'v%07d', $_)->{metadata}{custom};
        $custom->{plan} ne "cron $_" || $custom->{seats} != $_;
    } 1 .. 100;
    is_deeply(\@wrong, [], "$name: every value is in Pendo");

    $run = run_of($way, 'insert');
    is($run->{status}, 'succeeded', "$name: the INSERT succeeds") or diag $run->{return_message};
    my %seen;
    ++$seen{ $_->{visitorId} . ' ' . $_->{event} } for @{ $simulator->events };
    my @missing = grep { !$seen{ sprintf 'v%07d Synced by cron %d', $_, $_ } } 1 .. 100;
    is_deeply(\@missing, [], "$name: every event has arrived");

    $run = run_of($way, 'warning');
    is($run->{status}, 'succeeded', "$name: an unknown id is no failure") or diag $run->{return_message};

    $run = run_of($way, 'failing');
    is($run->{status}, 'failed', "$name: a key without write access fails");
    my $message = $run->{return_message};
    like($message, qr/ERROR:\s+Pendo refused the integration key of server "readonly"/, "$name: the log has the error") or diag $message;
    like($message, qr{POST /api/v1/metadata/visitor/custom/value answered 403\.}, "$name: the detail") or diag $message;
    like($message, qr/Writing needs a key with "Allow Write Access"/, "$name: and what to do") or diag $message;
    unlike($message, qr/sim-read-key/, "$name: not the key");

    $way->{dbh}->do('SELECT cron.unschedule(jobname) FROM cron.job');
    return;
}
