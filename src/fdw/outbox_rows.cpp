// Reading rows of the queue, and settling them.
#include "fdw/outbox_rows.h"

#include <string_view>

#include "fdw/ledger_text.h"

extern "C" {
#include "commands/async.h"
#include "utils/json.h"
}

namespace {

// A row waits until those of its id that have failed are settled, and these for
// those before them, if they are not sent with them. OFFSET 0: a look-up for each
// row, whatever is failing by the time that the plan is made.
#define FIRST_CHANCE                                                                                      \
  "q.attempts = 0 AND NOT EXISTS (SELECT 1 FROM @pendo_fdw_queue AS e WHERE e.shard = q.shard AND e.id = q.id" \
  " AND e.attempts > 0 AND e.seq < q.seq OFFSET 0)"
#define ANOTHER_CHANCE                                                                                    \
  "q.attempts > 0 AND q.next_attempt <= pg_catalog.clock_timestamp() AND NOT EXISTS (SELECT 1 FROM @pendo_fdw_queue AS e" \
  " WHERE e.shard = q.shard AND e.id = q.id AND e.attempts > 0 AND e.seq < q.seq"                            \
  " AND (e.failures <> q.failures OR e.next_attempt > pg_catalog.clock_timestamp()) OFFSET 0)"

// $8 bytes, but one row at least where that is allowed.
#define ROWS(due)                                                                                          \
  "SELECT w.seq, w.role::oid, w.table_name, w.payload, w.attempts, w.failures, w.enqueued, w.event_key, w.sent IS NOT NULL, w.id, w.size, pg_catalog.to_regclass(w.table_name)::oid" \
  " FROM (SELECT q.*, octet_length(q.payload) AS size, pg_catalog.sum(octet_length(q.payload)) OVER (ORDER BY q.seq) AS bytes" \
  " FROM (SELECT * FROM @pendo_fdw_queue AS q WHERE q.shard = $1 AND q.seq > $10 AND q.server = $2 AND q.server_id = $12 AND q.object = $3"      \
  " AND pg_has_role($4, q.role, 'MEMBER') AND ($5 = 0::oid OR q.role = $5) AND ($6 IS NULL OR q.table_name = $6) AND q.role::oid <> ALL ($13) AND ($11 < 0 OR q.failures = $11) AND " due \
  " ORDER BY q.seq LIMIT $7) AS q) AS w WHERE w.bytes <= $8 OR (w.bytes = w.size AND $9) ORDER BY w.seq"

constexpr const char* kFirst = ROWS(FIRST_CHANCE);
constexpr const char* kAgain = ROWS(ANOTHER_CHANCE);

#undef ROWS
#undef FIRST_CHANCE
#undef ANOTHER_CHANCE

enum ReadColumn { kSeq = 1, kRole, kTable, kPayload, kAttempts, kFailures, kEnqueued, kKey, kSent, kId, kSize, kTableOid };

Datum column(uint64 row, ReadColumn number, bool* isnull) {
  return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

char* text_at(uint64 row, ReadColumn number) {
  bool isnull = false;
  Datum value = column(row, number, &isnull);
  return isnull ? nullptr : TextDatumGetCString(value);
}

OutboxRow* new_row(OutboxChunk* chunk) {
  if (chunk->count == chunk->room) {
    chunk->room = chunk->room ? chunk->room * 2 : 64;
    Size size = sizeof(OutboxRow) * static_cast<Size>(chunk->room);
    chunk->rows = static_cast<OutboxRow*>(chunk->rows ? repalloc_huge(chunk->rows, size) : palloc(size));
  }
  OutboxRow* row = &chunk->rows[chunk->count++];
  memset(row, 0, sizeof(*row));
  return row;
}

[[noreturn]] void out_of_memory() {
  ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
  pg_unreachable();
}

int add_to_consignment(OutboxChunk* chunk, Datum payload) {
  bytea* stored = DatumGetByteaPP(payload);
  int record = chunk->consignment->get()->add(pendo_bytes(stored));
  if (record == pendo::Consignment::kOutOfMemory) out_of_memory();
  if (static_cast<void*>(stored) != DatumGetPointer(payload)) pfree(stored);
  return record;
}

// False: it is another role's (or another table's), or has failed another number
// of times, and belongs to another chunk.
bool belongs(OutboxChunk* chunk, Oid role, const char* table_name, int failures) {
  if (chunk->count == 0) {
    chunk->role = role;
    chunk->table_name = pstrdup(table_name);
    return true;
  }
  return chunk->role == role && chunk->rows[0].failures == failures && (!chunk->are_events || strcmp(chunk->table_name, table_name) == 0);
}

// False: the shard's further rows have to wait, for this one comes before them.
bool take_row(OutboxChunk* chunk, int32 shard, uint64 number) {
  bool isnull = false;
  Oid role = DatumGetObjectId(column(number, kRole, &isnull));
  if (!belongs(chunk, role, text_at(number, kTable), DatumGetInt32(column(number, kFailures, &isnull)))) return chunk->are_events;
  if (chunk->count == 0) {
    Datum table = column(number, kTableOid, &isnull);
    chunk->table = isnull ? InvalidOid : DatumGetObjectId(table);
  }
  OutboxRow* row = new_row(chunk);
  row->shard = shard;
  row->seq = DatumGetInt64(column(number, kSeq, &isnull));
  row->attempts = DatumGetInt32(column(number, kAttempts, &isnull));
  row->failures = DatumGetInt32(column(number, kFailures, &isnull));
  row->enqueued = DatumGetTimestampTz(column(number, kEnqueued, &isnull));
  row->was_sent = DatumGetBool(column(number, kSent, &isnull));
  row->key = text_at(number, kKey);
  row->id = text_at(number, kId);
  row->record = add_to_consignment(chunk, column(number, kPayload, &isnull));
  chunk->bytes += DatumGetInt32(column(number, kSize, &isnull));
  return true;
}

// Those that have failed together are parted, until the one that cannot be sent
// is alone.
int64 room_left(const OutboxChunk* chunk) {
  int64 most = chunk->most_rows;
  if (chunk->again && chunk->count > 0) most >>= Min(3 * chunk->rows[0].failures, 40);
  return Max(most, 1) - chunk->count;
}

int64 last_read(const OutboxChunk* chunk, int32 shard) {
  const OutboxRow* last = chunk->count > 0 ? &chunk->rows[chunk->count - 1] : nullptr;
  return last && last->shard == shard ? last->seq : PG_INT64_MIN;
}

// PostgreSQL's copies of rows are there beside ours until the statement is through.
constexpr int64 kRowsAtOnce = 500;

// ---- settling -----------------------------------------------------------

// Rows or dead letters that one statement writes, as arrays.
struct Rows {
  int count;
  Datum* columns[6];
  bool* nulls[6];
};

void begin_rows(Rows* rows, int columns, int most) {
  rows->count = 0;
  for (int i = 0; i < columns; ++i) {
    rows->columns[i] = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(most + 1)));
    rows->nulls[i] = static_cast<bool*>(palloc0(static_cast<Size>(most + 1)));
  }
}

