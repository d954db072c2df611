# The switches of the simulator for what Pendo's documents leave open about
# reading. The results must be the same whatever they are.
package Differential::Switches;

use strict;
use warnings;

use Exporter 'import';

use Differential::Random;

our @EXPORT_OK = qw(known_switches draw_switches);

# Not here: collation, which the paging by key relies on, and is_null_means: each
# known use of isNull shows what it means.
my %values = (
    null_sort             => [qw(first last always_first always_last)],
    comparison_case       => [qw(sensitive insensitive)],
    contains_case         => [qw(sensitive insensitive)],
    lower_case_letters    => [qw(unicode ascii)],
    mixed_sort            => [qw(by_type by_text)],
    mixed_comparison      => [qw(null false convert error)],
    mixed_equality        => [qw(distinct convert error)],
    boolean_number        => [qw(distinct convert error)],
    large_integers        => [qw(float exact)],
    list_not_equal        => [qw(null compare error)],
    type_error            => [qw(null error)],
    division_by_zero      => [qw(null zero error)],
    missing_is_null       => [qw(yes no)],
    not_null              => [qw(null true error)],
    logic_non_boolean     => [qw(numbers truthy false error)],
    filter_non_boolean    => [qw(drop numbers truthy error)],


    contains_null         => [qw(null false)],
    contains_list_literal => [qw(accept refuse null)],
    list_literal_types    => [qw(any null error)],
    len_null              => [qw(null zero error)],
    lower_non_string      => [qw(null same error)],
    in_operator           => [qw(refuse accept)],
    single_quotes         => [qw(refuse accept)],
    backtick_escape       => [qw(none backslash)],
    newline_in_quotes     => [qw(accept refuse)],
    unknown_escape        => [qw(refuse keep)],
    string_length         => [qw(bytes characters)],
    html_escape           => [qw(yes no)],
    integer_text          => [qw(digits exponent)],
    empty_results         => [qw(array null absent)],
    start_time            => [qw(time_range always never)],
    reduce_empty          => [qw(row nothing)],
    group_dotted_key      => [qw(flat nested)],
    count_null            => [qw(skip count)],
    list_null             => [qw(skip keep)],
    sum_of_none           => [qw(zero null)],
    not_found_body        => [qw(text json json_string empty)],
    dot_segments          => [qw(serve clean)],
    base64_prefix         => [qw(optional required)],
    variance              => [qw(population sample)],
    percentile_method     => [qw(linear nearest)],
    switch_no_match       => [qw(drop keep)],
);

# Those that the simulator has, by name; accepts: does it take that switch and value?
sub known_switches {
    my ($accepts) = @_;
    my %known;
    for my $name (sort keys %values) {
        my @taken = grep { $accepts->($name, $_) } @{ $values{$name} };
        $known{$name} = \@taken if @taken;
    }
    return \%known;
}

# Whoever writes an integer as 9.22e+18 has it as a float, and so compares it as
# one. Were it not so, no row could be named by the value that was shown: pages
# sorted by a column of such integers then end with an ERROR (a row comes twice).
sub draw_switches {
    my ($known) = @_;
    my %drawn = map { $_ => pick(@{ $known->{$_} }) } sort keys %$known;
    $drawn{large_integers} = 'float' if ($drawn{integer_text} // '') eq 'exponent' && exists $drawn{large_integers};
    return \%drawn;
}

1;
