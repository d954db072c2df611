# Sessions that write to the outbox at random and sessions that deliver it, each in
# a process of its own, for the rounds of 031_outbox_crash. What is committed is
# told by the local tables model, races, sent and keys, written in the same
# transactions.
package OutboxRound;

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use List::Util qw(shuffle);
use POSIX ();
use PendoTest;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(start_process await_process await_pid @ids @raced make_model write_forever deliver_forever);

our @ids   = map { sprintf 'v%07d', $_ } 1 .. 12;
our @raced = map { sprintf 'v%07d', $_ } 13 .. 18;

sub make_model {
    my ($dbh) = @_;
    $dbh->do($_) for 'CREATE TABLE model (id text PRIMARY KEY, plan text, seats bigint)',
      'CREATE TABLE races (n bigserial PRIMARY KEY, id text NOT NULL, plan text NOT NULL)',
      'CREATE TABLE sent (uid text PRIMARY KEY, kind text NOT NULL, key text)', 'CREATE TABLE keys (key text PRIMARY KEY, uid text NOT NULL)';
    $dbh->do('INSERT INTO model (id) VALUES (?)', undef, $_) for @ids;
    $dbh->do(q{INSERT INTO pendo_fdw_event_keys SELECT 'pendo', 'filler-' || n, now() FROM generate_series(1, 1000) AS n});
    return;
}

# ---- processes ----------------------------------------------------------

my $stop = 0;

# Runs the work with a session of its own until SIGTERM; its lines come by a pipe:
# "pid N" of its backend, then "count NAME N" and "error WORDS".
sub start_process {
    my ($cluster, $seed, $work) = @_;
    pipe my $reader, my $writer or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if ($pid) {
        close $writer;
        return { process => $pid, reader => $reader, text => '' };
    }
    local $SIG{TERM} = sub { $stop = 1 };
    srand $seed;
    my $say = sub { syswrite $writer, join('', @_) . "\n" };
    eval {
        my $dbh = $cluster->session;
        $dbh->{InactiveDestroy} = 1;    # the end of the process ends it
        $say->("pid $dbh->{pg_pid}");
        $work->($dbh, $say);
        1;
    } or $say->('error ' . $@ =~ s/\n/ /gr);
    POSIX::_exit(0);
}

sub read_line {
    my ($process, $until) = @_;
    for (;;) {
        return $1 if $process->{text} =~ s/^(.*)\n//;
        die "a process of the round does not end\n" unless IO::Select->new($process->{reader})->can_read($until - time);
        return unless sysread $process->{reader}, $process->{text}, 65536, length $process->{text};
    }
}

# The process id of its backend.
sub await_pid {
    my ($process) = @_;
    my $line = read_line($process, time + 60) // '';
    $line =~ /^pid (\d+)$/ or die "a session of the round did not begin: $line\n";
    return $process->{backend} = $1;
}

# { counts, errors }, when it has ended.
sub await_process {
    my ($process) = @_;
    my $end = { counts => {}, errors => [] };
    my $until = time + 120;
    while (defined(my $line = read_line($process, $until))) {
        push @{ $end->{errors} }, $1 if $line =~ /^error (.*)/;
        $end->{counts}{$1} += $2 if $line =~ /^count (\w+) (\d+)/;
    }
    waitpid $process->{process}, 0;
    return $end;
}

# The server has gone, or is on its way.
sub is_gone {
    my ($dbh) = @_;
    return !$dbh->ping || $dbh->state =~ /^(?:08|57P0)/;
}

# ---- writing ------------------------------------------------------------

sub one_of { return $_[int rand @_] }

# Each knows what it is to be called: $name is of this round and session.
sub new_uid { my ($writer) = @_; return "$writer->{name}.t$writer->{transactions}.n" . ++$writer->{n} }

# The row of the model is locked first: the order of commits is the order of locks.
sub update_records {
    my ($dbh, $writer) = @_;
    my %chosen = map { one_of(@ids) => 1 } 1 .. one_of(1, 1, 2, 3, scalar @ids);
    my @chosen = rand() < 0.9 ? sort keys %chosen : keys %chosen;
    my @columns = one_of(['plan'], ['seats'], [qw(plan seats)]);
    my %value = (plan => $dbh->quote(new_uid($writer)), seats => $writer->{base} + ++$writer->{n});
    for my $id (@chosen) {
        $dbh->do('UPDATE model SET ' . join(', ', map { "$_ = $value{$_}" } @{ $columns[0] }) . ' WHERE id = ?', undef, $id);
    }
    my $list = join ', ', map { "'$_'" } @chosen;
    $dbh->do('UPDATE pendo.visitors SET ' . join(', ', map { "custom_$_ = $value{$_}" } @{ $columns[0] }) . " WHERE visitor_id IN ($list)");
    return;
}

