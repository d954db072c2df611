# A statement that waits 60 s for Pendo ends at once when it is cancelled, times
# out or its session is terminated: in name resolution, while connecting, in the
# first words of TLS, while it sends, before and after the headers, in the body, and
# in a long list of events. Nothing is left open, and the session goes on.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use IO::Socket::INET;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $limit = 2;      # seconds from the interrupt to the answer
my $stall = 60_000; # milliseconds

my $simulator = start_simulator('--visitors', 3_000, '--accounts', 100, '--clean');
my ($environment, $hold) = resolver_environment();
my $cluster = start_cluster(env => $environment);
my $admin = $cluster->session;

# One call at a time (two events), so that a session keeps a known number of connections.
connect_pendo($admin, $simulator, concurrency => 1, event_concurrency => 2, max_retries => 0, batch_bytes => '8MB');
my $full = full_port();
make_server('slow_name', 'https://stall.invalid');
make_server('full_port', 'http://127.0.0.1:' . $full->{port});
# takes connections and says nothing
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128) or die "listen: $!";
make_server('silent_tls', 'https://127.0.0.1:' . $silent->sockport);
$admin->do("CREATE TABLE source AS SELECT 'v' || lpad(n::text, 7, '0') AS id, n FROM generate_series(1, 3000) n");

# ---- what stalls --------------------------------------------------------

sub make_server {
    my ($name, $url) = @_;
    $admin->do($_) for
      "CREATE SERVER $name FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$url', track_url '$url', connect_timeout '5min', concurrency '1', event_concurrency '2', max_retries '0')",
      "CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (integration_key 'sim-write-key', track_secret 'sim-track-secret')",
      "CREATE SCHEMA $name",
      "CREATE FOREIGN TABLE $name.visitors (visitor_id text OPTIONS (path 'visitorId'), custom_seats bigint OPTIONS (path 'custom.seats')) SERVER $name OPTIONS (object 'visitors')",
      "CREATE FOREIGN TABLE $name.track_events (visitor_id text OPTIONS (path 'visitorId'), event text OPTIONS (path 'event')) SERVER $name OPTIONS (object 'track_events')";
    return;
}

my %statement = (
    scan   => 'SELECT count(custom_seats) FROM %s.visitors',
    lookup => q(SELECT custom_seats FROM %s.visitors WHERE visitor_id = 'v0000001'),
    update => 'UPDATE %s.visitors v SET custom_seats = s.n FROM source s WHERE v.visitor_id = s.id',
    # more in one call than the kernel takes in
    upload => q(UPDATE %s.visitors v SET custom_plan = repeat('x', 350000) FROM source s WHERE v.visitor_id = s.id AND s.n <= 20),
    events => q(INSERT INTO %s.track_events (visitor_id, event) SELECT id, 'Stalled' FROM source),
);
my %route = (
    scan   => 'POST /api/v1/aggregation',
    lookup => 'GET /api/v1/visitor/:id',
    update => 'POST /api/v1/metadata/visitor/custom/value',
    events => 'POST /data/track',
);
$route{upload} = $route{update};

# Each case: a schema, a statement, and the simulator's fault if it needs one.
my @cases = map { my $statement = $_; map { [$_, $statement] } qw(slow_name full_port) } qw(scan lookup update events);
push @cases, map { ['silent_tls', $_] } qw(lookup events);
for my $statement (qw(scan lookup update events)) {
    push @cases, ['pendo', $statement, { kind => 'stall_before', ms => $stall }],
      ['pendo', $statement, { kind => 'stall_headers', ms => $stall }];
    push @cases, ['pendo', $statement, { kind => 'stall_body', ms => $stall, after_bytes => 10 }] unless $statement eq 'events';
}
push @cases, ['pendo', 'upload', { kind => 'stall_upload', ms => $stall }];
push @cases, ['pendo', 'scan', { kind => 'drip', bytes => 1, ms => 500 }];
push @cases, ['pendo', 'events', { kind => 'latency', ms => 300 }]; # 1,500 × 0.3 s, no call that stalls

# ---- one session that is interrupted ------------------------------------

