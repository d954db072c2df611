# A database that uses the extension, in another cluster: by pg_dump as text, by
# pg_dump and pg_restore, and by pg_upgrade. Everything is there and works: servers,
# mappings, tables with their options, views, rights; what the ledger knows, and its
# numbers go on; the outbox, which is sent when it is adopted, and not before.
use strict;
use warnings;

use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use FindBin;
use lib $FindBin::Bin;
use Catalog;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 100, '--accounts', 10, '--clean');
my $cluster = start_cluster();
my $admin = $cluster->session;
my $folder = tempdir('pendo_dump_XXXX', DIR => '/tmp', CLEANUP => 1);

# ---- a database with all of it ------------------------------------------

$admin->do($_) for 'CREATE ROLE alice LOGIN', 'CREATE ROLE "Bob \'B\'" LOGIN', 'CREATE DATABASE sync';
my $dbh = $cluster->session(dbname => 'sync');
$dbh->do("SET client_min_messages = error");
$dbh->do($_) for 'CREATE SCHEMA "The tools"', 'CREATE EXTENSION pendo_fdw SCHEMA "The tools"', 'ALTER DATABASE sync SET search_path = public, "The tools"', 'SET search_path = public, "The tools"';
connect_pendo($dbh, $simulator, batch_size => 20, max_retries => 0, missing_limit => '50%');
$dbh->do($_) for
  "COMMENT ON SERVER pendo IS 'the real one'",
  'GRANT USAGE ON FOREIGN SERVER pendo TO alice',
  'GRANT USAGE ON SCHEMA pendo, "The tools" TO alice',
  q(CREATE USER MAPPING FOR alice SERVER pendo OPTIONS (integration_key 'sim-write-key')),
  q{CREATE FOREIGN TABLE pendo."Odd ""table""" ("Id" text OPTIONS (path 'visitorId') NOT NULL, seats bigint OPTIONS (path 'custom.seats', strict_type 'true') DEFAULT 7,}
  . q{ plan text OPTIONS (path 'custom.plan') COLLATE "C") SERVER pendo OPTIONS (object 'visitors', only_changes 'true', on_bad_value 'null')},
  q(COMMENT ON COLUMN pendo."Odd ""table""".seats IS 'bought'),
  'GRANT SELECT, UPDATE ON pendo."Odd ""table""", pendo.visitors TO alice',
  'CREATE VIEW public.plans AS SELECT custom_plan AS plan, count(*) AS visitors FROM pendo.visitors GROUP BY 1',
  'CREATE VIEW public.trouble AS SELECT r.id, r.reason, l.sync_name FROM pendo_fdw_rejects r JOIN pendo_fdw_runs l USING (run)',
  'CREATE TABLE public.events (visitor_id text, event text) PARTITION BY LIST (event)',
  q(CREATE FOREIGN TABLE public.events_sent PARTITION OF public.events DEFAULT SERVER pendo OPTIONS (object 'track_events')),
  q(CREATE FUNCTION public.set_plan(v text, p text) RETURNS void LANGUAGE sql BEGIN ATOMIC UPDATE pendo.visitors SET custom_plan = p WHERE visitor_id = v; END),
  q(SET pendo_fdw.sync_name = 'nightly'),
  q(UPDATE pendo.visitors v SET custom_seats = n FROM generate_series(1, 8) n WHERE v.visitor_id = CASE WHEN n > 6 THEN 'gone' || n ELSE 'v000000' || n END),
  q(INSERT INTO public.events VALUES ('v0000001', 'Dumped'));
my $alice = $cluster->session(dbname => 'sync', user => 'alice');
$alice->do("SET client_min_messages = error");
$alice->do(q(UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id IN ('v0000009', 'missing of alice')));

