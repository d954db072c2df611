// Into the queue.
#include "bridge/outbox.h"
#include "fdw/delivery.h"
#include "fdw/ledger_columns.h"
#include "fdw/ledger_text.h"
#include "fdw/ledger_write.h"
#include "fdw/outbox.h"

extern "C" {
#include "access/xlog.h"
}

namespace {

// Rows that are put in by one statement.
constexpr int64 kBatch = 1000;
constexpr Size kBatchBytes = 1 << 20;

enum RowColumn { kShard, kId, kPayload, kKey, kRowColumns };

struct Enqueuing {
  PendoRun* run;
  SPIPlanPtr one;
  SPIPlanPtr plain;
  SPIPlanPtr keyed;
  int32 first_shard;
  Datum server;
  Datum object;
  Datum table_name;
  TimestampTz now;
  int64 known;            // events whose key is known
  int most;               // rows of a batch
  MemoryContext context;  // of the batch; reset after each
  Size bytes;             // of the batch
  bool any_key;           // in the batch
  LedgerColumns batch;
};

#define COLUMNS "(shard, server, server_id, object, role, table_name, id, payload, enqueued, event_key)"

constexpr const char* kPlain =
    "INSERT INTO @pendo_fdw_queue " COLUMNS " SELECT u.shard, $1, $10, $2, $3, $4, u.id, u.payload, $5, NULL"
    " FROM unnest($6, $7, $8, $9) AS u(shard, id, payload, event_key)";

// Of each key the first, and only if no earlier transaction had it.
constexpr const char* kKeyed =
    "WITH fresh AS (INSERT INTO @pendo_fdw_event_keys (server, event_key, enqueued)"
    " SELECT DISTINCT $1, k.key COLLATE \"C\", $5 FROM unnest($9) AS k(key) WHERE k.key IS NOT NULL ORDER BY 2"
    " ON CONFLICT DO NOTHING RETURNING event_key)"
    " INSERT INTO @pendo_fdw_queue " COLUMNS " SELECT u.shard, $1, $10, $2, $3, $4, u.id, u.payload, $5, u.event_key"
    " FROM (SELECT e.*, pg_catalog.row_number() OVER (PARTITION BY e.event_key COLLATE \"C\" ORDER BY e.n) AS nth"
    " FROM unnest($6, $7, $8, $9) WITH ORDINALITY AS e(shard, id, payload, event_key, n)) AS u"
    " WHERE u.event_key IS NULL OR (u.nth = 1 AND u.event_key COLLATE \"C\" IN (SELECT f.event_key FROM fresh AS f))"
    " ORDER BY u.n";

// A transaction of one row is what a row trigger makes.
constexpr const char* kOne = "INSERT INTO @pendo_fdw_queue " COLUMNS " VALUES ($6, $1, $9, $2, $3, $4, $7, $8, $5, NULL)";

#undef COLUMNS

bool goes_to_outbox(const PendoRun* run) { return pendo_is_for_outbox(run) && pendo_has_unsent(run); }

const char* server_of(const PendoRun* run) { return run->table->options.config.server_name; }

int compare_shards(const void* a, const void* b) {
  int32 first = *static_cast<const int32*>(a);
  int32 second = *static_cast<const int32*>(b);
  return first < second ? -1 : first > second ? 1 : 0;
}

// Of all runs at once and in one order, so that nobody waits for each other.
void lock_entries() {
  int count = 0;
  for (PendoRun* run = pendo_runs(); run; run = run->next) count += goes_to_outbox(run) ? kOutboxShards : 0;
  auto* shards = static_cast<int32*>(palloc(sizeof(int32) * static_cast<Size>(count + 1)));
  count = 0;
  for (PendoRun* run = pendo_runs(); run; run = run->next) {
    if (!goes_to_outbox(run)) continue;
    int32 first = pendo_outbox_first_shard(server_of(run), pendo_object_name(run->table));
    for (int i = 0; i < kOutboxShards; ++i) {
      if (run->shards & UINT64CONST(1) << i) shards[count++] = first + i;
    }
  }
  qsort(shards, static_cast<size_t>(count), sizeof(int32), compare_shards);
  for (int i = 0; i < count; ++i) pendo_lock_shard_entry(shards[i]);
  pfree(shards);
}

int64 write_rows(const Enqueuing* enqueuing) {
  const LedgerColumns* batch = &enqueuing->batch;
  Datum values[] = {enqueuing->server,
                    enqueuing->object,
                    ObjectIdGetDatum(enqueuing->run->user),
                    enqueuing->table_name,
                    TimestampTzGetDatum(enqueuing->now),
                    pendo_column_array(batch, kShard, INT4OID),
                    pendo_column_array(batch, kId, TEXTOID),
                    pendo_column_array(batch, kPayload, BYTEAOID),
                    pendo_column_array(batch, kKey, TEXTOID),
                    ObjectIdGetDatum(enqueuing->run->table->server)};
  return pendo_ledger_run(enqueuing->any_key ? enqueuing->keyed : enqueuing->plain, values, nullptr);
}

int64 write_one(const Enqueuing* enqueuing) {
  const LedgerColumns* batch = &enqueuing->batch;
  Datum values[] = {enqueuing->server,
                    enqueuing->object,
                    ObjectIdGetDatum(enqueuing->run->user),
                    enqueuing->table_name,
                    TimestampTzGetDatum(enqueuing->now),
                    batch->values[kShard][0],
                    batch->values[kId][0],
                    batch->values[kPayload][0],
                    ObjectIdGetDatum(enqueuing->run->table->server)};
  return pendo_ledger_run(enqueuing->one, values, nullptr);
}

void begin_batch(Enqueuing* enqueuing) {
  MemoryContextReset(enqueuing->context);
  MemoryContext old = MemoryContextSwitchTo(enqueuing->context);
  pendo_begin_columns(&enqueuing->batch, kRowColumns, enqueuing->most);
  MemoryContextSwitchTo(old);
  enqueuing->bytes = 0;
  enqueuing->any_key = false;
}

void write_batch(Enqueuing* enqueuing) {
  int rows = enqueuing->batch.rows;
  if (rows == 0) return;
  MemoryContext old = MemoryContextSwitchTo(enqueuing->context);
  bool is_one = rows == 1 && !enqueuing->any_key;
  enqueuing->known += rows - (is_one ? write_one(enqueuing) : write_rows(enqueuing));
  MemoryContextSwitchTo(old);
}

// In the context of the batch.
void add(Enqueuing* enqueuing, std::string_view id, bytea* payload, std::string_view key) {
  LedgerColumns* batch = &enqueuing->batch;
  batch->set(kShard, Int32GetDatum(enqueuing->first_shard + pendo_outbox_place(id)));
  batch->set(kId, pendo_ledger_id(id));
  batch->set(kPayload, PointerGetDatum(payload));
  batch->set_or_null(kKey, key.empty() ? Datum(0) : pendo_ledger_id(key), key.empty());
  ++batch->rows;
  enqueuing->any_key = enqueuing->any_key || !key.empty();
  enqueuing->bytes += id.size() + key.size() + VARSIZE(payload);
  if (batch->rows < enqueuing->most && enqueuing->bytes <= kBatchBytes) return;
  write_batch(enqueuing);
  begin_batch(enqueuing);
}

void add_record(Enqueuing* enqueuing, std::string_view id, std::string_view values) {
  MemoryContext old = MemoryContextSwitchTo(enqueuing->context);
  bytea* payload = pendo_store_record(enqueuing->run->fields->get(), id, values);
  add(enqueuing, id, payload, {});
  MemoryContextSwitchTo(old);
}

void add_event(Enqueuing* enqueuing, std::string_view label, std::string_view body, std::string_view key) {
  MemoryContext old = MemoryContextSwitchTo(enqueuing->context);
  add(enqueuing, label, pendo_store_event(label, body), key);
  MemoryContextSwitchTo(old);
}

std::string_view copy_of(std::string_view text) {
  auto* copy = static_cast<char*>(palloc_extended(text.size() + 1, MCXT_ALLOC_HUGE));
  memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

// The record that add_records() is at, in a memory context of its own.
struct MergedRecord {
  MemoryContext context;
  std::string_view id;
  std::string_view values;
};

void take(MergedRecord* record, std::string_view id, std::string_view values) {
  MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw record", ALLOCSET_SMALL_SIZES);
  MemoryContext old = MemoryContextSwitchTo(context);
  bool is_same = record->context && record->id == id;
  std::string_view merged = is_same ? pendo_merge_values(record->values, values) : copy_of(values);
  std::string_view copy = copy_of(id);
  MemoryContextSwitchTo(old);
  if (record->context) MemoryContextDelete(record->context);
  *record = {context, copy, merged};
}

// One row for each id: what several statements set is merged, without a WARNING, for
// a trigger may do it all the time.
void add_records(Enqueuing* enqueuing) {
  PendoSort* sort = pendo_spool_sort(enqueuing->run->log, kLogRecord);
  MergedRecord record = {};
  std::string_view id;
  std::string_view values;
  while (pendo_sort_next(sort, &id, &values)) {
    if (record.context && record.id != id) add_record(enqueuing, record.id, record.values);
    take(&record, id, values);
  }
  if (record.context) add_record(enqueuing, record.id, record.values);
  if (record.context) MemoryContextDelete(record.context);
  pendo_sort_end(sort);
}

void add_in_order(Enqueuing* enqueuing) {
  pendo_spool_each(enqueuing->run->log, [=](uint8 kind, std::string_view id, std::string_view payload) {
    if (kind == kLogRecord) add_record(enqueuing, id, payload);
    if (kind == kLogEvent) add_event(enqueuing, id, payload, {});
    if (kind != kLogKeyedEvent) return;
    std::string_view key;
    std::string_view body;
    pendo_split_result(payload, &key, &body);
    add_event(enqueuing, id, body, key);
  });
}

void begin(Enqueuing* enqueuing, const LedgerScope* scope, PendoRun* run) {
  Oid types[] = {TEXTOID,       TEXTOID,      REGROLEOID,    TEXTOID, TIMESTAMPTZOID,
                 INT4ARRAYOID, TEXTARRAYOID, BYTEAARRAYOID, TEXTARRAYOID, OIDOID};
  Oid one_types[] = {TEXTOID, TEXTOID, REGROLEOID, TEXTOID, TIMESTAMPTZOID, INT4OID, TEXTOID, BYTEAOID, OIDOID};
  enqueuing->run = run;
  enqueuing->one = pendo_ledger_kept(scope, kOne, lengthof(one_types), one_types);
  enqueuing->plain = pendo_ledger_kept(scope, kPlain, lengthof(types), types);
  enqueuing->keyed = pendo_spool_count(run->log, kLogKeyedEvent) > 0 ? pendo_ledger_kept(scope, kKeyed, lengthof(types), types) : nullptr;
  enqueuing->first_shard = pendo_outbox_first_shard(server_of(run), pendo_object_name(run->table));
  enqueuing->most = static_cast<int>(Min(pendo_log_count(run), kBatch));
  enqueuing->context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw rows for the queue", ALLOCSET_DEFAULT_SIZES);
  begin_batch(enqueuing);
  enqueuing->server = CStringGetTextDatum(server_of(run));
  enqueuing->object = CStringGetTextDatum(pendo_object_name(run->table));
  enqueuing->table_name = CStringGetTextDatum(run->table->name);
  enqueuing->now = GetCurrentTimestamp();
  enqueuing->known = 0;
}

void warn_of_copy(const PendoRun* run) {
  ereport(WARNING, (errcode(ERRCODE_WARNING),
                    errmsg("%s: the outbox belongs to another database, of which this is a copy; its records wait", run->table->name),
                    errhint("SELECT pendo_fdw_adopt() lets this database send them.")));
}

void tell_known(const PendoRun* run, int64 known) {
  if (known == 0) return;
  ereport(NOTICE, (errmsg("%s: " INT64_FORMAT " of " INT64_FORMAT " events were left out, as their event_key is known",
                          run->table->name, known, pendo_spool_count(run->log, kLogKeyedEvent))));
}

void enqueue(PendoRun* run) {
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kAdder);
  pendo_ledger_force_writable(&scope);
  if (pendo_outbox_home(&scope) == OutboxHome::kElsewhere) warn_of_copy(run);
  Enqueuing enqueuing;
  begin(&enqueuing, &scope, run);
  int64 records = pendo_spool_count(run->log, kLogRecord);
  if (records > 1) {
    add_records(&enqueuing);
  } else {
    add_in_order(&enqueuing);
  }
  write_batch(&enqueuing);
  int64 known = enqueuing.known;
  pendo_ledger_end(&scope);
  tell_known(run, known);
}

// The extension whose outbox is at home here: once it is, it stays.
Oid home = InvalidOid;

}  // namespace

