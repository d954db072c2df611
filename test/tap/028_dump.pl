# A database that uses the extension, in another cluster: by pg_dump as text, by
# pg_dump and pg_restore, and by pg_upgrade. Everything is there and works: servers,
# mappings, tables with their options, views, rights; what the ledger knows, and its
# numbers go on.
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
$alice->disconnect;

# ---- what can be said of a database -------------------------------------

my $runs    = 'SELECT run, sync_name, role::text, server, object, table_name, delivery, started, finished, status, records, applied, missing, calls FROM pendo_fdw_runs ORDER BY run';
my $rejects = 'SELECT server, object, id, reason, first_seen, last_seen, times, values, message, run, role::text, table_name FROM pendo_fdw_rejects ORDER BY id';
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
        foreign => [map { $session->selectall_arrayref($_) } @foreign] };
}

my $original = described($dbh);
is(scalar @{ $original->{runs} }, 3, 'three runs, to be found again');
is(scalar @{ $original->{rejects} }, 3, 'three rejects');

# Is all there, and does it work?
sub is_whole {
    my ($name, $there) = @_;
    my $session = $there->session(dbname => 'sync');
    $session->do('SET client_min_messages = error');
    my $restored = described($session);
    is_deeply([compare_lists($original->{extension}, $restored->{extension})], [], "$name: the extension is the same in the catalogs");
    is_deeply($restored->{$_}, $original->{$_}, "$name: the same $_") for qw(runs rejects foreign);

    $simulator->reset;
    is($session->selectrow_array('SELECT sum(visitors) FROM plans'), 100, "$name: a view on a foreign table reads");
    is($session->selectrow_array(q(SELECT string_agg(id || sync_name, ',' ORDER BY id) FROM trouble WHERE sync_name <> '')), 'gone7nightly,gone8nightly', "$name: a view on the ledger reads");
    my $most = $session->selectrow_array('SELECT max(run) FROM pendo_fdw_runs');
    is(error_of($session, q(SELECT set_plan('v0000003', 'moved'))), undef, "$name: a function writes");
    is($simulator->record('visitor', 'v0000003')->{metadata}{custom}{plan}, 'moved', "$name: to Pendo");
    is($session->selectrow_array('SELECT run FROM pendo_fdw_last_run()'), $most + 1, "$name: numbers of runs go on");
    is(error_of($session, q(UPDATE pendo."Odd ""table""" SET seats = 99 WHERE "Id" = 'v0000004')), undef, "$name: a table of one's own");
    is($simulator->record('visitor', 'v0000004')->{metadata}{custom}{seats}, 99, "$name: has its options");
    is(error_of($session, q(INSERT INTO events VALUES ('v0000002', 'Restored'))), undef, "$name: a partition");
    is_deeply([map { $_->{event} } @{ $simulator->events }], ['Restored'], "$name: sends events");
    is($session->selectrow_array(q(SELECT key_valid FROM pendo_fdw_check('pendo'))), 1, "$name: the keys are there");

    # a reject goes when the record arrives
    $simulator->load('visitor', { visitorId => 'gone7', metadata => {} }, { visitorId => 'v0000009', metadata => {} });
    is(error_of($session, q(UPDATE pendo.visitors SET custom_seats = 7 WHERE visitor_id = 'gone7')), undef, "$name: a reject is sent again");
    is_deeply($session->selectcol_arrayref('SELECT id FROM pendo_fdw_rejects ORDER BY 1'), ['gone8', 'missing of alice'], "$name: and gone");

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
