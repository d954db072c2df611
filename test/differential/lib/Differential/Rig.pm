# A cluster, a simulator, and three sessions on the same tables: 'far' reads
# Pendo, 'off' does so with everything filtered here, 'here' reads a local copy.
package Differential::Rig;

use strict;
use warnings;

use Encode qw(encode_utf8);
use JSON::XS;

use Differential::Columns qw(tables column_sql);
use Differential::Convert qw(time_text);
use PendoTest;

# library: a pendo_fdw.so to load in the place of the installed one.
sub new {
    my ($class, %arguments) = @_;
    my $self = bless { library => $arguments{library}, sessions => {} }, $class;
    $self->{simulator} = start_simulator('--visitors', 1, '--accounts', 1, '--clean');
    $self->{cluster}   = start_cluster();
    my $dbh = $self->{cluster}->session;
    $dbh->do("CREATE DATABASE $_->[0] TEMPLATE template0 ENCODING 'UTF8' $_->[1]")
      for ['bytes', "LOCALE 'C'"], ['icu', "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"];
    $dbh->disconnect;
    for my $database (databases()) { $self->prepare($database) }
    return $self;
}

sub databases { return qw(bytes icu) }

sub connect {
    my ($self, $database) = @_;
    my $dbh = $self->{cluster}->session(dbname => $database);
    $dbh->do($_) for "SET timezone = 'UTC'", "SET jit = off", "SET client_min_messages = error";
    return $dbh;
}

# The script of the extension, with another library.
sub install {
    my ($self, $dbh) = @_;
    return $dbh->do('CREATE EXTENSION pendo_fdw') unless $self->{library};
    my ($script) = glob "$tree/pendo_fdw--*.sql";
    (my $sql = slurp($script)) =~ s/^\\.*$//mg;
    $sql =~ s/^SELECT pg_catalog\.pg_extension_config_dump\(.*\);$//mg;    # for an extension only
    $sql =~ s/'MODULE_PATHNAME'/'$self->{library}'/g;
    local $dbh->{pg_server_prepare} = 0;
    return $dbh->do($sql);
}

# From now on that library, which must know the same functions.
sub use_library {
    my ($self, $library) = @_;
    for my $database (databases()) {
        my $sessions = $self->{sessions}{$database};
        # what a session has loaded stays
        $_->disconnect for values %$sessions;
        my $dbh = $self->connect($database);
        my $definitions = $dbh->selectcol_arrayref("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'pendo\\_fdw%'");
        $dbh->do(s/^AS '[^']*'/AS '$library'/mr) for @$definitions;
        $dbh->disconnect;
        $sessions->{$_} = $self->connect($database) for keys %$sessions;
        $sessions->{off}->do('SET pendo_fdw.pushdown = off') if $self->{has_pushdown};
    }
    $self->{settings} = {};
    return;
}

# Operators and functions with well-known names that mean something else.
my @lookalikes = (
    'CREATE SCHEMA crm',
    'CREATE DOMAIN crm.word AS text',
    'CREATE FUNCTION crm.as_long(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT length($1) = length($2) $$',
    'CREATE OPERATOR crm.= (leftarg = text, rightarg = text, function = crm.as_long)',
    'CREATE OPERATOR crm.~~ (leftarg = text, rightarg = text, function = crm.as_long)',
    'CREATE FUNCTION crm.starts_with(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT right($1, length($2)) OPERATOR(pg_catalog.=) $2 $$',
    'CREATE FUNCTION crm.lower(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT pg_catalog.upper($1) $$',
);

sub prepare {
    my ($self, $database) = @_;
    my $dbh = $self->connect($database);
    my $url = $self->{simulator}{url};
    $self->install($dbh);
    $dbh->do($_) for
      "CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url '$url', track_url '$url', on_bad_value 'null')",
      "CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-read-key')",
      "CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
      @lookalikes, 'CREATE SCHEMA far', 'CREATE SCHEMA slow', 'CREATE SCHEMA here',
      'CREATE TABLE crm.users (id text, account text, n bigint, plan text, at timestamptz, score double precision, flag boolean)';
    $self->{has_strict} = takes_strict($dbh);
    for my $table (values %{ tables() }) {
        $dbh->do("CREATE TABLE here.$table->{name} (" . join(', ', map { column_sql($_) } @{ $table->{columns} }) . ')');
        $dbh->do($self->foreign_sql($_, $table)) for qw(far slow);
    }
    $self->{has_pushdown} = !!$dbh->selectrow_array("SELECT count(*) FROM far.accounts, pg_settings WHERE pg_settings.name = 'pendo_fdw.pushdown'");
    $self->{sessions}{$database} = { admin => $dbh, map { $_ => $self->connect($database) } qw(far off here) };
    $self->{sessions}{$database}{off}->do('SET pendo_fdw.pushdown = off') if $self->{has_pushdown};
    return;
}

