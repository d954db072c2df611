# Joins of Pendo's tables with local ones and with each other, mostly on the key.
package Differential::Joins;

use strict;
use warnings;

use Exporter 'import';

use Differential::Condition qw(condition);
use Differential::Ordering qw(total_order);
use Differential::Random;
use Differential::Select qw(columns_of);

our @EXPORT_OK = qw(join_query between_tables);

my @extras = ('u.n > 0', 'u.flag', "u.plan = 'Pro'", 'u.plan IS NULL', 'u.at < now()', 'u.score >= 0.1', 'u.id <> \'x\'');

sub between_tables {
    my ($scope) = @_;
    my $one = $scope->column(sub { $_[0]{family} =~ /text|int|time|float/ && !$_[0]{collation} });
    my %local = (text => 'plan', int => 'n', time => 'at', float => 'score');
    my $operator = pick('=', '=', '<>', '<', '>=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM');
    $scope->note("$operator join", $one);
    return "$one->{sql} $operator u.$local{ $one->{column}{family} }";
}

sub extra {
    my ($scope) = @_;
    my @list;
    push @list, '(' . condition($scope, pick(0, 0, 1)) . ')' if chance(0.4);
    push @list, between_tables($scope) if chance(0.25);
    push @list, pick(@extras) if chance(0.25);
    return join '', map { " AND $_" } @list;
}

sub join_query {
    my ($scope) = @_;
    my ($alias, $from, $table) = $scope->main;
    return both_tables($scope) if chance(0.25);
    return with_itself($scope) if chance(0.1);
    my $key = $scope->key->{sql};
    my $id  = $table eq 'visitors' ? 'u.id' : 'u.account';
    my $on  = chance(0.05) ? between_tables($scope) : "$key = $id";
    $scope->note('join', $scope->key);
    my $columns = columns_of($scope);
    my $kind = weighted(inner => 4, left => 2, right => 2, full => 1, semi => 2, anti => 2, cross => 0.5);
    my $where = chance(0.5) ? ' WHERE (' . condition($scope) . ')' : '';
    if ($kind eq 'inner') {
        my $full = "SELECT $columns, u.id, u.n FROM $from JOIN crm.users u ON $on" . extra($scope) . $where;
        return chance(0.2) ? { sql => $full . ' LIMIT ' . pick(1, 3, 10), agree => 'part', full => $full } : { sql => $full, agree => 'rows' };
    }
    return { sql => "SELECT $columns, u.id, u.n FROM $from LEFT JOIN crm.users u ON $on" . extra($scope) . $where, agree => 'rows' } if $kind eq 'left';
    return { sql => "SELECT $columns, u.id, u.n FROM crm.users u LEFT JOIN $from ON $on" . extra($scope) . $where, agree => 'rows' } if $kind eq 'right';
    return { sql => "SELECT $columns, u.id, u.n FROM crm.users u FULL JOIN $from ON $key = $id$where", agree => 'rows' } if $kind eq 'full';
    return { sql => "SELECT $columns FROM $from CROSS JOIN (SELECT * FROM crm.users LIMIT 3) u WHERE ($key = $id OR " . condition($scope, 0) . ')', agree => 'rows' } if $kind eq 'cross';
    my $not = $kind eq 'anti' ? 'NOT ' : '';
    return { sql => "SELECT u.id, u.account, u.n FROM crm.users u WHERE ${not}EXISTS (SELECT FROM $from WHERE $on" . extra($scope) . ')', agree => 'rows' } if chance(0.5);
    return { sql => "SELECT $columns FROM $from WHERE ${not}EXISTS (SELECT FROM crm.users u WHERE $on" . (chance(0.4) ? ' AND ' . pick(@extras) : '') . ')', agree => 'rows' };

}

sub with_itself {
    my ($scope) = @_;
    my $two = Differential::Scope->new(%$scope, aliases => [])->add(v => 'visitors')->add(w => 'visitors');
    my $on = pick('v.visitor_id = w.visitor_id', 'v.account_id = w.visitor_id', 'v.visitor_id = w.t', 'v.nid = w.i8 AND v.visitor_id < w.visitor_id');
    my $columns = columns_of($two);
    my $join = pick('JOIN', 'LEFT JOIN');
    return { sql => "SELECT $columns, v.visitor_id, w.visitor_id FROM visitors v $join visitors w ON $on WHERE (" . condition($two) . ')', agree => 'rows' };
}

sub both_tables {
    my ($scope) = @_;
    my $two = Differential::Scope->new(%$scope, aliases => [])->add(v => "visitors")->add(a => "accounts");
    my $columns = columns_of($two);
    my $join  = pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN");
    my $where = chance(0.7) ? " WHERE (" . condition($two) . ")" : "";
    return { sql => "SELECT $columns, v.visitor_id, a.account_id FROM visitors v $join accounts a ON v.account_id = a.account_id$where", agree => "rows" };
}

1;
