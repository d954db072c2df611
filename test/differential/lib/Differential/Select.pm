# Pieces that the kinds of queries share.
package Differential::Select;

use strict;
use warnings;

use Exporter 'import';

use Differential::Condition qw(condition);
use Differential::Random;

our @EXPORT_OK = qw(columns_of where sortable);

# A select list: mostly the key and some columns.
sub columns_of {
    my ($scope) = @_;
    my @columns = map { $scope->column->{sql} } 1 .. between(0, 3);
    unshift @columns, $scope->key->{sql} if !@columns || chance(0.8);
    push @columns, 'length(' . $scope->key->{sql} . ')' if chance(0.05);
    return join ', ', @columns;
}

sub where {
    my ($scope, $always) = @_;
    return '' if !$always && chance(0.05);
    return ' WHERE ' . condition($scope);
}

# A column to sort or group by; documents are left out, whose equal values have many texts.
sub sortable {
    my ($scope) = @_;
    my $native = chance(0.5);
    return $scope->column(sub { $_[0]{family} ne 'json' && (!$native || $_[0]{native}) });
}

1;
