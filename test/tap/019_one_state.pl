# A record has one state, which its last result decides, however the results came
# about; and what could make a commit send what nobody meant is refused.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 3000, '--accounts', 20, '--clean');
my $cluster = start_cluster(conf => ['max_prepared_transactions = 2']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0);
my $columns = "id text OPTIONS (path 'visitorId'), plan text OPTIONS (path 'custom.plan'), seats bigint OPTIONS (path 'custom.seats'), renewal timestamptz OPTIONS (path 'custom.renewal')";
$dbh->do("CREATE FOREIGN TABLE $_->[0] ($columns) SERVER pendo OPTIONS (object 'visitors'$_->[1])")
  for ['one', ''], ['now', ", delivery 'statement'"], ['made', ", create_missing 'true'"];

my $bulk = 'POST /api/v1/metadata/visitor/custom/value';
my $big = 9007199254740993;    # a bigint that Pendo's floats have not
sub calls { return $simulator->stats->{$bulk} // 0 }
sub seats { my ($id) = @_; return $simulator->record('visitor', $id)->{metadata}{custom}{seats} }
sub rejects { return join ', ', map { "$_->[0] $_->[1]" } @{ $dbh->selectall_arrayref("SELECT id, reason FROM pendo_fdw_rejects WHERE id !~ 'unrelated' ORDER BY id, reason") } }
sub put { my ($table, $seats, $id) = @_; return "UPDATE $table SET seats = $seats WHERE id = '" . ($id // 'v0000001') . "'" }

sub fresh {
    $simulator->reset;
    $simulator->faults;
    $dbh->do("SELECT pendo_fdw_prune('0')");
    return;
}

# ---- the last result decides ----------------------------------------------

# With a reject of another record and without: both ways of looking are taken.
for my $known ('no reject', 'a reject') {
    for my $case (
        ['a value that is refused last', 'v0000001 invalid', 7, put('one', 7), put('one', $big)],
        ['a value that is refused first', '', 5, put('one', $big), put('one', 5)],
        ['refused first and last', 'v0000001 invalid', 5, put('one', $big), put('one', 5), put('one', $big)],
        ['statement, refused last', 'v0000001 invalid', 7, put('now', 7), put('now', $big)],
        ['statement, refused first', '', 5, put('now', $big), put('now', 5)],
        ['in one statement', '', 6, "UPDATE now SET seats = n FROM (VALUES ('v0000002', 1), ('v0000001', $big), ('v0000001', 6)) s (i, n) WHERE id = i"],
        ['two tables', '', 5, put('one', $big), "INSERT INTO made (id, seats) VALUES ('v0000001', 5)"],
        ['not known, then made', '', 4, put('one', 4, 'brand new'), "INSERT INTO made (id, seats) VALUES ('brand new', 4)"],
      ) {
        my ($name, $rejects, $seats, @statements) = @$case;
        fresh();
        $dbh->do(put('one', 1, 'unrelated')) if $known eq 'a reject';
        $dbh->begin_work;
        $dbh->do($_) for @statements;
        $dbh->commit;
        is(rejects(), $rejects, "$name, with $known: the state of the record");
        is(seats($name =~ /made/ ? 'brand new' : 'v0000001'), $seats, "$name, with $known: what Pendo has");
    }
}

for my $table ('one', 'now') {
    fresh();
    $dbh->do("ALTER FOREIGN TABLE $table OPTIONS (ADD reject_limit '0')");
    my $sync = "UPDATE $table SET seats = n FROM (SELECT CASE n WHEN %s THEN $big ELSE n END AS n, 'v' || lpad(n::text, 7, '0') AS i FROM generate_series(1, 2500) n) s WHERE id = i";
    my $error = error_of($dbh, sprintf $sync, 1);
    like($error->{message}, qr/1 of \d+ records were refused.*more than reject_limit allows \(0\)/, "$table: a limit of 0 is met by a value that cannot be sent");
    is(calls(), 0, "$table: before anything is sent");
    like((error_of($dbh, put($table, $big)) // {})->{message} // '', qr/1 of 1 records were refused/, "$table: also where there is nothing else to send");
    $dbh->do("ALTER FOREIGN TABLE $table OPTIONS (DROP reject_limit)");
}

fresh();
$dbh->do("ALTER FOREIGN TABLE one OPTIONS (ADD on_duplicate 'error')");
is((error_of($dbh, "UPDATE one SET seats = n FROM (VALUES (1), ($big)) s (n) WHERE id = 'v0000001'") // {})->{state}, '21000', "on_duplicate 'error' counts a value that cannot be sent");
is(calls(), 0, 'and nothing is sent');
$dbh->do("ALTER FOREIGN TABLE one OPTIONS (DROP on_duplicate)");

fresh();
$dbh->do("UPDATE one SET renewal = t FROM (VALUES ('v0000001', '294276-12-31 UTC'::timestamptz), ('v0000002', 'infinity')) s (i, t) WHERE id = i");
is(rejects(), 'v0000001 invalid, v0000002 invalid', 'times beyond what can be sent are rejects');
is(calls(), 0, 'and nothing is sent in their place');

# ---- a definition that changes under records that wait ----------------------

for my $case (
    ['the server', 'ALTER SERVER pendo OPTIONS (SET max_retries \'1\')', 'ALTER SERVER pendo OPTIONS (SET max_retries \'0\')'],
    ['the table', 'ALTER FOREIGN TABLE one OPTIONS (ADD missing_limit \'0\')', 'ALTER FOREIGN TABLE one OPTIONS (DROP missing_limit)'],
    ['the delivery', 'ALTER FOREIGN TABLE one OPTIONS (ADD delivery \'statement\')', 'ALTER FOREIGN TABLE one OPTIONS (DROP delivery)'],
    ['the user mapping', "ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (SET track_secret 'other')", "ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (SET track_secret 'sim-track-secret')"],
    ['a column', 'ALTER FOREIGN TABLE one ALTER COLUMN plan OPTIONS (SET path \'custom.tier\')', 'ALTER FOREIGN TABLE one ALTER COLUMN plan OPTIONS (SET path \'custom.plan\')'],
  ) {
    my ($name, $alter, $back) = @$case;
    fresh();
    $dbh->do($_) for 'BEGIN', put('one', 1), 'SAVEPOINT a', $alter;
    my $error = error_of($dbh, put('one', 2, 'v0000002'));
    is($error->{state}, '55006', "$name is altered: no more records");
    like($error->{message}, qr/public\.one.* was altered while this transaction has 1 records for it/, "$name is altered: says why");
    $dbh->do($_) for 'ROLLBACK TO a', put('one', 3, 'v0000003'), 'COMMIT';
    is_deeply([map { seats("v000000$_") } 1, 3], [1, 3], "$name is altered: after ROLLBACK TO all goes where it was meant to");
    $dbh->do($_) for $alter, put('one', 4), $back, put('one', 5);
    is(seats('v0000001'), 5, "$name is altered: between transactions it may be");
}

# ---- several tables in one commit -------------------------------------------

$dbh->do("CREATE FOREIGN TABLE strict ($columns) SERVER pendo OPTIONS (object 'visitors', on_duplicate 'error')");
fresh();
my $failed = $dbh->selectrow_array("SELECT count(*) FROM pendo_fdw_runs WHERE status = 'failed'");
$dbh->do($_) for 'BEGIN', put('one', 1), put('strict', 2), put('strict', 3);
my $error = error_of($dbh, 'COMMIT');
is($error->{state}, '21000', 'the second table is refused at the commit');
like($error->{context}, qr/sending to Pendo for public\.one: 1 records were taken and stay/, 'the CONTEXT tells what the first has sent');
wait_until('the row of the failed run', 20, sub { $dbh->selectrow_array("SELECT count(*) FROM pendo_fdw_runs WHERE status = 'failed'") > $failed });
is($dbh->selectrow_array("SELECT sqlstate FROM pendo_fdw_runs WHERE status = 'failed' ORDER BY run DESC LIMIT 1"), '21000', 'and its row why');

$dbh->do($_) for "CREATE ROLE clerk LOGIN", 'GRANT USAGE ON FOREIGN SERVER pendo TO clerk', 'GRANT USAGE ON SCHEMA pendo TO clerk', 'GRANT ALL ON one, pendo.track_events TO clerk',
  "CREATE USER MAPPING FOR clerk SERVER pendo OPTIONS (integration_key 'sim-write-key')";
fresh();
my $clerk = $cluster->session(user => 'clerk');
$clerk->do($_) for 'BEGIN', put('one', 1);
is((error_of($clerk, "INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'e')") // {})->{state}, '42501', 'a missing track secret is told by the INSERT');
$clerk->do('ROLLBACK');
is(calls(), 0, 'before anything was sent');
$clerk->disconnect;

# Two sessions have read the ledger, so that only one of them can write it.
fresh();
my @sessions = map { $cluster->session } 1 .. 2;
for my $n (0, 1) {
    $sessions[$n]->do($_) for 'BEGIN ISOLATION LEVEL SERIALIZABLE', 'SELECT count(*) FROM pendo_fdw_runs', put('one', 10 + $n, 'v000000' . (1 + $n));
}
is(error_of($sessions[0], 'COMMIT'), undef, 'SERIALIZABLE: one of two that have read the ledger commits');
is((error_of($sessions[1], 'COMMIT') // {})->{state}, '40001', 'the other one cannot');
isnt(seats('v0000002'), 11, 'and has sent nothing');
$_->disconnect for @sessions;

for my $table ('one', 'now') {
    $dbh->do($_) for 'BEGIN', put($table, 1);
    is(error_of($dbh, "PREPARE TRANSACTION 'p'")->{state}, '0A000', "$table: PREPARE TRANSACTION is refused");
}

# A file that an ERROR leaves is closed with the statement.
fresh();
my @notices = notices_of($dbh, q{
DO $$ BEGIN
  ALTER FOREIGN TABLE now OPTIONS (ADD on_duplicate 'error');
  FOR i IN 1 .. 3 LOOP
    BEGIN UPDATE now SET plan = repeat('x', 500) FROM generate_series(1, 2000) n WHERE id = 'v' || lpad((1 + n % 1999)::text, 7, '0');
    EXCEPTION WHEN cardinality_violation THEN NULL; END;
  END LOOP;
END $$});
is_deeply(\@notices, [], 'nothing is left of statements that were refused');
$dbh->do('ALTER FOREIGN TABLE now OPTIONS (DROP on_duplicate)');

# ---- INSERT -----------------------------------------------------------------

fresh();
$dbh->do("ALTER FOREIGN TABLE made ALTER COLUMN plan SET DEFAULT 'by default'");
$dbh->do("INSERT INTO made (id, seats) VALUES ('v0000001', 1), ('new 1', 2)");
$dbh->do("INSERT INTO made (id) SELECT 'new 2'");
$dbh->do('COPY made (id, seats) FROM STDIN');
$dbh->pg_putcopydata("new 3\t3\n");
$dbh->pg_putcopyend;
is_deeply([map { $simulator->record('visitor', $_)->{metadata}{custom}{plan} } 'v0000001', 'new 1', 'new 2', 'new 3'], [('by default') x 4], 'a DEFAULT is sent');
$dbh->do("INSERT INTO made (id, plan) VALUES ('new 1', 'named')");
is($simulator->record('visitor', 'new 1')->{metadata}{custom}{plan}, 'named', 'a value in its place too');
is($simulator->record('visitor', 'new 1')->{metadata}{custom}{seats}, 2, 'and what has no DEFAULT is left as it was');
$dbh->do($_) for 'CREATE FUNCTION other_plan() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.plan = \'x\'; RETURN NEW; END $$',
  'CREATE TRIGGER t BEFORE INSERT ON made FOR EACH ROW EXECUTE FUNCTION other_plan()';
is((error_of($dbh, "INSERT INTO made (id) VALUES ('new 4')") // {})->{state}, '0A000', 'a BEFORE INSERT trigger, whose changes would not be sent, is refused');
$dbh->do('DROP TRIGGER t ON made');
$dbh->do($_) for "CREATE TABLE parent (id text, plan text, seats bigint, renewal timestamptz) PARTITION BY LIST (id)", 'ALTER TABLE parent ATTACH PARTITION made DEFAULT';
is((error_of($dbh, "INSERT INTO $_->[0] ($_->[1], $_->[2]) VALUES ('v0000001', 'x') ON CONFLICT DO NOTHING") // {})->{state}, '0A000', "ON CONFLICT is refused: $_->[0]")
  for ['made', 'id', 'plan'], ['parent', 'id', 'plan'], ['pendo.track_events', 'visitor_id', 'event'];

$dbh->begin_work;
is((error_of($dbh, "SELECT pendo_fdw_prune('1 day')") // {})->{state}, '25001', 'pendo_fdw_prune keeps no locks in an open transaction');
$dbh->rollback;

# ---- events that are alike -----------------------------------------------------

sub send_alike { my ($count) = @_; $dbh->do("INSERT INTO pendo.track_events (visitor_id, event, occurred_at) SELECT 'v0000001', 'alike', '2026-01-01 00:00Z' FROM generate_series(1, $count)"); return }
sub rows_alike { return join ' ', map { $_ // 'none' } @{ $dbh->selectcol_arrayref("SELECT reason || ' ' || times FROM pendo_fdw_rejects WHERE object = 'track_events' ORDER BY id") } }
my $refused = { route => 'POST /data/track', kind => 'status', status => 400, body => 'no' };
fresh();
$simulator->faults({ %$refused, times => 2 });
send_alike(3);
is(rows_alike(), 'invalid 1 invalid 1', 'of three events that are alike two are refused: two rows');
$simulator->faults({ %$refused, times => 1 });
send_alike(1);
is(rows_alike(), 'invalid 2 invalid 1', 'one is sent again and refused again: it counts at one of them');
send_alike(1);
is(rows_alike(), 'invalid 2', 'one is taken: its row goes');
send_alike(1);
is(rows_alike(), '', 'and the other');
$simulator->faults($refused);
send_alike(1500);
is($dbh->selectrow_array("SELECT count(*) FROM pendo_fdw_rejects WHERE object = 'track_events'"), 1500, 'more than are written at a time');
$simulator->faults;
$dbh->do(q{INSERT INTO pendo.track_events (visitor_id, event, occurred_at) SELECT r.values ->> 'visitorId', r.values ->> 'event', to_timestamp((r.values ->> 'timestamp')::numeric / 1000)
  FROM pendo_fdw_rejects r WHERE r.object = 'track_events'});
is(rows_alike(), '', 'sent again out of the ledger: none is left');

# ---- values that no statement names -------------------------------------------

$dbh->do($_) for 'DROP TABLE parent', "CREATE DOMAIN dotted AS text DEFAULT 'by domain'",
  "CREATE FOREIGN TABLE by_domain (seats bigint OPTIONS (path 'custom.seats') GENERATED BY DEFAULT AS IDENTITY, id text OPTIONS (path 'visitorId'), plan dotted OPTIONS (path 'custom.plan'))"
  . " SERVER pendo OPTIONS (object 'visitors', create_missing 'true')",
  "CREATE TABLE moves (id text DEFAULT 'kd', seats bigint DEFAULT 7, plan text) PARTITION BY LIST (plan)",
  "CREATE FOREIGN TABLE moves_there (id text OPTIONS (path 'visitorId'), plan text OPTIONS (path 'custom.plan'), seats bigint OPTIONS (path 'custom.seats')) SERVER pendo OPTIONS (object 'visitors', create_missing 'true')",
  "ALTER TABLE moves ATTACH PARTITION moves_there FOR VALUES IN ('there')",
  "CREATE TABLE moves_here PARTITION OF moves FOR VALUES IN ('here')",
  'CREATE VIEW seen AS SELECT id, plan, seats FROM moves', "ALTER VIEW seen ALTER plan SET DEFAULT 'there'";
sub custom { my ($id) = @_; my $custom = $simulator->record('visitor', $id)->{metadata}{custom}; return join ' ', map { $custom->{$_} // 'none' } qw(plan seats) }
fresh();
$dbh->do('COPY by_domain (id) FROM STDIN');
$dbh->pg_putcopydata("c1\n");
$dbh->pg_putcopyend;
is(custom('c1'), 'by domain 1', "COPY sends a domain's DEFAULT and an identity");
$dbh->do("INSERT INTO seen (id) VALUES ('s1')");
is(custom('s1'), 'there 7', "a view's DEFAULT decides the partition and is sent");
$dbh->do("INSERT INTO moves (id, plan, seats) VALUES ('s2', 'there', NULL)");
is(custom('s2'), 'there none', 'NULL that is named is sent as such');
$dbh->do("INSERT INTO moves (id, plan) VALUES ('m1', 'here')");
is((error_of($dbh, "UPDATE moves SET plan = 'there' WHERE id = 'm1'") // {})->{state}, '0A000', 'a row is not moved to Pendo');
is($dbh->selectrow_array('SELECT count(*) FROM moves_here'), 1, 'and stays');

# ---- an UPDATE that is one node of the plan -------------------------------------

fresh();
$dbh->do("CREATE TABLE sources AS SELECT 'v' || lpad(n::text, 7, '0') AS i, n AS seats, 'plan ' || n AS plan FROM generate_series(1, 5) n");
$dbh->do("UPDATE one v SET (seats, plan) = (SELECT seats, plan FROM sources s WHERE s.i = v.id) WHERE id IN ('v0000001', 'v0000002')");
is_deeply([map { custom("v000000$_") } 1, 2], ['plan 1 1', 'plan 2 2'], 'SET of several columns by one correlated subselect');
$dbh->do("UPDATE one SET (seats, plan) = (SELECT max(seats), 'most' FROM sources) WHERE id = 'v0000001'");
is(custom('v0000001'), 'most 5', 'by one that is not');
$dbh->do("UPDATE one v SET plan = (SELECT plan FROM sources s WHERE s.i = v.id) WHERE id IN ('v0000001', 'v0000003')");
is_deeply([map { custom("v000000$_") } 1, 3], ['plan 1 5', 'plan 3 ' . seats('v0000003')], 'and of one column');
$dbh->do("UPDATE one SET plan = tableoid::regclass::text WHERE id = 'v0000001'");
is(custom('v0000001'), 'one 5', 'tableoid is the table');

$dbh->do($_) for 'BEGIN', put('one', 1), 'GRANT SELECT (plan) ON one TO clerk', put('one', 2), 'COMMIT';
is(seats('v0000001'), 2, 'a GRANT does not alter the table');

fresh();
$simulator->faults({ route => $bulk, times => 1, kind => 'status', status => 500 });
$dbh->do("CREATE FOREIGN TABLE later ($columns) SERVER pendo OPTIONS (object 'visitors', delivery 'statement')");
$dbh->do($_) for 'BEGIN', 'SAVEPOINT a';
ok(error_of($dbh, put('now', 1)), 'a statement fails');
$dbh->do($_) for 'ROLLBACK TO a', put('later', 2), 'COMMIT';
is(rejects(), '', 'another table makes up for what an aborted statement left open');

# ---- ids ----------------------------------------------------------------------

$dbh->do("CREATE FOREIGN TABLE short (id varchar(5) OPTIONS (path 'visitorId'), plan text OPTIONS (path 'custom.plan')) SERVER pendo OPTIONS (object 'visitors')");
$error = error_of($dbh, "UPDATE short SET plan = 'x' WHERE id = 'v0000001'");
is($error->{state}, '22001', 'an id that the column cannot hold is an ERROR');
like($error->{hint}, qr/TYPE text/, 'that says what to do');

done_testing();
