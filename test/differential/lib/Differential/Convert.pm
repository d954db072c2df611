# What a JSON value is in SQL, by the rules of doc/pendo.md and nothing else. The
# answer is the text of the SQL value, or undef for NULL: a bad value is NULL, as
# with on_bad_value 'null'. Times are microseconds since 1970.
package Differential::Convert;

use strict;
use warnings;

use Exporter 'import';
use Math::BigInt;
use POSIX ();
use Time::Local qw(timegm_modern);

use Differential::Json qw(written double);

our @EXPORT_OK = qw(sql_value time_text);

my $number = qr/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/;

my %whole_range = (
    bigint      => [Math::BigInt->new('-9223372036854775808'), Math::BigInt->new('9223372036854775807')],
    integer     => [Math::BigInt->new('-2147483648'),          Math::BigInt->new('2147483647')],
    smallint    => [Math::BigInt->new('-32768'),               Math::BigInt->new('32767')],
    # PostgreSQL: from 4714-11-24 BC; the other end is the year 294276
    timestamptz => [Math::BigInt->new('-210866803200000000'), Math::BigInt->new('9223371331199999999')],
);

# The text of a number: of a JSON number, or of a string that is nothing else.
sub number_of {
    my ($value, $style) = @_;
    return written($value, $style) if $value->[0] eq 'num';
    return $value->[0] eq 'str' && $value->[1] =~ /\A$number\z/ ? $value->[1] : undef;
}