Datum array_of(const Rows* rows, int number, Oid type) {
  int dims[] = {rows->count};
  int lower[] = {1};
  int16 length = 0;
  bool by_value = false;
  char align = 0;
  get_typlenbyvalalign(type, &length, &by_value, &align);
  return PointerGetDatum(construct_md_array(rows->columns[number], rows->nulls[number], 1, dims, lower, type, length, by_value, align));
}

void add_key(Rows* rows, const OutboxRow* row) {
  rows->columns[0][rows->count] = Int32GetDatum(row->shard);
  rows->columns[1][rows->count] = Int64GetDatum(row->seq);
  ++rows->count;
}

// OFFSET 0: a look-up per row by the key, whatever the statistics say.
#define ROWS_OF_ARRAYS                                                                    \
  "ctid = ANY (ARRAY(SELECT old.ctid FROM unnest($1, $2) AS k(shard, seq),"               \
  " LATERAL (SELECT q.ctid FROM @pendo_fdw_queue AS q WHERE q.shard = k.shard AND q.seq = k.seq OFFSET 0) AS old))"

void run_on_rows(const LedgerScope* scope, const Rows* rows, const char* sql) {
  if (rows->count == 0) return;
  Oid types[] = {INT4ARRAYOID, INT8ARRAYOID};
  Datum values[] = {array_of(rows, 0, INT4OID), array_of(rows, 1, INT8OID)};
  pendo_ledger_run(pendo_ledger_kept(scope, sql, lengthof(types), types), values, nullptr);
}

