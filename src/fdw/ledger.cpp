// Writing the ledger at the end of a transaction.
#include "fdw/ledger.h"

#include "fdw/ledger_columns.h"
#include "fdw/ledger_text.h"
#include "fdw/ledger_write.h"

extern "C" {
#include "access/genam.h"
#include "catalog/pg_collation.h"
#include "storage/predicate.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

char* pendo_sync_name = nullptr;

namespace {

// Runs are kept so long, unless pendo_fdw_prune() asks for less. A commit deletes
// a limited number of them, and a session looks once a day.
constexpr int64 kKeepRuns = 90 * USECS_PER_DAY;
constexpr int64 kDeletedAtOnce = 1000;
TimestampTz next_look = 0;

Datum text_or_null(const char* text, char* null_flag) {
  *null_flag = text && *text ? ' ' : 'n';
  return text && *text ? CStringGetTextDatum(text) : Datum(0);
}

// What another session deletes right now is left to that one.
void delete_old_runs(const LedgerScope* scope) {
  TimestampTz now = GetCurrentTimestamp();
  if (now < next_look) return;
  if (!pendo_ledger_lock_retention(&scope->extension, false)) return;
  int64 deleted = pendo_ledger_delete_runs(scope, now - kKeepRuns, kDeletedAtOnce, InvalidOid);
  if (deleted < kDeletedAtOnce) next_look = now + USECS_PER_DAY;
}

// Results that are written by one statement each for what goes and what comes.
constexpr int kBatch = 1000;
constexpr Size kBatchBytes = 1 << 20;

enum ResultColumn { kId, kReason, kValues, kMessage, kResultColumns };

struct Taking {
  SPIPlanPtr remove;
  SPIPlanPtr add;
  MemoryContext context;  // of the batch; reset after each
  Size bytes;             // of the batch
  LedgerColumns batch;
  Datum server;
  Datum object;
  Datum table_name;
  Oid role;
  int64 run;
  TimestampTz now;
};

// The last result of each id; n tells the order of arrival. $5 and $6 are NULL
// arrays where nothing is added.
#define LAST_RESULTS                                                                           \
  "(SELECT DISTINCT ON (u.id COLLATE \"C\") u.* FROM unnest($3, $4, $5, $6)"                   \
  " WITH ORDINALITY AS u(id, reason, vals, message, n) ORDER BY u.id COLLATE \"C\", u.n DESC)"

// OFFSET 0 keeps the planner from any other plan than a look-up per id by the
// whole key: without statistics it takes (server, object) for selective enough.
constexpr const char* kRemove =
    "DELETE FROM @pendo_fdw_rejects WHERE ctid = ANY (ARRAY(SELECT old.ctid FROM " LAST_RESULTS " AS l,"
    " LATERAL (SELECT r.ctid FROM @pendo_fdw_rejects AS r WHERE r.server = $1 AND r.object = $2 AND r.id = l.id"
    " AND r.reason <> l.reason OFFSET 0) AS old))";

constexpr const char* kAdd =
    "INSERT INTO @pendo_fdw_rejects AS r"
    " (server, object, id, reason, first_seen, last_seen, times, values, message, run, role, table_name)"
    " SELECT $1, $2, l.id, l.reason, $7, $7, 1, l.vals, l.message, $8, $9, $10 FROM " LAST_RESULTS " AS l WHERE l.reason <> ''"
    " ON CONFLICT (server, object, id, reason) DO UPDATE SET last_seen = EXCLUDED.last_seen,"
    " times = r.times + CASE WHEN r.run = EXCLUDED.run THEN 0 ELSE 1 END, values = EXCLUDED.values,"
    " message = EXCLUDED.message, run = EXCLUDED.run, role = EXCLUDED.role, table_name = EXCLUDED.table_name";

#undef LAST_RESULTS

// Events have no id: the very same one may be sent any number of times, and each
// that is refused has a row, "label", "label 2", ... Each that is taken takes the
// row of an earlier run away. '!' comes after the blank.
#define RESULTS "unnest($3, $4, $5, $6) WITH ORDINALITY AS u(id, reason, vals, message, n)"

#define EARLIER_ROWS                                                                             \
  "SELECT r.ctid FROM @pendo_fdw_rejects AS r WHERE r.server = $1 AND r.object = $2 AND r.id >= l.id" \
  " AND r.id < l.id || '!' AND r.run <> $8"

constexpr const char* kRemoveEvents =
    "DELETE FROM @pendo_fdw_rejects WHERE ctid = ANY (ARRAY(SELECT old.ctid FROM"
    " (SELECT u.id COLLATE \"C\" AS id, u.reason COLLATE \"C\" AS reason, pg_catalog.count(*) AS count FROM " RESULTS " GROUP BY 1, 2) AS l,"
    " LATERAL (" EARLIER_ROWS " AND r.reason <> l.reason ORDER BY r.id DESC LIMIT l.count) AS old))";

constexpr const char* kAddEvents =
    "INSERT INTO @pendo_fdw_rejects AS r"
    " (server, object, id, reason, first_seen, last_seen, times, values, message, run, role, table_name)"
    " SELECT $1, $2, l.id || CASE WHEN k.place > 1 THEN ' ' || k.place ELSE '' END, l.reason, $7, $7, 1, l.vals, l.message, $8, $9, $10"
    " FROM (SELECT u.*, pg_catalog.row_number() OVER (PARTITION BY u.id COLLATE \"C\" ORDER BY u.n) AS nth FROM " RESULTS " WHERE u.reason <> '') AS l,"
    " LATERAL (SELECT l.nth + (SELECT pg_catalog.count(*) FROM @pendo_fdw_rejects AS o WHERE o.server = $1 AND o.object = $2"
    " AND o.id >= l.id COLLATE \"C\" AND o.id < l.id || '!' COLLATE \"C\" AND o.run = $8) AS place OFFSET 0) AS k"
    " ON CONFLICT (server, object, id, reason) DO UPDATE SET last_seen = EXCLUDED.last_seen, times = r.times + 1, values = EXCLUDED.values,"
    " message = EXCLUDED.message, run = EXCLUDED.run, role = EXCLUDED.role, table_name = EXCLUDED.table_name";

#undef EARLIER_ROWS
#undef RESULTS

// '' is what no row of rejects has.
const char* reason_of(uint8 kind) {
  switch (kind) {
    case kPendoMissing:
      return "missing";
    case kPendoInvalid:
      return "invalid";
    case kPendoUncertain:
      return "uncertain";
    default:
      return "";
  }
}

struct ResultTexts {
  std::string_view values;
  std::string_view message;
};

ResultTexts texts_of(std::string_view payload) {
  uint32 size = 0;
  if (payload.size() < sizeof(size)) return {};
  memcpy(&size, payload.data(), sizeof(size));
  payload.remove_prefix(sizeof(size));
  if (size > payload.size()) elog(ERROR, "pendo_fdw: a result's payload is too short");
  return {payload.substr(0, size), payload.substr(size)};
}

void begin_batch(Taking* taking) {
  MemoryContextReset(taking->context);
  MemoryContext old = MemoryContextSwitchTo(taking->context);
  pendo_begin_columns(&taking->batch, kResultColumns, kBatch);
  MemoryContextSwitchTo(old);
  taking->bytes = 0;
}

void add_to_batch(Taking* taking, uint8 kind, std::string_view id, std::string_view payload) {
  MemoryContext old = MemoryContextSwitchTo(taking->context);
  LedgerColumns* batch = &taking->batch;
  ResultTexts texts = texts_of(payload);
  bool no_values = false;
  bool no_message = false;
  Datum values = pendo_ledger_values(texts.values, &no_values);
  Datum message = pendo_ledger_message(texts.message, &no_message);
  batch->set(kId, pendo_ledger_id(id));
  batch->set(kReason, CStringGetTextDatum(reason_of(kind)));
  batch->set_or_null(kValues, values, no_values);
  batch->set_or_null(kMessage, message, no_message);
  ++batch->rows;
  taking->bytes += id.size() + payload.size();
  MemoryContextSwitchTo(old);
}

void write_batch(Taking* taking) {
  const LedgerColumns* batch = &taking->batch;
  if (batch->rows == 0) return;
  MemoryContext old = MemoryContextSwitchTo(taking->context);
  Datum values[] = {taking->server,
                    taking->object,
                    pendo_column_array(batch, kId, TEXTOID),
                    pendo_column_array(batch, kReason, TEXTOID),
                    pendo_column_array(batch, kValues, JSONBOID),
                    pendo_column_array(batch, kMessage, TEXTOID),
                    TimestampTzGetDatum(taking->now),
                    Int64GetDatum(taking->run),
                    ObjectIdGetDatum(taking->role),
                    taking->table_name};
  pendo_ledger_run(taking->remove, values, nullptr);
  pendo_ledger_run(taking->add, values, nullptr);
  MemoryContextSwitchTo(old);
  begin_batch(taking);
}

void begin_taking(Taking* taking, const LedgerScope* scope, int64 run, const PendoRunRow* row) {
  Oid types[] = {TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, INT8OID, REGROLEOID, TEXTOID};
  bool are_events = strcmp(row->object, "track_events") == 0;
  taking->remove = pendo_ledger_prepare(scope, are_events ? kRemoveEvents : kRemove, lengthof(types), types);
  taking->add = pendo_ledger_prepare(scope, are_events ? kAddEvents : kAdd, lengthof(types), types);
  taking->context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw results", ALLOCSET_DEFAULT_SIZES);
  begin_batch(taking);
  taking->server = CStringGetTextDatum(row->server);
  taking->object = CStringGetTextDatum(row->object);
  taking->table_name = CStringGetTextDatum(row->table_name);
  taking->role = row->role;
  taking->run = run;
  taking->now = GetCurrentTimestamp();
}

void take_all(Taking* taking, PendoSpool* results) {
  PendoSpoolReader* reader = pendo_spool_read(results);
  uint8 kind;
  std::string_view id;
  std::string_view payload;
  while (pendo_spool_next(reader, &kind, &id, &payload)) {
    if (taking->bytes + id.size() + payload.size() > kBatchBytes || taking->batch.rows == kBatch) write_batch(taking);
    add_to_batch(taking, kind, id, payload);
  }
  write_batch(taking);
  pendo_spool_read_end(reader);
}

// Rows of transactions that have not ended count too, and no predicate lock is
// taken: SnapshotSelf.
bool any_reject(const PendoExtension* extension, const char* server, const char* object) {
  Relation rejects = table_open(pendo_ledger_table(extension, "pendo_fdw_rejects"), AccessShareLock);
  Oid index = pendo_ledger_table(extension, "pendo_fdw_rejects_pkey");
  ScanKeyData keys[2];
  ScanKeyEntryInitialize(&keys[0], 0, 1, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ, CStringGetTextDatum(server));
  ScanKeyEntryInitialize(&keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ, CStringGetTextDatum(object));
  SysScanDesc scan = systable_beginscan(rejects, index, true, SnapshotSelf, lengthof(keys), keys);
  bool found = HeapTupleIsValid(systable_getnext(scan));
  systable_endscan(scan);
  table_close(rejects, AccessShareLock);
  return found;
}

bool has_news(PendoSpool* results) {
  return pendo_spool_count(results, kPendoMissing) > 0 || pendo_spool_count(results, kPendoInvalid) > 0 ||
         pendo_spool_count(results, kPendoUncertain) > 0;
}

}  // namespace

int64 pendo_ledger_insert_run(const LedgerScope* scope, const PendoRunRow* row, const char* sqlstate) {
  Oid types[] = {TEXTOID, REGROLEOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
                 INT8OID, INT8OID,    INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,        INT8OID,        TEXTOID};
  char nulls[lengthof(types)];
  memset(nulls, ' ', sizeof(nulls));
  Datum values[] = {text_or_null(row->sync_name, &nulls[0]),
                    ObjectIdGetDatum(row->role),
                    CStringGetTextDatum(row->server),
                    CStringGetTextDatum(row->object),
                    CStringGetTextDatum(row->table_name),
                    CStringGetTextDatum(row->delivery),
                    TimestampTzGetDatum(row->started),
                    TimestampTzGetDatum(GetCurrentTimestamp()),
                    CStringGetTextDatum(sqlstate ? "failed" : "done"),
                    Int64GetDatum(row->records),
                    Int64GetDatum(row->applied),
                    Int64GetDatum(row->missing),
                    Int64GetDatum(row->invalid),
                    Int64GetDatum(row->uncertain),
                    Int64GetDatum(row->duplicates),
                    Int64GetDatum(row->unchanged),
                    Int64GetDatum(row->calls),
                    text_or_null(sqlstate, &nulls[17])};
  SPIPlanPtr plan = pendo_ledger_prepare(
      scope,
      "INSERT INTO @pendo_fdw_runs (sync_name, role, server, object, table_name, delivery, started, finished, status,"
      " records, applied, missing, invalid, uncertain, duplicates, unchanged, calls, sqlstate)"
      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) RETURNING run",
      lengthof(types), types);
  if (pendo_ledger_run(plan, values, nulls) != 1) elog(ERROR, "pendo_fdw: the row of a run was not inserted");
  bool isnull = false;
  return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

void pendo_ledger_init() {
  DefineCustomStringVariable("pendo_fdw.sync_name", "Name of the sync that this session runs.", "It is written into pendo_fdw_runs.",
                             &pendo_sync_name, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
  pendo_ledger_session_init();
}

void pendo_ledger_put(PendoSpool* results, PendoResultKind kind, std::string_view id, std::string_view values,
                      std::string_view message) {
  if (values.empty() && message.empty()) {
    pendo_spool_put(results, kind, id, {});
    return;
  }
  std::string_view payload = pendo_join_result(values, message);
  pendo_spool_put(results, kind, id, payload);
  pfree(const_cast<char*>(payload.data()));
}

std::string_view pendo_join_result(std::string_view values, std::string_view message) {
  auto size = static_cast<uint32>(values.size());
  auto* payload = static_cast<char*>(palloc_extended(sizeof(size) + values.size() + message.size(), MCXT_ALLOC_HUGE));
  memcpy(payload, &size, sizeof(size));
  memcpy(payload + sizeof(size), values.data(), values.size());
  memcpy(payload + sizeof(size) + values.size(), message.data(), message.size());
  return {payload, sizeof(size) + values.size() + message.size()};
}

int64 pendo_ledger_add_run(const PendoRunRow* row) {
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  pendo_ledger_force_writable(&scope);
  delete_old_runs(&scope);
  int64 run = pendo_ledger_insert_run(&scope, row, nullptr);
  pendo_ledger_remember_run(run);
  pendo_ledger_end(&scope);
  return run;
}

void pendo_ledger_update_run(int64 run, const PendoRunRow* row) {
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  pendo_ledger_force_writable(&scope);
  Oid types[] = {INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID};
  Datum values[] = {Int64GetDatum(run),           TimestampTzGetDatum(GetCurrentTimestamp()), Int64GetDatum(row->records),
                    Int64GetDatum(row->applied),  Int64GetDatum(row->missing),                Int64GetDatum(row->invalid),
                    Int64GetDatum(row->uncertain), Int64GetDatum(row->calls)};
  SPIPlanPtr plan = pendo_ledger_prepare(&scope,
                                         "UPDATE @pendo_fdw_runs SET finished = $2, records = $3, applied = $4, missing = $5,"
                                         " invalid = $6, uncertain = $7, calls = $8 WHERE run = $1",
                                         lengthof(types), types);
  pendo_ledger_run(plan, values, nullptr);
  pendo_ledger_end(&scope);
}

static void check_conflicts(Oid relid) {
  Relation relation = table_open(relid, AccessShareLock);
  CheckForSerializableConflictIn(relation, nullptr, InvalidBlockNumber);
  table_close(relation, AccessShareLock);
}

void pendo_ledger_check_conflicts() {
  PendoExtension extension;
  if (!pendo_find_extension(&extension, true)) return;
  check_conflicts(pendo_ledger_table(&extension, "pendo_fdw_runs"));
  check_conflicts(pendo_ledger_table(&extension, "pendo_fdw_rejects"));
}

bool pendo_ledger_has_rejects(const char* server, const char* object) {
  PendoExtension extension;
  return pendo_find_extension(&extension, true) && any_reject(&extension, server, object);
}

void pendo_ledger_take(int64 run, const PendoRunRow* row, PendoSpool* results) {
  // most runs are without rejects, before and after
  if (!has_news(results) && !pendo_ledger_has_rejects(row->server, row->object)) return;
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  pendo_ledger_force_writable(&scope);
  pendo_ledger_lock_rejects(&scope.extension);
  Taking taking;
  begin_taking(&taking, &scope, run, row);
  take_all(&taking, results);
  pendo_ledger_end(&scope);
}
