# The tables: which columns of which type are where in Pendo's records.
#
# family: how a value is drawn, converted and asked for. native: the records have
# values of the column's own JSON type only, or none. wide: the type that holds
# what is too large, too long or too exact for the column's own.
package Differential::Columns;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(tables column_sql);

sub column {
    my ($name, $family, $type, $path, %more) = @_;
    return { name => $name, family => $family, type => $type, path => $path, %more };
}

# Declared columns, whose records hold anything, and native ones.
my @visitors = (
    column(visitor_id   => 'text', 'text', 'visitorId', key => 1, native => 1),
    column(account_id   => 'text', 'text',        'metadata.auto.accountid', native => 1, draws => 'account'),
    column(account_ids  => 'json', 'jsonb',       'metadata.auto.accountids', native => 1),
    column(first_visit  => 'time', 'timestamptz', 'auto.firstvisit', native => 1),
    column(last_visit   => 'time', 'timestamptz', 'auto.lastvisit', native => 1),
    column(last_updated => 'time', 'timestamptz', 'auto.lastupdated', native => 1),
    column(created_at   => 'time', 'timestamptz', 'auto.createdat', native => 1),
    column(nid          => 'int',  'bigint',      'auto.nid', native => 1),
    column(t    => 'text',  'text',             'custom.t'),
    column(t2   => 'text',  'text',             'agent.t'),
    column(tc   => 'text',  'text',             'custom.tc', collation => 'C'),
    column(tx   => 'text',  'text',             'custom.tx', collation => 'und-x-icu'),
    column(vc   => 'text',  'varchar(8)',       'agent.vc'),
    column(b    => 'bool',  'boolean',          'custom.b'),
    column(b2   => 'bool',  'boolean',          'agent.b'),
    column(i8   => 'int',   'bigint',           'custom.i'),
    column(i8b  => 'int',   'bigint',           'agent.i'),
    column(i4   => 'int',   'integer',          'custom.ifour'),
    column(i2   => 'int',   'smallint',         'custom.itwo'),
    column(f    => 'float', 'double precision', 'custom.f'),
    column(f2   => 'float', 'double precision', 'agent.f'),
    column(f4   => 'float', 'real',             'custom.ffour'),
    column(n    => 'num',   'numeric',          'custom.n'),
    column(n52  => 'num',   'numeric(5,2)',     'custom.nfivetwo'),
    column(ts   => 'time',  'timestamptz',      'custom.ts'),
    column(ts2  => 'time',  'timestamptz',      'agent.ts'),
    column(ts3  => 'time',  'timestamptz(3)',   'custom.tsthree'),
    column(l    => 'json',  'jsonb',            'custom.l', draws => 'list'),
    column(j    => 'json',  'jsonb',            'agent.j'),
    column(s_t  => 'text',  'text',             'custom.st', strict => 1),
    column(s_tx => 'text',  'text',             'agent.stx', strict => 1, collation => 'und-x-icu'),
    column(s_b  => 'bool',  'boolean',          'custom.sb', strict => 1),
    column(s_i  => 'int',   'bigint',           'custom.si', strict => 1),
    column(s_i4 => 'int',   'integer',          'agent.sifour', strict => 1),
    column(s_f  => 'float', 'double precision', 'custom.sf', strict => 1),
    column(s_n  => 'num',   'numeric',          'custom.sn', strict => 1),
    column(s_ts => 'time',  'timestamptz',      'custom.sts', strict => 1),
    column(s_l  => 'json',  'jsonb',            'custom.sl', strict => 1, draws => 'list'),
    column(none => 'text',  'text',             'custom.nowhere', nowhere => 1),
    column(metadata => 'json', 'jsonb',         'metadata', whole => 1),
);

my @accounts = (
    column(account_id => 'text', 'text', 'accountId', key => 1, native => 1),
    column(created_at => 'time',  'timestamptz',      'auto.createdat', native => 1),
    column(name     => 'text',    'text',             'agent.name'),
    column(plan     => 'text',    'text',             'custom.plan'),
    column(seats    => 'int',     'bigint',           'custom.seats'),
    column(score    => 'float',   'double precision', 'custom.score'),
    column(active   => 'bool',    'boolean',          'custom.active'),
    column(renewal  => 'time',    'timestamptz',      'custom.renewal'),
    column(s_plan   => 'text',    'text',             'custom.splan', strict => 1),
    column(s_seats  => 'int',     'bigint',           'agent.sseats', strict => 1),
    column(s_active => 'bool',    'boolean',          'custom.sactive', strict => 1),
    column(metadata => 'json',    'jsonb',            'metadata', whole => 1),
);

my %tables = (
    visitors => { name => 'visitors', kind => 'visitor', key => 'visitor_id', id => 'visitorId', columns => \@visitors },
    accounts => { name => 'accounts', kind => 'account', key => 'account_id', id => 'accountId', columns => \@accounts },
);

my %wide = (smallint => 'bigint', integer => 'bigint', 'varchar(8)' => 'text', 'timestamptz(3)' => 'timestamptz', 'numeric(5,2)' => 'numeric');

for my $table (values %tables) {
    for my $column (@{ $table->{columns} }) {
        $column->{wide} = $wide{ $column->{type} };
        $column->{native} = 1 if $column->{strict};
        # where the value is in a record's metadata
        @$column{qw(group field)} = $column->{path} =~ /^(?:metadata\.)?(\w+)\.(\w+)$/ unless $column->{key} || $column->{whole};
    }
}

sub tables { return \%tables }

sub column_sql {
    my ($column) = @_;
    return "$column->{name} $column->{type}" . ($column->{collation} ? " COLLATE \"$column->{collation}\"" : '');
}

1;
