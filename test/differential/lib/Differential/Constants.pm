# Constants to compare a column with: its values, those that it cannot hold, their
# neighbours, and borders, as text with the type that the query will give them.
package Differential::Constants;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Math::BigInt;

use Differential::Convert qw(time_text);
use Differential::Random;
use Differential::Scope qw(quoted);

our @EXPORT_OK = qw(constant typed_list array_of);

my %draw = (text => \&text_constant, bool => \&bool_constant, int => \&int_constant, float => \&float_constant, num => \&num_constant, time => \&time_constant, json => \&json_constant);
my %array_type = (text => 'text', bool => 'boolean', int => 'bigint', float => 'double precision', num => 'numeric', time => 'timestamptz', json => 'jsonb');

# SQL of a constant for that column.
sub constant {
    my ($scope, $one) = @_;
    return $draw{ $one->{column}{family} }->($scope, $one);
}

sub value_of { my ($one, @otherwise) = @_; return @{ $one->{values} } && chance(0.85) ? pick(@{ $one->{values} }) : pick(@otherwise) }

my @texts = ('', ' ', 'Pro', 'pro', 'a', 'ab', 'z', '~', '5', 'true', 'null', '[1]', '%', '_', '\\', "'", '"', 'ü', "\x{10ffff}", "\x{ffff}", '😀', "\n", 'nobody');

sub text_near {
    my ($text) = @_;
    return pick(lc $text, uc $text, "$text ", " $text", $text . 'a', $text . "\x01", $text . "\x{10ffff}", substr($text, 0, -1), ucfirst $text, "$text$text", quotemeta $text, reverse $text);
}

sub text_plain {
    my ($one) = @_;
    my $text = value_of($one, @texts);
    return chance(0.25) ? text_near($text) : $text;
}

sub text_constant {
    my ($scope, $one) = @_;
    my $text = text_plain($one);
    return $scope->constant($text, 'text') if chance(0.6);
    return $scope->constant($text, 'varchar') if chance(0.15);
    return quoted($text) . '::bpchar' if chance(0.05);
    return quoted($text);
}

sub bool_constant { my ($scope) = @_; return chance(0.5) ? $scope->constant(pick(qw(t f)), 'boolean') : pick(qw(true false), "'t'", "'off'") }

my @integers = qw(0 1 -1 5 100 32767 32768 -32768 -32769 2147483647 2147483648 9007199254740991 9007199254740992 9007199254740993 -9007199254740992 -9007199254740993
  9223372036854775807 -9223372036854775808);

sub integer_plain {
    my ($one) = @_;
    my $integer = Math::BigInt->new(value_of($one, @integers));
    $integer += pick(1, -1, 1, -1, 2, 512) if chance(0.25);
    return $integer->bstr;
}

my %limits = (smallint => 32767, integer => 2147483647, bigint => 9223372036854775807);

sub int_constant {
    my ($scope, $one) = @_;
    my $text = integer_plain($one);
    my $size = Math::BigInt->new($text)->babs;
    my @types = grep { $size <= $limits{$_} } qw(smallint integer bigint bigint);
    my $form = weighted(plain => 5, typed => 5, numeric => 1.5, fraction => 1, float => 1);
    return $scope->constant($text, pick(@types)) if $form eq 'typed' && @types;
    return $scope->constant($text, 'numeric') if $form eq 'numeric';
    return $text . pick('.0', '.5', '.000001') if $form eq 'fraction';
    return $scope->constant($text . pick('', '.5'), 'double precision') if $form eq 'float';
    return $text =~ /^-/ ? "($text)" : $text;
}

my @floats = qw(0 -0 1 -1 0.1 0.3 5 5.5 1e308 -1e308 1.7976931348623157e308 5e-324 NaN Infinity -Infinity 9007199254740993 1e15 16777217);

sub float_constant {
    my ($scope, $one) = @_;
    my $text = value_of($one, @floats);
    my $form = weighted(float8 => 6, plain => 3, float4 => 0.7, numeric => 1, int => 1);
    return $scope->constant($text =~ /^-?[\d.e+-]+$/ && chance(0.2) ? neighbour($text) : $text, 'double precision') if $form eq 'float8' || $text =~ /N|I/i;
    return integer_plain({ values => [] }) =~ s/^(-.*)/($1)/r if $form eq 'int';
    return $scope->constant(abs $text > 1e37 || (abs $text < 1e-37 && $text != 0) ? 1 : $text, 'real') if $form eq 'float4';
    return $scope->constant($text, 'numeric') if $form eq 'numeric';
    return $text =~ /^-/ ? "($text)" : $text;
}

# Other than a float by the least that 17 digits show.
sub neighbour { my ($text) = @_; return $text =~ s/([0-8])(?=(?:e[+-]?\d+)?$)/$1 + 1/er }