OutboxHome pendo_outbox_home(const LedgerScope* scope) {
  Oid types[] = {INT8OID, OIDOID};
  Datum values[] = {Int64GetDatum(static_cast<int64>(GetSystemIdentifier())), ObjectIdGetDatum(MyDatabaseId)};
  if (home == scope->extension.id) return OutboxHome::kHere;
  SPIPlanPtr ask = pendo_ledger_kept(scope, "SELECT system_identifier = $1 AND database = $2 FROM @pendo_fdw_outbox_home", lengthof(types), types);
  for (int tries = 0; tries < 2; ++tries) {
    bool isnull = false;
    if (pendo_ledger_run(ask, values, nullptr) > 0) {
      bool here = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
      // one that this transaction has taken may be gone with it
      home = here && tries == 0 ? scope->extension.id : InvalidOid;
      return here ? OutboxHome::kHere : OutboxHome::kElsewhere;
    }
    SPIPlanPtr take = pendo_ledger_kept(
        scope, "INSERT INTO @pendo_fdw_outbox_home (system_identifier, database) VALUES ($1, $2) ON CONFLICT DO NOTHING", lengthof(types), types);
    pendo_ledger_run(take, values, nullptr);
  }
  return OutboxHome::kHere;
}

void pendo_enqueue_all() {
  bool any = false;
  for (PendoRun* run = pendo_runs(); run && !any; run = run->next) any = goes_to_outbox(run);
  if (!any) return;
  lock_entries();
  for (PendoRun* run = pendo_runs(); run; run = run->next) {
    if (!goes_to_outbox(run)) continue;
    MemoryContext context = AllocSetContextCreate(run->context, "pendo_fdw enqueuing", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    pendo_account_for_log(run);
    enqueue(run);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    pendo_end_log(run);
  }
}
