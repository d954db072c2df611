# A random query: statements, and how the answers of two tables with the same
# rows have to agree.
#
# { kind, steps, notes }; a step: { sql, agree, ... }
#   agree  nothing  only that it fails, or does not
#          rows     the same rows, in any order
#          list     the same rows in the same order
#          keys     the same first `keys` columns in the same order, and the same rows;
#                   with `full` (the query without LIMIT): rows of that
#          part     as many rows, all of them of `full`
#   loose  columns in which equal values may have several texts
#   about  columns that are sums of floats
package Differential::Query;

use strict;
use warnings;

use Exporter 'import';

use Differential::Aggregates qw(count_query aggregate_query group_query distinct_query);
use Differential::Condition qw(condition);
use Differential::Failures qw(failing_query);
use Differential::Joins qw(join_query);
use Differential::Ordering qw(ordered_query limited_query window_query);
use Differential::Random;
use Differential::Scope;
use Differential::Select qw(columns_of where);
use Differential::Sets qw(set_query cte_query lateral_query correlated_query);
use Differential::Statements qw(prepared_query cursor_query function_query);

our @EXPORT_OK = qw(draw_query);

my @kinds = (
    plain => 30, ordered => 9, limited => 16, count => 12, aggregate => 6, group => 6, distinct => 3, join => 10, set => 3, cte => 2, lateral => 2, correlated => 2, window => 2,
    prepared => 3, cursor => 2, function => 1.5, failing => 3,
);

my %makers = (
    plain => \&plain_query, ordered => \&ordered_query, limited => \&limited_query, count => \&count_query, aggregate => \&aggregate_query,
    group => \&group_query, distinct => \&distinct_query, join => \&join_query, set => \&set_query, cte => \&cte_query, lateral => \&lateral_query, correlated => \&correlated_query,
    window => \&window_query, prepared => \&prepared_query, cursor => \&cursor_query, function => \&function_query, failing => \&failing_query,
);

sub plain_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    return { sql => "SELECT " . (chance(0.03) ? pick('*', $alias) : columns_of($scope)) . " FROM $from" . where($scope) . (chance(0.01) ? ' FOR SHARE' : ''), agree => 'rows' };
}

# pool: {table}{column} => values; kind: only of that kind.
sub draw_query {
    my ($tables, $pool, $kind) = @_;
    $kind //= weighted(@kinds);
    my $scope = Differential::Scope->new(tables => $tables, pool => $pool);
    my @steps = $makers{$kind}->($scope);
    return { kind => $kind, steps => \@steps, notes => [sort keys %{ $scope->{notes} }] };
}

1;
