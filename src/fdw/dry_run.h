// Dry runs: the calls are made, shown and not sent.
#pragma once

#include "fdw/run.h"

// Passes the calls that a sending of a dry run has kept to whoever asked for
// them; others are only counted.
void pendo_take_dry_calls(PendoRun* run, PendoSending* sending);

// The NOTICE that says that nothing was sent.
void pendo_tell_dry_run(const PendoRun* run, const pendo::Outcome& outcome);
