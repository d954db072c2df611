# What a delivery meets besides good answers: rows put back behind newer ones, roles
# that fail beside others that do not, outages, cancels at a bad moment, settings that
# stand in the way, schemas that are renamed.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoOutbox;
use PendoTest;
use DBD::Pg qw(:async);
use Test::More;
use Time::HiRes qw(sleep time);

my $simulator = start_simulator('--visitors', 3_000, '--accounts', 50, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, delivery => 'outbox', max_retries => 0);

outbox_of(\$dbh, $simulator);

sub deliver { my ($session) = @_; return error_of($session // $dbh, 'CALL pendo_fdw_deliver()') }
sub fails_with { my ($status, %more) = @_; $simulator->faults({ route => $bulk, kind => 'status', status => $status, body => 'no', %more }); return }
sub requeue { return value("SELECT pendo_fdw_requeue('pendo')") }
sub steps { my ($count) = @_; $dbh->do("INSERT INTO pendo.track_events (visitor_id, event, properties) SELECT 'v1', 'Step', jsonb_build_object('n', n) FROM generate_series(1, $count) n"); return }
sub step_counts { my %count; ++$count{ $_->{properties}{n} } for @{ $simulator->events }; return %count }

# ---- put back, behind what came later ------------------------------------

fails_with(400, times => 1);
plan_to(1, 'older');
deliver();
fails_with(503, times => 1);
plan_to(1, 'newer');
deliver();
is(requeue(), 1, 'a dead letter is put back while a later row of its id waits for another attempt');
is(deliver(), undef, 'both are delivered');
is(stored('v0000001', 'plan'), 'newer', 'in their order');
is(waiting() . dead(), '0', 'and nothing is left');

clean_outbox();
fails_with(400, times => 1);
plan_to(2, 'older');
deliver();
fails_with(503, times => 1);
plan_to(2, 'newer');
deliver();
requeue();
fails_with(400, times => 1);
deliver();
is(dead(), 'v0000002:invalid', 'refused, they are one dead letter');
requeue();
deliver();
is(stored('v0000002', 'plan'), 'newer', 'with the newer value');

clean_outbox();
$dbh->do("CREATE FOREIGN TABLE maker (visitor_id text, custom_plan text, custom_seats int) SERVER pendo OPTIONS (object 'visitors', create_missing 'true')");
$simulator->faults({ route => 'POST /api/v1/metadata/*', kind => 'status', status => 400, body => 'no', contains => 'brandnew' });
$dbh->do("INSERT INTO maker (visitor_id, custom_plan) VALUES ('brandnew', 'a')");
deliver();
is(dead(), 'brandnew:invalid', 'a record that was to be created is refused');
$simulator->faults;
$dbh->do("UPDATE pendo.visitors SET custom_plan = 'b' WHERE visitor_id = 'brandnew'");
deliver();
is(dead(), 'brandnew:invalid brandnew:missing', 'an update that does not find it leaves it in its place');
is(requeue(), 2, 'both are put back');
deliver();
is(stored('brandnew', 'plan'), 'b', 'the record is created, with the later value');

$dbh->begin_work;
is(error_of($dbh, "SELECT pendo_fdw_requeue('pendo')")->{state}, '25001', 'nobody holds deliveries up by a requeue that does not end');
$dbh->rollback;

# rows that went out together come back together, and the older one not alone
clean_outbox();
plan_to(3, "value $_") for 1 .. 8;
fails_with(503, times => 1);
deliver();
is(value('SELECT count(DISTINCT next_attempt) FROM pendo_fdw_queue'), 1, 'rows of one record have one next attempt');

# ---- one role's trouble is not another's ---------------------------------

clean_outbox();
$dbh->do($_) for 'CREATE ROLE sync LOGIN', 'CREATE ROLE other LOGIN', 'GRANT USAGE ON FOREIGN SERVER pendo TO sync, other', 'GRANT USAGE ON SCHEMA pendo TO sync, other',
  'GRANT ALL ON ALL TABLES IN SCHEMA pendo TO sync, other', "CREATE USER MAPPING FOR sync SERVER pendo OPTIONS (integration_key 'wrong')",
  "CREATE USER MAPPING FOR other SERVER pendo OPTIONS (integration_key 'sim-write-key')";
my ($sync, $other) = map { $cluster->session(user => $_) } qw(sync other);
$sync->do("UPDATE pendo.visitors v SET custom_plan = 'x' FROM generate_series(1, 200) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')");
for (1 .. 3) { deliver(); requeue(); }
plan_to(1_000, 'good', $other);
plan_to(1_001, 'bad', $sync);
my $error = deliver();
like($error->{message}, qr/delivery to server "pendo" failed: .*key/, 'a role with a wrong key fails');
is(stored('v0001000', 'plan'), 'good', 'in the same delivery the rows of another role are sent');
is(value('SELECT count(*) FROM pendo_fdw_queue WHERE failures > 0'), 0, 'a wrong key is not the fault of the records');
$dbh->do("ALTER USER MAPPING FOR sync SERVER pendo OPTIONS (SET integration_key 'sim-write-key')");
requeue();
my $before = calls();
is(deliver(), undef, 'with the right key all go out');
cmp_ok(calls() - $before, '<=', 4, 'not one by one');

clean_outbox();
$sync->do("UPDATE pendo.visitors v SET custom_plan = 'x' FROM generate_series(1, 500) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')");
plan_to(2_000, 'slow', $other);
fails_with(500, kind => 'stall_before', ms => 5_000, contains => 'v0002000');
my $pid = $other->{pg_pid};
$other->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC });
$simulator->wait_for_calls($bulk, 1);
is(value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $pid"), 1, 'a delivery holds the shards that it has rows of');
is(value("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND backend_xmin IS NOT NULL"), 0, 'and no snapshot');
is(deliver($sync), undef, 'another role delivers meanwhile');
cmp_ok(waiting(), '<', 30, 'all but the rows of that shard');
ok(worked_async($other), 'the slow one ends well');

# ---- outages -------------------------------------------------------------

clean_outbox();
$dbh->do("ALTER SERVER pendo OPTIONS (ADD max_attempts '3')");
$dbh->do("ALTER SERVER pendo OPTIONS (SET api_url 'http://127.0.0.1:1')");
plan_to(4, 'patient');
for (1 .. 5) { deliver(); requeue(); }
$dbh->do("ALTER SERVER pendo OPTIONS (SET api_url '$simulator->{url}')");
fails_with(503, times => 1);
deliver();
is(waiting() . dead(), '1', 'attempts of an outage do not count when Pendo then fails once');
is(value("SELECT count(*) FROM pendo_fdw_runs"), 0, 'deliveries that sent nothing are no runs');
requeue();
deliver();
is(stored('v0000004', 'plan'), 'patient', 'the record arrives');
$dbh->do('ALTER SERVER pendo OPTIONS (DROP max_attempts)');

# ---- a cancel while results are written ----------------------------------

clean_outbox();
$simulator->config(latency_ms => 30);
steps(60);
my $session = $cluster->session;
my $blocker = $cluster->session;
$pid = $session->{pg_pid};
$session->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC });
$simulator->wait_for_calls($track, 1);
$blocker->do('BEGIN');
$blocker->do('LOCK TABLE pendo_fdw_queue IN SHARE ROW EXCLUSIVE MODE');
wait_until('the delivery to wait for the lock', 20, sub { value("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid") });
$dbh->do("SELECT pg_cancel_backend($pid)");
sleep 0.3;
$blocker->do('COMMIT');
worked_async($session);
$simulator->config(latency_ms => 0);
is(deliver(), undef, 'after a cancel while results were written the rest is delivered');
my %count = step_counts();
is(scalar(keys %count), 60, 'all events are there');
cmp_ok(scalar(grep { $_ > 1 } values %count), '<=', 16, 'and only those that were under way may be there twice');

