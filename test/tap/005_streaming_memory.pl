# A million visitors, some with 1 MB in one field, through a client that stands
# still for 10 s in the middle: every row arrives, and the backend's memory stays
# as small as for a few rows.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use POSIX ();
use bytes ();    # length of what DBD::Pg gives is of an earlier line
use Test::More;
use Time::HiRes qw(sleep time);

my $visitors = 1_000_000;
my $pause    = 10;          # seconds
my $bound    = 16 * 1024;   # kB

my $simulator = start_simulator('--visitors', $visitors, '--accounts', 1000, '--clean', '--big-records', 20);
my $cluster = start_cluster();
my $admin = $cluster->session;
connect_pendo($admin, $simulator);

# kB of anonymous memory; 0 once the process is gone.
sub rss_anon {
    my ($pid) = @_;
    open my $status, '<', "/proc/$pid/status" or return 0;
    while (<$status>) { return $1 if /^RssAnon:\s+(\d+) kB/ }
    return 0;
}

# Runs in a process of its own: says its backend's pid after a small statement,
# then, when told to, copies the rows, with the pause in the middle. Its last
# line is what it saw.
sub start_reader {
    my ($columns, $limit) = @_;
    pipe my $answers, my $to_parent or die $!;
    pipe my $from_parent, my $orders or die $!;
    my $child = fork // die $!;
    if (!$child) {
        close $answers;
        close $orders;
        eval { read_all($columns, $limit, $to_parent, $from_parent); 1 } or syswrite $to_parent, "failed: $@\n";
        POSIX::_exit(0);
    }
    close $to_parent;
    close $from_parent;
    return { pid => $child, answers => $answers, orders => $orders };
}

sub read_all {
    my ($columns, $limit, $out, $in) = @_;
    my $session = $cluster->session;
    $session->do("COPY (SELECT $columns FROM pendo.visitors LIMIT 10) TO STDOUT");
    my $line;
    1 while $session->pg_getcopydata($line) >= 0;
    syswrite $out, "$session->{pg_pid}\n";
    <$in>;
    $session->do("COPY (SELECT $columns FROM pendo.visitors LIMIT $limit) TO STDOUT");
    my ($rows, $bytes, $longest, $last, $disorder) = (0, 0, 0, '', 0);
    while ($session->pg_getcopydata($line) >= 0) {
        ++$rows;
        $bytes += bytes::length($line);
        $longest = bytes::length($line) if bytes::length($line) > $longest;
        my ($id) = $line =~ /^([^\t\n]*)/;
        ++$disorder if $id le $last;
        $last = $id;
        if ($rows == $limit / 2) {
            syswrite $out, "paused\n";
            sleep $pause;
            syswrite $out, "going on\n";
        }
    }
    syswrite $out, "rows=$rows bytes=$bytes longest=$longest disorder=$disorder\n";
    return;
}

# Reads all rows and samples the backend's memory ten times a second.
sub watch {
    my ($name, $columns, $longest, $limit) = @_;
    $simulator->reset;
    my $reader = start_reader($columns, $limit);
    my ($answers, $orders) = @$reader{qw(answers orders)};
    chomp(my $backend = <$answers> // '');
    like($backend, qr/^\d+$/, "$name: a small statement first") or return;
    my $idle = rss_anon($backend);
    cmp_ok($idle, '>', 0, "$name: its memory can be read");
    my $started = time;
    close $orders;
    $answers->blocking(0);
    my ($peak, $samples, $text, $deadline) = ($idle, 0, '', time + 400);
    until ($text =~ /^(rows=.*|failed.*)\n/m or time > $deadline) {
        sleep 0.1;
        my $now = rss_anon($backend);
        $peak = $now if $now > $peak;
        ++$samples;
        sysread $answers, $text, 10_000, length $text;
    }
    waitpid $reader->{pid}, 0;
    my $took = time - $started;
    my $seen = $text =~ /^(rows=.*|failed.*)$/m ? $1 : 'nothing';
    my %seen = $seen =~ /(\w+)=(\d+)/g;
    is($seen{rows}, $limit, "$name: every row") or diag $seen;
    is($seen{disorder}, 0, "$name: each once");
    cmp_ok($seen{longest} // 0, '>', $longest, "$name: with the long values") if $longest;
    like($text, qr/^paused\ngoing on\n/m, "$name: the client stood still");
    cmp_ok($peak - $idle, '<', $bound, "$name: grows by less than $bound kB");
    note sprintf '%s: idle %d kB, peak %d kB (+%d), %d samples, %.0f s with the pause, %.0f MB to the client, %d MB from Pendo',
      $name, $idle, $peak, $peak - $idle, $samples, $took, ($seen{bytes} // 0) / 1e6, $simulator->metrics->{bytesSent} / 1e6;
    return;
}

watch('six columns', 'visitor_id, agent_email, custom_plan, custom_seats, custom_score, custom_renewal', 0, $visitors);
# what compresses well comes in large pieces when the reader has fallen behind
watch('all columns', '*', 1_000_000, $ENV{PENDO_TEST_LONG} ? $visitors : 150_000);

my ($request) = grep { $_->{path} =~ m{/aggregation} } @{ $simulator->requests };
my %headers = map { lc } %{ $request->{headers} };
like($headers{'accept-encoding'} // '', qr/gzip/, 'gzip is asked for');
unlike($cluster->log, qr/terminated by signal/, 'no backend died of it');

done_testing();
