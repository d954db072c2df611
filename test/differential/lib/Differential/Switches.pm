# The switches of the simulator for what Pendo's documents leave open about
# reading. The results must be the same whatever they are.
package Differential::Switches;

use strict;
use warnings;

use Exporter 'import';

use Differential::Random;

our @EXPORT_OK = qw(draw_switches);

# Not here: collation, which the paging by key relies on.
my %values = (
    null_sort         => [qw(first last)],
    comparison_case   => [qw(sensitive insensitive)],
    mixed_comparison  => [qw(null false convert error)],
    mixed_equality    => [qw(false convert error null)],
    list_not_equal    => [qw(null compare error)],
    type_error        => [qw(null error)],
    division_by_zero  => [qw(null zero error)],
    missing_is_null   => [qw(yes no)],
    contains_null     => [qw(null false)],
    in_operator       => [qw(refuse accept)],
    single_quotes     => [qw(refuse accept)],
    backtick_escape   => [qw(none backslash)],
    newline_in_quotes => [qw(accept refuse)],
    string_length     => [qw(bytes characters)],
    html_escape       => [qw(yes no)],
    integer_text      => [qw(digits exponent)],
    empty_results     => [qw(array null absent)],
    start_time        => [qw(time_range always never)],
    reduce_empty      => [qw(row nothing)],
    group_dotted_key  => [qw(flat nested)],
);

# known: what the simulator has, by name.
sub draw_switches {
    my ($known) = @_;
    my %drawn = map { $_ => pick(@{ $values{$_} }) } sort keys %values;
    return { map { $_ => $drawn{$_} } grep { exists $known->{$_} } keys %drawn };
}

1;
