# UPDATE … FROM at every size around the batch size: the number of calls, that
# no record is read, and that Pendo holds exactly the source's values, as its
# own store tells (not as our SELECT would).
use strict;
use warnings;
use utf8;

use FindBin;
use JSON::XS;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

my $route = 'POST /api/v1/metadata/visitor';
my $simulator = start_simulator('--visitors', 10_400, '--accounts', 20, '--clean');
my $cluster = start_cluster();
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, batch_size => 1000);

# Every third or so value is NULL; texts have what JSON must escape. About three
# ids in a hundred are not known to Pendo.
$dbh->do(<<'SQL');
CREATE TABLE source AS
  SELECT n,
         CASE WHEN n % 33 = 17 THEN 'u' ELSE 'v' END || lpad(n::text, 7, '0') AS id,
         CASE WHEN n % 7 <> 3 THEN E'pl"an \\ \t\n {] ünï ' || chr(128512) || ' ' || n END AS plan,
         CASE WHEN n % 5 <> 2 THEN n * 900719925474 - 4503599627370 END AS seats,
         CASE WHEN n % 6 <> 4 THEN pi() * n - 1e4 END AS score,
         CASE WHEN n % 4 <> 1 THEN n % 2 = 0 END AS active,
         CASE WHEN n % 8 <> 5 THEN timestamptz '1989-12-31 23:00:00.123+00' + n * interval '7 hours 1 millisecond' END AS renewal,
         CASE WHEN n % 9 <> 6 THEN jsonb_build_array('a"b', n, n % 2 = 0, 'tag ' || chr(233)) END AS tags,
         CASE WHEN n % 3 <> 2 THEN 'user' || n || '@example.com' END AS email,
         'Näme, "' || n || '"' AS name,
         CASE n % 3 WHEN 0 THEN '' WHEN 1 THEN '5' ELSE 'true' END AS role
    FROM generate_series(1, 10000) n
SQL

my @custom = qw(plan seats score active renewal tags);
my @agent  = qw(email name role);

# What each value must be in Pendo, as JSON text: times in milliseconds.
my %as_json = (
    (map { $_ => "to_json($_)::text" } qw(plan score active tags email name role)),
    seats   => 'seats::text',
    renewal => '(extract(epoch FROM renewal) * 1000)::bigint::text',
);
my $columns = join ', ', 'id', map { $as_json{$_} } @custom, @agent;
my @source = map {
    my ($id, @values) = @$_;
    { id => $id, values => { map { $_ => shift @values } @custom, @agent } }
} @{ $dbh->selectall_arrayref("SELECT $columns FROM source ORDER BY n") };

my $json = JSON::XS->new->allow_nonref->canonical;
my %cache;

# Canonical text of a JSON text. undef stands for null.
sub canonical {
    my ($text) = @_;
    return 'null' unless defined $text;
    return $cache{$text} //= $json->encode($json->decode($text));
}

sub stored { my ($record, $group, $field) = @_; return $json->encode($record->{metadata}{$group}{$field}) }

my $untouched = $simulator->dump('visitor');
is(scalar(grep { /^v/ } keys %$untouched), 10_400, 'the simulator starts with its visitors');

# The differences between what Pendo holds and what it must hold.
sub differences {
    my ($rows, @groups) = @_;
    my $now = $simulator->dump('visitor');
    my @wrong;
    for my $row (@$rows) {
        my $record = delete $now->{ $row->{id} };
        if ($row->{id} =~ /^u/) { push @wrong, "$row->{id} was created" if $record; next }
        my $before = $untouched->{ $row->{id} };
        for my $group (qw(custom agent)) {
            my $is_set = grep { $_ eq $group } @groups;
            for my $field ($group eq 'custom' ? @custom : @agent) {
                my $want = $is_set ? canonical($row->{values}{$field}) : stored($before, $group, $field);
                my $have = stored($record, $group, $field);
                push @wrong, "$row->{id} $group.$field is $have, not $want" if $have ne $want;
            }
        }
    }
    for my $id (keys %$now) {
        my $before = $untouched->{$id} ? $json->encode($untouched->{$id}) : '(none)';
        push @wrong, "$id was touched" if $json->encode($now->{$id}) ne $before;
    }
    return \@wrong;
}

sub bodies_of {
    my ($group) = @_;
    return map { $json->decode($_->{body}) } grep { $_->{path} =~ m{/\Q$group\E/value} } @{ $simulator->requests };
}

