# Conditions on one column, by what the column is. Each is SQL that cannot fail
# on any row: what fails depends on the order in which conditions are looked at.
package Differential::Leaves;

use strict;
use warnings;
use utf8;

use Exporter 'import';

use Encode ();

use Differential::Constants qw(constant typed_list array_of);
use Differential::Patterns qw(like_condition prefix_condition regex_condition);
use Differential::Random;
use Differential::Scope qw(quoted);

our @EXPORT_OK = qw(leaf);

my @operators = ('=', '=', '=', '<>', '<', '<=', '>', '>=');
my %flipped = ('=' => '=', '<>' => '<>', '<' => '>', '<=' => '>=', '>' => '<', '>=' => '<=');

# ---- any type ----

sub comparison {
    my ($scope, $one) = @_;
    my $operator = pick(@operators);
    $scope->note($operator, $one);
    my $constant = chance(0.02) ? 'NULL' : constant($scope, $one);
    return chance(0.2) ? "$constant $flipped{$operator} $one->{sql}" : "$one->{sql} $operator $constant";
}

sub null_test {
    my ($scope, $one) = @_;
    my $test = pick('IS NULL', 'IS NOT NULL');
    $scope->note($test, $one);
    return "$one->{sql} $test";
}

# A column, to be compared with what it cannot hold: that is NULL, and so distinct from itself.
sub too_narrow {
    my ($scope) = @_;
    my $one = $scope->column(sub { $_[0]{wide} && !$_[0]{native} }) or return;
    return @{ $one->{beyond} } ? { %$one, values => $one->{beyond} } : undef;
}

sub distinct_from {
    my ($scope, $one) = @_;
    my $test = pick('IS DISTINCT FROM', 'IS NOT DISTINCT FROM');
    $one = too_narrow($scope) // $one if !$one->{column}{native} && chance(0.3);
    $scope->note($test, $one);
    return "$one->{sql} $test " . (chance(0.1) ? 'NULL' : constant($scope, $one));
}

sub between_constants {
    my ($scope, $one) = @_;
    my $test = pick('BETWEEN', 'BETWEEN', 'BETWEEN SYMMETRIC', 'NOT BETWEEN');
    $scope->note($test, $one);
    return "$one->{sql} $test " . constant($scope, $one) . ' AND ' . constant($scope, $one);
}

sub in_list {
    my ($scope, $one) = @_;
    my $test = pick('IN', 'IN', 'NOT IN');
    $scope->note($test, $one);
    return "$one->{sql} $test (" . join(', ', typed_list($scope, $one, chance(0.1) ? 40 : 6)) . ')';
}

sub any_array {
    my ($scope, $one) = @_;
    my @forms = (['=', 'ANY'], ['<>', 'ALL'], ['<>', 'ANY'], ['=', 'ALL']);
    # equality of a key is a lookup
    push @forms, ['=', 'ANY'], ['<', 'ANY'], ['>=', 'ALL'] unless $one->{column}{key};
    my ($operator, $which) = @{ pick(@forms) };
    $scope->note("$operator $which", $one);
    return "$one->{sql} $operator $which (" . array_of($scope, $one) . ')';
}

sub two_columns {
    my ($scope, $one) = @_;
    my $other    = $scope->partner($one) or return comparison($scope, $one);
    my $operator = pick(@operators, 'IS DISTINCT FROM');
    $scope->note("$operator column", $one);
    return "$one->{sql} $operator $other->{sql}";
}

# ---- by family ----

sub collated {
    my ($scope, $one) = @_;
    my $collation = pick('"C"', '"C"', '"und-x-icu"', '"en-x-icu"', 'no_case', 'no_case', '"ucs_basic"');
    my $operator = pick(@operators, '=');
    $scope->note("$operator COLLATE", $one);
    my $value = @{ $one->{values} } ? pick(@{ $one->{values} }) : 'Pro';
    $value = pick(lc $value, uc $value) if $collation eq 'no_case' && chance(0.3);
    my $text = quoted($value);
    return chance(0.5) ? "$one->{sql} COLLATE $collation $operator $text" : "$one->{sql} $operator $text COLLATE $collation";
}

