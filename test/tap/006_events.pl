# Track events: each arrives once with its fields, several are in flight at a
# time, and what Pendo refuses is said.
use strict;
use warnings;
use utf8;

use FindBin;
use DBD::Pg qw(:async);
use JSON::XS;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $simulator = start_simulator('--visitors', 200, '--accounts', 20, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, event_concurrency => 5, max_retries => 0);

# What an event must be on the wire.
sub wire { my ($event) = @_; return { map { $_ => $event->{$_} } grep { exists $event->{$_} } qw(type event visitorId accountId timestamp properties context) } }

sub received { return map { wire($_) } @{ $simulator->events } }

sub calls { return $simulator->stats->{'POST /data/track'} // 0 }

my $json = JSON::XS->new->canonical->utf8;

# Events arrive in any order.
sub same_events {
    my ($have, $want, $name) = @_;
    my ($a, $b) = map { [sort map { $json->encode($_) } @$_] } $have, $want;
    is_deeply($a, $b, $name);
    return;
}

# ---- one by one ---------------------------------------------------------

$simulator->reset;
$dbh->do(<<'SQL');
INSERT INTO pendo.track_events (visitor_id, account_id, event, occurred_at, properties, ip, user_agent, url, title)
VALUES ('v0000001', 'a00001', 'Ünï "quoted" \ 😀', '2026-01-02 03:04:05.678+00', '{"n": 1, "s": "a\"b", "t": true, "x": null}',
        '192.0.2.1', 'Agent/1.0', 'https://example.com/?a=1&b=2', 'Title')
SQL
is_deeply([received()], [{
    type => 'track', event => 'Ünï "quoted" \\ 😀', visitorId => 'v0000001', accountId => 'a00001', timestamp => 1767323045678,
    properties => { n => 1, s => 'a"b', t => JSON::XS::true, x => undef },
    context => { ip => '192.0.2.1', userAgent => 'Agent/1.0', url => 'https://example.com/?a=1&b=2', title => 'Title' },
}], 'every field arrives');
is(calls(), 1, 'one event is one call');

$simulator->reset;
my ($from) = $dbh->selectrow_array('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint');
$dbh->begin_work;
my ($at) = $dbh->selectrow_array('SELECT floor(extract(epoch FROM now()) * 1000)::bigint');
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000002', 'Now')");
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, occurred_at) VALUES ('v0000003', 'Now', NULL)");
$dbh->commit;
cmp_ok($at, '>=', $from, 'the transaction\'s time in ms');
same_events([received()], [map { { type => 'track', event => 'Now', visitorId => $_, timestamp => $at, properties => {}, context => {} } } qw(v0000002 v0000003)],
    'without occurred_at: the time of the transaction, and no field that was not given');

# ---- many ---------------------------------------------------------------

$dbh->do(<<'SQL');
CREATE TABLE source AS
  SELECT n, 'v' || lpad((1 + n % 200)::text, 7, '0') AS visitor, CASE WHEN n % 4 <> 0 THEN 'a' || lpad((1 + n % 20)::text, 5, '0') END AS account,
         'Event ' || n % 7 AS event, now() - n * interval '1 minute 1 millisecond' AS at, jsonb_build_object('n', n, 'half', n / 2.0) AS properties
    FROM generate_series(1, 1000) n
SQL
my @want = map { $json->decode($_->[0]) } @{ $dbh->selectall_arrayref(<<'SQL') };
SELECT convert_from(convert_to((jsonb_strip_nulls(jsonb_build_object('accountId', account)) || jsonb_build_object('type', 'track', 'event', event, 'visitorId', visitor,
       'timestamp', floor(extract(epoch FROM at) * 1000)::bigint, 'properties', properties, 'context', '{}'::jsonb))::text, 'UTF8'), 'UTF8') FROM source
SQL

$simulator->reset;
$simulator->config(latency_ms => 20);
my $rows = $dbh->do('INSERT INTO pendo.track_events (visitor_id, account_id, event, occurred_at, properties) SELECT visitor, account, event, at, properties FROM source');
is($rows, 1000, 'INSERT … SELECT of 1,000 events');
same_events([received()], \@want, 'each arrives once, as it was');
is(calls(), 1000, 'one call each');
my $in_flight = $simulator->metrics->{maxInFlight}{'POST /data/track'};
is($in_flight, 5, 'event_concurrency calls are in flight, and no more');
is(join(' ', sort keys %{ $simulator->stats }), 'POST /data/track', 'and no other call');

$simulator->reset;
$simulator->config(latency_ms => 20);
$dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (ADD event_concurrency \'1\')');
$dbh->do('INSERT INTO pendo.track_events (visitor_id, event) SELECT visitor, event FROM source WHERE n <= 20');
is($simulator->metrics->{maxInFlight}{'POST /data/track'}, 1, 'event_concurrency 1: one after the other');
is_deeply([map { $_->{event} } received()], [map { 'Event ' . $_ % 7 } 1 .. 20], 'and in order');
$dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (DROP event_concurrency)');

$simulator->reset;
$dbh->do('COPY pendo.track_events (visitor_id, account_id, event, occurred_at, properties) FROM STDIN');
my $copy = $cluster->session;
$copy->do('COPY (SELECT visitor, account, event, at, properties FROM source) TO STDOUT');
my $line;
while ($copy->pg_getcopydata($line) >= 0) { $dbh->pg_putcopydata($line) }
$dbh->pg_putcopyend;
same_events([received()], \@want, 'COPY of 1,000 events: each arrives once, as it was');
is(calls(), 1000, 'COPY: one call each');