# Does a column know the option?
sub takes_strict {
    my ($dbh) = @_;
    my $sql = "CREATE FOREIGN TABLE far.probe (visitor_id text, x text OPTIONS (path 'custom.x', strict_type 'true')) SERVER pendo OPTIONS (object 'visitors')";
    return 0 if error_of($dbh, $sql);
    $dbh->do('DROP FOREIGN TABLE far.probe');
    return 1;
}

sub foreign_sql {
    my ($self, $schema, $table) = @_;
    my @columns;
    for my $column (@{ $table->{columns} }) {
        my $strict  = $column->{strict} && $self->{has_strict} ? ", strict_type 'true'" : '';
        my $options = $column->{group} && $column->{path} !~ /^metadata/ ? " OPTIONS (path '$column->{path}'$strict)" : '';
        my ($type, $collation) = column_sql($column) =~ /^\w+ (.*?)( COLLATE .*)?$/;
        push @columns, "$column->{name} $type$options" . ($collation // '');
    }
    return "CREATE FOREIGN TABLE $schema.$table->{name} (" . join(', ', @columns)
      . ") SERVER pendo OPTIONS (object '$table->{name}', page_size '50000', include_anonymous 'false')";
}

# page: a page_size for each schema.
sub set_tables {
    my ($self, $round) = @_;
    my $dbh = $self->{sessions}{ $round->{database} }{admin};
    for my $schema (qw(far slow)) {
        for my $table (sort keys %{ tables() }) {
            $dbh->do("ALTER FOREIGN TABLE $schema.$table OPTIONS (SET page_size '$round->{page}{$schema}', SET include_anonymous '$round->{anonymous}')");
        }
    }
    return;
}

sub set_switches {
    my ($self, $switches) = @_;
    $self->{simulator}->reset;
    return $self->{simulator}->config(%$switches);
}

sub takes_switch {
    my ($self, $name, $value) = @_;
    return $self->{simulator}->ask('POST', '/__sim/config', { $name => $value })->{success};
}

sub load {
    my ($self, $table, $lines) = @_;
    my $simulator = $self->{simulator};
    my $reply = $simulator->{http}->request('POST', "$simulator->{url}/__sim/load/$table->{kind}", { content => encode_utf8($lines) });
    die "load: $reply->{status} $reply->{content}" unless $reply->{success};
    return;
}

my %copied = ("\\" => '\\\\', "\n" => '\\n', "\r" => '\\r', "\t" => '\\t');

# Fills a local table with rows of SQL texts; times are microseconds.
sub fill {
    my ($self, $round, $name, $columns, $rows) = @_;
    my $dbh = $self->{sessions}{ $round->{database} }{admin};
    $dbh->do("TRUNCATE $name");
    $dbh->do("COPY $name FROM STDIN");
    for my $row (@$rows) {
        my @cells = map {
            my $cell = $row->[$_];
            $cell = time_text($cell) if defined $cell && $columns->[$_]{family} eq 'time';
            defined $cell ? $cell =~ s/([\\\n\r\t])/$copied{$1}/gr : '\\N'
        } 0 .. $#$columns;
        my $line = join("\t", @cells) . "\n";
        utf8::upgrade($line);
        $dbh->pg_putcopydata($line);
    }
    $dbh->pg_putcopyend;
    return $dbh->do("ANALYZE $name");
}

# The session for one of far, slow, off, here, in the right schema.
sub session {
    my ($self, $round, $place, $schema) = @_;
    my $dbh = $self->{sessions}{ $round->{database} }{$place};
    my $key = "$place $round->{database}";
    my $wanted = "SET search_path = $schema, crm, public; SET timezone = '$round->{timezone}'";
    if (($self->{settings}{$key} // '') ne $wanted) {
        $dbh->do($wanted);
        $self->{settings}{$key} = $wanted;
    }
    return $dbh;
}

1;
