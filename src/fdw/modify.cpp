// Executing writes: rows become records or events of a run, which are sent at
// once or wait for the commit.
#include "fdw/modify.h"

#include "bridge/open.h"
#include "fdw/datum.h"
#include "fdw/delivery.h"
#include "fdw/kept_table.h"
#include "fdw/modify_state.h"
#include "fdw/outbox.h"
#include "fdw/progress.h"

namespace {

ModifyState* state_of(ResultRelInfo* rel) { return static_cast<ModifyState*>(rel->ri_FdwState); }

// Where records go: into the log of the transaction, into one of the statement
// where it has to be whole before anything is sent, or out.
void open_way_out(ModifyState* state) {
  const PendoOptions& options = state->table->options;
  if (state->run->dry || options.delivery != Delivery::kStatement) {
    state->log = pendo_run_log(state->run);
  } else if (options.refuse_duplicates && state->table->object->write == pendo::WriteCall::kBulkMetadata) {
    state->log = pendo_spool_of_statement();
    state->log_is_own = true;
  }
}

ModifyState* new_state(Relation relation, Oid user) {
  auto* state = static_cast<ModifyState*>(palloc0(sizeof(ModifyState)));
  Oid relid = RelationGetRelid(relation);
  state->table = pendo_kept_table(relid, user, nullptr);
  state->run = pendo_run_of(relid, state->table->user);
  state->row_context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw row", ALLOCSET_DEFAULT_SIZES);
  open_way_out(state);
  return state;
}

pendo::BulkField* fields_of(const ModifyState* state) {
  Size count = static_cast<Size>(list_length(state->attnos));
  auto* fields = static_cast<pendo::BulkField*>(palloc0(sizeof(pendo::BulkField) * (count + 1)));
  for (Size i = 0; i < count; ++i) {
    const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(list_nth_int(state->attnos, static_cast<int>(i))));
    fields[i] = {column->group, column->field, column->json_type, list_member_int(state->unnamed, column->attno)};
  }
  return fields;
}

void open_encoder(ModifyState* state, bool create) {
  int count = list_length(state->attnos);
  Size bytes = sizeof(pendo::Value) * static_cast<Size>(count + 1);
  state->values = static_cast<pendo::Value*>(palloc0(bytes));
  state->old_values = static_cast<pendo::Value*>(palloc0(bytes));
  state->encoder = pendo_box<pendo::RecordEncoder>(CurrentMemoryContext);
  pendo::EncodeRules rules;
  rules.null_as = state->table->options.null_as;
  rules.create = create;
  pendo_open_encoder(state->encoder, state->run->fields->get(), fields_of(state), count, rules);
}

// Before the first record: has Pendo the fields that are SET?
void know_fields(ModifyState* state) {
  // of what goes to the outbox they are asked for when it is delivered
  if (state->fields_known || pendo_is_for_outbox(state->run)) return;
  pendo::CallOptions options = state->table->options.call;
  options.dry_run = state->run->dry;
  PendoBox<pendo::FieldCheck>* box = pendo_box<pendo::FieldCheck>(state->row_context);
  pendo_open_field_check(box, pendo_run_client(state->run), state->table->object, fields_of(state), list_length(state->attnos), options);
  pendo::FieldCheck* check = box->get();
  pendo_drive(check, [=]() { return check->run(); });
  for (const auto& name : check->created()) {
    ereport(NOTICE, (errmsg("Pendo has a new field \"%s\" for %s", name.c_str(), pendo_object_name(state->table))));
  }
  state->fields_known = true;
}

PendoSending* sending_of(ModifyState* state) {
  if (!state->sending) {
    state->sending = pendo_open_sending(state->run);
    pendo_begin_progress(state->run, 0);
  }
  return state->sending;
}

// A row without a key comes from an outer join or a NULL in a full read.
std::string_view key_of(const ModifyState* state, TupleTableSlot* slot, TupleTableSlot* plan_slot) {
  bool isnull = false;
  Datum key = state->key_junk ? ExecGetJunkAttribute(plan_slot, state->key_junk, &isnull)
                              : slot_getattr(slot, state->table->key, &isnull);
  return isnull ? std::string_view() : pendo_key_text(key);
}

