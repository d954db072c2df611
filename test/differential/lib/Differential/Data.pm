# One round's records: what goes into the simulator, and what SQL makes of it.
package Differential::Data;

use strict;
use warnings;

use Exporter 'import';

use Differential::Columns qw(tables);
use Differential::Convert qw(sql_value);
use Differential::Json qw(sent);
use Differential::Random;
use Differential::Values qw(native_value odd_value odd_id list_value);

our @EXPORT_OK = qw(draw_records sent_records sql_rows);

# How a column's values are spread over the records of a round: some columns are
# clean, some a mess, most repeat a few values.
sub draw_habit {
    my ($column) = @_;
    my $mess = $column->{native} ? 0 : pick(0, 0.1, 0.1, 0.4);
    my $few  = [map { chance($mess) ? odd_value($column) : native_value($column) } 1 .. between(2, 25)];
    return { null => pick(0, 0.02, 0.08, 0.3), absent => pick(0, 0.02, 0.08, 0.3), fresh => pick(0.05, 0.3, 0.9), mess => $mess, few => $few };
}

sub draw_value {
    my ($column, $habit, $accounts) = @_;
    return                 if $column->{nowhere} || chance($habit->{absent});
    return ['null']        if chance($habit->{null});
    return ['str', chance(0.9) ? pick(@$accounts) : odd_id()] if ($column->{draws} // '') eq 'account';
    return pick(@{ $habit->{few} }) unless chance($habit->{fresh});
    return chance($habit->{mess}) ? odd_value($column) : native_value($column);
}

sub draw_record {
    my ($id, $columns, $habits, $accounts, $lacking) = @_;
    my %groups;
    for my $column (@$columns) {
        next unless $column->{group};
        my $value = draw_value($column, $habits->{ $column->{name} }, $accounts);
        $groups{ $column->{group} }{ $column->{field} } = $value if $value;
    }
    for my $group (qw(agent auto custom)) {
        if (chance($lacking)) { delete $groups{$group} }
        elsif (chance(0.05)) { $groups{$group} //= {} }
    }
    $groups{salesforce} = { id => ['str', 'x'] } if chance(0.1);
    return { id => $id, groups => \%groups };
}

sub draw_ids {
    my ($count, $line_breaks) = @_;
    my %ids;
    while (keys %ids < $count) {
        my $id = odd_id();
        $ids{$id} = 1 if $line_breaks || $id !~ /[\r\n]/;
    }
    return sort { $a cmp $b } keys %ids;
}

# { visitors => [records], accounts => [records] }, in order of id by bytes;
# line_breaks: whether ids may have some.
sub draw_records {
    my ($line_breaks) = @_;
    my $tables = tables();
    my %drawn;
    my @accounts = draw_ids(between(20, 60), $line_breaks);
    for my $name (qw(accounts visitors)) {
        my $columns = $tables->{$name}{columns};
        my %habits  = map { $_->{name} => draw_habit($_) } grep { $_->{group} } @$columns;
        my @ids     = $name eq 'accounts' ? @accounts : draw_ids(between(100, 400), $line_breaks);
        my $lacking = pick(0, 0.02, 0.1);
        $drawn{$name} = [map { draw_record($_, $columns, \%habits, \@accounts, $lacking) } @ids];
    }
    return \%drawn;
}

# Whole rows as NDJSON, in characters.
sub sent_records {
    my ($table, $records) = @_;
    return join '', map { sent(row_of($table, $_)) . "\n" } @$records;
}

sub metadata_of { my ($record) = @_; return ['obj', { map { $_ => ['obj', $record->{groups}{$_}] } keys %{ $record->{groups} } }] }

sub row_of {
    my ($table, $record) = @_;
    return ['obj', { $table->{id} => ['str', $record->{id}], metadata => metadata_of($record) }];
}

# Rows of SQL texts in the order of the table's columns; undef is NULL.
sub sql_rows {
    my ($table, $records, $style) = @_;
    return map { my $record = $_; [map { scalar sql_of($_, $record, $style) } @{ $table->{columns} }] } @$records;
}

sub sql_of {
    my ($column, $record, $style) = @_;
    return $record->{id} if $column->{key};
    return sql_value($column, metadata_of($record), $style) if $column->{whole};
    my $group = $record->{groups}{ $column->{group} } || {};
    return sql_value($column, $group->{ $column->{field} }, $style);
}

1;
