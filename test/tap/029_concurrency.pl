# Many sessions at a time: pgbench with 50 clients that look up, join, update, send
# events and roll back; definitions that change under running, prepared and waiting
# statements; sessions that are ended in waits that 003 and 018 do not have; a hot
# standby and read-only transactions.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $visitors = 500;
my @simulators = map { start_simulator('--visitors', $visitors, '--accounts', 10, '--clean') } 1 .. 2;
my $simulator = $simulators[0];
my $cluster = start_cluster(conf => ['max_connections = 150', 'max_worker_processes = 20', 'wal_level = replica', 'max_wal_senders = 4', 'log_min_messages = warning', 'deadlock_timeout = 5s']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0);
my $bulk = 'POST /api/v1/metadata/visitor/custom/value';
my $track = 'POST /data/track';
my $scan = 'POST /api/v1/aggregation';
my $lookup = 'GET /api/v1/visitor/:id';

sub temporary_files { return grep { -s } glob "$cluster->{dir}/data/base/pgsql_tmp/*" }
sub seats { my ($id, $of) = @_; return ($of // $simulator)->record('visitor', $id)->{metadata}{custom}{seats} }

# ---- pgbench ------------------------------------------------------------

$dbh->do($_) for 'CREATE SEQUENCE numbers START 1000000', 'CREATE TABLE written (id text, n bigint)', 'CREATE TABLE sent (event text)',
  "CREATE TABLE source AS SELECT n, 'v' || lpad(n::text, 7, '0') AS id FROM generate_series(1, $visitors) n";
my $before = $simulator->dump('visitor');

# Each number is used once, and is in `written` if its transaction committed.
my %script = (
    lookup => [4, q{
        \set v random(1, 500)
        SELECT custom_plan, custom_seats FROM pendo.visitors WHERE visitor_id = 'v' || lpad(:v::text, 7, '0');}],
    join => [2, q{
        \set a random(1, 480)
        SELECT count(*), count(v.custom_seats) FROM source s JOIN pendo.visitors v ON v.visitor_id = s.id WHERE s.n BETWEEN :a AND :a + 15;}],
    update => [4, q{
        \set v random(1, 500)
        SELECT nextval('numbers') AS n \gset
        BEGIN;
        INSERT INTO written VALUES ('v' || lpad(:v::text, 7, '0'), :n);
        UPDATE pendo.visitors SET custom_seats = :n WHERE visitor_id = 'v' || lpad(:v::text, 7, '0');
        COMMIT;}],
    many => [2, q{
        \set a random(1, 470)
        SELECT nextval('numbers') AS n \gset
        BEGIN;
        SAVEPOINT s;
        UPDATE pendo.visitors v SET custom_seats = -:n FROM source s WHERE v.visitor_id = s.id AND s.n BETWEEN :a AND :a + 5;
        ROLLBACK TO s;
        INSERT INTO written SELECT id, :n FROM source WHERE n BETWEEN :a AND :a + 20;
        UPDATE pendo.visitors v SET custom_seats = :n FROM source s WHERE v.visitor_id = s.id AND s.n BETWEEN :a AND :a + 20;
        COMMIT;}],
    undone => [1, q{
        \set v random(1, 500)
        BEGIN;
        UPDATE pendo.visitors SET custom_seats = -1 WHERE visitor_id = 'v' || lpad(:v::text, 7, '0');
        INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'undone');
        ROLLBACK;}],
    missing => [1, q{
        UPDATE pendo.visitors v SET custom_seats = -2 FROM (VALUES ('nobody'), ('noone')) s (id) WHERE v.visitor_id = s.id;}],
    events => [2, q{
        SELECT nextval('numbers') AS n \gset
        BEGIN;
        INSERT INTO sent SELECT 'e' || :n || '_' || g FROM generate_series(1, 3) g;
        INSERT INTO pendo.track_events (visitor_id, event) SELECT 'v0000001', 'e' || :n || '_' || g FROM generate_series(1, 3) g;
        COMMIT;}],
);
my $folder = File::Temp::tempdir('pendo_bench_XXXX', DIR => '/tmp', CLEANUP => 1);
my @scripts = map { ('-f', spew("$folder/$_.sql", $script{$_}[1] . "\n") . "\@$script{$_}[0]") } sort keys %script;
my $seconds = $ENV{PENDO_TEST_LONG} ? 180 : 15;
$simulator->config(latency_ms => 5);
ok(eval { $cluster->run('pgbench', '-h', $cluster->{dir}, '-p', $cluster->{port}, '-U', 'postgres', '-n', '-c', 50, '-j', 2, '-T', $seconds, @scripts, 'postgres'); 1 }, 'pgbench: no client fails')
  or diag $@;
my ($transactions) = slurp("$cluster->{dir}/pgbench.log.out") =~ /number of transactions actually processed: (\d+)/;
note "$transactions transactions in $seconds s";
cmp_ok($transactions, '>', 500, 'pgbench: many transactions');
$simulator->config(latency_ms => 0);
is_deeply([grep { !/pendo\.visitors: of 2 visitors, 2 not known/ } $cluster->log =~ /^\d+ (?:WARNING|ERROR|FATAL|PANIC):.*/mg], [], 'pgbench: no error in the log but what is missing');

my %committed;
$committed{ $_->[0] }{ $_->[1] } = 1 for @{ $dbh->selectall_arrayref('SELECT id, n FROM written') };
my $after = $simulator->dump('visitor');
my @wrong;
for my $id (sort keys %$after) {
    my ($is, $was) = map { $_->{$id}{metadata}{custom}{seats} // 'null' } $after, $before;
    push @wrong, "$id is $is" unless $committed{$id} ? $committed{$id}{$is} : $is eq $was;
}
is_deeply(\@wrong, [], 'pgbench: every value is one that was committed, and those are there');
cmp_ok(scalar keys %committed, '>', 400, 'pgbench: of nearly all visitors');
my %received;
++$received{ $_->{event} } for @{ $simulator->events };
is_deeply([sort keys %received], $dbh->selectcol_arrayref('SELECT event FROM sent ORDER BY event COLLATE "C"'), 'pgbench: the events are those that were committed');
is_deeply([grep { $received{$_} != 1 } keys %received], [], 'pgbench: each once');
is($dbh->selectrow_array(q(SELECT sum(applied) FROM pendo_fdw_runs WHERE object = 'visitors')), $dbh->selectrow_array('SELECT count(*) FROM written'), 'pgbench: the ledger counts them all');
is_deeply($dbh->selectall_arrayref('SELECT id, reason FROM pendo_fdw_rejects ORDER BY id'), [['nobody', 'missing'], ['noone', 'missing']], 'pgbench: and has those that are missing once');
is_deeply([temporary_files()], [], 'pgbench: no temporary file is left');
ok(eval { wait_until('the sessions', 20, sub { $dbh->selectrow_array(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')) == 1 }) }, 'pgbench: no backend is left');

# ---- definitions that change --------------------------------------------

$_->reset for @simulators;
my $table = sub { my ($name) = @_; return "CREATE FOREIGN TABLE $name (id text OPTIONS (path 'visitorId'), seats bigint OPTIONS (path 'custom.seats'), plan text OPTIONS (path 'custom.plan')) SERVER pendo OPTIONS (object 'visitors', page_size '10')" };
my $read = "SELECT seats, plan FROM t WHERE id = 'v0000005'";
my $write = "UPDATE t SET seats = %d WHERE id = 'v0000005'";

# What another session does, and what it ends in for a prepared SELECT: a pattern of the
# row or of the error. `locks`: it has to wait for statements that are under way.
my %mapping = (good => "OPTIONS (SET integration_key 'sim-write-key')", bad => "OPTIONS (SET integration_key 'none')");
my @changes = (
    ['another Pendo', 0, "ALTER SERVER pendo OPTIONS (SET api_url '$simulators[1]{url}')", qr/^222 two$/, "ALTER SERVER pendo OPTIONS (SET api_url '$simulator->{url}')"],
    ['a wrong key', 0, "ALTER USER MAPPING FOR postgres SERVER pendo $mapping{bad}", qr/^42501 Pendo refused the integration key of server "pendo"/, "ALTER USER MAPPING FOR postgres SERVER pendo $mapping{good}"],
    ['no user mapping', 0, 'DROP USER MAPPING FOR postgres SERVER pendo', qr/^42501 no integration key for server "pendo"/,
        "CREATE USER MAPPING FOR postgres SERVER pendo OPTIONS (integration_key 'sim-write-key', track_secret 'sim-track-secret')"],
    ['another path', 1, q(ALTER FOREIGN TABLE t ALTER COLUMN plan OPTIONS (SET path 'custom.seats')), qr/^111 111$/],
    ['another object', 1, q(ALTER FOREIGN TABLE t OPTIONS (SET object 'accounts')), qr/^(?:HV|42)\w+ .*path|^$/],
    ['another type', 1, 'ALTER FOREIGN TABLE t ALTER COLUMN seats TYPE text', qr/^0A000 cached plan must not change result type/],
    ['another name', 1, 'ALTER FOREIGN TABLE t RENAME COLUMN plan TO p', qr/^42703 column "plan" does not exist/],
    ['one column less', 1, 'ALTER FOREIGN TABLE t DROP COLUMN plan', qr/^42703 column "plan" does not exist/],
    ['one column more', 1, 'ALTER FOREIGN TABLE t ADD COLUMN score float8 OPTIONS (path \'custom.score\')', qr/^111 one$/],
    ['no table', 1, 'DROP FOREIGN TABLE t', qr/^42P01 relation "t" does not exist/],
    ['no server', 1, 'DROP SERVER pendo CASCADE', qr/^42P01 relation "t" does not exist/],
    ['another table of that name', 1, 'BEGIN; DROP FOREIGN TABLE t; ' . $table->('t') =~ s/path 'custom\.plan'/path 'agent.role'/r . '; COMMIT', qr/^111 boss$/],
);

sub lay_out {
    for my $n (0, 1) {
        $simulators[$n]->reset;
        $simulators[$n]->load('visitor', map { { visitorId => sprintf('v%07d', $_), metadata => { custom => { seats => $n ? 222 : 111, plan => $n ? 'two' : 'one' }, agent => { role => 'boss' } } } } 1 .. 60);
    }
    $dbh->do('DROP FOREIGN TABLE IF EXISTS t');
    $dbh->do("CREATE SERVER IF NOT EXISTS pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$simulator->{url}', track_url '$simulator->{url}', max_retries '0')");
    $dbh->do("CREATE USER MAPPING IF NOT EXISTS FOR postgres SERVER pendo OPTIONS (integration_key 'sim-write-key', track_secret 'sim-track-secret')");
    $dbh->do($table->('t'));
    return;
}

# Rows as text, or SQLSTATE and message.
sub outcome_of {
    my ($session, $sql) = @_;
    my $rows = eval { $session->selectall_arrayref($sql) };
    return join ',', map { join ' ', map { $_ // 'NULL' } @$_ } @$rows if $rows;
    my $error = PendoTest::describe_error($session);
    return "$error->{state} $error->{message}";
}

my $other = $cluster->session;
$other->do($_) for q(SET client_min_messages = error), q(SET lock_timeout = '300ms');
for my $change (@changes) {
    my ($name, $locks, $sql, $expected, $back) = @$change;
    for my $plan (qw(force_generic_plan force_custom_plan)) {
        lay_out();
        my $session = $cluster->session;
        $session->do($_) for "SET plan_cache_mode = $plan", "PREPARE p AS $read";
        is(outcome_of($session, 'EXECUTE p'), '111 one', "$name: before");
        is(error_of($other, $sql), undef, "$name: with nobody in the way");
        like(outcome_of($session, 'EXECUTE p'), $expected, "$name: a prepared SELECT ($plan) sees it, or says so");
        $dbh->do($back) if $back;
        $session->disconnect;
    }

    # a cursor in the middle of its pages
    lay_out();
    my $session = $cluster->session;
    $session->do($_) for 'BEGIN', 'DECLARE c CURSOR FOR SELECT seats FROM t', 'FETCH 3 FROM c';
    my $error = error_of($other, $sql);
    $other->do('ROLLBACK');
    is($error ? $error->{state} : '', $locks ? '55P03' : '', "$name: under a cursor it " . ($locks ? 'waits' : 'goes through'));
    my $rest = outcome_of($session, 'FETCH ALL FROM c');
    like($rest, qr/^111(?:,111){56}$|^42501 /, "$name: the cursor reads on in the old state, or fails");
    $session->do('ROLLBACK');
    $dbh->do($back) if $back;
    $session->disconnect;

    # records that wait for the commit
    lay_out();
    $session = $cluster->session;
    $session->do($_) for 'BEGIN', sprintf($write, 7);
    $error = error_of($other, $sql);
    $other->do('ROLLBACK');
    is($error ? $error->{state} : '', $locks ? '55P03' : '', "$name: under records that wait it " . ($locks ? 'waits' : 'goes through'));
    $error = error_of($session, 'COMMIT');
    my @seats = map { seats('v0000005', $_) } @simulators;
    if ($locks) {
        is_deeply([$error, @seats], [undef, 7, 222], "$name: the commit sends them");
    } else {
        is($error ? $error->{state} : '', '55006', "$name: the commit refuses to send them elsewhere or with another key");
        like($error ? $error->{message} : '', qr/^cannot send 1 records to public\.t: it, its server or the user mapping was altered meanwhile$/, "$name: and says so");
        is_deeply(\@seats, [111, 222], "$name: nothing was sent");
    }
    $dbh->do($back) if $back;
    $session->disconnect;
}

# Two sessions change the definition all the time while others read and write.
lay_out();
my $until = time + 4;
my @children;
for my $n (1 .. 4) {
    my $pid = fork // die "fork: $!";
    push @children, $pid and next if $pid;
    my $session = $cluster->session;
    my $good = 1;
    my $round = 0;
    while (time < $until) {
        my $sql = $n == 1 ? 'ALTER FOREIGN TABLE t OPTIONS (SET page_size \'' . (10 + $round % 5) . '\')'
          : $n == 2 ? 'ALTER SERVER pendo OPTIONS (SET max_retries \'' . $round % 2 . '\')'
          : $n == 3 ? 'SELECT count(seats) FROM t' : sprintf($write, 300 + $round);
        my $error = error_of($session, $sql);
        # one ALTER beside another of the same row, or under a write
        $good = 0, print STDERR "$sql: $error->{text}\n" if $error && !($n <= 2 && $error->{state} eq 'XX000') && !($n == 4 && $error->{state} eq '55006');
        ++$round;
    }
    $_->{InactiveDestroy} = 1 for $dbh, $other, $session;
    POSIX::_exit($good && $round > 5 ? 0 : 1);
}
for (@children) { waitpid $_, 0; is($?, 0, 'definitions that change all the time: the readers, writers and changers go on') }

# ---- waits that are ended -----------------------------------------------

lay_out();
$dbh->do("SET client_min_messages = error");
$dbh->do('CREATE SCHEMA elsewhere');
my $schema = 'GET /api/v1/metadata/schema/visitor';
my $verify = 'GET /api/v1/token/verify';
my $wait = { kind => 'stall_before', ms => 60_000 };
my $later = { kind => 'status', status => 429, headers => { 'Retry-After' => '50' } };
my @waits = (
    ['the import', 'IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO elsewhere', $schema, $wait],
    ['the check', q(SELECT * FROM pendo_fdw_check('pendo')), $verify, $wait],
    ['ANALYZE', 'ANALYZE t', $scan, $wait],
    ['the fields before an UPDATE', sprintf($write, 5), $schema, $wait],
    ['the counts', 'SELECT sum(num_events) FROM pendo.track_event_counts', $scan, $wait],
    ['the back-off of a scan', 'SELECT count(seats) FROM t', $scan, $later],
    ['the back-off of a lookup', $read, $lookup, $later],
    ['the back-off of a commit', sprintf($write, 6), $bulk, $later],
    ['the back-off of events', q(INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'Late')), $track, $later],
);
connect_again();
sub connect_again {
    $dbh->do('DROP SCHEMA IF EXISTS pendo CASCADE');
    $dbh->do($_) for 'CREATE SCHEMA pendo', 'IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO pendo', 'ALTER SERVER pendo OPTIONS (SET max_retries \'5\')';
    return;
}
for my $case (@waits) {
    my ($name, $sql, $route, $fault) = @$case;
    for my $end (qw(cancel terminate)) {
        my $session = $cluster->session;
        my $pid = $session->{pg_pid};
        $simulator->faults({ route => $route, %$fault });
        my $calls = $simulator->stats->{$route} // 0;
        $session->do($sql, { pg_async => PG_ASYNC });
        my $there = eval { $simulator->wait_for_calls($route, $calls + 1); 1 };
        ok($there, "$name, $end: it waits") or diag $@;
        wait_until('the wait', 20, sub { (($dbh->selectrow_array("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $pid"))[0] // '') eq 'Extension' });
        my $since = time;
        $dbh->do("SELECT pg_${end}_backend($pid)");
        ok(eval { wait_until('the backend', 15, $end eq 'cancel' ? sub { $session->pg_ready } : sub { !-e "/proc/$pid" }) }, "$name, $end: it ends");
        cmp_ok(time - $since, '<', 2, "$name, $end: at once");
        if ($end eq 'cancel') {
            is(worked_async($session) ? 'none' : $session->state, '57014', "$name, cancel: SQLSTATE");
            $simulator->faults;
            is($session->selectrow_array("SELECT count(*) FROM t"), 60, "$name, cancel: the session goes on");
        }
        $simulator->faults;
        eval { $session->disconnect };
    }
}

# ---- read only ----------------------------------------------------------

my @writes = (sprintf($write, 9), q(INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'No')), q(UPDATE t SET seats = n FROM generate_series(1, 5) n WHERE id = 'v000000' || n),
    q(WITH w AS (UPDATE t SET seats = 1 WHERE id = 'v0000001' RETURNING id) SELECT * FROM w), "COPY pendo.track_events (visitor_id, event) FROM STDIN");
sub refuses_writes {
    my ($name, $session, @first) = @_;
    $simulator->reset;
    for my $sql (@writes) {
        $session->do($_) for @first;
        my $error = error_of($session, $sql);
        is($error ? $error->{state} : '', '25006', "$name: refused: $sql");
        like($error ? $error->{message} : '', qr/cannot execute (?:UPDATE|INSERT|SELECT|COPY|COPY FROM) (?:in a read-only transaction|during recovery)/, "$name: in PostgreSQL's words");
        $session->do('ROLLBACK') if @first;
    }
    my $stats = $simulator->stats;
    is_deeply([grep { /value$|track$/ } keys %$stats], [], "$name: nothing was sent");
    return;
}

sub reads {
    my ($name, $session) = @_;
    is($session->selectrow_array('SELECT count(seats) FROM t'), 60, "$name: a scan");
    is($session->selectrow_array($read), 111, "$name: a lookup");
    is($session->selectrow_array(q(SELECT count(*) FROM pendo_fdw_runs)), $dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_runs'), "$name: the ledger is read");
    is($session->selectrow_array(q(SELECT key_valid FROM pendo_fdw_check('pendo'))), 1, "$name: pendo_fdw_check");
    is(error_of($session, q(SELECT pendo_fdw_prune('1 day')))->{state}, '25006', "$name: pendo_fdw_prune is refused");
    return;
}

lay_out();
my $session = $cluster->session;
refuses_writes('BEGIN READ ONLY', $session, 'BEGIN READ ONLY');
$session->do('SET default_transaction_read_only = on');
refuses_writes('default_transaction_read_only', $session);
lay_out();
reads('default_transaction_read_only', $session);
$session->do('SET default_transaction_read_only = off');
$session->do($_) for 'BEGIN', sprintf($write, 41), 'SET TRANSACTION READ ONLY';
is(error_of($session, sprintf($write, 42))->{state}, '25006', 'read only after a write: no more of them');
$session->do('ROLLBACK');
is(seats('v0000005'), 111, 'and a ROLLBACK sends nothing');

my $standby = start_standby($cluster);
my $replica = $standby->session;
$cluster->wait_for_standby($standby);
is($replica->selectrow_array('SELECT pg_is_in_recovery()'), 1, 'a hot standby');
reads('standby', $replica);
is($replica->selectrow_array('SELECT count(*) FROM source s JOIN t ON t.id = s.id'), 60, 'standby: a join');
refuses_writes('standby', $replica);
is(error_of($replica, 'IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO elsewhere')->{state}, '25006', 'standby: an import is refused');
lay_out();
$cluster->wait_for_standby($standby);
$dbh->do("ALTER SERVER pendo OPTIONS (SET api_url '$simulators[1]{url}')");
wait_until('the standby', 60, sub { ($replica->selectrow_array($read))[0] == 222 });
pass('standby: a change of the server on the primary is followed');
$standby->stop('fast');

is_deeply([temporary_files()], [], 'no temporary file is left');
unlike($_->log, qr/terminated by signal|PANIC/, 'no backend died of it') for $cluster, $standby;

done_testing();
