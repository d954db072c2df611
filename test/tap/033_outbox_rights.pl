# The outbox and its surroundings: whose rows are sent by whom, what ends a delivery,
# several at a time, what is dropped meanwhile, copies of the database, the worker.
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

sub plans_to { my ($count, $plan, $session) = @_; ($session // $dbh)->do("UPDATE pendo.visitors v SET custom_plan = '$plan' FROM generate_series(1, $count) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')"); return }
sub arrived { my ($count, $plan) = @_; my $all = $simulator->dump('visitor'); return scalar grep { ($all->{ sprintf 'v%07d', $_ }{metadata}{custom}{plan} // '') eq $plan } 1 .. $count }
sub deliver { my ($session) = @_; ($session // $dbh)->do('CALL pendo_fdw_deliver()'); return }
sub keys_used { my %keys = map { $_->{headers}{'x-pendo-integration-key'} => 1 } grep { $_->{method} eq 'POST' && $_->{path} =~ m{metadata|track} } @{ $simulator->requests }; return join ' ', sort keys %keys }

# ---- roles ---------------------------------------------------------------

$dbh->do($_) for 'CREATE ROLE sync LOGIN', 'CREATE ROLE other LOGIN', 'CREATE ROLE boss LOGIN', 'GRANT sync, other TO boss',
  'GRANT USAGE ON FOREIGN SERVER pendo TO sync, other', 'GRANT USAGE ON SCHEMA pendo TO sync, other', 'GRANT ALL ON ALL TABLES IN SCHEMA pendo TO sync, other',
  "CREATE USER MAPPING FOR sync SERVER pendo OPTIONS (integration_key 'sim-write-key')",
  "CREATE USER MAPPING FOR other SERVER pendo OPTIONS (integration_key 'sim-write-key', track_secret 'sim-track-secret-2')",
  "ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (SET integration_key 'sim-read-key')";
my ($sync, $other, $boss) = map { $cluster->session(user => $_) } qw(sync other boss);
$simulator->reset;

plans_to(3, 'by sync', $sync);
is(value('SELECT count(*) FROM pendo_fdw_queue', $sync), 3, 'a role sees its rows');
is(value('SELECT count(*) FROM pendo_fdw_queue', $other), 0, 'and nobody else');
is(value('SELECT coalesce(sum(waiting), 0) FROM pendo_fdw_outbox', $other), 0, 'neither in the view');
deliver($other);
is(calls(), 0, 'nor sends them');
for my $statement ('DELETE FROM pendo_fdw_queue', 'UPDATE pendo_fdw_queue SET attempts = 0', "INSERT INTO pendo_fdw_outbox_home VALUES (false, 1, 1)", 
    'SELECT pendo_fdw_adopt()')
{
    is(error_of($sync, $statement)->{state}, '42501', "no role may: $statement");
}
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, event_key) VALUES ('v1', 'Keyed', 'a-key')");
is(value('SELECT count(*) FROM pendo_fdw_event_keys') . value('SELECT count(*) FROM pendo_fdw_event_keys', $sync), '10', 'keys are shown to nobody');
$dbh->do('DELETE FROM pendo_fdw_queue WHERE event_key IS NOT NULL');
deliver($boss);
is(calls(), 1, 'a member of the role sends them');
is(keys_used(), 'sim-write-key', 'with the key of the role that wrote them');
is(value('SELECT role::text FROM pendo_fdw_runs ORDER BY run DESC LIMIT 1'), 'sync', 'whose run it is');

$sync->do("UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'nobody'");
deliver($sync);
is(value('SELECT count(*) FROM pendo_fdw_dead_letters', $other), 0, 'dead letters are for the role, too');
is(value("SELECT pendo_fdw_requeue('pendo')", $other), 0, 'nobody else puts them back');
is(value("SELECT pendo_fdw_requeue('pendo')", $boss), 1, 'a member does');
clean_outbox();

plans_to(2, 'by sync', $sync);
plans_to(4, 'by other', $other);
deliver();
is(waiting(), 0, 'a superuser delivers for all');
is(keys_used(), 'sim-write-key', 'each with its own key');
is(arrived(4, 'by other'), 4, 'rows of two roles are two sendings, each in order');

# a role that is gone has no mapping, and nobody else's is taken
$dbh->do('CREATE USER MAPPING FOR PUBLIC SERVER pendo OPTIONS (integration_key \'sim-write-key\')');
$dbh->do('CREATE ROLE leaver LOGIN');
$dbh->do("GRANT USAGE ON SCHEMA pendo TO leaver; GRANT UPDATE, SELECT ON pendo.visitors TO leaver; GRANT USAGE ON FOREIGN SERVER pendo TO leaver");
my $leaver = $cluster->session(user => 'leaver');
plans_to(1, 'by leaver', $leaver);
$leaver->disconnect;
$dbh->do('DROP OWNED BY leaver; DROP ROLE leaver');
my $error = error_of($dbh, 'CALL pendo_fdw_deliver()');
like($error->{message}, qr/the role that wrote them does not exist any more/, 'rows of a role that was dropped are not sent');
is(dead(), 'v0000001:failed', 'but die at once');
isnt(stored('v0000001', 'plan'), 'by leaver', 'by nobody');
$dbh->do("DELETE FROM pendo_fdw_queue");
$dbh->do('DROP USER MAPPING FOR PUBLIC SERVER pendo');
$dbh->do("ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (SET integration_key 'sim-write-key')");

# ---- several at a time ---------------------------------------------------

clean_outbox();
$dbh->do("ALTER SERVER pendo OPTIONS (ADD batch_size '20', ADD concurrency '1')");
plans_to(1_500, "round $_") for 1 .. 2;
$simulator->config(latency_ms => 5);
my @sessions = map { $cluster->session } 1 .. 4;
$_->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC }) for @sessions;
ok(worked_async($_), 'a delivery among four ends well') for @sessions;
deliver();
is(arrived(1_500, 'round 2'), 1_500, 'together they deliver all, each id with its last value');
my %times;
for my $request (grep { "$_->{method} $_->{path}" eq $bulk } @{ $simulator->requests }) {
    ++$times{"$1 $2"} while $request->{body} =~ /"visitorId":"(v\d+)","values":\{"plan":"(round \d)"/g;
}
is((scalar grep { $_ > 1 } values %times), 0, 'and nothing twice');
cmp_ok(scalar(grep { /round 1/ } keys %times), '<', 1_000, 'most updates of one id went as one record');
is(waiting() . dead(), '0', 'nothing is left');
ok(($simulator->metrics->{maxInFlight}{$bulk} // 0) > 1, 'they did it at the same time') or diag(explain($simulator->metrics));

# ---- what ends a delivery ------------------------------------------------

clean_outbox();
$simulator->config(latency_ms => 40);
plans_to(1_000, 'cancelled');
my $session = $cluster->session;
my $pid = $session->{pg_pid};
$session->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC });
$simulator->wait_for_calls($bulk, 10);
$dbh->do("SELECT pg_cancel_backend($pid)");
ok(!worked_async($session), 'a cancelled delivery ends');
is($session->state, '57014', 'as cancelled');
my $left = waiting();
ok($left > 0 && $left < 1_000, "what was settled is gone from the queue, $left of 1000 wait");
my $sent = calls();
is(1_000 - $left, 20 * ($sent - 1), 'all but the call that was under way');
is(value('SELECT applied FROM pendo_fdw_runs ORDER BY run DESC LIMIT 1'), 1_000 - $left, 'which the run tells');
is(value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, 'no shard is held any more');
$simulator->config(latency_ms => 0);
$dbh->do("SELECT pendo_fdw_requeue('pendo')");
deliver($session);
is(arrived(1_000, 'cancelled'), 1_000, 'the same session delivers the rest');

clean_outbox();
$simulator->config(latency_ms => 40);
plans_to(1_000, 'timed');
ok(!error_of($dbh, "CALL pendo_fdw_deliver('pendo', interval '0.4 s')"), 'max_runtime ends a delivery without an error');
$left = waiting();
ok($left > 0 && $left < 1_000, "with $left of 1000 left");
is(value('SELECT count(*) FROM pendo_fdw_queue WHERE attempts > 0'), 0, 'none of them failed');
is(20 * calls(), 1_000 - $left, 'all that was sent is settled');
$simulator->config(latency_ms => 0);
deliver();
is(arrived(1_000, 'timed'), 1_000, 'the next one delivers the rest');

clean_outbox();
$simulator->faults({ route => $bulk, kind => 'stall_before', ms => 60_000, skip => 1 });
plans_to(100, 'stalled');
$session = $cluster->session;
$pid = $session->{pg_pid};
$session->do("CALL pendo_fdw_deliver()", { pg_async => PG_ASYNC });
$simulator->wait_for_calls($bulk, 2);
$dbh->do("SELECT pg_terminate_backend($pid)");
wait_until('the end of the backend', 10, sub { !value("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") });
is(value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, 'a terminated delivery holds nothing');
$simulator->faults;
deliver();
is(arrived(100, 'stalled') . waiting(), '1000', 'and loses nothing');

# ---- an event whose answer nobody waited for -----------------------------

for my $ambiguous ('retry', 'uncertain') {
    clean_outbox();
    $dbh->do("ALTER SERVER pendo OPTIONS (ADD on_ambiguous '$ambiguous', ADD event_concurrency '1')");
    $simulator->faults({ route => $track, kind => 'stall_headers', ms => 60_000, skip => 2 });
    $dbh->do("INSERT INTO pendo.track_events (visitor_id, event, properties) SELECT 'v1', 'Step', jsonb_build_object('n', n) FROM generate_series(1, 5) n");
    $session = $cluster->session;
    $pid = $session->{pg_pid};
    $session->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC });
    $simulator->wait_for_calls($track, 3);
    wait_until('the third event', 10, sub { @{ $simulator->events } == 3 });
    my $crashes = () = $cluster->log =~ /reinitializing/g;
    kill 'KILL', $pid;
    wait_until('the crash', 60, sub { (() = $cluster->log =~ /reinitializing/g) > $crashes });
    wait_until('the server after the crash', 60, sub { eval { $dbh = $cluster->session; 1 } });
    ($sync, $other, $boss) = ();
    $simulator->faults;
    deliver();
    my %count;
    ++$count{ $_->{properties}{n} } for @{ $simulator->events };
    my @twice = grep { $count{$_} > 1 } keys %count;
    if ($ambiguous eq 'retry') {
        is(scalar(keys %count), 5, 'retry: after a crash each event is there');
        is(waiting() . dead(), '0', 'retry: and none is left');
    } else {
        is(scalar(@twice), 0, 'uncertain: after a crash none is there twice') or diag(explain(\%count));
        my $letters = value("SELECT count(*) FROM pendo_fdw_dead_letters WHERE reason = 'uncertain'");
        ok($letters >= 3, "uncertain: those that may have been sent are dead letters ($letters)");
        is(waiting(), 0, 'uncertain: nothing waits');
        like(value('SELECT message FROM pendo_fdw_dead_letters LIMIT 1'), qr/an earlier delivery broke off/, 'uncertain: which say why');
        is(value("SELECT pendo_fdw_requeue('pendo', 'uncertain')"), $letters, 'uncertain: they may be put back');
        deliver();
        is(scalar(keys %{ { map { $_->{properties}{n} => 1 } @{ $simulator->events } } }), 5, 'uncertain: by whom it is wanted');
    }
    $dbh->do('ALTER SERVER pendo OPTIONS (DROP on_ambiguous, DROP event_concurrency)');
}

# with the other deliveries an answer that is lost is not an error then
clean_outbox();
for my $delivery ('commit', 'statement') {
    $dbh->do("ALTER SERVER pendo OPTIONS (SET delivery '$delivery', ADD on_ambiguous 'uncertain', SET max_retries '3')");
    $simulator->reset;
    $simulator->faults({ route => $track, kind => 'reset_after', times => 1 });
    my @notices = notices_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, properties) SELECT 'v1', 'Step', jsonb_build_object('n', n) FROM generate_series(1, 5) n");
    like("@notices", qr/of 5 track events, 1 uncertain/, "$delivery: an event whose answer is lost is uncertain");
    is(scalar(@{ $simulator->events }), 5, "$delivery: and not sent again");
    is(value("SELECT count(*) FROM pendo_fdw_rejects WHERE reason = 'uncertain'"), 1, "$delivery: but a reject");
    $simulator->faults({ route => $track, kind => 'status', status => 429, times => 1 });
    notices_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v1', 'Later')");
    is(scalar(grep { $_->{event} eq 'Later' } @{ $simulator->events }), 1, "$delivery: one that was turned away is sent again");
    $dbh->do("ALTER SERVER pendo OPTIONS (SET delivery 'outbox', DROP on_ambiguous, SET max_retries '0')");
    $dbh->do("SELECT pendo_fdw_prune(interval '0')");
}

# ---- what is dropped or damaged meanwhile --------------------------------

clean_outbox();
$dbh->do("CREATE FOREIGN TABLE short_lived (visitor_id text, custom_plan text) SERVER pendo OPTIONS (object 'visitors')");
$dbh->do("UPDATE short_lived SET custom_plan = 'outlived' WHERE visitor_id = 'v0000007'");
$dbh->do('DROP FOREIGN TABLE short_lived');
deliver();
is(stored('v0000007', 'plan'), 'outlived', 'rows of a table that was dropped are sent by the options of the server');
plans_to(2, 'half');
$dbh->do("UPDATE pendo_fdw_queue SET payload = substring(payload FROM 1 FOR 12) WHERE id = 'v0000001'");
deliver();
is(dead(), 'v0000001:invalid', 'a damaged row is a dead letter');
is(stored('v0000002', 'plan'), 'half', 'the others are sent');
clean_outbox();
$dbh->do("CREATE SERVER second FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$simulator->{url}', delivery 'outbox')");
$dbh->do("CREATE USER MAPPING FOR postgres SERVER second OPTIONS (integration_key 'sim-write-key')");
$dbh->do("CREATE FOREIGN TABLE of_second (visitor_id text, custom_plan text) SERVER second OPTIONS (object 'visitors')");
$dbh->do("UPDATE of_second SET custom_plan = 'second' WHERE visitor_id = 'v0000008'");
$dbh->do("CALL pendo_fdw_deliver('pendo')");
is(waiting(), 1, 'a delivery for one server leaves the rows of others');
deliver();
is(stored('v0000008', 'plan'), 'second', 'one for all does not');
$dbh->do("UPDATE of_second SET custom_plan = 'orphan' WHERE visitor_id = 'v0000008'");
$dbh->do('DROP SERVER second CASCADE');
deliver();
is(value("SELECT waiting FROM pendo_fdw_outbox WHERE server = 'second'"), 1, 'rows of a server that was dropped are seen in the view');
$dbh->do("CREATE SERVER second FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$simulator->{url}')");
$dbh->do("CREATE USER MAPPING FOR PUBLIC SERVER second OPTIONS (integration_key 'sim-write-key')");
deliver();
isnt(stored('v0000008', 'plan'), 'orphan', 'another server of the same name does not get them');
is(value('SELECT pendo_fdw_adopt()'), 1, 'unless they are adopted');
deliver();
is(stored('v0000008', 'plan'), 'orphan', 'then they are sent through it');
$dbh->do('DROP SERVER second CASCADE');

# ---- copies --------------------------------------------------------------

clean_outbox();
plans_to(3, 'from the copy');
$dbh->do("UPDATE pendo.visitors SET custom_plan = 'dead' WHERE visitor_id = 'nobody'");
$simulator->faults({ route => $bulk, kind => 'status', status => 503 });
my $dump = "$cluster->{dir}/dump.sql";
$cluster->run('pg_dump', '-h', $cluster->{dir}, '-p', $cluster->{port}, '-U', 'postgres', '-f', $dump, 'postgres');
my $twin = start_cluster();
my $roles = $twin->session;
$roles->do("CREATE ROLE $_") for qw(sync other boss);
$roles->disconnect;
$twin->run('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $twin->{dir}, '-p', $twin->{port}, '-U', 'postgres', '-f', $dump, 'postgres');
my $copy = $twin->session;
$simulator->faults;
$simulator->reset;
is(value('SELECT count(*) FROM pendo_fdw_queue', $copy), 4, 'a dump carries the outbox');
$error = error_of($copy, 'CALL pendo_fdw_deliver()');
like($error->{message}, qr/belongs to another database, of which this is a copy/, 'the copy refuses to send it');
like($error->{hint}, qr/pendo_fdw_adopt\(\)/, 'and says what to do');
is(scalar(keys %{ $simulator->stats }), 0, 'nothing was sent');
my @notices = notices_of($copy, "UPDATE pendo.visitors SET custom_plan = 'new' WHERE visitor_id = 'v0000009'");
like("@notices", qr/is a copy; its records wait/, 'what is written there waits, which is told');
is(error_of($copy, 'CALL pendo_fdw_deliver()')->{state}, '55000', 'too');
is(value('SELECT pendo_fdw_adopt()', $copy), 5, 'adopted, it knows how many wait');
deliver($copy);
is(arrived(3, 'from the copy'), 3, 'and sends them');
is(stored('v0000009', 'plan'), 'new', 'all of them');
$copy->do("UPDATE pendo.visitors SET custom_plan = 'mine' WHERE visitor_id = 'v0000010'");
is(value('SELECT count(*) FROM pendo_fdw_queue', $copy), 1, 'new rows get numbers of their own');
deliver($copy);
$copy->disconnect;
$twin->stop;
$dbh->do('CREATE DATABASE twin TEMPLATE template0');
$cluster->run('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $cluster->{dir}, '-p', $cluster->{port}, '-U', 'postgres', '-f', $dump, 'twin');
$copy = $cluster->session(dbname => 'twin');
is(error_of($copy, 'CALL pendo_fdw_deliver()')->{state}, '55000', 'a copy in the same cluster is one as well');
$copy->disconnect;
clean_outbox();
deliver();

# ---- the worker ----------------------------------------------------------

$dbh->disconnect;
$cluster->stop;
my $conf = "$cluster->{dir}/data/postgresql.conf";
spew($conf, slurp($conf) . "shared_preload_libraries = 'pendo_fdw'\npendo_fdw.deliver_databases = 'postgres, twin'\npendo_fdw.deliver_interval = '100ms'\n");
$cluster->start;
$dbh = $cluster->session;
$dbh->do("DELETE FROM pendo_fdw_queue");
$simulator->reset;
is(value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pendo_fdw delivery' AND datname = 'postgres'"), 1, 'a worker runs where the library is preloaded');
plans_to(10, 'by the worker');
wait_until('the worker', 30, sub { waiting() == 0 });
is(arrived(10, 'by the worker'), 10, 'it delivers without being asked');
ok(wait_until('the log', 30, sub { $cluster->log =~ /the outbox belongs to another database/ }), 'the one in the copy says in the log why it does not');
is($simulator->stats->{$bulk}, 1, 'and sends nothing');
$simulator->faults({ route => $bulk, kind => 'status', status => 500, times => 1 });
plans_to(1, 'after a failure');
wait_until('the log', 30, sub { $cluster->log =~ /delivery to server "pendo" failed/ });
$dbh->do("SELECT pendo_fdw_requeue('pendo')");
wait_until('the worker after its failure', 40, sub { waiting() == 0 });
is(stored('v0000001', 'plan'), 'after a failure', 'it comes back after a failure');
is(error_of($dbh, "SET pendo_fdw.deliver_databases = 'x'")->{state}, '55P02', 'the list is for the start of the server');

done_testing();
