// Settling rows of the queue: what was sent goes, what was refused is buried, what
// failed waits.
#include "fdw/outbox_rows.h"

#include "fdw/ledger_columns.h"

extern "C" {
#include "commands/async.h"
#include "utils/json.h"
}

namespace {

// Columns of what statements write. The first two are the key of a row of the queue.
enum QueueColumn { kShard, kSeq, kWait, kError, kLaterColumns, kKeyColumns = kWait };
enum DeadColumn { kDeadShard, kDeadSeq, kAttempts, kReason, kMessage, kPayload, kDeadColumns };
enum HeirColumn { kId, kPlace, kHeirColumns };

void add_key(LedgerColumns* rows, const OutboxRow* row) {
  rows->set(kShard, Int32GetDatum(row->shard));
  rows->set(kSeq, Int64GetDatum(row->seq));
  ++rows->rows;
}

// OFFSET 0: a look-up per row by the key, whatever the statistics say.
#define ROWS_OF_ARRAYS                                                                    \
  "ctid = ANY (ARRAY(SELECT old.ctid FROM unnest($1, $2) AS k(shard, seq),"               \
  " LATERAL (SELECT q.ctid FROM @pendo_fdw_queue AS q WHERE q.shard = k.shard AND q.seq = k.seq OFFSET 0) AS old))"

void run_on_rows(const LedgerScope* scope, const LedgerColumns* rows, const char* sql) {
  if (rows->rows == 0) return;
  Oid types[] = {INT4ARRAYOID, INT8ARRAYOID};
  Datum values[] = {pendo_column_array(rows, kShard, INT4OID), pendo_column_array(rows, kSeq, INT8OID)};
  pendo_ledger_run(pendo_ledger_kept(scope, sql, lengthof(types), types), values, nullptr);
}

const pendo::Consignment::Record* record_of(const OutboxChunk* chunk, const OutboxRow* row) {
  if (row->record < 0) return nullptr;
  return &chunk->consignment->get()->records()[static_cast<size_t>(row->record)];
}

bytea* stored(const OutboxChunk* chunk, const pendo::Consignment::Record& record) {
  if (chunk->are_events) return pendo_store_event(record.id, record.encoded);
  return pendo_store_record(&chunk->consignment->get()->fields(), record.id, record.encoded);
}

enum class Fate { kStays, kGoes, kDies, kFails };

struct Verdict {
  Fate fate;
  const char* reason;   // of death
  const char* message;
};

const char* text_of(const std::string& text) { return pendo_message_text(text.data(), text.size()); }

// Rows of a chunk have failed equally often.
Verdict after_failure(const OutboxRow* row, const OutboxEnd* end, const char* reason, const char* message) {
  bool dies = end->counts && row->failures + 1 >= end->max_attempts;
  return {dies ? Fate::kDies : Fate::kFails, reason, message};
}

Verdict verdict_of(const OutboxChunk* chunk, const OutboxRow* row, const OutboxEnd* end) {
  const auto* record = record_of(chunk, row);
  if (!record) return {Fate::kDies, "invalid", "its row in the outbox is damaged"};
  using State = pendo::Consignment::State;
  switch (record->state) {
    case State::kApplied: return {Fate::kGoes, nullptr, nullptr};
    case State::kMissing: return {Fate::kDies, "missing", text_of(record->message)};
    case State::kInvalid: return {Fate::kDies, "invalid", text_of(record->message)};
    case State::kUncertain:
      if (chunk->uncertain_dies) return {Fate::kDies, "uncertain", text_of(record->message)};
      if (end) return after_failure(row, end, chunk->are_events ? "uncertain" : "failed", text_of(record->message));
      return {Fate::kStays, nullptr, nullptr};
    case State::kUnsent: break;
  }
  if (end && end->failure) return after_failure(row, end, "failed", end->failure);
  return {Fate::kStays, nullptr, nullptr};
}

// Seconds, doubling up to ten minutes, with jitter so that rows that failed
// together do not come back together.
double seconds_to_wait(int attempts) {
  double ceiling = Min(600.0, 5.0 * static_cast<double>(1 << Min(attempts, 10)));
  return ceiling * (0.5 + pendo_random_fraction() / 2);
}

void add_later(LedgerColumns* later, const OutboxRow* row, const Verdict& verdict, double wait) {
  later->set(kWait, Float8GetDatum(wait));
  later->set(kError, CStringGetTextDatum(verdict.message));
  add_key(later, row);
}

void add_heir(LedgerColumns* heirs, const OutboxRow* row, int place) {
  heirs->set(kId, CStringGetTextDatum(row->id));
  heirs->set(kPlace, Int32GetDatum(place));
  ++heirs->rows;
}

void shorten(const LedgerScope* scope, int64 seq, bytea* left) {
  Oid types[] = {INT8OID, BYTEAOID};
  Datum values[] = {Int64GetDatum(seq), PointerGetDatum(left)};
  const char* sql = left ? "UPDATE @pendo_fdw_dead_letters SET payload = $2 WHERE seq = $1" : "DELETE FROM @pendo_fdw_dead_letters WHERE seq = $1";
  pendo_ledger_run(pendo_ledger_kept(scope, sql, left ? 2 : 1, types), values, nullptr);
}

void keep_for_later(const LedgerScope* scope, const LedgerColumns* later, bool counts) {
  if (later->rows == 0) return;
  Oid types[] = {INT4ARRAYOID, INT8ARRAYOID, FLOAT8ARRAYOID, TEXTARRAYOID, INT4OID};
  Datum values[] = {pendo_column_array(later, kShard, INT4OID), pendo_column_array(later, kSeq, INT8OID),
                    pendo_column_array(later, kWait, FLOAT8OID), pendo_column_array(later, kError, TEXTOID), Int32GetDatum(counts ? 1 : 0)};
  pendo_ledger_run(pendo_ledger_kept(scope,
                                        "UPDATE @pendo_fdw_queue AS q SET attempts = q.attempts + 1, failures = q.failures + f.counted, sent = NULL, last_attempt = pg_catalog.clock_timestamp(),"
                                        " next_attempt = f.now + f.wait * interval '1 second', last_error = f.error"
                                        " FROM (SELECT old.ctid, k.wait, k.error, $5 AS counted, c.now FROM (SELECT pg_catalog.clock_timestamp() AS now OFFSET 0) AS c,"
                                        " unnest($1, $2, $3, $4) AS k(shard, seq, wait, error),"
                                        " LATERAL (SELECT o.ctid FROM @pendo_fdw_queue AS o WHERE o.shard = k.shard AND o.seq = k.seq OFFSET 0) AS old"
                                        " OFFSET 0) AS f WHERE q.ctid = f.ctid",
                                        lengthof(types), types),
                   values, nullptr);
}

// A record's rows die as one: the values of all, at the place of the last. One that
// is damaged keeps its bytes.
void add_dead(LedgerColumns* dead, const OutboxChunk* chunk, const OutboxRow* row, const Verdict& verdict) {
  const auto* record = record_of(chunk, row);
  bytea* payload = record ? stored(chunk, *record) : nullptr;
  bool no_message = *verdict.message == '\0';
  dead->set(kDeadShard, Int32GetDatum(row->shard));
  dead->set(kDeadSeq, Int64GetDatum(row->seq));
  dead->set(kAttempts, Int32GetDatum(row->attempts + 1));
  dead->set(kReason, CStringGetTextDatum(verdict.reason));
  dead->set_or_null(kMessage, no_message ? Datum(0) : CStringGetTextDatum(verdict.message), no_message);
  dead->set_or_null(kPayload, PointerGetDatum(payload), !payload);
  ++dead->rows;
}

void bury(const LedgerScope* scope, const LedgerColumns* dead) {
  if (dead->rows == 0) return;
  Oid types[] = {INT4ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BYTEAARRAYOID};
  Datum values[] = {pendo_column_array(dead, kDeadShard, INT4OID), pendo_column_array(dead, kDeadSeq, INT8OID),
                    pendo_column_array(dead, kAttempts, INT4OID),  pendo_column_array(dead, kReason, TEXTOID),
                    pendo_column_array(dead, kMessage, TEXTOID),   pendo_column_array(dead, kPayload, BYTEAOID)};
  pendo_ledger_run(pendo_ledger_kept(scope,
                                        "INSERT INTO @pendo_fdw_dead_letters (seq, shard, server, server_id, object, role, table_name, id, payload,"
                                        " event_key, enqueued, died, attempts, reason, message)"
                                        " SELECT q.seq, q.shard, q.server, q.server_id, q.object, q.role, q.table_name, q.id, coalesce(d.payload, q.payload),"
                                        " q.event_key, q.enqueued, pg_catalog.clock_timestamp(), d.attempts, d.reason, d.message"
                                        " FROM unnest($1, $2, $3, $4, $5, $6) AS d(shard, seq, attempts, reason, message, payload),"
                                        " LATERAL (SELECT * FROM @pendo_fdw_queue AS o WHERE o.shard = d.shard AND o.seq = d.seq OFFSET 0) AS q",
                                        lengthof(types), types),
                   values, nullptr);
}

// What the rows of each record have in common.
void group_rows(OutboxChunk* chunk) {
  size_t records = chunk->consignment->get()->records().size();
  chunk->groups = static_cast<OutboxGroup*>(MemoryContextAllocZero(chunk->context, sizeof(OutboxGroup) * (records + 1)));
  for (int i = 0; i < chunk->count; ++i) {
    const OutboxRow* row = &chunk->rows[i];
    if (row->record < 0) continue;
    OutboxGroup* group = &chunk->groups[row->record];
    group->last = i;
    group->attempts = Max(group->attempts, row->attempts);
  }
}

// What is to be done with the rows of a chunk.
struct Settling {
  LedgerColumns gone;    // from the queue
  LedgerColumns later;
  LedgerColumns dead;
  LedgerColumns marked;  // as sent, which they were not
  LedgerColumns heirs;   // records that leave the queue: the shown id, the place of the row
};

void sort_row(OutboxChunk* chunk, int place, const OutboxEnd* end, Settling* settling) {
  OutboxRow* row = &chunk->rows[place];
  OutboxGroup* group = row->record < 0 ? nullptr : &chunk->groups[row->record];
  bool stands_for_record = !group || group->last == place;
  Verdict verdict = verdict_of(chunk, row, end);
  switch (verdict.fate) {
    case Fate::kStays:
      if (row->is_marked) add_key(&settling->marked, row);
      return;
    case Fate::kFails:
      if (group->wait == 0) group->wait = seconds_to_wait(group->attempts);
      add_later(&settling->later, row, verdict, group->wait);
      return;
    case Fate::kDies:
      if (stands_for_record) add_dead(&settling->dead, chunk, row, verdict);
      break;
    case Fate::kGoes:
      break;
  }
  add_key(&settling->gone, row);
  row->settled = true;
  if (stands_for_record && group && !chunk->are_events) add_heir(&settling->heirs, row, place);
}

// An earlier dead letter of an id that leaves the queue keeps what was not set again.
void shorten_dead_letters(const LedgerScope* scope, const OutboxChunk* chunk, const LedgerColumns* heirs) {
  if (heirs->rows == 0) return;
  Oid types[] = {TEXTOID, TEXTOID, TEXTARRAYOID};
  Datum values[] = {CStringGetTextDatum(chunk->server), CStringGetTextDatum(chunk->object), pendo_column_array(heirs, kId, TEXTOID)};
  SPIPlanPtr any = pendo_ledger_kept(scope, "SELECT FROM @pendo_fdw_dead_letters WHERE server = $1 AND object = $2 LIMIT 1", 2, types);
  if (pendo_ledger_run(any, values, nullptr) == 0) return;
  SPIPlanPtr find = pendo_ledger_kept(scope,
                                         "SELECT d.seq, k.n, d.payload FROM unnest($3) WITH ORDINALITY AS k(id, n),"
                                         " LATERAL (SELECT * FROM @pendo_fdw_dead_letters AS o WHERE o.server = $1 AND o.object = $2"
                                         " AND o.id = k.id OFFSET 0) AS d",
                                         lengthof(types), types);
  auto found = static_cast<uint64>(pendo_ledger_run(find, values, nullptr));
  SPITupleTable* tuples = SPI_tuptable;
  for (uint64 i = 0; i < found; ++i) {
    bool isnull = false;
    int64 seq = DatumGetInt64(SPI_getbinval(tuples->vals[i], tuples->tupdesc, 1, &isnull));
    int64 n = DatumGetInt64(SPI_getbinval(tuples->vals[i], tuples->tupdesc, 2, &isnull));
    const OutboxRow* row = &chunk->rows[DatumGetInt32(heirs->values[kPlace][n - 1])];
    if (seq >= row->seq) continue;
    const auto* record = record_of(chunk, row);
    bytea* earlier = DatumGetByteaPP(SPI_getbinval(tuples->vals[i], tuples->tupdesc, 3, &isnull));
    bool applied = record->state == pendo::Consignment::State::kApplied;
    shorten(scope, seq, pendo_without_fields_of(pendo_bytes(earlier), pendo_bytes(stored(chunk, *record)), applied));
  }
}

// {"server": ..., "object": ..., "reason": ..., "records": ...}
void notify_of_dead(const OutboxChunk* chunk, const LedgerColumns* dead) {
  for (const char* reason : {"missing", "invalid", "uncertain", "failed"}) {
    int count = 0;
    for (int i = 0; i < dead->rows; ++i) count += strcmp(TextDatumGetCString(dead->values[kReason][i]), reason) == 0 ? 1 : 0;
    if (count == 0) continue;
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfoString(&text, "{\"server\": ");
    escape_json(&text, chunk->server);
    appendStringInfo(&text, ", \"object\": \"%s\", \"reason\": \"%s\", \"records\": %d}", chunk->object, reason, count);
    Async_Notify("pendo_fdw_dead_letter", text.data);
  }
}

}  // namespace

