#!/usr/bin/perl
# What delivery 'outbox' costs, against the simulator. Prints, and asserts only that
# what was to arrive has arrived. Not as root: it starts a PostgreSQL server.
#
#   test/bench/outbox.pl [--deliverers] [--trigger] [--bloat] [--events] [--records N] [--rows N]
#     --deliverers  sessions that deliver at the same time, 50 ms a call: the factor of each doubling
#     --trigger     what the triggers of doc/outbox.md add to an UPDATE, per row
#     --bloat       the queue's size while rows go through it, twice; memory of who delivers
#     --events      events at 50 ms against calls in flight / latency; without latency against 'statement'
#     --records N   of --deliverers (100000), a fifth of which are repeated ids
#     --rows N      of --bloat (1000000), twice
# Without any of the first four: all of them.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use Getopt::Long;
use Time::HiRes qw(sleep time);

use lib "$FindBin::Bin/../tap";
use PendoTest;

my %options = (records => 100_000, rows => 1_000_000);
GetOptions(\%options, 'deliverers', 'trigger', 'bloat', 'events', 'records=i', 'rows=i') or exit 2;
my @parts = grep { $options{$_} } qw(deliverers trigger bloat events);
my $bulk  = 'POST /api/v1/metadata/visitor/custom/value';
my $latency_ms = 50;

# kB of anonymous memory.
sub memory_of { my ($dbh) = @_; return (PendoTest::slurp("/proc/$dbh->{pg_pid}/status") =~ /^RssAnon:\s+(\d+) kB/m)[0] }

# CPU seconds of sessions.
sub cpu_of { my $sum = 0; $sum += (split ' ', PendoTest::slurp("/proc/$_->{pg_pid}/schedstat"))[0] / 1e9 for @_; return $sum }

sub set_up {
    my ($visitors, %server) = @_;
    my $simulator = start_simulator('--visitors', $visitors, '--accounts', 10, '--clean');
    my $cluster = start_cluster(conf => ['synchronous_commit = off', 'autovacuum_naptime = 1s', 'statement_timeout = 0']);
    my $dbh = $cluster->session;
    connect_pendo($dbh, $simulator, delivery => 'outbox', %server);
    $simulator->reset;    # IMPORT has asked for the schema
    return ($simulator, $cluster, $dbh);
}

sub seconds_of {
    my ($code) = @_;
    my $from = time;
    $code->();
    return time - $from;
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[$#sorted / 2] }

# ---- deliverers ---------------------------------------------------------

# Each id once in one transaction, then a fourth of them again in five more:
# repeats are rows of their own, far behind the first ones.
sub enqueue_with_repeats {
    my ($dbh) = @_;
    my $ids = int($options{records} * 0.8);
    my $repeats = $options{records} - $ids;
    my $update = 'UPDATE pendo.visitors v SET custom_plan = ? || n FROM generate_series(?::int, ?::int) n WHERE v.visitor_id = \'v\' || lpad(n::text, 7, \'0\')';
    $dbh->do($update, undef, 'first ', 1, $ids);
    $dbh->do($update, undef, 'last ', int($repeats * $_ / 5) + 1, int($repeats * ($_ + 1) / 5)) for 0 .. 4;
    my ($rows) = $dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_queue');
    die "$rows rows in the queue\n" if $rows != $options{records};
    return ($ids, $repeats);
}

sub check_delivered {
    my ($dbh, $simulator, $ids, $repeats) = @_;
    my ($left) = $dbh->selectrow_array('SELECT (SELECT count(*) FROM pendo_fdw_queue) + (SELECT count(*) FROM pendo_fdw_dead_letters)');
    die "$left rows are left\n" if $left;
    my $all = $simulator->dump('visitor');
    for my $n (1 .. $ids) {
        my $wanted = ($n <= $repeats ? 'last ' : 'first ') . $n;
        my $got = $all->{ sprintf 'v%07d', $n }{metadata}{custom}{plan};
        die "visitor $n has '$got' and not '$wanted'\n" if $got ne $wanted;
    }
    return;
}

sub deliver_with {
    my (@sessions) = @_;
    my $cpu = cpu_of(@sessions);
    my $seconds = seconds_of(sub {
        $_->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC }) for @sessions;
        $_->pg_result for @sessions;
    });
    return ($seconds, cpu_of(@sessions) - $cpu);
}

