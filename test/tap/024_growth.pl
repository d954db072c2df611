# A session may live for months: statements of each kind, ended well, by an error or
# by a cancel, before the first row or behind some, leave neither memory nor
# descriptors behind in their backend.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

# How many statements; how many of them until caches are full; and how much memory
# the others may take, in kB. A cancel comes after 10 ms, so there are fewer of them.
my ($long, $short, $cancels) = $ENV{PENDO_TEST_LONG}
  ? ([10_000, 1_000, 256], [10_000, 1_000, 256], [3_000, 500, 256])
  : ([400, 150, 64], [140, 60, 64], [100, 40, 32]);

my $simulator = start_simulator('--visitors', 2000, '--accounts', 50, '--clean');
my $cluster = start_cluster(conf => ['autovacuum = off', 'log_min_messages = log']);
my $admin = $cluster->session;
connect_pendo($admin, $simulator, max_retries => 0, page_size => 100);
$admin->do($_) for
  'CREATE TABLE users (id text PRIMARY KEY, plan text)',
  q{INSERT INTO users SELECT 'v' || lpad(n::text, 7, '0'), 'gold' FROM generate_series(1, 3) n},
  'ANALYZE users', 'CREATE SCHEMA imported',
  q{CREATE FOREIGN TABLE at_once (visitor_id text, custom_seats bigint) SERVER pendo OPTIONS (object 'visitors', delivery 'statement')},
  q{CREATE FOREIGN TABLE changed (visitor_id text, custom_plan text) SERVER pendo OPTIONS (object 'visitors', only_changes 'true')},
  q{CREATE FOREIGN TABLE strict (visitor_id text, custom_seats bigint) SERVER pendo OPTIONS (object 'visitors', missing_limit '0')},
  q{CREATE FOREIGN TABLE one_page (visitor_id text, agent_email text, custom_plan text) SERVER pendo OPTIONS (object 'visitors', page_size '2000')},
  q{CREATE FOREIGN TABLE spoilt (visitor_id text, bad bigint OPTIONS (path 'custom.plan')) SERVER pendo OPTIONS (object 'visitors')},
  q{CREATE FOREIGN TABLE box_visitors (visitor_id text, custom_seats bigint) SERVER pendo OPTIONS (object 'visitors', delivery 'outbox')},
  q{CREATE FOREIGN TABLE box_events (visitor_id text, event text, event_key text) SERVER pendo OPTIONS (object 'track_events', delivery 'outbox')},
  "SET client_min_messages = error";

my $full_scan = 'SELECT visitor_id, agent_email, custom_plan FROM pendo.visitors';
sub sql { my ($text) = @_; return sub { $_[0]->do($text) } }

sub copy_events {
    my ($session, $i) = @_;
    $session->do('COPY pendo.track_events (visitor_id, event) FROM STDIN');
    $session->pg_putcopydata("v0000003\tEvent $i\n") for 1 .. 2;
    $session->pg_putcopyend;
    return;
}

# What waits is put in by somebody else, so that the delivery alone ends as it should.
sub deliver {
    my ($session, $i) = @_;
    $admin->do('DELETE FROM pendo_fdw_queue') if $i % 50 == 0;
    $admin->do("INSERT INTO box_events (visitor_id, event) VALUES ('v0000003', 'Event $i')");
    $admin->do("UPDATE box_visitors SET custom_seats = $i WHERE visitor_id = 'v0000003'");
    $session->do('CALL pendo_fdw_deliver()');
    return;
}

