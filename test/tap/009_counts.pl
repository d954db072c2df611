# track_event_counts: what was sent comes back as counts per visitor and day,
# with the events' names, once Pendo has processed it.
use strict;
use warnings;

use FindBin;
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

done_testing();