# ---- events that may count twice -----------------------------------------

clean_outbox();
$dbh->do("ALTER SERVER pendo OPTIONS (SET max_retries '1')");
$simulator->faults({ route => $track, kind => 'reset_after', times => 2 });
steps(5);
my ($warning) = notices_of($dbh, 'CALL pendo_fdw_deliver()');
like($warning // '', qr/^WARNING:  pendo\.track_events: of 5 track events, 2 sent again after an answer was lost, so that they may count twice$/m, 'a delivery tells of the events that it sent again');
%count = step_counts();
is(join(' ', map { $count{$_} } sort { $count{$a} <=> $count{$b} } keys %count), '1 1 1 2 2', 'which are there twice');
$dbh->do("ALTER SERVER pendo OPTIONS (SET max_retries '0')");

# ---- events that are not to be sent twice --------------------------------

clean_outbox();
$dbh->do("ALTER SERVER pendo OPTIONS (ADD on_ambiguous 'uncertain', ADD event_concurrency '4')");
$simulator->config(latency_ms => 20);
steps(400);
$session->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC });
$simulator->wait_for_calls($track, 10);
$dbh->do("SELECT pg_terminate_backend($pid)");
wait_until('the end of the backend', 10, sub { !value("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") });
$simulator->config(latency_ms => 0);
deliver();
my $letters = value('SELECT count(*) FROM pendo_fdw_dead_letters');
cmp_ok($letters, '<=', 16, "few events are in doubt when a deliverer is terminated: $letters");
%count = step_counts();
is(scalar(grep { $_ > 1 } values %count), 0, 'none is there twice');
cmp_ok(scalar(keys %count) + $letters, '>=', 400, 'none is lost');
$dbh->do('ALTER SERVER pendo OPTIONS (DROP on_ambiguous, DROP event_concurrency)');

