# Do two answers agree? An answer: { rows } or { state, message }.
package Differential::Compare;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(disagreement canonical);

# Equal numbers, whatever their text: -0, 5.00, 1e2.
sub canonical {
    my ($text) = @_;
    return $text unless defined $text && $text =~ /^-?\d+(?:\.\d+)?$/;
    $text =~ s/0+$// if $text =~ /\./;
    $text =~ s/\.$//;
    return $text eq '-0' ? '0' : $text;
}

sub key_of { my ($row) = @_; return join "\x1e", map { defined ? "=$_" : 'NULL' } @$row }

sub loosened {
    my ($rows, $step) = @_;
    my @loose = @{ $step->{loose} || [] };
    return $rows unless @loose;
    return [map { my @row = @$_; $_ = canonical($_) for @row[@loose]; \@row } @$rows];
}

# Sums of floats come in any order: only about the same. They are taken out.
sub about_same {
    my ($mine, $theirs, $step) = @_;
    for my $column (@{ $step->{about} || [] }) {
        my %sums;
        for my $rows ($mine, $theirs) {
            my @sums;
            for my $row (@$rows) { push @sums, splice(@$row, $column, 1, 'sum') }
            push @{ $sums{all} }, [sort { ($a // -1e300) <=> ($b // -1e300) } @sums];
        }
        my ($one, $other) = @{ $sums{all} };
        return 0 if @$one != @$other;
        for my $i (0 .. $#$one) {
            return 0 if defined $one->[$i] != defined $other->[$i];
            return 0 if defined $one->[$i] && abs($one->[$i] - $other->[$i]) > 0.5 + 1e-6 * abs $one->[$i];
        }
    }
    return 1;
}

# (missing, extra) rows of $theirs against $mine, as multisets.
sub multiset {
    my ($mine, $theirs) = @_;
    my (%count, @extra);
    my %row;
    for (@$mine) { my $key = key_of($_); $count{$key}++; $row{$key} = $_ }
    for (@$theirs) { my $key = key_of($_); push @extra, $_ if --$count{$key} < 0 }
    return ([map { ($row{$_}) x $count{$_} } sort grep { $count{$_} > 0 } keys %count], \@extra);
}

sub keys_differ {
    my ($mine, $theirs, $count) = @_;
    for my $i (0 .. $#$mine) {
        for my $k (0 .. $count - 1) {
            my ($one, $other) = (canonical($mine->[$i][$k]), canonical($theirs->[$i][$k]));
            return "row $i has another sort key" if (defined $one != defined $other) || (defined $one && $one ne $other);
        }
    }
    return;
}

my %judges = (
    nothing => sub { return },
    rows => sub {
        my ($mine, $theirs) = @_;
        my ($missing, $extra) = multiset($mine, $theirs);
        return @$missing || @$extra ? { what => 'other rows', missing => $missing, extra => $extra } : undef;
    },
    list => sub {
        my ($mine, $theirs) = @_;
        my ($missing, $extra) = multiset($mine, $theirs);
        return { what => 'other rows', missing => $missing, extra => $extra } if @$missing || @$extra;
        for (0 .. $#$mine) { return { what => "another order, from row $_ on", missing => [$mine->[$_]], extra => [$theirs->[$_]] } if key_of($mine->[$_]) ne key_of($theirs->[$_]) }
        return;
    },
    part => sub {
        my ($mine, $theirs, $step, $full) = @_;
        return { what => @$mine . ' rows here, ' . @$theirs . ' there', missing => [], extra => [] } if @$mine != @$theirs;
        my (undef, $extra) = multiset($full, $theirs);
        return @$extra ? { what => 'rows that the whole has not', missing => [], extra => $extra } : undef;
    },
);
$judges{keys} = sub {
    my ($mine, $theirs, $step, $full) = @_;
    my $difference = $full ? $judges{part}->($mine, $theirs, $step, $full) : $judges{rows}->($mine, $theirs);
    return $difference if $difference;
    my $order = keys_differ($mine, $theirs, $step->{keys});
    return $order ? { what => $order, missing => $mine, extra => $theirs } : undef;
};

# undef, or { what, missing, extra }. mine: the local table's answer; full: its
# rows without LIMIT.
sub disagreement {
    my ($step, $mine, $theirs, $full) = @_;
    if ($mine->{state} || $theirs->{state}) {
        my ($one, $other) = map { $_->{state} ? substr $_->{state}, 0, 2 : 'none' } $mine, $theirs;
        return if $one eq $other;
        return { what => 'here: ' . ($mine->{message} // 'no error') . "\nthere: " . ($theirs->{message} // 'no error'), missing => [], extra => [] };
    }
    my @rows = map { [map { [@$_] } @{ loosened($_->{rows}, $step) }] } $mine, $theirs;
    return { what => 'other sums', missing => $mine->{rows}, extra => $theirs->{rows} } unless about_same(@rows, $step);
    return $judges{ $step->{agree} }->(@rows, $step, $full);
}

1;