my @text_functions = (
    sub { "lower($_[0]) = " . quoted(lc $_[1]) }, sub { "upper($_[0]) = " . quoted(uc $_[1]) }, sub { "length($_[0]) " . pick('=', '<', '>=') . ' ' . pick(0 .. 8) }, sub { "$_[0] || 'x' = " . quoted("$_[1]x") },
    sub { "octet_length($_[0]) > " . pick(0 .. 8) }, sub { "strpos($_[0], " . quoted(substr $_[1], -1) . ') > 0' }, sub { "left($_[0], 2) = " . quoted(substr $_[1], 0, 2) }, sub { "btrim($_[0]) = " . quoted($_[1]) },
    sub { "coalesce($_[0], '') = " . quoted($_[1]) }, sub { "nullif($_[0], " . quoted($_[1]) . ') IS NULL' }, sub { "md5($_[0]) < '8'" }, sub { "($_[0] = " . quoted($_[1]) . ') IS ' . pick('TRUE', 'NOT TRUE', 'FALSE', 'NOT FALSE', 'UNKNOWN', 'NOT UNKNOWN') },
    sub { "CASE WHEN $_[0] = " . quoted($_[1]) . " THEN true ELSE $_[0] IS NULL END" }, sub { "$_[0] < " . quoted($_[1]) . '::name' }, sub { "concat($_[0], '') = " . quoted($_[1]) }, sub { "convert_to($_[0], 'UTF8') > " . quoted('\\x' . unpack 'H*', Encode::encode_utf8(substr $_[1], 0, 20)) . '::bytea' },
);

my @lookalikes = ('%s OPERATOR(crm.=) %s', '%s OPERATOR(crm.~~) %s', 'crm.starts_with(%s, %s)', 'crm.lower(%s) = %s', '%s = %s::crm.word', '%s OPERATOR(pg_catalog.=) %s', 'pg_catalog.starts_with(%s, %s)');

sub lookalike {
    my ($scope, $one) = @_;
    my $form = pick(@lookalikes);
    $scope->note('lookalike', $one);
    return sprintf $form, $one->{sql}, quoted(@{ $one->{values} } ? pick(@{ $one->{values} }) : 'Pro');
}

sub text_function {
    my ($scope, $one) = @_;
    $scope->note('function', $one);
    my $sql = pick(@text_functions)->($one->{sql}, @{ $one->{values} } ? pick(@{ $one->{values} }) : 'Pro');
    # a name has a collation of its own, and which of two wins is not to be known
    return $one->{column}{collation} ? $sql =~ s/::name/::text/r : $sql;
}

sub bare {
    my ($scope, $one) = @_;
    my $form = pick('%s', '%s', 'NOT %s', 'NOT %s', '%s IS TRUE', '%s IS NOT TRUE', '%s IS FALSE', '%s IS NOT FALSE', '%s IS UNKNOWN', '%s IS NOT UNKNOWN', '(NOT %s) IS TRUE', 'coalesce(%s, false)', '(%s AND true)');
    $scope->note('lookalike', $one);
    return sprintf $form, $one->{sql};
}

