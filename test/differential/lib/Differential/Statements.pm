# Prepared statements, functions in PL/pgSQL, cursors: what is planned once and
# run often, or read a bit at a time.
package Differential::Statements;

use strict;
use warnings;

use Exporter 'import';

use Differential::Condition qw(condition);
use Differential::Ordering qw(total_order);
use Differential::Random;
use Differential::Scope qw(quoted);
use Differential::Select qw(columns_of where);

our @EXPORT_OK = qw(prepared_query cursor_query function_query);

# As many runs as it takes for a generic plan to be thought of, and one more.
my $runs = 7;

# Values for a run's parameters: those that were drawn, or NULL, or others of the same use.
sub arguments_of {
    my ($others, @params) = @_;
    return map {
        my $param = $_;
        my $text = chance(0.1) ? undef : chance(0.5) ? $param->{first} : pick(@{ $others->{ $param->{use} } });
        quoted($text)
    } @params;
}

# LIMIT by a parameter; NULL is no limit.
sub limit_of {
    my ($scope) = @_;
    push @{ $scope->{params} }, { type => 'bigint', use => 'limit', first => pick(0, 1, 3, 10) };
    return ' ORDER BY ' . total_order($scope) . ' LIMIT $' . @{ $scope->{params} };
}

# What else was drawn for parameters of a use; drawn again for the purpose.
sub other_values {
    my ($scope, @params) = @_;
    my %values;
    push @{ $values{ $_->{use} } }, $_->{first} for @params;
    for (1 .. 15) {
        my $more = Differential::Scope->new(%$scope, params => [], notes => {});
        condition($more, 1);
        for my $param (@{ $more->{params} }) { push @{ $values{ $param->{use} } }, $param->{first} if $values{ $param->{use} } }
    }
    return \%values;
}

sub with_params {
    my ($scope, $make) = @_;
    my $sql = $make->();
    my @params = @{ $scope->{params} };
    my $others = other_values($scope, @params);
    return ($sql, \@params, map { [arguments_of($others, @params)] } 1 .. $runs);
}

sub body_of {
    my ($scope, $columns, $from) = @_;
    return "SELECT $columns FROM $from WHERE " . condition($scope, pick(0, 1, 1, 2));
}

sub prepared_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    $scope->take_params;
    my $columns = chance(0.2) ? 'count(*)' : columns_of($scope);
    my $limited = $columns ne 'count(*)' && chance(0.25);
    my ($sql, $params, @arguments) = with_params($scope, sub { body_of($scope, $columns, $from) . ($limited ? limit_of($scope) : '') });
    my $types = @$params ? '(' . join(', ', map { $_->{type} } @$params) . ')' : '';
    my @steps = ({ sql => 'SET plan_cache_mode = ' . pick(qw(auto force_generic_plan)), agree => 'nothing' }, { sql => "PREPARE p$types AS $sql", agree => 'nothing', explain => 0 });
    push @steps, { sql => 'EXECUTE p' . (@$_ ? '(' . join(', ', @$_) . ')' : ''), agree => $limited ? 'list' : 'rows' } for @arguments;
    return @steps, { sql => 'RESET plan_cache_mode', agree => 'nothing', always => 1 }, { sql => 'DEALLOCATE ALL', agree => 'nothing', always => 1 };
}

sub function_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    $scope->take_params;
    my $key = $scope->key->{sql};
    my ($sql, $params, @arguments) = with_params($scope, sub { body_of($scope, $key, $from) });
    $sql =~ s/\$(\d+)\b/p_$1/g;
    my $names = join ', ', map { "p_$_ $params->[$_ - 1]{type}" } 1 .. @$params;
    my $body = chance(0.5) ? "BEGIN RETURN QUERY $sql; END" : "DECLARE r text; BEGIN FOR r IN $sql LOOP RETURN NEXT r; END LOOP; END";
    my @steps = ({ sql => "CREATE FUNCTION pg_temp.f($names) RETURNS SETOF text LANGUAGE plpgsql AS \$body\$ $body \$body\$", agree => 'nothing', explain => 0 });
    push @steps, { sql => 'SELECT * FROM pg_temp.f(' . join(', ', @$_) . ')', agree => 'rows', explain => 0 } for @arguments;
    return @steps, { sql => 'DROP FUNCTION IF EXISTS pg_temp.f', agree => 'nothing', always => 1 };
}

sub cursor_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my $kind = pick('', '', 'NO SCROLL ', 'SCROLL ');
    my $sql = 'SELECT ' . columns_of($scope) . " FROM $from" . where($scope) . ' ORDER BY ' . total_order($scope);
    my $hold = chance(0.15) ? 'WITH HOLD ' : '';
    my @moves = map { pick('FETCH 1 FROM c', 'FETCH 3 FROM c', 'MOVE 2 FROM c', 'FETCH 10 FROM c', 'MOVE 20 FROM c', 'FETCH FORWARD 5 FROM c') } 1 .. between(1, 5);
    push @moves, 'FETCH BACKWARD 2 FROM c', 'MOVE ABSOLUTE 1 FROM c' if $kind eq 'SCROLL ';
    push @moves, 'FETCH ALL FROM c' if chance(0.6);
    return (
        { sql => 'BEGIN', agree => 'nothing', explain => 0 },
        { sql => "DECLARE c ${kind}CURSOR ${hold}FOR $sql", agree => 'nothing', explain => 0, explained => $sql },
        (map { { sql => $_, agree => /MOVE/ ? 'nothing' : 'list', explain => 0 } } @moves),
        { sql => pick('COMMIT', 'ROLLBACK'), agree => 'nothing', always => 1, explain => 0 },
        { sql => 'CLOSE ALL', agree => 'nothing', always => 1, explain => 0 },
    );
}

1;