# A dead letter, and what waits: two rows of one id, one of alice, events with keys.
$dbh->do($_) for
  q{CREATE FOREIGN TABLE pendo.later (id text OPTIONS (path 'visitorId'), plan text OPTIONS (path 'custom.plan'), seats bigint OPTIONS (path 'custom.seats')) SERVER pendo OPTIONS (object 'visitors', delivery 'outbox')},
  q{CREATE FOREIGN TABLE pendo.events_later (visitor_id text, event text, event_key text) SERVER pendo OPTIONS (object 'track_events', delivery 'outbox')},
  'GRANT SELECT, UPDATE ON pendo.later TO alice',
  q(UPDATE pendo.later SET plan = 'dead' WHERE id = 'gone9'), 'CALL pendo_fdw_deliver()',
  q(UPDATE pendo.later SET plan = 'older', seats = 20 WHERE id = 'v0000020'), q(UPDATE pendo.later SET plan = 'newer' WHERE id = 'v0000020'),
  q{INSERT INTO pendo.events_later VALUES ('v0000001', 'Kept', 'key 1'), ('v0000001', 'Kept', 'key 2')};
$alice->do(q(UPDATE pendo.later SET plan = 'of alice' WHERE id = 'v0000021'));
$alice->disconnect;

# ---- what can be said of a database -------------------------------------

my $runs    = 'SELECT run, sync_name, role::text, server, object, table_name, delivery, started, finished, status, records, applied, missing, calls FROM pendo_fdw_runs ORDER BY run';
my $rejects = 'SELECT server, object, id, reason, first_seen, last_seen, times, values, message, run, role::text, table_name FROM pendo_fdw_rejects ORDER BY id';
# But for the server's oid, which is another one.
my @outbox = ('SELECT shard, seq, server, object, role::text, table_name, id, payload, enqueued, event_key, attempts FROM pendo_fdw_queue ORDER BY seq',
    'SELECT shard, seq, server, object, role::text, table_name, id, payload, enqueued, died, attempts, reason, message FROM pendo_fdw_dead_letters ORDER BY seq',
    'SELECT server, event_key, enqueued FROM pendo_fdw_event_keys ORDER BY event_key', 'SELECT last_value, is_called FROM pendo_fdw_queue_seq_seq');
# Options come in the order of their names after a dump.
my $sorted = sub { return "ARRAY(SELECT o FROM unnest($_[0]) o ORDER BY o COLLATE \"C\")" };
my @foreign = (
    'SELECT srvname, ' . $sorted->('srvoptions') . ', obj_description(oid, \'pg_foreign_server\'), srvacl FROM pg_foreign_server',
    'SELECT srvname, usename, ' . $sorted->('umoptions') . ' FROM pg_user_mappings ORDER BY usename',
    'SELECT t.ftrelid::regclass, ' . $sorted->('t.ftoptions') . ', c.relacl FROM pg_foreign_table t JOIN pg_class c ON c.oid = t.ftrelid ORDER BY t.ftrelid::regclass::text',
    'SELECT attrelid::regclass, attname, ' . $sorted->('attfdwoptions') . ', format_type(atttypid, atttypmod), attnotnull, attcollation::regcollation, col_description(attrelid, attnum), pg_get_expr(d.adbin, d.adrelid)'
      . ' FROM pg_attribute a JOIN pg_foreign_table t ON t.ftrelid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attnum > 0 ORDER BY attrelid::regclass::text, attname',
    'SELECT viewname, definition FROM pg_views WHERE schemaname = \'public\' ORDER BY 1',
);

sub described {
    my ($session) = @_;
    return { extension => [describe_extension($session)], runs => $session->selectall_arrayref($runs), rejects => $session->selectall_arrayref($rejects),
        foreign => [map { $session->selectall_arrayref($_) } @foreign], outbox => [map { $session->selectall_arrayref($_) } @outbox] };
}

my $original = described($dbh);
is(scalar @{ $original->{runs} }, 4, 'four runs, to be found again');
is(scalar @{ $original->{rejects} }, 4, 'four rejects');
is(join(' ', map { scalar @$_ } @{ $original->{outbox} }), '5 1 2 1', 'five rows that wait, a dead letter, two keys of events');