my @int_functions = ('%s %% 3 = 1', '%s & 1 = 1', '%s::text LIKE \'1%%\'', '%s::numeric / 2 > 3', '%s::double precision = 9007199254740992', 'sign(%s) = -1', '%s + 0.5 > 5', 'coalesce(%s, 0) = 0', 'nullif(%s, 5) IS NULL', 'width_bucket(%s, 0, 10, 3) = 2', '%s BETWEEN 0 AND 5.5');
my @float_functions = ('%s::text = \'5\'', 'floor(%s) = 5', 'abs(%s) < 1', 'sign(%s) < 0', '%s + 0 = 5', 'coalesce(%s, -1) < 0', 'round(%s) = 0', '%s IS DISTINCT FROM 0');
my @num_functions = ('%s::text = \'5\'', 'scale(%s) > 1', 'abs(%s) <= 5', '%s %% 1 = 0', 'round(%s, 1) = 0.1', '%s + 1 > 5', 'trim_scale(%s)::text = \'5\'');
my @time_functions = ('date_trunc(\'day\', %s) = \'2025-01-01\'', '%s::date = \'2025-01-01\'', 'extract(year from %s) = 2025', '%s + interval \'1 day\' > \'2025-01-01\'', '%s - interval \'1 month\' < \'2024-06-01\'', 'extract(epoch from %s) < 0', 'to_char(%s, \'DD\') = \'01\'', '%s AT TIME ZONE \'UTC\' < \'2025-01-01\'', '(%s, 1) < (\'2025-01-01\'::timestamptz, 2)', '%s::time > \'12:00\'');
my @json_functions = ('jsonb_typeof(%s) = \'string\'', '%s @> \'["Pro"]\'', '%s @> \'"Pro"\'', '%s ? \'a\'', '%s ->> \'a\' = \'Pro\'', '%s -> 0 = \'"Pro"\'', '%s ->> 0 = \'5\'', '%s ?| ARRAY[\'a\', \'Pro\']', '%s ?& ARRAY[\'Pro\', \'pro\']', '%s <@ \'["Pro", "pro", "Free", 5, true, null]\'', '%s @? \'$[*] ? (@ == "Pro")\'',
    '%s #>> \'{custom,t}\' = \'Pro\'', '%s -> \'custom\' ->> \'t\' LIKE \'P%%\'', '%s::text LIKE \'%%Pro%%\'', '%s = \'[]\'', '%s @> \'{"custom": {"b": true}}\'', '%s -> \'agent\' IS NULL', '(%s ->> \'n\') IS NULL', '%s ? \'agent\'', '%s @> \'[]\'', '%s @> \'{}\'', '%s || \'[]\' = \'[]\'');
my %functions = (int => \@int_functions, float => \@float_functions, num => \@num_functions, time => \@time_functions, json => \@json_functions);

sub function {
    my ($scope, $one) = @_;
    my $form = pick(@{ $functions{ $one->{column}{family} } });
    return null_test($scope, $one) if $one->{column}{family} eq 'json' && $form =~ /\|\|/;
    $scope->note($one->{column}{family} eq 'json' ? $form =~ s/%s/x/r =~ s/%%/%/gr : 'function', $one);
    return sprintf $form, $one->{sql};
}

# ---- the choice ----

my @any = (\&comparison => 30, \&null_test => 6, \&distinct_from => 7, \&between_constants => 6, \&in_list => 10, \&any_array => 7, \&two_columns => 5);

my %choice = (
    key   => [\&comparison => 25, \&in_list => 12, \&any_array => 16, \&collated => 15, \&null_test => 2, \&distinct_from => 4, \&between_constants => 6, \&two_columns => 3, \&like_condition => 12, \&prefix_condition => 5, \&regex_condition => 1, \&text_function => 4, \&lookalike => 3],
    text  => [@any, \&lookalike => 3, \&like_condition => 20, \&prefix_condition => 5, \&collated => 6, \&regex_condition => 3, \&text_function => 8],
    bool  => [\&bare => 40, @any],
    json  => [\&function => 50, \&null_test => 10, \&comparison => 6, \&distinct_from => 4, \&in_list => 2],
    map { $_ => [@any, \&function => 9] } qw(int float num time),
);

# family: of that family only; native: whether of a column whose values can be trusted.
sub leaf {
    my ($scope, $family, $native) = @_;
    $native //= chance(0.5);
    $family //= weighted(text => 32, int => 15, time => 15, bool => 12, float => 9, num => 6, json => 6, key => 12);
    return weighted(@{ $choice{key} })->($scope, $scope->key) if $family eq 'key';
    my $one = $scope->column(sub { $_[0]{family} eq $family && ($family eq 'json' || !!$_[0]{native} == !!$native) && !$_[0]{key} });
    $one //= $scope->column(sub { $_[0]{family} ne 'json' });
    return weighted(@{ $choice{ $one->{column}{family} } })->($scope, $one);
}

1;