void pendo_outbox_mark_sent(const LedgerScope* scope, OutboxChunk* chunk) {
  LedgerColumns rows;
  pendo_begin_columns(&rows, kKeyColumns, chunk->count);
  for (int i = 0; i < chunk->count; ++i) {
    if (chunk->rows[i].was_sent || chunk->rows[i].record < 0) continue;
    add_key(&rows, &chunk->rows[i]);
    chunk->rows[i].is_marked = true;
  }
  run_on_rows(scope, &rows, "UPDATE @pendo_fdw_queue SET sent = pg_catalog.clock_timestamp() WHERE " ROWS_OF_ARRAYS);
}

void pendo_outbox_settle(const LedgerScope* scope, OutboxChunk* chunk, const OutboxEnd* end) {
  if (!chunk->groups) group_rows(chunk);
  Settling settling;
  for (LedgerColumns* keys : {&settling.gone, &settling.marked}) pendo_begin_columns(keys, kKeyColumns, chunk->count);
  pendo_begin_columns(&settling.later, kLaterColumns, chunk->count);
  pendo_begin_columns(&settling.dead, kDeadColumns, chunk->count);
  pendo_begin_columns(&settling.heirs, kHeirColumns, chunk->count);
  for (int i = 0; i < chunk->count; ++i) {
    if (!chunk->rows[i].settled) sort_row(chunk, i, end, &settling);
  }
  if (!chunk->are_events) shorten_dead_letters(scope, chunk, &settling.heirs);
  bury(scope, &settling.dead);
  run_on_rows(scope, &settling.gone, "DELETE FROM @pendo_fdw_queue WHERE " ROWS_OF_ARRAYS);
  keep_for_later(scope, &settling.later, end && end->counts);
  if (end) run_on_rows(scope, &settling.marked, "UPDATE @pendo_fdw_queue SET sent = NULL WHERE " ROWS_OF_ARRAYS);
  notify_of_dead(chunk, &settling.dead);
}

int64 pendo_outbox_forget_keys(const LedgerScope* scope, const char* server, const char* retention, int64 limit) {
  Oid types[] = {TEXTOID, TEXTOID, INT8OID};
  Datum values[] = {CStringGetTextDatum(server), CStringGetTextDatum(retention), Int64GetDatum(limit)};
  return pendo_ledger_run(pendo_ledger_kept(scope,
                                               "DELETE FROM @pendo_fdw_event_keys WHERE ctid = ANY (ARRAY(SELECT k.ctid FROM @pendo_fdw_event_keys AS k"
                                               " WHERE k.enqueued < pg_catalog.clock_timestamp() - $2::interval AND k.server = $1"
                                               " ORDER BY k.enqueued LIMIT $3))",
                                               lengthof(types), types),
                          values, nullptr);
}
