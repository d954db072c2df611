# Conditions that fail on some rows. They stand alone: which of two conditions is
# looked at first is the planner's to say.
package Differential::Failures;

use strict;
use warnings;

use Exporter 'import';

use Differential::Random;

our @EXPORT_OK = qw(failing_query);

my %conditions = (
    text  => ['%s::integer > 3', '%s::date > \'2025-01-01\'', '%s LIKE \'Pro\\\'', '%s LIKE \'a!\' ESCAPE \'!\'', '%s LIKE \'a\' ESCAPE \'ab\'', '%s ~ \'(\'', '%s::jsonb IS NULL', 'chr(length(%s) - 1) = \'x\'', '%s COLLATE no_case LIKE \'p%%\''],
    bool  => ['%s::text::integer > 0', '1 / %s::integer = 1'],
    int   => ['10 / %s > 1', '%s::smallint = 1', '%s + 9223372036854775807 > 0', '%s * 1000000000000 > 0', 'chr(%s::integer) = \'a\'', '%s %% %s = 0', '-%s > 0', 'abs(%s) > 3'],
    float => ['1 / %s > 1', 'sqrt(%s) > 1', 'ln(%s) > 0', '%s::integer = 1', '%s * 1e308 > 0', 'exp(%s) > 1', '%s / 2 > 1'],
    num   => ['1 / %s > 1', 'sqrt(%s) > 1', '%s::bigint = 1', '%s::numeric(3,2) = 1', 'ln(%s) > 0'],
    time  => ['%s + interval \'200000 years\' > now()', '%s - interval \'5000 years\' < now()', 'date_trunc(\'no unit\', %s) = now()', '%s AT TIME ZONE \'Nowhere\' > now()', 'make_interval(secs => extract(epoch from %s)::double precision * 1e300) IS NULL'],
    json  => ['jsonb_array_length(%s) > 1', '(%s ->> 0)::integer > 3', '%s::integer > 3', '(%s ->> \'a\')::date > now()', 'jsonb_object_keys(%s) = \'a\''],
);

sub failing_query {
    my ($scope) = @_;
    my ($alias, $from) = $scope->main;
    my $one = $scope->column;
    my $condition = pick(@{ $conditions{ $one->{column}{family} } }) =~ s/%s/$one->{sql}/gr =~ s/%%/%/gr;
    $scope->note('may fail', $one);
    return { sql => "SELECT $one->{sql} FROM $from WHERE $condition", agree => 'rows' } if chance(0.7);
    return { sql => "SELECT count(*) FROM $from WHERE $condition", agree => 'rows' };
}

1;
