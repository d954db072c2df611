# A session may live for months: statements of each kind, ended well, by an error or
# by a cancel, leave neither memory nor descriptors behind in their backend.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $count  = $ENV{PENDO_TEST_LONG} ? 10_000 : 400;
my $warmed = $ENV{PENDO_TEST_LONG} ? 1_000 : 150;    # of them: until caches are full
my $bound  = $ENV{PENDO_TEST_LONG} ? 256 : 64;       # kB: 28 bytes a statement, or 256

my $simulator = start_simulator('--visitors', 2000, '--accounts', 50, '--clean');
my $cluster = start_cluster(conf => ['autovacuum = off', 'log_min_messages = log']);
my $admin = $cluster->session;
connect_pendo($admin, $simulator, max_retries => 0);
$admin->do($_) for
  'CREATE TABLE users (id text PRIMARY KEY, plan text)',
  q{INSERT INTO users SELECT 'v' || lpad(n::text, 7, '0'), 'gold' FROM generate_series(1, 3) n},
  'ANALYZE users';

my %statement = (
    'SELECT'         => sub { 'SELECT visitor_id, agent_email, custom_plan, custom_renewal FROM pendo.visitors LIMIT 20' },
    'lookup'         => sub { sprintf q{SELECT * FROM pendo.visitors WHERE visitor_id = 'v%07d'}, $_[0] % 2000 + 1 },
    'keyed UPDATE'   => sub { "UPDATE pendo.visitors SET custom_seats = $_[0] WHERE visitor_id = 'v0000001'" },
    'reading UPDATE' => sub { q{UPDATE pendo.visitors SET custom_seats = custom_seats + 1 WHERE visitor_id = 'v0000002'} },
    'INSERT'         => sub { "INSERT INTO pendo.track_events (visitor_id, event, occurred_at) VALUES ('v0000003', 'Event $_[0]', now())" },
    'join'           => sub { 'SELECT u.id, v.custom_plan FROM users u JOIN pendo.visitors v ON v.visitor_id = u.id' },
    'EXPLAIN'        => sub { q{EXPLAIN (ANALYZE, VERBOSE) SELECT visitor_id FROM pendo.visitors WHERE custom_plan = 'gold' LIMIT 5} },
);

# What makes it end that way, and the SQLSTATE of it.
my %ending = (
    'well'        => [undef, undef],
    'by an error' => [{ route => '*', kind => 'status', status => 403, body => 'no' }, '42501'],
    'by a cancel' => [{ route => '*', kind => 'stall_before', ms => 60_000 }, '57014'],
);

# (kB of anonymous memory, descriptors)
sub held_by {
    my ($pid) = @_;
    my ($memory) = slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m or die "no RssAnon\n";
    opendir my $folder, "/proc/$pid/fd" or die "/proc/$pid/fd: $!\n";
    return ($memory, scalar grep { /^\d+$/ } readdir $folder);
}

# How many of the statements ended as they should.
sub run_many {
    my ($session, $statement, $state, $from, $until) = @_;
    my $good = 0;
    for my $i ($from .. $until - 1) {
        my $done = eval { $session->do($statement->($i)); 1 };
        ++$good if $done ? !defined $state : defined $state && $session->state eq $state;
    }
    return $good;
}

sub check {
    my ($kind, $ending) = @_;
    my ($fault, $state) = @{ $ending{$ending} };
    my $name = "$kind, ended $ending";
    $simulator->reset;
    my $session = $cluster->session;
    # what is asked once per session is asked before things go wrong
    run_many($session, $statement{$kind}, undef, 0, 3);
    $simulator->faults($fault) if $fault;
    $session->do("SET statement_timeout = '10ms'") if $ending eq 'by a cancel';
    my $began = time;
    my $good = run_many($session, $statement{$kind}, $state, 0, $warmed);
    my ($memory, $descriptors) = held_by($session->{pg_pid});
    $good += run_many($session, $statement{$kind}, $state, $warmed, $count);
    my ($memory_after, $descriptors_after) = held_by($session->{pg_pid});
    is($good, $count, "$name: $count statements ended so") or diag $session->errstr;
    cmp_ok($memory_after - $memory, '<', $bound, "$name: no more memory");
    cmp_ok($descriptors_after, '<=', $descriptors, "$name: no more descriptors");
    note sprintf '%s: %d kB and %+d kB, %d descriptors and %+d, %.2f ms a statement', $name, $memory, $memory_after - $memory, $descriptors,
      $descriptors_after - $descriptors, (time - $began) * 1000 / $count;
    $session->disconnect;
    return;
}

for my $kind (sort keys %statement) {
    check($kind, $_) for sort keys %ending;
}
unlike($cluster->log, qr/terminated by signal/, 'no backend died of it');

done_testing();
