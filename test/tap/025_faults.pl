# Answers that are not what was asked for: every status, Retry-After in each form,
# bodies that are cut, of a wrong length, spoilt or swollen, nonsense with a 200,
# pages with rows twice or missing; and connections that die while they are kept.
# Each is made good, so that rows and values are those of the simulator's own store,
# or is an ERROR that names server, call and status and says what to do. 003 has the
# stalls, 008 and 016 what is recovered from and how each record is accounted for.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

my $visitors  = 3000;
my $simulator = start_simulator('--visitors', $visitors, '--accounts', 20, '--clean');
my $cluster   = start_cluster(conf => ['max_worker_processes = 30']);
my $dbh       = $cluster->session;
connect_pendo($dbh, $simulator, page_size => 1000, max_retries => 0, request_timeout => '5s');
$dbh->do("CREATE TABLE source AS SELECT 'v' || lpad(n::text, 7, '0') AS id, n FROM generate_series(1, 1500) n");

my %route = (
    scan   => 'POST /api/v1/aggregation',
    lookup => 'GET /api/v1/visitor/:id',
    update => 'POST /api/v1/metadata/visitor/custom/value',
    events => 'POST /data/track',
);
my %call = (%route, lookup => 'GET /api/v1/visitor/v0000077');

my $stored = $simulator->dump('visitor');
my @all = map { [$_, @{ $stored->{$_}{metadata}{custom} }{qw(plan seats)}] } grep { !/^_PENDO_T_|^VISITOR-UNIQUE-ID/ } sort keys %$stored;

my %switches;    # of the simulator, in the cases that follow
sub start_over {
    my ($what, @faults) = @_;
    $simulator->reset;
    $simulator->config(%switches) if %switches;
    $simulator->faults(map { { route => $route{$what}, %$_ } } @faults);
    return;
}

# ---- statements, and whether what they did is the truth -----------------

my $step = 10_000;    # each UPDATE sets values of its own
sub sql {
    my ($what) = @_;
    return 'SELECT visitor_id, custom_plan, custom_seats FROM pendo.visitors' if $what eq 'scan';
    return q(SELECT visitor_id, custom_plan, custom_seats FROM pendo.visitors WHERE visitor_id = 'v0000077') if $what eq 'lookup';
    return "UPDATE pendo.visitors v SET custom_seats = $step + s.n FROM source s WHERE v.visitor_id = s.id" if $what eq 'update';
    return q(INSERT INTO pendo.track_events (visitor_id, event) SELECT id, 'E' || n FROM source WHERE n <= 20);
}

# { rows, error, notices }
sub attempt {
    my ($what) = @_;
    $step += 10_000;
    my @notices;
    local $SIG{__WARN__} = sub { push @notices, $_[0] };
    local $dbh->{PrintWarn} = 1;
    my $sql = sql($what);
    my $rows = eval { $sql =~ /^SELECT/ ? $dbh->selectall_arrayref($sql) : $dbh->do($sql) };
    return { rows => $rows, error => $rows ? undef : PendoTest::describe_error($dbh), notices => "@notices" };
}

