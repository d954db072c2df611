# The way to Pendo: nobody listens, or only later; connecting, the name or the answer
# takes for ever; certificates that are not right, and a protocol that is too old. A
# thousand statements that fail leave no descriptor, no thread and no memory behind.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use IO::Socket::INET;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $visitors = 600;
my $simulator = start_simulator('--visitors', $visitors, '--accounts', 5, '--clean');
my ($environment, $hold) = resolver_environment();
my $lax = lax_openssl_environment();
my $cluster = start_cluster(env => { %$environment, %$lax }, conf => ['log_min_messages = warning', 'log_error_verbosity = terse', 'max_worker_processes = 12']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0, request_timeout => '600ms', connect_timeout => '400ms',
    concurrency => 1, event_concurrency => 2);

my %statement = (
    scan   => 'SELECT visitor_id FROM pendo.visitors',
    lookup => q(SELECT visitor_id FROM pendo.visitors WHERE visitor_id = 'v0000007'),
    update => q(UPDATE pendo.visitors v SET custom_seats = -n FROM generate_series(1, 20) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')),
    events => q(INSERT INTO pendo.track_events (visitor_id, event) SELECT 'v0000001', 'E' || n FROM generate_series(1, 20) n),
);
my %route = (
    scan   => 'POST /api/v1/aggregation',
    lookup => 'GET /api/v1/visitor/:id',
    update => 'POST /api/v1/metadata/visitor/custom/value',
    events => 'POST /data/track',
);
my %call = (%route, lookup => 'GET /api/v1/visitor/v0000007');

# Options of the server; one that is undef goes.
my %set = map { $_ => 1 } qw(api_url track_url max_retries request_timeout connect_timeout);
sub server {
    my (%options) = @_;
    for my $name (sort keys %options) {
        my $value = $options{$name};
        $dbh->do('ALTER SERVER pendo OPTIONS (' . (!defined $value ? "DROP $name" : ($set{$name} ? 'SET' : 'ADD') . " $name '$value'") . ')');
        $set{$name} = defined $value;
    }
    return;
}
sub at { my ($url) = @_; return server(api_url => $url, track_url => $url) }

# Fails within so many seconds, and tells server, call and what to do.
sub fails {
    my ($name, $what, $state, $message, $seconds) = @_;
    my $since = time;
    my $error = error_of($dbh, $statement{$what}) // { state => '00000', message => 'no error', detail => '', hint => '' };
    my $took = time - $since;
    my @wrong;
    push @wrong, "SQLSTATE $error->{state}" if $error->{state} !~ $state;
    push @wrong, "message: $error->{message}" if $error->{message} !~ $message;
    push @wrong, "detail: $error->{detail}" if $error->{detail} !~ /\Q$call{$what}\E/ && $what ne 'update';
    push @wrong, "hint: $error->{hint}" if $error->{hint} !~ /^[A-Z].*\.$/s;
    push @wrong, "took $took s" if $took > $seconds;
    push @wrong, 'the session is gone' unless eval { $dbh->do('SELECT 1') };
    is(join('; ', @wrong), '', "$what, $name: a clear ERROR in time");
    return $error;
}

# What the simulator has, is what the statement says.
sub is_done {
    my ($name, $what, $rows) = @_;
    return is($rows, $what eq 'scan' ? $visitors : 1, "$name: the rows") if $what =~ /scan|lookup/;
    return is(scalar(grep { $simulator->record('visitor', sprintf 'v%07d', $_)->{metadata}{custom}{seats} == -$_ } 1 .. 20), 20, "$name: every value") if $what eq 'update';
    my %seen = map { $_->{event} => 1 } @{ $simulator->events };
    return is(scalar keys %seen, 20, "$name: every event");
}

sub works {
    my ($name, $what) = @_;
    my $rows = eval { $dbh->do($statement{$what}) };
    ok($rows, "$name: works") or diag $dbh->errstr;
    is_done($name, $what, $rows);
    return;
}

# ---- nobody there, and then somebody ------------------------------------

my $nobody = 'http://127.0.0.1:' . free_port();
at($nobody);
fails('nobody listens', $_, qr/^08001$/, qr/^could not reach \Q$nobody\E for server "pendo"/, 2) for sort keys %statement;

# The first tries are refused; the server is there for a later one.
server(max_retries => 20, request_timeout => '20s');
for my $what (sort keys %statement) {
    my $port = free_port();
    at("http://127.0.0.1:$port");
    $dbh->do($statement{$what}, { pg_async => PG_ASYNC });
    my $pid = $dbh->{pg_pid};
    my $watch = $cluster->session;
    wait_until("$what to wait", 20, sub { (($watch->selectrow_array("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $pid"))[0] // '') eq 'Extension' });
    my $late = start_simulator('--visitors', $visitors, '--accounts', 5, '--clean', '--port', $port);
    my $rows = eval { $dbh->pg_result };
    ok($rows, "$what, refused at first: works") or diag $dbh->errstr;
    my $first = $simulator;
    $simulator = $late;
    is_done("$what, refused at first", $what, $rows);
    $simulator = $first;
    $late->stop;
}
server(max_retries => 0, request_timeout => '600ms');

# ---- no answer in time --------------------------------------------------

my $full = full_port();
at("http://127.0.0.1:$full->{port}");
fails('no connection within connect_timeout', $_, qr/^0800[16]$/, qr/^(could not reach|lost the call to) http:\S+ for server "pendo": /, 3) for sort keys %statement;

# Nobody answers the first word of TLS.
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128) or die "listen: $!";
my $silent_url = 'https://127.0.0.1:' . $silent->sockport;
at($silent_url);
fails('no TLS within connect_timeout', $_, qr/^08006$/, qr/^lost the call to \Q$silent_url\E for server "pendo": (?:SSL c|C)onnection time/, 3) for sort keys %statement;
server(connect_timeout => '5s');
fails('no TLS within request_timeout', 'lookup', qr/^08006$/, qr/^lost the call to \Q$silent_url\E for server "pendo": no answer within request_timeout$/, 3);
server(connect_timeout => '400ms');

at($simulator->{url});
for my $phase ({ kind => 'stall_before' }, { kind => 'stall_headers' }, { kind => 'stall_body', after_bytes => 10 }) {
    for my $what (sort keys %statement) {
        next if $phase->{kind} eq 'stall_body' && $what eq 'events';    # has none
        $simulator->reset;
        $simulator->faults({ route => $route{$what}, ms => 60_000, %$phase });
        fails($phase->{kind}, $what, qr/^08006$/, qr/^lost the call to \Q$simulator->{url}\E for server "pendo": no answer within request_timeout$/, $what eq 'events' ? 8 : 3);
        $simulator->faults({ route => $route{$what}, ms => 60_000, times => 1, %$phase });
        server(max_retries => 2);
        works("$what, $phase->{kind}, once", $what);
        server(max_retries => 0);
    }
}

# More than the kernel takes in, of which nothing is read.
{
    local $statement{update} = $statement{update} =~ s/= -n/= -n, custom_plan = repeat('x', 350000)/r;
    server(batch_bytes => '8MB');
    $simulator->reset;
    $simulator->faults({ route => $route{update}, kind => 'stall_upload', ms => 60_000 });
    fails('stall_upload', 'update', qr/^08006$/, qr/^lost the call to \Q$simulator->{url}\E for server "pendo": no answer within request_timeout$/, 3);
    $simulator->faults({ route => $route{update}, kind => 'stall_upload', ms => 60_000, times => 1 });
    server(max_retries => 2, request_timeout => '5s');
    works('update, stall_upload, once', 'update');
    server(max_retries => 0, request_timeout => '600ms', batch_bytes => undef);
}

# Slow but steady is no reason to give up a stream; a small answer has to be there in time.
$simulator->reset;
server(request_timeout => '300ms');
$simulator->faults({ route => $route{scan}, kind => 'drip', bytes => 400, ms => 40, times => 1 });
works('scan, a slow drip', 'scan');
$simulator->faults({ route => $route{lookup}, kind => 'drip', bytes => 1, ms => 40 });
fails('a slow drip', 'lookup', qr/^08006$/, qr/no answer within request_timeout$/, 2);
$simulator->faults({ route => $route{update}, kind => 'drip', bytes => 1, ms => 40 });
fails('a slow drip', 'update', qr/^08006$/, qr/no answer within request_timeout$/, 2);
$simulator->reset;
server(request_timeout => '600ms');

# ---- names --------------------------------------------------------------

for my $name (qw(nobody again)) {
    at("https://$name.invalid");
    fails("$name.invalid", $_, qr/^08001$/, qr{^could not reach https://\Q$name\E\.invalid for server "pendo": .*resolve}i, 2) for sort keys %statement;
}
my $late = start_tls_relay($simulator, host => 'late.invalid');
(my $late_url = $late->{url}) =~ s/127\.0\.0\.1/late.invalid/;
server(connect_timeout => '5s', request_timeout => '10s', ca_file => $late->{ca_file});
for my $what (sort keys %statement) {
    $simulator->reset;
    at($late_url);
    works("$what, a name that takes a second", $what);
}
server(ca_file => undef);
$late->stop;
server(connect_timeout => '400ms', request_timeout => '600ms');
at('https://stall.invalid');
fails('a name that takes for ever', $_, qr/^0800[16]$/, qr{^(could not reach|lost the call to) https://stall\.invalid for server "pendo": }, 3) for sort keys %statement;
is(-e $hold ? 1 : 0, 1, 'though the name is still being looked up');

# The resolver's threads end with the backend, and do not keep it.
my $session = $cluster->session;
my $session_pid = $session->{pg_pid};
$session->do($statement{scan}, { pg_async => PG_ASYNC });
wait_until('the second thread', 20, sub { my @all = glob "/proc/$session_pid/task/*"; @all > 1 });
eval { $session->pg_result };
$session->disconnect;
ok(eval { wait_until('the backend to end', 10, sub { !-e "/proc/$session_pid" }) }, 'a backend ends while its resolver waits');
unlink $hold;
wait_until('the resolvers', 20, sub { my @all = glob "/proc/$dbh->{pg_pid}/task/*"; @all == 1 });

# ---- TLS ----------------------------------------------------------------

my $day = 86_400;
my %relay = (
    'good'         => [{},                                              undef],
    'expired'      => [{ from => time - 20 * $day, until => time - $day }, qr/certificate|expired/i],
    'not yet valid'  => [{ from => time + $day },                         qr/certificate|valid/i],
    'another host' => [{ host => 'pendo.example' },                     qr/certificate|host|match/i],
    'another address' => [{ host => '127.0.0.2' },                      qr/certificate|host|match/i],
    'TLS 1.1'       => [{ protocol => 'TLSv1_1' },                       qr/ssl|tls|protocol|handshake/i],
);
for my $name (sort keys %relay) {
    my ($arguments, $words) = @{ $relay{$name} };
    my $relay = start_tls_relay($simulator, %$arguments);
    $simulator->reset;
    at($relay->{url});
    server(ca_file => $relay->{ca_file}, request_timeout => '10s', connect_timeout => '5s');
    for my $what (sort keys %statement) {
        if (!$words) { works("TLS, $what", $what); next }
        fails("TLS, $name", $what, qr/^0800[16]$/, qr/^(lost the call to|could not reach) \Q$relay->{url}\E for server "pendo": .*$words/, 4);
    }
    is_deeply($simulator->stats, {}, "TLS, $name: nothing was sent") if $words;
    $relay->stop;
}
server(ca_file => undef);
sub spoken_by_openssl {
    my ($relay) = @_;
    local @ENV{keys %$lax} = values %$lax;
    my ($address) = $relay->{url} =~ m{//(.*)};
    return `openssl s_client -connect $address </dev/null 2>/dev/null` =~ /^\s*Protocol\s*: (\S+)/m ? $1 : 'nothing';
}


# ---- a thousand of each -------------------------------------------------

# A statement of each kind in turn; what they keep is there after the first hundred.
sub leaves_nothing {
    my ($name, $state) = @_;
    my $session = $cluster->session;
    $session->do('SET client_min_messages = error');
    my $pid = $session->{pg_pid};
    my @what = sort keys %statement;
    my (%states, $descriptors, $memory);
    for my $n (1 .. 1100) {
    # its own library would let the backend speak it: a client with the same settings does
    like(spoken_by_openssl($relay), qr/^TLSv1\.1$/, "TLS, $name: the relay, and the settings of the backend's library, allow it") if $name eq 'TLS 1.1';
        my $error = error_of($session, $statement{ $what[$n % @what] });
        ++$states{ $error ? $error->{state} : 'none' };
        ($descriptors, $memory) = (open_descriptors($pid), private_memory($pid)) if $n == 100;
    }
    is_deeply([keys %states], [$state], "$name: every statement fails in its way") or diag explain \%states;
    cmp_ok(open_descriptors($pid), '<=', $descriptors + 2, "$name: no descriptor is left of 1,000 statements");
    cmp_ok(private_memory($pid) - $memory, '<', 1500, "$name: no memory (kB)");
    my @threads = glob "/proc/$pid/task/*";
    is(scalar @threads, 1, "$name: no thread");
    return;
}

server(request_timeout => '10s', connect_timeout => '5s');
at($nobody);
leaves_nothing('refused', '08001');
at($simulator->{url});
for my $case (['500', 'HV000', { kind => 'status', status => 500, body => 'no' }], ['reset', '08006', { kind => 'reset_before' }], ['cut off', '08006', { kind => 'wrong_length', by => 20 }],
    ['nonsense', 'HV00L', { kind => 'garbage', body => '<html>' }]) {
    my ($name, $state, $fault) = @$case;
    $simulator->reset;
    $simulator->faults(map { { route => $route{$_}, %$fault } } keys %route);
    leaves_nothing($name, $state);
}
$simulator->faults;
works("$_, after all that", $_) for sort keys %statement;

unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

done_testing();
