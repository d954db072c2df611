# WHERE: trees of conditions.
package Differential::Condition;

use strict;
use warnings;

use Exporter 'import';

use Differential::Leaves qw(leaf);
use Differential::Random;

our @EXPORT_OK = qw(condition exact_condition);

# SQL of a condition; depth: how deep it may be.
sub condition {
    my ($scope, $depth) = @_;
    $depth //= weighted(0 => 40, 1 => 35, 2 => 20, 3 => 5);
    return leaf($scope) if $depth == 0;
    my $kind = weighted(and => 45, or => 30, not => 12, chain => 5, truth => 4, subquery => 4);
    return constant_truth($scope, $depth) if $kind eq 'truth';
    return key_subquery($scope) if $kind eq 'subquery';
    return 'NOT (' . condition($scope, $depth - 1) . ')' if $kind eq 'not';
    return same_column($scope) if $kind eq 'chain';
    my @parts = map { condition($scope, chance(0.6) ? $depth - 1 : 0) } 1 .. weighted(2 => 70, 3 => 25, 4 => 5);
    return join $kind eq 'and' ? ' AND ' : ' OR ', map { "($_)" } @parts;
}

# Of columns whose values can be trusted and are no texts: what Pendo may count.
sub exact_condition {
    my ($scope, $depth) = @_;
    $depth //= weighted(0 => 50, 1 => 40, 2 => 10);
    return 'NOT (' . exact_condition($scope, $depth - 1) . ')' if $depth > 0 && chance(0.1);
    return leaf($scope, pick(qw(int int float time bool)), 1) if $depth == 0;
    # now and then with a part that cannot be sent
    my @parts = (map({ exact_condition($scope, $depth - 1) } 1 .. 2), chance(0.15) ? leaf($scope) : ());
    return join pick(' AND ', ' OR '), map { "($_)" } shuffled(@parts);
}

# Conditions that speak of the same family, as ranges do.
sub same_column {
    my ($scope) = @_;
    my $family = pick(qw(text int time float num));
    return join pick(' AND ', ' OR '), map { '(' . leaf($scope, $family) . ')' } 1 .. 2;
}

sub constant_truth {
    my ($scope, $depth) = @_;
    return '(' . condition($scope, $depth - 1) . ') ' . pick('AND true', 'OR false', 'OR NULL', 'AND NOT NULL::boolean IS TRUE', 'IS NOT NULL', 'IS UNKNOWN', 'IS NOT TRUE', '= true', 'AND 1 = 1', 'AND random() < 2');
}

sub key_subquery {
    my ($scope) = @_;
    my $key = $scope->key;
    my $column = $key->{entry}{name} eq 'visitors' ? 'id' : 'account';
    my $what = pick('', " WHERE n > 0", " WHERE plan = 'Pro'", ' WHERE flag');
    my $form = pick('in', 'in', 'not in', 'array', 'array', 'exists', 'not exists', 'scalar');
    $scope->note("subquery $form", $key);
    return "$key->{sql} IN (SELECT $column FROM crm.users$what)" if $form eq 'in';
    return "$key->{sql} NOT IN (SELECT $column FROM crm.users WHERE $column IS NOT NULL)" if $form eq 'not in';
    return "$key->{sql} = ANY (ARRAY(SELECT $column FROM crm.users$what))" if $form eq 'array';
    return "$key->{sql} = (SELECT max($column) FROM crm.users$what)" if $form eq 'scalar';
    return ($form eq 'exists' ? '' : 'NOT ') . "EXISTS (SELECT FROM crm.users u WHERE u.$column = $key->{sql}" . ($what =~ s/ WHERE/ AND/r =~ s/AND (\w)/AND u.$1/r) . ')';
}

1;
