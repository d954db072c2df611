// Reading rows of the queue.
#include "fdw/outbox_rows.h"

#include "fdw/ledger_columns.h"

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
  "SELECT w.seq, w.role::oid, w.table_name, w.payload, w.attempts, w.failures, w.sent IS NOT NULL, w.id, w.size" \
  " FROM (SELECT q.*, octet_length(q.payload) AS size, pg_catalog.sum(octet_length(q.payload)) OVER (ORDER BY q.seq) AS bytes" \
  " FROM (SELECT * FROM @pendo_fdw_queue AS q WHERE q.shard = $1 AND q.seq > $10 AND q.server = $2 AND q.server_id = $12 AND q.object = $3"      \
  " AND pg_has_role($4, q.role, 'MEMBER') AND ($5 = 0::oid OR q.role = $5) AND ($6 IS NULL OR q.table_name = $6) AND q.role::oid <> ALL ($13) AND ($11 < 0 OR q.failures = $11) AND " due \
  " ORDER BY q.seq LIMIT $7) AS q) AS w WHERE w.bytes <= $8 OR (w.bytes = w.size AND $9) ORDER BY w.seq"

constexpr const char* kFirst = ROWS(FIRST_CHANCE);
constexpr const char* kAgain = ROWS(ANOTHER_CHANCE);

#undef ROWS
#undef FIRST_CHANCE
#undef ANOTHER_CHANCE

enum ReadColumn { kSeq = 1, kRole, kTable, kPayload, kAttempts, kFailures, kSent, kId, kSize };

Datum column(uint64 row, ReadColumn number, bool* isnull) {
  return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

char* text_at(uint64 row, ReadColumn number) {
  bool isnull = false;
  return TextDatumGetCString(column(row, number, &isnull));
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

int add_to_consignment(OutboxChunk* chunk, Datum payload) {
  bytea* stored = DatumGetByteaPP(payload);
  int record = chunk->consignment->get()->add(pendo_bytes(stored));
  if (record == pendo::Consignment::kOutOfMemory) pendo_out_of_memory();
  if (static_cast<void*>(stored) != DatumGetPointer(payload)) pfree(stored);
  return record;
}

// False: it is another role's, and the shard's further rows have to wait for it. By
// what else a chunk's rows are alike, the statement has chosen them.
bool take_row(OutboxChunk* chunk, int32 shard, uint64 number) {
  bool isnull = false;
  Oid role = DatumGetObjectId(column(number, kRole, &isnull));
  if (chunk->count > 0 && chunk->role != role) return false;
  if (chunk->count == 0) {
    chunk->role = role;
    chunk->table_name = text_at(number, kTable);
  }
  OutboxRow* row = new_row(chunk);
  row->shard = shard;
  row->seq = DatumGetInt64(column(number, kSeq, &isnull));
  row->attempts = DatumGetInt32(column(number, kAttempts, &isnull));
  row->failures = DatumGetInt32(column(number, kFailures, &isnull));
  row->was_sent = DatumGetBool(column(number, kSent, &isnull));
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

Datum oids_of(List* list) {
  auto* oids = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(list_length(list) + 1)));
  for (int i = 0; i < list_length(list); ++i) oids[i] = ObjectIdGetDatum(list_nth_oid(list, i));
  return pendo_ledger_array(oids, nullptr, list_length(list), OIDOID);
}

// At most `most` rows. False: there are no more, or no more that belong to the chunk.
bool read_rows(const LedgerScope* scope, OutboxChunk* chunk, int32 shard, int64 most) {
  Oid types[] = {INT4OID, TEXTOID, TEXTOID, OIDOID, OIDOID, TEXTOID, INT8OID, INT8OID, BOOLOID, INT8OID, INT4OID, OIDOID, OIDARRAYOID};
  bool one_table = chunk->count > 0 && chunk->are_events;
  char nulls[] = "             ";
  if (!one_table) nulls[5] = 'n';
  SPIPlanPtr plan = pendo_ledger_kept(scope, chunk->again ? kAgain : kFirst, lengthof(types), types);
  Datum values[] = {Int32GetDatum(shard),
                    CStringGetTextDatum(chunk->server),
                    CStringGetTextDatum(chunk->object),
                    ObjectIdGetDatum(chunk->caller),
                    ObjectIdGetDatum(one_table ? chunk->role : InvalidOid),
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

void pendo_outbox_read(const LedgerScope* scope, OutboxChunk* chunk, int32 shard) {
  bool more = true;
  while (more && pendo_outbox_has_room(chunk)) more = read_rows(scope, chunk, shard, Min(room_left(chunk), kRowsAtOnce));
}

Oid pendo_outbox_table(const LedgerScope* scope, const OutboxChunk* chunk) {
  Oid types[] = {TEXTOID};
  Datum values[] = {CStringGetTextDatum(chunk->table_name)};
  pendo_ledger_run(pendo_ledger_kept(scope, "SELECT pg_catalog.to_regclass($1)::oid", lengthof(types), types), values, nullptr);
  bool isnull = false;
  Datum table = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
  return isnull ? InvalidOid : DatumGetObjectId(table);
}