void read_values(ModifyState* state, TupleTableSlot* slot, pendo::Value* values) {
  for (int i = 0; i < list_length(state->attnos); ++i) {
    auto attno = static_cast<AttrNumber>(list_nth_int(state->attnos, i));
    bool isnull = false;
    Datum datum = slot_getattr(slot, attno, &isnull);
    values[i] = pendo_from_datum(pendo_column(state->table, attno), datum, isnull);
  }
}

// Where the old row comes out of a sort or a hash table, PostgreSQL unpacks it
// into memory that lasts as long as the statement (55 MB for a million rows of
// three columns). Whoever wants it is done with it when the next row comes.
void free_old_row(ModifyState* state, ResultRelInfo* rel, TupleTableSlot* plan_slot) {
  if (state->old_copy) pfree(state->old_copy);
  state->old_copy = nullptr;
  TupleTableSlot* old_slot = rel->ri_oldTupleSlot;
  if (!AttributeNumberIsValid(rel->ri_RowIdAttNo) || !old_slot || TTS_EMPTY(old_slot) || !TTS_IS_HEAPTUPLE(old_slot)) return;
  bool isnull = false;
  Datum packed = ExecGetJunkAttribute(plan_slot, rel->ri_RowIdAttNo, &isnull);
  auto* tuple = reinterpret_cast<HeapTupleTableSlot*>(old_slot)->tuple;
  if (isnull || !tuple || !VARATT_IS_EXTENDED(DatumGetPointer(packed))) return;
  state->old_copy = tuple->t_data;
}

// What is read of the row and encoded takes memory until the next one.
void write_row(ModifyState* state, TupleTableSlot* slot, TupleTableSlot* old_slot, TupleTableSlot* plan_slot) {
  MemoryContextReset(state->row_context);
  MemoryContext old = MemoryContextSwitchTo(state->row_context);
  std::string_view id = key_of(state, slot, plan_slot);
  read_values(state, slot, state->values);
  if (old_slot) read_values(state, old_slot, state->old_values);
  pendo_write_record(state, id, old_slot != nullptr);
  MemoryContextSwitchTo(old);
}

// INSERT into visitors or accounts is Pendo's upsert, where the table allows it.
ModifyState* open_insert(ModifyState* state, List* attnos) {
  if (state->table->object->write == pendo::WriteCall::kTrackEvent) {
    pendo_open_events(state);
    return state;
  }
  state->attnos = attnos;
  open_encoder(state, true);
  return state;
}

// Only the columns that are SET would be known as named.
[[noreturn]] void refuse_move(const PendoTable* table) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot move a row of another partition to %s", table->name),
                  errhint("INSERT it with the columns that shall be sent, and DELETE it where it was.")));
  pg_unreachable();
}

// Has the column a value though the statement does not name it? `targets`: of an
// INSERT's plan, where a view's DEFAULT is.
bool may_have_value(Form_pg_attribute column, List* targets) {
  if (column->attisdropped || column->attgenerated) return false;
  if (column->atthasdef || column->attidentity || get_typdefault(column->atttypid)) return true;
  ListCell* cell;
  foreach (cell, targets) {
    auto* entry = lfirst_node(TargetEntry, cell);
    if (entry->resno == column->attnum && !entry->resjunk) return !pendo_is_null_constant(reinterpret_cast<Node*>(entry->expr));
  }
  return false;
}

// The columns, as a COPY or an INSERT into a parent does not name them all, that
// may have a value: by their names, since a parent's columns may stand otherwise.
Bitmapset* columns_with_values(ResultRelInfo* rel, const Bitmapset* inserted, ModifyTable* plan) {
  Bitmapset* columns = bms_copy(inserted);
  ResultRelInfo* named = rel->ri_RootResultRelInfo ? rel->ri_RootResultRelInfo : rel;
  List* targets = plan && outerPlan(plan) ? outerPlan(plan)->targetlist : NIL;
  TupleDesc desc = RelationGetDescr(named->ri_RelationDesc);
  for (int i = 0; i < desc->natts; ++i) {
    Form_pg_attribute column = TupleDescAttr(desc, i);
    if (!may_have_value(column, targets)) continue;
    AttrNumber attno = get_attnum(RelationGetRelid(rel->ri_RelationDesc), NameStr(column->attname));
    columns = bms_add_member(columns, attno - FirstLowInvalidHeapAttributeNumber);
  }
  return columns;
}

// What the statement names is sent as it is, NULL too.
List* not_among(List* attnos, const Bitmapset* named) {
  List* others = NIL;
  ListCell* cell;
  foreach (cell, attnos) {
    if (!bms_is_member(lfirst_int(cell) - FirstLowInvalidHeapAttributeNumber, named)) others = lappend_int(others, lfirst_int(cell));
  }
  return others;
}

}  // namespace