const pendo::Consignment::Record* record_of(const OutboxChunk* chunk, const OutboxRow* row) {
  if (row->record < 0) return nullptr;
  return &chunk->consignment->get()->records()[static_cast<size_t>(row->record)];
}

enum class Fate { kStays, kGoes, kDies, kFails };

struct Verdict {
  Fate fate;
  const char* reason;   // of death
  const char* message;
};

const char* text_of(const std::string& text) { return pendo_message_text(text.data(), text.size()); }

Verdict after_failure(int failures, const OutboxEnd* end, const char* reason, const char* message) {
  bool dies = end->counts && failures + 1 >= end->max_attempts;
  return {dies ? Fate::kDies : Fate::kFails, reason, message};
}

// `failures`: of the record, the most that one of its rows has had.
Verdict verdict_of(const OutboxChunk* chunk, const OutboxRow* row, int failures, const OutboxEnd* end) {
  const auto* record = record_of(chunk, row);
  if (!record) return {Fate::kDies, "invalid", "its row in the outbox is damaged"};
  using State = pendo::Consignment::State;
  switch (record->state) {
    case State::kApplied: return {Fate::kGoes, nullptr, nullptr};
    case State::kMissing: return {Fate::kDies, "missing", text_of(record->message)};
    case State::kInvalid: return {Fate::kDies, "invalid", text_of(record->message)};
    case State::kUncertain:
      if (chunk->uncertain_dies) return {Fate::kDies, "uncertain", text_of(record->message)};
      if (end) return after_failure(failures, end, chunk->are_events ? "uncertain" : "failed", text_of(record->message));
      return {Fate::kStays, nullptr, nullptr};
    case State::kUnsent: break;
  }
  if (end && end->failure) return after_failure(failures, end, "failed", end->failure);
  return {Fate::kStays, nullptr, nullptr};
}

// Seconds, doubling up to ten minutes, with jitter so that rows that failed
// together do not come back together.
double seconds_to_wait(int attempts) {
  double ceiling = Min(600.0, 5.0 * static_cast<double>(1 << Min(attempts, 10)));
  return ceiling * (0.5 + pendo_random_fraction() / 2);
}

void add_later(Rows* later, const OutboxRow* row, const Verdict* verdict, double wait) {
  later->columns[2][later->count] = Float8GetDatum(wait);
  later->columns[3][later->count] = CStringGetTextDatum(verdict->message);
  add_key(later, row);
}

void add_heir(Rows* heirs, const OutboxRow* row, int place) {
  heirs->columns[0][heirs->count] = CStringGetTextDatum(row->id);
  heirs->columns[1][heirs->count] = Int32GetDatum(place);
  ++heirs->count;
}

void shorten(const LedgerScope* scope, int64 seq, bytea* left) {
  Oid types[] = {INT8OID, BYTEAOID};
  Datum values[] = {Int64GetDatum(seq), PointerGetDatum(left)};
  const char* sql = left ? "UPDATE @pendo_fdw_dead_letters SET payload = $2 WHERE seq = $1" : "DELETE FROM @pendo_fdw_dead_letters WHERE seq = $1";
  pendo_ledger_run(pendo_ledger_kept(scope, sql, left ? 2 : 1, types), values, nullptr);
}

