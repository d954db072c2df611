// The functions that SQL calls. Everything else of the library is hidden; before
// PostgreSQL 17, PGDLLEXPORT exports nothing by itself.
#pragma once

#include "fdw/compat.h"

#pragma GCC visibility push(default)
extern "C" {
Datum pendo_fdw_handler(PG_FUNCTION_ARGS);
Datum pendo_fdw_validator(PG_FUNCTION_ARGS);
Datum pendo_fdw_check(PG_FUNCTION_ARGS);
Datum pendo_fdw_dry_run(PG_FUNCTION_ARGS);
Datum pendo_fdw_last_run(PG_FUNCTION_ARGS);
Datum pendo_fdw_prune(PG_FUNCTION_ARGS);
Datum pendo_fdw_deliver(PG_FUNCTION_ARGS);
Datum pendo_fdw_requeue(PG_FUNCTION_ARGS);
Datum pendo_fdw_adopt(PG_FUNCTION_ARGS);
// main functions of background workers, which SQL does not call
void pendo_fdw_record_failed_run(Datum database);
void pendo_fdw_deliver_worker(Datum number);
}
#pragma GCC visibility pop
