// CALL pendo_fdw_deliver(): for each server and object, chunk after chunk until
// nothing is due.
#include "fdw/entry.h"
#include "fdw/outbox_send.h"
#include "fdw/warn.h"

extern "C" {
#include "access/genam.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
}

namespace {

// Rows of a chunk: so many times what is in flight, that reading and settling do
// not hold it up.
constexpr int64 kRounds = 4;
constexpr int64 kEventRounds = 64;
constexpr int64 kMarkedRounds = 4;  // they are lost for a while when the server dies
constexpr int64 kMostBytes = 4 << 20;  // twice in memory, beside what is in flight
constexpr int64 kKeysAtOnce = 10'000;

OutboxChunk* new_chunk(const OutboxDelivery* delivery, bool again) {
  MemoryContext context = AllocSetContextCreate(delivery->context, "pendo_fdw chunk", ALLOCSET_DEFAULT_SIZES);
  auto* chunk = static_cast<OutboxChunk*>(MemoryContextAllocZero(context, sizeof(OutboxChunk)));
  chunk->context = context;
  chunk->server = delivery->server->servername;
  chunk->server_id = delivery->server->serverid;
  chunk->object = delivery->object->name.data();
  chunk->caller = delivery->caller;
  chunk->are_events = delivery->object->write == pendo::WriteCall::kTrackEvent;
  chunk->again = again;
  chunk->failed_roles = again ? delivery->failed_again : delivery->failed;
  chunk->most_rows = 1;  // until the first row tells whose options count
  chunk->most_bytes = kMostBytes;
  chunk->consignment = pendo_new_consignment(context);
  return chunk;
}

int64 most_rows(const OutboxChunk* chunk, const PendoOptions& options) {
  if (chunk->uncertain_dies) return options.call.event_concurrency * kMarkedRounds;
  if (chunk->are_events) return options.call.event_concurrency * kEventRounds;
  return static_cast<int64>(options.call.concurrency) * options.call.batch_size * kRounds;
}

[[noreturn]] void refuse_copy() {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("the outbox belongs to another database, of which this is a copy"),
                  errdetail("Nothing was sent: the other one may send the same records."),
                  errhint("If this database shall send them, and the other one not, SELECT pendo_fdw_adopt().")));
  pg_unreachable();
}

// The first row of a shard tells the options, the others follow.
void read_shard(const LedgerScope* scope, const OutboxDelivery* delivery, OutboxChunk* chunk, PendoOptions* options, int32 shard) {
  bool is_first = chunk->count == 0;
  pendo_outbox_read(scope, chunk, shard);
  if (!is_first || chunk->count == 0) return;
  Oid table = pendo_outbox_table(scope, chunk);
  MemoryContext old = MemoryContextSwitchTo(chunk->context);
  *options = pendo_outbox_options(delivery, table, chunk->role);
  MemoryContextSwitchTo(old);
  chunk->uncertain_dies = chunk->are_events && !options->call.retry_ambiguous;
  chunk->most_rows = most_rows(chunk, *options);
  pendo_outbox_read(scope, chunk, shard);
}

// From shards that nobody else delivers, the first one by chance.
void gather(const OutboxDelivery* delivery, OutboxChunk* chunk, PendoOptions* options) {
  int32 first = pendo_outbox_first_shard(chunk->server, chunk->object);
  auto offset = static_cast<int32>(pendo_random_fraction() * kOutboxShards);
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  if (pendo_outbox_home(&scope) == OutboxHome::kElsewhere) refuse_copy();
  for (int32 i = 0; i < kOutboxShards && pendo_outbox_has_room(chunk); ++i) {
    int32 shard = first + (i + offset) % kOutboxShards;
    if (!pendo_outbox_may_have(&scope, chunk, shard) || !pendo_lock_shard_exit(shard)) continue;
    int before = chunk->count;
    read_shard(&scope, delivery, chunk, options, shard);
    if (chunk->count == before) pendo_unlock_last_exit();
  }
  if (chunk->uncertain_dies) pendo_outbox_mark_sent(&scope, chunk);
  pendo_ledger_end(&scope);
  pendo_outbox_commit();
}

// What has failed once does not keep what has not from being tried; where that fails
// as well, the role waits for another delivery. Others do not.
void leave_alone(OutboxDelivery* delivery, Oid role, bool again) {
  MemoryContext old = MemoryContextSwitchTo(delivery->context);
  delivery->failed_again = list_append_unique_oid(delivery->failed_again, role);
  if (!again) delivery->failed = list_append_unique_oid(delivery->failed, role);
  MemoryContextSwitchTo(old);
}

// False: nothing is due.
bool send_chunk(OutboxDelivery* delivery, bool again) {
  OutboxChunk* chunk = new_chunk(delivery, again);
  PendoOptions options;
  gather(delivery, chunk, &options);
  bool any = chunk->count > 0;
  if (any && !pendo_outbox_send(delivery, chunk, &options)) leave_alone(delivery, chunk->role, again);
  pendo_unlock_shard_exits();
  MemoryContextDelete(chunk->context);
  return any;
}

