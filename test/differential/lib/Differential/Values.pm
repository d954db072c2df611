# The JSON values that records are made of, most of them at some border.
package Differential::Values;

use strict;
use warnings;
use utf8;

use Exporter 'import';

use Differential::Random;

our @EXPORT_OK = qw(native_value odd_value odd_id list_value any_value);

my @words = qw(Pro pro PRO Free free gold Gold a b ab abc abcd abd A B aB AB z Z ~);

my @texts = (
    @words, '', ' ', '  ', ' Pro', 'Pro ', "it's", 'say "hi"', '"', '""', "'", '`', 'tick`tock`', '\\', 'back\\slash', '\\\\', '\\n',
    "new\nline", "\n", "\r\n", "tab\there", "\t", "\x01", "\x08\x0c", "\x1f\x7f", 'percent%', '%', '%%', '50%_off', 'a_b', 'axb', 'a%b', 'a\\%b', '_', '__',
    'ü', "u\x{308}", 'ünï', 'Ü', 'é', "e\x{301}", '😀', '😀😁', "\x{10ffff}", "\x{fffd}", "\x{ffff}", "\x{2028}", "\x{2029}", "\x{80}", 'ß', 'ss', 'SS', 'ſ', 'K', 'k', 'İ', 'i', 'ı', 'I',
    'ǆ', 'Ǆ', 'ς', 'σ', 'Σ', "\x{feff}x", "\x{200b}", '日本', '本', 'ａ', 'Å',
    '5', '5.0', ' 5', '05', '1e3', '-1', '0', '-0', 'true', 'TRUE', 'True', 'false', 'null', 'NULL', '[1]', '[]', '{"a":1}', '{}', '"5"', 'NaN', 'Infinity',
    '2025-01-01', '2025-01-01T00:00:00Z', '1735689600000', '<script>&amp;', '<', '&', '_PENDO_T_x', 'visitorId', 'a == b', '") || true || ("', '` || true || `',
    '$1', 'a.b', 'a,b', 'a' x 300, 'abcdefgh', 'abcdefghi', 'üüüüüüüü', 'üüüüüüüüü',
);

my @small = qw(0 1 2 3 4 5 7 10 42 100 -1 -2 -5);
my @whole = (
    @small, qw(255 256 32767 32768 -32768 -32769 65536 2147483647 2147483648 -2147483648 -2147483649 16777216 16777217
      9007199254740991 9007199254740992 9007199254740993 9007199254740994 -9007199254740991 -9007199254740992 -9007199254740993
      123456789012345678 9223372036854775806 9223372036854775807 -9223372036854775807 -9223372036854775808),
);
# whole to PostgreSQL, but written otherwise; and beyond a bigint
my @whole_forms = qw(5.0 1e3 1E3 10e-1 -0 -0.0 0.0 1e15 9007199254740993.0 2.5e1);
my @beyond = qw(9223372036854775808 -9223372036854775809 18446744073709551616 1e19 1e20 1e21 1e22 1e30 1e308 -1e308 1.7976931348623157e308);
my @fractions = qw(0.1 0.2 0.3 0.30000000000000004 0.5 1.5 -1.5 2.5 5.5 99.99 999.99 999.995 0.01 0.001 -0.01 3.141592653589793
  0.000001 0.0000001 1e-7 1.5e-10 5e-324 2.2250738585072014e-308 3.4028234663852886e38 3.5e38 1e-46 16777216.5 4503599627370496.5 1234.5678);

# Milliseconds since 1970, whole and in whole microseconds.
my @ms = qw(1735689600000 1735689600001 1735689599999 1735689600999 1735776000000 1735603200000 1719792000000 1709164800000 1704067200000
  1700000000000 1672531200000 1740000000000 1751328000000 946684800000 0 1 -1 999 86400000 100000000000 99999999999 -62135596800000 253402300799999 8640000000000000);
my @micro = qw(0.001 0.5 1735689600000.5 1735689600000.123 1735689600000.001 1735689599999.999 1700000000000.25 -0.5 -1735689600000.5);
my @not_ms = qw(1735689600000.1235 0.0001 0.00049 1e300 9224318016000000 -210866803200001 1e16);

my @iso = (
    '2025-01-01', '2024-02-29', '2024-12-31', '2025-01-01T00:00:00Z', '2025-01-01T00:00:00', '2025-01-01 00:00:00', '2024-12-31T19:00:00-05:00',
    '2025-01-01T05:30:00+0530', '2025-01-01 02:00:00 +02:00', '2025-01-01T00:00:00.5Z', '2025-01-01T00:00:00.123456Z', '2025-01-01T00:00:00.1234560Z',
    '2025-01-01T00:00:00.000001+00:00', '9999-12-31T23:59:59.999999Z', '0001-01-01', '1969-12-31T23:59:59.999Z', '2024-07-01T12:00:00+15:59',
);
my @not_iso = (
    '2025-02-29', '2025-13-01', '2025-00-10', '0000-01-01', '20250101', '2025-1-1', '2025-01-01T00:00Z', '2025-01-01T24:00:00Z', '2025-01-01T00:00:60Z', '2025-01-01T00:00:00z',
    '2025-01-01T00:00:00.', '2025-01-01T00:00:00.1234567Z', '2025-01-01T00:00:00+02', '2025-01-01T00:00:00+16:00', ' 2025-01-01', '2025-01-01 ', '2025-01-01Z', 'now', 'tomorrow',
    "2025-01-01\n", 'January 1, 2025', '+2025-01-01', '12025-01-01',
);
my @numeric_strings = ('5', '5.0', '-5', '0.1', '1e3', '1E+3', '9223372036854775807', '9007199254740993', '-0', '1735689600000', '100', '3.5', '1e-7');
my @not_numeric = (' 5', '5 ', '+5', '05', '0x10', '5.', '.5', '1e400', '-1e400', '1e-400', 'NaN', 'Infinity', '1_000', '', "5\n", '５', '1,5', '9223372036854775808');

