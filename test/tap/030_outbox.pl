# Delivery 'outbox': what waits, how it is delivered, what becomes of what cannot be,
# whose rows are sent by whom, keys of events, copies of the database.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoOutbox;
use PendoTest;
use JSON::XS;
use Test::More;
use Time::HiRes qw(sleep time);

my $simulator = start_simulator('--visitors', 3_000, '--accounts', 50, '--clean');
my $cluster = start_cluster(conf => ['max_prepared_transactions = 2']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, delivery => 'outbox', request_timeout => '1500ms', max_retries => 0);

outbox_of(\$dbh, $simulator);

sub seats_to { my ($n, $seats) = @_; $dbh->do(sprintf "UPDATE pendo.visitors SET custom_seats = %s WHERE visitor_id = 'v%07d'", $seats, $n); return }
sub deliver { my @notices = notices_of($dbh, 'CALL pendo_fdw_deliver()'); return @notices }
sub outbox { return $dbh->selectrow_hashref("SELECT *, next_attempt > now() AS later FROM pendo_fdw_outbox WHERE object = ?", undef, $_[0] // 'visitors') }
sub due { $dbh->do("SELECT pendo_fdw_requeue('pendo')"); return }
sub last_runs { return $dbh->selectrow_hashref("SELECT * FROM pendo_fdw_runs ORDER BY run DESC LIMIT 1") }

# ---- in, and out ---------------------------------------------------------

$simulator->reset;
plan_to($_, 'queued') for 1 .. 3;
is(calls(), 0, 'an UPDATE makes no call');
is_deeply($simulator->stats, {}, 'not even for the schema') or diag(explain($simulator->stats));
is(waiting(), 3, 'a row for each record');
my $view = outbox();
is_deeply([@$view{qw(server object waiting failing dead)}], ['pendo', 'visitors', 3, 0, 0], 'the view counts them');
ok($view->{age} =~ /^00:0/ && !defined $view->{last_error}, 'tells their age, and no error');
is(value('SELECT count(*) FROM pendo_fdw_runs'), 0, 'there is no run for what was not sent');
deliver();
is(calls(), 1, 'one call delivers them');
is_deeply([map { stored(sprintf('v%07d', $_), 'plan') } 1 .. 3], [('queued') x 3], 'Pendo has them');
is(waiting(), 0, 'nothing waits');
my $run = last_runs();
is_deeply([@$run{qw(server object table_name delivery status records applied calls)}],
    ['pendo', 'visitors', 'pendo.visitors', 'outbox', 'done', 3, 3, 1], 'the delivery is a run');
deliver();
is(calls(), 1, 'an empty outbox makes no call');

$dbh->begin_work;
plan_to(1, 'rolled back');
$dbh->rollback;
$dbh->begin_work;
plan_to(1, 'kept');
$dbh->do('SAVEPOINT a');
plan_to(2, 'dropped');
$dbh->do('ROLLBACK TO a');
seats_to(1, 5);
$dbh->commit;
is(waiting(), 1, 'what is rolled back is not there; one id has one row in a transaction');
plan_to(1, 'later');
plan_to(1, 'last');
is(waiting(), 3, 'each transaction has its rows');
$simulator->reset;
deliver();
is(calls(), 1, 'rows of one id go out as one record');
my ($body) = map { $_->{body} } grep { "$_->{method} $_->{path}" eq $bulk } @{ $simulator->requests };
is_deeply(decode_json($body), [{ visitorId => 'v0000001', values => { plan => 'last', seats => 5 } }], 'with the last values of each field');

$dbh->begin_work;
plan_to(9, 'readable');
is(value("SELECT count(*) FROM pendo.visitors WHERE visitor_id = 'v0000009'"), 1, 'reading the object is no error: nobody expects to see what waits');
$dbh->commit;
deliver();

# one id twice in a transaction
my @said = notices_of($dbh, "UPDATE pendo.visitors v SET custom_plan = x.plan FROM (VALUES ('a'), ('b')) x(plan) WHERE v.visitor_id = 'v0000010'");
is_deeply([waiting(), @said], [1], 'an id that is given twice is one row, without a WARNING');
deliver();
$dbh->do("ALTER SERVER pendo OPTIONS (ADD on_duplicate 'error')");
$dbh->begin_work;
plan_to(11, 'one');
plan_to(12, 'one');
plan_to(11, 'two');
ok(!eval { $dbh->commit; 1 }, "on_duplicate 'error' fails the COMMIT") or diag('committed');
is($dbh->state, '21000', 'as with the other deliveries');
is(waiting(), 0, 'and nothing of it waits');
plan_to(11, 'one');
plan_to(11, 'two');
is(waiting(), 2, 'two transactions may set the same id');
$dbh->do('ALTER SERVER pendo OPTIONS (DROP on_duplicate)');
deliver();

# types, NULL, quotes
$dbh->do(q{UPDATE pendo.visitors SET custom_score = 1.5e300, custom_active = true, custom_renewal = '2026-01-02 03:04:05Z', custom_tags = '["a", {"b": "\u00e4"}]', custom_plan = NULL, agent_name = E'O''Reilly "\\\\ \U0001F600' WHERE visitor_id = 'v0000020'});
deliver();
my $record = $simulator->record('visitor', 'v0000020')->{metadata};
is($record->{custom}{score}, 1.5e300, 'a float arrives');
ok($record->{custom}{active}, 'a boolean');
is($record->{custom}{renewal}, 1767323045000, 'a time in milliseconds');
is_deeply($record->{custom}{tags}, ['a', { b => "\x{e4}" }], 'a list');
is($record->{custom}{plan}, undef, 'NULL');
is($record->{agent}{name}, "O'Reilly \"\\ \x{1F600}", 'any text');

$dbh->begin_work;
like(error_of($dbh, 'CALL pendo_fdw_deliver()')->{message}, qr/cannot run inside a transaction block/, 'delivering commits, so not inside a transaction');
$dbh->rollback;
like(error_of($dbh, "CALL pendo_fdw_deliver('nobody')")->{message}, qr/server "nobody" does not exist/, 'nor for a server that is not there');
like(error_of($dbh, "CALL pendo_fdw_deliver('pendo', interval '0')")->{message}, qr/max_runtime/, 'nor for no time');
$dbh->do('BEGIN');
plan_to(1, 'unsent');
like(error_of($dbh, q{PREPARE TRANSACTION 'x'})->{message}, qr/cannot prepare/, 'PREPARE is refused');
$dbh->do('ROLLBACK');
$dbh->do('SET pendo_fdw.only_changes = on');
like(error_of($dbh, "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000001'")->{message}, qr/only_changes does not go with delivery 'outbox'/, 'only_changes is refused');
$dbh->do('RESET pendo_fdw.only_changes');
$dbh->begin_work;
$dbh->do('SET LOCAL pendo_fdw.dry_run = on');
plan_to(1, 'dry');
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, event_key) VALUES ('v1', 'dry', 'dry')");
is(value('SELECT count(*) FROM pendo_fdw_dry_run()'), 2, 'a dry run shows the calls');
$dbh->commit;
is(waiting() . value('SELECT count(*) FROM pendo_fdw_event_keys'), '00', 'and puts nothing in');

# ---- what cannot be sent -------------------------------------------------

$simulator->reset;
$dbh->do('LISTEN pendo_fdw_dead_letter');
$dbh->do("UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id IN ('nobody', 'v0000001')");
my @notices = deliver();
like("@notices", qr/of 2 visitors, 1 not known to Pendo/, 'a record that Pendo does not know is told');
is(dead(), 'nobody:missing', 'and becomes a dead letter');
is(waiting(), 0, 'the others have gone');
is(value("SELECT reason FROM pendo_fdw_rejects WHERE id = 'nobody'"), 'missing', 'and a reject');
my $notify = $dbh->pg_notifies;
is_deeply([$notify->[0], decode_json($notify->[2])], ['pendo_fdw_dead_letter', { server => 'pendo', object => 'visitors', reason => 'missing', records => 1 }], 'NOTIFY tells of it');
is(outbox()->{dead}, 1, 'the view counts it');
like(outbox()->{last_error}, qr/^missing/, 'and tells why');

$dbh->do("UPDATE pendo.visitors SET custom_seats = 3 WHERE visitor_id = 'nobody'");
deliver();
is(value('SELECT count(*) FROM pendo_fdw_dead_letters'), 2, 'other fields of the same id die beside it');
$dbh->do("UPDATE pendo.visitors SET custom_plan = 'newer' WHERE visitor_id = 'nobody'");
deliver();
is(value('SELECT count(*) FROM pendo_fdw_dead_letters'), 2, 'the same field takes the place of the older one');
is(value("SELECT pendo_fdw_requeue('pendo', 'invalid')"), 0, 'requeue of another reason takes nothing');
like(error_of($dbh, "SELECT pendo_fdw_requeue('pendo', 'bad')")->{hint}, qr/missing, invalid, uncertain, failed/, 'a reason that there is not is told');
is(value("SELECT pendo_fdw_requeue('pendo', 'missing')"), 2, 'requeue puts them back');
is(waiting() . '/' . value('SELECT count(*) FROM pendo_fdw_dead_letters'), '2/0', 'into the queue');
deliver();
is(dead(), 'nobody:missing', 'as one record they die together');

# an older dead letter never undoes what came later
$simulator->faults({ route => $bulk, kind => 'status', status => 400, body => 'no such thing', times => 1 });
plan_to(30, 'refused');
deliver();
like(dead(), qr/v0000030:invalid/, 'what Pendo refuses dies at once');
plan_to(30, 'taken');
seats_to(30, 4);
deliver();
unlike(dead(), qr/v0000030/, 'it goes when the same field arrives');
is(stored('v0000030', 'plan') . stored('v0000030', 'seats'), 'taken4', 'which is what Pendo has');

# a field that Pendo does not have
$dbh->do("CREATE FOREIGN TABLE strange (visitor_id text, custom_strange text, custom_plan text) SERVER pendo OPTIONS (object 'visitors')");
$dbh->do("UPDATE strange SET custom_strange = 'x' WHERE visitor_id = 'v0000031'");
$dbh->do("UPDATE strange SET custom_plan = 'known' WHERE visitor_id = 'v0000032'");
deliver();
like(value("SELECT message FROM pendo_fdw_dead_letters WHERE id = 'v0000031'"), qr/Pendo has no visitor field "custom.strange"/, 'a field that Pendo does not have is not made');
is(stored('v0000032', 'plan'), 'known', 'the others go');
$dbh->do('DROP FOREIGN TABLE strange');
is(value("SELECT pendo_fdw_prune(interval '0')") > 0 ? value('SELECT count(*) FROM pendo_fdw_dead_letters') : 'nothing pruned', 0, 'pruning takes dead letters, too');

# ---- attempts ------------------------------------------------------------

$dbh->do("ALTER SERVER pendo OPTIONS (ADD max_attempts '3')");
$simulator->faults({ route => $bulk, kind => 'status', status => 500, body => 'trouble' });
plan_to(40, 'first');
my $error = error_of($dbh, 'CALL pendo_fdw_deliver()');
like($error->{message}, qr/delivery to server "pendo" failed: .*500/, 'a failure is an ERROR');
like($error->{detail}, qr/waits in the outbox/, 'that says that nothing is lost');
$view = outbox();
is_deeply([@$view{qw(waiting failing attempts later)}], [1, 1, 1, 1], 'the record waits for another attempt');
like($view->{last_error}, qr/500/, 'and tells why');
my $before = calls();
deliver();
is(calls(), $before, 'until then it is left alone');
plan_to(40, 'second');
deliver();
is(calls(), $before, 'what follows it, of the same id, waits behind it');
plan_to(41, 'other');
error_of($dbh, 'CALL pendo_fdw_deliver()');
is(calls(), $before + 1, 'other ids do not');
due();
error_of($dbh, 'CALL pendo_fdw_deliver()');
due();
error_of($dbh, 'CALL pendo_fdw_deliver()');
like(dead(), qr/v0000040:failed/, 'after max_attempts it dies');
$simulator->faults;
due();
deliver();
is(stored('v0000040', 'plan'), 'second', 'what is put back keeps its place: the later value wins');
is(waiting() . dead(), '0', 'all is settled');

# an outage is nobody's death
$dbh->do("ALTER SERVER pendo OPTIONS (SET api_url 'http://127.0.0.1:1')");
plan_to(42, 'patient');
for (1 .. 4) {
    like(error_of($dbh, 'CALL pendo_fdw_deliver()')->{message}, qr/could not reach/, "nobody answers, attempt $_");
    due();
}
is(waiting() . dead(), '1', 'what nobody answered does not die');
$dbh->do("ALTER SERVER pendo OPTIONS (SET api_url '$simulator->{url}')");
deliver();
is(stored('v0000042', 'plan'), 'patient', 'and arrives when there is an answer');

# one that cannot be sent does not hold up the rest
$dbh->do("ALTER SERVER pendo OPTIONS (SET max_attempts '6')");
$simulator->reset;
$simulator->faults({ route => $bulk, kind => 'status', status => 500, body => 'trouble', contains => 'v0000123' });
$dbh->do("UPDATE pendo.visitors v SET custom_plan = 'many' FROM generate_series(1, 600) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')");
for (1 .. 30) {
    last if !waiting();
    error_of($dbh, 'CALL pendo_fdw_deliver()');
    due() if value("SELECT count(*) FROM pendo_fdw_dead_letters") == 0;
}
is(dead(), 'v0000123:failed', 'the one that makes Pendo fail is found and dies');
is(value("SELECT count(*) FROM generate_series(1, 1)") && scalar(grep { stored(sprintf('v%07d', $_), 'plan') eq 'many' } 1 .. 600), 599, 'all others arrive');
$simulator->faults;
$dbh->do("SELECT pendo_fdw_prune(interval '0')");

# ---- events --------------------------------------------------------------

$simulator->reset;
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, properties, event_key) SELECT 'v' || n, 'Bought', jsonb_build_object('n', n), CASE WHEN n % 2 = 0 THEN 'order-' || n END FROM generate_series(1, 20) n");
is(calls($track), 0, 'events wait as well');
@notices = notices_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, properties, event_key) SELECT 'v' || n, 'Bought', jsonb_build_object('n', n), 'order-' || n FROM generate_series(2, 24) n");
like("@notices", qr/10 of 23 events were left out, as their event_key is known/, 'an event whose key is known is left out');
is(waiting(), 33, 'the others wait');
deliver();
is(scalar(@{ $simulator->events }), 33, 'each arrives');
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, event_key) VALUES ('v1', 'Bought', 'order-2'), ('v1', 'Bought', 'order-99'), ('v2', 'Bought', 'order-99')");
is(waiting(), 1, 'a key is known after the delivery, and within a statement');
deliver();
$dbh->begin_work;
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, event_key) VALUES ('v1', 'Bought', 'order-100')");
$dbh->rollback;
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, event_key) VALUES ('v1', 'Bought', 'order-100')");
is(waiting(), 1, 'but not after a rollback');
deliver();
@notices = notices_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, event_key) VALUES ('v1', 'Bought', ''), ('v1', 'Bought', repeat('x', 1001))");
like("@notices", qr/2 refused as invalid/, 'a key that cannot be one is a reject');
is(waiting(), 0, 'and waits for nothing');
$dbh->do("UPDATE pendo_fdw_event_keys SET enqueued = now() - interval '91 days' WHERE event_key = 'order-2'");
deliver();
is(value("SELECT count(*) FROM pendo_fdw_event_keys WHERE event_key = 'order-2'"), 0, 'keys are forgotten after ledger_retention');
$dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS (ADD delivery 'commit')");
like(error_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, event_key) VALUES ('v1', 'x', 'k')")->{message}, qr/must be NULL without delivery 'outbox'/, 'without an outbox there are no keys');
$dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS (DROP delivery)");

# an answer that is lost
for my $ambiguous ('retry', 'uncertain') {
    $simulator->reset;
    $dbh->do("ALTER SERVER pendo OPTIONS (ADD on_ambiguous '$ambiguous')");
    $simulator->faults({ route => $track, kind => 'reset_after', times => 1 });
    $dbh->do("INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v1', 'Lost')");
    error_of($dbh, 'CALL pendo_fdw_deliver()');
    due() if $ambiguous eq 'retry';
    deliver();
    is(scalar(@{ $simulator->events }), $ambiguous eq 'retry' ? 2 : 1, "$ambiguous: so often it counts when its answer was lost");
    like(dead(), $ambiguous eq 'retry' ? qr/^$/ : qr/Lost of v1.*:uncertain$/, "$ambiguous: and is a dead letter or not");
    $simulator->faults;
    $dbh->do('ALTER SERVER pendo OPTIONS (DROP on_ambiguous)');
    $dbh->do("SELECT pendo_fdw_prune(interval '0')");
}

done_testing();