my @numbers = qw(0 1 -1 0.1 0.10 0.30000000000000004 5 5.0 5.00 99.99 99.990 999.99 1000 0.0000001 NaN 9007199254740993 0.1000000000000000055511151231257827);

sub num_constant {
    my ($scope, $one) = @_;
    my $text = value_of($one, @numbers);
    $text .= pick('', '', '0', '1') if $text =~ /\.\d+$/;
    # more digits than a double has
    $text .= ($text =~ /\./ ? '' : '.') . '0' x 20 . '1' if $text =~ /^-?\d{1,9}(\.\d{1,9})?$/ && chance(0.4);
    my $form = weighted(numeric => 6, plain => 3, float => 1, int => 1);
    return $scope->constant($text, 'numeric') if $form eq 'numeric' || $text =~ /N/;
    # a numeric beyond every double fails there, so only where there is none
    return $scope->constant($text, 'double precision') if $form eq 'float' && $one->{column}{native} && $text !~ /e-?[3-9]\d\d/i;
    return integer_plain({ values => [] }) =~ s/^(-.*)/($1)/r if $form eq 'int';
    return $text =~ /^-/ ? "($text)" : $text;
}

my @moments = map { $_ * 1000 } qw(1735689600000 1704067200000 0 946684800000 1719792000000 -1 1735689599999);

sub time_constant {
    my ($scope, $one) = @_;
    my $micro = value_of($one, @moments);
    $micro += pick(1, -1, 1000, -1000, 999, 500, 86_400_000_000, 18_000_000_000) if chance(0.3);
    my $form = weighted(timestamptz => 8, date => 2, timestamp => 2, now => 1, zone => 1, border => 0.5);
    return 'now() - ' . quoted(between(1, 1500) . pick(' days', ' hours', ' minutes')) . '::interval' if $form eq 'now';
    return pick("'infinity'::timestamptz", "'-infinity'::timestamptz", "'-infinity'::date", "'epoch'::timestamptz", "'294276-12-31 23:59:59.999999+00'::timestamptz", 'CURRENT_DATE', 'CURRENT_TIMESTAMP') if $form eq 'border';
    my $text = time_text($micro);
    return $scope->constant($text =~ s/ .*?( BC)?$/$1 \/\/ ''/er, 'date') if $form eq 'date';
    return $scope->constant($text =~ s/\+00//r, 'timestamp') if $form eq 'timestamp';
    return quoted($text =~ s/\+00/pick('', '+00', '-05', ' America\/New_York', '+05:30')/er) . '::timestamptz' if $form eq 'zone';
    return chance(0.2) ? quoted($text) : $scope->constant($text, 'timestamptz');
}

my @documents = ('null', '5', '5.0', '"Pro"', '[]', '{}', '[1]', '["a"]', '["Pro", "pro"]', '{"a": 1}', 'true', '""', '0', '1e308');

sub json_constant {
    my ($scope, $one) = @_;
    return $scope->constant(value_of($one, @documents), 'jsonb');
}

# Constants for IN: some NULL, some twice.
sub typed_list {
    my ($scope, $one, $most) = @_;
    my @list = map { constant($scope, $one) } 1 .. between(1, $most // 6);
    push @list, pick(@list) if chance(0.3);
    push @list, 'NULL' if chance(0.15);
    return shuffled(@list);
}

sub bigint_plain {
    my ($one) = @_;
    my $text = integer_plain($one);
    return Math::BigInt->new($text)->babs <= $limits{bigint} ? $text : '9223372036854775807';
}

my %plain = (
    text  => \&text_plain,
    bool  => sub { pick(qw(t f)) },
    int   => \&bigint_plain,
    float => sub { value_of($_[0], @floats) },
    num   => sub { value_of($_[0], @numbers) },
    time  => sub { time_text(value_of($_[0], @moments) + pick(0, 0, 0, 1, -1, 1000)) },
    json  => sub { value_of($_[0], @documents) },
);

# An array of the column's own type: a constant, or made of elements.
sub array_of {
    my ($scope, $one) = @_;
    my $family = $one->{column}{family};
    my $type = $array_type{$family};
    return pick("NULL::${type}[]", "'{}'::${type}[]", "ARRAY[NULL]::${type}[]") if chance(0.08);
    my @list = map { $plain{$family}->($one) } 1 .. (chance(0.01) ? 300 : pick(1, 2, 2, 3, 4, 6, 20));
    push @list, pick(@list) if chance(0.3);
    push @list, undef if chance(0.15);
    @list = shuffled(@list);
    $type = 'integer' if $family eq 'int' && chance(0.3) && !grep { defined && abs($_) > 2147483647 } @list;
    return 'ARRAY[' . join(', ', map { quoted($_) } @list) . "]::${type}[]" if chance(0.6);
    my $array = '{' . join(',', map { defined ? '"' . s/(["\\])/\\$1/gr . '"' : 'NULL' } @list) . '}';
    return $scope->constant($array, "${type}[]");
}

1;
