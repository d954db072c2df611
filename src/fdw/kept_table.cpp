// The cache of tables.
#include "fdw/kept_table.h"

#include "fdw/session.h"

namespace {

struct KeptTableKey {
  Oid relid;
  Oid user;
};

struct KeptTable {
  KeptTableKey key;
  MemoryContext context;  // nullptr: nothing is kept
  const PendoTable* table;
  uint64 version;
  uint64 seen;            // how many changes of catalogs it has seen
};

// More than one session writes to; beyond that it starts anew.
constexpr long kMostTables = 200;

HTAB* tables = nullptr;
uint64 changes = 1;

void note_change(Datum, int, uint32) { ++changes; }
void note_relation(Datum, Oid) { ++changes; }

// Statements that run may still use it.
void let_go(KeptTable* kept) {
  if (kept->context) MemoryContextSetParent(kept->context, TopTransactionContext);
  kept->context = nullptr;
  kept->table = nullptr;
}

void let_all_go() {
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, tables);
  while (auto* kept = static_cast<KeptTable*>(hash_seq_search(&status))) {
    let_go(kept);
    hash_search(tables, &kept->key, HASH_REMOVE, nullptr);
  }
}

KeptTable* find(Oid relid, Oid user) {
  if (!tables) tables = pendo_session_table<KeptTableKey, KeptTable>("pendo_fdw tables");
  KeptTableKey key = {relid, user};
  auto* known = static_cast<KeptTable*>(hash_search(tables, &key, HASH_FIND, nullptr));
  if (known) return known;
  if (hash_get_num_entries(tables) >= kMostTables) let_all_go();
  auto* kept = static_cast<KeptTable*>(hash_search(tables, &key, HASH_ENTER, nullptr));
  kept->context = nullptr;
  kept->table = nullptr;
  return kept;
}

// An ERROR leaves what was kept before.
void look_anew(KeptTable* kept, uint64 version) {
  MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw kept table", ALLOCSET_SMALL_SIZES);
  MemoryContext old = MemoryContextSwitchTo(context);
  const PendoTable* table = pendo_table(kept->key.relid, kept->key.user);
  MemoryContextSwitchTo(old);
  let_go(kept);
  MemoryContextSetParent(context, TopMemoryContext);
  kept->context = context;
  kept->table = table;
  kept->version = version;
}

}  // namespace

void pendo_kept_table_init() {
  for (int cache : {FOREIGNTABLEREL, FOREIGNSERVEROID, USERMAPPINGOID, NAMESPACEOID, AUTHOID, PROCOID}) CacheRegisterSyscacheCallback(cache, note_change, 0);
  CacheRegisterRelcacheCallback(note_relation, 0);  // names, columns
}

uint64 pendo_catalog_changes() { return changes; }

uint64 pendo_kept_version(Oid relid, Oid user) {
  const KeptTable* kept = find(relid, user);
  return kept->table && kept->seen == changes ? kept->version : pendo_table_version(relid, user);
}

const PendoTable* pendo_kept_table(Oid relid, Oid user, uint64* version) {
  KeptTable* kept = find(relid, OidIsValid(user) ? user : GetUserId());
  if (!kept->table || kept->seen != changes) {
    uint64 seen = changes;  // what changes while we look counts
    uint64 now = pendo_table_version(relid, kept->key.user);
    if (!kept->table || kept->version != now) look_anew(kept, now);
    kept->seen = seen;
  }
  if (version) *version = kept->version;
  return kept->table;
}