# ---- the time is over while Pendo is asked for its fields -----------------

clean_outbox();
$session = $cluster->session;
$session->do("UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000005'");
$simulator->faults({ route => 'GET /api/v1/metadata/schema/visitor', kind => 'stall_before', ms => 60_000 });
my $started = time;
is(error_of($session, "CALL pendo_fdw_deliver('pendo', interval '0.5 s')"), undef, 'max_runtime ends the question for fields, too');
cmp_ok(time - $started, '<', 30, 'long before its answer');
is(value('SELECT attempts FROM pendo_fdw_queue'), 0, 'the record waits as before');

# ---- settings that stand in the way --------------------------------------

clean_outbox();
$dbh->do("CREATE PROCEDURE deliver_read_only() LANGUAGE plpgsql AS \$\$ BEGIN SET default_transaction_read_only = on; CALL pendo_fdw_deliver(); END \$\$");
steps(3);
$session = $cluster->session;
is(error_of($session, 'CALL deliver_read_only()'), undef, 'what was sent is written down although transactions are read-only by default');
%count = step_counts();
is(scalar(keys %count) . waiting(), '30', 'each event once');
$session->do($_) for q{SET default_transaction_read_only = off}, q{SET default_transaction_isolation = serializable}, q{SET lock_timeout = '1ms'}, 'SET enable_indexscan = off';
steps(3);
is(deliver($session), undef, 'a delivery does not mind other defaults');

# ---- a schema that is renamed in the middle of a session ------------------

$dbh->do($_) for 'CREATE DATABASE elsewhere';
my $owner = $cluster->session(dbname => 'elsewhere');
$owner->do($_) for 'CREATE SCHEMA ext', 'CREATE EXTENSION pendo_fdw SCHEMA ext', 'GRANT CREATE ON DATABASE elsewhere TO PUBLIC',
  "CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$simulator->{url}', delivery 'outbox')",
  "CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-write-key')",
  "CREATE FOREIGN TABLE visitors (visitor_id text, custom_plan text) SERVER pendo OPTIONS (object 'visitors')",
  "UPDATE visitors SET custom_plan = 'before' WHERE visitor_id = 'v0000006'", 'ALTER SCHEMA ext RENAME TO renamed', 'GRANT USAGE ON SCHEMA renamed TO PUBLIC';
my $mallory = $cluster->session(dbname => 'elsewhere', user => 'other');
$mallory->do($_) for 'CREATE SCHEMA ext', 'CREATE TABLE ext.pendo_fdw_queue (LIKE renamed.pendo_fdw_queue INCLUDING ALL)', 'GRANT ALL ON SCHEMA ext TO PUBLIC', 'GRANT ALL ON ext.pendo_fdw_queue TO PUBLIC';
is(error_of($owner, "UPDATE visitors SET custom_plan = 'after' WHERE visitor_id = 'v0000006'"), undef, 'a session writes on after the schema is renamed');
is(value('SELECT count(*) FROM renamed.pendo_fdw_queue', $owner), 2, 'into the tables of the extension');
is(value('SELECT count(*) FROM ext.pendo_fdw_queue', $mallory), 0, 'and nobody else\'s');
is(error_of($owner, 'CALL renamed.pendo_fdw_deliver()'), undef, 'from where they are delivered');
is(stored('v0000006', 'plan'), 'after', 'to Pendo');

# ---- many rows -----------------------------------------------------------

clean_outbox();
$dbh->do('ALTER TABLE pendo_fdw_queue SET (autovacuum_enabled = off)');
$dbh->do("UPDATE pendo.visitors v SET custom_plan = 'x' FROM generate_series(1, 3) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')");
$dbh->do("INSERT INTO pendo_fdw_queue (shard, server, server_id, object, role, table_name, id, payload, enqueued)
  SELECT q.shard, server, server_id, object, role, table_name, 'x' || n, payload, enqueued FROM (SELECT * FROM pendo_fdw_queue LIMIT 1) q, generate_series(1, 20000) n");
$dbh->do("ALTER SERVER pendo OPTIONS (ADD batch_size '10', ADD concurrency '1')");
my $read = sub { return value("SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0) FROM pg_stat_user_tables WHERE relname = 'pendo_fdw_queue'") };
$session = $cluster->session;
$session->do("SET stats_fetch_consistency = none") if $dbh->{pg_server_version} >= 150_000;
$before = $read->();
error_of($session, "CALL pendo_fdw_deliver('pendo', interval '1 s')");
$session->disconnect;
my $sent = 20_003 - waiting();
sleep 0.5;
my $rows = $read->() - $before;
cmp_ok($sent, '>', 40, "a delivery in small portions goes on ($sent rows in a second)");
cmp_ok($rows, '<', 20 * $sent + 5_000, "and reads no more than it sends: $rows");

done_testing();