# Events do not wait for those behind them.
$simulator->reset;
$dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (ADD delivery \'statement\')');
my $slow = $cluster->session;
$slow->do('INSERT INTO pendo.track_events (visitor_id, event) SELECT visitor, event FROM source, LATERAL pg_sleep(0.5 + n * 0) WHERE n <= 4', { pg_async => PG_ASYNC });
my $arrived = eval { wait_until('an event', 20, sub { @{ $simulator->events } || $slow->pg_ready }) } && @{ $simulator->events };
ok($arrived && $arrived < 4 && !$slow->pg_ready, 'rows that come slowly: the first events arrive while the statement runs') or diag explain $arrived;
ok(worked_async($slow), 'which comes to its end');
is(scalar @{ $simulator->events }, 4, 'as do the others');
$dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (DROP delivery)');

# ---- refused ------------------------------------------------------------

# An event that Pendo does not understand is its own affair.
$simulator->reset;
$simulator->faults({ route => 'POST /data/track', skip => 10, times => 3, kind => 'status', status => 400, body => 'Error unmarshalling track event data' });
my @notices = notices_of($dbh, 'INSERT INTO pendo.track_events (visitor_id, event) SELECT visitor, event FROM source WHERE n <= 100');
is(scalar @notices, 1, '400 to three events: one message') or diag @notices;
like("@notices", qr/^WARNING:  pendo.track_events: of 100 track events, 3 refused as invalid\n/, 'a WARNING with the count');
like("@notices", qr/^DETAIL:  Invalid: (Event \d of v\d+ at \d{4}-\d\d-\d\dT\S+Z #[0-9a-f]{16}: 400 Error unmarshalling track event data(; |\.$)){3}/m, 'that names them and Pendo\'s words');
is(scalar @{ $simulator->events }, 97, 'the others arrived');

# So is one that cannot be one.
$simulator->reset;
@notices = notices_of($dbh, <<'SQL');
INSERT INTO pendo.track_events (visitor_id, event, properties)
VALUES (NULL, 'A', '{}'), ('', 'B', '{}'), ('v0000001', NULL, '{}'), ('v0000001', 'C', '[1]'), ('v0000001', 'D', '{}')
SQL
like("@notices", qr/^WARNING:  pendo.track_events: of 5 track events, 4 refused as invalid\n/, 'no visitor, no name, properties that are a list: not sent');
is(join(' ', map { $_->{event} } received()), 'D', 'the good one was sent');

# A secret that is refused is refused for all.
$simulator->reset;
$simulator->faults({ route => 'POST /data/track', skip => 20, kind => 'status', status => 403, body => '' });
my $error = error_of($dbh, 'INSERT INTO pendo.track_events (visitor_id, event) SELECT visitor, event FROM source');
is($error->{state}, '42501', '403: an ERROR');
like($error->{message}, qr/^Pendo refused the track secret of server "pendo"$/, 'that says what was refused');
like($error->{context}, qr/: (1\d|20) records were taken and stay/, 'and how many were taken before');
is(scalar @{ $simulator->events }, 20, 'as many as arrived');
cmp_ok(calls(), '<=', 20 + 5, 'and that no further call was made');

# What never went out is no doubt: nobody is there, or the connection takes for ever.
my $no_doubt = qr/: 0 records were taken .* of 0 it is not known whether they were taken/;
$simulator->reset;
for my $delivery ('commit', 'statement') {
    $dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS (ADD delivery '$delivery')");
    my $full = full_port();
    for my $port (free_port(), $full->{port}) {
        $dbh->do("ALTER SERVER pendo OPTIONS (SET track_url 'http://127.0.0.1:$port')");
        my $session = $cluster->session;
        $session->do("SET statement_timeout = '700ms'") if $port == $full->{port};
        $error = error_of($session, 'INSERT INTO pendo.track_events (visitor_id, event) SELECT visitor, event FROM source WHERE n <= 20');
        is($error->{state}, $port == $full->{port} ? '57014' : '08001', "$delivery: no connection to send events on: an ERROR") or diag $error->{text};
        like($error->{context}, $no_doubt, 'and none of them may have been taken') or diag $error->{text};
    }
    $dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (DROP delivery)');
}
$dbh->do("ALTER SERVER pendo OPTIONS (SET track_url '$simulator->{url}')");

# Nor is one that was turned away and waits for its next try.
$simulator->reset;
$dbh->do("ALTER SERVER pendo OPTIONS (SET max_retries '3')");
$simulator->faults({ route => 'POST /data/track', times => 3, kind => 'status', status => 429, headers => { 'Retry-After' => '30' }, body => 'later' });
my $turned_away = $cluster->session;
$turned_away->do("SET statement_timeout = '700ms'");
$error = error_of($turned_away, 'INSERT INTO pendo.track_events (visitor_id, event) SELECT visitor, event FROM source WHERE n <= 3');
is($error->{state}, '57014', '429 and a long wait: the timeout ends it') or diag $error->{text};
like($error->{context}, $no_doubt, 'and none of them may have been taken') or diag $error->{text};
is(calls(), 3, 'each was tried');
is(scalar @{ $simulator->events }, 0, 'and turned away');

# Anything but a refusal is tried again; the event arrives once.
$simulator->reset;
$simulator->faults({ route => 'POST /data/track', skip => 5, times => 2, kind => 'status', status => 503, body => 'no' });
$dbh->do('INSERT INTO pendo.track_events (visitor_id, account_id, event, occurred_at, properties) SELECT visitor, account, event, at, properties FROM source');
same_events([received()], \@want, '503 to two events: each arrives once all the same');
is(calls(), 1002, 'after two calls more');

done_testing();
