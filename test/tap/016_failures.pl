# Every way in which calls that write can fail, for both deliveries: each record
# is in exactly one of applied, missing, invalid, uncertain, as the simulator's
# own store tells; once the cause is gone the same statement makes Pendo equal to
# the source.
use strict;
use warnings;

use FindBin;
use JSON::XS;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $records = 120;
my $simulator = start_simulator('--visitors', 400, '--accounts', 20, '--clean');
my $cluster = start_cluster(conf => ['max_worker_processes = 30']);
my $dbh = $cluster->session;
# the first try and one more; a back-off of up to a second for each
connect_pendo($dbh, $simulator, max_retries => 1, batch_size => 40, concurrency => 2, event_concurrency => 4, request_timeout => '700ms');
my $bulk  = 'POST /api/v1/metadata/visitor/custom/value';
my $track = 'POST /data/track';
my $json = JSON::XS->new->allow_nonref->canonical;

# Every tenth id is not known; v0000007 is the one whose values Pendo refuses
# where a case makes it so.
$dbh->do("CREATE TABLE source AS SELECT n, CASE WHEN n % 10 = 0 THEN 'x' ELSE 'v' END || lpad(n::text, 7, '0') AS id, 10000 + n AS seats FROM generate_series(1, $records) n");
my @ids = map { sprintf '%s%07d', $_ % 10 ? 'v' : 'x', $_ } 1 .. $records;
my $update = 'UPDATE pendo.visitors v SET custom_seats = s.seats FROM source s WHERE v.visitor_id = s.id';

sub deliver_by {
    my ($delivery) = @_;
    for my $table (qw(visitors track_events)) {
        my ($has) = $dbh->selectrow_array("SELECT count(*) FROM pg_foreign_table, unnest(ftoptions) o WHERE ftrelid = 'pendo.$table'::regclass AND o LIKE 'delivery=%'");
        $dbh->do("ALTER FOREIGN TABLE pendo.$table OPTIONS (" . ($has ? 'SET' : 'ADD') . " delivery '$delivery')");
    }
    return;
}

# Runs a statement: { error, notices, run } where run is the row that tells of it.
my $last_run = 0;
sub attempt {
    my ($statement) = @_;
    my @notices;
    local $SIG{__WARN__} = sub { push @notices, $_[0] };
    local $dbh->{PrintWarn} = 1;
    my $error = error_of($dbh, $statement);
    my $run = eval { wait_until('the row of the run', 10, sub { $dbh->selectrow_hashref("SELECT * FROM pendo_fdw_runs WHERE run > $last_run ORDER BY run DESC LIMIT 1") }) };
    $last_run = $run->{run} if $run;
    return { error => $error, notices => \@notices, run => $run };
}

