// The way to the ledger's tables.
#include "fdw/ledger.h"
#include "fdw/ledger_write.h"

#include "fdw/kept_table.h"
#include "fdw/ledger_columns.h"
#include "fdw/session.h"
#include "fdw/version.h"

extern "C" {
#include "access/genam.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

namespace {

void set(const char* name, const char* value) {
  set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// A plan that is made while a table is empty shall do when it has a million
// rows. A lock is waited for: the records have been sent.
void set_for_owner() {
  set("lock_timeout", "0");
  set("enable_indexscan", "on");
  set("enable_tidscan", "on");
  set("enable_seqscan", "off");
  set("enable_bitmapscan", "off");  // reads all of what only the first rows are wanted
  set("enable_sort", "off");        // likewise
  set("enable_indexonlyscan", "off");  // cannot read with the snapshot of SERIALIZABLE
  set("jit", "off");
}

Oid owner_of(Oid table) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "pendo_fdw: table %u is not there", table);
  Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
  ReleaseSysCache(tuple);
  return owner;
}

// A package may bring a new library while the database has the tables and the
// functions of the old one.
void check_version(HeapTuple tuple, Relation catalog) {
  bool isnull = false;
  Datum value = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(catalog), &isnull);
  const char* version = isnull ? "" : TextDatumGetCString(value);
  if (strcmp(version, PENDO_FDW_VERSION) == 0) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("extension \"pendo_fdw\" is of version %s in this database, its library of version %s", version, PENDO_FDW_VERSION),
                  errdetail("Until they are the same, foreign tables can be read, but not written."),
                  errhint("Run ALTER EXTENSION pendo_fdw UPDATE in this database. Where the library is the older one, install the newer, or "
                          "start a new session if that is done.")));
}

// Looked for in the catalog, which has no cache. False: it is not there.
bool look_for_extension(PendoExtension* extension) {
  Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("pendo_fdw"));
  SysScanDesc scan = systable_beginscan(catalog, ExtensionNameIndexId, true, nullptr, 1, &key);
  HeapTuple tuple = systable_getnext(scan);
  bool found = HeapTupleIsValid(tuple);
  if (found) {
    auto* form = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple));
    extension->id = form->oid;
    extension->owner = form->extowner;
    extension->namespace_id = form->extnamespace;
    check_version(tuple, catalog);
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return found;
}

// Small transactions ask several times for it. Who installs, drops, updates or moves
// it changes its tables or functions, too.
PendoExtension known;
uint64 known_at = 0;  // pendo_catalog_changes()

}  // namespace

bool pendo_find_extension(PendoExtension* extension, bool missing_ok) {
  uint64 now = pendo_catalog_changes();
  bool found = known_at == now;
  if (found) {
    *extension = known;
  } else if (look_for_extension(extension)) {
    found = true;
    known = *extension;
    known_at = now;
  }
  const char* schema = found ? get_namespace_name(extension->namespace_id) : nullptr;
  if (schema) extension->schema = quote_identifier(schema);
  if (!schema && !missing_ok) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"pendo_fdw\" is not installed in this database"),
                    errhint("Run CREATE EXTENSION pendo_fdw.")));
  }
  return schema != nullptr;
}

void pendo_ledger_require() {
  PendoExtension extension;
  pendo_find_extension(&extension, false);
}

Oid pendo_ledger_table(const PendoExtension* extension, const char* name) {
  Oid table = get_relname_relid(name, extension->namespace_id);
  if (OidIsValid(table)) return table;
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("extension \"pendo_fdw\" has no relation \"%s\"", name),
                  errhint("Run ALTER EXTENSION pendo_fdw UPDATE.")));
  pg_unreachable();
}

void pendo_ledger_begin(LedgerScope* scope, LedgerRole role) {
  pendo_find_extension(&scope->extension, false);
  GetUserIdAndSecContext(&scope->user, &scope->security);
  scope->read_only = XactReadOnly;
  scope->guc_level = NewGUCNestLevel();
  set("search_path", "pg_catalog, pg_temp");
  if (role == LedgerRole::kOwner) set_for_owner();
  if (role != LedgerRole::kCaller) {
    Oid owner = owner_of(pendo_ledger_table(&scope->extension, "pendo_fdw_runs"));
    SetUserIdAndSecContext(owner, scope->security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
  } else {
    set("row_security", "on");
  }
  PushActiveSnapshot(GetTransactionSnapshot());
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "pendo_fdw: SPI_connect failed");
}

void pendo_ledger_end(LedgerScope* scope) {
  SPI_finish();
  PopActiveSnapshot();
  SetUserIdAndSecContext(scope->user, scope->security);
  XactReadOnly = scope->read_only;
  AtEOXact_GUC(false, scope->guc_level);
}

