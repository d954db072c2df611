// The mark that a failed run leaves: its transaction cannot write a row any
// more, so that a background worker does it in one of its own.
#include "fdw/entry.h"
#include "fdw/ledger.h"
#include "fdw/ledger_write.h"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"
}

namespace {

enum Count { kRecords, kApplied, kMissing, kInvalid, kUncertain, kDuplicates, kUnchanged, kCalls, kCounts };

constexpr int kCountBytes = 5;  // up to 10^12

// What a worker is given: little room, so names are looked up by the worker.
struct FailedRun {
  Oid role;
  Oid table;
  TimestampTz started;
  char sqlstate[6];
  char delivery[10];
  char object[20];
  uint8 counts[kCounts][kCountBytes];
  char sync_name[BGW_EXTRALEN - 92];
};
static_assert(sizeof(FailedRun) == BGW_EXTRALEN);

void pack_count(uint8* bytes, int64 count) {
  for (int i = 0; i < kCountBytes; ++i) bytes[i] = static_cast<uint8>(count >> (8 * i));
}

int64 unpack_count(const uint8* bytes) {
  int64 count = 0;
  for (int i = 0; i < kCountBytes; ++i) count |= static_cast<int64>(bytes[i]) << (8 * i);
  return count;
}

// Cuts at a character.
template <Size size>
void copy_name(char (&to)[size], const char* from) {
  if (!from) from = "";
  int length = pg_mbcliplen(from, static_cast<int>(strlen(from)), static_cast<int>(size) - 1);
  memcpy(to, from, static_cast<Size>(length));
  to[length] = '\0';
}

void pack(FailedRun* run, const PendoRunRow* row, const char* sqlstate) {
  memset(run, 0, sizeof(*run));
  run->role = row->role;
  run->table = row->table;
  run->started = row->started;
  copy_name(run->sqlstate, sqlstate);
  copy_name(run->delivery, row->delivery);
  copy_name(run->object, row->object);
  copy_name(run->sync_name, row->sync_name);
  const int64 counts[] = {row->records, row->applied, row->missing, row->invalid, row->uncertain, row->duplicates, row->unchanged, row->calls};
  for (int i = 0; i < kCounts; ++i) pack_count(run->counts[i], counts[i]);
}

void unpack(PendoRunRow* row, const FailedRun* run) {
  const uint8(*counts)[kCountBytes] = run->counts;
  *row = {.server = nullptr,
          .object = run->object,
          .table_name = nullptr,
          .delivery = run->delivery,
          .sync_name = run->sync_name,
          .role = run->role,
          .table = run->table,
          .started = run->started,
          .records = unpack_count(counts[kRecords]),
          .applied = unpack_count(counts[kApplied]),
          .missing = unpack_count(counts[kMissing]),
          .invalid = unpack_count(counts[kInvalid]),
          .uncertain = unpack_count(counts[kUncertain]),
          .duplicates = unpack_count(counts[kDuplicates]),
          .unchanged = unpack_count(counts[kUnchanged]),
          .calls = unpack_count(counts[kCalls])};
}

bool start_worker(const FailedRun* run) {
  BackgroundWorker worker;
  memset(&worker, 0, sizeof(worker));
  copy_name(worker.bgw_name, "pendo_fdw: mark of a failed run");
  copy_name(worker.bgw_type, "pendo_fdw failed run");
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  copy_name(worker.bgw_library_name, "pendo_fdw");
  copy_name(worker.bgw_function_name, "pendo_fdw_record_failed_run");
  worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
  memcpy(worker.bgw_extra, run, sizeof(*run));
  return RegisterDynamicBackgroundWorker(&worker, nullptr);
}

// The table may have been made by the transaction that failed, or be gone.
void look_up_names(PendoRunRow* row) {
  row->server = "";
  row->table_name = "";
  const char* name = get_rel_name(row->table);
  if (!name || get_rel_relkind(row->table) != RELKIND_FOREIGN_TABLE) return;
  row->table_name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(row->table)), name);
  ForeignServer* server = GetForeignServerExtended(GetForeignTable(row->table)->serverid, FSV_MISSING_OK);
  if (server) row->server = server->servername;
}

void record(const FailedRun* run) {
  PendoExtension extension;
  if (!pendo_find_extension(&extension, true)) return;
  PendoRunRow row;
  unpack(&row, run);
  look_up_names(&row);
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  pendo_ledger_force_writable(&scope);
  pendo_ledger_insert_run(&scope, &row, run->sqlstate);
  pendo_ledger_end(&scope);
}

}  // namespace

void pendo_ledger_mark_failed(const PendoRunRow* row, const char* sqlstate) {
  FailedRun run;
  pack(&run, row, sqlstate);
  bool started = start_worker(&run);
  ereport(LOG, (errmsg_internal("pendo_fdw: a run on %s (server \"%s\", sync \"%s\", delivery %s) failed with SQLSTATE %s", row->table_name,
                                row->server, row->sync_name ? row->sync_name : "", row->delivery, sqlstate),
                errdetail_internal("Of " INT64_FORMAT " records Pendo applied " INT64_FORMAT ", missing " INT64_FORMAT
                                   ", invalid " INT64_FORMAT ", uncertain " INT64_FORMAT "; " INT64_FORMAT " calls.%s",
                                   row->records, row->applied, row->missing, row->invalid, row->uncertain, row->calls,
                                   started ? "" : " No background worker was free (max_worker_processes), so that pendo_fdw_runs will not show it.")));
}

void pendo_fdw_record_failed_run(Datum database) {
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
  BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid, 0);
  FailedRun run;
  memcpy(&run, MyBgworkerEntry->bgw_extra, sizeof(run));
  pgstat_report_activity(STATE_RUNNING, "pendo_fdw: writing the row of a failed run");
  StartTransactionCommand();
  record(&run);
  CommitTransactionCommand();
  pgstat_report_activity(STATE_IDLE, nullptr);
}
