// What a writing statement keeps while it runs.
#pragma once

#include "bridge/bridge.h"
#include "core/bulk_update.h"
#include "core/event_sender.h"
#include "fdw/compat.h"
#include "fdw/table.h"

// Name of the junk column that carries the key of the row to update. Partitions
// of one parent share it only where their key columns are alike.
inline char* pendo_key_name(const PendoTable* table, Oid type, int32 typmod) {
  return psprintf("pendo_key_%d_%u_%d", table->key, type, typmod);
}

// What travels in fdw_private of a ModifyTable.
enum ModifyPrivateIndex {
  kModifyColumns,  // integer List: attribute numbers that are SET
  kModifyUser,     // Integer: whose user mapping
};

struct ModifyState {
  PendoTable* table;
  MemoryContext row_context;  // reset per row: Exec* run in the per-query context

  // UPDATE
  List* attnos;
  AttrNumber key_junk;        // where the key is in the plan's slot
  PendoBox<pendo::BulkUpdate>* update;
  pendo::Value* values;

  // INSERT
  PendoBox<pendo::EventSender>* sender;
};
