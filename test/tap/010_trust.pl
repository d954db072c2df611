# Whose key is used, and what is said when Pendo's answers do not add up.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 100, '--accounts', 5, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 1);
$dbh->do($_) for 'CREATE ROLE alice', 'GRANT USAGE ON SCHEMA pendo TO alice', 'GRANT ALL ON ALL TABLES IN SCHEMA pendo TO alice';

# ---- a cached plan is run with the key of whoever runs it ---------------

$dbh->do($_) for 'SET plan_cache_mode = force_generic_plan',
  "PREPARE p AS SELECT visitor_id FROM pendo.visitors WHERE visitor_id = 'v0000003'",
  "PREPARE u AS UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000003'";
is($dbh->selectrow_array('EXECUTE p'), 'v0000003', 'with its own key');
$dbh->do('EXECUTE u');
$dbh->do('SET ROLE alice');
like(error_of($dbh, 'EXECUTE p')->{message}, qr/^no integration key/, 'a cached SELECT does not lend it to another role');
like(error_of($dbh, 'EXECUTE u')->{message}, qr/^no integration key/, 'nor does a cached UPDATE');
$dbh->do('RESET ROLE');

# A view's owner lends it, as with any table.
$dbh->do($_) for 'CREATE VIEW pendo.v AS SELECT visitor_id FROM pendo.visitors', 'GRANT SELECT ON pendo.v TO alice', 'SET ROLE alice';
is($dbh->selectrow_array('SELECT count(*) FROM pendo.v'), 100, 'a view reads with its owner\'s key');
$dbh->do('RESET ROLE');
$dbh->do($_) for 'CREATE TABLE pendo.parted (visitor_id text, event text) PARTITION BY LIST (event)',
  "CREATE FOREIGN TABLE pendo.part PARTITION OF pendo.parted DEFAULT SERVER pendo OPTIONS (object 'track_events')",
  'CREATE VIEW pendo.pv AS SELECT * FROM pendo.parted', 'GRANT INSERT ON pendo.pv TO alice', 'SET ROLE alice';
$dbh->do("WITH w AS (SELECT 1) INSERT INTO pendo.pv SELECT 'v0000001', 'Routed' FROM w");
is(scalar(grep { $_->{event} eq 'Routed' } @{ $simulator->events }), 1, 'rows routed through a view are sent with its owner\'s secret');
$dbh->do('RESET ROLE');

# ---- a changed key counts from the next statement on --------------------

my $other = $cluster->session;
$dbh->do($_) for 'BEGIN', "DECLARE c CURSOR FOR SELECT visitor_id FROM pendo.visitors WHERE visitor_id = 'v0000001'";
$other->do("ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (SET integration_key 'wrong-key')");
$dbh->do($_) for 'SELECT count(*) FROM pg_class', 'FETCH 1 FROM c', 'COMMIT';
is(error_of($dbh, "SELECT * FROM pendo.visitors WHERE visitor_id = 'v0000002'")->{state}, '42501', 'a key that was changed under a cursor');
$other->do("ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (SET integration_key 'sim-write-key')");
is($dbh->selectrow_array("SELECT visitor_id FROM pendo.visitors WHERE visitor_id = 'v0000002'"), 'v0000002', 'and changed back');

# ---- servers that are gone leave nothing open ---------------------------

sub descriptors { return $dbh->selectrow_array(q{SELECT count(*) FROM pg_ls_dir('/proc/self/fd')}) }
my $before = descriptors();
for my $n (1 .. 20) {
    $dbh->do($_) for "CREATE SERVER s$n FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url '$simulator->{url}')",
      "CREATE USER MAPPING FOR postgres SERVER s$n OPTIONS (integration_key 'sim-read-key')",
      "CREATE FOREIGN TABLE t$n (visitor_id text) SERVER s$n OPTIONS (object 'visitors')";
    is($dbh->selectrow_array("SELECT visitor_id FROM t$n WHERE visitor_id = 'v0000001'"), 'v0000001', "server $n") if $n == 20;
    $dbh->selectall_arrayref("SELECT visitor_id FROM t$n WHERE visitor_id = 'v0000001'");
    $dbh->do("DROP SERVER s$n CASCADE");
}
cmp_ok(descriptors(), '<=', $before + 6, 'no descriptors of dropped servers');

# ---- information_schema does not depend on anybody's options ------------

$dbh->do("CREATE FOREIGN TABLE pendo.broken (visitor_id text OPTIONS (path 'nowhere')) SERVER pendo OPTIONS (object 'visitors')");
is($dbh->selectrow_array("SELECT count(*) FROM information_schema.columns WHERE table_schema = 'pendo' AND table_name = 'broken'"), 1, 'a wrong table is listed all the same');
is($dbh->selectrow_array("SELECT pg_relation_is_updatable('pendo.visitors', false)"), 4, 'visitors take UPDATE');
is($dbh->selectrow_array("SELECT pg_relation_is_updatable('pendo.track_events', false)"), 8, 'track events take INSERT');

# ---- answers that do not add up -----------------------------------------

sub answer { my ($body, %more) = @_; $simulator->faults({ route => 'POST /api/v1/metadata/visitor/*', kind => 'garbage', body => $body, %more }) }
my $ten = "UPDATE pendo.visitors v SET custom_plan = 'y' FROM generate_series(10, 19) n WHERE v.visitor_id = 'v00000' || n";

my $one = "UPDATE pendo.visitors SET custom_plan = 'y', agent_role = 'z' WHERE visitor_id = 'v0000011'";
my $forty = "UPDATE pendo.visitors v SET custom_plan = 'y' FROM generate_series(10, 49) n WHERE v.visitor_id = 'v00000' || n";

