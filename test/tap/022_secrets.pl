# No secret is ever seen: with a marked key and a marked track secret every kind
# of statement meets every kind of failure, with answers that repeat the secrets,
# and nothing that a client, the log, a table or a file shows has a part of them.
# Among the statements are those of the outbox; and they run once more with secrets
# that are in files, and some in a background worker.
use strict;
use warnings;

use FindBin;
use File::Temp qw(tempdir);
use lib $FindBin::Bin;
use PendoTest;
use DBD::Pg qw(:async);
use Test::More;
use Time::HiRes qw(sleep);

sub random_hex { return join '', map { sprintf '%x', int rand 16 } 1 .. 40 }
my ($key, $secret) = ('mk-' . random_hex(), 'ms-' . random_hex());

# Twelve characters in a row of one of them. (A shorter part is a part of chance.)
my $parts = join '|', map { my $s = $_; map { substr $s, $_, 12 } 3 .. length($s) - 12 } $key, $secret;
my $mark = qr/$parts/;

sub hides {
    my ($text, $name) = @_;
    return if ok($text !~ $mark, $name);
    my $shown = 0;
    diag "... $1" while $text =~ /([^\n]{0,200}$mark[^\n]{0,60})/g and ++$shown < 5;
    return;
}

my $simulator = start_simulator('--visitors', 100, '--accounts', 5, '--clean', '--write-key', $key, '--track-secret', $secret);
my $cluster = start_cluster(conf => ['log_min_messages = debug5', 'debug_print_parse = on', 'debug_print_plan = on', 'max_parallel_workers_per_gather = 0']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0, key => $key, secret => $secret);
my $other = $cluster->session;
$dbh->do($_) for
  "ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (ADD \"track_secret:mobile\" '$secret')",
  'CREATE SCHEMA elsewhere',
  "CREATE TABLE source AS SELECT 'v' || lpad(n::text, 7, '0') AS id, n FROM generate_series(1, 30) n",
  'ANALYZE source',
  "CREATE FOREIGN TABLE pendo.made (visitor_id text, custom_plan text, custom_made_here text) SERVER pendo OPTIONS (object 'visitors', create_missing 'true', create_fields 'true', delivery 'statement')",
  "CREATE FOREIGN TABLE pendo.changed (visitor_id text, custom_plan text) SERVER pendo OPTIONS (object 'visitors', only_changes 'true')",
  "CREATE FOREIGN TABLE pendo.box_visitors (visitor_id text, custom_plan text) SERVER pendo OPTIONS (object 'visitors', delivery 'outbox', max_attempts '1')",
  "CREATE FOREIGN TABLE pendo.box_accounts (account_id text, custom_plan text) SERVER pendo OPTIONS (object 'accounts', delivery 'outbox')",
  "CREATE FOREIGN TABLE pendo.box_events (visitor_id text, event text, app text, event_key text) SERVER pendo OPTIONS (object 'track_events', delivery 'outbox', max_attempts '1')",
  "CREATE FOREIGN TABLE pendo.box_once (visitor_id text, event text) SERVER pendo OPTIONS (object 'track_events', delivery 'outbox', on_ambiguous 'uncertain')";
my $folder = tempdir('pendo_secrets_XXXXXX', DIR => '/tmp', CLEANUP => 1);
my ($key_file, $secret_file) = (spew("$folder/key", "$key\n"), spew("$folder/secret", "$secret\n"));
my $files = "integration_key_file '$key_file', track_secret_file '$secret_file', \"track_secret_file:mobile\" '$secret_file'";
$other->do($_) for 'CREATE ROLE filer LOGIN SUPERUSER', 'CREATE ROLE plain LOGIN', (map { "CREATE USER MAPPING FOR $_ SERVER pendo OPTIONS ($files)" } qw(filer plain)),
  'GRANT USAGE ON SCHEMA pendo TO plain', 'GRANT ALL ON ALL TABLES IN SCHEMA pendo TO plain', 'GRANT USAGE ON FOREIGN SERVER pendo TO plain',
  'GRANT USAGE ON FOREIGN DATA WRAPPER pendo_fdw TO plain', 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain', 'LISTEN pendo_fdw_dead_letter';