void pendo_pass_on(ModifyState* state, uint8 kind, std::string_view id, std::string_view payload) {
  if (state->log) {
    if (kind == kLogRecord && pendo_is_for_outbox(state->run)) state->run->shards |= UINT64CONST(1) << pendo_outbox_place(id);
    pendo_spool_put(state->log, kind, id, payload);
  } else {
    pendo_send_one(state->run, sending_of(state), id, payload);
  }
}

void pendo_pass_on_invalid(ModifyState* state, std::string_view id, std::string_view values, std::string_view why) {
  if (state->log) {
    pendo_ledger_put(state->log, kPendoInvalid, id, values, why);
  } else {
    pendo_refuse_record(state->run, id, values, why);
  }
}

ModifyState* pendo_begin_update(Relation relation, Oid user, List* attnos) {
  ModifyState* state = new_state(relation, user);
  state->attnos = attnos;
  open_encoder(state, false);
  return state;
}

void pendo_write_record(ModifyState* state, std::string_view id, bool compare) {
  know_fields(state);
  pendo::RecordEncoder* encoder = state->encoder->get();
  switch (encoder->encode(id, state->values, compare ? state->old_values : nullptr)) {
    case pendo::RecordEncoder::Result::kEncoded:
      pendo_pass_on(state, kLogRecord, id, encoder->encoded());
      break;
    case pendo::RecordEncoder::Result::kNothing:
      ++state->run->unchanged;
      break;
    case pendo::RecordEncoder::Result::kInvalid:
      pendo_pass_on_invalid(state, id, encoder->tried(), encoder->why());
      break;
    case pendo::RecordEncoder::Result::kOutOfMemory:
      pendo_out_of_memory();
  }
}

void pendoBeginForeignModify(ModifyTableState* mtstate, ResultRelInfo* rel, List* fdw_private, int, int eflags) {
  if (eflags & EXEC_FLAG_EXPLAIN_ONLY) return;
  Oid user = static_cast<Oid>(intVal(list_nth(fdw_private, kModifyUser)));
  auto* attnos = static_cast<List*>(list_nth(fdw_private, kModifyColumns));
  if (mtstate->operation == CMD_INSERT) {
    rel->ri_FdwState = open_insert(new_state(rel->ri_RelationDesc, user), attnos);
    return;
  }
  ModifyState* state = pendo_begin_update(rel->ri_RelationDesc, user, attnos);
  rel->ri_FdwState = state;
  state->only_changes = intVal(list_nth(fdw_private, kModifyOnlyChanges)) != 0;
  Plan* subplan = outerPlanState(mtstate)->plan;
  Form_pg_attribute key = TupleDescAttr(RelationGetDescr(rel->ri_RelationDesc), state->table->key - 1);
  char* name = pendo_key_name(state->table, key->atttypid, key->atttypmod);
  state->key_junk = ExecFindJunkAttributeInTlist(subplan->targetlist, name);
  if (!AttributeNumberIsValid(state->key_junk)) elog(ERROR, "pendo_fdw: the key of the row to update is not there");
}

TupleTableSlot* pendoExecForeignUpdate(EState*, ResultRelInfo* rel, TupleTableSlot* slot, TupleTableSlot* plan_slot) {
  ModifyState* state = state_of(rel);
  free_old_row(state, rel, plan_slot);
  write_row(state, slot, state->only_changes ? rel->ri_oldTupleSlot : nullptr, plan_slot);
  return slot;
}

TupleTableSlot* pendoExecForeignInsert(EState*, ResultRelInfo* rel, TupleTableSlot* slot, TupleTableSlot* plan_slot) {
  ModifyState* state = state_of(rel);
  if (state->event_encoder) {
    pendo_write_event(state, slot);
  } else {
    write_row(state, slot, nullptr, plan_slot);
  }
  return slot;
}

void pendo_end_writing(ModifyState* state) {
  if (state->run->dry && state->table->options.delivery == Delivery::kStatement) {
    pendo_spool_put(state->log, kLogStatement, {}, {});
  }
  if (state->log_is_own) {
    pendo_send_log(state->run, state->log);
    pendo_spool_end(state->log);
  }
  if (state->sending) {
    pendo_close_sending(state->run, state->sending);
    pendo_end_progress();
  } else if (!state->log) {
    pendo_check_limits(state->run);
  }
}

