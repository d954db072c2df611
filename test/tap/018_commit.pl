# delivery 'commit': records wait for the commit and go with the transaction that
# wrote them. First case by case, then random transactions against a model.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my @simulators = map { start_simulator('--visitors', 3000, '--accounts', 20, '--clean') } 1 .. 2;
my $simulator = $simulators[0];
my $cluster = start_cluster(conf => ['max_prepared_transactions = 5', 'max_worker_processes = 20']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0);
$dbh->do($_) for
  "CREATE SERVER other FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$simulators[1]{url}', track_url '$simulators[1]{url}', max_retries '0')",
  "CREATE USER MAPPING FOR postgres SERVER other OPTIONS (integration_key 'sim-write-key')",
  (map { my ($name, $server, $options) = @$_;
        "CREATE FOREIGN TABLE $name (id text OPTIONS (path 'visitorId'), plan text OPTIONS (path 'custom.plan'), seats bigint OPTIONS (path 'custom.seats'),"
          . " score float8 OPTIONS (path 'custom.score')) SERVER $server OPTIONS (object 'visitors'$options)"
  } ['one', 'pendo', ''], ['two', 'other', ''], ['now', 'pendo', ", delivery 'statement'"]),
  q{CREATE FUNCTION put(t regclass, i text, n bigint) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN EXECUTE format('UPDATE %s SET seats = %s WHERE id = %L', t, n, i); END $$},
  q{CREATE TABLE local (n int)};

