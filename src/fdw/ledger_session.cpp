// What SQL asks of the ledger: pendo_fdw_last_run() and pendo_fdw_prune().
#include "fdw/entry.h"
#include "fdw/ledger.h"
#include "fdw/ledger_write.h"

extern "C" {
#include "utils/acl.h"
#include "utils/tuplestore.h"
}

namespace {

// Numbers of runs, in TopMemoryContext.
struct RunNumbers {
  int64* numbers;
  int count;
  int room;
};

RunNumbers pending;  // of the transaction that runs
RunNumbers last;     // of the last one that committed and had any

void at_transaction_end(XactEvent event, void*) {
  if (event == XACT_EVENT_COMMIT && pending.count > 0) {
    RunNumbers former = last;
    last = pending;
    pending = former;
  }
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT) pending.count = 0;
}

Datum last_numbers() {
  auto* elements = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(last.count + 1)));
  for (int i = 0; i < last.count; ++i) elements[i] = Int64GetDatum(last.numbers[i]);
  return pendo_ledger_array(elements, nullptr, last.count, INT8OID);
}

void return_rows(const ReturnSetInfo* info) {
  for (uint64 i = 0; i < SPI_processed; ++i) tuplestore_puttuple(info->setResult, SPI_tuptable->vals[i]);
}

// `sql` deletes what is older than $1, of roles that $2 is a member of (0: of all).
int64 delete_old(const LedgerScope* scope, const char* sql, TimestampTz oldest, Oid caller) {
  Oid types[] = {TIMESTAMPTZOID, OIDOID};
  Datum values[] = {TimestampTzGetDatum(oldest), ObjectIdGetDatum(caller)};
  return pendo_ledger_run(pendo_ledger_prepare(scope, sql, lengthof(types), types), values, nullptr);
}

#define OF_CALLER " AND ($2 = 0 OR pg_has_role($2, role, 'MEMBER'))"
constexpr const char* kDeleteRejects = "DELETE FROM @pendo_fdw_rejects WHERE last_seen < $1" OF_CALLER;
constexpr const char* kDeleteDeadLetters = "DELETE FROM @pendo_fdw_dead_letters WHERE died < $1" OF_CALLER;
#undef OF_CALLER

TimestampTz before_now(const Interval* keep) {
  Datum now = TimestampTzGetDatum(GetCurrentTimestamp());
  TimestampTz oldest = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, now, IntervalPGetDatum(keep)));
  if (oldest > DatumGetTimestampTz(now)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the time to keep runs, rejects and dead letters must not be negative")));
  }
  return oldest;
}

}  // namespace

void pendo_ledger_session_init() { RegisterXactCallback(at_transaction_end, nullptr); }

void pendo_ledger_remember_run(int64 run) {
  if (pending.count == pending.room) {
    int room = pending.room ? pending.room * 2 : 8;
    Size size = sizeof(int64) * static_cast<Size>(room);
    pending.numbers = static_cast<int64*>(pending.numbers ? repalloc(pending.numbers, size) : MemoryContextAlloc(TopMemoryContext, size));
    pending.room = room;
  }
  pending.numbers[pending.count++] = run;
}

int64 pendo_ledger_delete_runs(const LedgerScope* scope, TimestampTz oldest, int64 limit, Oid caller) {
  Oid types[] = {TIMESTAMPTZOID, OIDOID, INT8OID};
  Datum values[] = {TimestampTzGetDatum(oldest), ObjectIdGetDatum(caller), Int64GetDatum(limit)};
  const char nulls[] = {' ', ' ', limit > 0 ? ' ' : 'n', '\0'};
  SPIPlanPtr plan = pendo_ledger_prepare(scope,
                                         "DELETE FROM @pendo_fdw_runs WHERE run IN (SELECT run FROM @pendo_fdw_runs"
                                         " WHERE finished < $1 AND ($2 = 0 OR pg_has_role($2, role, 'MEMBER'))"
                                         " ORDER BY finished LIMIT $3)",
                                         lengthof(types), types);
  return pendo_ledger_run(plan, values, nulls);
}

// As the caller, so that row security decides what is seen.
extern "C" Datum pendo_fdw_last_run(PG_FUNCTION_ARGS) {
  InitMaterializedSRF(fcinfo, 0);
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kCaller);
  Oid types[] = {INT8ARRAYOID};
  Datum values[] = {last_numbers()};
  SPIPlanPtr plan = pendo_ledger_prepare(&scope, "SELECT * FROM @pendo_fdw_runs WHERE run = ANY ($1) ORDER BY run", 1, types);
  pendo_ledger_run(plan, values, nullptr);
  return_rows(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo));
  pendo_ledger_end(&scope);
  return Datum(0);
}

extern "C" Datum pendo_fdw_prune(PG_FUNCTION_ARGS) {
  TimestampTz oldest = before_now(PG_GETARG_INTERVAL_P(0));
  PreventCommandIfReadOnly("pendo_fdw_prune()");
  // its locks would keep every commit waiting that has rejects, after the sending
  if (IsTransactionBlock()) {
    ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("pendo_fdw_prune() cannot run inside a transaction block"),
                    errhint("Run it as a statement of its own.")));
  }
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  // the owner of the extension may delete everybody's rows
  Oid caller = has_privs_of_role(scope.user, scope.extension.owner) ? InvalidOid : scope.user;
  // a delivery takes them in this order, too
  int64 deleted = delete_old(&scope, kDeleteDeadLetters, oldest, caller);
  pendo_ledger_lock_retention(&scope.extension, true);
  pendo_ledger_lock_rejects(&scope.extension);
  deleted += pendo_ledger_delete_runs(&scope, oldest, 0, caller) + delete_old(&scope, kDeleteRejects, oldest, caller);
  pendo_ledger_end(&scope);
  PG_RETURN_INT64(deleted);
}
