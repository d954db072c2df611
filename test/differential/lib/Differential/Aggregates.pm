# count, min, max, sum, avg; GROUP BY, DISTINCT.
package Differential::Aggregates;

use strict;
use warnings;

use Exporter 'import';

use Differential::Condition qw(condition);
use Differential::Random;
use Differential::Select qw(where sortable);

our @EXPORT_OK = qw(count_query aggregate_query group_query distinct_query);

sub count_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my $one  = $scope->column;
    my $what = weighted('*' => 60, column => 20, distinct => 10, '1' => 3, filter => 7);
    $scope->note("count $what", $one);
    my $count = $what eq 'column' ? "count($one->{sql})" : $what eq 'distinct' ? "count(DISTINCT $one->{sql})" : $what eq 'filter' ? 'count(*) FILTER (WHERE ' . condition($scope, 0) . ')' : "count($what)";
    my $sql = "SELECT $count FROM $from" . where($scope);
    $sql = "SELECT 'some' WHERE EXISTS (SELECT FROM $from" . where($scope) . ')' if chance(0.1);
    $sql = "SELECT count(*) FROM (SELECT FROM $from" . where($scope) . ' LIMIT ' . pick(0, 1, 5, 100) . ') q' if chance(0.1);
    return { sql => $sql, agree => 'rows' };
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