void keep_for_later(const LedgerScope* scope, Rows* rows, bool counts) {
  if (rows->count == 0) return;
  Oid types[] = {INT4ARRAYOID, INT8ARRAYOID, FLOAT8ARRAYOID, TEXTARRAYOID, INT4OID};
  Datum values[] = {array_of(rows, 0, INT4OID), array_of(rows, 1, INT8OID), array_of(rows, 2, FLOAT8OID), array_of(rows, 3, TEXTOID),
                    Int32GetDatum(counts ? 1 : 0)};
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

// A record's rows die as one: the values of all, at the place of the last.
void add_dead(Rows* dead, const OutboxChunk* chunk, const OutboxRow* row, const Verdict& verdict) {
  const auto* record = record_of(chunk, row);
  int i = dead->count++;
  dead->columns[0][i] = Int64GetDatum(row->seq);
  dead->columns[5][i] = Int32GetDatum(row->shard);
  dead->columns[1][i] = Int32GetDatum(row->attempts + 1);
  dead->columns[2][i] = CStringGetTextDatum(verdict.reason);
  dead->nulls[3][i] = *verdict.message == '\0';
  dead->columns[3][i] = dead->nulls[3][i] ? Datum(0) : CStringGetTextDatum(verdict.message);
  dead->nulls[4][i] = !record;
  dead->columns[4][i] = Datum(0);
  if (!record) return;
  bytea* payload = chunk->are_events ? pendo_store_event(record->id, record->encoded)
                                     : pendo_store_record(&chunk->consignment->get()->fields(), record->id, record->encoded);
  dead->columns[4][i] = PointerGetDatum(payload);
}

void bury(const LedgerScope* scope, const Rows* dead) {
  if (dead->count == 0) return;
  Oid types[] = {INT8ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BYTEAARRAYOID, INT4ARRAYOID};
  Datum values[] = {array_of(dead, 0, INT8OID), array_of(dead, 1, INT4OID),  array_of(dead, 2, TEXTOID),
                    array_of(dead, 3, TEXTOID), array_of(dead, 4, BYTEAOID), array_of(dead, 5, INT4OID)};
  pendo_ledger_run(pendo_ledger_kept(scope,
                                        "INSERT INTO @pendo_fdw_dead_letters (seq, shard, server, server_id, object, role, table_name, id, payload,"
                                        " event_key, enqueued, died, attempts, reason, message)"
                                        " SELECT q.seq, q.shard, q.server, q.server_id, q.object, q.role, q.table_name, q.id, coalesce(d.payload, q.payload),"
                                        " q.event_key, q.enqueued, pg_catalog.clock_timestamp(), d.attempts, d.reason, d.message"
                                        " FROM unnest($1, $2, $3, $4, $5, $6) AS d(seq, attempts, reason, message, payload, shard),"
                                        " LATERAL (SELECT * FROM @pendo_fdw_queue AS o WHERE o.shard = d.shard AND o.seq = d.seq OFFSET 0) AS q",
                                        lengthof(types), types),
                   values, nullptr);
}

// What the rows of one record have in common.
struct RecordRows {
  int last;      // the row that stands for it
  int failures;  // the most that one of them has had
  double wait;   // seconds, should it fail: for all the same, so that they come back together
};

RecordRows* rows_by_record(const OutboxChunk* chunk) {
  size_t records = chunk->consignment->get()->records().size();
  auto* result = static_cast<RecordRows*>(palloc0(sizeof(RecordRows) * (records + 1)));
  for (int i = 0; i < chunk->count; ++i) {
    const OutboxRow* row = &chunk->rows[i];
    if (row->record < 0) continue;
    result[row->record].last = i;
    if (result[row->record].wait == 0) result[row->record].wait = seconds_to_wait(row->attempts);
    result[row->record].failures = Max(result[row->record].failures, row->failures);
  }
  return result;
}

// What is to be done with the rows of a chunk.
struct Settling {
  Rows gone;    // from the queue
  Rows later;
  Rows dead;
  Rows marked;  // as sent, which they were not
  Rows heirs;   // records that leave the queue: the shown id, the place of the row
};

void sort_rows(OutboxChunk* chunk, const OutboxEnd* end, Settling* settling) {
  const RecordRows* records = rows_by_record(chunk);
  for (int i = 0; i < chunk->count; ++i) {
    OutboxRow* row = &chunk->rows[i];
    if (row->settled) continue;
    bool stands_for_record = row->record < 0 || records[row->record].last == i;
    Verdict verdict = verdict_of(chunk, row, row->record < 0 ? row->failures : records[row->record].failures, end);
    if (verdict.fate == Fate::kFails) add_later(&settling->later, row, &verdict, records[row->record].wait);
    if (verdict.fate == Fate::kStays && row->is_marked) add_key(&settling->marked, row);
    if (verdict.fate == Fate::kDies && stands_for_record) add_dead(&settling->dead, chunk, row, verdict);
    if (verdict.fate != Fate::kGoes && verdict.fate != Fate::kDies) continue;
    add_key(&settling->gone, row);
    row->settled = true;
    if (stands_for_record && row->record >= 0 && !chunk->are_events) add_heir(&settling->heirs, row, i);
  }
}

// An earlier dead letter of an id that leaves the queue keeps what was not set again.
void shorten_dead_letters(const LedgerScope* scope, const OutboxChunk* chunk, const Rows* heirs) {
  if (heirs->count == 0) return;
  Oid types[] = {TEXTOID, TEXTOID, TEXTARRAYOID};
  Datum values[] = {CStringGetTextDatum(chunk->server), CStringGetTextDatum(chunk->object), array_of(heirs, 0, TEXTOID)};
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
    bytea* earlier = DatumGetByteaPP(SPI_getbinval(tuples->vals[i], tuples->tupdesc, 3, &isnull));
    const OutboxRow* row = &chunk->rows[DatumGetInt32(heirs->columns[1][n - 1])];
    const auto* record = record_of(chunk, row);
    bytea* later = pendo_store_record(&chunk->consignment->get()->fields(), record->id, record->encoded);
    if (seq >= row->seq) continue;
    bool applied = record->state == pendo::Consignment::State::kApplied;
    shorten(scope, seq, pendo_without_fields_of(pendo_bytes(earlier), pendo_bytes(later), applied));
  }
}

