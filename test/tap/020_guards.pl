# Events that Pendo takes and does not show: told, kept back, or refused, as
# on_guard says.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $simulator = start_simulator('--visitors', 20, '--accounts', 2, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, max_retries => 0);

my @doubtful = (
    ['old', "now() - interval '8 days'", q('{}'), qr/occurred_at: it is more than 7 days ago/],
    ['future', "now() + interval '1 hour'", q('{}'), qr/occurred_at: it is in the future/],
    ['large', 'now()', q(jsonb_build_object('a', repeat('x', 600))), qr/properties: it has 608 bytes as JSON, more than 512/],
    ['many', 'now()', q((SELECT jsonb_object_agg('p' || n, n) FROM generate_series(1, 21) n)), qr/properties: it has 21 properties, more than 20/],
    ['named', 'now()', q('{"a b": 1}'), qr/properties: Pendo does not show a property of the name "a b"/],
);
sub insert_of { my ($name, $at, $properties) = @_; return "INSERT INTO pendo.track_events (visitor_id, event, occurred_at, properties) VALUES ('v0000001', '$name', $at, $properties)" }
sub sent { return join ' ', sort map { $_->{event} } @{ $simulator->events } }
sub fresh { $simulator->reset; $dbh->do("SELECT pendo_fdw_prune('0')"); return }

for my $delivery ('commit', 'statement') {
    $dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS (ADD delivery '$delivery')");
    for my $case (@doubtful) {
        my ($name, undef, undef, $words) = @$case;
        my $insert = insert_of(@$case);
        fresh();
        my @notices = notices_of($dbh, $insert);
        like("@notices", qr/^WARNING:  pendo\.track_events: of 1 track events, 1 that Pendo may take and not show\n/, "$delivery, $name, warn: a WARNING counts it");
        like("@notices", qr/Doubtful: $name of v0000001 at \S+ #[0-9a-f]{16}: $words/, "$delivery, $name, warn: names it, the column and the value");
        like("@notices", qr/^HINT:  .*on_guard/m, "$delivery, $name, warn: and says what to do");
        is(sent(), $name, "$delivery, $name, warn: it is sent");

        $dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS (ADD on_guard 'reject')");
        fresh();
        @notices = notices_of($dbh, $insert);
        like("@notices", qr/1 refused as invalid/, "$delivery, $name, reject: it counts as invalid");
        is(sent(), '', "$delivery, $name, reject: it is not sent");
        like($dbh->selectrow_array("SELECT message FROM pendo_fdw_rejects WHERE object = 'track_events' AND values ->> 'event' = '$name'") // '', $words, "$delivery, $name, reject: it is kept, with the reason");

        $dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS (SET on_guard 'error')");
        fresh();
        my $error = error_of($dbh, $insert);
        is($error->{state}, '23514', "$delivery, $name, error: an ERROR");
        my ($column, $what) = "$words" =~ /(occurred_at|properties): ([a-zA-Z ]+)/;
        like($error->{message}, qr/^pendo\.track_events: column "$column" of event "$name of v0000001 at .*": \Q$what\E/, "$delivery, $name, error: names it, the column and the value");
        like($error->{hint}, qr/^(Send|Look|Names).*on_guard/, "$delivery, $name, error: and says what to do");
        is(sent(), '', "$delivery, $name, error: nothing is sent");
        $dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (DROP on_guard)');
    }

    fresh();
    my @notices = notices_of($dbh, insert_of('fine', "now() - interval '6 days'", q('{"a_1": "x"}')));
    is_deeply(\@notices, [], "$delivery: what is fine is sent without a word");
    @notices = notices_of($dbh, "INSERT INTO pendo.track_events (visitor_id, event, occurred_at) SELECT 'v0000001', 'e', now() - n * interval '1 day' FROM generate_series(1, 20) n");
    like("@notices", qr/of 20 track events, 1[34] that Pendo may take and not show/, "$delivery: one WARNING for a statement");
    $dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (DROP delivery)');
}

fresh();
my @notices;
{
    local $SIG{__WARN__} = sub { push @notices, $_[0] };
    local $dbh->{PrintWarn} = 1;
    $dbh->do($_) for 'BEGIN', 'SAVEPOINT a', insert_of(@{ $doubtful[0] }), 'ROLLBACK TO a', insert_of('fine', 'now()', q('{}')), 'COMMIT';
}
is_deeply(\@notices, [], 'what was rolled back is not told');

like(error_of($dbh, "ALTER FOREIGN TABLE pendo.track_events OPTIONS (ADD on_guard 'maybe')")->{hint}, qr/warn, reject, error/, 'on_guard takes three words');

done_testing();
