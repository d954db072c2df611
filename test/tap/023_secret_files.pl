# Secrets that files on the database host hold: they are read when they are
# needed, a new one counts from the next statement on, and what is no plain file
# with one secret is told without a word of what is in it.
use strict;
use warnings;

use FindBin;
use File::Temp qw(tempdir);
use POSIX qw(mkfifo);
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $simulator = start_simulator('--visitors', 100, '--accounts', 5, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
my $folder = tempdir('pendo_secrets_XXXXXX', DIR => '/tmp', CLEANUP => 1);
my ($web, $mobile) = (-323232, 6561780136607744);
connect_pendo($dbh, $simulator, max_retries => 0);

my %statement = (
    select => "SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001'",
    update => "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000001'",
    insert => "INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'plain')",
    app    => "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'app', 'mobile')",
);

sub works { my ($name, @which) = @_; is(error_of($dbh, $statement{$_}), undef, "$name: $_") for @which; return }

sub mapping {
    my (%options) = @_;
    $dbh->do('DROP USER MAPPING IF EXISTS FOR postgres SERVER pendo');
    $dbh->do('CREATE USER MAPPING FOR postgres SERVER pendo OPTIONS (' . join(', ', map { "\"$_\" '$options{$_}'" } sort keys %options) . ')');
    return;
}

sub file { my ($name, $text) = @_; return spew("$folder/$name", $text) }

# ---- what a file may look like --------------------------------------------

my %files = (
    integration_key_file       => file('key', "sim-write-key\n"),
    track_secret_file          => file('track', "sim-track-secret \t\r\n\n"),
    'track_secret_file:mobile' => file('mobile', 'sim-track-secret-2'),
);
mapping(%files);
works('files', qw(select update insert app));
is_deeply({ map { $_->{event} => $_->{appId} } @{ $simulator->events } }, { plain => $web, app => $mobile }, 'each event with the secret of its own file');
my $check = sub { return $dbh->selectrow_hashref("SELECT * FROM pendo_fdw_check('pendo')") };
is_deeply([@{ $check->() }{qw(key_valid write_access track_secret_set)}], [1, 1, 1], 'pendo_fdw_check');
like($check->()->{advice}, qr/^All is well\..*"mobile"/, 'and its advice');

# ---- a secret that changes ------------------------------------------------

$dbh->do('SET plan_cache_mode = force_generic_plan');
$dbh->do("PREPARE p AS $statement{select}");
$dbh->do('EXECUTE p') for 1 .. 3;
file('key', "wr0ng-key-5e6a1f0c\n");
my $error = error_of($dbh, 'EXECUTE p');
is($error->{state}, '42501', 'a key that the file does not have any more is not used again');
like($error->{hint}, qr/integration_key_file must name a file that holds a key/, 'the hint speaks of the file');
is(error_of($dbh, $statement{update})->{state}, '42501', 'nor by an UPDATE');
ok(!$check->()->{key_valid}, 'nor by pendo_fdw_check');
my $swap = spew("$folder/key.new", "sim-write-key\n");
rename $swap, "$folder/key" or die $!;
works('a file put into its place', 'select', 'update');

$dbh->begin_work;
$dbh->do($statement{select});
file('key', 'wr0ng-key-5e6a1f0c');
is(error_of($dbh, $statement{select})->{state}, '42501', 'the next statement of a transaction has the new one');
$dbh->rollback;
file('key', 'sim-write-key');

file('mobile', 'wr0ng-secret-b7d2934e');
$error = error_of($dbh, $statement{app});
is($error->{message}, 'Pendo refused the track secret of app "mobile" of server "pendo"', 'the secret of an app that has changed');
like($error->{hint}, qr/option "track_secret_file:mobile" must name a file that holds the Track/, 'and its hint');
works('the others go on', 'insert');
$dbh->begin_work;
$dbh->do($statement{app});
file('mobile', 'sim-track-secret-2');
is(error_of($dbh, 'COMMIT'), undef, 'what waits goes out with the secret of the time when it is sent');
$dbh->{AutoCommit} = 1;

# The link of a folder that is changed as a whole.
symlink "$folder/key", "$folder/link" or die $!;
mapping(%files, integration_key_file => "$folder/link");
works('a symbolic link', 'select');

# ---- what is no secret ----------------------------------------------------

my $marked = 'MARKED-c0ffee';
mkfifo("$folder/fifo", 0600) or die $!;
symlink "$folder/fifo", "$folder/to_fifo" or die $!;
file('closed', $marked);
chmod 0000, "$folder/closed" or die $!;
my @bad = (
    ['no such file',      "$folder/nowhere",                    '58P01', qr/: No such file or directory$/],
    ['a folder',          $folder,                              '42809', qr/: it is not a regular file$/],
    ['a pipe',            "$folder/fifo",                       '42809', qr/: it is not a regular file$/],
    ['a link to a pipe',  "$folder/to_fifo",                    '42809', qr/: it is not a regular file$/],
    ['a device',          '/dev/zero',                          '42809', qr/: it is not a regular file$/],
    ['a file without permission', "$folder/closed",             '42501', qr/: Permission denied$/],
    ['an empty file',     file('empty', ''),                    'HV024', qr/: it holds no secret$/],
    ['blanks alone',      file('blanks', " \n \n"),             'HV024', qr/: it holds no secret$/],
    ['a blank in front',  file('front', " $marked\n"),          'HV024', qr/: it holds no secret$/],
    ['two lines',         file('lines', "$marked\nHost: x\n"),  'HV024', qr/: it holds no secret$/],
    ['no ASCII',          file('ascii', "$marked\xc3\xa4\n"),   'HV024', qr/: it holds no secret$/],
    ['a NUL',             file('nul', "$marked\0\n"),           'HV024', qr/: it holds no secret$/],
    ['501 bytes',         file('long', $marked . 'x' x 488),    'HV024', qr/: it holds no secret$/],
    ['a large file',      file('large', $marked . "\n" x 2_000_000), 'HV024', qr/: it holds no secret$/],
);
file('longest', 'x' x 500 . "\n");
$simulator->news;
my $log_before = length $cluster->log;
for my $case (@bad) {
    my ($name, $path, $state, $why) = @$case;
    for my $form (['integration_key_file', 'select', 'track_secret_file'], ['track_secret_file', 'insert', 'integration_key_file'],
        ['track_secret_file:mobile', 'app', 'integration_key_file']) {
        my ($option, $which, $other) = @$form;
        mapping(%files, $option => $path);
        my $begin = time;
        $error = error_of($dbh, $statement{$which}) // { state => '00000', message => '', hint => '' };
        is($error->{state}, $state, "$name: $option: SQLSTATE");
        like($error->{message}, qr/^cannot read file "\Q$path\E" of option "$option" for server "pendo": /, "$name: $option: what");
        like($error->{message}, $why, "$name: $option: why");
        like($error->{hint}, qr/^The (?:file must hold one line|operating system user)/, "$name: $option: what to do");
        unlike(join(' ', map { $_ // '' } %$error), qr/MARKED/, "$name: $option: no content");
        cmp_ok(time - $begin, '<', 5, "$name: $option: without waiting");
        works("$name: $option: what does not need it", $which eq 'select' ? 'insert' : 'select');
    }
    mapping(%files, integration_key_file => $path);
    my $found = $check->();
    like($found->{advice}, qr/^cannot read file "\Q$path\E" of option "integration_key_file"/, "$name: pendo_fdw_check says so");
    is($found->{key_valid}, undef, "$name: and asks nothing of Pendo");
    mapping(%files, 'track_secret_file:mobile' => $path);
    like($check->()->{advice}, qr/cannot read file "\Q$path\E" of option "track_secret_file:mobile"/, "$name: also of an app's secret");
}
unlike(substr($cluster->log, $log_before), qr/MARKED/, 'nothing of it is in the log');
is(scalar(grep { $_->{status} == 403 } $simulator->news), 0, 'and nothing was sent with a wrong key');
mapping(%files, integration_key_file => "$folder/longest");
is(error_of($dbh, $statement{select})->{message}, 'Pendo refused the integration key of server "pendo"', '500 characters are a secret');
unlike($cluster->log, qr/sim-(?:write|track)(?!.*USER MAPPING)[^']*$|wr0ng/m, 'no secret is in the log');
unlink "$folder/fifo";

# In a mapping that only has files that are not there, the first use tells.
mapping(track_secret_file => "$folder/nowhere");
is(error_of($dbh, $statement{insert})->{state}, '58P01', 'no secret but one that is not there');
ok(!$check->()->{track_secret_set}, 'is none for pendo_fdw_check');

# ---- who may set it -------------------------------------------------------

mapping(%files);
$dbh->do($_) for 'CREATE ROLE alice', 'GRANT USAGE ON FOREIGN DATA WRAPPER pendo_fdw TO alice', 'GRANT USAGE ON FOREIGN SERVER pendo TO alice', 'SET ROLE alice',
  "CREATE SERVER hers FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us')";
for my $option (keys %files) {
    $error = error_of($dbh, "CREATE USER MAPPING FOR alice SERVER hers OPTIONS (\"$option\" '/etc/passwd')");
    is($error->{state}, '42501', "$option: a superuser sets it");
    is($error->{message}, "only a superuser may set option \"$option\"", 'and nobody else');
}
$dbh->do("CREATE USER MAPPING FOR alice SERVER hers OPTIONS (integration_key 'x')");
is(error_of($dbh, "ALTER USER MAPPING FOR alice SERVER hers OPTIONS (ADD track_secret_file '/etc/passwd')")->{state}, '42501', 'nor into a mapping that there is');

# A superuser has set one: its owner changes nothing beside it, but may drop it.
$dbh->do($_) for 'RESET ROLE', "ALTER USER MAPPING FOR alice SERVER hers OPTIONS (ADD track_secret_file '$files{track_secret_file}')", 'SET ROLE alice';
for my $change ("SET track_secret_file '/etc/passwd'", "SET integration_key 'y'", "ADD \"track_secret:x\" 'y'") {
    is(error_of($dbh, "ALTER USER MAPPING FOR alice SERVER hers OPTIONS ($change)")->{state}, '42501', "its owner may not $change");
}
like(error_of($dbh, "ALTER USER MAPPING FOR alice SERVER hers OPTIONS (SET integration_key 'y')")->{hint}, qr/for a superuser to change/, 'and is told why');
is(error_of($dbh, "ALTER USER MAPPING FOR alice SERVER hers OPTIONS (DROP track_secret_file, ADD track_secret 'y')"), undef, 'the owner may drop it');
$dbh->do('RESET ROLE');

sub refused { my ($change) = @_; return error_of($dbh, "ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS ($change)") // { state => '00000', message => '', hint => '' } }
for my $pair (['integration_key', 'integration_key_file'], ['track_secret', 'track_secret_file'], ['track_secret:mobile', 'track_secret_file:mobile']) {
    $error = refused("ADD \"$pair->[0]\" 'x'");
    is($error->{message}, "options \"$pair->[0]\" and \"$pair->[1]\" exclude each other", "$pair->[0]: one of both forms");
}
is(error_of($dbh, "ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (ADD \"track_secret:web\" 'sim-track-secret')"), undef, 'of another app the other form is fine');
is(refused("SET integration_key_file 'key'")->{state}, 'HV024', 'a relative path is refused');
is(refused("SET integration_key_file ''")->{state}, 'HV024', 'and none');
is(refused(q{ADD "track_secret_file:a b" '/x'})->{state}, 'HV00D', 'what is no app is refused');
$error = error_of($dbh, "ALTER SERVER pendo OPTIONS (ADD integration_key_file '/x')");
is($error->{state}, 'HV00D', 'it does not belong on a server');

done_testing();