# A copy sends nothing before it is adopted.
sub outbox_is_sent {
    my ($name, $there, $session) = @_;
    $simulator->reset;
    my $error = error_of($session, 'CALL pendo_fdw_deliver()') // { state => 'none', message => '', hint => '' };
    is($error->{state}, '55000', "$name: the outbox is not sent");
    like($error->{message}, qr/^the outbox belongs to another database, of which this is a copy$/, "$name: which the ERROR says");
    like($error->{hint}, qr/pendo_fdw_adopt\(\)/, "$name: and what to do");
    my $alice = $there->session(dbname => 'sync', user => 'alice');
    is(error_of($alice, 'SELECT pendo_fdw_adopt()')->{state}, '42501', "$name: not everybody may");
    $alice->disconnect;
    is_deeply([grep { /value$|track$/ } keys %{ $simulator->stats }], [], "$name: nothing was sent");

    is($session->selectrow_array('SELECT pendo_fdw_adopt()'), 5, "$name: adopted, five rows wait");
    is($session->do(q{INSERT INTO pendo.events_later VALUES ('v0000001', 'Again', 'key 1'), ('v0000001', 'New', 'key 3')}), 2, "$name: events with a key are put in");
    is($session->selectrow_array('SELECT count(*) FROM pendo_fdw_queue'), 6, "$name: but for the one whose key is known");
    is(error_of($session, 'CALL pendo_fdw_deliver()'), undef, "$name: the outbox is sent");
    is_deeply([@{ $simulator->record('visitor', 'v0000020')->{metadata}{custom} }{qw(plan seats)}], ['newer', 20], "$name: in its order");
    is($simulator->record('visitor', 'v0000021')->{metadata}{custom}{plan}, 'of alice', "$name: with the row of alice");
    is_deeply([sort map { $_->{event} } @{ $simulator->events }], [qw(Kept Kept New)], "$name: each event once");
    is($session->selectrow_array(q(SELECT pendo_fdw_requeue('pendo', 'missing'))), 1, "$name: the dead letter is put back");
    is(error_of($session, 'CALL pendo_fdw_deliver()'), undef, "$name: and tried");
    is_deeply($session->selectall_arrayref('SELECT id, reason FROM pendo_fdw_dead_letters'), [['gone9', 'missing']], "$name: in vain");
    is($session->selectrow_array('SELECT count(*) FROM pendo_fdw_queue'), 0, "$name: nothing waits");
    return;
}

