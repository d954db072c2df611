# only_changes sends what differs and nothing else, whatever the type; what is
# missing is created where the table says so; a dry run shows what a real one
# then sends; rejects are sent again by one statement.
use strict;
use warnings;
use utf8;

use FindBin;
use JSON::XS;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 100, '--accounts', 30, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator);

my $json = JSON::XS->new->allow_nonref->canonical;
my $scan = 'POST /api/v1/aggregation';
my $records = 1000;

# A table with a column of each type. amount is a field that is not there yet.
$dbh->do(<<'SQL');
CREATE FOREIGN TABLE sync (
  visitor_id text OPTIONS (path 'visitorId'),
  plan text OPTIONS (path 'custom.plan'),
  seats bigint OPTIONS (path 'custom.seats'),
  score float8 OPTIONS (path 'custom.score'),
  amount numeric OPTIONS (path 'custom.amount'),
  active boolean OPTIONS (path 'custom.active'),
  renewal timestamptz OPTIONS (path 'custom.renewal'),
  tags jsonb OPTIONS (path 'custom.tags'),
  role text OPTIONS (path 'agent.role'))
SERVER pendo OPTIONS (object 'visitors', create_fields 'true')
SQL
my @fields = qw(plan seats score amount active renewal tags role);

# Numbers that a float rounds, microseconds that Pendo does not keep, lists whose
# numbers have several forms, and NULLs.
$dbh->do(<<SQL);
CREATE TABLE source AS
  SELECT n, 'c' || lpad(n::text, 5, '0') AS id,
         CASE n % 11 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN '1.0' WHEN 3 THEN 'true' ELSE 'plän "' || n || '"' END AS plan,
         CASE n % 7 WHEN 0 THEN NULL WHEN 1 THEN 9007199254740992 WHEN 2 THEN -n ELSE n END AS seats,
         (ARRAY[0.1, 1e-7, -0.0, 1e22, 0.1::float8 + 0.2::float8, 123456.789, 5, NULL, 1.7976931348623157e308, 5e-324])[1 + n % 10]::float8 AS score,
         (ARRAY[1.10, 0.30, 1.0, 100, 0.0000001, NULL, -12.50])[1 + n % 7]::numeric + n % 2 AS amount,
         CASE n % 3 WHEN 0 THEN NULL ELSE n % 3 = 1 END AS active,
         CASE n % 5 WHEN 0 THEN NULL ELSE timestamptz '2024-02-29 12:00:00.123456+00' - n * interval '400 days 1 microsecond' END AS renewal,
         (ARRAY['[1.0, 2.50, 1e2]', '[]', '["a", 0.1, null, true]', NULL, '[100000000000000000000]', '[-0, 1.0]', '["ünï"]'])[1 + n % 7]::jsonb AS tags,
         CASE WHEN n % 4 > 0 THEN 'role ' || n % 4 END AS role
    FROM generate_series(1, $records) n
SQL

# Pendo's records: some fields are absent, some null, some the source's already.
sub load_fresh {
    $simulator->load('visitor', map { {
        visitorId => sprintf('c%05d', $_),
        metadata => {
            custom => { ($_ % 2 ? (plan => undef) : ()), ($_ % 3 ? (seats => $_) : ()), ($_ % 10 == 0 ? (score => 0.1) : ()) },
            ($_ % 4 ? (agent => { role => 'role ' . $_ % 4 }) : ()),
            auto => { id => sprintf('c%05d', $_) },
        },
    } } 1 .. $records);
    $simulator->news;
    return;
}

my $set = join ', ', map { "$_ = s.$_" } @fields;
my $update = "UPDATE sync v SET $set FROM source s WHERE v.visitor_id = s.id";

