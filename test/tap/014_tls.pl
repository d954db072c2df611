# Over TLS, in front of it a server that offers HTTP/2 and HTTP/1.1: reading by a
# client that stands still, updates and events side by side, and connections that
# the server ends in the middle of them. HTTP/1.1 is spoken; call.cpp says why.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $visitors  = 100_000;
my $simulator = start_simulator('--visitors', $visitors, '--accounts', 100, '--clean');
my $relay     = start_tls_relay($simulator);
my $cluster   = start_cluster(conf => [q{statement_timeout = '60s'}]);
my $dbh       = $cluster->session;
connect_pendo($dbh, $simulator);
my ($bulk, $track) = ('POST /api/v1/metadata/visitor/custom/value', 'POST /data/track');

# ---- who is trusted ----

$dbh->do("ALTER SERVER pendo OPTIONS (SET api_url '$relay->{url}', SET track_url '$relay->{url}', ADD max_retries '0')");
my $one = "SELECT visitor_id FROM pendo.visitors WHERE visitor_id = 'v0000001'";
my $error = error_of($dbh, $one);
like($error->{message}, qr/certificate/, 'a certificate that nobody vouches for is refused') or diag explain $error;
like($error->{hint}, qr/ca_file/, 'and the hint names ca_file');
$dbh->do("ALTER SERVER pendo OPTIONS (ADD ca_file '$relay->{ca_file}', SET max_retries '5')");
is($dbh->selectrow_array($one), 'v0000001', 'with ca_file it is taken');

# ---- a client that stands still ----

my $line;
my ($rows, $last, $disorder) = (0, '', 0);
$dbh->do('COPY (SELECT visitor_id, agent_email, metadata FROM pendo.visitors) TO STDOUT');
while ($dbh->pg_getcopydata($line) >= 0) {
    my ($id) = $line =~ /^([^\t]*)/;
    ++$disorder if $id le $last;
    $last = $id;
    sleep 3 if ++$rows == $visitors / 5;
}
is($rows, $visitors, 'a client that stands still for 3 s gets every row');
is($disorder, 0, 'each once');

# ---- several scans of one statement ----

my $pairs = 'SELECT count(*), count(a.plan = b.custom_plan) FROM (SELECT visitor_id, custom_plan AS plan FROM pendo.visitors ORDER BY visitor_id) a'
  . ' JOIN (SELECT visitor_id, custom_plan FROM pendo.visitors ORDER BY visitor_id OFFSET 0) b USING (visitor_id)';
$dbh->do($_) for 'SET enable_hashjoin = off', 'SET enable_nestloop = off';
is(($dbh->selectrow_array($pairs))[0], $visitors, 'two scans side by side');
$dbh->do($_) for 'RESET enable_hashjoin', 'RESET enable_nestloop';

# ---- connections that end in the middle ----

# The server lets what is under way finish and takes no more on its connections.
sub ends_connections_at {
    my ($name, $sql, $route, @calls) = @_;
    $simulator->reset;
    $simulator->config(latency_ms => 30);
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, $_[0] };
    my $session = $cluster->session;
    $session->{PrintWarn} = 1;
    $session->do($sql, { pg_async => PG_ASYNC });
    for my $count (@calls) {
        $simulator->wait_for_calls($route, $count);
        $relay->go_away;
    }
    ok(worked_async($session), "$name: works") or diag $session->errstr;
    $simulator->config(latency_ms => 0);
    return "@warnings";
}

my $warnings = ends_connections_at('events',
    q{INSERT INTO pendo.track_events (visitor_id, event) SELECT 'v0000001', 'e' || n FROM generate_series(1, 2000) n}, $track, 500, 1000, 1500);
my %times;
++$times{ $_->{event} } for @{ $simulator->events };
is(scalar keys %times, 2000, 'events: every one arrives');
my $repeated = grep { $_ > 1 } values %times;
my ($told) = $warnings =~ /(\d+) sent again/;
cmp_ok($repeated, '<=', $told // 0, 'events: what may count twice is told') or diag $warnings;
cmp_ok($simulator->metrics->{maxInFlight}{$track}, '>', 8, 'events: side by side');

$warnings = ends_connections_at('update',
    q{UPDATE pendo.visitors v SET custom_seats = n FROM generate_series(1, 40000) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')}, $bulk, 10, 20);
is($warnings, '', 'update: no message');
my $stored = $simulator->dump('visitor');
is(scalar(grep { $stored->{ sprintf 'v%07d', $_ }{metadata}{custom}{seats} != $_ } 1 .. 40_000), 0, 'update: every value is there');

my %protocols;
++$protocols{$_} for $relay->protocols;
is_deeply([grep { $_ ne 'http/1.1' } keys %protocols], [], 'every connection was for HTTP/1.1') or diag explain \%protocols;
cmp_ok($protocols{'http/1.1'}, '>', 50, 'and they were ended and made again') or diag explain \%protocols;
unlike($cluster->log, qr/terminated by signal/, 'no backend died of it');

done_testing();
