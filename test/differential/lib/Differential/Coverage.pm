# Which operators were used with which types, and what became of them: sent to
# Pendo alone (pushed), sent and looked at again (both), or neither (local).
package Differential::Coverage;

use strict;
use warnings;

sub new { my ($class) = @_; return bless { counts => {}, kinds => {}, errors => {} }, $class }

# plan: the lines of EXPLAIN VERBOSE, or undef.
sub outcome {
    my ($operator, $plan) = @_;
    return 'local' unless defined $plan;
    return $plan =~ /^\s*(?:->\s+)?(?:Incremental )?Sort\b/m ? 'local' : 'pushed' if $operator =~ /^ORDER BY/;
    return $plan =~ /^\s*(?:->\s+)?Limit\b/m ? 'local' : 'pushed' if $operator =~ /^LIMIT/;
    return $plan =~ /Aggregate/ ? 'local' : 'pushed' if $operator =~ /^(?:count|min|max|sum|avg|bool_|every|GROUP)/;
    return $plan =~ /Pendo call.*"filter"|Pendo: (?:one record|records) by/ ? ($plan =~ /^\s*Filter:/m ? 'both' : 'pushed') : 'local';
}

sub add {
    my ($self, $query, $plan, $failed) = @_;
    $self->{kinds}{ $query->{kind} }++;
    $self->{errors}{ $query->{kind} }++ if $failed;
    for my $note (@{ $query->{notes} }) {
        my ($operator) = split /\t/, $note;
        $self->{counts}{$note}{ outcome($operator, $plan) }++;
    }
    return;
}

sub table {
    my ($self) = @_;
    my @lines = sprintf '%-28s %-14s %7s %7s %7s', 'operator', 'type', qw(pushed both local);
    for my $note (sort keys %{ $self->{counts} }) {
        my $count = $self->{counts}{$note};
        push @lines, sprintf '%-28s %-14s %7d %7d %7d', split(/\t/, $note), map { $count->{$_} // 0 } qw(pushed both local);
    }
    for my $what (qw(kinds errors)) {
        push @lines, ($what eq 'kinds' ? 'queries: ' : 'that fail: ') . join ', ', map { "$_ $self->{$what}{$_}" } sort keys %{ $self->{$what} };
    }
    return join("\n", @lines) . "\n";
}

1;
