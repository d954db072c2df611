# Waits of the outbox that are ended, by a cancel, by a termination, by a stop of the
# server: at once, and what was committed is still there, no lock of a shard is
# left, and the next delivery sends all. And a hot standby: it neither takes nor sends
# anything, and when it is promoted its worker goes on where the primary ended.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use lib $FindBin::Bin;
use PendoOutbox;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $simulator = start_simulator('--visitors', 200, '--accounts', 10, '--clean');
my $cluster = start_cluster(conf => ["shared_preload_libraries = 'pendo_fdw'", "pendo_fdw.deliver_databases = 'worked'", "pendo_fdw.deliver_interval = '100ms'",
    'wal_level = replica', 'max_wal_senders = 4', "wal_retrieve_retry_interval = '100ms'", 'hot_standby = on']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, delivery => 'outbox', max_retries => 5);
outbox_of(\$dbh, $simulator);

sub deliver { return error_of($_[0] // $dbh, 'CALL pendo_fdw_deliver()') }
sub shard_locks { return value(q(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')) }
sub fails { my (%fault) = @_; $simulator->faults({ route => $bulk, %fault }); return }

my %stall = (kind => 'stall_before', ms => 60_000);
my %later = (kind => 'status', status => 429, headers => { 'Retry-After' => '50' });

sub begin {
    my ($session, $sql) = @_;
    $session->do($sql, { pg_async => PG_ASYNC });
    return;
}

# Waits until the session waits for something of that kind. (The name of our own wait
# depends on the version of PostgreSQL.)
sub await_wait {
    my ($session, $type, $event) = @_;
    my $pid = $session->{pg_pid};
    my $wanted = join ' ', grep { defined } $type, $event;
    my $what = $event ? "wait_event_type || ' ' || wait_event" : 'wait_event_type';
    wait_until("the wait for $wanted", 20, sub { (value("SELECT $what FROM pg_stat_activity WHERE pid = $pid") // '') eq $wanted });
    return;
}

# $end: cancel or terminate.
sub ends_at_once {
    my ($name, $session, $end) = @_;
    my $pid = $session->{pg_pid};
    my $since = time;
    $dbh->do("SELECT pg_${end}_backend($pid)");
    ok(eval { wait_until('the backend', 15, $end eq 'cancel' ? sub { $session->pg_ready } : sub { !-e "/proc/$pid" }) }, "$name, $end: it ends") or return;
    cmp_ok(time - $since, '<', 3, "$name, $end: at once");
    if ($end eq 'cancel') {
        is(worked_async($session) ? 'none' : $session->state, '57014', "$name, cancel: SQLSTATE");
        $session->do('ROLLBACK') unless $session->{AutoCommit};
        is($session->selectrow_array('SELECT 1'), 1, "$name, cancel: the session goes on");
    }
    eval { $session->disconnect };
    return;
}

sub sends_all {
    my ($name, $id, $plan) = @_;
    $simulator->faults;
    is(shard_locks(), 0, "$name: no lock of a shard is left");
    is(deliver(), undef, "$name: the next delivery goes through");
    is(stored($id, 'plan'), $plan, "$name: and has sent what was committed");
    is(waiting() . dead(), '0', "$name: all of it");
    return;
}

for my $end (qw(cancel terminate)) {

    # ---- the entry of a shard, at COMMIT ---------------------------------

    clean_outbox();
    my ($blocker, $first, $second, $other) = map { $cluster->session } 1 .. 4;
    $blocker->do($_) for 'BEGIN', 'LOCK TABLE pendo_fdw_queue IN SHARE MODE';
    $_->do('BEGIN') for $first, $second;
    plan_to(1, 'first', $first);
    plan_to(1, 'second', $second);
    begin($first, 'COMMIT');
    await_wait($first, 'Lock', 'relation');
    begin($second, 'COMMIT');
    await_wait($second, 'Lock', 'advisory');
    ends_at_once('a writer that waits for another one', $second, $end);
    is(value('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\' AND granted'), 1, "$end: the other one has its lock");
    $blocker->do('COMMIT');
    ok(worked_async($first), "$end: and commits");
    plan_to(2, 'other', $other);
    sends_all("a writer that waits for another one, $end", 'v0000001', 'first');
    is(stored('v0000002', 'plan'), 'other', "$end: others write on");

    # ---- the exits, for a requeue; the call of a delivery -----------------

    clean_outbox();
    fails(kind => 'status', status => 400, body => 'no', times => 1);
    plan_to(3, 'dead');
    deliver();
    is(dead(), 'v0000003:invalid', "$end: a dead letter");
    $dbh->do("UPDATE pendo.visitors SET custom_seats = 33 WHERE visitor_id = 'v0000003'");
    fails(%stall);
    my $calls = calls();
    my ($deliverer, $requeuer) = map { $cluster->session } 1 .. 2;
    begin($deliverer, 'CALL pendo_fdw_deliver()');
    $simulator->wait_for_calls($bulk, $calls + 1);
    await_wait($deliverer, 'Extension');
    begin($requeuer, q(SELECT pendo_fdw_requeue('pendo')));
    await_wait($requeuer, 'Lock', 'advisory');
    ends_at_once('a requeue that waits for a delivery', $requeuer, $end);
    is(dead(), 'v0000003:invalid', "$end: the dead letter has not moved");
    is(shard_locks(), 1, "$end: the delivery has its lock");
    ends_at_once('a delivery in its call', $deliverer, $end);
    is(waiting(), 1, "$end: its record waits");
    is(value(q(SELECT pendo_fdw_requeue('pendo'))), 1, "$end: another requeue does not wait");
    sends_all("a delivery in its call, $end", 'v0000003', 'dead');
    is(stored('v0000003', 'seats'), 33, "$end: with what came later");

    # ---- the back-off of a delivery ---------------------------------------

    clean_outbox();
    plan_to(4, 'patient');
    fails(%later);
    $calls = calls();
    $deliverer = $cluster->session;
    begin($deliverer, 'CALL pendo_fdw_deliver()');
    $simulator->wait_for_calls($bulk, $calls + 1);
    await_wait($deliverer, 'Extension');
    ends_at_once('a delivery in its back-off', $deliverer, $end);
    is(value('SELECT attempts FROM pendo_fdw_queue'), $end eq 'cancel' ? 1 : 0, "$end: " . ($end eq 'cancel' ? 'it was an attempt, whose next one is later' : 'nothing is written down'));
    is(value(q(SELECT pendo_fdw_requeue('pendo'))), $end eq 'cancel' ? 1 : 0, "$end: or at once");
    sends_all("a delivery in its back-off, $end", 'v0000004', 'patient');
}

# ---- the background worker -----------------------------------------------

$dbh->do('CREATE DATABASE worked');
$dbh->disconnect;
$dbh = $cluster->session(dbname => 'worked');
connect_pendo($dbh, $simulator, delivery => 'outbox', max_retries => 5);
my $worker = q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'pendo_fdw delivery');
my $restart_after = 10;

sub restart {
    my ($name) = @_;
    $dbh->disconnect;
    my $since = time;
    $cluster->stop_cleanly;
    cmp_ok(time - $since, '<', 5, "$name: a fast stop of the server does not wait for it");
    $cluster->start;
    $dbh = $cluster->session(dbname => 'worked');
    return;
}

sub await_worker { return wait_until('the worker', $restart_after + 20, sub { value($worker) }) }

# A record that the worker has under way.
sub let_it_stall {
    my ($n, $plan) = @_;
    fails(%stall);
    my $calls = calls();
    plan_to($n, $plan);
    $simulator->wait_for_calls($bulk, $calls + 1);
    return;
}

sub await_plan {
    my ($name, $id, $plan) = @_;
    ok(eval { wait_until('the record', 30, sub { (stored($id, 'plan') // '') eq $plan }) }, "$name: its record arrives") or return;
    ok(eval { wait_until('the empty queue', 10, sub { waiting() == 0 }) }, "$name: and is gone from the outbox");
    is(shard_locks(), 0, "$name: no lock of a shard is left");
    return;
}

# It has no latch to wait for before it is there; the one that found no database is
# started anew later, a server at once.
restart('a worker that waits for its next try');
my $pid = await_worker();
plan_to(5, 'by the worker');
await_plan('a worker', 'v0000005', 'by the worker');
restart('a worker in its latch');

await_worker();
let_it_stall(6, 'stopped');
$simulator->faults;
restart('a worker in its call');
await_plan('a worker that was stopped in its call', 'v0000006', 'stopped');

$pid = await_worker();
let_it_stall(7, 'terminated');
my $since = time;
$dbh->do("SELECT pg_terminate_backend($pid)");
ok(eval { wait_until('its end', 15, sub { !-e "/proc/$pid" }) }, 'a worker that is terminated in its call ends');
cmp_ok(time - $since, '<', 3, 'at once');
is(waiting(), 1, 'its record waits');
sends_all('a worker that is terminated in its call', 'v0000007', 'terminated');

# ---- a hot standby ---------------------------------------------------------

my $standby = start_standby($cluster);
my $replica = $standby->session(dbname => 'worked');

# A dead letter, too; the primary's worker stays away long enough.
restart('a worker that was terminated');
$pid = await_worker();
$since = time;
$dbh->do("SELECT pg_terminate_backend($pid)");
ok(eval { wait_until('its end', 15, sub { !-e "/proc/$pid" }) }, 'a worker that is terminated in its latch ends');
cmp_ok(time - $since, '<', 3, 'at once');
fails(kind => 'status', status => 400, body => 'no', times => 1);
plan_to(8, 'dead');
deliver();
is(dead(), 'v0000008:invalid', 'a dead letter on the primary');
plan_to(9, 'of the primary');
my $sent = calls();
$cluster->wait_for_standby($standby);

is(value('SELECT pg_is_in_recovery()', $replica), 1, 'a hot standby');
is(value('SELECT waiting || \' \' || dead FROM pendo_fdw_outbox', $replica), '1 1', 'standby: the outbox can be looked at');
for my $sql (q(UPDATE pendo.visitors SET custom_plan = 'no' WHERE visitor_id = 'v0000010'), q(INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'No')),
    'CALL pendo_fdw_deliver()', q(CALL pendo_fdw_deliver('pendo', interval '1 s')), q(SELECT pendo_fdw_requeue('pendo')), 'SELECT pendo_fdw_adopt()') {
    my $error = error_of($replica, $sql) // { state => 'none', message => '' };
    is($error->{state}, '25006', "standby: refused: $sql");
    like($error->{message}, qr/^cannot execute (?:UPDATE|INSERT|pendo_fdw_\w+\(\)) (?:in a read-only transaction|during recovery)$/, 'standby: and says why');
}
is(value($worker, $replica), undef, 'standby: there is no worker');
is(calls(), $sent, 'standby: nothing was sent');
unlike($standby->log, qr/pendo_fdw: delivery for/, 'standby: nor a word of one in the log');
is_deeply([grep { !/ERROR:  25006: cannot execute/ } $standby->log =~ /^\d+ (?:WARNING|ERROR|PANIC):.*/mg], [], 'standby: nor an error but those');

is(value($worker), undef, 'the worker of the primary has not come back');
$dbh->disconnect;
$cluster->stop;
$standby->run('pg_ctl', '-D', "$standby->{dir}/data", '-w', 'promote');
$dbh = $replica;
await_plan('promoted', 'v0000009', 'of the primary');
is(value(q(SELECT pendo_fdw_requeue('pendo'))), 1, 'promoted: the dead letter is there, too');
await_plan('promoted, a dead letter', 'v0000008', 'dead');
plan_to(10, 'written after it');
await_plan('promoted, a new record', 'v0000010', 'written after it');
$standby->stop('fast');

unlike($_->log, qr/terminated by signal|PANIC/, 'no backend died of it') for $cluster, $standby;

done_testing();