my %statement = (
    'SELECT'         => sql('SELECT visitor_id, agent_email, custom_plan, custom_renewal FROM pendo.visitors LIMIT 20'),
    'lookup'         => sub { $_[0]->do(sprintf q{SELECT * FROM pendo.visitors WHERE visitor_id = 'v%07d'}, $_[1] % 2000 + 1) },
    'direct UPDATE'  => sub { $_[0]->do("UPDATE pendo.visitors SET custom_seats = $_[1] WHERE visitor_id = 'v0000001'") },
    'reading UPDATE' => sql(q{UPDATE pendo.visitors SET custom_seats = custom_seats + 1 WHERE visitor_id = 'v0000002'}),
    'INSERT'         => sub { $_[0]->do("INSERT INTO pendo.track_events (visitor_id, event, occurred_at) VALUES ('v0000003', 'Event $_[1]', now())") },
    'join'           => sql('SELECT u.id, v.custom_plan FROM users u JOIN pendo.visitors v ON v.visitor_id = u.id'),
    'EXPLAIN'        => sql(q{EXPLAIN (ANALYZE, VERBOSE) SELECT visitor_id FROM pendo.visitors WHERE custom_plan = 'gold' LIMIT 5}),
    'keyed UPDATE'   => sql('UPDATE pendo.visitors v SET custom_plan = u.plan FROM users u WHERE v.visitor_id = u.id'),
    'COPY'           => \&copy_events,
    'counts'         => sql('SELECT event, sum(num_events) FROM pendo.track_event_counts GROUP BY 1'),
    'only_changes'   => sub { $_[0]->do("UPDATE changed v SET custom_plan = u.plan || $_[1] % 2 FROM users u WHERE v.visitor_id = u.id") },
    'delivery statement' => sub { $_[0]->do("UPDATE at_once SET custom_seats = $_[1] FROM users u WHERE visitor_id = u.id") },
    'putting in'     => sub { $_[0]->do("INSERT INTO box_events (visitor_id, event, event_key) VALUES ('v0000003', 'Event $_[1]', 'key $_[1]'), ('v0000003', 'other', NULL)") },
    'delivering'     => \&deliver,
    'dry run'        => sub { $_[0]->do("BEGIN; UPDATE pendo.visitors SET custom_seats = $_[1] WHERE visitor_id = 'v0000001'; SELECT * FROM pendo_fdw_dry_run(); ROLLBACK") },
    'IMPORT'         => sql('IMPORT FOREIGN SCHEMA pendo LIMIT TO (accounts) FROM SERVER pendo INTO imported; DROP FOREIGN TABLE imported.accounts'),
    'ANALYZE'        => sql('ANALYZE pendo.accounts'),
    'cursor'         => sql("BEGIN; DECLARE c CURSOR FOR $full_scan; FETCH 5 FROM c; CLOSE c; COMMIT"),
    'open cursor'    => sql("BEGIN; DECLARE c CURSOR FOR $full_scan; FETCH 5 FROM c; COMMIT"),
    'savepoint'      => sub {
        $_[0]->do("BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR $full_scan; FETCH 5 FROM c; UPDATE pendo.visitors SET custom_seats = 1 WHERE visitor_id = 'v0000001'; ROLLBACK TO s;"
              . " UPDATE pendo.visitors SET custom_seats = $_[1] WHERE visitor_id = 'v0000002'; COMMIT");
    },
    'rejects'        => sql(q{UPDATE pendo.visitors v SET custom_seats = 1 FROM unnest('{v0000001,nobody}'::text[]) u WHERE v.visitor_id = u}),
    'long page'      => sql('SELECT * FROM one_page'),
    'dividing scan'  => sql("SELECT 1 / (50 - row_number() OVER ()) FROM ($full_scan) v"),
    'bad value'      => sql('SELECT bad FROM spoilt'),
    'bulk call that is refused in part' => sql(q{UPDATE strict v SET custom_seats = 1 FROM unnest('{v0000001,nobody}'::text[]) u WHERE v.visitor_id = u}),
);
my %setting = ('dry run' => 'SET pendo_fdw.dry_run = on');

# What makes it end that way, the SQLSTATE of it, and what is set before.
my %ending = (
    'well'              => [undef, undef],
    'by an error'       => [{ route => '*', kind => 'status', status => 403, body => 'no' }, '42501'],
    'by a cancel'       => [{ route => '*', kind => 'stall_before', ms => 60_000 }, '57014'],
    'by a failed delivery' => [{ route => '*', kind => 'status', status => 403, body => 'no' }, 'HV000'],
    'by a body that is cut' => [{ route => 'POST /api/v1/aggregation', kind => 'truncate', after_bytes => 8_000 }, '08006'],
    'by its own error'  => [undef, '22012'],
    'by a value'        => [undef, '22P02'],
    'by its limit'      => [undef, '22000'],
);
my @three = ('well', 'by an error', 'by a cancel');
my @cases = (
    (map { [$_, $long, @three] } 'SELECT', 'lookup', 'direct UPDATE', 'reading UPDATE', 'INSERT', 'join', 'EXPLAIN'),
    (map { [$_, $short, @three] } 'keyed UPDATE', 'COPY', 'counts', 'only_changes', 'delivery statement', 'IMPORT', 'ANALYZE', 'cursor', 'savepoint'),
    (map { [$_, $short, 'well'] } 'putting in', 'dry run', 'open cursor', 'rejects'),
    ['delivering', $short, 'well', 'by a failed delivery', 'by a cancel'],
    ['long page', $short, 'by a body that is cut'],
    ['dividing scan', $short, 'by its own error'],
    ['bad value', $short, 'by a value'],
    ['bulk call that is refused in part', $short, 'by its limit'],
);