# Nothing but the outbox itself makes who writes these wait for each other; the
# model has them in the order of their commits.
sub race {
    my ($dbh, $writer) = @_;
    my @chosen = (shuffle @raced)[0 .. int rand @raced];
    my $plan = new_uid($writer);
    $dbh->do('INSERT INTO races (id, plan) SELECT id, ? FROM unnest(?::text[]) AS id', undef, $plan, \@chosen);
    $dbh->do('UPDATE pendo.visitors SET custom_plan = ? WHERE visitor_id = ANY (?)', undef, $plan, \@chosen);
    # known keys take a while between the numbering of those rows and the commit
    $dbh->do("INSERT INTO pendo.track_events (visitor_id, event, event_key) SELECT 'v0000003', 'filler', 'filler-' || n FROM generate_series(1, ?) AS n",
        undef, one_of(0, 100, 1_000));
    return;
}

sub insert_events {
    my ($dbh, $writer, $kind) = @_;
    my @uids = map { new_uid($writer) } 1 .. one_of(1, 1, 2, 4);
    my $table = $kind eq 'once' ? 'pendo.once' : 'pendo.track_events';
    $dbh->do('INSERT INTO sent (uid, kind) VALUES (?, ?)', undef, $_, $kind) for @uids;
    # a dead letter shows the visitor
    my $visitor = $kind eq 'once' ? 'uid' : "'v0000001'";
    $dbh->do("INSERT INTO $table (visitor_id, event, properties) SELECT $visitor, '$kind', jsonb_build_object('uid', uid) FROM unnest(?::text[]) AS uid",
        undef, \@uids);
    return;
}

# Of a strict key the model knows the winner; sessions with a loose one meet in the
# outbox first.
sub insert_keyed {
    my ($dbh, $writer, $kind) = @_;
    my $key = "$kind-" . ($writer->{round} + int rand 15);
    my $uid = new_uid($writer);
    $dbh->do('INSERT INTO sent (uid, kind, key) VALUES (?, ?, ?)', undef, $uid, $kind, $key);
    $dbh->do('INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING', undef, $key, $uid) if $kind eq 'strict';
    $dbh->do("INSERT INTO pendo.track_events (visitor_id, event, properties, event_key) VALUES ('v0000002', 'keyed', jsonb_build_object('uid', ?::text), ?)",
        undef, $uid, $key);
    return;
}

sub write_something {
    my ($dbh, $writer) = @_;
    my $what = one_of(qw(update update update race race plain plain once once strict loose));
    return update_records($dbh, $writer) if $what eq 'update';
    return race($dbh, $writer) if $what eq 'race';
    return insert_events($dbh, $writer, $what) if $what eq 'plain' || $what eq 'once';
    return insert_keyed($dbh, $writer, $what);
}

sub write_in_savepoint {
    my ($dbh, $writer) = @_;
    $dbh->do('SAVEPOINT s');
    write_something($dbh, $writer) for 1 .. one_of(1, 2);
    $dbh->do(one_of('ROLLBACK TO s', 'RELEASE s'));
    return;
}

sub transaction {
    my ($dbh, $writer) = @_;
    ++$writer->{transactions};
    $dbh->begin_work;
    for (1 .. one_of(1 .. 4)) {
        rand() < 0.25 ? write_in_savepoint($dbh, $writer) : write_something($dbh, $writer);
    }
    return $dbh->rollback if rand() < 0.15;
    $dbh->commit;
    ++$writer->{committed};
    return;
}

sub write_forever {
    my ($round, $number) = @_;
    my $writer = { round => $round, name => "r$round.w$number", base => $round * 1_000_000 + $number * 100_000, transactions => 0, n => 0, committed => 0 };
    return sub {
        my ($dbh, $say) = @_;
        while (!$stop) {
            next if eval { transaction($dbh, $writer); 1 };
            my ($error, $state) = ($@, $dbh->state);
            last if is_gone($dbh);
            $say->('error ' . $error =~ s/\n/ /gr) if $state ne '40P01';    # deadlocks are to be expected
            next if eval { $dbh->rollback; 1 };
            last if is_gone($dbh);
            die "cannot roll back: $@";
        }
        $say->("count $_ $writer->{$_}") for qw(transactions committed);
        return;
    };
}

# ---- delivering ---------------------------------------------------------

# The failures that may be while the simulator is away, or someone cancels it.
sub deliver_forever {
    my ($may_fail) = @_;
    return sub {
        my ($dbh, $say) = @_;
        my %count = (calls => 0, failed => 0);
        my $call = one_of('CALL pendo_fdw_deliver()', 'CALL pendo_fdw_deliver()', q{CALL pendo_fdw_deliver('pendo', interval '40 ms')});
        while (!$stop) {
            ++$count{calls};
            my $done = eval {
                $dbh->do(q{SELECT pendo_fdw_requeue('pendo')}) if rand() < 0.1;
                $dbh->do($call);
                1;
            };
            my ($error, $state) = ($@, $dbh->state);
            if (!$done) {
                last if is_gone($dbh);
                ++$count{failed};
                $say->('error ' . $error =~ s/\n/ /gr) unless $error =~ $may_fail;
            }
            sleep rand 0.02;
        }
        $say->("count $_ $count{$_}") for sort keys %count;
        return;
    };
}

1;
