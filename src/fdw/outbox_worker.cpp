// Background workers that deliver the outbox of the databases that
// pendo_fdw.deliver_databases names, where the library is in
// shared_preload_libraries. After an error a worker is started anew.
#include "fdw/entry.h"
#include "fdw/ledger_write.h"
#include "fdw/outbox.h"

extern "C" {
#include "libpq/pqsignal.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"
}

namespace {

char* deliver_databases = nullptr;
int deliver_interval = 1'000;

constexpr int kRestartAfterSeconds = 10;

void start_worker(const char* database, int number) {
  BackgroundWorker worker;
  memset(&worker, 0, sizeof(worker));
  snprintf(worker.bgw_name, BGW_MAXLEN, "pendo_fdw: delivery for %s", database);
  strlcpy(worker.bgw_type, "pendo_fdw delivery", BGW_MAXLEN);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = kRestartAfterSeconds;
  strlcpy(worker.bgw_library_name, "pendo_fdw", BGW_MAXLEN);
  strlcpy(worker.bgw_function_name, "pendo_fdw_deliver_worker", BGW_MAXLEN);
  worker.bgw_main_arg = Int32GetDatum(number);
  RegisterBackgroundWorker(&worker);
}

// The names in the setting, or an ERROR.
List* databases() {
  List* names = NIL;
  if (!SplitGUCList(pstrdup(deliver_databases), ',', &names)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid list in pendo_fdw.deliver_databases: \"%s\"", deliver_databases)));
  }
  return names;
}

bool is_any_waiting() {
  PendoExtension extension;
  if (!pendo_find_extension(&extension, true)) return false;
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  SPIPlanPtr due = pendo_ledger_kept(&scope, "SELECT FROM @pendo_fdw_queue WHERE attempts > 0 AND next_attempt <= pg_catalog.clock_timestamp() LIMIT 1", 0, nullptr);
  SPIPlanPtr fresh = pendo_ledger_kept(&scope, "SELECT FROM @pendo_fdw_queue WHERE attempts = 0 LIMIT 1", 0, nullptr);
  bool any = pendo_ledger_run(due, nullptr, nullptr) > 0 || pendo_ledger_run(fresh, nullptr, nullptr) > 0;
  pendo_ledger_end(&scope);
  return any;
}

void look_and_deliver() {
  SetCurrentStatementStartTimestamp();
  StartTransactionCommand();
  bool any = is_any_waiting();
  CommitTransactionCommand();
  if (any) {
    pgstat_report_activity(STATE_RUNNING, "pendo_fdw: delivering the outbox");
    StartTransactionCommand();
    MemoryContextSwitchTo(TopMemoryContext);  // it commits, and the transaction's own context with it
    pendo_outbox_deliver(nullptr, 0);
    CommitTransactionCommand();
  }
  pgstat_report_stat(true);
  pgstat_report_activity(STATE_IDLE, nullptr);
}

}  // namespace

void pendo_outbox_init_worker() {
  DefineCustomIntVariable("pendo_fdw.deliver_interval", "How often the background worker looks whether the outbox has records that are due.", nullptr,
                          &deliver_interval, 1'000, 100, 3'600'000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  if (!process_shared_preload_libraries_in_progress) return;
  DefineCustomStringVariable("pendo_fdw.deliver_databases", "Databases whose outbox a background worker delivers, separated by commas.", nullptr,
                             &deliver_databases, "", PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
  int number = 0;
  ListCell* cell;
  foreach (cell, databases()) start_worker(static_cast<char*>(lfirst(cell)), number++);
}

void pendo_fdw_deliver_worker(Datum number) {
  pqsignal(SIGTERM, die);
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  BackgroundWorkerUnblockSignals();
  auto* database = static_cast<char*>(list_nth(databases(), DatumGetInt32(number)));
  BackgroundWorkerInitializeConnection(database, nullptr, 0);
  for (;;) {
    look_and_deliver();
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, deliver_interval, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
    }
  }
}
