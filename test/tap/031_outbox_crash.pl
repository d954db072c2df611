# Delivery 'outbox' while backends, the postmaster and Pendo are killed at random:
# what was committed arrives, in its order, what was not does not, and an event
# arrives twice only where a kill lies between. PENDO_TEST_SEED, PENDO_TEST_ROUNDS.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use File::Temp qw(tempdir);
use JSON::XS;
use OutboxRound;
use PendoTest;
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

my $seed   = $ENV{PENDO_TEST_SEED} || int(rand(1e9));
my $rounds = $ENV{PENDO_TEST_ROUNDS} || ($ENV{PENDO_TEST_LONG} ? 200 : 20);
note "seed $seed (PENDO_TEST_SEED)";

my $folder    = tempdir('outbox_XXXXXX', DIR => '/tmp', CLEANUP => 1);
my $simulator = start_simulator('--visitors', 20, '--accounts', 2, '--clean', '--journal', "$folder/journal");
my $cluster   = start_cluster(conf => ['deadlock_timeout = 50ms', 'track_commit_timestamp = on', 'checkpoint_timeout = 30s']);

{
    my $dbh = $cluster->session;
    connect_pendo($dbh, $simulator, delivery => 'outbox', batch_size => 5, max_retries => 1, request_timeout => '5s');
    # events that must not be sent twice have a server of their own, whose dead letters stay
    $dbh->do($_) for "CREATE SERVER once FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', track_url '$simulator->{url}', api_url '$simulator->{url}', delivery 'outbox', on_ambiguous 'uncertain')",
      q{CREATE USER MAPPING FOR CURRENT_USER SERVER once OPTIONS (track_secret 'sim-track-secret')},
      q{CREATE FOREIGN TABLE pendo.once (visitor_id text, event text, properties jsonb) SERVER once OPTIONS (object 'track_events')};
    make_model($dbh);
    # the cluster is killed before it could be seen to be there
    $dbh->do('CHECKPOINT');
}

my %untouched = %{ $simulator->dump('visitor') };
my (%total, %seen_keys, @problems, @played);
# Since the last comparison: when something was killed, in ms as Pendo has it.
my @kills;

sub now_ms { return int(time() * 1000) }

sub kills_shown { return join ' ', map { "$_->{begin}-$_->{end}" } @kills }

sub problem { my ($what) = @_; push @problems, $what if @problems < 20; return }

# ---- a round ------------------------------------------------------------

# Nothing that a dead session had sent is on its way any more; one connection is ours.
sub wait_for_quiet {
    wait_until('the calls of the dead', 30, sub { $simulator->metrics->{connectionsOpen} <= 1 });
    return;
}

sub one_of { my ($processes) = @_; return $processes->[int rand @$processes]{backend} }

sub signal_from_sql { my ($function, $backend) = @_; $cluster->session->do("SELECT $function($backend)"); return }

my %strike = (
    writer     => sub { my ($writers) = @_; kill 'KILL', one_of($writers) },
    deliverer  => sub { my (undef, $deliverers) = @_; kill 'KILL', one_of($deliverers) },
    postmaster => sub { $cluster->crash },
    simulator  => sub { $simulator->crash },
    terminate  => sub { my (undef, $deliverers) = @_; signal_from_sql('pg_terminate_backend', one_of($deliverers)) },
    cancel     => sub { my (undef, $deliverers) = @_; signal_from_sql('pg_cancel_backend', one_of($deliverers)) },
    none       => sub { },
);
my %server_goes = map { $_ => 1 } qw(writer deliverer postmaster);
my %may_fail = (simulator => qr/delivery to server "(?:pendo|once)" failed/, cancel => qr/canceling statement due to user request/);
my $never = qr/(?!)/;

# What the others do meanwhile, before they are told to end.
sub go_on {
    my ($kind) = @_;
    if ($kind eq 'simulator') {
        sleep rand() < 0.5 ? 0.4 + rand 1 : rand 0.2;
        $simulator->start_again;
        sleep 0.2;
    }
    sleep rand 0.4 unless $server_goes{$kind};
    return;
}

# Those whose server has gone end by themselves.
sub end_processes {
    my ($kind, @processes) = @_;
    if (!$server_goes{$kind}) { kill 'TERM', $_->{process} for @processes }
    for my $process (@processes) {
        my $end = await_process($process);
        problem("$kind: $_") for @{ $end->{errors} };
        $total{$_} += $end->{counts}{$_} for keys %{ $end->{counts} };
    }
    return;
}