void pendoEndForeignModify(EState*, ResultRelInfo* rel) {
  ModifyState* state = state_of(rel);
  if (!state) return;
  pendo_end_writing(state);
  rel->ri_FdwState = nullptr;
}

// COPY and rows routed to a partition come here instead of through a plan.
void pendoBeginForeignInsert(ModifyTableState* mtstate, ResultRelInfo* rel) {
  EState* estate = mtstate->ps.state;
  Oid user = GetUserId();
#if PG_VERSION_NUM >= 160000
  user = ExecGetResultRelCheckAsUser(rel, estate);
#else
  // a partition that rows are routed to has no entry of its own
  Index rti = rel->ri_RangeTableIndex ? rel->ri_RangeTableIndex : rel->ri_RootResultRelInfo->ri_RangeTableIndex;
  RangeTblEntry* rte = exec_rt_fetch(rti, estate);
  if (OidIsValid(rte->checkAsUser)) user = rte->checkAsUser;
#endif
  PendoTable* table = pendo_table(RelationGetRelid(rel->ri_RelationDesc), user);
  pendo_check_insert(table);
  auto* plan = reinterpret_cast<ModifyTable*>(mtstate->ps.plan);  // COPY has none
  if (plan && plan->onConflictAction != ONCONFLICT_NONE) pendo_refuse_on_conflict(table);
  ModifyState* state = new_state(rel->ri_RelationDesc, user);
  List* attnos = NIL;
  if (table->object->write == pendo::WriteCall::kBulkMetadata) {
    if (mtstate->operation == CMD_UPDATE) refuse_move(table);
    Bitmapset* named = ExecGetInsertedCols(rel, estate);
    attnos = pendo_inserted_columns(table, columns_with_values(rel, named, plan));
    state->unnamed = not_among(attnos, named);
  }
  rel->ri_FdwState = open_insert(state, attnos);
}

void pendoEndForeignInsert(EState* estate, ResultRelInfo* rel) { pendoEndForeignModify(estate, rel); }

void pendo_explain_records(const ModifyState* state, ExplainState* es) {
  if (!es->analyze || !state) return;
  if (state->log && !state->log_is_own) {
    const char* what = state->run->dry ? "Pendo Records Not Sent" : pendo_is_for_outbox(state->run) ? "Pendo Records For The Outbox" : "Pendo Records Until Commit";
    ExplainPropertyInteger(what, nullptr, pendo_log_count(state->run), es);
  } else if (!state->log) {
    ExplainPropertyInteger("Pendo Records", nullptr, pendo_total_outcome(state->run)->records, es);
  }
}

void pendo_explain_bulk_calls(const PendoTable* table, List* attnos, bool create, ExplainState* es) {
  List* groups = NIL;
  ListCell* cell;
  foreach (cell, attnos) {
    const PendoColumn* column = pendo_column(table, static_cast<AttrNumber>(lfirst_int(cell)));
    bool listed = false;
    ListCell* other;
    foreach (other, groups) listed = listed || strcmp(static_cast<char*>(lfirst(other)), column->group) == 0;
    if (!listed) groups = lappend(groups, const_cast<char*>(column->group));
  }
  List* calls = NIL;
  foreach (cell, groups) {
    calls = lappend(calls, psprintf("POST /api/v1/metadata/%.*s/%s/value%s, up to %d records each",
                                    static_cast<int>(table->object->kind.size()), table->object->kind.data(),
                                    static_cast<char*>(lfirst(cell)), create ? "?create=true" : "", table->options.call.batch_size));
  }
  ExplainPropertyList("Pendo calls", calls, es);
}

void pendoExplainForeignModify(ModifyTableState* mtstate, ResultRelInfo* rel, List* fdw_private, int, ExplainState* es) {
  pendo_explain_records(state_of(rel), es);
  if (!es->verbose) return;
  PendoTable* table = pendo_table(RelationGetRelid(rel->ri_RelationDesc), InvalidOid);
  if (table->object->write == pendo::WriteCall::kTrackEvent) {
    ExplainPropertyText("Pendo calls", "POST /data/track, one per event", es);
    return;
  }
  pendo_explain_bulk_calls(table, static_cast<List*>(list_nth(fdw_private, kModifyColumns)), mtstate->operation == CMD_INSERT, es);
}