void warn(const OutboxDelivery* delivery) {
  for (OutboxRun* run = delivery->runs; run; run = run->next) {
    pendo_warn(run->row.table_name, *run->outcome->get(), pendo_name_of_records(delivery->object));
  }
}

// What has failed before comes first: what follows it, of the same id, waits.
void deliver_object(OutboxDelivery* delivery) {
  delivery->runs = nullptr;
  delivery->failed = delivery->failed_again = NIL;
  for (bool more = true; more && !pendo_outbox_time_is_over(delivery);) {
    bool again = send_chunk(delivery, true);
    more = send_chunk(delivery, false) || again;
  }
  warn(delivery);
}

void forget_old_keys(const OutboxDelivery* delivery) {
  int64 deleted = kKeysAtOnce;
  while (deleted == kKeysAtOnce && !pendo_outbox_time_is_over(delivery)) {
    LedgerScope scope;
    pendo_ledger_begin(&scope, LedgerRole::kOwner);
    deleted = pendo_outbox_forget_keys(&scope, delivery->server->servername, pendo_ledger_retention(delivery->server), kKeysAtOnce);
    pendo_ledger_end(&scope);
    pendo_outbox_commit();
  }
}

void deliver_server(OutboxDelivery* delivery, Oid server) {
  MemoryContext old = MemoryContextSwitchTo(delivery->context);
  delivery->server = GetForeignServerExtended(server, FSV_MISSING_OK);
  MemoryContextSwitchTo(old);
  if (!delivery->server) return;
  for (const auto& object : pendo::all_objects()) {
    if (object.write == pendo::WriteCall::kNone || pendo_outbox_time_is_over(delivery)) continue;
    delivery->object = &object;
    deliver_object(delivery);
  }
  forget_old_keys(delivery);
}

// Of the wrapper, in the order of their names.
List* all_servers() {
  List* servers = NIL;
  Relation catalog = table_open(ForeignServerRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, ForeignServerNameIndexId, true, nullptr, 0, nullptr);
  while (HeapTuple tuple = systable_getnext(scan)) {
    auto* form = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(tuple));
    if (strcmp(GetForeignDataWrapper(form->srvfdw)->fdwname, "pendo_fdw") == 0) servers = lappend_oid(servers, form->oid);
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return servers;
}

void refuse_inside_transaction(FunctionCallInfo fcinfo) {
  bool may_commit = fcinfo->context && IsA(fcinfo->context, CallContext) && !reinterpret_cast<CallContext*>(fcinfo->context)->atomic;
  if (may_commit) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                  errmsg("pendo_fdw_deliver() cannot run inside a transaction block or a function"),
                  errdetail("It commits what it has sent, batch by batch."), errhint("Run CALL pendo_fdw_deliver() as a statement of its own.")));
}

TimestampTz end_of(const Interval* max_runtime) {
  Datum now = TimestampTzGetDatum(GetCurrentTimestamp());
  TimestampTz end = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, now, IntervalPGetDatum(max_runtime)));
  if (end <= DatumGetTimestampTz(now)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_runtime must be longer than nothing")));
  }
  return end;
}

void report_failure(const OutboxDelivery* delivery) {
  if (!delivery->failure) return;
  ereport(ERROR, (errcode(ERRCODE_FDW_ERROR), errmsg("delivery to server \"%s\" failed: %s", delivery->failed_server, delivery->failure),
                  errdetail("What was not sent waits in the outbox for its next attempt."),
                  errhint("SELECT * FROM pendo_fdw_outbox shows when that is; pendo_fdw_requeue() makes it at once.")));
}

}  // namespace

void pendo_outbox_deliver(const char* server, TimestampTz until) {
  OutboxDelivery delivery{};
  delivery.context = AllocSetContextCreate(PortalContext ? PortalContext : TopMemoryContext, "pendo_fdw delivery", ALLOCSET_DEFAULT_SIZES);
  delivery.caller = GetUserId();
  delivery.until = until;
  MemoryContext old = MemoryContextSwitchTo(delivery.context);
  List* servers = server ? list_make1_oid(GetForeignServerByName(server, false)->serverid) : all_servers();
  if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT) elog(ERROR, "pendo_fdw: SPI_connect failed");
  pendo_outbox_commit();
  ListCell* cell;
  foreach (cell, servers) deliver_server(&delivery, lfirst_oid(cell));
  SPI_finish();
  MemoryContextSwitchTo(old);
  report_failure(&delivery);
  MemoryContextDelete(delivery.context);
}

extern "C" Datum pendo_fdw_deliver(PG_FUNCTION_ARGS) {
  refuse_inside_transaction(fcinfo);
  PreventCommandIfReadOnly("pendo_fdw_deliver()");
  const char* server = PG_ARGISNULL(0) ? nullptr : pstrdup(NameStr(*PG_GETARG_NAME(0)));
  pendo_outbox_deliver(server, PG_ARGISNULL(1) ? 0 : end_of(PG_GETARG_INTERVAL_P(1)));
  PG_RETURN_VOID();
}
