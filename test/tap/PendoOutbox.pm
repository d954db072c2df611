# What the tests of the outbox ask time and again, of the session and the simulator
# that outbox_of() names.
package PendoOutbox;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw($bulk $track outbox_of calls stored value waiting dead plan_to clean_outbox);

our $bulk  = 'POST /api/v1/metadata/visitor/custom/value';
our $track = 'POST /data/track';

my ($session, $simulator);

# A reference to the session's variable: a test may connect anew.
sub outbox_of { ($session, $simulator) = @_; return }

sub value { my ($sql, $other) = @_; return scalar(($other // $$session)->selectrow_array($sql)) }

sub calls { my ($route) = @_; return $simulator->stats->{ $route // $bulk } // 0 }

# A custom field of a visitor as Pendo has it.
sub stored {
    my ($id, $field) = @_;
    my $record = $simulator->record('visitor', $id);
    return $record ? $record->{metadata}{custom}{$field} : undef;
}

sub waiting { return value('SELECT count(*) FROM pendo_fdw_queue') }

# "id:reason" of each dead letter.
sub dead {
    return join ' ', map { "$_->[0]:$_->[1]" } @{ $$session->selectall_arrayref('SELECT id, reason FROM pendo_fdw_dead_letters ORDER BY id, seq') };
}

sub plan_to {
    my ($n, $plan, $other) = @_;
    ($other // $$session)->do(sprintf "UPDATE pendo.visitors SET custom_plan = '%s' WHERE visitor_id = 'v%07d'", $plan, $n);
    return;
}

# Nothing waits, nothing is dead, and Pendo is as at the start.
sub clean_outbox {
    $simulator->faults;
    $$session->do('DELETE FROM pendo_fdw_queue');
    $$session->do("SELECT pendo_fdw_prune(interval '0')");
    $simulator->reset;
    return;
}

1;
