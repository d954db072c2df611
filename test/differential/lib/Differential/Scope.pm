# What a query's conditions may speak of: tables under their aliases, the values
# that their columns have, and, in a prepared statement, its parameters.
package Differential::Scope;

use strict;
use warnings;

use Exporter 'import';

use Differential::Random;

our @EXPORT_OK = qw(quoted);

sub quoted { my ($text) = @_; return defined $text ? "'" . ($text =~ s/'/''/gr) . "'" : 'NULL' }

# tables: by name; pool: {table}{column} => distinct values in SQL's texts;
# {table}{beyond}{column} => those that the column cannot hold.
sub new {
    my ($class, %arguments) = @_;
    return bless { aliases => [], params => undef, notes => {}, %arguments }, $class;
}

# Names a table; its columns can be drawn from now on.
sub add {
    my ($self, $alias, $name) = @_;
    push @{ $self->{aliases} }, { alias => $alias, name => $name, columns => $self->{tables}{$name}{columns} };
    return $self;
}

# The one table of most queries: (alias, FROM item, name).
sub main {
    my ($self) = @_;
    my ($alias, $name) = @{ chance(0.8) ? ['v', 'visitors'] : ['a', 'accounts'] };
    $self->add($alias, $name);
    return ($alias, "$name $alias", $name);
}

# From now on some constants become $1, $2, ...
sub take_params { my ($self) = @_; $self->{params} = []; return $self }

# { sql, column, values, beyond }: a column of one of the tables that passes the test.
sub column {
    my ($self, $test) = @_;
    for (1 .. 200) {
        my $entry  = pick(@{ $self->{aliases} });
        my $column = pick(@{ $entry->{columns} });
        return $self->reference($entry, $column) if !$test || $test->($column);
    }
    return;
}

sub reference {
    my ($self, $entry, $column) = @_;
    my $pool = $self->{pool}{ $entry->{name} };
    my $name = $column->{name};
    return { sql => "$entry->{alias}.$name", column => $column, entry => $entry, values => $pool->{$name} || [], beyond => $pool->{beyond}{$name} || [] };
}

# The key of a table.
sub key {
    my ($self, $alias) = @_;
    my ($entry) = grep { !defined $alias || $_->{alias} eq $alias } @{ $self->{aliases} };
    return $self->reference($entry, $entry->{columns}[0]);
}

# Another column of the same family, and of the same collation.
sub partner {
    my ($self, $one) = @_;
    return $self->column(sub {
        my ($other) = @_;
        return $other->{family} eq $one->{column}{family} && ($other->{collation} // '') eq ($one->{column}{collation} // '') && !$other->{whole};
    });
}

# A constant of that type: a literal, or a parameter. undef is NULL. use: parameters
# of the same use may have each other's values.
sub constant {
    my ($self, $text, $type, $use) = @_;
    if ($self->{params} && @{ $self->{params} } < 6 && chance(0.7)) {
        push @{ $self->{params} }, { type => $type, use => $use // $type, first => $text };
        return '$' . @{ $self->{params} };
    }
    return quoted($text) . "::$type";
}

# That an operator was used with a column's type.
sub note {
    my ($self, $operator, $one) = @_;
    my $column = $one->{column};
    my $type = $column->{key} ? 'key' : $column->{family};
    my $trust = $column->{strict} ? ' strict' : $column->{native} && !$column->{key} ? ' native' : '';
    $self->{notes}{"$operator\t$type$trust"} = 1;
    return;
}

1;