for my $batch_size (1000, 7, 1) {
    $dbh->do("ALTER SERVER pendo OPTIONS (SET batch_size '$batch_size')");
    for my $n (1, 999, 1000, 1001, 10_000) {
        for my $groups (['custom'], ['agent', 'custom']) {
            my $name = "$n rows, batch_size $batch_size, @$groups";
            $simulator->reset;
            my @fields = map { my $group = $_; map { "${group}_$_ = s.$_" } $group eq 'custom' ? @custom : @agent } @$groups;
            my @notices = notices_of($dbh, 'UPDATE pendo.visitors v SET ' . join(', ', @fields)
                  . " FROM source s WHERE v.visitor_id = s.id AND s.n <= $n");

            my $calls = int(($n + $batch_size - 1) / $batch_size);
            my $stats = $simulator->stats;
            delete $stats->{'GET /api/v1/metadata/schema/visitor'};
            is_deeply($stats, { map { ("$route/$_/value" => $calls) } @$groups }, "$name: $calls calls for each group and nothing else");

            my @rows = @source[0 .. $n - 1];
            my $wrong = differences(\@rows, @$groups);
            is(scalar @$wrong, 0, "$name: every value is the source's, and nothing else changed") or diag join "\n", grep { defined } @{$wrong}[0 .. 4];

            my @unknown = map { $_->{id} } grep { $_->{id} =~ /^u/ } @rows;
            check_warning($name, \@notices, $n, @unknown);
            check_bodies($name, $batch_size, $n, @$groups) if $calls <= 900;
        }
    }
}

# One WARNING, with the number of unknown ids and the first few.
sub check_warning {
    my ($name, $notices, $n, @unknown) = @_;
    return is_deeply($notices, [], "$name: no message") unless @unknown;
    is(scalar @$notices, 1, "$name: one message") or diag @$notices;
    like($notices->[0] // '', qr/^WARNING:  pendo.visitors: of $n visitors, ${\ scalar @unknown} not known to Pendo\n/, "$name: WARNING with the count");
    my ($listed) = ($notices->[0] // '') =~ /^DETAIL:  Not known: (.*)\.$/m;
    my @listed = split /; /, $listed // '';
    my $more = @unknown > 5 ? pop @listed : 'none';
    is($more, @unknown > 5 ? 'and others' : 'none', "$name: says whether there are more");
    my %unknown = map { $_ => 1 } @unknown;
    is(scalar(grep { $unknown{$_} } @listed), @unknown > 5 ? 5 : scalar @unknown, "$name: with the first ids") or diag $notices->[0];
}

# All calls but the last are full, and no id is sent twice.
sub check_bodies {
    my ($name, $batch_size, $n, @groups) = @_;
    for my $group (@groups) {
        my @bodies = bodies_of($group);
        my %ids = map { $_->{visitorId} => 1 } map { @$_ } @bodies;
        is(scalar keys %ids, $n, "$name: each id once in the calls of $group");
        my @sizes = sort { $b <=> $a } map { scalar @$_ } @bodies;
        my $rest = $n % $batch_size || $batch_size;
        is_deeply(\@sizes, [($batch_size) x (@bodies - 1), $rest], "$name: full calls for $group");
    }
}

# An id that the source has twice goes out once, with the later values.
$dbh->do("ALTER SERVER pendo OPTIONS (SET batch_size '1000')");
$simulator->reset;
my @notices = notices_of($dbh, <<'SQL');
UPDATE pendo.visitors v SET custom_seats = s.seats
  FROM (SELECT 'v' || lpad((1 + n % 500)::text, 7, '0') AS id, n AS seats FROM generate_series(0, 999) n ORDER BY n OFFSET 0) s
 WHERE v.visitor_id = s.id
SQL
is($simulator->stats->{"$route/custom/value"}, 1, 'each id twice: one call');
is_deeply([map { $simulator->record('visitor', $_)->{metadata}{custom}{seats} } qw(v0000001 v0000250 v0000500)],
    [500, 749, 999], 'the later values win');
like("@notices", qr/of 500 visitors, 500 given more than once/, 'and a WARNING counts them');

# Small numbers of milliseconds could be taken for seconds.
$simulator->reset;
$dbh->do("UPDATE pendo.visitors v SET custom_renewal = s.at FROM (VALUES ('v0000001', timestamptz '1970-01-01 00:00:01.5+00'),"
      . " ('v0000002', '1973-03-03 09:46:39.999+00'), ('v0000003', '1969-12-31 23:59:59+00'), ('v0000004', '1938-04-24 22:13:20+00')) s(id, at) WHERE v.visitor_id = s.id");
is_deeply([map { $simulator->record('visitor', "v000000$_")->{metadata}{custom}{renewal} } 1 .. 4], [1500, 99_999_999_999, -1000, -1_000_000_000_000],
    'times around 1970');

# Accounts go the same way.
$simulator->reset;
@notices = notices_of($dbh, "UPDATE pendo.accounts a SET custom_plan = 'p' || s.n, agent_name = 'n' || s.n"
      . " FROM generate_series(1, 21) s(n) WHERE a.account_id = 'a' || lpad(s.n::text, 5, '0')");
is_deeply($simulator->stats, {
    'GET /api/v1/metadata/schema/account' => 1,
    'POST /api/v1/metadata/account/custom/value' => 1,
    'POST /api/v1/metadata/account/agent/value' => 1,
}, 'accounts: one call for each group');
is($simulator->record('account', 'a00020')->{metadata}{custom}{plan}, 'p20', 'accounts: the custom value');
is($simulator->record('account', 'a00020')->{metadata}{agent}{name}, 'n20', 'accounts: the agent value');
like("@notices", qr/of 21 accounts, 1 not known to Pendo\nDETAIL:  Not known: a00021\./, 'accounts: the WARNING');

done_testing();