sub measure_deliverers {
    my %server = (batch_size => 100, concurrency => 1);
    my ($simulator, $cluster, $dbh) = set_up($options{records}, %server);
    print "deliverers: $options{records} records, a fifth repeats, $latency_ms ms, batch_size $server{batch_size}, concurrency $server{concurrency}\n";
    my $last;
    for my $count (1, 2, 4, 8) {
        $simulator->reset;
        my @sessions = map { $cluster->session } 1 .. $count;
        $_->do('CALL pendo_fdw_deliver()') for @sessions;    # nothing is there yet; the library is loaded
        my ($ids, $repeats) = enqueue_with_repeats($dbh);
        $dbh->do('VACUUM ANALYZE pendo_fdw_queue');
        $simulator->config(latency_ms => $latency_ms);
        my ($seconds, $cpu) = deliver_with(@sessions);
        $simulator->config(latency_ms => 0);
        my $calls = $simulator->stats->{$bulk};
        check_delivered($dbh, $simulator, $ids, $repeats);
        printf "  %d: %7.2f s %6.2f s CPU %6d calls, %.3f of calls x latency / sessions", $count, $seconds, $cpu, $calls,
          $seconds / ($calls * $latency_ms / 1000 / $count);
        printf "  factor %.2f", $last / $seconds if $last;
        print "\n";
        $last = $seconds;
    }
    return;
}

# ---- trigger ------------------------------------------------------------

my $columns = 'id text PRIMARY KEY, plan text, seats bigint, other int DEFAULT 0';

# As in doc/outbox.md; and for comparison a trigger that only puts the row into a
# table, as a queue that one writes oneself would.
my @recipe = (
    q{CREATE FUNCTION send_user() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE pendo.visitors SET custom_plan = NEW.plan, custom_seats = NEW.seats WHERE visitor_id = NEW.id;
        RETURN NULL;
      END $$},
    q{CREATE FUNCTION send_event() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO pendo.track_events (visitor_id, event, properties) VALUES (NEW.id, 'Plan Changed', jsonb_build_object('plan', NEW.plan));
        RETURN NULL;
      END $$},
    q{CREATE TABLE own_queue (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text, payload jsonb, enqueued timestamptz DEFAULT clock_timestamp())},
    q{CREATE FUNCTION enqueue_user() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO own_queue (id, payload) VALUES (NEW.id, jsonb_build_object('plan', NEW.plan, 'seats', NEW.seats));
        RETURN NULL;
      END $$},
    q{CREATE FUNCTION send_users() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE pendo.visitors v SET custom_plan = n.plan, custom_seats = n.seats FROM new_rows n WHERE v.visitor_id = n.id;
        RETURN NULL;
      END $$},
);
my @variants = (
    ['none',      undef],
    ['own queue', 'AFTER UPDATE OF plan, seats ON %s FOR EACH ROW EXECUTE FUNCTION enqueue_user()'],
    ['record',    'AFTER UPDATE OF plan, seats ON %s FOR EACH ROW EXECUTE FUNCTION send_user()'],
    ['event',     'AFTER UPDATE OF plan, seats ON %s FOR EACH ROW EXECUTE FUNCTION send_event()'],
    ['statement', 'AFTER UPDATE ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION send_users()'],
);

# Microseconds a row, by the clock and of CPU.
sub micros_of {
    my ($dbh, $rows, $sql) = @_;
    my $cpu = cpu_of($dbh);
    my $wall = seconds_of(sub { $dbh->do($sql) });
    return [map { 1e6 * $_ / $rows } $wall, cpu_of($dbh) - $cpu];
}

sub table_of { my ($name) = @_; return 't_' . $name =~ tr/ /_/r }

sub one_statement {
    my ($dbh, $name, $rows) = @_;
    return micros_of($dbh, $rows, "UPDATE @{[table_of($name)]} SET plan = plan || '.' WHERE seats <= $rows");
}

# The loop runs in the server, so that no client's round trip is in it.
sub single_rows {
    my ($dbh, $name, $rows) = @_;
    return micros_of($dbh, $rows, "CALL single_rows_@{[table_of($name)]}($rows)");
}

