# What somebody without rights tries: to have keys or requests go elsewhere, to
# see what others send, to have the extension run code of theirs.
use strict;
use warnings;

use FindBin;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 100, '--accounts', 5, '--clean');
my $elsewhere = start_simulator('--visitors', 10, '--clean');    # gets what should not go there
my $home = tempdir('pendo_home_XXXXXX', DIR => '/tmp', CLEANUP => 1);
my %proxies = map { $_ => $elsewhere->{url}, uc($_) => $elsewhere->{url} } qw(http_proxy https_proxy all_proxy);
my $cluster = start_cluster(env => { HOME => $home, CURL_HOME => $home, NETRC => "$home/.netrc", %proxies });
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0);

my $select = "SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001'";
my $insert = "INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'e')";
sub state_of { my ($session, $sql) = @_; return (error_of($session, $sql) // { state => '00000' })->{state} }
sub went_elsewhere { my ($name) = @_; is(scalar @{ $elsewhere->requests }, 0, "$name: nothing went elsewhere"); return }

# ---- the environment and the home of the server ---------------------------

spew("$home/.netrc", "default login mallory password hunter2\nmachine 127.0.0.1 login mallory password hunter2\n");
spew("$home/.curlrc", "proxy = $elsewhere->{url}\nheader = \"x-mallory: 1\"\nlocation\n");
chmod 0600, "$home/.netrc", "$home/.curlrc";
$dbh->do($_) for 'CREATE TEMP TABLE environment (line text)', "COPY environment FROM PROGRAM 'env' WITH (DELIMITER E'\\x01')";
is($dbh->selectrow_array("SELECT count(*) FROM environment WHERE line IN ('http_proxy=$elsewhere->{url}', 'ALL_PROXY=$elsewhere->{url}', 'HOME=$home')"), 3, 'the server has proxies in its environment');
is(state_of($dbh, $_), '00000', 'a call with proxies, .netrc and .curlrc in the way') for $select, $insert;
my @headers = map { lc join ' ', keys %{ $_->{headers} } } @{ $simulator->requests };
is(scalar(grep { /authorization|x-mallory/ } @headers), 0, 'no header of theirs');
went_elsewhere('proxies');

# ---- redirects ------------------------------------------------------------

for my $status (301, 302, 303, 307, 308) {
    for my $target ("$elsewhere->{url}/api/v1/token/verify", '//' . substr($elsewhere->{url}, 5), 'file:///etc/passwd', "$simulator->{url}/api/v1/token/verify") {
        $simulator->reset;
        $simulator->faults(map { { route => $_, kind => 'status', status => $status, headers => { Location => $target }, body => '' } } 'GET /*', 'POST /*');
        for my $sql ($select, $insert, "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000001'", 'SELECT count(*) FROM pendo.visitors') {
            my $error = error_of($dbh, $sql) // { message => '' };
            like($error->{message}, qr/^Pendo answered $status/, "$status to $target: told, not followed") or diag $sql;
        }
        is(scalar(grep { $_->{status} == 200 } @{ $simulator->requests }), 0, "$status to $target: no other call here");
    }
}
$simulator->reset;
went_elsewhere('redirects');

# ---- base URLs ------------------------------------------------------------

my ($port) = $elsewhere->{url} =~ /:(\d+)$/;
my @bad_urls = (
    'http://pendo.example', 'HTTP://pendo.example', 'ftp://127.0.0.1', 'file:///etc/passwd', 'file://localhost/etc/passwd', 'FILE:///etc/passwd', 'gopher://127.0.0.1:1/x', 'dict://127.0.0.1/x',
    'unix:///var/run/x.sock', 'http+unix://%2Ftmp%2Fx', 'https://user@pendo.example', 'https://user:pw@pendo.example', 'https://@pendo.example', 'https://app.pendo.io@evil.example',
    'https://app.pendo.io\\@evil.example', 'https://app.pendo.io\\.evil.example', 'https://evil.example#@app.pendo.io', 'https://evil.example?@app.pendo.io', 'https://evil.example/app.pendo.io',
    'https:/pendo.example', 'https:pendo.example', 'https:///pendo.example', '//pendo.example', 'pendo.example', '', ' https://pendo.example', 'https://pendo.example ', 'https://pen do.example',
    'https://pendo.example//', 'https://pendo.example/x', 'https://pendo.example/..', 'https://pendo.example:', 'https://pendo.example:0', 'https://pendo.example:99999', 'https://pendo.example:80:80', 'https://pendo.example:x',
    'https://%65vil.example', 'https://pendo.example%00.evil', 'https://pendo.example%2f', 'https://[::1', 'https://::1', 'http://[::ffff:10.0.0.1]', 'http://[fe80::1]', 'http://[::1%25eth0]', 'https://[fe80::1%25eth0]',
    'http://127.0.0.1.evil.example', 'http://127.evil', 'http://127.0.0.1.', 'http://127.0.0.256', 'http://127.0.0.0.1', 'http://127.', 'http://localhost.evil.example', 'http://localhost.', 'http://xlocalhost',
    'http://10.0.0.1', 'http://0x0a000001', 'http://167772161', 'http://012.0.0.1', 'http://0', 'http://0.0.0.0', 'http://[::]', 'http://169.254.169.254', 'https://pendo.example,evil.example', 'https://a;b', "https://a'b", 'https://a"b', 'https://a<b', 'https://{a,b}', 'https://a|b',
    'https://pendo.example\r\nX-Evil: 1', "https://pendo.example\t", 'https://', 'https://:443', 'https://.', "https://p\xc3\xa9ndo.example", 'https://-', 'javascript:alert(1)',
);
for my $url (@bad_urls) {
    for my $option (qw(api_url track_url)) {
        (my $literal = $url) =~ s/\\r\\n/\r\n/;
        my $state = state_of($dbh, "ALTER SERVER pendo OPTIONS (SET $option " . $dbh->quote($literal) . ')');
        is($state, 'HV024', "$option $url is refused, also of a superuser");
    }
}
for my $url ('https://pendo.example', 'HTTPS://Pendo.Example:8443', 'https://pendo.example/', 'https://127.0.0.1', 'https://[::1]:8443', 'http://[::1]', 'http://localhost:1', 'http://127.0.0.1:1/', 'http://127.255.255.254', 'https://a-b_c.example') {
    is(state_of($dbh, "CREATE SERVER good FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url '$url')"), '00000', "$url is taken");
    $dbh->do('DROP SERVER IF EXISTS good');
}

# ---- a server of one's own ------------------------------------------------

$dbh->do($_) for 'CREATE ROLE mallory LOGIN', 'GRANT USAGE ON FOREIGN DATA WRAPPER pendo_fdw TO mallory', 'GRANT CREATE ON DATABASE postgres TO mallory', 'GRANT CREATE, USAGE ON SCHEMA public TO mallory';
my $mallory = $cluster->session(user => 'mallory');
for my $options ("api_url 'http://127.0.0.1:$port'", "region 'us', api_url 'http://127.0.0.1:$port'", "region 'us', track_url 'https://evil.example'", "region 'us', ca_file '/etc/passwd'") {
    is(state_of($mallory, "CREATE SERVER own FOREIGN DATA WRAPPER pendo_fdw OPTIONS ($options)"), '42501', "a server with $options takes a superuser");
}
$mallory->do($_) for "CREATE SERVER own FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us')", "CREATE USER MAPPING FOR mallory SERVER own OPTIONS (integration_key 'x', track_secret 'y')",
  "CREATE FOREIGN TABLE own_visitors (visitor_id text) SERVER own OPTIONS (object 'visitors')";
my @changes = (
    ['42501', "ALTER SERVER own OPTIONS (ADD api_url 'http://127.0.0.1:$port')"],
    ['42501', "ALTER SERVER own OPTIONS (DROP region, ADD api_url 'https://evil.example')"],
    ['HV00D', "ALTER FOREIGN TABLE own_visitors OPTIONS (ADD api_url 'http://127.0.0.1:$port')"],
    ['HV00D', "ALTER USER MAPPING FOR mallory SERVER own OPTIONS (ADD api_url 'http://127.0.0.1:$port')"],
    ['HV00D', "ALTER FOREIGN TABLE own_visitors ALTER visitor_id OPTIONS (ADD api_url 'x')"],
    ['HV024', "ALTER SERVER own OPTIONS (SET region 'us.evil.example')"],
    ['HV024', "ALTER SERVER own OPTIONS (SET region '')"],
);
is(state_of($mallory, $_->[1]), $_->[0], "not by $_->[1]") for @changes;
is(state_of($mallory, "ALTER SERVER pendo OPTIONS (SET api_url 'http://127.0.0.1:$port')"), '42501', 'nor the server of somebody else');
is(state_of($mallory, "CREATE FOREIGN TABLE stolen (visitor_id text) SERVER pendo OPTIONS (object 'visitors')"), '42501', 'whose server cannot be used for a table');
is(state_of($mallory, "SELECT * FROM pendo_fdw_check('pendo')"), '42501', 'nor checked');
is(state_of($mallory, "IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO public"), '42501', 'nor imported from');

# A server that a superuser has pointed elsewhere stays as it is when it is given away.
$dbh->do($_) for "CREATE SERVER given FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$simulator->{url}', track_url '$simulator->{url}')", 'ALTER SERVER given OWNER TO mallory',
  "CREATE USER MAPPING FOR PUBLIC SERVER given OPTIONS (integration_key 'sim-read-key')";
is(state_of($mallory, "ALTER SERVER given OPTIONS (SET api_url 'http://127.0.0.1:$port')"), '42501', 'its new owner cannot point it elsewhere');
is(state_of($mallory, "ALTER SERVER given OPTIONS (ADD connect_timeout '1s')"), '42501', 'nor change anything beside that');
is(state_of($mallory, 'ALTER SERVER given OPTIONS (DROP api_url, DROP track_url)'), '00000', 'but point it back to Pendo');

# A wrapper that checks no options: such a server must not be used, by whatever way.
$dbh->do($_) for 'CREATE FOREIGN DATA WRAPPER lax', 'GRANT USAGE ON FOREIGN DATA WRAPPER lax TO mallory',
  'CREATE FOREIGN DATA WRAPPER lax_pendo HANDLER pendo_fdw_handler', 'GRANT USAGE ON FOREIGN DATA WRAPPER lax_pendo TO mallory';
for my $wrapper (qw(lax lax_pendo)) {
    $mallory->do($_) for "CREATE SERVER by_$wrapper FOREIGN DATA WRAPPER $wrapper OPTIONS (api_url '$elsewhere->{url}', region 'us')",
      "CREATE USER MAPPING FOR mallory SERVER by_$wrapper OPTIONS (integration_key E'k\\r\\nx-evil: 1', track_secret 's')",
      "CREATE FOREIGN TABLE through_$wrapper (visitor_id text) SERVER by_$wrapper OPTIONS (object 'visitors')",
      "CREATE FOREIGN TABLE events_through_$wrapper (visitor_id text, event text) SERVER by_$wrapper OPTIONS (object 'track_events')";
    is(state_of($mallory, "SELECT * FROM pendo_fdw_check('by_$wrapper')"), '42809', "$wrapper: pendo_fdw_check does not call such a server");
    my $state = $wrapper eq 'lax' ? '55000' : '42809';    # PostgreSQL's own refusal, as it has no handler
    is(state_of($mallory, $_), $state, "$wrapper: $_") for "SELECT * FROM through_$wrapper", "INSERT INTO events_through_$wrapper VALUES ('v', 'e')", "EXPLAIN SELECT * FROM through_$wrapper",
      "IMPORT FOREIGN SCHEMA pendo FROM SERVER by_$wrapper INTO public", "ANALYZE through_$wrapper";
}
went_elsewhere('servers of one\'s own');

# ---- what is read and sent for others -------------------------------------

$dbh->do($_) for 'CREATE TABLE crm (id text, plan text)', "INSERT INTO crm VALUES ('v0000007', 'top secret plan')", 'GRANT USAGE ON SCHEMA pendo TO mallory',
  'CREATE VIEW pendo.shared AS SELECT visitor_id, custom_plan FROM pendo.visitors', 'GRANT SELECT ON pendo.shared TO mallory',
  q{CREATE FUNCTION sync() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'UPDATE pendo.visitors v SET custom_plan = c.plan FROM public.crm c WHERE v.visitor_id = c.id'},
  q{CREATE FUNCTION plan_of(text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT custom_plan FROM pendo.visitors WHERE visitor_id = $1'};
is(state_of($mallory, $select), '42501', 'the table itself is not to be read');
is($mallory->selectrow_array('SELECT count(*) FROM pendo.shared'), 100, 'a view is, with its owner\'s key, by a role without a mapping');
$mallory->do('SELECT sync()');
is($mallory->selectrow_array("SELECT plan_of('v0000007')"), 'top secret plan', 'a SECURITY DEFINER function writes and reads with its owner\'s key');
$mallory->do($_) for 'SET pendo_fdw.dry_run = on', 'BEGIN', 'SELECT sync()';
my @notices;
my $shown = do {
    local $SIG{__WARN__} = sub { push @notices, @_ };
    local $mallory->{PrintWarn} = 1;
    $mallory->selectall_arrayref('SELECT * FROM pendo_fdw_dry_run()');
};
is_deeply($shown, [], 'a dry run does not show the caller what the function\'s owner would send');
like("@notices", qr/NOTICE:  calls of role "postgres" for pendo\.visitors are not shown/, 'but that there is something');
$mallory->do($_) for 'ROLLBACK', 'RESET pendo_fdw.dry_run';
$dbh->do($_) for 'SET pendo_fdw.dry_run = on', 'BEGIN', 'SELECT sync()';
is($dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_dry_run()'), 1, 'the owner sees it');
$dbh->do($_) for 'ROLLBACK', 'RESET pendo_fdw.dry_run';
is($mallory->selectrow_array('SELECT count(*) FROM pendo_fdw_runs'), 0, 'and the runs of others are not for mallory');
$simulator->reset;

# ---- names in front -------------------------------------------------------

# Functions, operators, types and tables of the same names in schemas in front, and
# in pg_temp, that would tell whoever runs them. Of operators and functions those that a
# statement of the ledger or the outbox could mean: on the types of their columns, also
# where PostgreSQL's own takes a cast or any type.
$mallory->do($_) for 'CREATE SCHEMA trap', 'GRANT USAGE ON SCHEMA trap TO PUBLIC', 'CREATE TABLE trap.caught (who text, what text)', 'GRANT ALL ON trap.caught TO PUBLIC', <<'SQL';
DO $do$
DECLARE
  types text[] := '{boolean, integer, bigint, oid, regrole, text, name, bytea, interval, timestamptz, double precision, anyarray}';
  body text := 'BEGIN INSERT INTO trap.caught VALUES (current_user, %L); RETURN NULL; END';
  l text; r text; f record;
BEGIN
  FOREACH l IN ARRAY types LOOP
    FOREACH r IN ARRAY types LOOP
      EXECUTE format('CREATE FUNCTION trap.compare(%1$s, %2$s) RETURNS boolean LANGUAGE plpgsql AS %3$L', l, r, format(body, l || ' with ' || r));
      EXECUTE format('CREATE FUNCTION trap.compute(%1$s, %2$s) RETURNS %1$s LANGUAGE plpgsql AS %3$L', l, r, format(body, l || ' and ' || r));
      FOR f IN SELECT * FROM unnest('{=,<>,<,<=,>,>=,+,-,*,||}'::text[]) WITH ORDINALITY AS o(name, n) LOOP
        EXECUTE format('CREATE OPERATOR trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.%s)', f.name, l, r, CASE WHEN f.n <= 6 THEN 'compare' ELSE 'compute' END);
      END LOOP;
    END LOOP;
  END LOOP;
  FOR f IN
    SELECT p.oid::regprocedure::text AS signature, format_type(prorettype, NULL) AS type, false AS is_set FROM pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace
       AND proname IN ('pg_has_role', 'octet_length', 'length', 'substr', 'to_char', 'timezone', 'to_regclass', 'clock_timestamp', 'now', 'row_number', 'int8', 'text')
    UNION ALL
    SELECT s, t, false FROM (VALUES ('pg_has_role(oid, regrole, text)', 'boolean'), ('sum(integer)', 'bigint'), ('max(integer)', 'integer'), ('max(text)', 'text'), ('min(timestamptz)', 'timestamptz'),
      ('count(anyelement)', 'bigint'), ('"coalesce"(anyelement, anyelement)', 'anyelement'), ('"nullif"(anyelement, anyelement)', 'anyelement')) AS v(s, t)
    UNION ALL
    SELECT format('unnest(%s[])', t), t, true FROM unnest('{integer,bigint,text,bytea,float8,jsonb,oid}'::text[]) AS t
  LOOP
    EXECUTE format('CREATE FUNCTION trap.%s RETURNS %s %s LANGUAGE plpgsql AS %L', f.signature, CASE WHEN f.is_set THEN 'SETOF' END, f.type,
      format(CASE WHEN f.is_set THEN replace(body, 'NULL', '') ELSE body END, f.signature));
  END LOOP;
  CREATE FUNCTION trap.step(bigint) RETURNS bigint LANGUAGE plpgsql AS $f$BEGIN INSERT INTO trap.caught VALUES (current_user, 'count(*)'); RETURN 0; END$f$;
  CREATE AGGREGATE trap.count(*) (SFUNC = trap.step, STYPE = bigint);
  CREATE FUNCTION trap.is_fine(text, text) RETURNS boolean LANGUAGE plpgsql AS $f$BEGIN INSERT INTO trap.caught VALUES (current_user, $2); RETURN true; END$f$;
  FOREACH l IN ARRAY '{oid,regrole,text,bytea,timestamptz}'::text[] LOOP
    EXECUTE format('CREATE DOMAIN trap.%I AS pg_catalog.%I CHECK (trap.is_fine(VALUE::pg_catalog.text, %L))', l, l, l);
  END LOOP;
END $do$
SQL
my @tables = map { "pendo_fdw_$_" } qw(runs rejects queue dead_letters event_keys outbox_home);
$mallory->do("CREATE TABLE trap.$_ (LIKE public.$_ INCLUDING ALL)") for @tables;
$mallory->do("CREATE TABLE trap.pg_foreign_server (LIKE pg_catalog.pg_foreign_server)");
$mallory->do("GRANT ALL ON ALL TABLES IN SCHEMA trap TO PUBLIC");

# A session that has them in front.
sub trapped_session {
    my ($user, $path) = @_;
    my $session = $cluster->session(user => $user);
    my $body = q{LANGUAGE plpgsql AS $$BEGIN INSERT INTO trap.caught VALUES (current_user, 'pg_temp'); RETURN NULL; END$$};
    $session->do("CREATE TEMP TABLE $_ (LIKE public.$_ INCLUDING ALL)") for @tables;
    $session->do($_) for 'CREATE TEMP TABLE pg_foreign_server (LIKE pg_catalog.pg_foreign_server)', 'CREATE DOMAIN pg_temp.regrole AS text', 'CREATE DOMAIN pg_temp.oid AS text',
      "CREATE FUNCTION pg_temp.pg_has_role(oid, regrole, text) RETURNS boolean $body", "CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz $body",
      "CREATE FUNCTION pg_temp.octet_length(bytea) RETURNS integer $body", "CREATE FUNCTION pg_temp.equal(text, text) RETURNS boolean $body",
      'CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.equal)', 'SET client_min_messages = error', "SET search_path = $path";
    return $session;
}

sub is_uncaught {
    my ($session, $name) = @_;
    is_deeply($session->selectall_arrayref('SELECT * FROM trap.caught'), [], "$name: no code of mallory's has run");
    my $written = join ' OPERATOR(pg_catalog.+) ', map { my $table = $_; map { "(SELECT pg_catalog.count(*) FROM $_.$table)" } 'trap', 'pg_temp' } @tables;
    is($session->selectrow_array("SELECT $written"), 0, "$name: and nothing was written in front");
    # that the traps work: statements of the session's own fall into them
    for my $sql ("SELECT 'a'::pg_catalog.text = 'a'::pg_catalog.text", 'SELECT count(*)', 'SELECT 1::pg_catalog.regrole = 1::pg_catalog.oid', "SELECT * FROM unnest('{a}'::pg_catalog.text[])",
        "SELECT pg_has_role(1::pg_catalog.oid, 1::pg_catalog.regrole, 'MEMBER')") {
        $session->do('DELETE FROM trap.caught');
        $session->do($sql);
        isnt($session->selectrow_array('SELECT pg_catalog.count(*) FROM trap.caught'), 0, "$name: though there is a trap for $sql");
    }
    $session->do('DELETE FROM trap.caught');
    return;
}

my @paths = ('trap, pg_catalog, pendo, public', 'pg_temp, trap, pg_catalog, pendo, public');
for my $path (@paths) {
    my $session = trapped_session('postgres', $path);
    $simulator->faults({ route => 'POST /data/track', kind => 'status', status => 400, body => 'no' });
    my $runs = $session->selectrow_array('SELECT pg_catalog.count(*) FROM public.pendo_fdw_runs');
    $session->do($_) for $insert, "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id OPERATOR(pg_catalog.=) 'v0000001'", "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id OPERATOR(pg_catalog.=) 'no such visitor'",
      'SELECT * FROM public.pendo_fdw_last_run()', "SELECT * FROM public.pendo_fdw_check('pendo')";
    $simulator->faults();
    $session->do($insert);
    $session->do("SELECT public.pendo_fdw_prune('1 day')");
    is($session->selectrow_array('SELECT pg_catalog.count(*) FROM public.pendo_fdw_runs') - $runs, 4, "$path: the runs are in the ledger");
    is_uncaught($session, $path);
}

# The outbox, by its owner, and by mallory, for whom code that runs in it would run as
# its owner.
my $bulk = 'POST /api/v1/metadata/visitor/custom/value';
$dbh->do($_) for "CREATE SERVER box FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url '$simulator->{url}', track_url '$simulator->{url}', delivery 'outbox', max_retries '0', on_ambiguous 'uncertain')",
  (map { "CREATE USER MAPPING FOR $_ SERVER box OPTIONS (integration_key 'sim-write-key', track_secret 'sim-track-secret')" } qw(postgres mallory)),
  "CREATE FOREIGN TABLE pendo.box_visitors (visitor_id text, custom_plan text) SERVER box OPTIONS (object 'visitors')",
  "CREATE FOREIGN TABLE pendo.box_events (visitor_id text, event text, event_key text) SERVER box OPTIONS (object 'track_events')",
  'GRANT ALL ON pendo.box_visitors, pendo.box_events TO mallory';
my $update = "UPDATE pendo.box_visitors SET custom_plan = '%s' WHERE visitor_id OPERATOR(pg_catalog.=) '%s'";

sub use_outbox {
    my ($session, $user, $name) = @_;
    my $ends = sub { my ($sql, $state) = @_; is(state_of($session, $sql), $state // '00000', "$name: $sql") or diag $session->errstr; return };
    my $keyed = "INSERT INTO pendo.box_events (visitor_id, event, event_key) VALUES ('v0000002', 'first', '$name'), ('v0000002', 'second', '$name'), ('v0000002', 'third', NULL)";
    my $dead = sub { return join ' ', map { "$_->[0]:$_->[1]" } @{ $session->selectall_arrayref('SELECT id, reason FROM public.pendo_fdw_dead_letters ORDER BY died, seq') } };

    $ends->(sprintf $update, 'one', 'v0000002');
    $ends->("UPDATE pendo.box_visitors v SET custom_plan = u.plan FROM (VALUES ('v0000002', 'two'), ('v0000003', 'two'), ('nobody', 'two')) AS u(id, plan) WHERE v.visitor_id OPERATOR(pg_catalog.=) u.id");
    $ends->("INSERT INTO pendo.box_events (visitor_id, event) VALUES ('v0000002', 'plain')");
    $ends->($keyed);
    is_deeply($session->selectcol_arrayref('SELECT waiting FROM public.pendo_fdw_outbox ORDER BY object'), [3, 4], "$name: all of it waits, and one event of each key");
    $simulator->faults({ route => $bulk, kind => 'status', status => 503 }, { route => 'POST /data/track', kind => 'status', status => 429 });
    $ends->('CALL public.pendo_fdw_deliver()', 'HV000');
    is_deeply($session->selectcol_arrayref('SELECT failing FROM public.pendo_fdw_outbox ORDER BY object'), [3, 4], "$name: it has failed once");
    $ends->("SELECT public.pendo_fdw_requeue('box')");
    $simulator->faults({ route => 'POST /data/track', kind => 'status', status => 400, body => 'no', times => 1 });
    $ends->("CALL public.pendo_fdw_deliver('box', '1 min')");
    like($dead->(), qr/^nobody:missing .+:invalid$/, "$name: the dead letters");
    $ends->(sprintf $update, 'three', 'nobody');
    $ends->('CALL public.pendo_fdw_deliver()');
    is(() = $dead->() =~ /nobody/g, 1, "$name: of which a later one takes the place of the earlier one");
    $ends->("SELECT public.pendo_fdw_requeue('box', 'invalid')");
    $simulator->faults({ route => 'POST /data/track', kind => 'reset_after', times => 1 });
    $ends->('CALL public.pendo_fdw_deliver()');
    like($dead->(), qr/:uncertain$/, "$name: an event whose answer is lost");
    $ends->('SELECT * FROM public.pendo_fdw_last_run()');
    $ends->('SELECT public.pendo_fdw_adopt()', $user eq 'postgres' ? '00000' : '42501');
    $ends->("SELECT public.pendo_fdw_prune('1 day')");
    $ends->("SELECT public.pendo_fdw_prune('0')");
    is($dead->(), '', "$name: the dead letters are gone");
    $ends->($keyed);
    $ends->('CALL public.pendo_fdw_deliver()');
    is_deeply([map { $simulator->record('visitor', $_)->{metadata}{custom}{plan} } qw(v0000002 v0000003)], ['two', 'two'], "$name: Pendo has what was written last");
    is_deeply([sort map { $_->{event} } @{ $simulator->events }], [qw(first plain third third)], "$name: and each event once");
    return;
}

for my $user (qw(postgres mallory)) {
    for my $path (@paths) {
        $simulator->reset;
        my $session = trapped_session($user, $path);
        use_outbox($session, $user, "$user, $path");
        is_uncaught($session, "$user, $path");
    }
}

# Triggers, rules and policies on the ledger are for its owner.
for my $sql ('CREATE TRIGGER t AFTER INSERT ON public.pendo_fdw_runs FOR EACH ROW EXECUTE FUNCTION trap.f()', 'CREATE RULE r AS ON INSERT TO public.pendo_fdw_runs DO INSTEAD NOTHING',
    'CREATE POLICY p ON public.pendo_fdw_runs USING (true)', 'ALTER TABLE public.pendo_fdw_runs DISABLE ROW LEVEL SECURITY', 'INSERT INTO public.pendo_fdw_runs DEFAULT VALUES', 'DELETE FROM public.pendo_fdw_rejects', 'UPDATE public.pendo_fdw_runs SET applied = 0',
    'TRUNCATE public.pendo_fdw_runs', "SELECT nextval('public.pendo_fdw_runs_run_seq')", "SELECT setval('public.pendo_fdw_runs_run_seq', 1)") {
    is(state_of($mallory, $sql), '42501', "not for mallory: $sql");
}

# ---- control characters in values -----------------------------------------

# Nothing that a value holds makes another header, another request or another path.
$simulator->reset;
$dbh->do('RESET client_min_messages');
my $nasty = q{E'a\r\nx-evil: 1\r\n\r\nGET /api/v1/evil HTTP/1.1\r\n\r\n../../"\\\\%0d%0a?x=#y'};
$dbh->do(qq{SELECT * FROM pendo.visitors WHERE visitor_id IN ($nasty, '..', '.', '../../token/verify', '%2e%2e', '?', '#', 'a?b=c')});
$dbh->do(qq{SELECT * FROM pendo.visitors WHERE visitor_id = $_}) for $nasty, q{'..'}, q{'../../token/verify'}, q{'a?b=c#d'}, q{'%2e%2e/x'};
$dbh->do(qq{UPDATE pendo.visitors SET custom_plan = $nasty WHERE visitor_id = $nasty});
$dbh->do(qq{INSERT INTO pendo.track_events (visitor_id, account_id, event, ip, user_agent, url, title) VALUES ($nasty, $nasty, $nasty, $nasty, $nasty, $nasty, $nasty)});
$dbh->do(qq{SELECT * FROM pendo.track_event_counts WHERE event = $nasty});
$dbh->do(qq{SELECT * FROM pendo.visitors WHERE custom_plan = $nasty});
my @requests = @{ $simulator->requests };
cmp_ok(scalar @requests, '>=', 8, 'calls with control characters in their values');
my %names = map { lc($_) => 1 } map { keys %{ $_->{headers} } } @requests;
ok(!$names{'x-evil'}, 'none of them has a header more');
is(scalar(grep { $_->{path} =~ m{evil HTTP|[\x00-\x20\x7f]} } @requests), 0, 'nor a path that goes on');
is(scalar(grep { $_->{path} !~ m{^/(?:api/v1/(?:visitor/[^/?]+$|metadata/|aggregation|tracktype)|data/track)} } @requests), 0, 'nor another one') or diag map { "$_->{path}\n" } @requests;
my ($event) = @{ $simulator->events };
my $plain = "a\r\nx-evil: 1\r\n\r\nGET /api/v1/evil HTTP/1.1\r\n\r\n../../\"\\%0d%0a?x=#y";
is_deeply([$event->{visitorId}, @{ $event->{context} }{qw(ip userAgent url title)}], [($plain) x 5], 'the values arrive as they are');

# The same in options and names.
for my $option (q{app_id E'1\r\nx: y'}, q{app_id '1/../../x'}, q{time_zone E'UTC\r\n'}, q{default_window E'1 day\r\nx'}, q{object E'visitors\r\n'}, q{delivery E'commit\n'}) {
    is(state_of($dbh, "CREATE FOREIGN TABLE bad (event text) SERVER pendo OPTIONS (" . ($option =~ /^object/ ? '' : "object 'track_event_counts', ") . "$option)"), 'HV024', "$option is refused");
}
$dbh->do($_) for "CREATE SERVER \"a\r\nb\" FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url '$simulator->{url}')", "CREATE USER MAPPING FOR postgres SERVER \"a\r\nb\" OPTIONS (integration_key 'sim-read-key')",
  "CREATE FOREIGN TABLE odd (visitor_id text) SERVER \"a\r\nb\" OPTIONS (object 'visitors')";
cmp_ok($dbh->selectrow_array('SELECT count(*) FROM odd'), '>=', 100, 'a server with line breaks in its name is called like others');
is_deeply([sort keys %{ $simulator->requests->[-1]{headers} }], [sort keys %{ $requests[0]{headers} }], 'with the same headers');

# The validator and others, called by hand.
my @calls = (
    ['22004', 'ARRAY[NULL]::text[], 1417'],
    ['HV00D', "ARRAY['x'], 1417"],
    ['HV00D', "ARRAY['api_url=http://127.0.0.1']::text[], 0"],
    ['00000', "'{}', 1418"],
    ['HV00D', "ARRAY[['a=b'],['c=d']], 1417"],
);
is(state_of($mallory, "SELECT pendo_fdw_validator($_->[1])"), $_->[0], "pendo_fdw_validator($_->[1])") for @calls;
is($mallory->selectrow_array('SELECT 1'), 1, 'the server is still there');
is(state_of($mallory, "SELECT pendo_fdw_check('no such server')"), '42704', 'a server that is not there');
went_elsewhere('at the end');

done_testing();