# (kB of anonymous memory, kB that are used of the memory contexts, descriptors but those
# of the server's tables, which come and go)
sub held_by {
    my ($session) = @_;
    my @files = grep { !m{/data/(?:base|global)/\d} } map { readlink // '' } glob "/proc/$session->{pg_pid}/fd/*";
    return (private_memory($session->{pg_pid}), $session->selectrow_array('SELECT sum(used_bytes) / 1024 FROM pg_backend_memory_contexts'), scalar @files);
}

# How many of the statements ended as they should.
sub run_many {
    my ($session, $statement, $state, $from, $until) = @_;
    my $good = 0;
    for my $i ($from .. $until - 1) {
        my $done = eval { $statement->($session, $i); 1 };
        my $ended = $done ? '' : $session->state;
        ++$good if $done ? !defined $state : defined $state && $ended eq $state;
        diag "$ended: " . $session->errstr if !$done && $ended ne ($state // '') && $good == $i - $from;
        next if $done;
        1 until eval { $session->do('ROLLBACK'); 1 };    # of those that begin a block; it may be cancelled as well
    }
    return $good;
}

sub check {
    my ($kind, $ending, $size) = @_;
    my ($fault, $state) = @{ $ending{$ending} };
    my $name = "$kind, ended $ending";
    my $cancelled = $ending =~ /cancel/;
    my ($count, $warmed, $bound) = @{ $cancelled ? $cancels : $size };
    $admin->do($_) for 'DELETE FROM pendo_fdw_queue', 'DELETE FROM pendo_fdw_event_keys', 'VACUUM pendo_fdw_queue';
    $simulator->reset;
    my $session = $cluster->session;
    $session->do($_) for 'SET client_min_messages = error', $setting{$kind} // ();
    # what is asked once per session is asked before things go wrong
    run_many($session, $statement{$kind}, $fault ? undef : $state, 0, 3);
    $simulator->faults($fault) if $fault;
    my ($began, $done, $good) = (time, 3, 0);
    my $run = sub {
        my ($more) = @_;
        $session->do("SET statement_timeout = '10ms'") if $cancelled;
        $good += run_many($session, $statement{$kind}, $state, $done, $done + $more);
        1 until eval { $session->do('RESET statement_timeout'); 1 };
        $done += $more;
        return held_by($session);
    };
    $run->($warmed - 20);
    my ($memory, $used, $descriptors) = $run->(20);
    my ($grown, $used_after, $descriptors_after);
    # what is lost is lost each time; what is taken once and kept, as some block of malloc, is not
    for (1 .. 3) {
        my $memory_before = $memory;
        ($memory, $used_after, $descriptors_after) = $run->($count - $warmed);
        $grown = $memory - $memory_before;
        last if $grown < $bound;
    }
    is($good, $done - 3, "$name: $good statements ended so");
    cmp_ok($grown, '<', $bound, "$name: no more memory");
    cmp_ok($used_after - $used, '<', $bound / 4, "$name: no more in memory contexts");
    cmp_ok($descriptors_after, '<=', $descriptors, "$name: no more descriptors");
    note sprintf '%s: %d kB and %+d kB, %d kB in contexts and %+d, %d descriptors and %+d, %.2f ms for each of %d statements', $name, $memory, $grown, $used, $used_after - $used,
      $descriptors, $descriptors_after - $descriptors, (time - $began) * 1000 / $done, $done;
    $session->disconnect;
    return;
}

for my $case (@cases) {
    my ($kind, $size, @endings) = @$case;
    check($kind, $_, $size) for @endings;
}
unlike($cluster->log, qr/terminated by signal/, 'no backend died of it');

done_testing();