sub measure_trigger {
    my ($rows, $singles, $rounds) = (10_000, 2_000, 7);
    my ($simulator, $cluster, $dbh) = set_up($rows);
    # a commit that leaves the WAL to another process wakes it, at a cost of its own
    $dbh->do('SET synchronous_commit = on');
    $dbh->do($_) for @recipe;
    for my $variant (@variants) {
        my ($name, $trigger) = @$variant;
        my $table = table_of($name);
        $dbh->do("CREATE TABLE $table ($columns)");
        $dbh->do("INSERT INTO $table SELECT 'v' || lpad(n::text, 7, '0'), 'free', n FROM generate_series(1, $rows) n");
        $dbh->do("CREATE PROCEDURE single_rows_$table(rows int) LANGUAGE plpgsql AS \$\$
          BEGIN
            FOR n IN 1 .. rows LOOP
              UPDATE $table SET plan = plan || '.' WHERE id = 'v' || lpad(n::text, 7, '0');
              COMMIT;
            END LOOP;
          END \$\$");
        $dbh->do('CREATE TRIGGER pendo ' . sprintf $trigger, $table) if $trigger;
    }
    my %times;
    for my $round (1 .. $rounds) {
        for my $name (map { $_->[0] } @variants) {
            $dbh->do('VACUUM ' . table_of($name));
            push @{ $times{$name}[0] }, one_statement($dbh, $name, $rows);
            push @{ $times{$name}[1] }, single_rows($dbh, $name, $singles);
            $dbh->do('TRUNCATE pendo_fdw_queue, own_queue');
        }
    }
    my $calls = 0;
    $calls += $_ for values %{ $simulator->stats };
    die "$calls calls\n" if $calls;
    print "trigger: microseconds a row by the clock and of CPU, medians of $rounds, and what the trigger adds; no call was made\n";
    for my $name (map { $_->[0] } @variants) {
        printf '  %-10s', $name;
        for my $how (0, 1) {
            print $how ? ' | transactions of one row' : " statement of $rows rows";
            for my $clock (0, 1) {
                my ($own, $base) = map { median(map { $_->[$clock] } @{ $times{$_}[$how] }) } $name, 'none';
                printf ' %7.1f (+%.1f)', $own, $own - $base;
            }
        }
        print "\n";
    }
    return;
}

# ---- bloat --------------------------------------------------------------

my $size_of_queue = q{SELECT pg_total_relation_size('pendo_fdw_queue')};

# Puts rows in by portions, some thousand ahead of the delivery, and looks at size
# and memory meanwhile. Returns peak, end, memory, seconds.
sub pass_through {
    my ($cluster, $rows) = @_;
    my ($portion, $ahead) = (5_000, 50_000);
    my ($writer, $deliverer, $watcher) = map { $cluster->session } 1 .. 3;
    $deliverer->do('CALL pendo_fdw_deliver()');
    $watcher->do($size_of_queue);
    my $idle = memory_of($deliverer);
    my ($before) = $watcher->selectrow_array('SELECT coalesce(sum(records), 0) FROM pendo_fdw_runs');
    my ($put, $delivered, $peak, $memory, $from) = (0, 0, 0, 0, time);
    $deliverer->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC });
    my $writing = 0;
    while ($delivered < $rows) {
        if ($writing && $writer->pg_ready) { $writer->pg_result; $writing = 0; $put += $portion }
        if (!$writing && $put < $rows && $put - $delivered < $ahead) {
            $writer->do("UPDATE pendo.visitors v SET custom_plan = 'plan ' || n, custom_seats = n FROM generate_series($put + 1, $put + $portion) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')",
                { pg_async => PG_ASYNC });
            $writing = 1;
        }
        if ($deliverer->pg_ready) { $deliverer->pg_result; $deliverer->do('CALL pendo_fdw_deliver()', { pg_async => PG_ASYNC }) }
        my ($size) = $watcher->selectrow_array($size_of_queue);
        $peak = $size if $size > $peak;
        my $now = memory_of($deliverer);
        $memory = $now - $idle if $now - $idle > $memory;
        $delivered = $watcher->selectrow_array('SELECT coalesce(sum(records), 0) FROM pendo_fdw_runs') - $before;
        sleep 0.05;
    }
    $deliverer->pg_result;
    my $seconds = time - $from;
    my ($left) = $watcher->selectrow_array('SELECT count(*) FROM pendo_fdw_queue');
    die "$left rows are left\n" if $left;
    return ($peak, $watcher->selectrow_array($size_of_queue), $memory, $seconds);
}

