# What reading costs, in calls and bytes, of a million visitors: a query moves
# what it needs, and a backend's memory does not grow with the rows.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use JSON::XS;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $visitors  = 1_000_000;
my $bound     = 16 * 1024;    # kB
my $simulator = start_simulator('--visitors', $visitors, '--accounts', 1000, '--clean');
my $cluster   = start_cluster();
my $dbh       = $cluster->session;
connect_pendo($dbh, $simulator);
$dbh->do($_) for
  'CREATE SCHEMA crm',
  q{CREATE TABLE crm.users AS SELECT 'v' || lpad((n * 1999)::text, 7, '0') AS id, n FROM generate_series(1, 500) n},
  'ANALYZE crm.users',
  q{ALTER FOREIGN TABLE pendo.visitors ADD COLUMN seats integer OPTIONS (path 'custom.seats', strict_type 'true')};

# ---- counts ----

# The numbers that EXPLAIN shows of all nodes together.
sub sum_of {
    my ($plan, $name) = @_;
    my $sum = $plan->{$name} // 0;
    $sum += sum_of($_, $name) for @{ $plan->{Plans} || [] };
    return $sum;
}

# { rows, calls, bytes, sent }: rows of the query, calls and bytes of the bodies
# as EXPLAIN tells, and bytes as the simulator sent them.
sub cost_of {
    my ($query) = @_;
    my $before = $simulator->metrics->{bytesSent};
    my $calls_before = calls();
    my ($text) = $dbh->selectrow_array("EXPLAIN (ANALYZE, FORMAT JSON) $query");
    my $plan = decode_json($text)->[0]{Plan};
    my %cost = (rows => $plan->{'Actual Rows'}, calls => sum_of($plan, 'Pendo Requests'), bytes => sum_of($plan, 'Pendo Bytes'),
        sent => $simulator->metrics->{bytesSent} - $before);
    is(calls() - $calls_before, $cost{calls}, 'EXPLAIN tells every call');
    note "$query: " . join ', ', map { "$cost{$_} $_" } sort keys %cost;
    return \%cost;
}

sub calls {
    my $stats = $simulator->stats;
    my $sum = 0;
    $sum += $_ for values %$stats;
    return $sum;
}

my $keys = q{ARRAY(SELECT 'v' || lpad((n * 997)::text, 7, '0') FROM generate_series(1, 1000) n)};

subtest 'a join on the key' => sub {
    for my $join ('JOIN', 'LEFT JOIN') {
        my $cost = cost_of("SELECT u.n, v.custom_plan, v.custom_seats FROM crm.users u $join pendo.visitors v ON v.visitor_id = u.id");
        is($cost->{rows}, 500, "$join: every row");
        cmp_ok($cost->{calls}, '<=', 4, "$join: few calls");
        cmp_ok($cost->{sent}, '<', 200_000, "$join: no full read");
    }
    my $cost = cost_of('SELECT custom_plan FROM pendo.visitors WHERE visitor_id IN (SELECT id FROM crm.users)');
    is($cost->{rows}, 500, 'IN: every row');
    cmp_ok($cost->{calls}, '<=', 4, 'IN: few calls');
    cmp_ok($cost->{sent}, '<', 200_000, 'IN: no full read');
};

subtest 'an array of keys' => sub {
    my $cost = cost_of("SELECT visitor_id, custom_plan FROM pendo.visitors WHERE visitor_id = ANY($keys)");
    is($cost->{rows}, 1000, 'every row');
    is($cost->{calls}, 2, '500 keys a call');
    cmp_ok($cost->{sent}, '<', 200_000, 'and no more than these rows');
};

subtest 'LIMIT' => sub {
    for my $query ('LIMIT 10', q{WHERE custom_plan = 'pro' LIMIT 10}, 'ORDER BY auto_lastvisit DESC LIMIT 10', 'ORDER BY visitor_id COLLATE "C" DESC LIMIT 10 OFFSET 5') {
        my $cost = cost_of("SELECT * FROM pendo.visitors $query");
        is($cost->{rows}, 10, "$query: as many rows");
        is($cost->{calls}, 1, "$query: one call");
        cmp_ok($cost->{sent}, '<', 1_000_000, "$query: less than a megabyte");
    }
};

subtest 'count' => sub {
    for my $where ('', ' WHERE seats > 250', q{ WHERE auto_lastvisit >= '2024-01-01'}) {
        my $cost = cost_of("SELECT count(*) FROM pendo.visitors$where");
        is($cost->{calls}, 1, "count(*)$where: one call");
        cmp_ok($cost->{bytes}, '<', 200, "count(*)$where: one row comes back");
    }
    is($dbh->selectrow_array('SELECT count(*) FROM pendo.visitors'), $visitors, 'and it is right');
};

