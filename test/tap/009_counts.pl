# track_event_counts: what was sent comes back as counts per visitor and day,
# with the events' names, once Pendo has processed it.
use strict;
use warnings;

use FindBin;
use JSON::XS ();
use POSIX ();
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 50, '--accounts', 5, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator);
$dbh->do("SET timezone = 'UTC'");

$dbh->do(<<'SQL');
CREATE TABLE sent AS
  SELECT 'v' || lpad((n % 7 + 1)::text, 7, '0') AS visitor_id, 'a00001' AS account_id,
         (ARRAY['Counted one', 'Counted two'])[1 + n % 2] AS event,
         now() - (n % 3) * interval '1 day' AS at
    FROM generate_series(1, 60) n
SQL
$dbh->do('INSERT INTO pendo.track_events (visitor_id, account_id, event, occurred_at) SELECT visitor_id, account_id, event, at FROM sent');

my $counts = "SELECT event, visitor_id, account_id, period_start, sum(num_events) FROM pendo.track_event_counts"
  . " WHERE event LIKE 'Counted %' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";
is_deeply($dbh->selectall_arrayref($counts), [], 'nothing is there before it is processed');

$simulator->config(event_delay_ms => 0);
# The simulated subscription's days begin at midnight five hours west of Greenwich.
my $wanted = $dbh->selectall_arrayref("SELECT event, visitor_id, account_id, date_trunc('day', at, 'Etc/GMT+5'), count(*)::numeric FROM sent GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4");
is_deeply($dbh->selectall_arrayref($counts), $wanted, 'then every event is counted, by name and day');
cmp_ok(scalar @$wanted, '>', 20, 'and there is much to compare');

my ($first, $last) = $dbh->selectrow_array("SELECT min(first_time), max(last_time) FROM pendo.track_event_counts WHERE event LIKE 'Counted %'");
my ($from, $until) = $dbh->selectrow_array("SELECT date_trunc('milliseconds', min(at)), date_trunc('milliseconds', max(at)) FROM sent");
is("$first .. $last", "$from .. $until", 'first and last time are those of the events');

is($dbh->selectrow_array('SELECT count(*) FROM pendo.track_event_counts a JOIN pendo.track_event_counts b USING (track_type_id, visitor_id, period_start) WHERE a.event IS DISTINCT FROM b.event'),
    0, 'two scans at a time agree');
like(error_of($dbh, 'DELETE FROM pendo.track_event_counts')->{message}, qr/cannot delete from pendo.track_event_counts/, 'it cannot be written');

