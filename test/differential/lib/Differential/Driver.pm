# Rounds of data, queries on each, and the report of what differs.
package Differential::Driver;

use strict;
use warnings;

use JSON::XS;

use Differential::Columns qw(tables);
use Differential::Compare qw(disagreement);
use Differential::Coverage;
use Differential::Data qw(draw_records sent_records sql_rows);
use Differential::Query qw(draw_query);
use Differential::Random;
use Differential::Rig;
use Differential::Switches qw(known_switches draw_switches);

my $json = JSON::XS->new->canonical->ascii->allow_nonref;

# seed, library, or the rig of another driver; fixed: switches that are not drawn, by name; report: called with
# the text of each difference.
sub new {
    my ($class, %arguments) = @_;
    my $self = bless { %arguments, queries => 0, differences => 0, known_errors => 0, rounds => 0, coverage => Differential::Coverage->new }, $class;
    $self->{rig} //= Differential::Rig->new(library => $arguments{library});
    $self->{switches} = known_switches(sub { $self->{rig}->takes_switch(@_) });
    return $self;
}

# ---- a round's data ----

sub draw_round {
    my ($self, $number) = @_;
    seed_with($self->{seed}, $number);
    my $page = pick(50000, 50000, 1000, 7);
    my %round = (
        number => $number, database => pick(Differential::Rig::databases()), switches => { %{ draw_switches($self->{switches}) }, %{ $self->{fixed} || {} } },
        page => { far => $page, slow => pick(1, 2) }, anonymous => pick(qw(false false true)), timezone => pick('UTC', 'America/New_York', 'Asia/Kolkata'),
    );
    # such an id cannot be the last one of a page then
    $round{records} = draw_records(($round{switches}{newline_in_quotes} // '') ne 'refuse');
    return \%round;
}

sub visible {
    my ($round, $name) = @_;
    my $records = $round->{records}{$name};
    return $records if $name eq 'accounts' || $round->{anonymous} eq 'true';
    return [grep { $_->{id} !~ /^_PENDO_T_|^VISITOR-UNIQUE-ID\z/ } @$records];
}

my @user_columns = map { { family => $_ } } qw(text text int text time float bool);

# Local rows to join with: ids that are there and ids that are not, some twice.
sub draw_users {
    my ($round) = @_;
    my @visitors = map { $_->{id} } @{ $round->{records}{visitors} };
    my @accounts = map { $_->{id} } @{ $round->{records}{accounts} };
    my $words = $round->{pool}{visitors}{t};
    return map {
        [chance(0.1) ? undef : chance(0.15) ? lc pick(@visitors) : pick(@visitors), chance(0.1) ? undef : pick(@accounts, 'nobody'), chance(0.1) ? undef : between(-2, 8),
         chance(0.2) ? undef : pick('Pro', 'pro', 'Free', '', @$words), chance(0.2) ? undef : pick(@{ $round->{pool}{visitors}{ts} }, 1735689600000000), chance(0.2) ? undef : pick(0, 0.1, 5, 5.5), pick('t', 'f', undef)]
    } 1 .. between(0, 60);
}

# The table with columns that hold what is NULL in narrow ones.
sub widened {
    my ($table) = @_;
    return { %$table, columns => [map { { %$_, type => $_->{wide} // $_->{type} } } @{ $table->{columns} }] };
}

sub distinct { my %seen; return grep { defined && !$seen{$_}++ } @_ }

# Distinct values of each column, with those that it cannot hold; the latter alone
# under `beyond`.
sub draw_pool {
    my ($round, $name, $rows) = @_;
    my $table   = tables()->{$name};
    my @columns = @{ $table->{columns} };
    my @wide    = sql_rows(widened($table), visible($round, $name), $round->{switches});
    my %pool;
    for my $i (0 .. $#columns) {
        # a whole record is no constant
        $pool{ $columns[$i]{name} } = [$columns[$i]{whole} ? () : distinct(map { $_->[$i] } @wide)];
        $pool{beyond}{ $columns[$i]{name} } = [distinct(map { $wide[$_][$i] } grep { !defined $rows->[$_][$i] } 0 .. $#wide)];
    }
    return \%pool;
}

sub begin_round {
    my ($self, $number) = @_;
    my $round  = $self->draw_round($number);
    my $rig    = $self->{rig};
    my $tables = tables();
    $rig->set_switches($round->{switches});
    for my $name (sort keys %$tables) {
        my $table = $tables->{$name};
        my @rows  = sql_rows($table, visible($round, $name), $round->{switches});
        $rig->load($table, sent_records($table, $round->{records}{$name}));
        $rig->fill($round, "here.$name", $table->{columns}, \@rows);
        $round->{pool}{$name} = draw_pool($round, $name, \@rows);
        # ids that must not be found are asked for as well
        my %shown = map { $_->{id} => 1 } @{ visible($round, $name) };
        push @{ $round->{pool}{$name}{ $table->{key} } }, grep { !$shown{$_} } map { $_->{id} } @{ $round->{records}{$name} };
    }
    $rig->fill($round, 'crm.users', \@user_columns, [draw_users($round)]);
    $rig->set_tables($round);
    $self->{round} = $round;
    return $round;
}

# ---- a query ----

sub ask {
    my ($dbh, $sql) = @_;
    my $rows = eval {
        utf8::upgrade($sql);
        my $statement = $dbh->prepare($sql, { pg_direct => 1 });
        $statement->execute;
        $statement->{NUM_OF_FIELDS} ? $statement->fetchall_arrayref : [];
    };
    return { rows => $rows } if $rows;
    return { state => $dbh->state || 'XX000', message => $dbh->errstr // $@ };
}

# An answer for each step; after an error only those steps that tidy up.
sub answers {
    my ($dbh, $query, $each) = @_;
    my $failed = 0;
    my @answers;
    for my $step (@{ $query->{steps} }) {
        if ($failed && !$step->{always}) { push @answers, undef; next }
        $each->($step) if $each;
        push @answers, ask($dbh, $step->{sql});
        $failed ||= $answers[-1]{state} && !$step->{always};
    }
    return \@answers;
}

sub explain {
    my ($dbh, $sql) = @_;
    my $plan = ask($dbh, "EXPLAIN (VERBOSE, COSTS OFF) $sql");
    return $plan->{rows} ? join "\n", map { $_->[0] } @{ $plan->{rows} } : undef;
}

# The places where a query runs: the local table first.
sub places {
    my ($self) = @_;
    my $schema = chance(0.03) ? 'slow' : 'far';
    return (['here', 'here'], ['far', $schema], $self->{rig}{has_pushdown} ? ['off', $schema] : ());
}

sub run_query {
    my ($self, $number, $kind) = @_;
    my $round = $self->{round};
    seed_with($self->{seed}, $round->{number}, $number);
    my $query = draw_query(tables(), $round->{pool}, $kind);
    my ($here, @others) = $self->places;
    my $local = $self->{rig}->session($round, @$here);
    my $mine  = answers($local, $query);
    my @runs  = map { $self->run_far($query, $_) } @others;
    $self->{queries}++;
    if (grep { is_known($round, $_) } @{ $runs[-1]{answers} }) {
        $self->{known_errors}++;
        return 1;
    }
    $self->{coverage}->add($query, $runs[0]{plan}, !!grep { $_ && $_->{state} } @$mine);
    for my $run (@runs) { return 0 if $self->compare($number, $query, $run, $local, $mine) }
    return 1;
}

# { place, answers, plan }: the plan is that of the last step that has one.
sub run_far {
    my ($self, $query, $place) = @_;
    my $dbh = $self->{rig}->session($self->{round}, @$place);
    my $plan;
    my $answers = answers($dbh, $query, sub {
        my ($step) = @_;
        return unless $step->{explained} || ($step->{explain} // 1) && $step->{agree} ne 'nothing';
        $plan = explain($dbh, $step->{explained} // $step->{sql}) // $plan;
    });
    return { place => $place, answers => $answers, plan => $plan };
}

# Errors that a key lookup ends with where Pendo is thought to behave so. They are
# not the doing of what is sent of WHERE, so the run without it shows them as well.
my @known = (
    # a key with a line break
    { switch => 'newline_in_quotes', value => 'refuse', message => qr/answered 400.*Cannot parse filter/ },
    # a key that is another's in upper or lower case, where it is asked for by a filter
    { switch => 'comparison_case', value => 'insensitive', message => qr/a row with another key than the one asked for/ },
);

sub is_known {
    my ($round, $answer) = @_;
    return 0 unless $answer && $answer->{state};
    return !!grep { ($round->{switches}{ $_->{switch} } // '') eq $_->{value} && $answer->{message} =~ $_->{message} } @known;
}

sub compare {
    my ($self, $number, $query, $run, $local, $mine) = @_;
    for my $i (0 .. $#$mine) {
        my $step = $query->{steps}[$i];
        my ($one, $other) = ($mine->[$i], $run->{answers}[$i]);
        next unless $one && $other;
        my $full = $step->{full} && !$one->{state} && !$other->{state} ? ask($local, $step->{full})->{rows} : undef;
        my $difference = disagreement($step, $one, $other, $full) or next;
        $self->tell($number, $run->{place}, [map { $_->{sql} } @{ $query->{steps} }[0 .. $i]], $difference, $run->{plan});
        return 1;
    }
    return 0;
}

# ---- the report ----

sub show_rows {
    my ($title, $rows) = @_;
    return '' unless @$rows;
    my @shown = @$rows > 8 ? @$rows[0 .. 7] : @$rows;
    my @lines = map { '  ' . substr join(' | ', map { defined ? $json->encode("$_") : 'NULL' } @$_), 0, 600 } @shown;
    return "$title (" . @$rows . "):\n" . join("\n", @lines) . "\n";
}

sub tell {
    my ($self, $number, $place, $statements, $difference, $plan) = @_;
    my $round = $self->{round};
    $self->{differences}++;
    my $text = "DIFFERENCE: $difference->{what}\n"
      . "database $round->{database}, schema $place->[1], " . ($place->[0] eq 'off' ? 'pushdown off' : 'pushdown as it is') . ", page_size $round->{page}{ $place->[1] }, include_anonymous $round->{anonymous}, timezone $round->{timezone}\n"
      . 'switches ' . $json->encode($round->{switches}) . "\n"
      . join('', map { "$_;\n" } @$statements)
      . (defined $plan ? "$plan\n" : '')
      . show_rows('missing', $difference->{missing}) . show_rows('extra', $difference->{extra})
      . "again: test/differential/run --seed $self->{seed} --round $round->{number}" . (defined $number ? " --query $number" : ' --query none') . "\n";
    $self->{report}->($text);
    return;
}

# ---- the whole ----

# Is everything there as the generator thinks it is? False: no query can be trusted.
sub check_copy {
    my ($self) = @_;
    my $round = $self->{round};
    my $good = 1;
    for my $name (sort keys %{ tables() }) {
        my $key = tables()->{$name}{key};
        my $sql = "SELECT * FROM $name ORDER BY $key COLLATE \"C\"";
        my @answers = map { ask($self->{rig}->session($round, @$_), $sql) } ['here', 'here'], ['far', 'far'];
        my $difference = disagreement({ agree => 'list' }, @answers) or next;
        $self->tell(undef, ['far', 'far'], [$sql], $self->by_column($name, $difference, @answers), undef);
        $good = 0;
    }
    return $good;
}

# Only the columns that differ: (id, column, here) and (id, column, there).
sub by_column {
    my ($self, $name, $difference, $here, $there) = @_;
    return $difference if $here->{state} || $there->{state} || @{ $here->{rows} } != @{ $there->{rows} };
    my $columns = tables()->{$name}{columns};
    my (@missing, @extra);
    for my $i (0 .. $#{ $here->{rows} }) {
        my ($one, $other) = ($here->{rows}[$i], $there->{rows}[$i]);
        for my $k (0 .. $#$columns) {
            next if defined $one->[$k] ? defined $other->[$k] && $one->[$k] eq $other->[$k] : !defined $other->[$k];
            push @missing, [$one->[0], $columns->[$k]{name}, $one->[$k]];
            push @extra, [$other->[0], $columns->[$k]{name}, $other->[$k]];
        }
    }
    return { what => 'other values', missing => \@missing, extra => \@extra };
}

# rounds, queries (in all); round, query: only that one; stop: after so many differences.
sub run {
    my ($self, %arguments) = @_;
    my ($rounds, $queries) = @arguments{qw(rounds queries)};
    my @rounds = defined $arguments{round} ? $arguments{round} : (1 .. $rounds);
    my $enough = sub { $self->{differences} >= ($arguments{stop} // 10) };
    for my $number (@rounds) {
        return if $enough->();
        $self->begin_round($number);
        next unless $self->check_copy;
        $self->{rounds}++;
        my $share = int(($queries * $number) / $rounds) - int(($queries * ($number - 1)) / $rounds);
        for my $query (defined $arguments{query} ? $arguments{query} eq 'none' ? () : $arguments{query} : 1 .. $share) {
            $self->run_query($query, $arguments{kind});
            return if $enough->();
        }
        $arguments{progress}->($self, $number) if $arguments{progress};
    }
    return;
}

1;