for my $case (
    ['{"total":1,"updated":0}',              $one,  qr/of 1 visitors, 1 refused as invalid\nDETAIL:  Invalid: v0000011: (?:custom|agent): Pendo does not say why/],
    ['{"total":1}',                          $one,  qr/of 1 visitors, 1 uncertain/],
    ['{"total":9,"updated":9,"failed":0}',   $ten,  qr/of 10 visitors, 10 uncertain\n/],
    ['{"total":1,"updated":0,"failed":1,"missing":[],"errors":[{"id":"v0000011","message":"bad key sim-write-key"}]}', $one,
        qr/of 1 visitors, 1 refused as invalid\nDETAIL:  Invalid: v0000011: (?:custom|agent): .*bad key \*\*\*/],
) {
    my ($body, $sql, $expected) = @$case;
    answer($body);
    my @notices = notices_of($dbh, $sql);
    is(scalar @notices, 1, "$body: one message");
    like($notices[0] // '', $expected, "$body: what it says");
}
answer('{"what":1}');
like(error_of($dbh, $forty)->{message}, qr/cannot make sense of Pendo's answer/, 'answers that never say anything are an error');

# ---- pages that go round ------------------------------------------------

$simulator->faults({ route => 'POST /api/v1/aggregation', kind => 'garbage', body => '{"results":[{"a":"v1"},{"a":"v2"}]}' });
$dbh->do($_) for "CREATE FOREIGN TABLE ids (visitor_id text) SERVER pendo OPTIONS (object 'visitors', page_size '2')";
$simulator->faults({ route => 'POST /api/v1/aggregation', kind => 'garbage', body => '{"results":[{"a":"v1","b":"v1"},{"a":"v2","b":"v2"}]}' });
like(error_of($dbh, 'SELECT * FROM ids')->{message}, qr/it lists "v1" twice/, 'the same page again and again is an error');
$simulator->reset;

# ---- an order that rests on a promise which is not kept -----------------

$dbh->do($_) for "CREATE FOREIGN TABLE promised (visitor_id text, seats integer OPTIONS (path 'custom.seats', strict_type 'true'), seats_text text OPTIONS (path 'custom.seats')) SERVER pendo OPTIONS (object 'visitors', page_size '30')",
  "UPDATE promised SET seats_text = '7' WHERE visitor_id = 'v0000042'";
my $in_order = 'SELECT visitor_id, seats FROM promised ORDER BY seats, visitor_id';
my $error = error_of($dbh, $in_order);
is($error->{state}, '42804', 'a text among the numbers that are sorted by is an error');
like($error->{message}, qr/^Pendo cannot sort by column "seats" of public\.promised: what it holds in "metadata\.custom\.seats" of "v0000042" is not of the column's type$/, 'that names column and record');
like($error->{detail}, qr/strict_type 'true' promises that Pendo has values of type integer/, 'and the promise');
like($error->{hint}, qr/DROP strict_type.*SET pendo_fdw\.pushdown = off/, 'and what to do');
$dbh->do("ALTER FOREIGN TABLE promised OPTIONS (ADD on_bad_value 'null')");
$dbh->do("UPDATE promised SET seats_text = 'seven' WHERE visitor_id = 'v0000042'");
is(error_of($dbh, $in_order), undef, 'one that is NULL here has its place among the nulls');
$dbh->do('SET pendo_fdw.pushdown = off');
my $sorted_here = $dbh->selectcol_arrayref($in_order);
$dbh->do('RESET pendo_fdw.pushdown');
is_deeply($dbh->selectcol_arrayref($in_order), $sorted_here, 'the same as where it is sorted here');
$dbh->do("ALTER FOREIGN TABLE promised ALTER COLUMN seats OPTIONS (SET path 'custom.score')");
like(error_of($dbh, $in_order)->{message}, qr/^Pendo cannot sort by column "seats"/, 'a number that the column cannot hold is no null there, and an error');
$simulator->reset;

# ---- an event that may have been taken twice ----------------------------

$simulator->faults({ route => 'POST /data/track', kind => 'reset_after', times => 1 });
my @notices = notices_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event) SELECT 'v0000001', 'e' || n FROM generate_series(1, 30) n");
like("@notices", qr/of 30 track events, 1 sent again after an answer was lost, so that they may count twice/, 'is told');
is(scalar @{ $simulator->events }, 31, 'and was');
$simulator->reset;
$simulator->faults({ route => 'POST /data/track', kind => 'status', status => 413, times => 1 });
@notices = notices_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event) SELECT 'v0000001', 'e' || n FROM generate_series(1, 30) n");
like("@notices", qr/of 30 track events, 1 refused as invalid/, 'a 413 is about one event');
is(scalar @{ $simulator->events }, 29, 'and the others arrive');

# ---- a source that is slower than request_timeout -----------------------

$simulator->reset;
$dbh->do("ALTER SERVER pendo OPTIONS (ADD request_timeout '500ms')");
@notices = notices_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event) SELECT 'v0000001', 'slow' || n FROM (SELECT n, pg_sleep(0.8) FROM generate_series(1, 4) n) s");
is_deeply(\@notices, [], 'nothing is sent again');
is(scalar @{ $simulator->events }, 4, 'and each event arrives once');
@notices = notices_of($dbh, "UPDATE pendo.visitors v SET custom_plan = s.n::text FROM (SELECT n, pg_sleep(0.8) FROM generate_series(1, 3) n) s WHERE v.visitor_id = 'v000000' || s.n");
is($simulator->record('visitor', 'v0000003')->{metadata}{custom}{plan}, '3', 'nor does a slow UPDATE time out');

done_testing();
