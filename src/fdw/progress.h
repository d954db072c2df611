// Telling how far a long sending is.
#pragma once

#include "fdw/run.h"

// GUC pendo_fdw.progress_interval, in milliseconds; 0: never.
extern int pendo_progress_interval;

// From now on, while waiting for Pendo, a NOTICE now and then. `total` records are
// to be sent; 0: not known.
void pendo_begin_progress(PendoRun* run, int64 total);
void pendo_end_progress();
