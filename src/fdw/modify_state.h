// What a writing statement keeps while it runs.
#pragma once

#include "bridge/bridge.h"
#include "core/event_guard.h"
#include "core/event_sender.h"
#include "core/field_values.h"
#include "fdw/compat.h"
#include "fdw/run.h"
#include "fdw/table.h"

// Name of the junk column that carries the key of the row to update. Partitions
// of one parent share it only where their key columns are alike.
inline char* pendo_key_name(const PendoTable* table, Oid type, int32 typmod) {
  return psprintf("pendo_key_%d_%u_%d", table->key, type, typmod);
}

// What travels in fdw_private of a ModifyTable.
enum ModifyPrivateIndex {
  kModifyColumns,      // integer List: attribute numbers that are SET
  kModifyUser,         // Integer: whose user mapping
  kModifyOnlyChanges,  // Integer: 1 where the scan brings old values to compare with
};

// An ERROR where nothing can be inserted into the table.
void pendo_check_insert(const PendoTable* table);
void pendo_refuse_on_conflict(const PendoTable* table);

bool pendo_is_null_constant(const Node* node);

// The attribute numbers that an INSERT into visitors or accounts sets, the key
// left out; an ERROR for what cannot be set.
List* pendo_inserted_columns(const PendoTable* table, const Bitmapset* inserted);

struct ModifyState {
  const PendoTable* table;
  PendoRun* run;
  PendoSpool* log;            // where records go; nullptr: to `sending`
  bool log_is_own;            // it is sent when the statement ends
  PendoSending* sending;
  MemoryContext row_context;  // reset per row: Exec* run in the per-query context

  // visitors and accounts
  List* attnos;
  List* unnamed;              // those of them that are sent only where a DEFAULT gave a value
  AttrNumber key_junk;        // where the key is in the plan's slot; 0: in the row itself
  void* old_copy;             // see free_old_row()
  bool only_changes;
  bool fields_known;
  PendoBox<pendo::RecordEncoder>* encoder;
  pendo::Value* values;
  pendo::Value* old_values;

  // events
  PendoBox<pendo::EventEncoder>* event_encoder;
  PendoBox<pendo::EventGuard>* guard;
  PendoBox<pendo::TrackSecrets>* secrets;
  const PendoColumn** event_columns;  // see modify_event.cpp; nullptr where the table has none
};

// The attribute numbers that an UPDATE sets, after the checks that it can be sent.
List* pendo_plan_update(PlannerInfo* root, Index relid, const PendoTable* table);
PendoTable* pendo_table_to_write(PlannerInfo* root, Index relid);

ModifyState* pendo_begin_update(Relation relation, Oid user, List* attnos);

// Takes the record that `id` and state->values make. With `compare` only what
// differs from state->old_values.
void pendo_write_record(ModifyState* state, std::string_view id, bool compare);
void pendo_end_writing(ModifyState* state);

// What a row became goes where the records of the statement go: a record (id, values)
// or an event (label, what an EventEncoder made) by its kind of entry in a log.
void pendo_pass_on(ModifyState* state, uint8 kind, std::string_view id, std::string_view payload);
// The same of one that cannot be sent; `values` as JSON.
void pendo_pass_on_invalid(ModifyState* state, std::string_view id, std::string_view values, std::string_view why);

// modify_event.cpp: ready for events, or an ERROR where there is no track secret; and
// one of them.
void pendo_open_events(ModifyState* state);
void pendo_write_event(ModifyState* state, TupleTableSlot* slot);

// Of a statement that has run: how many records wait, or were sent. nullptr: it has not.
void pendo_explain_records(const ModifyState* state, ExplainState* es);
void pendo_explain_bulk_calls(const PendoTable* table, List* attnos, bool create, ExplainState* es);