my @keys = ('a', 'b', 'n', 'k', 'key with blank', 'q"uote', 'é', 'A', '');

sub str { return ['str', $_[0]] }
sub num { return ['num', $_[0]] }

sub text_value { return str(chance(0.02) ? join('', map { pick(@texts) } 1 .. between(2, 3)) : chance(0.4) ? pick(@words) : pick(@texts)) }
sub bool_value { return ['bool', between(0, 1)] }

sub list_value {
    my $count = pick(0, 1, 1, 2, 2, 3, 5);
    return ['list', [map { chance(0.7) ? str(pick(@words)) : any_value(1) } 1 .. $count]];
}

sub object_value {
    my ($depth) = @_;
    return ['obj', { map { $_ => any_value($depth + 1) } sample(between(0, 4), @keys) }];
}

sub any_value {
    my ($depth) = @_;
    $depth //= 0;
    return weighted('list' => 1, 'obj' => 1, 'scalar' => 2) eq 'scalar' || $depth > 2 ? scalar_value() : chance(0.5) ? list_value() : object_value($depth);
}

sub scalar_value {
    my $kind = weighted(text => 4, num => 4, bool => 2, null => 1);
    return $kind eq 'text' ? text_value() : $kind eq 'bool' ? bool_value() : $kind eq 'null' ? ['null'] : num(pick(@whole, @fractions, @whole_forms, @beyond));
}

my %native = (
    text  => sub { text_value() },
    bool  => sub { bool_value() },
    int   => sub { num(chance(0.6) ? pick(@small) : pick(@whole)) },
    float => sub { num(chance(0.5) ? pick(@small) : chance(0.7) ? pick(@fractions) : pick(@whole, @whole_forms, @beyond)) },
    num   => sub { num(chance(0.5) ? pick(@small) : pick(@fractions, @whole, @whole_forms)) },
    time  => sub { num(chance(0.8) ? pick(@ms) : chance(0.5) ? pick(@micro) : pick(@ms) + between(-3, 3)) },
    json  => sub { any_value() },
);

# A value of the column's own kind that converts.
sub native_value {
    my ($column) = @_;
    return list_value() if ($column->{draws} // '') eq 'list';
    my $value = $native{ $column->{family} }->();
    # written with an exponent, these are one too many for a bigint
    while ($column->{strict} && $column->{family} eq 'int' && $value->[1] =~ /922337203685477580/) { $value = $native{int}->() }
    if ($column->{family} eq 'int' && $column->{type} ne 'bigint') {
        my $border = $column->{type} eq 'integer' ? 2147483647 : 32767;
        $value = num(pick(@small)) if abs $value->[1] > $border;
    }
    return $value;
}

my %odd = (
    text  => sub { pick(num(pick(@whole, @fractions, @whole_forms, @beyond)), bool_value(), list_value(), object_value(0), str("nul\0here")) },
    bool  => sub { pick(map({ str($_) } qw(true false TRUE False tRuE t yes 1), '', ' true', 'true '), num(pick(0, 1)), list_value()) },
    int   => sub { pick(str(pick(@numeric_strings)), str(pick(@not_numeric)), num(pick(@whole_forms)), num(pick(@beyond, @fractions)), bool_value(), list_value()) },
    time  => sub { pick(str(pick(@iso)), str(pick(@iso)), str(pick(@not_iso)), str(pick(@numeric_strings, @not_numeric)), num(pick(@micro)), num(pick(@not_ms)), bool_value(), object_value(0)) },
    json  => sub { pick(scalar_value(), object_value(0), str("nul\0here")) },
);
$odd{float} = sub { chance(0.9) ? $odd{int}->() : num(pick(@ms)) };
$odd{num}   = $odd{float};

# A value that another column would rather have.
sub odd_value { my ($column) = @_; return $odd{ $column->{family} }->() }

my @id_forms = (
    sub { 'v' . between(1, 9999) }, sub { sprintf 'v%07d', between(1, 500) }, sub { between(0, 20000) }, sub { pick(@texts) . between(0, 99) }, sub { pick(@texts) },
    sub { '_PENDO_T_' . pick('a', 'B', 'x') . between(1, 99) }, sub { pick(@words) }, sub { pick(qw(u U)) . pick(@words) . '@x.io' }, sub { pick(@words) . pick(@texts) }, sub { pick('VISITOR-UNIQUE-ID', '.', '..', 'b64_x') },
);

# An id, which cannot be empty; most are of the first forms.
sub odd_id {
    for (;;) {
        my $id = (chance(0.5) ? $id_forms[between(0, 1)] : pick(@id_forms))->();
        return $id if $id ne '' && length $id < 250;
    }
}

1;