subtest 'a filter' => sub {
    my $all  = cost_of('SELECT visitor_id, custom_seats FROM pendo.visitors');
    my $some = cost_of('SELECT visitor_id, custom_seats FROM pendo.visitors WHERE custom_seats BETWEEN 5 AND 9');
    my $part = $some->{rows} / $all->{rows};
    is($all->{rows}, $visitors, 'without it every row');
    cmp_ok($part, '>', 0.005, 'with it not one in a hundred') or return;
    cmp_ok($part, '<', 0.02, 'or so');
    for my $what (qw(bytes sent)) {
        my $moved = $some->{$what} / $all->{$what};
        cmp_ok($moved, '<', 1.5 * $part, "as small a part of the $what");
    }
    is($some->{calls}, 1, 'in one call');
};

# ---- waiting ----

# How much of the time that Pendo takes for its pages passes while rows are
# worked on: each row costs PostgreSQL something here. Told, not judged.
subtest 'waiting' => sub {
    my ($pages, $page, $latency) = (20, 10_000, 0.1);
    $dbh->do("ALTER FOREIGN TABLE pendo.visitors OPTIONS (ADD page_size '$page')");
    my $rows = $pages * $page;
    my $work = "SELECT count(sha256(convert_to(repeat(visitor_id, 600), 'UTF8'))) FROM (SELECT visitor_id FROM pendo.visitors LIMIT $rows) v";
    my %took;
    for my $seconds (0, $latency) {
        $simulator->config(latency_ms => $seconds * 1000);
        my $since = time;
        $took{$seconds} = [$dbh->selectrow_array($work), time - $since];
    }
    $simulator->config(latency_ms => 0);
    $dbh->do('ALTER FOREIGN TABLE pendo.visitors OPTIONS (DROP page_size)');
    is($took{$latency}[0], $rows, 'every row');
    my $waited = ($took{$latency}[1] - $took{0}[1]) / ($pages * $latency);
    note sprintf '%d pages of %d rows, %.1f s of work, %.1f s with %g s for each page: %.0f %% of these were waited for',
      $pages, $page, $took{0}[1], $took{$latency}[1], $latency, 100 * $waited;
};

# ---- memory ----

# kB of anonymous memory.
sub rss_anon {
    my ($pid) = @_;
    open my $status, '<', "/proc/$pid/status" or return 0;
    while (<$status>) { return $1 if /^RssAnon:\s+(\d+) kB/ }
    return 0;
}

# By how many kB a backend grows while it sends all rows; the client looks each
# `step` rows, while the backend has more to send.
sub growth {
    my ($simulated, $expected) = @_;
    my $session = $cluster->session;
    $session->do(q{ALTER SERVER pendo OPTIONS (SET api_url '} . $simulated->{url} . q{')});
    my $columns = 'visitor_id, account_id, agent_email, custom_plan, custom_seats, custom_score, auto_lastvisit';
    my $line;
    $session->do("COPY (SELECT $columns FROM pendo.visitors LIMIT 10) TO STDOUT");
    1 while $session->pg_getcopydata($line) >= 0;
    my $idle = rss_anon($session->{pg_pid});
    my ($rows, $peak) = (0, $idle);
    $session->do("COPY (SELECT $columns FROM pendo.visitors) TO STDOUT");
    my $step = $expected / 100;
    while ($session->pg_getcopydata($line) >= 0) {
        next if ++$rows % $step;
        my $now = rss_anon($session->{pg_pid});
        $peak = $now if $now > $peak;
    }
    $session->disconnect;
    is($rows, $expected, "$expected visitors: every row");
    cmp_ok($idle, '>', 0, "$expected visitors: memory can be read");
    cmp_ok($peak - $idle, '<', $bound, "$expected visitors: grows by less than $bound kB");
    note sprintf '%d visitors: idle %d kB, peak %d kB (+%d)', $expected, $idle, $peak, $peak - $idle;
    return;
}

subtest 'memory' => sub {
    growth(start_simulator('--visitors', 10_000, '--accounts', 100, '--clean'), 10_000);
    growth($simulator, $visitors);
    growth(start_simulator('--visitors', 5_000_000, '--accounts', 1000, '--clean'), 5_000_000) if $ENV{PENDO_TEST_LONG};
};

unlike($cluster->log, qr/terminated by signal/, 'no backend died of it');

done_testing();