sub start_all {
    my ($round, $kind) = @_;
    my $number = $seed + $round * 100;
    my @writers = map { start_process($cluster, ++$number, write_forever($round, $_)) } 1 .. 2 + int rand 3;
    my @deliverers = map { start_process($cluster, ++$number, deliver_forever($may_fail{$kind} // $never)) } 1 .. 1 + int rand 3;
    await_pid($_) for @writers, @deliverers;
    return (\@writers, \@deliverers);
}

sub play {
    my ($round, $kind) = @_;
    my $latency = 5 + int rand 26;
    $simulator->config(latency_ms => $latency);
    my ($writers, $deliverers) = start_all($round, $kind);
    sleep 0.02 + rand 0.7;
    my $begin = now_ms();
    $strike{$kind}->($writers, $deliverers);
    # a dead simulator takes nothing; who was cancelled has left its calls behind
    my $end = now_ms() + ($kind eq 'simulator' ? 0 : $latency + 300);
    go_on($kind);
    end_processes($kind, @$writers, @$deliverers);
    wait_for_quiet();
    $end = now_ms() if $server_goes{$kind};
    push @kills, { begin => $begin, end => $end } if $kind ne 'none';
    $cluster->start if $kind eq 'postmaster';
    $cluster->wait_for_restart if $server_goes{$kind};
    ++$total{"killed_$kind"};
    return;
}

# ---- what there is, and what there should be ---------------------------------

sub deliver_all {
    my ($dbh) = @_;
    wait_until('an empty queue', 60, sub {
        $dbh->do('UPDATE pendo_fdw_queue SET next_attempt = now() WHERE attempts > 0');
        $dbh->do('CALL pendo_fdw_deliver()');
        return !$dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_queue');
    });
    return;
}

sub compare_records {
    my ($dbh) = @_;
    my $stored = $simulator->dump('visitor');
    for my $row (@{ $dbh->selectall_arrayref('SELECT id, plan, seats FROM model', { Slice => {} }) }) {
        for my $field (qw(plan seats)) {
            my $should = $row->{$field} // $untouched{ $row->{id} }{metadata}{custom}{$field};
            my $is = $stored->{ $row->{id} }{metadata}{custom}{$field};
            problem("$row->{id}.$field is $is, not $should") if $is ne $should;
        }
    }
    return;
}

# What had arrived may arrive once more where something was killed in between: then it
# could still be unsettled.
sub is_sent_again {
    my ($before, $after) = @_;
    return scalar grep { $before <= $_->{end} && $after >= $_->{begin} && $before >= $_->{begin} - 5_000 } @kills;
}

# Of an id that nothing else puts in order, Pendo gets an older value after a newer one
# only where it begins anew after a kill; the last is the one committed last.
sub compare_races {
    my ($dbh) = @_;
    my (%rank, %last);
    my $races = $dbh->selectall_arrayref('SELECT id, plan, row_number() OVER (PARTITION BY id ORDER BY pg_xact_commit_timestamp(xmin), n) FROM races');
    $rank{ $_->[0] }{ $_->[1] } = $_->[2] for @$races;
    my %raced = map { $_ => 1 } @raced;
    for my $write (grep { $raced{ $_->{id} // '' } } map { decode_json($_) } split /\n/, slurp("$folder/journal")) {
        my ($id, $plan, $at) = ($write->{id}, $write->{values}[0]{value}, $write->{now});
        problem("$id got $plan, which was not committed") unless $rank{$id}{$plan};
        my $former = $last{$id};
        if ($former && ($rank{$id}{$plan} // 0) < ($rank{$id}{ $former->{plan} } // 0)) {
            ++$total{older_again};
            problem("$id got $plan at $at after $former->{plan} at $former->{at}, which was committed later; kills: " . kills_shown())
              unless is_sent_again($former->{at}, $at);
        }
        $last{$id} = { plan => $plan, at => $at };
    }
    for my $id (sort keys %rank) {
        my ($newest) = sort { $rank{$id}{$b} <=> $rank{$id}{$a} } keys %{ $rank{$id} };
        my $has = $last{$id} ? $last{$id}{plan} : 'nothing';
        problem("$id has $has, not $newest") if $has ne $newest;
    }
    return;
}

# The times of arrival of each event, by its uid.
sub arrivals {
    my %arrivals;
    push @{ $arrivals{ $_->{properties}{uid} } }, $_->{receivedAt} for @{ $simulator->events };
    return \%arrivals;
}

# Two copies of an event are right only with a kill between them.
sub compare_copies {
    my ($uid, @times) = @_;
    for my $i (1 .. $#times) {
        ++$total{duplicates};
        my ($before, $after) = @times[ $i - 1, $i ];
        next if is_sent_again($before, $after);
        problem("$uid arrived at $before and again at $after; kills: " . kills_shown());
    }
    return;
}

# Those of a key that may have arrived: the first one, as far as it is known.
sub may_arrive {
    my ($row, $winners, $arrivals) = @_;
    return 1 if $row->{kind} eq 'plain' || $row->{kind} eq 'once';
    return $winners->{ $row->{key} } eq $row->{uid} if $row->{kind} eq 'strict';
    $seen_keys{ $row->{key} } //= $row->{uid} if $arrivals->{ $row->{uid} };
    return ($seen_keys{ $row->{key} } // '') eq $row->{uid};
}

sub compare_events {
    my ($dbh) = @_;
    my $arrivals = arrivals();
    my $sent     = $dbh->selectall_hashref('SELECT uid, kind, key FROM sent', 'uid');
    my %winners  = map { @$_ } @{ $dbh->selectall_arrayref('SELECT key, uid FROM keys') };
    my @letters  = @{ $dbh->selectcol_arrayref(q{SELECT id FROM pendo_fdw_dead_letters WHERE server = 'once' AND reason = 'uncertain'}) };
    my %dead     = map { /^once of (\S+)/ ? ($1 => 1) : () } @letters;
    $total{events} += keys %$sent;
    for my $uid (sort keys %$arrivals) {
        problem("$uid arrived and was not committed") unless $sent->{$uid};
        compare_copies($uid, @{ $arrivals->{$uid} });
    }
    for my $row (map { $sent->{$_} } sort keys %$sent) {
        my $copies = @{ $arrivals->{ $row->{uid} } // [] };
        my $expected = may_arrive($row, \%winners, $arrivals);
        problem("$row->{kind} $row->{uid} was committed and did not arrive") if $expected && !$copies && !$dead{ $row->{uid} };
        problem("$row->{uid} arrived, though the key $row->{key} was known") if !$expected && $copies;
        problem("$row->{uid} arrived $copies times") if $row->{kind} eq 'once' && $copies > 1;
    }
    compare_dead($dbh, \%dead);
    return;
}

# Only events that must not be sent twice may die, and only where something was killed.
sub compare_dead {
    my ($dbh, $dead) = @_;
    my $letters = $dbh->selectall_arrayref('SELECT id, reason, message FROM pendo_fdw_dead_letters');
    $total{uncertain} += keys %$dead;
    problem('dead letters: ' . join '; ', map { join ' ', map { $_ // '' } @$_ } @$letters) if @$letters != keys %$dead || (@$letters && !@kills);
    return;
}

sub compare_and_forget {
    my $dbh = $cluster->session;
    deliver_all($dbh);
    compare_records($dbh);
    compare_races($dbh);
    compare_events($dbh);
    problem('locks are left') if $dbh->selectrow_array(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'});
    $dbh->do($_) for 'TRUNCATE sent, races', 'UPDATE model SET plan = NULL, seats = NULL', q{SELECT pendo_fdw_prune(interval '0')};
    $simulator->reset;
    @kills = ();
    return;
}

# ---- all of them ----------------------------------------------------------

srand $seed;
my @deck;
for my $round (1 .. $rounds) {
    @deck = shuffle((qw(writer deliverer postmaster simulator)) x 2, qw(terminate cancel none)) unless @deck;
    my $kind = shift @deck;
    push @played, $kind;
    play($round, $kind);
    next if $round < $rounds && rand() < 0.4;
    compare_and_forget();
    is(join("\n", splice @problems), '', "up to round $round (@{[splice @played]})");
}

note join ', ', map { "$_ $total{$_}" } sort keys %total;
cmp_ok($total{committed}, '>', $rounds, 'transactions were committed');
is(join(' ', grep { !$total{"killed_$_"} } qw(writer deliverer postmaster simulator)), '', 'all kinds of kills were there') if $rounds >= 11;
unlike($cluster->log, qr/PANIC|TRAP|terminated by signal (?!9\b)/, 'nothing else died');

done_testing();