like($dbh->selectrow_array('SELECT umoptions::text FROM pg_user_mapping'), $mark, 'the mark is found where it is');
like($cluster->log, $mark, 'also in the log, where PostgreSQL itself shows the statement that sets it');
my $log_begin = length $cluster->log;
$simulator->reset;

# ---- the statements, and what is seen of them -----------------------------

my @seen;    # [name, text]
my $now = '';
$SIG{__WARN__} = sub { push @seen, [$now, $_[0]] };

sub see { push @seen, [$now, map { $_ // '' } join "\n", map { $_ // '' } @_]; return }

sub run_one {
    my ($session, $sql) = @_;
    my $error = error_of($session, $sql);
    see(%$error) if $error;
    return $error;
}

sub rows {
    my ($session, $sql) = @_;
    my $rows = eval { $session->selectall_arrayref($sql) };
    see($@, PendoTest::describe_error($session)->{text}, map { $session->pg_error_field($_) } qw(detail hint context internal_query)) unless $rows;
    see(map { @$_ } @{ $rows || [] });
    return @{ $rows || [] };
}

# What the outbox holds and says, the payload as text, too.
my %in_outbox;    # how many rows: waiting with an error, and dead by reason
sub see_outbox {
    my ($session) = @_;
    for my $sql ("SELECT q::text, encode(payload, 'escape'), CASE WHEN last_error IS NOT NULL THEN 'waits' END FROM pendo_fdw_queue q",
        "SELECT d::text, encode(payload, 'escape'), reason FROM pendo_fdw_dead_letters d") {
        ++$in_outbox{$_} for grep { defined } map { $_->[2] } rows($session, $sql);
    }
    rows($session, $_) for 'SELECT o::text FROM pendo_fdw_outbox o', 'SELECT k::text FROM pendo_fdw_event_keys k ORDER BY enqueued DESC LIMIT 1', 'SELECT r::text FROM pendo_fdw_runs r ORDER BY run DESC LIMIT 4';
    while (my $note = $other->pg_notifies) { see(@$note); ++$in_outbox{notes} }
    return;
}

my $turn = 0;
sub use_outbox {
    my ($session) = @_;
    $other->do($_) for 'DELETE FROM pendo_fdw_queue', 'DELETE FROM pendo_fdw_dead_letters';
    run_one($session, $_) for
      "UPDATE pendo.box_visitors v SET custom_plan = 'x' FROM source s WHERE v.visitor_id = s.id AND s.n <= 3",
      "UPDATE pendo.box_visitors SET custom_plan = 'x' WHERE visitor_id = 'nobody'",
      "INSERT INTO pendo.box_events (visitor_id, event, app, event_key) VALUES ('v0000001', 'e', NULL, 'turn $turn'), ('v0000001', 'e', 'mobile', NULL), ('v0000001', 'e', NULL, 'turn 1')",
      "INSERT INTO pendo.box_once (visitor_id, event) VALUES ('v0000001', 'e')",
      'CALL pendo_fdw_deliver()';
    see_outbox($session);
    run_one($session, "SELECT pendo_fdw_requeue('pendo')");
    return;
}

my @statements = (
    ['full read',     sub { rows($_[0], 'SELECT visitor_id, custom_plan, metadata FROM pendo.visitors') }],
    ['lookup',        sub { rows($_[0], "SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001'") }],
    ['keys',          sub { rows($_[0], "SELECT custom_plan FROM pendo.accounts WHERE account_id = ANY ('{a00001,a00002}')") }],
    ['count',         sub { rows($_[0], 'SELECT count(*) FROM pendo.visitors') }],
    ['counts',        sub { rows($_[0], 'SELECT event, sum(num_events) FROM pendo.track_event_counts GROUP BY 1') }],
    ['join',          sub { rows($_[0], 'SELECT s.id, v.custom_plan FROM source s JOIN pendo.visitors v ON v.visitor_id = s.id') }],
    ['keyed update',  sub { run_one($_[0], "UPDATE pendo.visitors v SET custom_plan = 'x', agent_role = 'y' FROM source s WHERE v.visitor_id = s.id") }],
    ['direct update', sub { run_one($_[0], "UPDATE pendo.accounts SET custom_plan = 'x' WHERE account_id = 'a00001'") }],
    ['changes',       sub { run_one($_[0], "UPDATE pendo.changed SET custom_plan = 'z' || custom_plan") }],
    ['upsert',        sub { run_one($_[0], "INSERT INTO pendo.made (visitor_id, custom_made_here) VALUES ('v0000001', 'x')") }],
    ['insert',        sub { run_one($_[0], "INSERT INTO pendo.track_events (visitor_id, event, app) SELECT id, 'e', CASE WHEN n % 2 = 0 THEN 'mobile' END FROM source") }],
    ['copy', sub {
        $_[0]->do('COPY pendo.track_events (visitor_id, event) FROM STDIN');
        $_[0]->pg_putcopydata("v0000001\te\n") for 1 .. 3;
        eval { $_[0]->pg_putcopyend; 1 } or see(%{ PendoTest::describe_error($_[0]) });
    }],
    ['import',  sub { run_one($_[0], 'IMPORT FOREIGN SCHEMA pendo LIMIT TO (accounts) FROM SERVER pendo INTO elsewhere'); $_[0]->do('DROP FOREIGN TABLE IF EXISTS elsewhere.accounts') }],
    ['check',   sub { rows($_[0], "SELECT * FROM pendo_fdw_check('pendo')") }],
    ['analyze', sub { run_one($_[0], 'ANALYZE pendo.accounts') }],
    ['explain', sub { rows($_[0], 'EXPLAIN (VERBOSE) ' . $_) for 'SELECT * FROM pendo.visitors', "UPDATE pendo.visitors v SET custom_plan = 'x' FROM source s WHERE v.visitor_id = s.id", "INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v', 'e')" }],
    ['explain analyze', sub { rows($_[0], "EXPLAIN (ANALYZE, VERBOSE, BUFFERS, FORMAT JSON) SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001'") }],
    ['dry run', sub {
        $_[0]->do($_) for 'SET pendo_fdw.dry_run = on', 'BEGIN';
        run_one($_[0], "INSERT INTO pendo.track_events (visitor_id, event, app) VALUES ('v0000001', 'e', NULL), ('v0000001', 'e', 'mobile')") || rows($_[0], 'SELECT * FROM pendo_fdw_dry_run()');
        $_[0]->do($_) for 'ROLLBACK', 'RESET pendo_fdw.dry_run';
    }],
    ['outbox', \&use_outbox],
    ['wrong option', sub { run_one($_[0], 'ALTER USER MAPPING FOR postgres SERVER pendo OPTIONS (ADD no_such_option \'x\')') }],
);

# The last digit of a time-out makes the session ask for everything anew.
sub all_statements {
    my ($name, $session) = @_;
    for my $statement (@statements) {
        $now = "$name: $statement->[0]";
        $other->do('ALTER SERVER pendo OPTIONS (SET connect_timeout \'' . (4000 + ++$turn) . '\')');
        $statement->[1]->($session // $dbh);
    }
    return;
}

# A session that sees all there is to see.
sub watched {
    my ($session) = @_;
    $session->do("SET client_min_messages = 'debug5'");
    $session->{PrintWarn} = 1;
    $session->{pg_errorlevel} = 2;
    return $session;
}

sub check_seen {
    my ($name) = @_;
    my @leaks = grep { $_->[1] =~ $mark } @seen;
    is(scalar @leaks, 0, "$name: nothing that the client saw, of " . @seen . ' texts') or diag map { "$_->[0]: " . substr($_->[1], 0, 1500) . "\n" } @leaks[0 .. ($#leaks < 4 ? $#leaks : 4)];
    my $count = @seen;
    @seen = ();
    return $count;
}

# On the wire it is in its header and nowhere else.
sub check_requests {
    my ($name) = @_;
    my @requests = $simulator->news;
    my (%wrong, $with);
    for my $request (@requests) {
        my %headers = map { lc $_ => $request->{headers}{$_} } keys %{ $request->{headers} };
        my $sent = delete $headers{'x-pendo-integration-key'} // '';
        ++$with if $sent eq ($request->{path} eq '/data/track' ? $secret : $key);
        $wrong{$_}++ for grep { $_ =~ $mark } $request->{path}, $request->{body}, %headers;
    }
    is_deeply(\%wrong, {}, "$name: no URL, body or other header of " . @requests . ' requests has one');
    is($with // 0, scalar @requests, "$name: and each has its own in the header");
    return scalar @requests;
}

watched($dbh);
$other->do('ALTER SERVER pendo OPTIONS (ADD connect_timeout \'4000\')');
all_statements('all well');
cmp_ok(scalar(grep { $_->[1] =~ /^DEBUG:/ } @seen), '>', 20, 'the client sees messages of DEBUG5');
cmp_ok(check_seen('all well'), '>', 50, 'and many texts');
cmp_ok(check_requests('all well'), '>=', 40, 'there were many calls');

# ---- answers that repeat the secrets --------------------------------------

# So that wherever a message ends, it would end within a secret.
my @fillers = map { 'f' x $_ } 0, 90, 175, 187, 270, 288;
my @answers;
for my $status (200, 302, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500) {
    my $filler = $fillers[@answers % @fillers];
    push @answers, ["$status, plain", $status, "$filler$key $secret"];
}
push @answers, map { my $n = length $_; ["200, filler $n", 200, "$_$key"], ["400, filler $n", 400, "$_$secret"], ["400, JSON, filler $n", 400, qq({"message":"$_$key $secret"})] } @fillers;
push @answers,
  ['bulk answer',   200, qq({"total":1,"updated":0,"failed":1,"missing":[],"errors":[{"id":"v0000001","message":"bad $key"}]})],
  ['bulk answer, escaped', 200, qq({"total":1,"updated":0,"failed":1,"missing":[],"errors":[{"id":"v0000001","message":"bad \\u006d) . substr($key, 1) . q("}]})],
  ['bulk answer, long',    200, qq({"total":1,"updated":0,"failed":1,"missing":[],"errors":[{"id":"v0000001","message":") . 'f' x 285 . $key . q("}]})],
  ["error in a stream",    200, qq({"results":[],"error":"$key"})],
  ['cut',                  200, qq({"results":[{"a":"x","$key":)],
  ['verify',               200, qq({"valid":"$key"})],
  ['schema',               200, qq({"custom":{"$key":"$secret"}})],
  ['schema that is a list', 200, qq(["$key","$secret"])];
sub meet_answer {
    my ($answer, $prefix, $session) = @_;
    my ($name, $status, $body) = @$answer;
    my %headers = $status == 302 ? (headers => { Location => "$simulator->{url}/$key" }) : $status == 429 ? (headers => { 'Retry-After' => $key }) : ();
    $simulator->faults(map { { route => $_, kind => 'status', status => $status, body => $body, %headers } } 'GET /*', 'POST /*');
    all_statements("$prefix$name", $session);
    $simulator->faults();
    return;
}
meet_answer($_, '') for @answers;
check_seen('answers that repeat them');
check_requests('answers that repeat them');
for my $kind (qw(waits missing invalid failed uncertain notes)) {
    cmp_ok($in_outbox{$kind} // 0, '>', 0, "of the outbox there was: $kind");
}

# ---- calls that break -----------------------------------------------------

$other->do("ALTER SERVER pendo OPTIONS (ADD request_timeout '150ms')");
for my $fault ({ kind => 'reset_before' }, { kind => 'reset_after' }, { kind => 'truncate', after_bytes => 5 }, { kind => 'reset_body', after_bytes => 5 },
    { kind => 'stall_before', ms => 1000 }, { kind => 'stall_body', after_bytes => 3, ms => 1000 }) {
    $simulator->faults(map { { route => $_, %$fault } } 'GET /*', 'POST /*');
    all_statements($fault->{kind});
}
$simulator->faults();
my $closed = 'http://127.0.0.1:' . free_port();
my $relay = start_tls_relay($simulator);
(my $not_tls = $simulator->{url}) =~ s/^http/https/;
for my $case (['refused', $closed], ['not TLS', $not_tls], ['an authority that nobody knows', $relay->{url}]) {
    $other->do("ALTER SERVER pendo OPTIONS (SET api_url '$case->[1]', SET track_url '$case->[1]')");
    all_statements($case->[0]);
}
$other->do("ALTER SERVER pendo OPTIONS (SET api_url '$simulator->{url}', SET track_url '$simulator->{url}', DROP request_timeout)");
check_seen('calls that break');
check_requests('calls that break');

# ---- refused for good -----------------------------------------------------

# So that half a secret, if it were not hidden, would be at the end of what is kept.
sub refuse_outbox {
    my $filler = 'f' x 270;
    $simulator->faults({ route => 'POST /api/v1/metadata/account/*', kind => 'status', status => 500, body => "$filler$key" },
        { route => 'POST /api/v1/metadata/visitor/*', kind => 'status', status => 400, body => "$filler$key" },
        { route => 'POST /data/track', kind => 'status', status => 400, body => "$filler$secret" });
    return;
}

# The rows of rejects, and the words about the transaction. Of the outbox, what was
# refused waits once more, and what is tried again dies once more.
$simulator->faults({ route => 'POST /data/track', kind => 'status', status => 400, body => 'f' x 290 . $secret }, { route => 'POST /api/v1/metadata/*', kind => 'status', status => 422, body => 'f' x 288 . $key });
all_statements('rejects');
refuse_outbox();
run_one($dbh, "UPDATE pendo.box_accounts SET custom_plan = 'x' WHERE account_id = 'a00001'");
run_one($dbh, 'CALL pendo_fdw_deliver()');
see_outbox($dbh);
$simulator->faults();
check_seen('rejects');
cmp_ok($dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_rejects'), '>', 30, 'there are rejects');
for my $table (qw(pendo_fdw_rejects pendo_fdw_runs pendo_fdw_queue pendo_fdw_dead_letters pendo_fdw_event_keys pendo_fdw_outbox pg_foreign_server pg_foreign_table pg_stat_activity pg_settings pg_prepared_statements pg_stats)) {
    my @rows = map { @$_ } @{ $other->selectall_arrayref("SELECT t::text FROM $table t") };
    is(scalar(grep { ($_ // '') =~ $mark } @rows), 0, "$table has none in " . @rows . ' rows');
    cmp_ok(scalar @rows, '>', 0, "$table has some") if $table =~ /^pendo/;
}

# ---- while it runs --------------------------------------------------------

$dbh->do('SET client_min_messages = notice');
$simulator->faults({ route => 'POST /api/v1/aggregation', kind => 'stall_before', ms => 20_000 });
my $calls = $simulator->stats->{'POST /api/v1/aggregation'} // 0;
$dbh->do('SELECT * FROM pendo.visitors', { pg_async => PG_ASYNC });
$simulator->wait_for_calls('POST /api/v1/aggregation', $calls + 1);
my ($activity) = $other->selectrow_array("SELECT string_agg(a::text, ' ') FROM pg_stat_activity a");
like($activity, qr/SELECT \* FROM pendo\.visitors/, 'a statement that waits for Pendo');
hides($activity, 'shows none in pg_stat_activity');
my $pid = $dbh->{pg_pid};
my $command_line = do { local $/ = "\0"; open my $file, '<', "/proc/$pid/cmdline" or die $!; join ' ', <$file> };
hides($command_line, 'nor in the list of processes');
$other->do("SELECT pg_cancel_backend($pid)");
ok(!worked_async($dbh), 'it is cancelled');
$simulator->faults();

# What waits for the commit and does not fit into memory.
$dbh->do($_) for "SET work_mem = '64kB'", 'BEGIN',
  "INSERT INTO pendo.track_events (visitor_id, event, app, properties) SELECT 'v0000001', 'spilled', 'mobile', jsonb_build_object('text', repeat('x', 400)) FROM generate_series(1, 2000)";
my @temporary = glob "$cluster->{dir}/data/base/pgsql_tmp/*";
my $spilled = join '', map { slurp($_) } @temporary;
like($spilled, qr/spilled/, 'records wait in a temporary file');
hides($spilled, 'that has no secret');
$dbh->do('ROLLBACK');

# ---- secrets in files -----------------------------------------------------

$simulator->news;
@seen = ();
my $filer = watched($cluster->session(user => 'filer'));
all_statements('files', $filer);
is($dbh->selectrow_array("SELECT count(*) FROM pendo_fdw_runs WHERE role = 'filer'::regrole AND applied > 0") > 5, 1, 'by secrets in files it runs as well');
my $chosen = qr/^(?:200|400|403|500), plain$|^bulk answer, long$|^error in a stream$/;
meet_answer($_, 'files: ', $filer) for grep { $_->[0] =~ $chosen } @answers;
check_requests('secrets in files');
spew($_->[0], "$_->[1]\nx: $_->[1]\n") for [$key_file, $key], [$secret_file, $secret];
all_statements('files of two lines', $filer);
ok((grep { $_->[1] =~ /it holds no secret/ } @seen), 'a file that holds more than a secret');
check_seen('secrets in files');
spew($_->[0], "$_->[1]\n") for [$key_file, $key], [$secret_file, $secret];
$filer->disconnect;

# ---- the background worker ------------------------------------------------

$other->do('DELETE FROM pendo_fdw_queue');
$other->do('DELETE FROM pendo_fdw_dead_letters');
for my $role (qw(postgres filer plain)) {
    my $session = $cluster->session(user => $role);
    $session->do($_) for 'SET client_min_messages = error', "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'rejected-of-$role'",
      "UPDATE pendo.box_visitors SET custom_plan = 'x' WHERE visitor_id = 'refused-of-$role'", "UPDATE pendo.box_accounts SET custom_plan = 'x' WHERE account_id = 'waits-of-$role'",
      "INSERT INTO pendo.box_events (visitor_id, event, event_key) VALUES ('event-of-$role', 'e', 'key-of-$role')", "INSERT INTO pendo.box_once (visitor_id, event) VALUES ('once-of-$role', 'e')";
    $session->disconnect;
}
refuse_outbox();
$_->disconnect for $dbh, $other;
$cluster->stop_cleanly;
my $conf = "$cluster->{dir}/data/postgresql.conf";
spew($conf, slurp($conf) . "shared_preload_libraries = 'pendo_fdw'\npendo_fdw.deliver_databases = 'postgres'\npendo_fdw.deliver_interval = '100ms'\n");
my $log_of_worker = length $cluster->log;
$cluster->start;
wait_until('the worker', 60, sub { substr($cluster->log, $log_of_worker) =~ /ERROR:  \w+: delivery to server "pendo" failed/ });
($dbh, $other) = map { $cluster->session } 1 .. 2;
%in_outbox = ();
see_outbox($dbh);
is_deeply(\%in_outbox, { waits => 3, invalid => 9 }, 'what the worker was refused') or diag explain \%in_outbox;
check_seen('the worker');
check_requests('the worker');

# ---- the log --------------------------------------------------------------

my $log = substr $cluster->log, $log_begin;
cmp_ok(length $log, '>', 1_000_000, 'the log is that of DEBUG5, with plans');
hides($log, 'and has none');

# ---- dumps ----------------------------------------------------------------

sub dump_of { my ($user, @options) = @_; return qx('$cluster->{bin}/pg_dump' -h '$cluster->{dir}' -p $cluster->{port} -U $user @options postgres 2>&1) }
like(dump_of('postgres', '--schema-only'), $mark, 'a dump of the superuser has the mapping');
my $plain = dump_of('plain', '--schema-only', '--enable-row-security');
like($plain, qr/CREATE USER MAPPING FOR postgres SERVER pendo;/, 'that of a plain user has it without its options');
hides($plain, 'and no secret');

# With the data: of what the extension keeps, the rows of that user alone.
my $full = dump_of('plain', '--enable-row-security');
hides($full, 'nor has one with data');
for my $table (qw(pendo_fdw_runs pendo_fdw_rejects pendo_fdw_queue pendo_fdw_dead_letters pendo_fdw_event_keys)) {
    my ($columns, $rows) = $full =~ /^COPY public\.$table \(([^)]*)\) FROM stdin;\n(.*?)^\\\.$/ms;
    my @rows = map { my %row; @row{ split /, /, $columns } = split /\t/; \%row } split /\n/, $rows;
    my %roles = map { $_->{role} => 1 } @rows;
    my $of_keys = $table eq 'pendo_fdw_event_keys';
    is_deeply([sort keys %roles], $of_keys ? [] : ['plain'], "$table: the rows of the user and of nobody else");
    cmp_ok($dbh->selectrow_array("SELECT count(*) FROM $table"), '>', scalar @rows, "$table: though there are others");
}
ok($full !~ /-of-(?:postgres|filer)/, 'and no id of theirs is elsewhere in it');
my $user = $cluster->session(user => 'plain');
for my $view (qw(pg_user_mappings information_schema.user_mapping_options)) {
    hides($user->selectrow_array("SELECT coalesce(string_agg(v::text, ' '), '') FROM $view v"), "$view shows a plain user none");
}
is(error_of($user, 'SELECT * FROM pg_user_mapping')->{state}, '42501', 'and the catalog itself nothing');

done_testing();