sub calls { my ($route) = @_; return $simulator->stats->{$route} // 0 }

# What a run sends: records and calls, and how many requests read.
sub run {
    my ($statement) = @_;
    my $reads = calls($scan);
    $simulator->bulk_news;
    $dbh->do($statement);
    my ($sent, $calls) = $simulator->bulk_news;
    return ($sent, $calls, calls($scan) - $reads);
}

sub set_options {
    my ($name, %options) = @_;
    for my $option (sort keys %options) {
        my ($has) = $dbh->selectrow_array('SELECT count(*) FROM pg_foreign_table, unnest(ftoptions) o WHERE ftrelid = ?::regclass AND o LIKE ?', undef, $name, "$option=%");
        $dbh->do("ALTER FOREIGN TABLE $name OPTIONS (" . ($has ? 'SET' : 'ADD') . " $option '$options{$option}')");
    }
    return;
}

sub last_run { return $dbh->selectrow_hashref('SELECT * FROM pendo_fdw_last_run()') }

# The source's values as Pendo holds them, by id.
my %as_json = (
    (map { $_ => "coalesce(to_json($_)::text, 'null')" } qw(plan seats score amount active tags role)),
    renewal => "coalesce(floor(extract(epoch FROM renewal) * 1000)::bigint::text, 'null')",
);
sub source_values {
    my ($where) = @_;
    my $list = join ', ', map { $as_json{$_} } @fields;
    return { map {
        my ($id, @values) = @$_;
        $id => { map { $_ => $json->decode(shift @values) } @fields }
    } @{ $dbh->selectall_arrayref("SELECT id, $list FROM source" . ($where ? " WHERE $where" : '')) } };
}

sub group_of { my ($field) = @_; return $field eq 'role' ? 'agent' : 'custom' }

# Numbers are compared as numbers, the rest as JSON.
sub same {
    my ($one, $other) = @_;
    my ($a, $b) = map { $json->encode($_) } $one, $other;
    return 1 if $a eq $b;
    my $number = qr/^-?[\d.]+(?:e[+-]?\d+)?$/i;
    return 1 if $a =~ $number && $b =~ $number && $a == $b;
    return ref $one eq 'ARRAY' && ref $other eq 'ARRAY' && @$one == @$other && !grep { !same($one->[$_], $other->[$_]) } 0 .. $#$one;
}

# Does Pendo hold the source's values?
sub differences {
    my $want = source_values();
    my $have = $simulator->dump('visitor');
    my @wrong;
    for my $id (sort keys %$want) {
        for my $field (@fields) {
            my $is = $have->{$id}{metadata}{ group_of($field) }{$field};
            push @wrong, "$id $field: " . $json->encode($is) . ' not ' . $json->encode($want->{$id}{$field}) unless same($is, $want->{$id}{$field});
        }
    }
    return @wrong;
}

# What has to go out, given what Pendo has: an absent value is a null.
sub expected_changes {
    my $want = source_values();
    my $have = $simulator->dump('visitor');
    my %changes;
    for my $id (keys %$want) {
        for my $field (@fields) {
            next if same($have->{$id}{metadata}{ group_of($field) }{$field}, $want->{$id}{$field});
            $changes{$id}{ group_of($field) }{$field} = $want->{$id}{$field};
        }
    }
    return \%changes;
}

# The names of what was sent, and of what should have been.
sub names {
    my ($records) = @_;
    return [sort map { my $id = $_; map { my $g = $_; map { "$id $g.$_" } keys %{ $records->{$id}{$g} } } keys %{ $records->{$id} } } keys %$records];
}

# ---- only_changes -------------------------------------------------------

# The first run makes the field amount.
load_fresh();
{
    my @notices = notices_of($dbh, $update);
    like($notices[0] // '', qr/Pendo has a new field "custom\.amount" for visitors/, 'a field is created, with a NOTICE');
    is_deeply([differences()], [], 'without only_changes everything is sent');
}
set_options('sync', only_changes => 'true');

for my $delivery (qw(commit statement)) {
    set_options('sync', delivery => $delivery);
    load_fresh();
    # those that will change have a plan now
    $dbh->do("UPDATE source SET plan = 'plan ' || n, role = 'old', seats = n WHERE n % 100 = 13");
    my $changes = expected_changes();
    my ($sent, $calls, $reads) = run($update);
    is_deeply(names($sent), names($changes), "$delivery: exactly the fields that differ go out");
    my @wrong = differences();
    is(scalar @wrong, 0, "$delivery: Pendo has the source's values") or diag join "\n", grep { defined } @wrong[0 .. 9];

    ($sent, $calls, $reads) = run($update);
    is($calls, 0, "$delivery: the second run makes no bulk call") or diag join "\n", @{ names($sent) }[0 .. 9];
    is($reads, 1, "$delivery: and one streamed read");
    my $run = last_run();
    is("$run->{records} $run->{unchanged} $run->{calls}", "0 $records 0", "$delivery: the run says that all were unchanged");

    # one in a hundred, each in one to four fields
    $dbh->do("UPDATE source SET seats = coalesce(seats, 0) - 1 WHERE n % 100 = 13");
    $dbh->do("UPDATE source SET role = 'new ' || n, plan = NULL WHERE n % 200 = 13");
    $dbh->do("UPDATE source SET renewal = renewal + interval '1 millisecond' WHERE n % 500 = 113");
    my %want = map {
        my %custom = (seats => 1, ($_ % 200 == 13 ? (plan => 1) : ()), ($_ % 500 == 113 ? (renewal => 1) : ()));
        (sprintf('c%05d', $_) => { custom => \%custom, ($_ % 200 == 13 ? (agent => { role => 1 }) : ()) })
    } grep { $_ % 100 == 13 } 1 .. $records;
    ($sent, $calls) = run($update);
    is_deeply(names($sent), names(\%want), "$delivery: after 1 % changed, exactly those records and fields");
    is($calls, 2, "$delivery: in one call for each group");
    is_deeply([differences()], [], "$delivery: and Pendo has the new values");
    is(last_run()->{unchanged}, $records * 99 / 100, "$delivery: the others were unchanged");

    # an edit that somebody made elsewhere heals
    my $reply = $simulator->{http}->request('PUT', "$simulator->{url}/api/v1/metadata/visitor/custom/value/c00777/plan",
        { content => '"by hand"', headers => { 'x-pendo-integration-key' => 'sim-write-key' } });
    is($reply->{status}, 200, "$delivery: an edit elsewhere");
    ($sent) = run($update);
    is_deeply(names($sent), ['c00777 custom.plan'], "$delivery: goes out again");
}

# ---- NULL ---------------------------------------------------------------

for my $null_as (qw(null empty skip)) {
    # an empty text in a field of another type can be read as NULL only
    set_options('sync', null_as => $null_as, delivery => 'commit', on_bad_value => 'error');
    load_fresh();
    run($update);
    my ($sent, $calls) = run($update);
    is($calls, 0, "null_as $null_as: the second run makes no bulk call") or diag join "\n", @{ names($sent) }[0 .. 9];
    my $plans = $simulator->dump('visitor');
    # c00011 had null, c00022 nothing
    my @have = map { my $custom = $plans->{$_}{metadata}{custom}; exists $custom->{plan} ? $json->encode($custom->{plan}) : 'absent' } qw(c00011 c00022);
    my %want = (null => ['null', 'absent'], empty => ['""', '""'], skip => ['null', 'absent']);
    is_deeply(\@have, $want{$null_as}, "null_as $null_as: what NULL leaves in Pendo");
    my $nulls = 'SELECT count(*) FILTER (WHERE seats IS NULL) = (SELECT count(*) FROM sync WHERE seats IS NULL), count(*) FILTER (WHERE seats IS NULL) > 0 FROM sync';
    is_deeply($dbh->selectrow_arrayref($nulls), [1, 1], "null_as $null_as: a number that is NULL is found as such");
    # a value that becomes NULL
    $dbh->do("UPDATE source SET plan = NULL WHERE id = 'c00500'");
    ($sent) = run($update);
    my $plan = $simulator->record('visitor', 'c00500')->{metadata}{custom}{plan};
    is($json->encode($plan), { null => 'null', empty => '""', skip => $json->encode('plän "500"') }->{$null_as}, "null_as $null_as: a value that becomes NULL");
    $dbh->do(q{UPDATE source SET plan = 'plän "500"' WHERE id = 'c00500'});
}
set_options('sync', null_as => 'null');
run($update);

# ---- the setting, between executions of one plan --------------------------

set_options('sync', only_changes => 'false');
{
    my $session = $cluster->session;
    $session->do('SET plan_cache_mode = force_generic_plan');
    $session->do('PREPARE sync(int) AS UPDATE sync v SET plan = s.plan, seats = s.seats FROM source s WHERE v.visitor_id = s.id AND s.n <= $1');
    my @calls;
    for my $setting (qw(off on off on)) {
        $session->do("SET pendo_fdw.only_changes = $setting");
        $simulator->bulk_news;
        $session->do('EXECUTE sync(500)');
        push @calls, ($simulator->bulk_news)[1];
    }
    is_deeply(\@calls, [1, 0, 1, 0], 'a prepared statement follows the setting pendo_fdw.only_changes');
    $session->disconnect;
}

# ---- create_missing -----------------------------------------------------

my $insert = "INSERT INTO pendo.accounts (account_id, custom_plan, custom_seats) VALUES ('a00001', 'known', 1), ('new1', 'new', 2)";
is((error_of($dbh, $insert) // {})->{state}, '0A000', 'INSERT is refused without create_missing');
set_options('pendo.accounts', create_missing => 'true');
for my $delivery (qw(commit statement)) {
    set_options('pendo.accounts', delivery => $delivery);
    $simulator->reset;
    $dbh->do($insert);
    is_deeply([map { $simulator->record('account', $_)->{metadata}{custom}{plan} } qw(a00001 new1)], [qw(known new)], "$delivery: INSERT updates and creates");
    my @paths = map { $_->{path} } grep { $_->{path} =~ /value/ } @{ $simulator->requests };
    is_deeply(\@paths, ['/api/v1/metadata/account/custom/value?create=true'], "$delivery: in one call that creates");
    $dbh->do("COPY pendo.accounts (account_id, custom_plan) FROM STDIN");
    $dbh->pg_putcopydata("copied$_\tplan $_\n") for 1 .. 30;
    $dbh->pg_putcopyend;
    is($simulator->record('account', 'copied30')->{metadata}{custom}{plan}, 'plan 30', "$delivery: COPY creates");
    $dbh->do("INSERT INTO pendo.accounts (account_id) VALUES ('bare')");
    ok($simulator->record('account', 'bare'), "$delivery: an id without values is created");
    # UPDATE still creates nothing
    my @notices = notices_of($dbh, "UPDATE pendo.accounts SET custom_plan = 'x' WHERE account_id = 'nobody'");
    is($simulator->record('account', 'nobody'), undef, "$delivery: UPDATE does not create");
    like("@notices", qr/1 not known to Pendo/, "$delivery: but says so");
}
is((error_of($dbh, "$insert ON CONFLICT DO NOTHING") // {})->{state}, '0A000', 'ON CONFLICT is refused');
set_options('pendo.accounts', delivery => 'commit');

# ---- create_fields ------------------------------------------------------

$simulator->reset;
my %types = (c_text => ['text', 'string'], c_int => ['bigint', 'number'], c_float => ['float8', 'number'], c_numeric => ['numeric', 'number'],
    c_bool => ['boolean', 'boolean'], c_time => ['timestamptz', 'time'], (map { (sprintf('f%02d', $_) => ['text', 'string']) } 1 .. 24));
my @made = sort keys %types;
$dbh->do('CREATE FOREIGN TABLE wide (account_id text OPTIONS (path \'accountId\'), '
      . join(', ', map { "$_ $types{$_}[0] OPTIONS (path 'custom.$_')" } @made) . ", l jsonb OPTIONS (path 'custom.l')) SERVER pendo OPTIONS (object 'accounts', create_fields 'true')");
my $widen = 'UPDATE wide SET ' . join(', ', map { "$_ = NULL" } @made) . " WHERE account_id = 'a00002'";
my $schema_route = 'POST /api/v1/metadata/schema/account/custom';
$dbh->begin_work;
$dbh->do('SET LOCAL pendo_fdw.dry_run = on');
$dbh->do($widen);
$dbh->commit;
is(calls($schema_route), 0, 'a dry run creates no fields');
$simulator->news;
my @notices = notices_of($dbh, $widen);
my @creations = map { $json->decode($_->{body}) } grep { $_->{path} =~ m{/schema/account/custom$} && $_->{method} eq 'POST' } $simulator->news;
is_deeply([sort { $b <=> $a } map { scalar @$_ } @creations], [24, 6], 'thirty fields are created in calls of 24');
is_deeply({ map { $_->{name} => $_->{type} } map { @$_ } @creations }, { map { $_ => $types{$_}[1] } @made }, 'each with its type');
is(scalar(grep { /Pendo has a new field .* for accounts/ } @notices), 30, 'and a NOTICE for each');
my $error = error_of($dbh, "UPDATE wide SET l = '[]' WHERE account_id = 'a00002'");
is(($error // {})->{state}, '42703', 'a list cannot be created');
$error = error_of($dbh, "UPDATE sync SET amount = 1 WHERE visitor_id = 'v0000001'") ;
is($error, undef, 'a field that was created and is gone is created again');

# ---- dry run ------------------------------------------------------------

$simulator->reset;
$dbh->do("ALTER SERVER pendo OPTIONS (ADD batch_size '40')");
$dbh->do("CREATE TABLE people AS SELECT 'v' || lpad(n::text, 7, '0') AS id, n FROM generate_series(1, 95) n");
for my $delivery (qw(commit statement)) {
    set_options($_, delivery => $delivery) for qw(pendo.visitors pendo.accounts pendo.track_events);
    my @statements = (
        "UPDATE pendo.visitors v SET custom_plan = 'dry ' || n, agent_role = 'r' FROM people WHERE v.visitor_id = id",
        "UPDATE pendo.visitors v SET custom_seats = n FROM people WHERE v.visitor_id = id AND n <= 10",
        "UPDATE pendo.accounts SET custom_plan = 'dry' WHERE account_id = 'a00003'",
        "INSERT INTO pendo.track_events (visitor_id, event, occurred_at) SELECT id, 'Dry', '2026-01-01' FROM people WHERE n <= 3",
    );
    my $before = $simulator->stats;
    $dbh->begin_work;
    $dbh->do('SET LOCAL pendo_fdw.dry_run = on');
    $dbh->do($_) for @statements;
    my $shown = $dbh->selectall_arrayref('SELECT method, url, body, records FROM pendo_fdw_dry_run()');
    my @notices = do {
        my @all;
        local $SIG{__WARN__} = sub { push @all, $_[0] };
        local $dbh->{PrintWarn} = 1;
        $dbh->commit;
        @all;
    };
    my $after = $simulator->stats;
    is_deeply([grep { /value|track$/ && ($after->{$_} // 0) != ($before->{$_} // 0) } keys %$after], [], "$delivery: a dry run sends nothing");
    is(scalar(grep { /^NOTICE:  dry run: \d+ records for pendo\.\w+ in \d+ calls were not sent/ } @notices), 3, "$delivery: and says so for each table")
      or diag @notices;
    is($dbh->selectrow_array("SELECT count(*) FROM pendo_fdw_last_run() WHERE started > now() - interval '1 ms'"), 0, "$delivery: it is no run");
    $simulator->news;
    $dbh->begin_work;
    $dbh->do($_) for @statements;
    $dbh->commit;
    my @really = map { ["POST $simulator->{url}$_->{path}", $_->{body}] } grep { $_->{path} =~ /value|track$/ } $simulator->news;
    is_deeply([sort map { "$_->[0] $_->[1] $_->[2]" } @$shown], [sort map { "@$_" } @really], "$delivery: it shows just what a real run then sends");
    my $in_calls = 0;
    for my $call (@$shown) { my $body = $json->decode($call->[2]); $in_calls += (ref $body eq 'ARRAY' ? @$body : 1) == $call->[3] }
    is($in_calls, scalar @$shown, "$delivery: with the number of records of each call");
}
$dbh->do('ALTER SERVER pendo OPTIONS (DROP batch_size)');

# ---- progress -----------------------------------------------------------

for my $delivery (qw(commit statement)) {
    set_options('pendo.visitors', delivery => $delivery, batch_size => 10, concurrency => 1);
    $simulator->config(latency_ms => 100);
    $dbh->do("SET pendo_fdw.progress_interval = '50ms'");
    my @notices = notices_of($dbh, "UPDATE pendo.visitors v SET custom_plan = 'p' FROM people WHERE v.visitor_id = id");
    my $of = $delivery eq 'commit' ? qr/ of 95/ : qr//;
    my @told = grep { m{^NOTICE:  pendo\.visitors: \d+$of records sent, 0 of them refused or not known; \d+ records/s} } @notices;
    cmp_ok(scalar @told, '>=', 3, "$delivery: a long sending tells how far it is") or diag @notices;
    is(scalar @told, scalar @notices, "$delivery: and nothing else") or diag @notices;
    like("@notices", qr/about \d+ s left/, 'commit: with an estimate') if $delivery eq 'commit';
    $dbh->do('SET pendo_fdw.progress_interval = 0');
    is_deeply([notices_of($dbh, "UPDATE pendo.visitors v SET custom_plan = 'q' FROM people WHERE v.visitor_id = id AND n < 30")], [], "$delivery: 0 turns it off");
    $simulator->config(latency_ms => 0);
}
$dbh->do('RESET pendo_fdw.progress_interval');

# ---- rejects, sent again --------------------------------------------------

# The recipe of doc/writing.md.
my $again = <<'SQL';
UPDATE pendo.visitors v SET custom_plan = r.values #>> '{custom,plan}', custom_seats = (r.values #>> '{custom,seats}')::bigint
  FROM pendo_fdw_rejects r
 WHERE r.server = 'pendo' AND r.object = 'visitors' AND r.values -> 'custom' ?& '{plan,seats}' AND v.visitor_id = r.id
SQL
ok(index(slurp("$tree/doc/writing.md"), $again =~ s/\n$/;\n/r) >= 0, 'the manual has the statement that sends rejects again')
  if -e "$tree/doc/writing.md";
for my $delivery (qw(commit statement)) {
    $simulator->reset;
    set_options('pendo.visitors', delivery => $delivery, batch_size => 100, concurrency => 4);
    # Pendo wants numbers and texts where it has such fields: null is refused
    $simulator->config(null_value => 'error');
    @notices = notices_of($dbh, "UPDATE pendo.visitors v SET custom_plan = CASE WHEN n % 10 > 0 THEN 'p' || n END, custom_seats = n"
          . " FROM (SELECT CASE WHEN n > 90 THEN 'x' || n ELSE id END AS id, n FROM people) s WHERE v.visitor_id = s.id");
    like("@notices", qr/of 95 visitors, 5 not known to Pendo, 9 refused as invalid/, "$delivery: some are rejected") or diag @notices;
    is_deeply($dbh->selectcol_arrayref(q{SELECT reason || count(*) FROM pendo_fdw_rejects WHERE object = 'visitors' GROUP BY reason ORDER BY 1}), [qw(invalid9 missing5)], "$delivery: and kept");
    # mended: three of the ids come to life, null is a value
    $simulator->config(null_value => 'store');
    $simulator->{http}->request('POST', "$simulator->{url}/api/v1/metadata/visitor/custom/value?create=true",
        { content => '[{"visitorId":"x91","values":{}},{"visitorId":"x92","values":{}},{"visitorId":"x93","values":{}}]', headers => { 'x-pendo-integration-key' => 'sim-write-key' } });
    @notices = notices_of($dbh, $again);
    like("@notices", qr/of 14 visitors, 2 not known to Pendo/, "$delivery: one statement sends them again") or diag @notices;
    is_deeply($dbh->selectcol_arrayref(q{SELECT id FROM pendo_fdw_rejects WHERE object = 'visitors' ORDER BY 1}), [qw(x94 x95)], "$delivery: those that arrived are gone");
    is($simulator->record('visitor', 'x92')->{metadata}{custom}{seats}, 92, "$delivery: with their values");
    is($json->encode($simulator->record('visitor', 'v0000020')->{metadata}{custom}{plan}), 'null', "$delivery: NULL among them");
    $dbh->do("SELECT pendo_fdw_prune('0')");
}

unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

done_testing();
