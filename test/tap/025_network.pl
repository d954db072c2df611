# The way to Pendo: nobody listens, or only later; connecting, the name or the answer
# takes for ever; certificates that are not right, and a protocol that is too old.
# However often statements fail, they leave no descriptor, no thread and no memory.
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

sub spoken_by_openssl {
    my ($relay) = @_;
    local @ENV{keys %$lax} = values %$lax;
    my ($address) = $relay->{url} =~ m{//(.*)};
    return `openssl s_client -connect $address </dev/null 2>/dev/null` =~ /^\s*Protocol\s*: (\S+)/m ? $1 : 'nothing';
}

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
    # its own library would let the backend speak it: a client with the same settings does
    like(spoken_by_openssl($relay), qr/^TLSv1\.1$/, "TLS, $name: the relay, and the settings of the backend's library, allow it") if $name eq 'TLS 1.1';
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

# ---- again and again ----------------------------------------------------

# Statements of each kind in turn, in batches: caches are full after the first, what is
# lost is lost in each of the others. how: kinds of statements
# (all), options of the server, the share that is made where each takes long.
my $is_long = $ENV{PENDO_TEST_LONG};
my $bound   = $is_long ? 100 : 24;    # kB
sub leaves_nothing {
    my ($name, $state, %how) = @_;
    my $half = int(($is_long ? 500 : 40) * ($how{share} // 1));
    my @what = @{ $how{kinds} // [sort keys %statement] };
    server(%{ $how{options} }) if $how{options};
    my $session = $cluster->session;
    $session->do('SET client_min_messages = error');
    my $pid = $session->{pg_pid};
    my (%other, @held);
    my $since = time;
    # what is taken once and kept, as some block of malloc, is not lost
    while (@held < 3 || (@held < 5 && $held[-1][1] - $held[-2][1] >= $bound)) {
        for my $n (1 .. $half) {
            my $error = error_of($session, $statement{ $what[$n % @what] });
            my $now = $error ? $error->{state} : 'none';
            ++$other{$now} if $now !~ $state;
        }
        push @held, [open_descriptors($pid), private_memory($pid)];
    }
    my ($warm, $first, $second) = @held[0, -2, -1];
    my $made = @held * $half;
    is_deeply(\%other, {}, "$name: every statement ends in its way");
    cmp_ok($second->[0], '<=', $warm->[0] + 1, "$name: no descriptor is left");    # of two connections for events one may have been lost
    cmp_ok($second->[1] - $first->[1], '<', $bound, "$name: no memory (kB)");
    # libcurl 8.22 keeps those that resolve names for two seconds
    ok(eval { wait_until('the threads', 20, sub { my @threads = glob "/proc/$pid/task/*"; @threads == 1 }) }, "$name: no thread");
    note sprintf '%s: %d statements, %.1f ms each, %d and %d kB more, %d descriptors', $name, $made, (time - $since) * 1000 / $made,
      $first->[1] - $warm->[1], $second->[1] - $first->[1], $second->[0];
    server(map { $_ => { max_retries => 0, request_timeout => '10s' }->{$_} } keys %{ $how{options} }) if $how{options};
    return;
}

# Fewer events, since each of them fails by itself.
$statement{events} =~ s/20\) n/3) n/;
server(request_timeout => '10s', connect_timeout => '5s');
at($nobody);
leaves_nothing('refused', qr/^08001$/);
at('https://nobody.invalid');
leaves_nothing('unresolved', qr/^08001$/);
my $untrusted = start_tls_relay($simulator);
at($untrusted->{url});
leaves_nothing('untrusted', qr/^08006$/, share => $is_long ? 1 : 0.1);    # reads the list of authorities each time
$untrusted->stop;
at($simulator->{url});

# A body that is spoilt: an event's answer has none.
my $readers = [qw(lookup scan update)];
my @leaks = (
    ['500', qr/^HV000$/, { kind => 'status', status => 500, body => 'no' }],
    ['302', qr/^HV000$/, { kind => 'status', status => 302, headers => { Location => $simulator->{url} } }],
    ['403', qr/^42501$/, { kind => 'status', status => 403 }],
    ['reset', qr/^08006$/, { kind => 'reset_before' }],
    ['cut off', qr/^08006$/, { kind => 'wrong_length', by => 20 }],
    ['truncated', qr/^08006$/, { kind => 'truncate', after_bytes => 10 }, kinds => $readers],
    ['corrupt', qr/^(?:08006|HV00L)$/, { kind => 'corrupt', after_bytes => 20 }, kinds => $readers],
    ['nonsense', qr/^HV00L$/, { kind => 'garbage', body => '<html>' }],
    ['a bomb', qr/^54000$/, { kind => 'gzip_bomb', body => '{"results":[{"a":"', bytes => 10_000_000 }, kinds => ['scan'], share => $is_long ? 0.5 : 0.2],
    ['stalled', qr/^08006$/, { kind => 'stall_before', ms => 60_000 }, options => { request_timeout => '20ms' }, share => 0.5],
    ['connections that end', qr/^none$/, { kind => 'close_after' }, options => { max_retries => 1 }],
);
# These wait half a second before the next try.
push @leaks,
    ['429, twice', qr/^HV000$/, { kind => 'status', status => 429 }, options => { max_retries => 1 }, kinds => ['lookup'], share => 0.1],
    ['reset, recovered', qr/^none$/, { kind => 'reset_after', rate => 30 }, options => { max_retries => 12 }, kinds => ['lookup'], share => 0.1]
  if $is_long;
for my $case (@leaks) {
    my ($name, $state, $fault, %how) = @$case;
    $simulator->reset;
    $simulator->faults(map { { route => $route{$_}, %$fault } } keys %route);
    leaves_nothing($name, $state, %how);
}
$statement{events} =~ s/3\) n/20) n/;
$simulator->faults;
works("$_, after all that", $_) for sort keys %statement;

unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

done_testing();
