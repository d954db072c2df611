// The one WARNING that a statement gives about records that did not arrive.
#pragma once

#include "core/outcome.h"
#include "fdw/table.h"

// `what` names the records: "visitors", "track events".
void pendo_warn(const PendoTable* table, const pendo::Outcome& outcome, const char* what);
