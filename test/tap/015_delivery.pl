# When records leave, what becomes of each, and what is remembered of it: delivery
# 'commit' and 'statement', dry runs, only_changes, limits, rejects and runs.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 3_000, '--accounts', 20, '--clean');
my $cluster = start_cluster(conf => ['max_prepared_transactions = 2']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, request_timeout => '1500ms', max_retries => 2);
$dbh->do("CREATE TABLE source AS SELECT 'v' || lpad(n::text, 7, '0') AS id, 'plan ' || n AS plan, n AS seats FROM generate_series(1, 2500) n");

my $bulk = 'POST /api/v1/metadata/visitor/custom/value';
my $sync = 'UPDATE pendo.visitors v SET custom_plan = s.plan, custom_seats = s.seats FROM source s WHERE v.visitor_id = s.id';

sub calls { return $simulator->stats->{$bulk} // 0 }
sub stored { my ($id, $field) = @_; return $simulator->record('visitor', $id)->{metadata}{custom}{$field} }
sub option { my ($set) = @_; $dbh->do("ALTER FOREIGN TABLE pendo.visitors OPTIONS ($set)"); return }
sub plan_to { my ($n, $plan) = @_; $dbh->do("UPDATE pendo.visitors SET custom_plan = '$plan' WHERE visitor_id = 'v000000$n'"); return }
sub last_run { return $dbh->selectrow_hashref('SELECT * FROM pendo_fdw_last_run()') }
sub fresh { $simulator->reset; $dbh->do('SELECT pendo_fdw_prune(interval \'0\')'); return }

# ---- nothing leaves before the commit ------------------------------------

$dbh->begin_work;
plan_to($_, 'kept') for 1 .. 3;
is(calls(), 0, 'no call before COMMIT');
$dbh->rollback;
is(calls(), 0, 'none after ROLLBACK');

$dbh->begin_work;
plan_to(1, 'first');
$dbh->do('SAVEPOINT a');
plan_to(2, 'dropped');
$dbh->do('SAVEPOINT b');
plan_to(3, 'dropped');
$dbh->do('RELEASE b');
$dbh->do('ROLLBACK TO a');
plan_to(4, 'after');
$dbh->do(q{DO $$ BEGIN UPDATE pendo.visitors SET custom_plan = 'caught' WHERE visitor_id = 'v0000005'; PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END $$});
$dbh->do("UPDATE pendo.visitors SET custom_seats = 7 WHERE visitor_id = 'v0000001'");
my @notices = notices_of($dbh, 'COMMIT');
$dbh->{AutoCommit} = 1;
is(calls(), 1, 'one call for what is left');
is_deeply([map { stored("v000000$_", 'plan') } 1, 4], ['first', 'after'], 'with what was not rolled back');
isnt(stored("v000000$_", 'plan'), 'dropped', "v000000$_ was rolled back") for 2, 3;
isnt(stored('v0000005', 'plan'), 'caught', 'what an exception block undoes is not sent');
is(stored('v0000001', 'seats'), 7, 'two updates of one id are one record');
like("@notices", qr/1 given more than once/, 'which is told');

$dbh->do(q{CREATE PROCEDURE steps() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 6 .. 8 LOOP UPDATE pendo.visitors SET custom_plan = 'step' WHERE visitor_id = 'v000000' || i; COMMIT; END LOOP; END $$});
fresh();
$dbh->do('CALL steps()');
is(calls(), 3, 'a procedure that commits sends at each COMMIT');

# ---- what cannot be, is refused ------------------------------------------

$dbh->begin_work;
plan_to(1, 'unsent');
is(error_of($dbh, 'SELECT count(*) FROM pendo.visitors')->{state}, '55000', 'a scan that could not see unsent records is refused');
$dbh->rollback;
$dbh->begin_work;
plan_to(1, 'unsent');
is($dbh->selectrow_array('SELECT count(*) FROM pendo.accounts'), 20, 'another object may be read');
like(error_of($dbh, q{PREPARE TRANSACTION 'x'})->{message}, qr/cannot prepare a transaction that has records/, 'PREPARE is refused');
$dbh->rollback;

for my $delivery ('commit', 'statement') {
    option("ADD delivery '$delivery', ADD on_duplicate 'error'");
    fresh();
    my $error = error_of($dbh, "UPDATE pendo.visitors v SET custom_plan = s.plan FROM source s, generate_series(1, 2) WHERE v.visitor_id = s.id");
    like($error->{message}, qr/more than one update of "v0000001"/, "$delivery: on_duplicate 'error' refuses");
    is(calls(), 0, "$delivery: before anything is sent");
    option('DROP delivery, DROP on_duplicate');
}

# ---- an error at commit --------------------------------------------------

fresh();
$dbh->do("CREATE TABLE here (n int)");
$simulator->faults({ route => $bulk, skip => 1, kind => 'status', status => 403, body => '' });
option("ADD concurrency '1'");
my $error = error_of($dbh, "WITH w AS (INSERT INTO here VALUES (1)) $sync");
is($error->{state}, '42501', 'a refused key: the transaction fails');
like($error->{context}, qr/1000 records were taken and stay as they are now \(first: v0000001; v0000002;/, 'and tells what was taken');
is($dbh->selectrow_array('SELECT count(*) FROM here'), 0, 'what it did here is gone');
wait_until('the row of the failed run', 30, sub { $dbh->selectrow_array("SELECT count(*) FROM pendo_fdw_runs WHERE status = 'failed'") == 1 });
my $failed = $dbh->selectrow_hashref("SELECT * FROM pendo_fdw_runs WHERE status = 'failed'");
is_deeply([@$failed{qw(applied sqlstate table_name)}], [1000, '42501', 'pendo.visitors'], 'with its counts');
$simulator->faults;
$dbh->do($sync);
is_deeply([map { stored($_, 'plan') } 'v0000001', 'v0002500'], ['plan 1', 'plan 2500'], 'the same statement again completes it');

fresh();
option("ADD delivery_timeout '700ms'");
$simulator->faults({ route => $bulk, kind => 'stall_before', ms => 60_000 });
$error = error_of($dbh, $sync);
is($error->{state}, '57014', 'delivery_timeout ends a commit that takes too long');
like($error->{message}, qr/delivery_timeout/, 'by its name');
option('DROP delivery_timeout');

# ---- each record has one outcome -----------------------------------------

fresh();
$simulator->faults;
$dbh->do("UPDATE source SET id = 'nobody ' || seats WHERE seats IN (10, 20)");
for my $delivery ('commit', 'statement') {
    option("ADD delivery '$delivery'");
    fresh();
    @notices = notices_of($dbh, $sync);
    like("@notices", qr/of 2500 visitors, 2 not known to Pendo/, "$delivery: ids that Pendo does not know are told");
    is_deeply([@{ last_run() }{qw(records applied missing invalid uncertain status)}], [2500, 2498, 2, 0, 0, 'done'], "$delivery: and counted");
    is_deeply($dbh->selectall_arrayref('SELECT id, reason, values->\'custom\'->>\'seats\' FROM pendo_fdw_rejects ORDER BY id'),
        [['nobody 10', 'missing', 10], ['nobody 20', 'missing', 20]], "$delivery: and kept, with their values");
    option('DROP delivery');
}

# A call that is refused for one record is made again in halves.
fresh();
$dbh->do("UPDATE source SET id = 'v' || lpad(seats::text, 7, '0')");
$simulator->faults({ route => $bulk, skip => 1, times => 1, kind => 'status', status => 400, body => 'malformed' });
@notices = notices_of($dbh, $sync);
is_deeply(\@notices, [], 'a 400 once: nothing is lost');
is(last_run()->{calls}, 5, 'for two calls more');

fresh();
$simulator->faults({ route => $bulk, kind => 'status', status => 400, body => 'malformed' });
is_deeply([notices_of($dbh, "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000001'")],
    ["WARNING:  pendo.visitors: of 1 visitors, 1 refused as invalid\nDETAIL:  Invalid: v0000001: custom: 400 malformed.\n"], 'a record that is refused by itself is a reject');
is($dbh->selectrow_array('SELECT reason FROM pendo_fdw_rejects'), 'invalid', 'that is remembered');
$simulator->faults;
$dbh->do(<<'SQL');
UPDATE pendo.visitors v SET custom_plan = r.values->'custom'->>'plan' FROM pendo_fdw_rejects r
 WHERE r.object = 'visitors' AND r.reason = 'invalid' AND v.visitor_id = r.id
SQL
is(stored('v0000001', 'plan'), 'x', 'sent again by one statement');
is($dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_rejects'), 0, 'it is no reject any more');

for my $case (['0', qr/2 of 12 records are not known to Pendo/], ['1', qr/more than missing_limit allows \(1\)/], ['10%', qr/\(10%\)/], ['2', undef], ['20%', undef]) {
    my ($limit, $expected) = @$case;
    fresh();
    option("ADD missing_limit '$limit'");
    my $refusal = error_of($dbh, "UPDATE pendo.visitors v SET custom_plan = 'l' FROM (SELECT id FROM source LIMIT 10) s FULL JOIN (VALUES ('no 1'), ('no 2')) n (id) USING (id) WHERE v.visitor_id = id");
    my $message = $refusal && $refusal->{message};
    $expected ? like($message // '', $expected, "missing_limit $limit: an ERROR") : is($message, undef, "missing_limit $limit: holds");
    option('DROP missing_limit');
}

# ---- dry run -------------------------------------------------------------

fresh();
for my $delivery ('commit', 'statement') {
    option("ADD delivery '$delivery'");
    $dbh->do('SET pendo_fdw.dry_run = on');
    $dbh->begin_work;
    $dbh->do($sync);
    my $shown = $dbh->selectall_arrayref('SELECT url, body FROM pendo_fdw_dry_run() ORDER BY seq');
    @notices = notices_of($dbh, 'COMMIT');
    $dbh->{AutoCommit} = 1;
    like("@notices", qr/NOTICE:  dry run: 2500 records for pendo.visitors in 3 calls were not sent/, "$delivery: a dry run says so");
    is(calls(), 0, "$delivery: and sends nothing");
    $dbh->do('RESET pendo_fdw.dry_run');
    $dbh->do($sync);
    my @sent = grep { $_->{path} =~ /custom/ } @{ $simulator->requests };
    is_deeply([sort map { $_->[1] } @$shown], [sort map { $_->{body} } @sent], "$delivery: it shows the very bodies");
    is($dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_runs'), 1, "$delivery: it is no run");
    option('DROP delivery');
    fresh();
}

# ---- only changes --------------------------------------------------------

$dbh->do($sync);
option("ADD only_changes 'true'");
fresh();
$dbh->do($sync);
$dbh->do($sync);
is(calls(), 3, 'only_changes: of two runs the second sends nothing');
is(last_run()->{unchanged}, 2500, 'and tells how many are as they should be');
$dbh->do('UPDATE source SET seats = -seats WHERE seats % 100 = 0');
$dbh->do($sync);
my ($body) = map { $_->{body} } grep { $_->{path} =~ /custom/ } reverse @{ $simulator->requests };
is(scalar(() = $body =~ /"seats":-\d+00\b/g), 25, 'after 1 % has changed: those');
unlike($body, qr/plan/, 'and of these the field that has changed');
option('DROP only_changes');
$dbh->do('PREPARE again AS ' . $sync);
$dbh->do('EXECUTE again') for 1 .. 6;
my $before = calls();
$dbh->do('SET pendo_fdw.only_changes = on');
$dbh->do('EXECUTE again');
is(calls(), $before, 'a prepared statement learns of the setting');
$dbh->do('RESET pendo_fdw.only_changes');

# ---- rejects of events ---------------------------------------------------

# Three that differ in their properties alone; the first two are refused.
fresh();
my $events = <<'SQL';
INSERT INTO pendo.track_events (visitor_id, event, occurred_at, properties)
SELECT 'v0000001', 'E', '2026-01-01 00:00Z', jsonb_build_object('n', n) FROM generate_series(%d, %d) n
SQL
$simulator->faults({ route => 'POST /data/track', times => 2, kind => 'status', status => 400, body => 'no' });
$dbh->do(sprintf $events, 1, 3);
my $rejects = sub { return $dbh->selectcol_arrayref("SELECT values -> 'properties' ->> 'n' FROM pendo_fdw_rejects WHERE object = 'track_events' ORDER BY 1") };
my ($taken) = map { $_->{properties}{n} } @{ $simulator->events };
my @refused = grep { $_ != $taken } 1 .. 3;
is_deeply($rejects->(), \@refused, 'a row for each event that was refused, alike as they are');
$dbh->do(sprintf $events, $taken, $taken);
is_deeply($rejects->(), \@refused, 'an event that was not refused takes no row away');
$dbh->do(sprintf $events, $refused[0], $refused[0]);
is_deeply($rejects->(), [$refused[1]], 'the same event sent again does');
$simulator->reset;
$dbh->do(<<'SQL');
INSERT INTO pendo.track_events (visitor_id, account_id, event, occurred_at, properties)
SELECT r.values ->> 'visitorId', r.values ->> 'accountId', r.values ->> 'event',
       to_timestamp((r.values ->> 'timestamp')::numeric / 1000), r.values -> 'properties'
  FROM pendo_fdw_rejects r WHERE r.server = 'pendo' AND r.object = 'track_events'
SQL
is_deeply([map { [@$_{qw(visitorId event timestamp)}, $_->{properties}{n}] } @{ $simulator->events }], [['v0000001', 'E', 1767225600000, $refused[1]]],
    'and so it is sent out of the ledger');
is_deeply($rejects->(), [], 'which is empty then');

# An event with a value that cannot be sent is kept without that value.
fresh();
$dbh->do(<<'SQL');
INSERT INTO pendo.track_events (visitor_id, event, occurred_at, properties, ip) VALUES ('v0000001', 'E', 'infinity', '{"n": 1}', '192.0.2.1')
SQL
is_deeply($dbh->selectrow_arrayref(q{SELECT reason, message ~ '^timestamp: ', values = '{"type": "track", "event": "E", "visitorId": "v0000001", "properties": {"n": 1}, "context": {"ip": "192.0.2.1"}}' FROM pendo_fdw_rejects}),
    ['invalid', 1, 1], 'an event with a bad value is a reject with all others');

# ---- creating ------------------------------------------------------------

fresh();
option("ADD create_missing 'true'");
$dbh->do("INSERT INTO pendo.visitors (visitor_id, custom_plan) VALUES ('brand new', 'a'), ('v0000002', 'b')");
is_deeply([stored('brand new', 'plan'), stored('v0000002', 'plan')], ['a', 'b'], 'create_missing: INSERT creates and updates');
$dbh->do("UPDATE pendo.visitors SET custom_plan = 'c' WHERE visitor_id = 'still unknown'");
is(last_run()->{missing}, 1, 'UPDATE does not create');
like(error_of($dbh, "INSERT INTO pendo.visitors (custom_plan) VALUES ('x')")->{message}, qr/without column "visitor_id"/, 'the id must be named');
like(error_of($dbh, "INSERT INTO pendo.visitors (visitor_id) VALUES ('x') ON CONFLICT DO NOTHING")->{message}, qr/ON CONFLICT/, 'ON CONFLICT is refused');
$dbh->do('ALTER FOREIGN TABLE pendo.visitors ADD COLUMN custom_brandnew bigint, ADD COLUMN custom_since timestamptz');
like(error_of($dbh, "UPDATE pendo.visitors SET custom_brandnew = 1 WHERE visitor_id = 'v0000001'")->{message}, qr/Pendo has no visitor field "custom.brandnew"/, 'a field that is not there is not written');
option("ADD create_fields 'true'");
$dbh->do("UPDATE pendo.visitors SET custom_brandnew = 1, custom_since = '2025-01-31 12:00+00' WHERE visitor_id = 'v0000001'");
is(stored('v0000001', 'brandnew'), 1, 'create_fields makes it');
is_deeply([map { $_->{body} } grep { $_->{path} =~ /schema/ && $_->{method} eq 'POST' } @{ $simulator->requests }],
    ['[{"name":"brandnew","displayname":"brandnew","type":"number"},{"name":"since","displayname":"since","type":"time"}]'], 'with the types of the columns');

done_testing();
