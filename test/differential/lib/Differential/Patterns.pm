# LIKE and its relations: patterns of all kinds made from the column's values.
package Differential::Patterns;

use strict;
use warnings;
use utf8;

use Exporter 'import';

use Differential::Random;
use Differential::Scope qw(quoted);

our @EXPORT_OK = qw(like_condition prefix_condition regex_condition);

my @otherwise = ('Pro', 'pro', 'ab', '50%_off', 'a\\%b', '😀', 'ü', '');

sub text_of { my ($one) = @_; return @{ $one->{values} } && chance(0.9) ? pick(@{ $one->{values} }) : pick(@otherwise) }

sub part {
    my ($text) = @_;
    return $text if length $text < 2;
    my $begin = between(0, length($text) - 1);
    return substr $text, $begin, between(1, length($text) - $begin);
}

# The text as a pattern that means itself, or mostly: specials sometimes stay, and
# what needs no escape sometimes gets one.
sub escaped {
    my ($text, $escape) = @_;
    my $out = '';
    for my $character (split //, $text) {
        my $special = $character =~ /[%_]/ || $character eq $escape;
        # an escape that nothing follows would be an error on some rows only
        my $needed = $character eq $escape || ($special ? chance(0.8) : chance(0.03));
        $out .= $escape if $escape ne '' && $needed;
        $out .= $character;
    }
    return $out;
}

my %shapes = (
    exact    => sub { $_[1]->($_[0]) },
    prefix   => sub { $_[1]->(substr $_[0], 0, between(0, length $_[0])) . '%' },
    suffix   => sub { '%' . $_[1]->(substr $_[0], between(0, length $_[0])) },
    middle   => sub { '%' . $_[1]->(part($_[0])) . '%' },
    both     => sub { $_[1]->(substr $_[0], 0, 1) . '%' . $_[1]->(length $_[0] ? substr $_[0], -1 : '') },
    one      => sub { my $at = between(0, length $_[0]); $_[1]->(substr $_[0], 0, $at) . '_' . $_[1]->(length $_[0] > $at ? substr $_[0], $at + 1 : '') },
    ones     => sub { '_' x between(0, 4) . pick('', '%') },
    all      => sub { pick('%', '%%', '', '_%', '%_') },
    several  => sub { '%' . join('%', map { $_[1]->(part($_[0])) } 1 .. 2) . pick('', '%', '_') },
);

# SQL of a pattern with its ESCAPE clause.
sub pattern {
    my ($scope, $one) = @_;
    my ($escape, $clause) = @{ pick((['\\', '']) x 6, ['!', " ESCAPE '!'"], ['\\', " ESCAPE '\\'"], ['', " ESCAPE ''"], ['%', " ESCAPE '%'"], ['ü', " ESCAPE 'ü'"]) };
    my $shape = pick(qw(exact prefix prefix prefix suffix suffix middle middle both one ones all several));
    # where the escape is the wildcard itself only plain texts make sense
    $shape = 'exact' if $escape eq '%';
    my $text = $shapes{$shape}->(text_of($one), sub { escaped($_[0], $escape) });
    return ($shape, $scope->constant($text, 'text', 'pattern') . $clause) if $clause eq '' && chance(0.5);
    return ($shape, quoted($text) . $clause);
}

sub like_condition {
    my ($scope, $one) = @_;
    my $operator = pick('LIKE', 'LIKE', 'LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE', '~~', '!~~');
    my ($shape, $pattern) = pattern($scope, $one);
    $pattern =~ s/ ESCAPE.*// if $operator =~ /~/;
    # without its clause the pattern may end with a backslash
    return null_condition($scope, $one) if $operator =~ /~/ && $pattern =~ /\\'(?:::text)?$/;
    $scope->note("$operator $shape", $one);
    return "$one->{sql} $operator $pattern";
}

sub null_condition { my ($scope, $one) = @_; $scope->note('IS NULL', $one); return "$one->{sql} IS NULL" }

sub prefix_condition {
    my ($scope, $one) = @_;
    my $text   = text_of($one);
    my $prefix = $scope->constant(substr($text, 0, between(0, length $text)), 'text');
    my $form   = pick('starts_with', '^@');
    $scope->note($form, $one);
    return $form eq '^@' ? "$one->{sql} ^@ $prefix" : pick('', 'NOT ') . "starts_with($one->{sql}, $prefix)";
}

sub regex_condition {
    my ($scope, $one) = @_;
    my $operator = pick('~', '~*', '!~', '!~*');
    $scope->note($operator, $one);
    return "$one->{sql} $operator " . quoted(pick('^P', '^p', 'ro$', '^$', '.', '^[A-Z]', '\\d', '^.{3}$', 'a|b', '^Pro$', "\n", '\\\\'));
}

1;