// {"server": ..., "object": ..., "reason": ..., "records": ...}
void notify_of_dead(const OutboxChunk* chunk, const Rows* dead) {
  for (const char* reason : {"missing", "invalid", "uncertain", "failed"}) {
    int count = 0;
    for (int i = 0; i < dead->count; ++i) count += strcmp(TextDatumGetCString(dead->columns[2][i]), reason) == 0 ? 1 : 0;
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

bool pendo_outbox_has_room(const OutboxChunk* chunk) { return room_left(chunk) > 0 && chunk->bytes < chunk->most_bytes; }

bool pendo_outbox_may_have(const LedgerScope* scope, const OutboxChunk* chunk, int32 shard) {
  Oid types[] = {INT4OID, TEXTOID, TEXTOID};
  Datum values[] = {Int32GetDatum(shard), CStringGetTextDatum(chunk->server), CStringGetTextDatum(chunk->object)};
  const char* sql = chunk->again ? "SELECT FROM @pendo_fdw_queue WHERE shard = $1 AND attempts > 0 AND next_attempt <= pg_catalog.clock_timestamp()"
                                   " AND server = $2 AND object = $3 LIMIT 1"
                                 : "SELECT FROM @pendo_fdw_queue WHERE shard = $1 AND server = $2 AND object = $3 LIMIT 1";
  return pendo_ledger_run(pendo_ledger_kept(scope, sql, lengthof(types), types), values, nullptr) > 0;
}

static Datum oids_of(List* list) {
  auto* oids = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(list_length(list) + 1)));
  for (int i = 0; i < list_length(list); ++i) oids[i] = ObjectIdGetDatum(list_nth_oid(list, i));
  return PointerGetDatum(construct_array(oids, list_length(list), OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

// At most `most` rows. False: there are no more, or no more that belong to the chunk.
static bool read_rows(const LedgerScope* scope, OutboxChunk* chunk, int32 shard, int64 most) {
  Oid types[] = {INT4OID, TEXTOID, TEXTOID, OIDOID, OIDOID, TEXTOID, INT8OID, INT8OID, BOOLOID, INT8OID, INT4OID, OIDOID, OIDARRAYOID};
  bool one_table = chunk->count > 0 && chunk->are_events;
  char nulls[] = "             ";
  if (!one_table) nulls[5] = 'n';
  SPIPlanPtr plan = pendo_ledger_kept(scope, chunk->again ? kAgain : kFirst, lengthof(types), types);
  Datum values[] = {Int32GetDatum(shard),
                    CStringGetTextDatum(chunk->server),
                    CStringGetTextDatum(chunk->object),
                    ObjectIdGetDatum(chunk->caller),
                    ObjectIdGetDatum(chunk->count > 0 && chunk->are_events ? chunk->role : InvalidOid),
                    one_table ? CStringGetTextDatum(chunk->table_name) : Datum(0),
                    Int64GetDatum(most),
                    Int64GetDatum(chunk->most_bytes - chunk->bytes),
                    BoolGetDatum(chunk->count == 0),
                    Int64GetDatum(last_read(chunk, shard)),
                    Int32GetDatum(chunk->count > 0 ? chunk->rows[0].failures : -1),
                    ObjectIdGetDatum(chunk->server_id),
                    oids_of(chunk->failed_roles)};
  uint64 found = static_cast<uint64>(pendo_ledger_run(plan, values, nulls));
  MemoryContext old = MemoryContextSwitchTo(chunk->context);
  bool more = true;
  for (uint64 i = 0; i < found && more && room_left(chunk) > 0; ++i) more = take_row(chunk, shard, i);
  MemoryContextSwitchTo(old);
  SPI_freetuptable(SPI_tuptable);
  return more && found == static_cast<uint64>(most);
}

void pendo_outbox_read(const LedgerScope* scope, OutboxChunk* chunk, int32 shard) {
  bool more = true;
  while (more && pendo_outbox_has_room(chunk)) more = read_rows(scope, chunk, shard, Min(room_left(chunk), kRowsAtOnce));
}

void pendo_outbox_mark_sent(const LedgerScope* scope, OutboxChunk* chunk) {
  Rows rows;
  begin_rows(&rows, 2, chunk->count);
  for (int i = 0; i < chunk->count; ++i) {
    if (chunk->rows[i].was_sent || chunk->rows[i].record < 0) continue;
    add_key(&rows, &chunk->rows[i]);
    chunk->rows[i].is_marked = true;
  }
  run_on_rows(scope, &rows, "UPDATE @pendo_fdw_queue SET sent = pg_catalog.clock_timestamp() WHERE " ROWS_OF_ARRAYS);
}

void pendo_outbox_settle(const LedgerScope* scope, OutboxChunk* chunk, const OutboxEnd* end) {
  Settling settling;
  for (Rows* rows : {&settling.gone, &settling.marked, &settling.heirs}) begin_rows(rows, 2, chunk->count);
  begin_rows(&settling.later, 4, chunk->count);
  begin_rows(&settling.dead, 6, chunk->count);
  sort_rows(chunk, end, &settling);
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
