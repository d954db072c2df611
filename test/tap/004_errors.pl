# What is wrong with the set-up is said once, with an SQLSTATE and what to do;
# and no secret is ever in a message or in the server's log.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 200, '--accounts', 20, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0);

my $wrong_key    = 'wr0ng-key-5e6a1f0c';
my $wrong_secret = 'wr0ng-secret-b7d2934e';
my @secrets = ($wrong_key, $wrong_secret, 'sim-write-key', 'sim-read-key', 'sim-track-secret');
my @said;

my %statement = (
    select => 'SELECT count(custom_plan) FROM pendo.visitors',
    lookup => "SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001'",
    update => "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000001'",
    insert => "INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'Refused')",
    import => 'IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO elsewhere',
);
$dbh->do('CREATE SCHEMA elsewhere');

sub mapping {
    my (%options) = @_;
    $dbh->do('DROP USER MAPPING IF EXISTS FOR CURRENT_USER SERVER pendo');
    return unless %options;
    my $list = join ', ', map { "$_ '$options{$_}'" } sort keys %options;
    $list = '' if $options{none};
    $dbh->do('CREATE USER MAPPING FOR CURRENT_USER SERVER pendo' . ($list && " OPTIONS ($list)"));
    return;
}

sub server { my ($option, $value) = @_; $dbh->do("ALTER SERVER pendo OPTIONS (SET $option '$value')"); return }

# The statement fails with just this: SQLSTATE, and patterns of message, detail
# and hint. The server's log has one ERROR for it.
sub refuses {
    my ($name, $statement, $state, $message, $detail, $hint) = @_;
    my $before = length $cluster->log;
    my $error = error_of($dbh, $statement{$statement}) // { state => '00000', message => 'no error', detail => '', hint => '', text => '' };
    my $log = substr $cluster->log, $before;
    push @said, $error->{text};
    subtest "$name: $statement" => sub {
        is($error->{state}, $state, 'SQLSTATE');
        like($error->{message}, $message, 'message');
        unlike($error->{message}, qr/\.$|\n/, 'message: one line, no full stop');
        like($error->{detail}, $detail, 'detail');
        like($error->{hint}, $hint, 'hint');
        my @errors = $log =~ /^\d+ (?:ERROR|FATAL|PANIC):/mg;
        is(scalar @errors, 1, 'one ERROR in the log');
        my @warnings = $log =~ /^\d+ WARNING:/mg;
        is(scalar @warnings, 0, 'and no WARNING');
        ok(eval { $dbh->do('SELECT 1') }, 'the session goes on');
    };
    return;
}

sub works { my ($name, $statement) = @_; is(error_of($dbh, $statement{$statement}), undef, "$name: $statement works"); return }

