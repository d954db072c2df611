# JSON values as the generator knows them, and their texts: as sent to the
# simulator, and as it writes them in its answers.
#
#   ['null'] ['bool', 0|1] ['num', literal] ['str', characters]
#   ['list', [values]] ['obj', {name => value}]
package Differential::Json;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();

our @EXPORT_OK = qw(sent written double shortest);

# The IEEE double that a literal means.
sub double {
    my ($literal) = @_;
    my ($value) = POSIX::strtod($literal);
    return $value;
}

# The fewest digits that read back as this double, as %e writes them.
sub shortest {
    my ($double) = @_;
    for my $digits (0 .. 16) {
        my $text = sprintf '%.*e', $digits, $double;
        return $text if double($text) == $double;
    }
    die "no text for $double";
}

sub is_int64 {
    my ($literal) = @_;
    return unless $literal =~ /^(-?)(0|[1-9][0-9]*)$/;
    my $limit = $1 ? '9223372036854775808' : '9223372036854775807';
    return length $2 < length $limit || (length $2 == length $limit && $2 le $limit);
}

# A double as Go writes it: an exponent below 1e-6 and from 1e21 on.
sub written_double {
    my ($double) = @_;
    return sprintf('%.1g', $double) =~ /^-/ ? '-0' : '0' if $double == 0;
    my $text = shortest($double);
    my ($sign, $first, $rest, $exponent) = $text =~ /^(-?)(\d)\.?(\d*)e([+-]\d+)$/ or die $text;
    my $size = abs $double;
    if ($size < 1e-6 || $size >= 1e21) {
        $exponent =~ s/^-0/-/;
        return $sign . $first . (length $rest ? ".$rest" : '') . "e$exponent";
    }
    return sprintf '%.0f', $double if $size >= 2**53 && $exponent > length $rest;
    my $digits = $first . $rest;
    my $point  = 1 + $exponent;
    return $sign . '0.' . '0' x -$point . $digits if $point <= 0;
    return $sign . $digits . '0' x ($point - length $digits) if $point >= length $digits;
    return $sign . substr($digits, 0, $point) . '.' . substr $digits, $point;
}

# A whole literal within int64 is an integer to the simulator, the rest doubles.
sub written_number {
    my ($literal, $style) = @_;
    return written_double(double($literal)) unless is_int64($literal);
    $literal = '0' if $literal eq '-0';
    return ($style->{integer_text} // '') eq 'exponent' ? shortest(double($literal)) : $literal;
}

my %letters = ("\n" => '\\n', "\r" => '\\r', "\t" => '\\t', '"' => '\\"', '\\' => '\\\\');

sub written_string {
    my ($text, $style) = @_;
    my $special = ($style->{html_escape} // 'yes') eq 'yes' ? qr/["\\\x00-\x1f<>&\x{2028}\x{2029}]/ : qr/["\\\x00-\x1f\x{2028}\x{2029}]/;
    $text =~ s/($special)/$letters{$1} \/\/ sprintf '\\u%04x', ord $1/ge;
    return "\"$text\"";
}

# Characters, not bytes. style: the switches integer_text and html_escape.
sub written {
    my ($value, $style) = @_;
    my ($kind, $what) = @$value;
    return 'null' if $kind eq 'null';
    return $what ? 'true' : 'false' if $kind eq 'bool';
    return written_number($what, $style) if $kind eq 'num';
    return written_string($what, $style) if $kind eq 'str';
    return '[' . join(',', map { written($_, $style) } @$what) . ']' if $kind eq 'list';
    return '{' . join(',', map { written_string($_, $style) . ':' . written($what->{$_}, $style) } sort keys %$what) . '}';
}

# The same value with its numbers as the literals that were drawn.
sub sent {
    my ($value) = @_;
    my ($kind, $what) = @$value;
    return $what if $kind eq 'num';
    return '[' . join(',', map { sent($_) } @$what) . ']' if $kind eq 'list';
    return '{' . join(',', map { written_string($_, {}) . ':' . sent($what->{$_}) } sort keys %$what) . '}' if $kind eq 'obj';
    return written($value, {});
}

1;
