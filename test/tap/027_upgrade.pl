# ALTER EXTENSION pendo_fdw UPDATE: for each way from one version to another that the
# tree has, the catalogs afterwards are those of a fresh installation. Versions that
# the test makes itself show that the way works, and that a script which forgets
# something is found out. A library and SQL of different versions say so.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Catalog;
use PendoTest;
use Test::More;

my $postgres = copy_postgres();
my $simulator = start_simulator('--visitors', 50, '--accounts', 5, '--clean');
my $cluster = start_cluster(bin => $postgres->{bin});
my $admin = $cluster->session;
my $extensions = $postgres->{extensions};
my $control = slurp("$extensions/pendo_fdw.control");
my ($current) = $control =~ /^default_version = '(.+)'$/m;
my $current_sql = slurp("$extensions/pendo_fdw--$current.sql");

sub set_default { my ($version) = @_; return spew("$extensions/pendo_fdw.control", $control =~ s/^default_version = .*$/default_version = '$version'/mr) }

my $databases = 0;
sub new_session {
    my $name = 'd' . ++$databases;
    $admin->do("CREATE DATABASE $name");
    return $cluster->session(dbname => $name);
}

# What differs between a fresh installation of a version and one that was updated.
sub differences {
    my ($from, $to) = @_;
    my ($fresh, $updated) = map { new_session() } 1 .. 2;
    $fresh->do("CREATE EXTENSION pendo_fdw VERSION '$to'");
    $updated->do($_) for "CREATE EXTENSION pendo_fdw VERSION '$from'", "ALTER EXTENSION pendo_fdw UPDATE TO '$to'";
    my @fresh = describe_extension($fresh);
    cmp_ok(scalar @fresh, '>', 100, "$from to $to: a hundred things are compared");
    return compare_lists(\@fresh, [describe_extension($updated)]);
}

# ---- what the tree has --------------------------------------------------

my @scripts = map { m{/pendo_fdw--(.+)\.sql$} } glob "$tree/pendo_fdw--*.sql";
my @versions = grep { !/--/ } @scripts;
ok((grep { $_ eq $current } @versions), "there is a script of the default version, $current");
for my $script (@scripts) {
    ok(-e "$extensions/pendo_fdw--$script.sql", "pendo_fdw--$script.sql is installed");
    next unless $script =~ /^(.+)--(.+)$/;
    ok(scalar(grep { $_ eq $2 } @versions), "pendo_fdw--$script.sql leads to a version that can be installed by itself");
}
for my $from (grep { $_ ne $current } @versions) {
    is_deeply([differences($from, $current)], [], "from $from to $current: as a fresh installation");
}

# ---- versions of the test's own -----------------------------------------

my %fresh = (
    column   => 'ALTER TABLE pendo_fdw_runs ADD COLUMN note text NOT NULL DEFAULT \'none\'',
    table    => 'CREATE TABLE pendo_fdw_extra (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text CHECK (what <> \'\'))',
    index    => 'CREATE INDEX pendo_fdw_extra_what_idx ON pendo_fdw_extra (what)',
    comment  => 'COMMENT ON TABLE pendo_fdw_extra IS \'more\'',
    security => 'ALTER TABLE pendo_fdw_extra ENABLE ROW LEVEL SECURITY',
    policy   => 'CREATE POLICY own_rows ON pendo_fdw_extra FOR SELECT USING (what <> \'secret\')',
    grant    => 'GRANT SELECT ON pendo_fdw_extra TO PUBLIC',
    config   => 'SELECT pg_catalog.pg_extension_config_dump(\'pendo_fdw_extra\', \'\')',
    function => 'CREATE FUNCTION pendo_fdw_extra(n int DEFAULT 7) RETURNS int LANGUAGE sql IMMUTABLE AS \'SELECT n\'',
    view     => 'CREATE VIEW pendo_fdw_seen AS SELECT count(*) FROM pendo_fdw_extra',
);
my @order = qw(column table index comment security policy grant config function view);