sub measure_bloat {
    my ($simulator, $cluster, $dbh) = set_up($options{rows});
    print "bloat: $options{rows} rows through the queue, twice, at most 55000 of them in it\n";
    my $first;
    for my $time ('first', 'second') {
        my ($peak, $end, $memory, $seconds) = pass_through($cluster, $options{rows});
        $first //= $peak;
        printf "  %-6s %7.2f s  peak %6.1f MB, at the end %6.1f MB, %.2f of the first peak; deliverer RssAnon +%.1f MB\n", $time, $seconds,
          $peak / 2**20, $end / 2**20, $end / $first, $memory / 1024;
    }
    my ($heap, $key, $held, $toast) = map { $_ / 2**20 } $dbh->selectrow_array(
        q{SELECT pg_relation_size(c.oid), pg_relation_size('pendo_fdw_queue_pkey'), pg_relation_size('pendo_fdw_queue_held_idx'), pg_total_relation_size(reltoastrelid) FROM pg_class c WHERE c.oid = 'pendo_fdw_queue'::regclass});
    printf "  in the end: heap %.1f MB, pkey %.1f MB, held_idx %.1f MB, TOAST %.1f MB\n", $heap, $key, $held, $toast;
    return;
}

# ---- events -------------------------------------------------------------

sub measure_events {
    my ($events, $concurrency) = (10_000, 64);
    my ($simulator, $cluster, $dbh) = set_up(1_000, event_concurrency => $concurrency);
    my $insert = "INSERT INTO pendo.track_events (visitor_id, event, properties) SELECT 'v' || n, 'Event', jsonb_build_object('n', n) FROM generate_series(1, $events) n";
    my $run = sub {
        my ($latency, $delivery) = @_;
        $simulator->reset;
        $simulator->config(latency_ms => $latency);
        $dbh->do("ALTER FOREIGN TABLE pendo.track_events OPTIONS (ADD delivery '$delivery')");
        my $put = seconds_of(sub { $dbh->do($insert) });
        my $sent = $delivery eq 'outbox' ? seconds_of(sub { $dbh->do('CALL pendo_fdw_deliver()') }) : 0;
        $dbh->do('ALTER FOREIGN TABLE pendo.track_events OPTIONS (DROP delivery)');
        die "not all arrived\n" if @{ $simulator->events } != $events;
        return ($put, $sent);
    };
    $run->(0, $_) for 'statement', 'outbox';
    my ($put, $sent) = $run->($latency_ms, 'outbox');
    printf "events: %d events, %d calls in flight\n  'outbox' at %d ms: %.2f s to put in, %.2f s to deliver, %.0f events/s, %.3f of calls in flight / latency\n", $events,
      $concurrency, $latency_ms, $put, $sent, $events / $sent, $events / $sent / ($concurrency * 1000 / $latency_ms);
    my (%put, %sent);
    for (1 .. 3) {
        for my $delivery ('statement', 'outbox') {
            my ($p, $s) = $run->(0, $delivery);
            push @{ $put{$delivery} }, $p;
            push @{ $sent{$delivery} }, $s;
        }
    }
    my ($statement, $outbox) = (median(@{ $put{statement} }), median(@{ $sent{outbox} }));
    printf "  without latency, median of 3: 'statement' %.2f s; 'outbox' %.2f s to put in, %.2f s to deliver, %.2f times 'statement'\n", $statement,
      median(@{ $put{outbox} }), $outbox, $outbox / $statement;
    return;
}

my %measure = (deliverers => \&measure_deliverers, trigger => \&measure_trigger, bloat => \&measure_bloat, events => \&measure_events);
$| = 1;
$measure{$_}->() for @parts ? @parts : qw(deliverers trigger bloat events);