my $bulk = 'POST /api/v1/metadata/visitor/custom/value';
sub calls { my ($of) = @_; return ($of // $simulator)->stats->{$bulk} // 0 }
sub seats { my ($id, $of) = @_; return ($of // $simulator)->record('visitor', $id)->{metadata}{custom}{seats} }
sub put { my ($table, $id, $n) = @_; return "UPDATE $table SET seats = $n WHERE id = '$id'" }

sub start_over {
    $_->reset for @simulators;
    return;
}

# Runs a list of statements in a transaction. Nothing goes out before its end;
# then Pendo has these seats. undef: as before.
sub case {
    my ($name, $statements, %want) = @_;
    start_over();
    my %before = map { $_ => seats($_) } keys %want;
    $dbh->do('BEGIN');
    $dbh->do($_) for @$statements;
    my $early = calls();
    $dbh->do('COMMIT');
    is($early, 0, "$name: nothing is sent before the commit");
    is_deeply({ map { $_ => seats($_) } keys %want }, { map { $_ => $want{$_} // $before{$_} } keys %want }, "$name: what was committed, and nothing else");
    return;
}

my ($a, $b, $c) = qw(v0000001 v0000002 v0000003);
case('COMMIT', [put('one', $a, -1), put('one', $b, -2)], $a => -1, $b => -2, $c => undef);
is(calls(), 1, 'COMMIT: two statements, one call');
case('ROLLBACK TO', [put('one', $a, -1), 'SAVEPOINT s', put('one', $a, -9), put('one', $b, -2), 'ROLLBACK TO s', put('one', $c, -3)], $a => -1, $b => undef, $c => -3);
case('RELEASE', [put('one', $a, -1), 'SAVEPOINT s', put('one', $b, -2), 'SAVEPOINT t', put('one', $c, -3), 'RELEASE t', 'RELEASE s'], $a => -1, $b => -2, $c => -3);
case('RELEASE within ROLLBACK TO', ['SAVEPOINT s', put('one', $b, -2), 'SAVEPOINT t', put('one', $c, -3), 'RELEASE t', 'ROLLBACK TO s'], $b => undef, $c => undef);
case('exception block', [put('one', $a, -1), "DO \$\$ BEGIN BEGIN PERFORM put('one', '$b', -2); PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN PERFORM put('one', '$c', -3); END; END \$\$"],
    $a => -1, $b => undef, $c => -3);
case('functions', ["SELECT put('one', '$a', -1), put('one', '$b', -2)"], $a => -1, $b => -2);
case('cursor', ["DECLARE k CURSOR FOR SELECT n FROM generate_series(1, 3) n", 'FETCH 1 FROM k', put('one', $a, -1), 'FETCH 1 FROM k',
        "UPDATE one SET seats = -5 FROM (SELECT '$b' AS i) s WHERE id = s.i", 'CLOSE k'], $a => -1, $b => -5);
case('other table of the object', [put('one', $a, -1), 'INSERT INTO local VALUES (1)'], $a => -1);

start_over();
my $was = seats($a);
$dbh->do($_) for 'BEGIN', put('one', $a, -1), 'ROLLBACK';
is(calls() . seats($a), "0$was", 'ROLLBACK: nothing is sent');

$dbh->do(q{CREATE PROCEDURE batches() LANGUAGE plpgsql AS $$
  BEGIN FOR i IN 1 .. 4 LOOP PERFORM put('one', 'v000000' || i, -i); IF i = 3 THEN ROLLBACK; ELSE COMMIT; END IF; END LOOP; END $$});
my $third = seats($c);
$dbh->do('CALL batches()');
is_deeply([calls(), map { seats("v000000$_") } 1 .. 4], [3, -1, -2, $third, -4], 'a procedure that commits in a loop sends at each commit');

$dbh->do($_) for q{CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM put('one', 'v0000005', NEW.n); RETURN NEW; END $$},
  'CREATE CONSTRAINT TRIGGER late AFTER INSERT ON local DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()';
case('deferred trigger', [put('one', $a, -1), 'INSERT INTO local VALUES (-55)'], $a => -1, v0000005 => -55);
is(calls(), 1, 'deferred trigger: its record is in the same call');
$dbh->do('DROP TRIGGER late ON local');

# ---- several servers and users --------------------------------------------

start_over();
$dbh->do($_) for 'BEGIN', put('one', $a, -1), put('two', $a, -2), 'COMMIT';
is_deeply([seats($a), seats($a, $simulators[1])], [-1, -2], 'two servers in one transaction');
is($dbh->selectrow_array('SELECT string_agg(server, \',\' ORDER BY run) FROM pendo_fdw_last_run()'), 'pendo,other', 'a run for each');

$dbh->do($_) for 'CREATE ROLE clerk', 'GRANT USAGE ON SCHEMA pendo TO clerk', 'GRANT SELECT, UPDATE ON one TO clerk',
  "CREATE USER MAPPING FOR clerk SERVER pendo OPTIONS (integration_key 'sim-write-key')";
$dbh->do($_) for 'BEGIN', put('one', $a, -1), 'SET ROLE clerk', put('one', $b, -2), 'RESET ROLE', 'COMMIT';
is_deeply([seats($a), seats($b)], [-1, -2], 'two user mappings in one transaction');
is($dbh->selectrow_array('SELECT string_agg(role::text, \',\' ORDER BY run) FROM pendo_fdw_last_run()'), 'postgres,clerk', 'a run for each');

# ---- refusals ---------------------------------------------------------------

start_over();
$dbh->do($_) for 'BEGIN', put('one', $a, -1);
is(error_of($dbh, "PREPARE TRANSACTION 'p'")->{state}, '0A000', 'PREPARE TRANSACTION is refused');
is(calls(), 0, 'and nothing was sent');
$dbh->do($_) for 'BEGIN', 'SAVEPOINT s', put('one', $a, -1), 'ROLLBACK TO s', 'INSERT INTO local VALUES (7)', "PREPARE TRANSACTION 'p'", "COMMIT PREPARED 'p'";
is($dbh->selectrow_array('SELECT count(*) FROM local WHERE n = 7'), 1, 'but not with nothing to send');

$dbh->do($_) for 'BEGIN', put('one', $a, -1), 'SAVEPOINT s';
my $error = error_of($dbh, 'SELECT count(custom_plan) FROM pendo.visitors');
is($error->{state}, '55000', 'a scan of an object with unsent records is refused');
like($error->{message}, qr/^cannot read pendo\.visitors: this transaction has 1 records for public\.one that are not sent yet$/, 'in these words');
$dbh->do('ROLLBACK TO s');
is($dbh->selectrow_array('SELECT count(account_id) FROM pendo.accounts'), 20, 'another object may be read');
cmp_ok($dbh->selectrow_array('SELECT count(plan) FROM two'), '>', 0, 'and the same one of another server');
$dbh->do('ROLLBACK');
cmp_ok($dbh->selectrow_array('SELECT count(plan) FROM one'), '>', 0, 'after the end it may be read');

my $many = "UPDATE one SET plan = repeat('x', 500), seats = -n FROM (SELECT n, 'v' || lpad(n::text, 7, '0') AS i FROM generate_series(1, 2500) n) s WHERE id = s.i";
$dbh->do("SET temp_file_limit = '256kB'");
is((error_of($dbh, $many) // {})->{state}, '53400', 'the records count for temp_file_limit');
is(calls(), 0, 'temp_file_limit: nothing was sent');
$dbh->do('RESET temp_file_limit');

# ---- merging ----------------------------------------------------------------

start_over();
my @notices;
{
    local $SIG{__WARN__} = sub { push @notices, $_[0] };
    local $dbh->{PrintWarn} = 1;
    $dbh->do($_) for 'BEGIN', "UPDATE one SET seats = -1, plan = 'first' WHERE id = '$a'", "UPDATE one SET plan = 'second' WHERE id = '$a'",
      "UPDATE one SET score = 0.5 WHERE id = '$a'", put('one', $b, -2), 'COMMIT';
}
my $custom = $simulator->record('visitor', $a)->{metadata}{custom};
is_deeply([@{$custom}{qw(seats plan score)}], [-1, 'second', 0.5], 'updates of one id merge, later values win for each field');
is(calls(), 1, 'in one call');
like("@notices", qr/^WARNING:  public\.one: of 2 visitors, 2 given more than once/, 'and a WARNING counts them');

for my $table (qw(one now)) {
    start_over();
    $dbh->do("ALTER FOREIGN TABLE $table OPTIONS (ADD on_duplicate 'error')");
    $error = error_of($dbh, "UPDATE $table SET seats = -n FROM generate_series(1, 9) n WHERE id = 'v000000' || (1 + n % 8)");
    is($error->{state}, '21000', "on_duplicate 'error' refuses ($table)");
    is(calls(), 0, "on_duplicate 'error': nothing was sent ($table)");
    is((error_of($dbh, "UPDATE $table SET seats = -n FROM generate_series(1, 8) n WHERE id = 'v000000' || n")), undef, "on_duplicate 'error': different ids pass ($table)");
    is(seats('v0000008'), -8, "and arrive ($table)");
    $dbh->do("ALTER FOREIGN TABLE $table OPTIONS (DROP on_duplicate)");
}

# A record that a statement sent, and the commit then could not: it has not arrived.
start_over();
$dbh->do("SELECT pendo_fdw_prune('0')");
$dbh->do($_) for put('one', 'nobody', -1), 'BEGIN', put('one', $a, -1), put('now', $a, -2);
$simulator->faults({ route => $bulk, kind => 'status', status => 400, body => 'no' });
$dbh->do('COMMIT');
is_deeply($dbh->selectall_arrayref("SELECT id, reason, table_name FROM pendo_fdw_rejects WHERE id <> 'nobody'"), [[$a, 'invalid', 'public.one']], 'of two results of one record the one that came last counts');
$simulator->faults;
$dbh->do("SELECT pendo_fdw_prune('0')");

# ---- what stops a send ------------------------------------------------------

sub failed_runs { return $dbh->selectrow_array("SELECT count(*) FROM pendo_fdw_runs WHERE status = 'failed'") }

# The row of a failed run comes from a worker a moment later.
sub failed_run {
    my ($before) = @_;
    wait_until('the row of the failed run', 20, sub { failed_runs() > $before });
    return $dbh->selectrow_hashref("SELECT *, role::text FROM pendo_fdw_runs WHERE status = 'failed' ORDER BY run DESC LIMIT 1");
}

my $two_calls = "UPDATE one SET seats = -n FROM (SELECT n, 'v' || lpad(n::text, 7, '0') AS i FROM generate_series(1, 1500) n) s WHERE id = s.i";
$dbh->do("ALTER FOREIGN TABLE one OPTIONS (ADD concurrency '1')");
my @stops = (
    ['delivery_timeout', ["ALTER FOREIGN TABLE one OPTIONS (ADD delivery_timeout '700ms')"], undef, "ALTER FOREIGN TABLE one OPTIONS (DROP delivery_timeout)"],
    ['statement_timeout', ["SET statement_timeout = '700ms'"], undef, 'RESET statement_timeout'],
    ['cancel', [], 'pg_cancel_backend', 'SELECT 1'],
    ['terminate', [], 'pg_terminate_backend', undef],
);
for my $stop (@stops) {
    my ($name, $before, $function, $after) = @$stop;
    start_over();
    my $failed = failed_runs();
    $simulator->faults({ route => $bulk, skip => 1, kind => 'stall_before', ms => 120_000 });
    my $session = $cluster->session;
    my ($pid) = $session->selectrow_array('SELECT pg_backend_pid()');
    $session->do($_) for @$before, 'BEGIN', $two_calls;
    my $since = time;
    $session->do('COMMIT', { pg_async => PG_ASYNC });
    $simulator->wait_for_calls($bulk, 2);
    $dbh->do("SELECT $function($pid)") if $function;
    my $error = worked_async($session) ? undef : PendoTest::describe_error($session);
    cmp_ok(time - $since, '<', 30, "$name at commit: ends a stalled send");
    if ($name eq 'terminate') {
        ok($error, 'terminate at commit: the session ends') and wait_until('the backend', 20, sub { !$dbh->selectrow_array("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") });
    } else {
        is($error->{state}, '57014', "$name at commit: SQLSTATE") or diag explain $error;
        like("$error->{context}$error->{text}", qr/^(?:CONTEXT:  )?sending to Pendo for public\.one: 1000 records were taken and stay as they are now \(first: v0000001; v0000002; .*\), 0 were not known, 0 were refused; of 500 it is not known/m,
            "$name at commit: the CONTEXT tells what was taken");
        is($session->selectrow_array('SELECT 1'), 1, "$name at commit: the session goes on");
    }
    my $run = failed_run($failed);
    is("$run->{server} $run->{table_name} $run->{delivery} $run->{applied} $run->{uncertain}", 'pendo public.one commit 1000 500', "$name at commit: pendo_fdw_runs has the failed run");
    is($run->{sqlstate}, $name eq 'terminate' ? '57P01' : '57014', "$name at commit: with its SQLSTATE");
    is_deeply([seats('v0001000'), seats('v0001500') >= 0 ? 'as before' : 'new'], [-1000, 'as before'], "$name at commit: what Pendo has");
    $dbh->do($after) if $after && $after =~ /^ALTER/;
    eval { $session->disconnect };
}
$dbh->do("ALTER FOREIGN TABLE one OPTIONS (DROP concurrency)");

# One server has taken its records when the other one refuses.
start_over();
my $failed = failed_runs();
$simulators[1]->faults({ route => $bulk, kind => 'status', status => 403 });
$dbh->do($_) for 'BEGIN', put('one', $a, -1), put('two', $b, -2);
$error = error_of($dbh, 'COMMIT');
is($error->{state}, '42501', 'the second server refuses: the transaction fails');
is(seats($a), -1, 'the first one has its record');
like($error->{context}, qr/^sending to Pendo for public\.one: 1 records were taken and stay as they are now \(first: $a\)/m, 'and the CONTEXT says so') or diag $error->{context};
wait_until('both rows', 20, sub { failed_runs() == $failed + 2 });
is_deeply($dbh->selectcol_arrayref("SELECT table_name || applied FROM pendo_fdw_runs WHERE run > (SELECT max(run) - 2 FROM pendo_fdw_runs) ORDER BY 1"),
    [qw(public.one1 public.two0)], 'as do the rows of the failed runs');

# ---- SERIALIZABLE -------------------------------------------------------------

start_over();
$dbh->do('TRUNCATE local');
{
    my @sessions = map { $cluster->session } 1 .. 2;
    for my $i (0, 1) {
        my $s = $sessions[$i];
        $s->do('BEGIN ISOLATION LEVEL SERIALIZABLE');
        $s->selectrow_array('SELECT count(*) FROM local');
    }
    for my $i (0, 1) {
        $sessions[$i]->do("INSERT INTO local VALUES ($i)");
        $sessions[$i]->do(put('one', $a, -1 - $i));
    }
    is(error_of($sessions[0], 'COMMIT'), undef, 'SERIALIZABLE: who sends first wins');
    $error = error_of($sessions[1], 'COMMIT');
    is(($error // {})->{state}, '40001', 'SERIALIZABLE: the other one fails');
    is(calls(), 1, 'SERIALIZABLE: without having sent');
    is(seats($a), -1, 'SERIALIZABLE: Pendo has the winner\'s value');
    $_->disconnect for @sessions;
}

# While the send of one waits for Pendo, no conflict of another one can fail it.
start_over();
$dbh->do('TRUNCATE local');
{
    my ($sender, $rival) = map { $cluster->session } 1 .. 2;
    for my $s ($sender, $rival) {
        $s->do('BEGIN ISOLATION LEVEL SERIALIZABLE');
        $s->selectrow_array('SELECT count(*) FROM local');
    }
    $sender->do('INSERT INTO local VALUES (1)');
    $sender->do(put('one', $a, -1));
    $simulator->faults({ route => $bulk, times => 1, kind => 'stall_before', ms => 1500 });
    $sender->do('COMMIT', { pg_async => PG_ASYNC });
    $simulator->wait_for_calls($bulk, 1);
    my $failed = error_of($rival, 'INSERT INTO local VALUES (2)') // error_of($rival, put('one', $a, -2)) // error_of($rival, 'COMMIT');
    is(($failed // {})->{state}, '40001', 'SERIALIZABLE: a rival fails while the sender waits');
    ok(worked_async($sender), 'SERIALIZABLE: the sender commits') or diag $sender->errstr;
    is(seats($a), -1, 'SERIALIZABLE: its value stands');
    $_->disconnect for $sender, $rival;
}

# ---- random transactions --------------------------------------------------------

# A trigger that fails after everything has been sent.
$dbh->do($_) for q{CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('test.fail_late', true) = 'on' THEN RAISE 'too late' USING ERRCODE = 'TL000'; END IF; RETURN NEW; END $$},
  'CREATE TRIGGER fail_late AFTER INSERT ON pendo_fdw_runs FOR EACH ROW EXECUTE FUNCTION fail_late()';

my $seed = $ENV{PENDO_TEST_SEED} || int(rand(1e9));
my $count = $ENV{PENDO_TEST_LONG} ? 500 : 60;
srand $seed;
note "seed $seed (PENDO_TEST_SEED)";

my %server_of = (one => 0, now => 0, two => 1);
my @columns = qw(plan seats);
my $value = 0;

# The model: what Pendo holds, by server, id and field; of the transaction, the
# records that wait, what left at once, and the tables in the order of their runs.
my @pendo = map { {} } 0, 1;
my (@waiting, %left, @runs);

sub set_values {
    my ($table, $id, $values) = @_;
    $pendo[ $server_of{$table} ]{$id}{$_} = $values->{$_} for keys %$values;
    return;
}

# An UPDATE of some ids, and what the model makes of it.
sub random_update {
    my $table = (qw(one one two two now))[int rand 5];
    my %ids = map { sprintf('v%07d', 1 + int rand 25) => 1 } 0 .. int rand 6;
    # what waits and what leaves at once must not meet in a field
    my @set = $table eq 'now' ? 'score' : rand() < 0.5 ? $columns[int rand 2] : @columns;
    my %column = map { $_ => [] } @set;
    my @rows;
    push @runs, $table unless grep { $_ eq $table } @runs;
    for my $id (sort keys %ids) {
        my %values = map { $_ => $_ eq 'plan' ? 'p' . ++$value : ++$value } @set;
        push @rows, "('$id', " . join(', ', map { $_ eq 'plan' ? "'$values{$_}'" : "$values{$_}::int8" } @set) . ')';
        if ($table eq 'now') { set_values($table, $id, \%values); ++$left{now} } else { push @waiting, [$table, $id, \%values] }
    }
    return "UPDATE $table SET " . join(', ', map { "$_ = s.$_" } @set) . ' FROM (VALUES ' . join(', ', @rows) . ') s(i, ' . join(', ', @set) . ") WHERE id = s.i";
}

# PL/pgSQL with blocks in blocks, some of which fail and are caught.
sub random_block {
    my ($depth) = @_;
    my $mark = @waiting;
    my $text = 'BEGIN ' . join '', map { $depth > 0 && rand() < 0.4 ? random_block($depth - 1) : random_update() . '; ' } 0 .. int rand 3;
    my $fails = rand() < 0.5;
    $text .= 'PERFORM 1 / 0; ' if $fails;
    $text .= 'EXCEPTION WHEN division_by_zero THEN ';
    if ($fails) {
        splice @waiting, $mark;
        $text .= rand() < 0.5 ? random_update() . '; ' : 'NULL; ';
    } else {
        $text .= 'NULL; ';
    }
    return "${text}END; ";
}

sub random_statements {
    my (@statements, @savepoints);
    for (0 .. 2 + int rand 8) {
        my $dice = rand;
        if ($dice < 0.5) { push @statements, random_update() }
        elsif ($dice < 0.65) { push @statements, 'DO $$ BEGIN ' . random_block(2) . 'END $$' }
        elsif ($dice < 0.8) { push @savepoints, [ 's' . @savepoints, scalar @waiting ]; push @statements, "SAVEPOINT $savepoints[-1][0]" }
        elsif (@savepoints) {
            splice @savepoints, 1 + int rand @savepoints;
            my ($name, $mark) = @{ $savepoints[-1] };
            if (rand() < 0.6) { splice @waiting, $mark; push @statements, "ROLLBACK TO $name" } else { pop @savepoints; push @statements, "RELEASE $name" }
        }
    }
    return @statements;
}

# The tables whose runs have something to send, in order.
sub to_send { return grep { my $table = $_; $table ne 'now' && grep { $_->[0] eq $table } @waiting } @runs }

sub deliver {
    my ($table) = @_;
    my %ids;
    for my $record (grep { $_->[0] eq $table } @waiting) { set_values(@$record); $ids{ $record->[1] } = 1 }
    $left{$table} = keys %ids;
    return;
}

start_over();
my @untouched = map { $_->dump('visitor') } @simulators;
my ($applied_before) = $dbh->selectrow_array("SELECT coalesce(sum(applied), 0) FROM pendo_fdw_runs WHERE status = 'failed'");
my $log_before = length $cluster->log;
my (@wrong, %ends, @untold);
my $rolled_back_applied = 0;
$dbh->do("SET client_min_messages = error");
for my $round (1 .. $count) {
    (@waiting, @runs) = ();
    %left = ();
    my $isolation = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')[int rand 3];
    my @statements = random_statements();
    my $end = (qw(commit commit commit rollback refused late))[int rand 6];
    $dbh->do("BEGIN ISOLATION LEVEL $isolation");
    $dbh->do($_) for @statements;
    my $error;
    my $fails = 0;
    if ($end eq 'rollback') {
        $dbh->do('ROLLBACK');
        $fails = 1;
    } else {
        my @order = to_send();
        my $refusing = (qw(one two))[int rand 2];
        $simulators[ $server_of{$refusing} ]->faults({ route => $bulk, kind => 'status', status => 403 }) if $end eq 'refused';
        $dbh->do("SET LOCAL test.fail_late = on") if $end eq 'late';
        $error = error_of($dbh, 'COMMIT');
        $_->faults for @simulators;
        for my $table (@order) {
            if ($end eq 'refused' && $table eq $refusing) { $fails = 1; last }
            deliver($table);
        }
        $fails = 1 if $end eq 'late' && (@order || %left);
        my $want = !$fails ? '' : $end eq 'late' ? 'TL000' : '42501';
        my $have = $error ? $error->{state} : '';
        push @wrong, "round $round ($end, @order): SQLSTATE '$have', not '$want': " . ($error ? $error->{context} : '') . join "; ", "", @statements if $have ne $want;
    }
    ++$ends{ $end . ($fails ? ', failed' : '') };
    if ($fails) {
        # each run that has sent leaves a mark; the one that was refused has made a call too
        for my $table (keys %left) {
            $rolled_back_applied += $left{$table};
            next if !$error || $table eq 'now';
            push @untold, "round $round ($end): $left{$table} records of $table" unless $error->{context} =~ /for public\.$table: $left{$table} records were taken/;
        }
    }
}
note join '; ', map { "$_: $ends{$_}" } sort keys %ends;
is_deeply(\@wrong, [], "$count random transactions end as the model says");
is_deeply(\@untold, [], 'the errors tell of all that was taken and rolled back');

my @differences;
for my $server (0, 1) {
    my $dump = $simulators[$server]->dump('visitor');
    for my $id (sort keys %$dump) {
        for my $field (qw(plan seats score)) {
            my $is = $dump->{$id}{metadata}{custom}{$field} // 'null';
            my $want = $pendo[$server]{$id}{$field} // $untouched[$server]{$id}{metadata}{custom}{$field} // 'null';
            push @differences, "$server $id $field is $is, not $want" if $is ne $want;
        }
    }
}
is_deeply(\@differences, [], 'Pendo holds what the committed parts say, and what errors listed') or diag "seed $seed";
# Each run that failed has a line in the log, and a row where a worker was free.
my ($logged, $rows) = (0, 0);
for (substr($cluster->log, $log_before) =~ /Of \d+ records Pendo applied (\d+, .*)/g) {
    my ($applied) = /^(\d+)/;
    $logged += $applied;
    $rows += $applied unless /No background worker was free/;
}
is($logged, $rolled_back_applied, 'the log counts all that was rolled back and yet applied');
cmp_ok($rows, '>', 0, 'workers were free');
my $sum = sub { $dbh->selectrow_array("SELECT sum(applied) - $applied_before FROM pendo_fdw_runs WHERE status = 'failed'") };
eval { wait_until('the rows of the failed runs', 20, sub { $sum->() == $rows }) };
is($sum->(), $rows, 'and so does pendo_fdw_runs');

unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

# ---- crashes ----------------------------------------------------------------

sub temporary_files { return grep { -s } glob "$cluster->{dir}/data/base/pgsql_tmp/*" }

sub restarts { return scalar(() = $cluster->log =~ /all server processes terminated; reinitializing/g) }

# Kills the backend while it waits with its records, and while it sends them.
my $records = "UPDATE one SET plan = repeat('x', 500), seats = -n FROM (SELECT n, 'v' || lpad(n::text, 7, '0') AS i FROM generate_series(1, 2500) n) s WHERE id = s.i";
for my $when ('before', 'during') {
    start_over();
    my $session = $cluster->session;
    my $pid = $session->{pg_pid};
    $session->do($_) for 'BEGIN', 'INSERT INTO local VALUES (99)', $records;
    ok(scalar temporary_files(), "kill $when the send: the records are in temporary files");
    if ($when eq 'during') {
        $simulator->faults({ route => $bulk, skip => 1, kind => 'stall_before', ms => 120_000 });
        $session->do('COMMIT', { pg_async => PG_ASYNC });
        $simulator->wait_for_calls($bulk, 2);
    }
    # until the server has seen it, it takes sessions, and ends them with the others
    my $restarts = restarts();
    kill 'KILL', $pid;
    wait_until('the crash to be seen', 60, sub { restarts() > $restarts });
    $dbh = wait_until('the server', 60, sub { eval { my $new = $cluster->session; $new->do('SELECT 1'); $new } });
    is_deeply([temporary_files()], [], "kill $when the send: which are gone");
    $simulator->faults;
    is($dbh->selectrow_array('SELECT count(*) FROM local WHERE n = 99'), 0, "kill $when the send: nothing is committed");
    is(calls(), 0, "kill $when the send: nothing was sent") if $when eq 'before';
    $dbh->do($records);
    my $dump = $simulator->dump('visitor');
    is(scalar(grep { $dump->{ sprintf 'v%07d', $_ }{metadata}{custom}{seats} == -$_ } 1 .. 2500), 2500, "kill $when the send: the same statement again makes it whole");
}

done_testing();