sub start_stalling {
    my ($session, $schema, $statement, $fault) = @_;
    if ($fault && $fault->{kind} eq 'latency') { $simulator->config(latency_ms => $fault->{ms}) }
    elsif ($fault) { $simulator->faults({ route => $route{$statement}, %$fault }) }
    my $before = $simulator->stats->{ $route{$statement} } // 0;
    $session->do(sprintf($statement{$statement}, $schema), { pg_async => PG_ASYNC });
    $simulator->wait_for_calls($route{$statement}, $before + 1) if $fault;
    # its other waits are short, this one is not
    my $waits = 0;
    wait_until("$schema $statement to wait", 20, sub {
        my ($type) = $admin->selectrow_array("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $session->{pg_pid} AND state = 'active'");
        $waits = ($type // '') eq 'Extension' ? $waits + 1 : 0;
        return $waits >= 5;
    });
    cmp_ok(unsent(), '>', 0, 'the upload stands still') if $statement eq 'upload';
    return;
}

# Bytes that connections to the simulator hold and have not got rid of.
sub unsent {
    my ($port) = $simulator->{url} =~ /:(\d+)$/;
    my $to = sprintf '0100007F:%04X', $port;
    my $bytes = 0;
    /^\s*\d+: \S+ $to \S+ ([0-9A-F]{8}):/ and $bytes += hex $1 for split /\n/, slurp('/proc/net/tcp');
    return $bytes;
}

sub end_stalling {
    $simulator->faults;
    $simulator->config(latency_ms => 0);
}

# The error that a running statement ends with, and after how long.
sub outcome {
    my ($session, $since) = @_;
    my $ready = eval { wait_until('the statement', 15, sub { $session->pg_ready }) };
    my $took = time - $since;
    return ($took, { state => 'none', message => 'still running' }) unless $ready;
    my $done = worked_async($session);
    return ($took, $done ? { state => '00000', message => 'no error' } : PendoTest::describe_error($session));
}

sub name_of {
    my ($schema, $statement, $fault) = @_;
    return $fault ? "$statement, $fault->{kind}" : "$statement, $schema";
}

# The statement works where nothing stalls; returns the number of descriptors.
# The C library's resolver cannot be interrupted: its thread ends, and gives its
# descriptor back, when it has its answer.
sub works {
    my ($session, $name, $schema, $statement, $open) = @_;
    my $sql = sprintf $statement{$statement}, 'pendo';
    $sql .= ' WHERE n <= 20' if $statement eq 'events';
    # as many calls as there may be at a time, and so as many connections
    $simulator->config(latency_ms => 50) if $statement eq 'events';
    my $done = eval { $session->do($sql); 1 };
    $simulator->config(latency_ms => 0);
    ok($done, "$name: the next statement works") or diag $session->errstr;
    return open_descriptors($session->{pg_pid}) unless $schema eq 'slow_name';
    my $most = $open // 1e9;
    unlink $hold;
    eval { wait_until('resolvers to end', 10, sub { threads($session->{pg_pid}) == 1 && open_descriptors($session->{pg_pid}) <= $most }) };
    spew($hold, '');
    return open_descriptors($session->{pg_pid});
}

sub threads { my ($pid) = @_; my @all = glob "/proc/$pid/task/*"; return scalar @all }

for my $case (@cases) {
    my ($schema, $statement, $fault) = @$case;
    my $name = name_of(@$case);
    my $session = $cluster->session;
    my $pid = $session->{pg_pid};
    # the first interrupt warms up what a session keeps for each server
    my $open;
    for my $round (1, 2) {
        start_stalling($session, @$case);
        my $since = time;
        $admin->do("SELECT pg_cancel_backend($pid)");
        my ($took, $error) = outcome($session, $since);
        is($error->{state}, '57014', "$name: cancelled, round $round") or diag $error->{message};
        cmp_ok($took, '<', $limit, "$name: within $limit s");
        end_stalling();
        my $now = works($session, $name, $schema, $statement, $open);
        if ($round == 1) { $open = $now; next }
        cmp_ok($now, '<=', $open, "$name: no descriptor is left open");
    }

    $session->do("SET statement_timeout = '1s'");
    my $since = time;
    start_stalling($session, @$case);
    my ($took, $error) = outcome($session, $since);
    is($error->{state}, '57014', "$name: statement_timeout") or diag $error->{message};
    like($error->{message}, qr/statement timeout/, "$name: by its own name");
    cmp_ok($took, '<', 1 + $limit, "$name: within $limit s of it");
    end_stalling();
    $session->do('RESET statement_timeout');
    cmp_ok(works($session, $name, $schema, $statement, $open), '<=', $open, "$name: no descriptor is left open");

    start_stalling($session, @$case);
    $since = time;
    $admin->do("SELECT pg_terminate_backend($pid)");
    my $gone = eval { wait_until('the backend to end', 15, sub { !-e "/proc/$pid" }) };
    cmp_ok(time - $since, '<', $limit, "$name: terminated within $limit s");
    end_stalling();
}

unlike($cluster->log, qr/PANIC|was terminated by signal|server process .* exited/, 'no backend died of it');
unlink $hold;

done_testing();