# Version `to`, with what is new in it, and the way to it, which may lack something.
sub make_version {
    my ($to, %without) = @_;
    my @new = map { $fresh{$_} } @order;
    spew("$extensions/pendo_fdw--$to.sql", join "\n", $current_sql, map { "$_;" } @new);
    spew("$extensions/pendo_fdw--$current--$to.sql", join "\n", map { ($without{$_} // $fresh{$_}) . ';' } @order);
    return;
}

make_version('7.1');
is_deeply([differences($current, '7.1')], [], 'a script that does all leaves no difference');

my %forgotten = (
    column   => ['ALTER TABLE pendo_fdw_runs ADD COLUMN note text NOT NULL DEFAULT \'nothing\'', qr/^\+ .*pendo_fdw_runs.*\| note \|.*'nothing'/m],
    index    => ['SELECT 1', qr/^- index pendo_fdw_extra_what_idx/m],
    comment  => ['SELECT 1', qr/^- table pendo_fdw_extra \| 0 \| more$/m],
    security => ['SELECT 1', qr/^\+ table pendo_fdw_extra \| r \| p \| 0/m],
    policy   => ['CREATE POLICY own_rows ON pendo_fdw_extra FOR SELECT USING (true)', qr/^\+ table pendo_fdw_extra \| own_rows \|.*true/m],
    grant    => ['SELECT 1', qr/^- table pendo_fdw_extra \| 0 \| e \| .*=r/m],
    config   => ['SELECT 1', qr/^- kept by pg_dump \| pendo_fdw_extra/m],
    function => ['CREATE FUNCTION pendo_fdw_extra(n int DEFAULT 8) RETURNS int LANGUAGE sql STABLE AS \'SELECT n\'', qr/^\+ function pendo_fdw_extra\(integer\) \|[^-]*STABLE/m],
    view     => ['CREATE VIEW pendo_fdw_seen AS SELECT count(what) FROM pendo_fdw_extra', qr/^\+ view pendo_fdw_seen \|.*count\(/m],
    table    => ['CREATE TABLE pendo_fdw_extra (what text CHECK (what <> \'\'), id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)', qr/^\+ table pendo_fdw_extra \| 1 \| what \|/m],
);
my $minor = 1;
for my $what (sort keys %forgotten) {
    my ($instead, $found) = @{ $forgotten{$what} };
    my $version = '7.' . ++$minor;
    make_version($version, $what => $instead);
    my @differences = differences($current, $version);
    like(join("\n", @differences), $found, "a script that gets it wrong is found out: $what") or diag explain \@differences;
}

# ---- an update in use ---------------------------------------------------

my $dbh = new_session();
$dbh->do("SET client_min_messages = error");
connect_pendo($dbh, $simulator);
my $update = sub { return "UPDATE pendo.visitors SET custom_seats = $_[0] WHERE visitor_id IN ('v0000001', 'nobody')" };
is(error_of($dbh, $update->(1)), undef, 'before the update: a sync');
my $other = $cluster->session(dbname => "d$databases");
$other->do($_) for q(PREPARE seats AS SELECT custom_seats FROM pendo.visitors WHERE visitor_id = 'v0000001'), 'BEGIN', $update->(2);

set_default('7.1');
$dbh->do('ALTER EXTENSION pendo_fdw UPDATE');
is($dbh->selectrow_array(q(SELECT extversion FROM pg_extension WHERE extname = 'pendo_fdw')), '7.1', 'the update to the default version');
is_deeply($dbh->selectall_arrayref('SELECT count(*), min(note) FROM pendo_fdw_runs'), [[1, 'none']], 'runs are kept, and have the new column');
is($dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_rejects'), 1, 'and so are rejects');

# The library is the one of before.
my $calls = sub { my $stats = $simulator->stats; return join ' ', map { "$_ $stats->{$_}" } sort grep { /^POST .*(value|track)/ } keys %$stats };
my $before = $calls->();
for my $session ([$dbh, 'a session that did the update'], [$other, 'a transaction from before', 'COMMIT'], [$cluster->session(dbname => "d$databases"), 'a new session']) {
    my ($who, $name, $commit) = @$session;
    for my $sql ($commit // (), $commit ? () : ($update->(3), q(INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'E')), 'SELECT * FROM pendo_fdw_last_run()', "SELECT pendo_fdw_prune('1 day')",
        q(SELECT * FROM pendo_fdw_check('pendo')), 'SELECT * FROM pendo_fdw_dry_run()')) {
        my $error = error_of($who, $sql) // { state => '00000', message => 'no error', hint => '' };
        is($error->{state}, '55000', "$name: refused: $sql");
        is($error->{message}, qq(extension "pendo_fdw" is of version 7.1 in this database, its library of version $current), "$name: in these words");
        like($error->{hint}, qr/ALTER EXTENSION pendo_fdw UPDATE/, "$name: the hint says what to do");
    }
    is($who->selectrow_array(q(SELECT custom_seats FROM pendo.visitors WHERE visitor_id = 'v0000001')), 1, "$name: can read");
}
is($calls->(), $before, 'nothing was sent');

# Down again, as an operator would who has to go back.
spew("$extensions/pendo_fdw--7.1--$current.sql", "DROP VIEW pendo_fdw_seen; DROP FUNCTION pendo_fdw_extra(int); ALTER EXTENSION pendo_fdw DROP TABLE pendo_fdw_extra; DROP TABLE pendo_fdw_extra; ALTER TABLE pendo_fdw_runs DROP COLUMN note;");
$dbh->do("ALTER EXTENSION pendo_fdw UPDATE TO '$current'");
is(error_of($dbh, $update->(4)), undef, 'with the same version on both sides it works again');
is($dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_last_run()'), 1, 'and is in the ledger');
is_deeply([differences('7.1', $current)], [], 'and the way back is one that can be compared too');

unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

done_testing();
