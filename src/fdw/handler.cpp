// What PostgreSQL loads: the module's mark and the entry points.
#include "core/reactor.h"
#include "fdw/check.h"
#include "fdw/analyze.h"
#include "fdw/block_join.h"
#include "fdw/entry.h"
#include "fdw/compat.h"
#include "fdw/direct_modify.h"
#include "fdw/import_schema.h"
#include "fdw/kept_table.h"
#include "fdw/ledger.h"
#include "fdw/modify.h"
#include "fdw/outbox.h"
#include "fdw/plan.h"
#include "fdw/progress.h"
#include "fdw/run.h"
#include "fdw/scan.h"
#include "fdw/session.h"
#include "fdw/upper.h"
#include "fdw/version.h"

// Everything else is hidden; before 17, PGDLLEXPORT exports nothing by itself.
#pragma GCC visibility push(default)
extern "C" {
#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "pendo_fdw", .version = PENDO_FDW_VERSION);
#else
PG_MODULE_MAGIC;
#endif
void _PG_init(void);
PG_FUNCTION_INFO_V1(pendo_fdw_handler);
PG_FUNCTION_INFO_V1(pendo_fdw_validator);
PG_FUNCTION_INFO_V1(pendo_fdw_check);
PG_FUNCTION_INFO_V1(pendo_fdw_dry_run);
PG_FUNCTION_INFO_V1(pendo_fdw_last_run);
PG_FUNCTION_INFO_V1(pendo_fdw_prune);
PG_FUNCTION_INFO_V1(pendo_fdw_deliver);
PG_FUNCTION_INFO_V1(pendo_fdw_requeue);
PG_FUNCTION_INFO_V1(pendo_fdw_adopt);
}
#pragma GCC visibility pop

// Plans that were made before know nothing of it.
static void plan_anew(bool, void*) { ResetPlanCache(); }

void _PG_init(void) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    ereport(ERROR, (errcode(ERRCODE_FDW_ERROR), errmsg("pendo_fdw: libcurl does not start")));
  }
  DefineCustomBoolVariable("pendo_fdw.pushdown", "Lets Pendo filter, sort and count.",
                           "When off, every condition is checked and every row counted in PostgreSQL.", &pendo_pushdown, true,
                           PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable("pendo_fdw.dry_run", "Makes the calls that write to Pendo, but does not send them.",
                           "pendo_fdw_dry_run() shows the calls of the transaction.", &pendo_dry_run_on, false, PGC_USERSET, 0,
                           nullptr, nullptr, nullptr);
  DefineCustomBoolVariable("pendo_fdw.only_changes", "Sends only values that differ from those in Pendo.",
                           "UPDATE then reads the columns that it sets. The same as the table option only_changes, for all tables.",
                           &pendo_only_changes, false, PGC_USERSET, 0, nullptr, plan_anew, nullptr);
  DefineCustomIntVariable("pendo_fdw.progress_interval", "Time between two NOTICEs of a long sending.", "0 turns them off.",
                          &pendo_progress_interval, 30'000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  pendo_ledger_init();
  pendo_outbox_init_worker();
  MarkGUCPrefixReserved("pendo_fdw");
  pendo_session_init();
  pendo_kept_table_init();
  pendo_run_init();
  pendo_outbox_init();
  pendo_block_join_init();
}

extern "C" Datum pendo_fdw_handler(PG_FUNCTION_ARGS) {
  FdwRoutine* routine = makeNode(FdwRoutine);
  routine->GetForeignRelSize = pendoGetForeignRelSize;
  routine->GetForeignPaths = pendoGetForeignPaths;
  routine->GetForeignPlan = pendoGetForeignPlan;
  routine->GetForeignUpperPaths = pendoGetForeignUpperPaths;
  routine->BeginForeignScan = pendoBeginForeignScan;
  routine->IterateForeignScan = pendoIterateForeignScan;
  routine->ReScanForeignScan = pendoReScanForeignScan;
  routine->EndForeignScan = pendoEndForeignScan;
  routine->ExplainForeignScan = pendoExplainForeignScan;
  routine->AddForeignUpdateTargets = pendoAddForeignUpdateTargets;
  routine->IsForeignRelUpdatable = pendoIsForeignRelUpdatable;
  routine->PlanForeignModify = pendoPlanForeignModify;
  routine->BeginForeignModify = pendoBeginForeignModify;
  routine->ExecForeignInsert = pendoExecForeignInsert;
  routine->ExecForeignUpdate = pendoExecForeignUpdate;
  routine->EndForeignModify = pendoEndForeignModify;
  routine->BeginForeignInsert = pendoBeginForeignInsert;
  routine->EndForeignInsert = pendoEndForeignInsert;
  routine->ExplainForeignModify = pendoExplainForeignModify;
  routine->PlanDirectModify = pendoPlanDirectModify;
  routine->BeginDirectModify = pendoBeginDirectModify;
  routine->IterateDirectModify = pendoIterateDirectModify;
  routine->EndDirectModify = pendoEndDirectModify;
  routine->ExplainDirectModify = pendoExplainDirectModify;
  routine->AnalyzeForeignTable = pendoAnalyzeForeignTable;
  routine->ImportForeignSchema = pendoImportForeignSchema;
  PG_RETURN_POINTER(routine);
}
