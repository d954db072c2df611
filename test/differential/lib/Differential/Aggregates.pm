# count, min, max, sum, avg; GROUP BY, DISTINCT.
package Differential::Aggregates;

use strict;
use warnings;

use Exporter 'import';

use Differential::Condition qw(condition exact_condition);
use Differential::Random;
use Differential::Select qw(where sortable);

our @EXPORT_OK = qw(count_query aggregate_query group_query distinct_query);

sub count_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    return { sql => exact_count($scope, $from), agree => 'rows' } if chance(0.5);
    my $one  = $scope->column;
    my $what = weighted('*' => 60, column => 20, distinct => 10, '1' => 3, filter => 7);
    $scope->note("count $what", $one);
    my $count = $what eq 'column' ? "count($one->{sql})" : $what eq 'distinct' ? "count(DISTINCT $one->{sql})" : $what eq 'filter' ? 'count(*) FILTER (WHERE ' . condition($scope, 0) . ')' : "count($what)";
    my $sql = "SELECT $count FROM $from" . where($scope);
    $sql = "SELECT 'some' WHERE EXISTS (SELECT FROM $from" . where($scope) . ')' if chance(0.1);
    $sql = "SELECT count(*) FROM (SELECT FROM $from" . where($scope) . ' LIMIT ' . pick(0, 1, 5, 100) . ') q' if chance(0.1);
    return { sql => chance(0.12) ? odd_count($scope, $from) : $sql, agree => 'rows' };
}

# What Pendo may count, or looks as if.
sub exact_count {
    my ($scope, $from) = @_;
    my $one   = $scope->column;
    my $count = weighted('count(*)' => 70, "count($one->{sql})" => 15, 'count(*) FILTER (WHERE ' . exact_condition($scope, 0) . ')' => 8, "count(DISTINCT $one->{sql})" => 3);
    $scope->note('count exactly', $one);
    return "SELECT $count FROM $from" . (chance(0.1) ? '' : ' WHERE ' . exact_condition($scope)) . (chance(0.06) ? ' HAVING count(*) > ' . pick(0, 3, 100) : '');
}

# Counts that are more than the number of a table's rows.
sub odd_count {
    my ($scope, $from) = @_;
    my $key = $scope->key->{sql};
    my $where = where($scope, 1);
    return pick(
        "SELECT count(*) + 1, 'x', count(*) FROM $from$where", "SELECT count(*) FROM $from$where HAVING count(*) > " . pick(0, 3, 1000), "SELECT 1 FROM $from$where HAVING true",
        "SELECT count(*) FROM $from JOIN crm.users u ON $key = u.id$where", "SELECT count(*) FROM $from CROSS JOIN (SELECT * FROM crm.users LIMIT 2) u$where",
        "SELECT count(NULL), count(*) FILTER (WHERE false), count(*) FROM $from$where", "SELECT count(*) FROM (SELECT $key FROM $from$where UNION ALL SELECT id FROM crm.users) q",
        "SELECT DISTINCT count(*) FROM $from$where", "SELECT count(*) FROM $from$where LIMIT 0", "SELECT count(*), generate_series(1, 2) FROM $from$where", "SELECT (SELECT count(*) FROM $from$where) + u.n FROM crm.users u",
    );
}

# ({sql, about}, condition that keeps sums of floats exact enough, or '')
sub aggregate_of {
    my ($scope, $one) = @_;
    my $family = $one->{column}{family};
    my @choices = ('count(%s)', 'count(DISTINCT %s)');
    push @choices, ('min(%s)', 'max(%s)') x 3 unless $family =~ /bool|json/;
    push @choices, ('bool_and(%s)', 'bool_or(%s)', 'every(%s)') x 2 if $family eq 'bool';
    push @choices, ('sum(%s)', 'avg(%s)') x 2 if $family =~ /int|num|float/;
    my $choice = pick(@choices);
    $scope->note($choice =~ s/\(.*//r, $one);
    my $sums_floats = $family eq 'float' && $choice =~ /sum|avg/;
    return ({ sql => sprintf($choice, $one->{sql}), about => $sums_floats, one => $one }, $sums_floats ? "$one->{sql} BETWEEN -1e4 AND 1e4" : '');
}

sub aggregate_list {
    my ($scope, $most) = @_;
    my (@list, @conditions);
    for (1 .. between(1, $most)) {
        my ($aggregate, $condition) = aggregate_of($scope, $scope->column(sub { $_[0]{family} ne 'json' }));
        push @list, $aggregate;
        push @conditions, $condition if $condition;
    }
    return (\@list, \@conditions);
}

sub where_with {
    my ($scope, @conditions) = @_;
    push @conditions, '(' . condition($scope) . ')' if chance(0.7);
    return @conditions ? ' WHERE ' . join ' AND ', @conditions : '';
}

sub columns_that { my ($test, $from, @list) = @_; return [map { $_ + $from } grep { $test->($list[$_]) } 0 .. $#list] }

sub aggregate_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my ($list, $conditions) = aggregate_list($scope, 3);
    return { sql => 'SELECT ' . join(', ', map { $_->{sql} } @$list) . " FROM $from" . where_with($scope, @$conditions), agree => 'rows',
        about => columns_that(sub { $_[0]{about} }, 0, @$list), loose => [0 .. $#$list] };
}

sub group_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my @keys = map { sortable($scope)->{sql} } 1 .. pick(1, 1, 2);
    my ($list, $conditions) = aggregate_list($scope, 2);
    my $having = chance(0.3) ? ' HAVING count(*) ' . pick('> 1', '= 1', '>= 3') : '';
    my $keys = join ', ', @keys;
    $scope->note('GROUP BY', sortable($scope));
    my $order = chance(0.3) ? " ORDER BY $keys" : '';
    return { sql => "SELECT $keys, count(*) FROM $from" . where($scope) . ' GROUP BY ' . pick('ROLLUP', 'CUBE') . " ($keys)", agree => 'rows', loose => [0 .. $#keys] } if chance(0.08);
    return { sql => "SELECT $keys, count(*), " . join(', ', map { $_->{sql} } @$list) . " FROM $from" . where_with($scope, @$conditions) . " GROUP BY $keys$having$order",
        agree => $order ? 'list' : 'rows', about => columns_that(sub { $_[0]{about} }, @keys + 1, @$list), loose => [0 .. @keys + @$list] };
}

sub distinct_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my @columns = map { sortable($scope)->{sql} } 1 .. pick(1, 1, 2);
    my $order = chance(0.4) ? ' ORDER BY ' . join(', ', @columns) . (chance(0.5) ? ' LIMIT ' . pick(1, 3, 10) : '') : '';
    return { sql => 'SELECT DISTINCT ' . join(', ', @columns) . " FROM $from" . where($scope) . $order, agree => $order ? 'list' : 'rows', loose => [0 .. $#columns] };
}

1;