void pendo_ledger_force_writable(LedgerScope*) {
  // the abort of a transaction or subtransaction sets it anew
  XactReadOnly = false;
}

namespace {

SPIPlanPtr prepare(const LedgerScope* scope, const char* sql, int nargs, Oid* types, int options) {
  StringInfoData text;
  initStringInfo(&text);
  for (const char* c = sql; *c; ++c) {
    if (*c == '@') {
      appendStringInfo(&text, "%s.", scope->extension.schema);
    } else {
      appendStringInfoChar(&text, *c);
    }
  }
  SPIPlanPtr plan = SPI_prepare_cursor(text.data, nargs, types, options);
  if (!plan) elog(ERROR, "pendo_fdw: SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
  return plan;
}

struct KeptKey {
  const char* sql;
  Oid extension;
};

struct KeptPlan {
  KeptKey key;
  char schema[NAMEDATALEN * 2 + 3];  // that the plan's names have; it may be renamed
  SPIPlanPtr plan;
};

HTAB* kept_plans = nullptr;

}  // namespace

SPIPlanPtr pendo_ledger_prepare(const LedgerScope* scope, const char* sql, int nargs, Oid* types) { return prepare(scope, sql, nargs, types, 0); }

// Planned once: an array of one element looks so much cheaper than one of unknown
// length that the planner would make a new plan each time.
SPIPlanPtr pendo_ledger_kept(const LedgerScope* scope, const char* sql, int nargs, Oid* types) {
  if (!kept_plans) kept_plans = pendo_session_table<KeptKey, KeptPlan>("pendo_fdw statements");
  KeptKey key;
  memset(&key, 0, sizeof(key));
  key.sql = sql;
  key.extension = scope->extension.id;
  auto* known = static_cast<KeptPlan*>(hash_search(kept_plans, &key, HASH_FIND, nullptr));
  if (known && strcmp(known->schema, scope->extension.schema) == 0) return known->plan;
  SPIPlanPtr plan = prepare(scope, sql, nargs, types, CURSOR_OPT_GENERIC_PLAN);
  if (SPI_keepplan(plan) != 0) elog(ERROR, "pendo_fdw: SPI_keepplan failed");
  auto* entry = static_cast<KeptPlan*>(hash_search(kept_plans, &key, HASH_ENTER, nullptr));
  if (known) SPI_freeplan(known->plan);
  strlcpy(entry->schema, scope->extension.schema, sizeof(entry->schema));
  entry->plan = plan;
  return plan;
}

// SERIALIZABLE would take the reading of rejects for a conflict of two runs, and
// fail one of them after it has sent. Writers take turns, so what has been
// committed by now is all that matters; reading just that is not tracked.
int64 pendo_ledger_run(SPIPlanPtr plan, Datum* values, const char* nulls) {
  SnapshotData snapshot = *GetLatestSnapshot();
  if (XactIsoLevel == XACT_SERIALIZABLE) snapshot.snapshot_type = SNAPSHOT_SELF;
  int result = SPI_execute_snapshot(plan, values, nulls, &snapshot, InvalidSnapshot, false, true, 0);
  if (result < 0) elog(ERROR, "pendo_fdw: SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
  return static_cast<int64>(SPI_processed);
}

void pendo_ledger_lock_rejects(const PendoExtension* extension) {
  LockDatabaseObject(pendo_ledger_table(extension, "pendo_fdw_rejects"), 0, 0, ExclusiveLock);
}

bool pendo_ledger_lock_retention(const PendoExtension* extension, bool wait) {
  Oid table = pendo_ledger_table(extension, "pendo_fdw_runs");
  if (!wait) return ConditionalLockDatabaseObject(table, 0, 0, ExclusiveLock);
  LockDatabaseObject(table, 0, 0, ExclusiveLock);
  return true;
}

void pendo_begin_columns(LedgerColumns* columns, int count, int most) {
  columns->rows = 0;
  for (int i = 0; i < count; ++i) {
    columns->values[i] = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(most + 1)));
    columns->nulls[i] = static_cast<bool*>(palloc0(static_cast<Size>(most + 1)));
  }
}

Datum pendo_column_array(const LedgerColumns* columns, int number, Oid type) {
  return pendo_ledger_array(columns->values[number], columns->nulls[number], columns->rows, type);
}

Datum pendo_ledger_array(Datum* elements, bool* nulls, int count, Oid type) {
  int dims[] = {count};
  int lower[] = {1};
  int16 length = 0;
  bool by_value = false;
  char align = 0;
  get_typlenbyvalalign(type, &length, &by_value, &align);
  return PointerGetDatum(construct_md_array(elements, nulls, 1, dims, lower, type, length, by_value, align));
}