# Which of the ids have the source's value now, and had not.
sub applied {
    my $dump = $simulator->dump('visitor');
    return grep { my ($n) = /(\d+)/; my $seats = ($dump->{$_} // {})->{metadata}{custom}{seats}; defined $seats && $seats eq 10000 + $n } @ids;
}

sub rejects { return { map { $_->[0] => $_->[1] } @{ $dbh->selectall_arrayref("SELECT id, reason FROM pendo_fdw_rejects WHERE object = 'visitors'") } } }

# The counts of a run add up to its records, and those that it calls applied are
# in Pendo. Records that it does not know of may be: `uncertain` bounds them.
sub reconciles {
    my ($name, $outcome) = @_;
    my $run = $outcome->{run};
    my @applied = applied();
    ok($run, "$name: there is a row of the run") or return;
    my $error = $outcome->{error};
    is($run->{status}, $error ? 'failed' : 'done', "$name: with its status");
    my $sum = $run->{applied} + $run->{missing} + $run->{invalid} + $run->{uncertain};
    if ($error) {
        is($run->{sqlstate}, $error->{state}, "$name: and SQLSTATE");
        cmp_ok($sum, '<=', $run->{records}, "$name: no record is counted twice");
        my $told = $error->{context} =~ /^sending to Pendo for pendo\.visitors: (\d+) records were taken .*? (\d+) were not known, (\d+) were refused; of (\d+) it is not known/m;
        is($told ? "$1 $2 $3 $4" : $error->{context}, join(' ', @{$run}{qw(applied missing invalid uncertain)}), "$name: the error tells the same");
        is_deeply(rejects(), {}, "$name: rejects are rolled back too");
    } else {
        is($sum, $run->{records}, "$name: each record is in one of the four") or diag explain $run;
        is($run->{records}, $records, "$name: and none is forgotten");
        my $rejects = rejects();
        my %by_reason;
        ++$by_reason{$_} for values %$rejects;
        is_deeply([map { $by_reason{$_} // 0 } qw(missing invalid uncertain)], [@{$run}{qw(missing invalid uncertain)}], "$name: the rejects are those");
        my %in_pendo = map { $_ => 1 } @applied;
        is_deeply([grep { !$in_pendo{$_} && !$rejects->{$_} } @ids], [], "$name: what is no reject is in Pendo");
        is_deeply([grep { $in_pendo{$_} && ($rejects->{$_} // 'uncertain') ne 'uncertain' } @ids], [], "$name: what is in Pendo is no reject, or uncertain");
        is_deeply([grep { $rejects->{$_} eq 'missing' && /^v/ } keys %$rejects], [], "$name: nobody is taken for missing");
    }
    cmp_ok(scalar @applied, '>=', $run->{applied}, "$name: what counts as applied is in Pendo");
    cmp_ok(scalar @applied, '<=', $run->{applied} + $run->{uncertain}, "$name: what is in Pendo counts as applied or uncertain");
    return;
}

# The cause is gone: the same statement makes Pendo equal to the source.
sub mends {
    my ($name) = @_;
    $simulator->faults;
    $simulator->config(type_mismatch => 'store', bulk_bad_value => 'error', bulk_max_bytes => 0, bulk_errors_shape => 'object');
    my $outcome = attempt($update);
    is($outcome->{error}, undef, "$name: mended, the same statement works");
    is_deeply([applied()], [grep { /^v/ } @ids], "$name: mended, Pendo equals the source");
    is_deeply(rejects(), { map { $_ => 'missing' } grep { /^x/ } @ids }, "$name: mended, only the unknown ids are left as rejects");
    $dbh->do("SELECT pendo_fdw_prune('0')");
    return;
}

# A case: what goes wrong, the SQLSTATE of the error (undef: none), a fault or a
# list of them.
my @status_cases = map { my ($status, $state) = @$_; ["$status for ever", $state, { kind => 'status', status => $status, body => 'sorry' }] } [400, 'HV000'], [401, '42501'],
  [402, 'HV000'], [403, '42501'], [404, 'HV000'], [408, 'HV000'], [413, 'HV000'], [422, 'HV000'], [429, 'HV000'], [500, 'HV000'], [502, 'HV000'], [503, 'HV000'], [504, 'HV000'],
  [302, 'HV000'];
my @cases = (
    ['nothing', undef],
    (map { ["$_ once", undef, { kind => 'status', status => $_, times => 1, body => 'sorry' }] } 400, 408, 413, 422, 429, 500, 502, 503, 504),
    (map { ["$_ after the effect, once", undef, { kind => 'status_after', status => $_, times => 1, body => 'sorry' }] } 408, 500, 503),
    (map { [$_->[0], $_->[1], { %{ $_->[2] }, skip => 1 }] } @status_cases),
    ['500 after the effect, for ever', 'HV000', { kind => 'status_after', status => 500, skip => 1 }],
    ['reset before, once', undef, { kind => 'reset_before', times => 1 }],
    ['reset before, for ever', '08006', { kind => 'reset_before', skip => 1 }],
    ['reset after, once', undef, { kind => 'reset_after', times => 1 }],
    ['reset after, for ever', '08006', { kind => 'reset_after', skip => 1 }],
    ['stall, once', undef, { kind => 'stall_before', ms => 60_000, times => 1 }],
    ['stall, for ever', '08006', { kind => 'stall_before', ms => 60_000, skip => 1 }],
    ['cut off, once', undef, { kind => 'truncate', after_bytes => 10, times => 1 }],
    ['408 after half of it, once', undef, { kind => 'partial_408', skip => 1, times => 1 }],
    ['408 after half of it, for ever', 'HV000', { kind => 'partial_408', skip => 1 }],
    ['garbage, once', undef, { kind => 'garbage', body => '<html>', times => 1 }],
    ['garbage, for ever', 'HV00L', { kind => 'garbage', body => 'OK', skip => 1 }],
    ['empty answer, for ever', 'HV00L', { kind => 'garbage', body => '', skip => 1 }],
    ['counts of nothing, for ever', 'HV00L', { kind => 'garbage', body => '{"kind":"visitor"}', skip => 1 }],
    ['missing lists others', 'HV00L', { kind => 'garbage', body => '{"total":40,"updated":38,"failed":2,"missing":["v0009998","v0009999"]}', skip => 1 }],
    ['missing lists others, all', 'HV00L', { kind => 'garbage', skip => 1,
        body => '{"total":40,"updated":0,"failed":40,"missing":[' . join(',', map { qq("w$_") } 1 .. 40) . ']}' }],
    ['wrong counts, once', undef, { kind => 'wrong_counts', times => 1 }],
    ['wrong counts, for ever', 'HV00L', { kind => 'wrong_counts', skip => 1 }],
    (map { ["reset after, then $_->[0] for ever", $_->[1], [{ kind => 'reset_after', times => 1 }, { kind => 'status', status => $_->[0], body => 'sorry' }]] }
        [400, 'HV000'], [403, '42501'], [413, 'HV000'], [429, 'HV000']),
    (map { ["$_->[0], then 403 for ever", '42501', [{ %{ $_->[1] }, times => 1 }, { kind => 'status', status => 403, body => '' }]] }
        ['503 after the effect', { kind => 'status_after', status => 503 }], ['408 after half of it', { kind => 'partial_408' }], ['wrong counts', { kind => 'wrong_counts' }]),
    (map { ["one bad record, errors as $_", undef, undef, { type_mismatch => 'error', bulk_errors_shape => $_ }] } qw(object string message keyed)),
    ['one bad record, the whole call refused', undef, undef, { type_mismatch => 'error', bulk_bad_value => '400' }],
    ['bodies too large', undef, undef, { bulk_max_bytes => 700 }],
);

for my $delivery (qw(commit statement)) {
    deliver_by($delivery);
    for my $case (@cases) {
        my ($what, $state, $fault, $switches) = @$case;
        my $name = "$delivery, $what";
        $simulator->reset;
        $dbh->do("SELECT pendo_fdw_prune('0')");
        $simulator->config(%$switches) if $switches;
        $simulator->faults(map { { route => $bulk, %$_ } } ref $fault eq 'ARRAY' ? @$fault : $fault) if $fault;
        my $statement = $update;
        # one value that the field does not take
        $statement =~ s/custom_seats = s\.seats/custom_seats = s.seats, custom_tags = CASE WHEN s.n = 7 THEN '"no list"'::jsonb ELSE '[]' END/ if $what =~ /^one bad/;
        my $outcome = attempt($statement);
        is($outcome->{error} ? $outcome->{error}{state} : undef, $state, "$name: SQLSTATE") or diag explain $outcome->{error};
        reconciles($name, $outcome);
        if ($what =~ /^one bad/) {
            is_deeply([grep { rejects()->{$_} eq 'invalid' } keys %{ rejects() }], ['v0000007'], "$name: just that one is invalid");
        }
        mends($name);
    }
}

# ---- a refusal after an answer that was lost ------------------------------------

# One record: what it is told as, and whether Pendo has the value.
my $one = "UPDATE pendo.visitors SET custom_seats = 4711 WHERE visitor_id = 'v0000001'";
my @lost = (['reset', { kind => 'reset_after' }], ['503', { kind => 'status_after', status => 503 }], ['408', { kind => 'status_after', status => 408 }]);
my @turned_away = (['429 before', { kind => 'status', status => 429 }], ['nothing before', undef]);
my $in_doubt = qr/an earlier try may have been taken, for its answer was lost or unclear; the last one: /;

# The faults of a first try that may go wrong, and of all after it.
sub then_for_ever {
    my ($route, $first, $status) = @_;
    return ($first ? { route => $route, times => 1, %$first } : (), { route => $route, kind => 'status', status => $status, body => 'sorry' });
}

# The numbers of an ERROR's context: taken, not known, refused, in doubt.
sub told { my ($error) = @_; return join ' ', ($error->{context} // '') =~ /: (\d+) records were taken.*? (\d+) were not known, (\d+) were refused; of (\d+) it is not known/ }

# What is told of one record or event whose first try may have gone wrong, and all
# others too; $doubt: that try was taken.
sub tells_of_one {
    my ($name, $statement, $status, $doubt, @refusals) = @_;
    $dbh->do("SELECT pendo_fdw_prune('0')");
    my $outcome = attempt($statement);
    my $refused = grep { $_ == $status } @refusals;
    my $invalid = $refused && !$doubt ? 1 : 0;
    is_deeply([@{ $outcome->{run} // {} }{qw(applied missing invalid uncertain)}], [0, 0, $invalid, $doubt], "$name: the run");
    return is(told($outcome->{error}), "0 0 0 $doubt", "$name: the error") if !$refused;
    is($outcome->{error}, undef, "$name: no error");
    my ($reason, $message) = $dbh->selectrow_array('SELECT reason, message FROM pendo_fdw_rejects');
    is($reason, $doubt ? 'uncertain' : 'invalid', "$name: the reject's reason");
    return like($message, $doubt ? qr/$in_doubt$status sorry$/ : qr/^(custom: )?$status sorry$/, "$name: and its message");
}

sub lone_record {
    my ($name, $first, $status, $doubt) = @_;
    $simulator->reset;
    $simulator->faults(then_for_ever($bulk, $first, $status));
    tells_of_one($name, $one, $status, $doubt, 400, 413, 422);
    my $seats = $simulator->record('visitor', 'v0000001')->{metadata}{custom}{seats} // 0;
    is($seats == 4711 ? 1 : 0, $doubt, "$name: the value is in Pendo, or not");
    return;
}

sub lone_event {
    my ($name, $first, $status, $doubt) = @_;
    $simulator->reset;
    $simulator->faults(then_for_ever($track, $first, $status));
    tells_of_one($name, "INSERT INTO pendo.track_events (visitor_id, event, occurred_at) VALUES ('v0000001', 'E', '2026-01-01')", $status, $doubt, 400, 413);
    is(scalar @{ $simulator->events }, $doubt, "$name: the event is in Pendo, or not");
    return;
}

for my $delivery (qw(commit statement)) {
    deliver_by($delivery);
    for my $status (400, 413, 422, 401, 403, 404, 429) {
        for my $first ($status == 400 || $status == 403 ? (@lost, @turned_away) : $lost[0]) {
            my $doubt = grep { $_ == $first } @lost;
            lone_record("$delivery, $first->[0], then $status", $first->[1], $status, $doubt);
            lone_event("$delivery, event, $first->[0], then $status", $first->[1], $status, $doubt);
        }
    }
}

# Of two records in one call both are in doubt, be they sent again together or not.
for my $first ({ kind => 'partial_408' }, { kind => 'wrong_counts' }, { kind => 'reset_after' }) {
    $simulator->reset;
    $simulator->faults(then_for_ever($bulk, $first, 403));
    my $outcome = attempt("UPDATE pendo.visitors SET custom_seats = 4711 WHERE visitor_id IN ('v0000001', 'v0000002')");
    is(told($outcome->{error}), '0 0 0 2', "two records, $first->{kind}, then 403: both are in doubt");
}

# A doubt is about the group of fields whose answer was lost.
$simulator->reset;
$dbh->do("SELECT pendo_fdw_prune('0')");
$simulator->faults({ route => $bulk =~ s/custom/agent/r, times => 1, kind => 'reset_after' }, { route => $bulk, kind => 'status', status => 400, body => 'sorry' });
attempt($one =~ s/SET/SET agent_role = 'x',/r);
is($dbh->selectrow_array('SELECT reason FROM pendo_fdw_rejects'), 'invalid', 'a lost answer to another group, made good, is no doubt of this one');

# The last try of an event had no answer that settles it either.
deliver_by('commit');
$simulator->reset;
$simulator->faults({ route => $track, kind => 'status_after', status => 408 });
$dbh->do("ALTER SERVER pendo OPTIONS (SET max_retries '0')");
my $timed_out = attempt("INSERT INTO pendo.track_events (visitor_id, event) VALUES ('v0000001', 'E')");
is(told($timed_out->{error}), '0 0 0 1', 'event, 408 to the only try: it is not known whether it was taken');
$dbh->do("ALTER SERVER pendo OPTIONS (SET max_retries '1')");

# An answer that speaks of another record says nothing of this one.
$simulator->reset;
$simulator->faults({ route => $bulk, kind => 'garbage', body => '{"total":1,"updated":0,"failed":1,"missing":["w"]}' });
attempt($one);
is_deeply($dbh->selectall_arrayref("SELECT id, reason FROM pendo_fdw_rejects WHERE object = 'visitors'"), [['v0000001', 'uncertain']], 'missing names another: uncertain');
$simulator->faults({ route => $bulk, kind => 'garbage', body => '{"total":1,"updated":0,"failed":1,"errors":["no"]}' });
attempt($one);
is_deeply($dbh->selectall_arrayref("SELECT id, reason FROM pendo_fdw_rejects WHERE object = 'visitors'"), [['v0000001', 'invalid']], 'an error that names none: invalid');
$dbh->do("SELECT pendo_fdw_prune('0')");

# ---- limits -----------------------------------------------------------------

# 12 of 120 are missing; with errors, one of 120 is invalid.
for my $limit (['missing_limit', '0', 1], ['missing_limit', '5', 1], ['missing_limit', '12', 0], ['missing_limit', '9%', 1], ['missing_limit', '10%', 0],
    ['reject_limit', '0', 1], ['reject_limit', '1', 0], ['reject_limit', '0.5%', 1], ['reject_limit', '1%', 0]) {
    my ($option, $value, $fails) = @$limit;
    for my $delivery (qw(commit statement)) {
        deliver_by($delivery);
        $simulator->reset;
        $simulator->config(type_mismatch => 'error');
        $dbh->do("ALTER SERVER pendo OPTIONS (ADD $option '$value')");
        my $statement = $update =~ s/custom_seats = s\.seats/custom_seats = s.seats, custom_tags = CASE WHEN s.n = 7 THEN '"no list"'::jsonb ELSE '[]' END/r;
        my $outcome = attempt($statement);
        my $name = "$delivery, $option '$value'";
        is($outcome->{error} ? $outcome->{error}{state} : '', $fails ? '22000' : '', "$name: SQLSTATE");
        like($outcome->{error}{message}, qr/^pendo\.visitors: \d+ of \d+ records .*, more than $option allows \(\Q$value\E\)$/, "$name: message") if $fails;
        reconciles($name, $outcome);
        $dbh->do("ALTER SERVER pendo OPTIONS (DROP $option)");
        mends($name);
    }
}

# ---- events -------------------------------------------------------------------

my $insert = "INSERT INTO pendo.track_events (visitor_id, event, occurred_at) SELECT 'v' || lpad(n::text, 7, '0'), 'E' || n, '2026-01-01' FROM generate_series(1, 30) n";

sub received { my %times; ++$times{ $_->{event} } for @{ $simulator->events }; return \%times }

# An event that Pendo has is applied or uncertain, one that counts as applied is there.
my @event_cases = (
    ['nothing', undef],
    (map { ["$_ once", undef, { kind => 'status', status => $_, times => 1 }] } 408, 429, 500, 502, 503, 504),
    (map { ["$_ once", undef, { kind => 'status', status => $_, times => 1, body => 'Error unmarshalling track event data' }, 1] } 400, 413),
    (map { ["$_->[0] for ever", $_->[1], { kind => 'status', status => $_->[0], skip => 10 }] } [401, '42501'], [403, '42501'], [404, 'HV000'], [422, 'HV000'],
        [429, 'HV000'], [500, 'HV000'], [503, 'HV000']),
    ['500 after the effect, for ever', 'HV000', { kind => 'status_after', status => 500, skip => 10 }],
    ['reset before, once', undef, { kind => 'reset_before', times => 1 }],
    ['reset before, for ever', '08006', { kind => 'reset_before', skip => 10 }],
    ['reset after, once', undef, { kind => 'reset_after', times => 1 }],
    ['reset after, for ever', '08006', { kind => 'reset_after', skip => 10 }],
    ['stall, once', undef, { kind => 'stall_before', ms => 60_000, times => 1 }],
    ['stall, for ever', '08006', { kind => 'stall_before', ms => 60_000, skip => 10 }],
);
for my $delivery (qw(commit statement)) {
    deliver_by($delivery);
    for my $case (@event_cases) {
        my ($what, $state, $fault, $invalid) = @$case;
        my $name = "$delivery, event, $what";
        $simulator->reset;
        $dbh->do("SELECT pendo_fdw_prune('0')");
        $simulator->faults({ route => $track, %$fault }) if $fault;
        my $outcome = attempt($insert);
        my ($run, $error) = @{$outcome}{qw(run error)};
        is($error ? $error->{state} : undef, $state, "$name: SQLSTATE") or diag explain $error;
        my $received = received();
        my $sum = $run->{applied} + $run->{invalid} + $run->{uncertain};
        $error ? cmp_ok($sum, '<=', $run->{records}, "$name: no event is counted twice") : is($sum, 30, "$name: each event is in one of the three");
        is($run->{invalid}, $invalid // 0, "$name: refused");
        cmp_ok(scalar keys %$received, '>=', $run->{applied}, "$name: what counts as applied is there");
        cmp_ok(scalar keys %$received, '<=', $run->{applied} + $run->{uncertain}, "$name: what is there counts as applied or uncertain");
        my $twice = grep { $_ > 1 } values %$received;
        if (!$error) {
            my ($told) = "@{ $outcome->{notices} }" =~ /(\d+) sent again after an answer was lost/;
            cmp_ok($twice, '<=', $told // 0, "$name: what may count twice is told");
        } else {
            like($error->{context}, qr/sending to Pendo for pendo\.track_events: $run->{applied} records were taken/, "$name: the error tells what was taken");
        }
    }
}

unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

done_testing();
