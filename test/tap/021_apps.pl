# Events of several apps in one table: each goes out with the secret of its app,
# and one whose app has none is refused before anything is sent.
use strict;
use warnings;

use FindBin;
use JSON::XS;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 100, '--accounts', 5, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0);
my ($web, $mobile) = (-323232, 6561780136607744);

sub mapping { my ($change) = @_; $dbh->do("ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS ($change)"); return }
sub table { my ($change) = @_; $dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS ($change)"); return }
sub fresh { $simulator->reset; $dbh->do('TRUNCATE pendo_fdw_runs, pendo_fdw_rejects'); return }

# { event => [app, ...] }
sub arrived {
    my %apps;
    push @{ $apps{ $_->{event} } }, $_->{appId} for @{ $simulator->events };
    return { map { $_ => [sort { $a <=> $b } @{ $apps{$_} }] } keys %apps };
}

mapping(q{ADD "track_secret:mobile" 'sim-track-secret-2', ADD "track_secret:-323232" 'sim-track-secret'});

# ---- each with its own secret ---------------------------------------------

my $rows = "('v0000001', 'none', NULL), ('v0000001', 'named', '-323232'), ('v0000001', 'other', 'mobile'), ('v0000002', 'both', 'mobile'), ('v0000002', 'both', NULL)";
my $expected = { none => [$web], named => [$web], other => [$mobile], both => [$web, $mobile] };
for my $delivery (qw(commit statement)) {
    table("ADD delivery '$delivery'");
    fresh();
    $dbh->do("INSERT INTO pendo.track_events (visitor_id, event, app) VALUES $rows");
    is_deeply(arrived(), $expected, "$delivery: INSERT ... VALUES");

    fresh();
    $dbh->do("INSERT INTO pendo.track_events (visitor_id, event, app) SELECT * FROM (VALUES $rows) AS r");
    is_deeply(arrived(), $expected, "$delivery: INSERT ... SELECT");

    fresh();
    $dbh->do('COPY pendo.track_events (visitor_id, event, app) FROM STDIN');
    $dbh->pg_putcopydata("$_\n") for "v0000001\tnone\t\\N", "v0000001\tnamed\t-323232", "v0000001\tother\tmobile", "v0000002\tboth\tmobile", "v0000002\tboth\t\\N";
    $dbh->pg_putcopyend;
    is_deeply(arrived(), $expected, "$delivery: COPY");

    fresh();
    $dbh->do("INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'absent')");
    is_deeply(arrived(), { absent => [$web] }, "$delivery: a row without the column");
    is(scalar(grep { exists $_->{app} } @{ $simulator->events }), 0, "$delivery: the app is in no body");
    table('DROP delivery');
}

# More than fits into memory: the app is in the temporary file too.
fresh();
$dbh->do("SET work_mem = '64kB'");
$dbh->do(<<'SQL');
INSERT INTO pendo.track_events (visitor_id, event, app, properties)
SELECT 'v0000001', 'e' || n % 3, (ARRAY[NULL, 'mobile', '-323232'])[1 + n % 3], jsonb_build_object('text', repeat('x', 300)) FROM generate_series(0, 599) n
SQL
$dbh->do('RESET work_mem');
is_deeply(arrived(), { e0 => [($web) x 200], e1 => [($mobile) x 200], e2 => [($web) x 200] }, '600 events of three apps');

# ---- an app without a secret ----------------------------------------------

for my $delivery (qw(commit statement)) {
    table("ADD delivery '$delivery'");
    fresh();
    $dbh->begin_work;
    my $error = error_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', 'mobil')");
    is($error->{state}, '42501', "$delivery: an app that has no secret is an ERROR of the INSERT");
    is($error->{message}, 'no track secret for app "mobil" of server "pendo"', 'that names the app');
    is($error->{detail}, 'There are secrets of the apps "mobile", "-323232", and one of events that name no app.', 'those that there are');
    like($error->{hint}, qr/: (ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS \(ADD "track_secret:mobil" '\.\.\.'\))\.$/, 'and the statement that sets it');
    unlike(join(' ', %$error), qr/sim-track/, 'but no secret');
    $dbh->rollback;
    is(scalar @{ $simulator->requests }, 0, 'nothing was sent');
    for my $odd (q{''}, q{'a b'}, q{E'a\nb'}, q{repeat('a', 41)}, q{'mobile '}, q{'MOBILE'}) {
        is(error_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', $odd)")->{state}, '42501', "$delivery: $odd is no app");
    }
    is(scalar @{ $simulator->requests }, 0, 'nor was any of these');
    table('DROP delivery');
}

# The hint's statement does what it says.
my $hint = error_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', 'tv')")->{hint};
my ($statement) = $hint =~ /(ALTER USER MAPPING .*\))\.$/;
$statement =~ s/'\.\.\.'/'sim-track-secret-2'/;
$dbh->do($statement);
fresh();
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', 'tv')");
is_deeply(arrived(), { e => [$mobile] }, 'what the hint says mends it, in the same session');
mapping('DROP "track_secret:tv"');

# ---- only apps ------------------------------------------------------------

mapping('DROP track_secret');
fresh();
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', 'mobile'), ('v0000001', 'e', '-323232')");
is_deeply(arrived(), { e => [$web, $mobile] }, 'without track_secret, rows that name their app');
fresh();
my $error = error_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', 'mobile'), ('v0000001', 'e', NULL)");
is($error->{state}, '42501', 'one that does not is an ERROR');
is($error->{message}, 'no track secret for server "pendo" of events that name no app', 'that says so');
like($error->{hint}, qr/column app, .*: ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS \(ADD track_secret '\.\.\.'\)\.$/, 'and what to do');
is(scalar @{ $simulator->requests }, 0, 'and nothing is sent of the statement');

my $check = sub { return $dbh->selectrow_hashref("SELECT * FROM pendo_fdw_check('pendo')") };
is($check->()->{track_secret_set}, 1, 'pendo_fdw_check: a secret is set');
like($check->()->{advice}, qr/^All is well\..* apps "mobile", "-323232"; every event has to name one/, 'and whose');
mapping(q{ADD track_secret 'sim-track-secret'});
like($check->()->{advice}, qr/^All is well\..* apps "mobile", "-323232" and of events that name no app\.$/, 'and of those without app');
unlike(join(' ', map { $_ // '' } %{ $check->() }), qr/sim-track/, 'but no secret');

# ---- whose mapping it is --------------------------------------------------

$dbh->do($_) for 'CREATE ROLE "the clerk"', 'GRANT USAGE ON SCHEMA pendo TO "the clerk"', 'GRANT INSERT ON pendo.track_events TO "the clerk"', 'SET ROLE "the clerk"';
my $insert = "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', 'x')";
like(error_of($dbh, $insert)->{hint}, qr/: CREATE USER MAPPING FOR "the clerk" SERVER pendo OPTIONS \(track_secret '\.\.\.'\)\.$/, 'without a mapping the hint makes one for the role');
$dbh->do($_) for 'RESET ROLE', q{CREATE USER MAPPING FOR PUBLIC SERVER pendo OPTIONS ("track_secret:mobile" 'sim-track-secret-2')}, 'SET ROLE "the clerk"';
like(error_of($dbh, $insert)->{hint}, qr/: ALTER USER MAPPING FOR PUBLIC SERVER pendo OPTIONS \(ADD "track_secret:x" '\.\.\.'\)\.$/, 'and it is everybody\'s where that is used');
$dbh->do($_) for 'RESET ROLE', 'DROP USER MAPPING FOR PUBLIC SERVER pendo';

# ---- a dry run ------------------------------------------------------------

for my $delivery (qw(commit statement)) {
    table("ADD delivery '$delivery'");
    fresh();
    $dbh->do('SET pendo_fdw.dry_run = on');
    $dbh->begin_work;
    $dbh->do("INSERT INTO pendo.track_events (visitor_id, event, occurred_at, app) VALUES ('v0000001', 'a', '2026-01-01 00:00Z', NULL), ('v0000001', 'b', '2026-01-01 00:00Z', 'mobile')");
    my $calls = $dbh->selectall_arrayref('SELECT url, app, body FROM pendo_fdw_dry_run() ORDER BY seq');
    is_deeply([map { $_->[1] } @$calls], [undef, 'mobile'], "$delivery: a dry run shows the apps");
    is_deeply([map { JSON::XS->new->decode($_->[2])->{event} } @$calls], ['a', 'b'], 'and the bodies');
    is(scalar(grep { $_->[2] =~ /mobile/ } @$calls), 0, 'as they would go out');
    unlike(join(' ', map { $_ // '' } map { @$_ } @$calls), qr/sim-track/, 'without a secret');
    is(error_of($dbh, $insert)->{state}, '42501', 'and refuses an app that has none');
    $dbh->rollback;
    $dbh->do('RESET pendo_fdw.dry_run');
    is(scalar @{ $simulator->requests }, 0, 'nothing was sent');
    table('DROP delivery');
}

# ---- rejects --------------------------------------------------------------

fresh();
$simulator->faults({ route => 'POST /data/track', kind => 'status', status => 400, body => 'no' });
my $alike = "INSERT INTO pendo.track_events (visitor_id, event, occurred_at, app) VALUES ('v0000001', 'E', now() - interval '1 hour', 'mobile'), ('v0000001', 'E', now() - interval '1 hour', NULL), ('v0000001', 'E', now() - interval '1 hour', '-323232')";
my @notices = notices_of($dbh, $alike);
like("@notices", qr/of 3 track events, 3 refused as invalid\nDETAIL:  .* in app mobile #[0-9a-f]{16}: 400 no/, 'the WARNING names the app');
my $rejects = $dbh->selectall_arrayref(q{SELECT id, values ->> 'app', values ->> 'event', jsonb_typeof(values -> 'context') FROM pendo_fdw_rejects ORDER BY 2});
is_deeply([map { [@$_[1 .. 3]] } @$rejects], [map { [$_, 'E', 'object'] } '-323232', 'mobile', undef], 'three events that differ in their app alone are three rejects, as JSON with the app');
my ($fingerprints) = $dbh->selectrow_array(q{SELECT count(DISTINCT substring(id FROM '#[0-9a-f]{16}$')) FROM pendo_fdw_rejects});
is($fingerprints, 3, 'with three fingerprints');
$simulator->faults();
my $again = <<'SQL';
INSERT INTO pendo.track_events (visitor_id, account_id, event, occurred_at, properties, app)
SELECT r.values ->> 'visitorId', r.values ->> 'accountId', r.values ->> 'event',
       to_timestamp((r.values ->> 'timestamp')::numeric / 1000), r.values -> 'properties', r.values ->> 'app'
  FROM pendo_fdw_rejects r
 WHERE r.server = 'pendo' AND r.object = 'track_events'
SQL
$dbh->do("$again AND r.values ->> 'app' = 'mobile'");
is_deeply(arrived(), { E => [$mobile] }, 'one is sent again, to its app');
is_deeply($dbh->selectcol_arrayref(q{SELECT values ->> 'app' FROM pendo_fdw_rejects ORDER BY 1}), ['-323232', undef], 'and takes its own row away');
$dbh->do($again);
is($dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_rejects'), 0, 'as do the others');

# What cannot be sent, and what a guard keeps back.
table("ADD on_guard 'reject'");
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event, occurred_at, app) VALUES ('v0000001', 'old', '2020-01-01', 'mobile'), ('v0000001', 'bad', 'infinity', 'mobile')");
is_deeply($dbh->selectall_arrayref(q{SELECT values ->> 'event', values ->> 'app', reason FROM pendo_fdw_rejects ORDER BY 1}),
    [['bad', 'mobile', 'invalid'], ['old', 'mobile', 'invalid']], 'rejects that were not sent have their app as well');
table('DROP on_guard');

# An answer that is lost.
fresh();
$simulator->faults({ route => 'POST /data/track', kind => 'reset_before' });
$error = error_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'E', 'mobile')");
is($error->{state}, '08006', 'a lost call is an ERROR');
like($error->{context}, qr/of 1 it is not known .* in app mobile #/, 'that tells which event and app');
$simulator->faults();

# ---- one app's secret is wrong --------------------------------------------

fresh();
mapping(q{SET "track_secret:mobile" 'wr0ng-secret-4711'});
$error = error_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', 'mobile')");
is($error->{state}, '42501', 'a secret that is refused');
is($error->{message}, 'Pendo refused the track secret of app "mobile" of server "pendo"', 'is told with its app');
like($error->{hint}, qr/^The user mapping option "track_secret:mobile" must be/, 'and its option');
unlike(join(' ', %$error), qr/wr0ng/, 'but is not shown');
$dbh->do("INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'e')");
is_deeply(arrived(), { e => [$web] }, 'others go on');
unlike($cluster->log, qr/^(?!.*(?:STATEMENT|statement|USER MAPPING)).*(?:wr0ng|sim-track)/m, 'the log has no secret but in statements that set one');

# ---- the validator --------------------------------------------------------

sub refused { my ($change) = @_; return error_of($dbh, "ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS ($change)") // { state => '00000', message => '', hint => '' } }
for my $bad ('', 'a b', 'a:b', 'ä', 'a' x 41, 'a' x 80) {
    $error = refused(qq{ADD "track_secret:$bad" 'x'});
    is($error->{state}, 'HV00D', "\"track_secret:$bad\" is refused, also where PostgreSQL cuts the name");
    like($error->{hint}, qr/1 to 40 letters, digits, "_", "-" and "\."/, 'with what an app is');
}
is(refused(q{ADD "track_secret:tv" 'a b'})->{hint}, 'Allowed: 1 to 500 printable ASCII characters without blanks.', 'the secret of an app is looked at like others');
like(refused(q{ADD "track_secert:tv" 'x'})->{hint}, qr/^Perhaps you meant "track_secret:tv"\. Options of a user mapping: integration_key, track_secret, track_secret:APP\b/, 'a typing error is understood');
like(refused(q{ADD "track_secret" 'x', ADD "Track_Secret:tv" 'x'})->{hint} // '', qr/Perhaps you meant "track_secret:tv"|^$/, 'names are case-sensitive');
$error = error_of($dbh, q{ALTER SERVER pendo OPTIONS (ADD "track_secret:tv" 'x')});
like($error->{message}, qr/^option "track_secret:tv" is a secret and does not belong on a server/, 'on a server it is a secret');
like($error->{hint}, qr/OPTIONS \("track_secret:tv" '\.\.\.'\)/, 'that belongs into the user mapping');

done_testing();
