# ORDER BY and LIMIT, and what stands on them.
package Differential::Ordering;

use strict;
use warnings;

use Exporter 'import';

use Differential::Condition qw(condition);
use Differential::Random;
use Differential::Select qw(columns_of where sortable);

our @EXPORT_OK = qw(ordered_query limited_query window_query order_key total_order);

my @directions = ('', '', '', ' DESC', ' DESC', ' ASC NULLS FIRST', ' DESC NULLS LAST', ' NULLS LAST', ' DESC NULLS FIRST', ' USING <', ' USING >');

# (the key's column, SQL of the key)
sub order_key {
    my ($scope) = @_;
    my $one = chance(0.3) ? $scope->key : sortable($scope);
    my $direction = pick(@directions);
    $scope->note('ORDER BY' . $direction, $one);
    my $collation = $one->{column}{family} eq 'text' && chance(0.4) ? ' COLLATE ' . pick('"C"', '"C"', '"und-x-icu"') : '';
    return ($one->{sql}, $one->{sql} . $collation . $direction);
}

# Keys that end with one that leaves no ties.
sub total_order {
    my ($scope) = @_;
    my @keys = map { (order_key($scope))[1] } 1 .. between(0, 2);
    return join ', ', @keys, $scope->key->{sql} . pick('', ' COLLATE "C"', ' COLLATE "C" DESC', ' DESC');
}

sub limit_of { return pick('', ' LIMIT ALL') if chance(0.03); return ' LIMIT ' . pick(0, 1, 1, 2, 3, 5, 10, 50, 1000) . (chance(0.3) ? ' OFFSET ' . pick(0, 1, 3, 20, 1000) : '') }

# LIMIT that keeps ties: they are part of the answer.
sub with_ties {
    my ($scope, $from) = @_;
    my @keys = map { [order_key($scope)] } 1 .. pick(1, 1, 2);
    my $list = join ', ', (map { $_->[0] } @keys), columns_of($scope);
    return { sql => "SELECT $list FROM $from" . where($scope) . ' ORDER BY ' . join(', ', map { $_->[1] } @keys) . ' FETCH FIRST ' . pick(1, 3, 10) . ' ROWS WITH TIES', agree => 'keys', keys => scalar @keys };
}

sub ordered_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    return with_ties($scope, $from) if chance(0.08);
    return { sql => 'SELECT ' . columns_of($scope) . " FROM $from" . where($scope) . ' ORDER BY ' . total_order($scope) . (chance(0.5) ? limit_of() : ''), agree => 'list' } if chance(0.6);
    my @keys = map { [order_key($scope)] } 1 .. between(1, 2);
    my $list = join ', ', (map { $_->[0] } @keys), columns_of($scope);
    return { sql => "SELECT $list FROM $from" . where($scope) . ' ORDER BY ' . join(', ', map { $_->[1] } @keys), agree => 'keys', keys => scalar @keys };
}

sub limited_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my @keys = map { [order_key($scope)] } 1 .. pick(0, 1, 1, 1, 2);
    my $list = join ', ', (map { $_->[0] } @keys), columns_of($scope);
    my $full = "SELECT $list FROM $from" . where($scope);
    my $limit = limit_of();
    $scope->note('LIMIT', $scope->key) unless @keys;
    # more rows than records
    $full =~ s/ FROM/, generate_series(1, 3) FROM/ if chance(0.05);
    return { sql => $full . $limit, agree => 'part', full => $full } unless @keys;
    return { sql => $full . ' ORDER BY ' . join(', ', map { $_->[1] } @keys) . $limit, agree => 'keys', keys => scalar @keys, full => $full };
}

# Functions whose answer ties cannot change.
sub window_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my $key   = $scope->key->{sql};
    my $group = sortable($scope)->{sql};
    my ($sql, $order) = order_key($scope);
    my $total = total_order($scope);
    my $function = pick("rank() OVER (ORDER BY $order)", "dense_rank() OVER (PARTITION BY $group ORDER BY $order)", 'count(*) OVER ()', "count($group) OVER (PARTITION BY $group)",
        "row_number() OVER (ORDER BY $total)", "lag($key) OVER (ORDER BY $total)", "count(*) OVER (ORDER BY $order)", "first_value($key) OVER (PARTITION BY $group ORDER BY $total)");
    my $inner = "SELECT $key AS id, $function AS w FROM $from" . where($scope);
    return { sql => chance(0.4) ? "SELECT * FROM ($inner) q WHERE w::text < '5'" : $inner, agree => 'rows' };
}

1;
