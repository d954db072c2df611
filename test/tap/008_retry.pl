# What goes wrong on the way to Pendo and comes right by itself does so without a
# row lost or repeated; what does not is an ERROR and never part of a result.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $visitors = 5_000;
my $simulator = start_simulator('--visitors', $visitors, '--accounts', 50, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, page_size => 2_000, request_timeout => '1500ms', max_retries => 4);
$dbh->do("CREATE TABLE source AS SELECT 'v' || lpad(n::text, 7, '0') AS id, n FROM generate_series(1, 3500) n");

my $scan   = 'POST /api/v1/aggregation';
my $lookup = 'GET /api/v1/visitor/:id';
my $bulk   = 'POST /api/v1/metadata/visitor/custom/value';

# What a scan must give, from the simulator's own store.
my $stored = $simulator->dump('visitor');
my @all = map { [$_, $stored->{$_}{metadata}{custom}{plan}, $stored->{$_}{metadata}{custom}{seats}] }
  grep { !/^_PENDO_T_|^VISITOR-UNIQUE-ID/ } sort keys %$stored;
is(scalar @all, $visitors, 'the store has its visitors');

sub calls { my ($route) = @_; return $simulator->stats->{$route} // 0 }

sub scan_all { return $dbh->selectall_arrayref('SELECT visitor_id, custom_plan, custom_seats FROM pendo.visitors') }

# The rows are the store's, each once and in its order. A page that broke off is
# asked again from where it broke, so there may be fewer calls than pages and faults.
sub scans {
    my ($name, $calls, @faults) = @_;
    $simulator->reset;
    $simulator->faults(@faults);
    my $rows = eval { scan_all() };
    ok($rows, "scan, $name: works") or diag $dbh->errstr;
    is_deeply($rows, \@all, "scan, $name: every row once");
    cmp_ok(calls($scan), '<=', $calls, "scan, $name: at most $calls calls");
    is_deeply([grep { $_->{times} } @{ $simulator->get('faults') }], [], "scan, $name: every fault struck");
    return;
}

sub scan_fails {
    my ($name, $state, $message, @faults) = @_;
    $simulator->reset;
    $simulator->faults(@faults);
    my ($rows, $error) = (0);
    my $cursor = $dbh->prepare('SELECT visitor_id, custom_plan, custom_seats FROM pendo.visitors');
    eval { $cursor->execute; $rows = @{ $cursor->fetchall_arrayref }; 1 } or $error = PendoTest::describe_error($dbh);
    ok($error, "scan, $name: an ERROR, not $rows rows") or return;
    is($error->{state}, $state, "scan, $name: SQLSTATE") or diag $error->{message};
    like($error->{message}, $message, "scan, $name: message");
    $simulator->faults;
    is_deeply(scan_all(), \@all, "scan, $name: and the next one is whole");
    return;
}

my $pages = 3; # of 2,000, 2,000 and 1,000
scans('nothing wrong', $pages);
scans("$_ twice", $pages + 2, { route => $scan, times => 2, kind => 'status', status => $_, body => 'not now' }) for 503, 500, 502, 504, 408, 429;
scans('503 on the second page', $pages + 1, { route => $scan, skip => 1, times => 1, kind => 'status', status => 503, body => 'not now' });
scans('reset before the answer', $pages + 2, { route => $scan, times => 2, kind => 'reset_before' });
scans('reset in the body', $pages + 1, { route => $scan, times => 1, kind => 'reset_body', after_bytes => 20_000 });
scans('reset in the second page\'s body', $pages + 1, { route => $scan, skip => 1, times => 1, kind => 'reset_body', after_bytes => 30_001 });
scans('reset again and again', $pages + 5, { route => $scan, times => 5, kind => 'reset_body', after_bytes => 5_000 });
scans('body cut off', $pages + 1, { route => $scan, times => 1, kind => 'truncate', after_bytes => 25_000 });
scans('stall before the answer', $pages + 1, { route => $scan, times => 1, kind => 'stall_before', ms => 60_000 });
scans('stall in the body', $pages + 1, { route => $scan, times => 1, kind => 'stall_body', after_bytes => 15_000, ms => 60_000 });

scan_fails('503 for ever', 'HV000', qr/^Pendo answered 503 to server "pendo": not now/, { route => $scan, kind => 'status', status => 503, body => 'not now' });
scan_fails('400', 'HV000', qr/^Pendo answered 400 to server "pendo": Cannot parse filter expression/,
    { route => $scan, kind => 'status', status => 400, body => 'Cannot parse filter expression' });
is(calls($scan), 1 + $pages, 'scan, 400: asked once');
my $nonsense = qr/^cannot make sense of Pendo's answer to server "pendo"/;
scan_fails('garbage', 'HV00L', $nonsense, { route => $scan, kind => 'garbage', body => '<html>maintenance</html>' });
scan_fails('nothing at all', 'HV00L', $nonsense, { route => $scan, kind => 'garbage', body => '' });
scan_fails('an error object', 'HV00L', $nonsense, { route => $scan, kind => 'garbage', body => '{"error":"aggregation request timed out"}' });
scan_fails('garbage as the second page', 'HV00L', $nonsense, { route => $scan, skip => 1, kind => 'garbage', body => '{"results":[{"a":1}],' });
scan_fails('redirected', 'HV000', qr/^Pendo answered 302/,
    { route => $scan, kind => 'status', status => 302, headers => { Location => "$simulator->{url}/api/v1/token/verify" }, body => '' });
is(calls('GET /api/v1/token/verify'), 0, 'scan, redirected: not followed');

# Retry-After is waited for.
$simulator->reset;
$simulator->faults({ route => $scan, times => 1, kind => 'status', status => 429, headers => { 'Retry-After' => '2' }, body => 'Too Many Requests' });
my $since = time;
is_deeply(scan_all(), \@all, '429 with Retry-After: every row once');
cmp_ok(time - $since, '>=', 2, '429 with Retry-After: not before that');

# ---- lookups ------------------------------------------------------------

sub looks_up {
    my ($name, @faults) = @_;
    $simulator->reset;
    $simulator->faults(@faults);
    my $row = eval { $dbh->selectrow_arrayref("SELECT visitor_id, custom_plan, custom_seats FROM pendo.visitors WHERE visitor_id = 'v0000077'") };
    is_deeply($row, $all[76], "lookup, $name") or diag $dbh->errstr;
    return;
}

is($all[76][0], 'v0000077', 'the lookups\' visitor');
looks_up('503 twice', { route => $lookup, times => 2, kind => 'status', status => 503, body => '' });
looks_up('reset', { route => $lookup, times => 1, kind => 'reset_before' });
looks_up('stall in the body', { route => $lookup, times => 1, kind => 'stall_body', after_bytes => 30, ms => 60_000 });
looks_up('cut off', { route => $lookup, times => 1, kind => 'truncate', after_bytes => 30 });
looks_up('404 of somebody else', { route => $lookup, times => 1, kind => 'status', status => 404, body => 'no route' });

# ---- updates ------------------------------------------------------------

sub update { return notices_of($dbh, 'UPDATE pendo.visitors v SET custom_seats = s.n * 10, custom_plan = NULL FROM source s WHERE v.visitor_id = s.id') }

sub stored_wrong {
    my $now = $simulator->dump('visitor');
    return grep { my $seats = $now->{ sprintf 'v%07d', $_ }{metadata}{custom}{seats}; !defined $seats || $seats != $_ * 10 } 1 .. 3500;
}

sub updates {
    my ($name, $calls, @faults) = @_;
    $simulator->reset;
    $simulator->faults(@faults);
    my ($least, $most) = ref $calls ? @$calls : ($calls, $calls);
    my @notices = eval { update() };
    is($@, '', "update, $name: works");
    is_deeply(\@notices, [], "update, $name: no message");
    is_deeply([stored_wrong()], [], "update, $name: every value is there");
    my $made = calls($bulk);
    ok($made >= $least && $made <= $most, "update, $name: $least to $most calls") or diag("$made calls");
    return;
}

updates('nothing wrong', 4);
updates('503 twice', 6, { route => $bulk, times => 2, kind => 'status', status => 503, body => '' });
# a batch that is not under way yet when the answer comes is halved, too
updates('408 after half of a batch', [6, 7], { route => $bulk, skip => 1, times => 1, kind => 'partial_408' });
updates('reset after it was applied', 5, { route => $bulk, times => 1, kind => 'reset_after' });
updates('reset before', 6, { route => $bulk, times => 2, kind => 'reset_before' });
updates('stall', 5, { route => $bulk, times => 1, kind => 'stall_before', ms => 60_000 });
updates('answer cut off', 5, { route => $bulk, times => 1, kind => 'truncate', after_bytes => 10 });

updates('numbers that do not add up, once', 6, { route => $bulk, skip => 1, times => 1, kind => 'wrong_counts' });
updates('garbage, once', 6, { route => $bulk, skip => 2, times => 1, kind => 'garbage', body => 'OK' });
updates('400, once', 6, { route => $bulk, skip => 1, times => 1, kind => 'status', status => 400, body => 'missing field mappings' });
updates('413, once', 6, { route => $bulk, skip => 3, times => 1, kind => 'status', status => 413, body => '' });

sub fails {
    my (@faults) = @_;
    $simulator->reset;
    $simulator->faults(@faults);
    return eval { update(); 1 } ? {} : PendoTest::describe_error($dbh);
}

my $error = fails({ route => $bulk, skip => 2, kind => 'garbage', body => 'OK' });
is($error->{state}, 'HV00L', 'update, nothing but garbage: an ERROR');
like($error->{message}, $nonsense, 'update, nothing but garbage: that says so');

$error = fails({ route => $bulk, skip => 1, kind => 'status', status => 400, body => 'missing field mappings' });
is($error->{state}, 'HV000', 'update, nothing but 400: an ERROR');
like($error->{message}, qr/^Pendo answered 400 to server "pendo": missing field mappings$/, 'update, 400: in Pendo\'s words');
like($error->{context}, qr/sending to Pendo for pendo.visitors: [1-9]\d* records were taken and stay as they are now \(first: v\d+; /, 'update, 400: and what was taken before');

unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

done_testing();