# (sign, digits without zeros at the ends, power of ten of the last digit); no digits: zero.
sub decimal {
    my ($text) = @_;
    my ($sign, $whole, $fraction, $exponent) = $text =~ /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/ or die $text;
    $fraction //= '';
    my $digits = $whole . $fraction;
    my $power = ($exponent // 0) - length $fraction;
    $digits =~ s/^0+//;
    $power += length $1 if $digits =~ s/(0+)$//;
    return ($sign, $digits, $power);
}

# Times 10**$shift, if that is a whole number within the type's range.
sub whole {
    my ($text, $shift, $type) = @_;
    my ($sign, $digits, $power) = decimal($text);
    return '0' if $digits eq '';
    $power += $shift;
    return if $power < 0 || $power + length $digits > 30;
    my $integer = Math::BigInt->new($sign . $digits . '0' x $power);
    my ($low, $high) = @{ $whole_range{$type} };
    return $integer < $low || $integer > $high ? undef : $integer->bstr;
}

my %whole_cache;

sub whole_of {
    my ($type, $shift, $value, $style) = @_;
    my $text = number_of($value, $style) // return;
    my $cached = $whole_cache{"$type $text"} //= [whole($text, $shift, $type)];
    return $cached->[0];
}

sub is_zero { my ($text) = @_; return (decimal($text))[1] eq '' }

sub float_of {
    my ($type, $value, $style) = @_;
    my $text = number_of($value, $style) // return;
    my $double = double($text);
    return if $double == 9**9**9 || $double == -9**9**9 || ($double == 0 && !is_zero($text));
    return sprintf '%.17g', $double if $type eq 'double precision';
    my $single = unpack 'f', pack 'f', $double;
    return if abs $single == 9**9**9 || ($single == 0 && $double != 0);
    return sprintf '%.9g', $single;
}

# numeric, or numeric(precision,scale), which must not round.
sub numeric_of {
    my ($type, $value, $style) = @_;
    my $text = number_of($value, $style) // return;
    my ($sign, $digits, $power) = decimal($text);
    my ($exponent) = $text =~ /[eE](.*)/;
    return if abs($exponent // 0) > 10_000;
    return $text unless $type =~ /\((\d+),(\d+)\)/;
    my ($precision, $scale) = ($1, $2);
    return $text if $digits eq '';
    return if $power < -$scale || length($digits) + $power > $precision - $scale;
    return $text;
}

sub text_of {
    my ($type, $value, $style) = @_;
    my $text = $value->[0] eq 'str' ? $value->[1] : written($value, $style);
    return if $text =~ /\0/;
    return if $type =~ /varchar\((\d+)\)/ && length $text > $1;
    return $text;
}

sub bool_of {
    my ($type, $value) = @_;
    return $value->[1] ? 't' : 'f' if $value->[0] eq 'bool';
    return unless $value->[0] eq 'str';
    return $value->[1] =~ /\Atrue\z/i ? 't' : $value->[1] =~ /\Afalse\z/i ? 'f' : undef;
}

sub has_nul {
    my ($value) = @_;
    my ($kind, $what) = @$value;
    return $what =~ /\0/ if $kind eq 'str';
    return !!grep { has_nul($_) } @$what if $kind eq 'list';
    return !!grep { /\0/ || has_nul($what->{$_}) } keys %$what if $kind eq 'obj';
    return 0;
}

sub json_of {
    my ($type, $value, $style) = @_;
    return has_nul($value) ? undef : written($value, $style);
}

# ISO 8601: a date, or date and time, with or without a zone; UTC if there is none.
sub iso_time {
    my ($text) = @_;
    my ($year, $month, $day, $hour, $minute, $second, $fraction, $zone) = $text =~ m{\A
        (\d{4})-(\d\d)-(\d\d) (?:[T\ ] (\d\d):(\d\d):(\d\d) (?:\.(\d+))? ( Z | \ ?[+-]\d\d:?\d\d )? )? \z}xa
      or return;
    return if $year == 0 || ($hour // 0) > 23 || ($minute // 0) > 59 || ($second // 0) > 59;
    my $seconds = eval { timegm_modern($second // 0, $minute // 0, $hour // 0, $day, $month - 1, $year) } // return;
    $fraction //= '';
    return if $fraction =~ /^\d{6}\d*[1-9]/;
    my $micro = substr $fraction . '000000', 0, 6;
    if (($zone // 'Z') ne 'Z') {
        my ($sign, $hours, $minutes) = $zone =~ /([+-])(\d\d):?(\d\d)/;
        return if $hours > 15 || $minutes > 59;
        $seconds -= ($sign eq '-' ? -60 : 60) * ($hours * 60 + $minutes);
    }
    return $seconds * 1_000_000 + $micro;
}

sub time_of {
    my ($type, $value, $style) = @_;
    my $micro = defined number_of($value, $style) ? whole_of('timestamptz', 3, $value, $style)
      : $value->[0] eq 'str' ? iso_time($value->[1]) : undef;
    return unless defined $micro;
    return if $type =~ /\((\d)\)/ && $micro % 10**(6 - $1) != 0;
    return $micro;
}

my %by_family = (
    text => \&text_of,
    bool => \&bool_of,
    int  => sub { my ($type, @rest) = @_; whole_of($type, 0, @rest) },
    float => \&float_of,
    num  => \&numeric_of,
    time => \&time_of,
    json => \&json_of,
);

# column: {family, type}; value: undef if the record has none.
sub sql_value {
    my ($column, $value, $style) = @_;
    return if !defined $value || $value->[0] eq 'null';
    return scalar $by_family{ $column->{family} }->($column->{type}, $value, $style);
}

# Microseconds since 1970 as PostgreSQL reads them.
sub time_text {
    my ($micro) = @_;
    my $seconds = POSIX::floor($micro / 1_000_000);
    $seconds-- while $seconds * 1_000_000 > $micro;
    $seconds++ while ($seconds + 1) * 1_000_000 <= $micro;
    my @parts = gmtime $seconds;
    my $year = $parts[5] + 1900;
    return sprintf '%04d-%02d-%02d %02d:%02d:%02d.%06d+00%s', $year > 0 ? $year : 1 - $year, $parts[4] + 1, @parts[3, 2, 1, 0],
      $micro - $seconds * 1_000_000, $year > 0 ? '' : ' BC';
}

1;
