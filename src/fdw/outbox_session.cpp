// What SQL does with the outbox besides delivering it: another chance for dead
// letters, and taking over a copy.
#include <string_view>

#include "fdw/entry.h"
#include "fdw/ledger_write.h"
#include "fdw/outbox.h"

extern "C" {
#include "access/xlog.h"
#include "utils/acl.h"
}

namespace {

const char* const kReasons[] = {"missing", "invalid", "uncertain", "failed"};

void check_reason(const char* reason) {
  for (const char* known : kReasons) {
    if (strcmp(known, reason) == 0) return;
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no dead letter has the reason \"%s\"", reason),
                  errhint("Reasons: missing, invalid, uncertain, failed; NULL for all.")));
}

#define DEAD "d.server = $1 AND ($2 IS NULL OR d.reason = $2) AND pg_has_role($3, d.role, 'MEMBER')"
#define WAITING                                                                              \
  "q.attempts > 0 AND $2 IS NULL AND q.server = $1 AND pg_has_role($3, q.role, 'MEMBER')" \
  " AND q.next_attempt > pg_catalog.clock_timestamp()"

// What a call of pendo_fdw_requeue() is about: server, reason (NULL: all, and what
// waits for another attempt), caller.
struct Requeue {
  Oid types[4];
  Datum values[4];  // the last one: the shards whose exits are held
  char nulls[5];
};

// Whoever delivers one of the shards is waited for: it may be sending newer values
// of the same ids, or the rows themselves once their time has come. In order of
// the shards, so that two calls do not wait for each other.
void wait_for_exits(const LedgerScope* scope, Requeue* requeue) {
  requeue->values[3] = PointerGetDatum(construct_empty_array(INT4OID));
  SPIPlanPtr plan = pendo_ledger_prepare(scope,
                                         "SELECT d.shard FROM @pendo_fdw_dead_letters AS d WHERE " DEAD
                                         " UNION SELECT q.shard FROM @pendo_fdw_queue AS q WHERE " WAITING " ORDER BY 1",
                                         lengthof(requeue->types), requeue->types);
  auto count = static_cast<uint64>(pendo_ledger_run(plan, requeue->values, requeue->nulls));
  SPITupleTable* tuples = SPI_tuptable;
  auto* shards = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
  for (uint64 i = 0; i < count; ++i) {
    bool isnull = false;
    shards[i] = SPI_getbinval(tuples->vals[i], tuples->tupdesc, 1, &isnull);
    pendo_wait_for_shard_exit(DatumGetInt32(shards[i]));
  }
  requeue->values[3] = PointerGetDatum(construct_array(shards, static_cast<int>(count), INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

// In their old place: what was committed later comes later, also if it has failed
// since; it starts anew, too, so that all of an id are sent in order.
int64 requeue_dead(const LedgerScope* scope, Requeue* requeue) {
  SPIPlanPtr plan = pendo_ledger_prepare(scope,
                                         "WITH d AS (DELETE FROM @pendo_fdw_dead_letters AS d WHERE " DEAD " AND d.shard = ANY ($4) RETURNING *),"
                                         " fresh AS (UPDATE @pendo_fdw_queue AS q SET attempts = 0, failures = 0, next_attempt = NULL"
                                         " FROM d AS old WHERE q.shard = old.shard AND q.id = old.id AND q.attempts > 0)"
                                         " INSERT INTO @pendo_fdw_queue (shard, seq, server, server_id, object, role, table_name, id, payload, event_key, enqueued)"
                                         " OVERRIDING SYSTEM VALUE"
                                         " SELECT shard, seq, server, server_id, object, role, table_name, id, payload, event_key, enqueued FROM d",
                                         lengthof(requeue->types), requeue->types);
  return pendo_ledger_run(plan, requeue->values, requeue->nulls);
}

int64 make_due(const LedgerScope* scope, Requeue* requeue) {
  SPIPlanPtr plan = pendo_ledger_prepare(scope, "UPDATE @pendo_fdw_queue AS q SET next_attempt = pg_catalog.clock_timestamp() WHERE " WAITING
                                         " AND q.shard = ANY ($4)",
                                         lengthof(requeue->types), requeue->types);
  return pendo_ledger_run(plan, requeue->values, requeue->nulls);
}

#undef DEAD
#undef WAITING

// The servers are those of the same names.
void adopt_servers(const LedgerScope* scope, const char* sql) {
  pendo_ledger_run(pendo_ledger_prepare(scope, sql, 0, nullptr), nullptr, nullptr);
}

void need_owner(const LedgerScope* scope) {
  if (has_privs_of_role(scope->user, scope->extension.owner)) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("only the owner of extension \"pendo_fdw\" may adopt the outbox"),
                  errdetail("From then on this database sends what it holds, for all roles.")));
}

}  // namespace

extern "C" Datum pendo_fdw_requeue(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the server must not be NULL")));
  PreventCommandIfReadOnly("pendo_fdw_requeue()");
  // its locks would keep every delivery of these shards waiting
  if (IsTransactionBlock()) {
    ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("pendo_fdw_requeue() cannot run inside a transaction block"),
                    errhint("Run it as a statement of its own.")));
  }
  ForeignServer* server = GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
  bool any_reason = PG_ARGISNULL(1);
  char* reason = any_reason ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(1));
  if (reason) check_reason(reason);
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  Requeue requeue = {{TEXTOID, TEXTOID, OIDOID, INT4ARRAYOID},
                     {CStringGetTextDatum(server->servername), reason ? CStringGetTextDatum(reason) : Datum(0), ObjectIdGetDatum(scope.user), Datum(0)},
                     {' ', any_reason ? 'n' : ' ', ' ', ' ', '\0'}};
  wait_for_exits(&scope, &requeue);
  int64 rows = requeue_dead(&scope, &requeue) + make_due(&scope, &requeue);
  pendo_ledger_end(&scope);
  PG_RETURN_INT64(rows);
}

extern "C" Datum pendo_fdw_adopt(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  PreventCommandIfReadOnly("pendo_fdw_adopt()");
  LedgerScope scope;
  pendo_ledger_begin(&scope, LedgerRole::kOwner);
  need_owner(&scope);
  Oid types[] = {INT8OID, OIDOID};
  Datum values[] = {Int64GetDatum(static_cast<int64>(GetSystemIdentifier())), ObjectIdGetDatum(MyDatabaseId)};
  pendo_ledger_run(pendo_ledger_prepare(&scope,
                                        "INSERT INTO @pendo_fdw_outbox_home AS h (system_identifier, database) VALUES ($1, $2)"
                                        " ON CONFLICT (single) DO UPDATE SET system_identifier = EXCLUDED.system_identifier, database = EXCLUDED.database",
                                        lengthof(types), types),
                   values, nullptr);
  adopt_servers(&scope, "UPDATE @pendo_fdw_queue AS q SET server_id = s.oid FROM pg_foreign_server AS s"
                        " WHERE s.srvname = q.server AND q.server_id <> s.oid");
  adopt_servers(&scope, "UPDATE @pendo_fdw_dead_letters AS q SET server_id = s.oid FROM pg_foreign_server AS s"
                        " WHERE s.srvname = q.server AND q.server_id <> s.oid");
  pendo_ledger_run(pendo_ledger_prepare(&scope, "SELECT pg_catalog.count(*) FROM @pendo_fdw_queue", 0, nullptr), nullptr, nullptr);
  bool isnull = false;
  int64 waiting = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
  pendo_ledger_end(&scope);
  PG_RETURN_INT64(waiting);
}