# Is all there, and does it work?
sub is_whole {
    my ($name, $there) = @_;
    my $session = $there->session(dbname => 'sync');
    $session->do('SET client_min_messages = error');
    my $restored = described($session);
    is_deeply([compare_lists($original->{extension}, $restored->{extension})], [], "$name: the extension is the same in the catalogs");
    is_deeply($restored->{$_}, $original->{$_}, "$name: the same $_") for qw(runs rejects foreign outbox);

    $simulator->reset;
    is($session->selectrow_array('SELECT sum(visitors) FROM plans'), 100, "$name: a view on a foreign table reads");
    is($session->selectrow_array(q(SELECT string_agg(id || sync_name, ',' ORDER BY id) FROM trouble WHERE sync_name <> '')), 'gone7nightly,gone8nightly,gone9nightly', "$name: a view on the ledger reads");
    my $most = $session->selectrow_array('SELECT max(run) FROM pendo_fdw_runs');
    is(error_of($session, q(SELECT set_plan('v0000003', 'moved'))), undef, "$name: a function writes");
    is($simulator->record('visitor', 'v0000003')->{metadata}{custom}{plan}, 'moved', "$name: to Pendo");
    is($session->selectrow_array('SELECT run FROM pendo_fdw_last_run()'), $most + 1, "$name: numbers of runs go on");
    is(error_of($session, q(UPDATE pendo."Odd ""table""" SET seats = 99 WHERE "Id" = 'v0000004')), undef, "$name: a table of one's own");
    is($simulator->record('visitor', 'v0000004')->{metadata}{custom}{seats}, 99, "$name: has its options");
    is(error_of($session, q(INSERT INTO events VALUES ('v0000002', 'Restored'))), undef, "$name: a partition");
    is_deeply([map { $_->{event} } @{ $simulator->events }], ['Restored'], "$name: sends events");
    is($session->selectrow_array(q(SELECT key_valid FROM pendo_fdw_check('pendo'))), 1, "$name: the keys are there");

    outbox_is_sent($name, $there, $session);

    # a reject goes when the record arrives
    $simulator->load('visitor', { visitorId => 'gone7', metadata => {} }, { visitorId => 'v0000009', metadata => {} });
    is(error_of($session, q(UPDATE pendo.visitors SET custom_seats = 7 WHERE visitor_id = 'gone7')), undef, "$name: a reject is sent again");
    is_deeply($session->selectcol_arrayref('SELECT id FROM pendo_fdw_rejects ORDER BY 1'), ['gone8', 'gone9', 'missing of alice'], "$name: and gone");

    my $alice = $there->session(dbname => 'sync', user => 'alice');
    is_deeply($alice->selectcol_arrayref('SELECT id FROM pendo_fdw_rejects'), ['missing of alice'], "$name: alice sees her rows and no others");
    is(error_of($alice, q(UPDATE pendo.visitors SET custom_plan = 'y' WHERE visitor_id = 'v0000009')), undef, "$name: alice writes with her key");
    is(error_of($alice, q(DELETE FROM pendo_fdw_runs))->{state}, '42501', "$name: and not in the ledger");
    $session->do(q(SELECT pendo_fdw_prune('0')));
    is($session->selectrow_array('SELECT count(*) FROM pendo_fdw_runs'), 0, "$name: it can be pruned");
    is(error_of($session, 'DROP EXTENSION pendo_fdw CASCADE'), undef, "$name: and dropped");
    $_->disconnect for $alice, $session;
    return;
}

# ---- pg_dump ------------------------------------------------------------

my @here = ('-h', $cluster->{dir}, '-p', $cluster->{port}, '-U', 'postgres');
sub there { my ($of) = @_; return ('-h', $of->{dir}, '-p', $of->{port}, '-U', 'postgres') }

my $second = start_cluster();
$cluster->run('pg_dumpall', @here, '--roles-only', '-f', "$folder/roles.sql");
$second->run('psql', there($second), '-X', '-q', '-d', 'postgres', '-f', "$folder/roles.sql");
my @forms = (
    ['pg_dump as text', ['-Fp'], sub { ('psql', there($second), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', $_[0]) }],
    ['pg_dump and pg_restore', ['-Fc'], sub { ('pg_restore', there($second), '-e', '-C', '-d', 'postgres', $_[0]) }],
    ['pg_dump and pg_restore, by several jobs', ['-Fd', '-j2'], sub { ('pg_restore', there($second), '-e', '-C', '-j3', '-d', 'postgres', $_[0]) }],
);
for my $form (@forms) {
    my ($name, $how, $restore) = @$form;
    (my $file = "$folder/$name") =~ s/[ ,]+/_/g;
    my $calls = $simulator->stats;
    $cluster->run('pg_dump', @here, '-C', @$how, '-f', $file, 'sync');
    $second->run($restore->($file));
    is_deeply($simulator->stats, $calls, "$name: without a call to Pendo");
    is_whole($name, $second);
    $second->session->do('DROP DATABASE sync');
}

# ---- pg_upgrade ---------------------------------------------------------

my $third = start_cluster();
$dbh->disconnect;
$admin->disconnect;
$_->stop_cleanly for $cluster, $third;
my $before = getcwd();
chdir $folder;
my ($old, $new) = map { $_->{bin} } $cluster, $third;
$third->run('pg_upgrade', '-b', $old, '-B', $new, '-d', "$cluster->{dir}/data", '-D', "$third->{dir}/data", '-p', $cluster->{port}, '-P', $third->{port}, '-U', 'postgres', '-s', $folder);
chdir $before;
$third->start;
is_whole('pg_upgrade', $third);

unlike($_->log, qr/terminated by signal|PANIC/, 'no backend died of it') for $cluster, $second, $third;

done_testing();