sub check {
    my ($name, %want) = @_;
    my $row = $dbh->selectrow_hashref("SELECT * FROM pendo_fdw_check('pendo')");
    push @said, join ' ', map { $_ // '' } values %$row;
    subtest "$name: pendo_fdw_check" => sub {
        for my $column (sort keys %want) {
            my $have = $row->{$column} // 'NULL';
            if (ref $want{$column}) { like($have, $want{$column}, $column) }
            else { is($have, $want{$column}, $column) }
        }
    };
    return;
}

my $any = qr/./;
my $none = qr/^$/;
my $asks_check = qr/pendo_fdw_check\('pendo'\)/;

# ---- all is well --------------------------------------------------------

works('all is well', $_) for qw(select lookup update insert);
check('all is well', reachable => 1, key_valid => 1, write_access => 1, track_secret_set => 1, advice => qr/^All is well/, latency_ms => qr/^\d+$/);

# ---- a wrong key --------------------------------------------------------

mapping(integration_key => $wrong_key, track_secret => 'sim-track-secret');
refuses('wrong key', $_, '42501', qr/^Pendo refused the integration key of server "pendo"$/, qr/ answered 403\.$/, $asks_check)
  for qw(select lookup import);
refuses('wrong key', 'update', '42501', qr/^Pendo refused the integration key of server "pendo"$/, qr/ answered 403\./, $asks_check);
works('wrong key', 'insert');
check('wrong key', reachable => 1, key_valid => 0, write_access => 0, advice => qr/integration_key.*region/);

# ---- a read-only key ----------------------------------------------------

mapping(integration_key => 'sim-read-key', track_secret => 'sim-track-secret');
works('read-only key', $_) for qw(select lookup);
refuses('read-only key', 'update', '42501', qr/^Pendo refused the integration key of server "pendo"$/,
    qr{^POST /api/v1/metadata/visitor/custom/value answered 403\.}, qr/"Allow Write Access".*pendo_fdw_check\('pendo'\)/);
is($simulator->record('visitor', 'v0000001')->{metadata}{custom}{plan}, 'x', 'read-only key: nothing changed');
check('read-only key', reachable => 1, key_valid => 1, write_access => 0, advice => qr/read-only.*Allow Write Access/);

# ---- no key, no mapping -------------------------------------------------

mapping(track_secret => 'sim-track-secret');
refuses('no key', $_, '42501', qr/^no integration key for server "pendo"$/, $none, qr/: ALTER USER MAPPING .* OPTIONS \(ADD integration_key '...'\)/)
  for qw(select lookup update import);
works('no key', 'insert');
check('no key', reachable => 'NULL', key_valid => 'NULL', track_secret_set => 1, advice => qr/No integration key/);

mapping();
refuses('no mapping', $_, '42501', qr/^no integration key for server "pendo"$/, $none, qr/: CREATE USER MAPPING .* OPTIONS \(integration_key '...'\)/)
  for qw(select lookup update import);
refuses('no mapping', 'insert', '42501', qr/^no track secret for server "pendo"$/, $none, qr/: CREATE USER MAPPING .* OPTIONS \(track_secret '...'\)/);
check('no mapping', key_valid => 'NULL', track_secret_set => 0, advice => qr/No integration key.*No track secret/s);

# ---- the track secret ---------------------------------------------------

mapping(integration_key => 'sim-write-key');
refuses('no track secret', 'insert', '42501', qr/^no track secret for server "pendo"$/, $none, qr/Track Event shared secret.*track_secret/);
works('no track secret', $_) for qw(select update);

mapping(integration_key => 'sim-write-key', track_secret => $wrong_secret);
my $events = @{ $simulator->events };
refuses('wrong track secret', 'insert', '42501', qr/^Pendo refused the track secret of server "pendo"$/,
    qr{^POST /data/track answered 403\.}, qr/Track Event shared secret.*not the integration key/);
is(scalar @{ $simulator->events }, $events, 'wrong track secret: no event arrived');

# ---- another region's key -----------------------------------------------

mapping(integration_key => 'sim-write-key.eu', track_secret => 'sim-track-secret');
$simulator->config(other_region_status => '400');
refuses('wrong region, answered 400', $_, 'HV000', qr/^Pendo answered 400 to server "pendo"/, qr/(GET|POST) \S+ failed\./, qr/region/)
  for qw(select lookup update);
check('wrong region, answered 400', reachable => 1, key_valid => 'NULL', advice => qr/region/);
$simulator->config(other_region_status => '403');
refuses('wrong region, answered 403', 'select', '42501', qr/^Pendo refused the integration key/, qr/403/, qr/region/);

# ---- no answer at all ---------------------------------------------------

mapping(integration_key => 'sim-write-key', track_secret => 'sim-track-secret');
my $nobody = 'http://127.0.0.1:' . free_port();
server(api_url => $nobody);
server(track_url => $nobody);
refuses('unreachable', $_, '08001', qr/^could not reach \Q$nobody\E for server "pendo"/, qr/(GET|POST) \S+ got no complete answer/, qr/region.*pendo_fdw_check\('pendo'\)/)
  for qw(select lookup update insert import);
check('unreachable', reachable => 0, key_valid => 'NULL', advice => qr/could not reach/);

server(api_url => 'https://pendo.invalid');
refuses('no such host', 'select', '08001', qr{^could not reach https://pendo\.invalid for server "pendo"}, $any, $asks_check);

# Plain HTTP where TLS is expected: what is there does not speak it.
(my $tls = $simulator->{url}) =~ s/^http:/https:/;
server(api_url => $tls);
refuses('not TLS', 'select', '08006', qr/^(could not reach|lost the call to) \Q$tls\E for server "pendo"/, $any, $any);

# ---- never a secret -----------------------------------------------------

my $log = $cluster->log;
for my $secret (@secrets) {
    unlike($log, qr/\Q$secret\E/, "the log does not have $secret");
    is(scalar(grep { index($_, $secret) >= 0 } @said), 0, "no message has $secret");
}

done_testing();