$simulator->faults({ route => 'GET /api/v1/tracktype', kind => 'garbage', body => '{"no":"list"}', times => 1 });
like(error_of($dbh, $counts)->{message}, qr/cannot make sense of Pendo's answer/, 'a list of types that is none is an error');
is_deeply($dbh->selectall_arrayref($counts), $wanted, 'and the next statement works');

sub iso {
    my ($ms) = @_;
    return POSIX::strftime('%Y-%m-%d %H:%M:%S', gmtime int $ms / 1000) . sprintf '.%03d+00', $ms % 1000;
}

# ---- windows: any condition on period_start, wherever the subscription's days begin

srand(9);
my @visitors = map { sprintf 'v%07d', $_ } 1 .. 5;
my $begin = 1738368000; # 2025-02-01, so that clocks change in the north's spring
my @lines = map {
    my $at = ($begin + int rand 100 * 86400) * 1000;
    sprintf '{"visitorId":"%s","accountId":"a00001","event":"Windowed %d","timestamp":%d}', $visitors[rand @visitors], 1 + rand 3, $at;
} 1 .. 1500;
# on the borders of days and hours themselves, and a millisecond before
for my $minutes (-300, 0, 60, 330, 840) {
    for my $day (0, 27, 37, 99) {
        my $border = ($begin + $day * 86400 - $minutes * 60) * 1000;
        push @lines, map { qq({"visitorId":"v0000009","event":"On the border","timestamp":$_}) } $border - 1, $border, $border + 3_600_000;
    }
}
push @lines, map { qq({"visitorId":"v0000001","event":"$_->[0]","appId":$_->[1],"timestamp":1741000000000}) } ['Both', -323232], ['Both', 6561780136607744], ['Second', 6561780136607744];
my $loaded = $simulator->{http}->post("$simulator->{url}/__sim/load/events", { content => join "\n", @lines });
die "load: $loaded->{status} $loaded->{content}" unless $loaded->{success};
$dbh->do('CREATE TABLE received (visitor_id text, event text, at timestamptz)');
$dbh->do("COPY received FROM STDIN");
$dbh->pg_putcopydata(sprintf "%s\t%s\t%s\n", $_->{visitorId}, $_->{event}, iso($_->{timestamp})) for grep { $_->{appId} == -323232 } @{ $simulator->events };
$dbh->pg_putcopyend;

# What the simulator has received, cut in periods of its own zone.
sub expect_periods {
    my ($unit, $minutes) = @_;
    $dbh->do('DROP TABLE IF EXISTS expected');
    my $zone = "interval '$minutes minutes'";
    $dbh->do("CREATE TABLE expected AS SELECT visitor_id, event, date_trunc('$unit', at AT TIME ZONE $zone) AT TIME ZONE $zone AS period_start, count(*)::bigint AS num_events"
      . ' FROM received GROUP BY 1, 2, 3');
    return;
}

# A moment of the data, mostly one where something happens.
sub moment {
    my ($at) = $dbh->selectrow_array('SELECT period_start FROM expected ORDER BY hashtext(period_start::text || ?) LIMIT 1', undef, rand);
    my $off = ('0', '0', '1 microsecond', '-1 microsecond', '1 millisecond', '7 hours', '-1 day', '90 minutes')[rand 8];
    return "(timestamptz '$at' + interval '$off')";
}

# Pairs of a condition that Pendo is asked by and one that PostgreSQL alone
# looks at, where the first one has no lower border.
sub some_condition {
    my ($a, $b) = (moment(), moment());
    my @kinds = (
        sub { ("period_start >= $a", 'true') },
        sub { ("period_start > $a", 'true') },
        sub { ("period_start < $a", "period_start + interval '0' >= $a - interval '30 days'") },
        sub { ("period_start <= $a", "period_start + interval '0' >= $a - interval '30 days'") },
        sub { ("period_start = $a", 'true') },
        sub { ("period_start BETWEEN least($a, $b) AND greatest($a, $b)", 'true') },
        sub { ("period_start > $a AND period_start < $b", 'true') },
        sub { ("period_start > $a AND period_start <= $a + interval '3 days'", 'true') },
        sub { ("period_start IN ($a, $b, NULL)", 'true') },
        sub { ("(period_start = $a OR period_start BETWEEN $b AND $b + interval '5 days')", 'true') },
        sub { ("NOT (period_start < $a OR period_start > $a + interval '40 days')", 'true') },
        sub { ("(period_start >= $a OR visitor_id = '$visitors[0]')", "period_start + interval '0' >= $a") },
        sub { ("period_start >= $a AND event = 'Windowed 1'", 'true') },
        sub { ("period_start >= $a AND (event IN ('Windowed 1', 'On the border') OR event = 'no such') AND visitor_id <> '$visitors[1]'", 'true') },
    );
    return $kinds[rand @kinds]->();
}

my @zones = ([-300, undef, 'Etc/GMT+5', 'America/New_York'], [0, undef, 'UTC'], [60, undef, 'Europe/Berlin'], [330, undef, 'Asia/Kolkata'], [840, undef, 'Etc/GMT-14']);
for my $unit (qw(day hour)) {
    $dbh->do("CREATE FOREIGN TABLE pendo.per_$unit (visitor_id text, event text, period_start timestamptz, num_events bigint) SERVER pendo"
      . " OPTIONS (object 'track_event_counts', period '$unit')");
    for (@zones) {
        my ($minutes, @names) = @$_;
        $simulator->config(time_zone_minutes => $minutes);
        expect_periods($unit, $minutes);
        for my $name (@names) {
            $dbh->do("ALTER FOREIGN TABLE pendo.per_$unit OPTIONS (ADD time_zone '$name')") if $name;
            my ($rows, @different) = (0);
            for (1 .. 15) {
                my ($asked, $local) = some_condition();
                my $columns = 'visitor_id, event, period_start, num_events';
                my $of = sub { "SELECT $columns FROM $_[0] WHERE $asked AND $local" };
                my ($here, $there) = ($of->('expected'), $of->("pendo.per_$unit"));
                my ($count, $bad) = $dbh->selectrow_array("SELECT (SELECT count(*) FROM ($here) h), (SELECT count(*) FROM (($here EXCEPT ALL $there) UNION ALL ($there EXCEPT ALL $here)) d)");
                $rows += $count;
                push @different, "$bad of $count: $asked" if $bad;
            }
            is_deeply(\@different, [], "per $unit, $minutes minutes, " . ($name // 'an unknown zone') . ": $rows rows as received");
            $dbh->do("ALTER FOREIGN TABLE pendo.per_$unit OPTIONS (DROP time_zone)") if $name;
        }
    }
}
$simulator->config(time_zone_minutes => -300);
expect_periods('day', -300);

# ---- the calls

sub calls_of {
    my ($sql) = @_;
    my ($before) = map { $_->{seq} } $simulator->requests->[-1];
    my $rows = $dbh->selectall_arrayref($sql);
    return ($rows, grep { $_->{seq} > $before } @{ $simulator->requests });
}

my $month = "period_start >= '2025-02-01' AND period_start < '2025-06-01'";
my $everything = 'SELECT visitor_id, event, period_start, num_events FROM %s ORDER BY 1, 2, 3';
my ($rows, @calls) = calls_of(sprintf $everything, "pendo.per_day WHERE $month");
is_deeply($rows, $dbh->selectall_arrayref(sprintf $everything, "expected WHERE $month"), 'four months are all there');
my @series = map { $_->{source}{timeSeries} } map { JSON::XS::decode_json($_->{body})->{request}{pipeline}[0] } grep { $_->{method} eq 'POST' } @calls;
is(scalar @series, 5, 'they are read by five calls');
is(scalar(grep { $_->{last} - $_->{first} > 30 * 86_400_000 } @series), 0, 'of at most 30 days');
is(scalar(grep { $_->{method} eq 'GET' } @calls), 1, 'the names are asked for once');

$simulator->faults({ route => 'POST /api/v1/aggregation', skip => 2, times => 1, kind => 'status', status => 503 });
is_deeply((calls_of(sprintf $everything, "pendo.per_day WHERE $month"))[0], $rows, 'a call that fails is made again, by itself');
$simulator->faults();

for my $nothing ('period_start = NULL::timestamptz', "period_start > '2025-03-01' AND period_start < '2025-02-01'", "period_start > 'infinity'",
    "period_start > '2025-02-01' AND visitor_id = (SELECT NULL::text)", "period_start > (SELECT NULL::timestamptz)", "event = (SELECT NULL::text)") {
    my ($none, @made) = calls_of("SELECT visitor_id FROM pendo.per_day WHERE $nothing");
    is(@$none + @made, 0, "no row and no call: $nothing");
}
(my $none, @calls) = calls_of("SELECT num_events FROM pendo.per_day WHERE event = 'no such'");
is(join(',', map { $_->{path} } @calls), '/api/v1/tracktype', 'an unknown event is known to be unknown');
(my $sum, @calls) = calls_of("SELECT sum(num_events) FROM pendo.per_day WHERE $month");
is($sum->[0][0], $dbh->selectrow_array("SELECT sum(num_events) FROM expected WHERE $month"), 'all events are counted');
is(scalar(grep { $_->{method} eq 'GET' } @calls), 0, 'without their names these are not asked for');

# what is written in a prepared statement is evaluated when it runs
$dbh->do('SET plan_cache_mode = force_generic_plan');
$dbh->do('PREPARE since (timestamptz, interval) AS SELECT sum(num_events) FROM pendo.per_day WHERE period_start >= $1 AND period_start < $1 + $2');
for my $from ('2025-02-10', '2025-03-20') {
    my ($here) = $dbh->selectrow_array("SELECT sum(num_events) FROM expected WHERE period_start >= '$from' AND period_start < timestamptz '$from' + interval '9 days'");
    is($dbh->selectrow_array("EXECUTE since ('$from', '9 days')"), $here, "a prepared statement reads from $from");
}
$dbh->do('DEALLOCATE since');

# a nested loop starts the scan again, with another window each time
$dbh->do('SET enable_hashjoin = off');
$dbh->do('SET enable_mergejoin = off');
is_deeply($dbh->selectall_arrayref("SELECT d::date, (SELECT sum(num_events) FROM pendo.per_day WHERE period_start >= d AND period_start < d + interval '2 days') FROM generate_series(timestamptz '2025-02-05', '2025-04-30', '21 days') d"),
    $dbh->selectall_arrayref("SELECT d::date, (SELECT sum(num_events) FROM expected WHERE period_start >= d AND period_start < d + interval '2 days') FROM generate_series(timestamptz '2025-02-05', '2025-04-30', '21 days') d"),
    'a window for each row of another table');

# Pendo's documents demand an id of a type where counts are per hour
$simulator->config(hour_range_needs_id => 'yes');
cmp_ok($dbh->selectrow_array("SELECT count(*) FROM pendo.per_hour WHERE event = 'Windowed 2' AND $month"), '>', 100, 'with an event it is sent');
like(error_of($dbh, "SELECT * FROM pendo.per_hour WHERE $month")->{text}, qr/must be specified with hourRange/, 'without one Pendo says so');
$simulator->config(hour_range_needs_id => 'no');

# ---- apps: a visitor by itself is there if and only if the whole has it

$simulator->config(visitors_app_id => 'restrict');
my $all = $dbh->selectcol_arrayref('SELECT visitor_id FROM pendo.visitors');
$dbh->do("ALTER FOREIGN TABLE pendo.visitors OPTIONS (ADD app_id '6561780136607744')");
my $of_app = $dbh->selectcol_arrayref('SELECT visitor_id FROM pendo.visitors ORDER BY 1');
cmp_ok(scalar @$of_app, '>', 0, 'a second app has visitors');
cmp_ok(scalar @$of_app, '<', scalar @$all, 'but not all');
my @alone = map { @{ $dbh->selectcol_arrayref('SELECT visitor_id FROM pendo.visitors WHERE visitor_id = ?', undef, $_) } } sort @$all;
is_deeply(\@alone, $of_app, 'and each of them can be looked up, the others cannot');
is_deeply($dbh->selectcol_arrayref('SELECT visitor_id FROM pendo.visitors WHERE visitor_id = ANY (?) ORDER BY 1', undef, $all), $of_app, 'nor by a list');
is($dbh->selectrow_array('SELECT count(*) FROM pendo.visitors'), scalar @$of_app, 'a count is of the same');
$dbh->do('ALTER FOREIGN TABLE pendo.visitors OPTIONS (DROP app_id)');

# the second app's events have names of their own
$dbh->do('DROP FOREIGN TABLE pendo.per_day');
for my $apps ('default', '6561780136607744', '-323232, 6561780136607744', '*') {
    $dbh->do("CREATE FOREIGN TABLE pendo.per_day (event text, app_id text, num_events bigint, period_start timestamptz) SERVER pendo OPTIONS (object 'track_event_counts', app_id '$apps')");
    my ($events, @made) = calls_of("SELECT DISTINCT app_id, event FROM pendo.per_day WHERE $month AND event IN ('Both', 'Second') ORDER BY 1, 2");
    my %of = ('default' => [['-323232', 'Both']], '6561780136607744' => [['6561780136607744', 'Both'], ['6561780136607744', 'Second']]);
    my $wanted = $of{$apps} // [['-323232', 'Both'], @{ $of{'6561780136607744'} }];
    is_deeply($events, $wanted, "events of app_id '$apps'");
    my ($unnamed) = $dbh->selectrow_array("SELECT count(*) FROM pendo.per_day WHERE $month AND event IS NULL");
    is($unnamed, 0, 'all of their names are known');
    $dbh->do('DROP FOREIGN TABLE pendo.per_day');
}

done_testing();