# What is wrong with the outcome of a statement that worked; empty if nothing.
sub untrue {
    my ($what, $outcome) = @_;
    return 'error: ' . $outcome->{error}{text} if $outcome->{error};
    if ($what eq 'scan' || $what eq 'lookup') {
        my $want = $what eq 'scan' ? \@all : [$all[76]];
        return @{ $outcome->{rows} } . ' rows, or others' unless eq_array($outcome->{rows}, $want);
    } elsif ($what eq 'update') {
        my $now = $simulator->dump('visitor');
        my @wrong = grep { $now->{ sprintf 'v%07d', $_ }{metadata}{custom}{seats} != $step + $_ } 1 .. 1500;
        return scalar(@wrong) . ' values are not there' if @wrong;
    } else {
        my %times;
        ++$times{ $_->{event} } for @{ $simulator->events };
        return keys(%times) . ' of 20 events' unless keys %times == 20;
        my $twice = grep { $_ > 1 } values %times;
        my ($told) = $outcome->{notices} =~ /(\d+) sent again/;
        return "$twice events came twice, told: " . ($told // 'none') if $twice > ($told // 0);
    }
    return '';
}

# An ERROR: SQLSTATE and message, and it tells server, call and what to do.
sub refuses {
    my ($name, $what, $state, $message, @faults) = @_;
    start_over($what, @faults);
    my $since = time;
    my $outcome = attempt($what);
    my $took = time - $since;
    my $error = $outcome->{error} // { state => '00000', message => 'no error', detail => '', hint => '', context => '' };
    my @wrong;
    push @wrong, "SQLSTATE $error->{state}" if ref $state ? $error->{state} !~ $state : $error->{state} ne $state;
    push @wrong, "message: $error->{message}" if $error->{message} !~ $message || $error->{message} =~ /\.$|\n/;
    push @wrong, 'no server' if "$error->{message} $error->{detail}" !~ /server "pendo"/;
    push @wrong, "detail: $error->{detail}" if index($error->{detail}, $call{$what}) < 0;
    push @wrong, "hint: $error->{hint}" if $error->{hint} !~ /^[A-Z].*\.$/s;
    push @wrong, "took $took s" if $took > 10;
    push @wrong, 'the session is gone' unless eval { $dbh->do('SELECT 1') };
    is(join('; ', @wrong), '', "$what, $name: a clear ERROR");
    return $error;
}

sub recovers {
    my ($name, $what, @faults) = @_;
    start_over($what, map { { times => 1, %$_ } } @faults);
    my $outcome = attempt($what);
    is(untrue($what, $outcome), '', "$what, $name: made good");
    is_deeply([grep { $_->{times} } @{ $simulator->get('faults') }], [], "$what, $name: the fault struck");
    return;
}

# The same of those that do not get in each other's way, each in a session of its
# own: the waits for the next try pass together.
sub recovers_side_by_side {
    my ($name, %fault) = @_;
    $simulator->reset;
    my @kinds = qw(scan lookup events);
    $simulator->faults(map { { route => $route{$_}, %fault } } @kinds);
    my %session = map { $_ => $cluster->session } @kinds;
    my %query = map { $_ => $session{$_}->prepare(sql($_), { pg_async => PG_ASYNC }) } @kinds;
    $_->execute for values %query;
    for my $what (@kinds) {
        my $rows = eval { $session{$what}->pg_result; $what eq 'events' ? 1 : $query{$what}->fetchall_arrayref };
        my $outcome = { rows => $rows, error => $rows ? undef : PendoTest::describe_error($session{$what}), notices => '' };
        is(untrue($what, $outcome), '', "$what, $name: made good");
    }
    is_deeply([grep { $_->{times} } @{ $simulator->get('faults') }], [], "$name: the faults struck");
    return;
}

# The connection that a fault was on is not used as if nothing had been.
sub goes_on {
    my ($name, $what) = @_;
    start_over($what);
    is(untrue($what, attempt($what)), '', "$what, $name: the next one is whole");
    return;
}

sub set_retries {
    my ($retries) = @_;
    $dbh->do("ALTER SERVER pendo OPTIONS (SET max_retries '$retries')");
    return;
}

for my $what (sort keys %route) {
    $simulator->reset;
    is(untrue($what, attempt($what)), '', "$what: nothing wrong");
}

# ---- every status -------------------------------------------------------

# The server's words are shown, and a redirect is not followed.
my @statuses = (300 .. 303, 305, 307, 308, 400 .. 418, 421 .. 426, 428, 429, 431, 451, 499, 500 .. 599);
for my $status (@statuses) {
    my $key = $status == 401 || $status == 403;
    my $fault = { kind => 'status', status => $status, body => 'sorry', headers => { Location => "$simulator->{url}/api/v1/token/verify" } };
    my $is_common = $status =~ /^(?:30[1278]|40[0-4]|408|413|422|429|50[0-4])$/;
    for my $what ($is_common ? qw(scan lookup update events) : $status % 2 ? qw(scan events) : qw(lookup update)) {
        next if $what eq 'lookup' && $status == 404;              # asks in another way
        next if $what eq 'events' && ($status == 400 || $status == 413);    # are about one event, see 006
        my $message = !$key ? qr/^Pendo answered $status to server "pendo": sorry$/ : $what eq 'events' ? qr/^Pendo refused the track secret/ : qr/^Pendo refused the integration key/;
        my $error = refuses("status $status", $what, $key ? '42501' : 'HV000', $message, $fault);
        like($error->{context}, qr/: 0 records were taken/, "$what, status $status: nothing was taken") if $what eq 'update' || $what eq 'events';
    }
}
is($simulator->stats->{'GET /api/v1/token/verify'} // 0, 0, 'no redirect is followed');

# An answer without an error that is not the one that was documented.
for my $status (201 .. 206, 226, 304) {
    for my $what (qw(scan lookup update)) {
        refuses("status $status", $what, $status == 304 ? 'HV000' : 'HV00L', $status == 304 ? qr/^Pendo answered 304/ : qr/^cannot make sense of Pendo's answer to server "pendo"/,
            { kind => 'status', status => $status, body => '' });
    }
}

# After the effect: what is in Pendo is not told as refused or as not sent.
for my $status (500, 501, 508, 520, 599) {
    for my $what (qw(update events)) {
        my $error = refuses("status $status after the effect", $what, 'HV000', qr/^Pendo answered $status/, { kind => 'status_after', status => $status, body => 'sorry' });
        my ($taken, $doubt) = $error->{context} =~ /: (\d+) records were taken.*; of (\d+) it is not known/;
        my $there = $what eq 'events' ? @{ $simulator->events } : do { my $now = $simulator->dump('visitor'); grep { $now->{ sprintf 'v%07d', $_ }{metadata}{custom}{seats} == $step + $_ } 1 .. 1500 };
        cmp_ok($there, '<=', ($taken // 0) + ($doubt // 0), "$what, status $status after the effect: what is in Pendo is told as in doubt");
        cmp_ok($there, '>', 0, "$what, status $status after the effect: it was taken");
    }
}

# Those that may pass by themselves do, for all kinds of statements.
set_retries(1);
for my $status (500, 502, 503, 504) {
    my %fault = (kind => 'status', status => $status, times => 1, body => 'sorry');
    recovers("status $status", 'update', \%fault);
    recovers_side_by_side("status $status", %fault);
}
set_retries(0);

# ---- Retry-After --------------------------------------------------------

my $date = sub { strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $_[0])) };
set_retries(2);
for my $case (['1', 1], ['date', 1], [$date->(-100), 0], ['0', 0], ['-5', 0], ['soon', 0], ['', 0], [undef, 0]) {
    my ($given, $least) = @$case;
    my $value = $given;
    my $fault = { kind => 'status', status => 429, body => 'Too Many Requests', defined $value ? (headers => { 'Retry-After' => $value }) : () };
    for my $what ($least ? qw(lookup update events) : 'lookup') {
        my $since = time;
        $fault->{headers}{'Retry-After'} = $date->(2.5) if ($given // '') eq 'date';
        recovers('429, Retry-After ' . ($given // 'absent'), $what, $fault);
        cmp_ok(time - $since, '>=', $least, "$what: not before that") if $least;
    }
}
for my $value ('601', '999999999', '9' x 30, 'Fri, 31 Dec 9999 23:59:59 GMT') {
    for my $what (qw(scan update events)) {
        my $since = time;
        my $error = refuses("429, Retry-After $value", $what, 'HV000', qr/^Pendo answered 429 to server "pendo": Too Many Requests$/,
            { kind => 'status', status => 429, body => 'Too Many Requests', headers => { 'Retry-After' => $value } });
        like($error->{hint}, qr/retry_timeout/, "$what, 429, Retry-After $value: the hint names retry_timeout");
        like($error->{detail}, qr/Pendo asks to wait (10 min|\d{3,} days)/, "$what, 429, Retry-After $value: the detail says how long");
    }
}

# ---- bodies -------------------------------------------------------------

my $nonsense = qr/^cannot make sense of Pendo's answer to server "pendo": /;

# tells: whether what came tells by itself that it is not whole: the transfer broke off, or
# the compression did. What looks whole and is no answer is not asked for again,
# except of what can be sent again in smaller pieces. Of a page that is spoilt rows may
# have been taken before that shows, and then it is not asked for again either.
sub body_case {
    my ($name, $what, $tells, $fault) = @_;
    if ($fault->{kind} eq 'corrupt' && $what eq 'scan') {
        set_retries(3);
        start_over($what, { times => 1, %$fault });
        my $outcome = attempt($what);
        is($outcome->{error} ? '' : untrue($what, $outcome), '', "$what, $name: never a wrong row");
    } elsif ($tells || $what eq 'update') {
        set_retries(3);
        recovers($name, $what, $fault);
    } else {
        refuses($name, $what, 'HV00L', $nonsense, $fault);
    }
    # bytes that are left on a connection are no answer to the next call, which is tried again
    set_retries(3);
    goes_on($name, $what);
    set_retries(0);
    my $is_lost = qr/^lost the call to \Q$simulator->{url}\E for server "pendo": /;
    return refuses("$name, for ever", $what, '08006', $is_lost, $fault) if $tells && $fault->{kind} ne 'corrupt';
    my $error = refuses("$name, for ever", $what, qr/^(?:08006|HV00L)$/, qr/$is_lost|$nonsense/, $fault);
    return;
}

# Places within a body: of a page some thousand bytes, of the others a few.
my %places = (scan => [0, 4000], lookup => [60], update => [0, 20]);
for my $compression (qw(accepted none)) {
    %switches = (compression => $compression);
    for my $what (qw(scan lookup update)) {
        for my $place (@{ $places{$what} }) {
            for my $kind (qw(truncate reset_body short_body corrupt)) {
                next if $kind eq 'corrupt' && ($compression eq 'none' || $place == 0);
                my $tells = $kind ne 'short_body' || ($compression eq 'accepted' && $place > 0);
                body_case("$kind at $place, compression $compression", $what, $tells, { kind => $kind, after_bytes => $place });
            }
        }
        for my $by (-9, 30) {
            body_case("Content-Length off by $by, compression $compression", $what, $by > 0 || $compression eq 'accepted', { kind => 'wrong_length', by => $by });
        }
    }
}
%switches = ();

# An answer to an event has nothing in it that is needed.
set_retries(2);
recovers('Content-Length off by 100', 'events', { kind => 'wrong_length', by => 100 });
recovers("200 and $_", 'events', { kind => 'status_after', status => 200, body => $_ }) for 'OK', '{}', ' ', 'true', '{"message":"taken"}';
set_retries(0);

# A few kB that become many MB, of which no more are held than an answer may have:
# row by row 8 MB, whole 64 MB, of an update 32 MB; of several calls in flight each has
# its own, as here two of the update and 16 of the events.
my $pid = $dbh->{pg_pid};
my $swollen = 300_000_000;
sub swells {
    my ($name, $bound, $bomb) = @_;
    reset_peak_memory($pid);
    my $before = peak_memory($pid);
    $bomb->();
    cmp_ok(peak_memory($pid) - $before, '<', $bound, "$name: no more memory at any time (kB)");
    return;
}
swells('a bomb within a record', 40_000, sub { refuses('a bomb within a record', 'scan', '54000', qr/$nonsense.*too long/, { kind => 'gzip_bomb', body => '{"results":[{"a":"', bytes => $swollen }) });
swells('a bomb between records', 40_000, sub {
    refuses('a bomb between records', 'scan', '54000', qr/^Pendo sent more than 32 MB without a record to server "pendo"$/, { kind => 'gzip_bomb', body => '{"results":[', bytes => $swollen });
});
my %room = (lookup => 100_000, update => 100_000, events => 10_000);
for my $what (sort keys %room) {
    swells("a bomb, $what", $room{$what}, sub { refuses('a bomb', $what, '54000', qr/^Pendo's answer to server "pendo" is too long$/, { kind => 'gzip_bomb', body => '{', bytes => $swollen }) });
}
swells('a bomb in the place of the schema', 100_000, sub {
    $simulator->faults({ route => 'GET /api/v1/metadata/schema/*', kind => 'gzip_bomb', body => '{', bytes => $swollen });
    is((error_of($dbh, 'IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO public') // {})->{state}, '54000', 'a bomb in the place of the schema: an ERROR');
});
goes_on('a bomb', $_) for qw(scan lookup update events);

# ---- 200, and no answer -------------------------------------------------

my $page = '<!DOCTYPE html><html><body>Sign in to the hotel network</body></html>';
for my $body ('', ' ', 'null', '[]', '{}', '0', '"ok"', '{"error":"aggregation request timed out"}', '{"errors":[{"message":"no"}]}', $page, '{"results":null}', '{"results":{}}',
    '{"results":[]', '{"results":[]}}', '{"results":[1]}', "\0\1\2", "\xef\xbb\xbf", '{"results":[]}{"results":[]}') {
    for my $what (qw(scan lookup update)) {
        (my $name = "200 and $body") =~ s/[^ -~]/?/g;
        # a page without a row, as Pendo may write it
        next if $what eq 'scan' && ($body eq '{}' || $body eq '{"results":null}');
        refuses($name, $what, 'HV00L', $nonsense, { kind => 'garbage', body => $body });
    }
}
# To an event nothing is answered that can be read, but a page is none of Pendo's.
refuses('200 and a page', 'events', 'HV00L', $nonsense, { kind => 'garbage', body => $page });
refuses('200 and an error', 'events', 'HV00L', $nonsense, { kind => 'garbage', body => '{"error":"no such app"}' });

# ---- pages --------------------------------------------------------------

# The first page as it came, and what the second may be in the place of the right one.
$simulator->reset;
$dbh->do("CREATE FOREIGN TABLE ids (visitor_id text) SERVER pendo OPTIONS (object 'visitors', page_size '4')");
sub page_of { return '{"results":[' . join(',', map { qq({"a":"$_"}) } @_) . ']}' }
sub pages_fail {
    my ($name, @pages) = @_;
    my $seen = 0;
    $simulator->faults(map { { route => $route{scan}, kind => 'garbage', times => 1, body => page_of(@$_) } } @pages);
    my $error = error_of($dbh, 'SELECT * FROM ids');
    is($error ? $error->{state} : '', 'HV00L', "pages, $name: an ERROR");
    like($error ? $error->{message} : '', qr/it lists "v\d" twice$/, "pages, $name: that says so");
    return;
}
pages_fail('the first one again', ([qw(v1 v2 v3 v4)]) x 2);
pages_fail('the last row again', [qw(v1 v2 v3 v4)], [qw(v4 v5 v6 v7)]);
pages_fail('a row twice', [qw(v1 v2 v2 v4)]);
pages_fail('rows of the one before', [qw(v1 v2 v3 v4)], [qw(v3 v4 v5 v6)]);
pages_fail('rows of the one before, among others', [qw(v1 v2 v3 v4)], [qw(v5 v2 v6 v7)]);
pages_fail('a row twice, far apart', [qw(v1 v2 v1 v4)]);

# The same on pages of the simulator's: of four, five rows each.
$dbh->do(q{ALTER FOREIGN TABLE pendo.accounts OPTIONS (ADD page_size '5')});
my @accounts = map { sprintf 'a%05d', $_ } 1 .. 20;
my %order = (
    'in any order'            => '',
    'by id'                   => 'ORDER BY account_id',
    'by id, descending'       => 'ORDER BY account_id DESC',
    'by a time'               => 'ORDER BY auto_lastvisit',
    'by a time, descending'   => 'ORDER BY auto_lastvisit DESC NULLS LAST, account_id',
);

sub repeats {
    my ($name, $sql, %fault) = @_;
    start_over('scan', { times => 1, %fault });
    my $error = error_of($dbh, $sql);
    is($error ? $error->{state} : 'none', 'HV00L', "$name: an ERROR");
    like($error ? $error->{message} : '', qr/: it (?:lists "\w+" twice|is not sorted as it was asked to be .*)$/, "$name: that says so");
    like($error ? $error->{detail} : '', qr/ answered 200 with a body /, "$name: and what was answered");
    return;
}

for my $name (sort keys %order) {
    my $sql = "SELECT account_id FROM pendo.accounts $order{$name}";
    for my $page (0 .. 2) {
        repeats("a row again after $_, page $page, $name", $sql, kind => 'repeat_row', after_rows => $_, skip => $page) for 1, 3, 4;
        repeats("page $page again, $name", $sql, kind => 'repeat_page', skip => $page + 1);
    }
    # the rest of the page is not read
    repeats("a row again, $name, LIMIT $_", "$sql LIMIT $_", kind => 'repeat_row', after_rows => $_ - 1) for 3, 5;
    repeats("a row again on the second page, $name, LIMIT 8", "$sql LIMIT 8", kind => 'repeat_row', after_rows => 2, skip => 1);
}
repeats('a row again, counted here', 'SELECT count(metadata) FROM pendo.accounts', kind => 'repeat_row', after_rows => 3, skip => 1);
repeats('a row again, asked for by id', q{SELECT custom_plan FROM pendo.visitors WHERE visitor_id IN ('v0000001', 'v0000002', 'v0000003')}, kind => 'repeat_row', after_rows => 2);
repeats('a page again that was read ahead', 'SELECT visitor_id FROM pendo.visitors', kind => 'repeat_page', skip => 1);
repeats('a row again on a page that was read ahead', 'SELECT visitor_id FROM pendo.visitors', kind => 'repeat_row', after_rows => 999, skip => 1);
start_over('scan');
$dbh->do('SELECT account_id FROM pendo.accounts LIMIT 1');
$simulator->faults({ route => $route{scan}, kind => 'repeat_page' });
is((error_of($dbh, 'SELECT count(*) FROM pendo.accounts') // {})->{state}, 'HV00L', 'a page in the place of a count: an ERROR');

# What nobody can see from what is there: a page of fewer rows than were asked for is the last one.
sub ends_early {
    my ($name, $rows, %fault) = @_;
    for my $order ('in any order', 'by id') {
        start_over('scan', { kind => 'drop_rows', times => 1, %fault });
        is_deeply($dbh->selectcol_arrayref("SELECT account_id FROM pendo.accounts $order{$order}"), $rows, "$name, $order: what came before it, and no error");
    }
    return;
}
ends_early('an empty first page', []);
ends_early('an empty third page', [@accounts[0 .. 9]], skip => 2);
ends_early('a page without its second row', [@accounts[0 .. 5, 7 .. 9]], skip => 1, after_rows => 1, rows => 1);
start_over('scan', { kind => 'drop_rows', rows => 1 });
is_deeply($dbh->selectcol_arrayref(q{SELECT visitor_id FROM pendo.visitors WHERE visitor_id IN ('v0000001', 'v0000002')}), ['v0000002'], 'a record that was asked for by id is left out: there is none');

# ---- connections that die while they are kept ---------------------------

# Some ms after each answer, so that one lies idle when it ends, or has the next
# call on it, which is not read then.
sub calls { my ($what) = @_; return $simulator->stats->{ $route{$what} } // 0 }

sub next_is_good {
    my ($name, $what, $calls) = @_;
    start_over($what);
    my $outcome = attempt($what);
    is(untrue($what, $outcome), '', "$what, $name: the next one is made good");
    is(calls($what), $calls, "$what, $name: and nothing is asked twice");
    my %times;
    ++$times{ $_->{event} } for @{ $simulator->events };
    is_deeply([grep { $times{$_} > 1 } keys %times], [], "$what, $name: no event comes twice");
    return $outcome;
}

sub connections_die {
    my ($name, $what, $ms) = @_;
    $dbh = $cluster->session;    # with no connections yet
    my $calls = do { start_over($what); attempt($what); calls($what) };
    start_over($what, { kind => 'close_after', ms => $ms });
    is(untrue($what, attempt($what)), '', "$what, $name: made good while they die");
    wait_until('the connections to end', 20, sub { $simulator->metrics->{connectionsOpen} == 1 }) if $ms == 0;    # the one is our own
    return next_is_good($name, $what, $calls);
}

# libcurl sees before it sends that a connection has ended, up to 8.14 at least; 8.22
# finds out by sending, and then an event may have been taken, for all that one knows.
my ($major, $minor) = `curl-config --version` =~ /(\d+)\.(\d+)/ or die 'curl-config does not tell the version';
my $may_send_first = $major * 100 + $minor > 814;
my $sends_first = 0;

set_retries(1);
for my $what (sort keys %route) {
    my $outcome = connections_die('idle connections end', $what, 0);
    $sends_first ||= $may_send_first && $what eq 'events' && $outcome->{notices} =~ /^WARNING:  pendo\.track_events: of \d+ track events, \d+ sent again after an answer was lost, so that they may count twice$/;
    is($outcome->{notices}, '', "$what, idle connections end: no message") unless $sends_first && $what eq 'events';
    connections_die('connections end with a call on them', $what, 120);
}

# What else is asked finds one, too.
for my $ms (0, 200) {
    my $name = $ms ? 'a connection that ends' : 'an idle connection that ended';
    my $finds = sub {
        $dbh = $cluster->session;
        start_over('lookup', { kind => 'close_after', ms => $ms });
        attempt('lookup');
        wait_until('the connection to end', 20, sub { $simulator->metrics->{connectionsOpen} == 1 }) if $ms == 0;
        $simulator->faults;
    };
    $finds->();
    is(($dbh->selectrow_array('SELECT count(*) FROM pendo.visitors'))[0], $visitors, "a count on $name");
    $finds->();
    like(($dbh->selectrow_array(q{SELECT c.advice FROM pendo_fdw_check('pendo') c}))[0], qr/^All is well/, "pendo_fdw_check() on $name");
    $finds->();
    is(error_of($dbh, 'IMPORT FOREIGN SCHEMA pendo LIMIT TO (accounts) FROM SERVER pendo INTO public'), undef, "IMPORT on $name");
    $dbh->do('DROP FOREIGN TABLE public.accounts');
}

# Where an event must not be sent again: one that was not sent at all is, one that a
# dying connection may have taken is not.
$dbh->do(q{ALTER SERVER pendo OPTIONS (ADD on_ambiguous 'uncertain')});
my $lone = q(INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'E'));
for my $ms (0, 2_000) {
    $dbh = $cluster->session;
    start_over('events', { kind => 'close_after', ms => $ms });
    is_deeply([notices_of($dbh, $lone)], [], 'an event before its connection ends');
    wait_until('the connection to end', 20, sub { $simulator->metrics->{connectionsOpen} == 1 }) if $ms == 0;
    $simulator->faults;
    my @told = notices_of($dbh, $lone);
    my $is_sent = $ms == 0 && !$sends_first;
    $is_sent ? is_deeply(\@told, [], 'on an idle connection that ended: no message')
      : like("@told", qr/of 1 track events, 1 uncertain\n.*lost the call to \S+ for server "pendo": the connection ended without an answer\./, 'on a connection that ends: uncertain');
    is(scalar @{ $simulator->events }, $is_sent ? 2 : 1, 'and nothing is sent again');
}
$dbh->do(q{ALTER SERVER pendo OPTIONS (DROP on_ambiguous)});

unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

done_testing();
