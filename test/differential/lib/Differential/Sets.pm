# UNION and its kin, WITH, LATERAL.
package Differential::Sets;

use strict;
use warnings;

use Exporter 'import';

use Differential::Condition qw(condition);
use Differential::Joins qw(between_tables);
use Differential::Ordering qw(total_order);
use Differential::Random;
use Differential::Select qw(columns_of where);

our @EXPORT_OK = qw(set_query cte_query lateral_query correlated_query);

sub set_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my $one = $scope->column(sub { $_[0]{family} =~ /text|bool|int/ && !$_[0]{collation} });
    my $columns = join ', ', $scope->key->{sql}, $one->{sql};
    $columns = $one->{sql} if chance(0.3);
    my $operator = pick('UNION', 'UNION ALL', 'EXCEPT', 'EXCEPT ALL', 'INTERSECT', 'INTERSECT ALL');
    my $full = "SELECT $columns FROM $from" . where($scope) . " $operator SELECT $columns FROM $from" . where($scope);
    return { sql => "$full LIMIT " . pick(1, 5, 50), agree => 'part', full => $full } if chance(0.15);
    return { sql => "SELECT count(*) FROM ($full) q", agree => 'rows' } if chance(0.15);
    return { sql => $full, agree => 'rows' };
}

sub cte_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my $materialized = pick('', '', 'MATERIALIZED ', 'NOT MATERIALIZED ');
    # its columns have the table's names, so conditions on it read the same
    return { sql => "WITH $alias AS $materialized(SELECT * FROM $from" . where($scope) . ') SELECT ' . columns_of($scope) . " FROM $alias" . where($scope), agree => 'rows' } if chance(0.6);
    my $key = $scope->key->{sql};
    return { sql => "WITH RECURSIVE r(id, depth) AS (SELECT $key, 1 FROM $from" . where($scope) . " UNION SELECT $key, depth + 1 FROM r JOIN $from ON $key = r.id || '1' WHERE depth < 3) SELECT id, depth FROM r", agree => 'rows' };
}

sub lateral_query {
    my ($scope) = @_;
    my ($alias, $from, $table) = $scope->main;
    my $key = $scope->key->{sql};
    my $id  = $table eq 'visitors' ? 'u.id' : 'u.account';
    my $on  = pick("$key = $id", "$key > $id COLLATE \"C\"", "$key = ANY (ARRAY[$id, u.plan])", "$key = $id OR u.n = 1", between_tables($scope), between_tables($scope));
    my $inner = "SELECT " . columns_of($scope) . ", $key AS k FROM $from WHERE $on" . (chance(0.5) ? ' AND (' . condition($scope) . ')' : '') . ' ORDER BY ' . $key . ' COLLATE "C" LIMIT ' . pick(1, 2, 5);
    my $join = pick('CROSS JOIN LATERAL', 'LEFT JOIN LATERAL');
    return { sql => "SELECT u.id, u.n, q.* FROM (SELECT * FROM crm.users LIMIT 15) u $join ($inner) q" . ($join =~ /LEFT/ ? ' ON true' : ''), agree => 'rows' };
}

# Scans that run again for each row, with other values in their conditions.
sub correlated_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my $key = $scope->key->{sql};
    my $conditions = between_tables($scope) . (chance(0.4) ? ' AND (' . condition($scope, pick(0, 1)) . ')' : '') . (chance(0.3) ? ' AND ' . between_tables($scope) : '');
    my $value = pick("count(*)", "min($key COLLATE \"C\")", "max($key COLLATE \"C\")");
    return { sql => "SELECT u.id, u.n, (SELECT $value FROM $from WHERE $conditions) FROM (SELECT * FROM crm.users LIMIT 10) u", agree => 'rows' };
}

1;
