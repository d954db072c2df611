# The next page is on its way while the rows of this one are taken; but only for
# a reader that goes on, within bounds on memory, and with no row lost or repeated
# when pages break.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;
use Time::HiRes qw(time);

my $visitors  = 10_000;
my $page      = 4_000;
my $simulator = start_simulator('--visitors', $visitors, '--accounts', 50, '--clean');
my $cluster   = start_cluster();
my $dbh       = $cluster->session;
connect_pendo($dbh, $simulator, page_size => $page, max_retries => 4, request_timeout => '20s');
my $scan = 'POST /api/v1/aggregation';

sub calls { return $simulator->stats->{$scan} // 0 }

sub ids { my ($rows) = @_; return [map { $_->[0] } @$rows] }

my @all = map { sprintf 'v%07d', $_ } 1 .. $visitors;

# A cursor, whose next rows fetch() gives.
sub open_cursor {
    my ($query) = @_;
    $simulator->reset;
    $dbh->do('BEGIN');
    $dbh->do("DECLARE c CURSOR FOR $query");
    return;
}

sub fetch { my ($rows) = @_; return $dbh->selectall_arrayref("FETCH $rows FROM c") }

# Takes 900 rows, and more when the rest of the page has left Pendo, until the
# next page is asked for.
sub fetch_until_asked {
    my $rows = fetch(900);
    is(calls(), 1, 'one call for 900 rows');
    wait_until('the first page', 30, sub { my ($first) = aggregations(); $first->{status} == 200 });
    push @$rows, @{ fetch(1100) };
    $simulator->wait_for_calls($scan, 2);
    return $rows;
}

sub aggregations { return grep { $_->{path} =~ /aggregation/ } @{ $simulator->requests } }

# ---- the next page is asked for while this one is read ------------------

my $query = 'SELECT visitor_id, custom_plan FROM pendo.visitors';

subtest 'overlap' => sub {
    open_cursor($query);
    # the second call is not answered before the test is over
    $simulator->faults({ route => $scan, skip => 1, times => 1, kind => 'stall_before', ms => 600_000 });
    my $rows = fetch_until_asked();
    is(scalar @$rows, 2000, 'the second page is asked for when half of the first one is taken');
    push @$rows, @{ fetch($page - 2000) };
    my ($first, $second) = aggregations();
    is($second->{status}, 0, 'its answer is still to come');
    is_deeply(ids($rows), [@all[0 .. $page - 1]], 'while every row of the first page was there to take');
    my $last = $all[$page - 1];
    like($second->{body}, qr/visitorId > \\"\Q$last\E\\"/, 'the second begins behind the last one of the first');
    is(calls(), 2, 'and no third is asked for');
    $dbh->do('ROLLBACK');
    $simulator->faults;
};

# Calls when so many rows are taken and no more are.
sub costs {
    my ($name, $sql, $take, $most) = @_;
    open_cursor($sql);
    is(scalar @{ fetch($take) }, $take, "$name: $take rows");
    $dbh->do('ROLLBACK');
    # what was sent arrives before what is sent later
    is(scalar @{ $dbh->selectall_arrayref("SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001'") }, 1, "$name: a lookup after that");
    cmp_ok(calls(), '<=', $most, "$name: at most $most calls");
    return;
}

subtest 'a reader that stops' => sub {
    costs('900 rows', $query, 900, 1);
    costs('1,500 rows', $query, 1500, 2);
    costs('a page', $query, $page, 2);
    costs('a page and some', $query, $page + 500, 3);
    for my $limit (10, 900, 1500, $page - 1, $page) {
        $simulator->reset;
        is(scalar @{ $dbh->selectall_arrayref("$query LIMIT $limit") }, $limit, "LIMIT $limit: as many rows");
        is(calls(), 1, "LIMIT $limit: one call");
    }
    $simulator->reset;
    my $rows = $dbh->selectall_arrayref("$query LIMIT " . ($page + 1000));
    is_deeply(ids($rows), [@all[0 .. $page + 999]], 'LIMIT of more than a page: its rows');
    is(calls(), 2, 'LIMIT of more than a page: two calls');
};

# ---- no row is lost or repeated -----------------------------------------

my %sorted = (
    'by id'                   => 'ORDER BY visitor_id',
    'by id, descending'       => 'ORDER BY visitor_id DESC',
    'by a time'               => 'ORDER BY auto_lastvisit, visitor_id',
    'by a time, descending'   => 'ORDER BY auto_lastvisit DESC NULLS LAST, visitor_id',
);
$dbh->do('CREATE TABLE copy AS SELECT visitor_id, auto_lastvisit FROM pendo.visitors');

# Reads all in the four orders. A page that broke off is asked again from where it
# broke, so there may be fewer calls than pages and faults.
sub reads_all {
    my ($name, $more, @faults) = @_;
    for my $order (sort keys %sorted) {
        my $expected = $dbh->selectcol_arrayref("SELECT visitor_id FROM copy $sorted{$order}");
        $simulator->reset;
        $simulator->faults(@faults);
        my $rows = eval { $dbh->selectcol_arrayref("SELECT visitor_id FROM pendo.visitors $sorted{$order}") };
        is_deeply($rows, $expected, "$name, $order: every row in its place") or diag $dbh->errstr;
        is_deeply([grep { $_->{times} } @{ $simulator->get('faults') }], [], "$name, $order: every fault struck");
        cmp_ok(calls(), '<=', 3 + $more, "$name, $order: at most " . (3 + $more) . ' calls');
    }
    return;
}

reads_all('nothing wrong', 0);
reads_all('503 for the second page', 1, { route => $scan, skip => 1, times => 1, kind => 'status', status => 503, body => 'not now' });
reads_all('reset before the second page', 1, { route => $scan, skip => 1, times => 1, kind => 'reset_before' });
reads_all("reset in the second page's body", 1, { route => $scan, skip => 1, times => 1, kind => 'reset_body', after_bytes => 20_000 });
reads_all('the second page cut off', 1, { route => $scan, skip => 1, times => 1, kind => 'truncate', after_bytes => 30_000 });
reads_all('the first page cut off', 1, { route => $scan, times => 1, kind => 'truncate', after_bytes => 30_000 });

# The error comes after the rows that came before it.
open_cursor($query);
$simulator->faults({ route => $scan, skip => 1, times => 1, kind => 'garbage', body => '<html>maintenance</html>' });
my $rows = fetch_until_asked();
push @$rows, @{ fetch($page - 2000) };
is_deeply(ids($rows), [@all[0 .. $page - 1]], 'garbage as the second page: the first one is whole');
my $error = error_of($dbh, 'FETCH 1 FROM c');
is($error->{state}, 'HV00L', 'garbage as the second page: an ERROR when it is its turn');
like($error->{detail}, qr/begins: <html>maintenance/, 'garbage as the second page: shown');
$dbh->do('ROLLBACK');
$simulator->reset;

# A scan that is run again forgets what was read ahead.
$dbh->do($_) for 'CREATE TABLE two AS SELECT n FROM generate_series(1, 2) n', 'ANALYZE two', 'SET enable_material = off';
my $twice = $dbh->selectall_arrayref(
    'SELECT t.n, v.visitor_id FROM two t, LATERAL (SELECT visitor_id FROM pendo.visitors WHERE t.n > 0 ORDER BY visitor_id LIMIT 1500) v');
is_deeply(ids($twice), [(1) x 1500, (2) x 1500], 'a scan that is run again');
is_deeply([map { $_->[1] } @$twice], [(@all[0 .. 1499]) x 2], 'begins anew');

unlike($cluster->log, qr/terminated by signal/, 'no backend died of it');

done_testing();
