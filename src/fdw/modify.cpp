// Executing writes, delivery 'statement': records leave while the statement
// runs, the last ones when it ends.
#include "fdw/modify.h"

#include "bridge/open.h"
#include "fdw/datum.h"
#include "fdw/modify_state.h"
#include "fdw/session.h"
#include "fdw/warn.h"

namespace {

ModifyState* state_of(ResultRelInfo* rel) { return static_cast<ModifyState*>(rel->ri_FdwState); }

ModifyState* new_state(ResultRelInfo* rel, Oid user) {
  auto* state = static_cast<ModifyState*>(palloc0(sizeof(ModifyState)));
  state->table = pendo_table(RelationGetRelid(rel->ri_RelationDesc), user);
  state->row_context = AllocSetContextCreate(CurrentMemoryContext, "pendo_fdw row", ALLOCSET_DEFAULT_SIZES);
  rel->ri_FdwState = state;
  return state;
}

PendoClientRef* client_of(const PendoTable* table) {
  return pendo_session_client(table->server, table->user, table->options);
}

void open_update(ModifyState* state) {
  int count = list_length(state->attnos);
  auto* fields = static_cast<pendo::BulkField*>(palloc0(sizeof(pendo::BulkField) * static_cast<Size>(count + 1)));
  for (int i = 0; i < count; ++i) {
    const PendoColumn* column = pendo_column(state->table, static_cast<AttrNumber>(list_nth_int(state->attnos, i)));
    fields[i] = {column->group, column->field};
  }
  state->values = static_cast<pendo::Value*>(palloc0(sizeof(pendo::Value) * static_cast<Size>(count + 1)));
  state->update = pendo_box<pendo::BulkUpdate>(CurrentMemoryContext);
  pendo_open_update(state->update, client_of(state->table), state->table->object, fields, count, state->table->options.call);
}

void open_sender(ModifyState* state) {
  state->sender = pendo_box<pendo::EventSender>(CurrentMemoryContext);
  pendo_open_sender(state->sender, client_of(state->table), state->table->options.call);
}

// A row without a key comes from an outer join or a NULL in a full read.
std::string_view key_of(const ModifyState* state, TupleTableSlot* plan_slot) {
  bool isnull = false;
  Datum key = ExecGetJunkAttribute(plan_slot, state->key_junk, &isnull);
  return isnull ? std::string_view() : pendo_key_text(key);
}

void read_values(ModifyState* state, TupleTableSlot* slot) {
  for (int i = 0; i < list_length(state->attnos); ++i) {
    auto attno = static_cast<AttrNumber>(list_nth_int(state->attnos, i));
    bool isnull = false;
    Datum datum = slot_getattr(slot, attno, &isnull);
    state->values[i] = pendo_from_datum(pendo_column(state->table, attno), datum, isnull);
  }
}

// The value of the column with that path, NULL when the table has none.
pendo::Value value_at(const ModifyState* state, TupleTableSlot* slot, const char* path) {
  const PendoColumn* column = pendo_find_path(state->table, path);
  if (!column) return pendo::Value::null();
  bool isnull = false;
  Datum datum = slot_getattr(slot, column->attno, &isnull);
  return pendo_from_datum(column, datum, isnull);
}

void refuse_unless_null(const ModifyState* state, TupleTableSlot* slot, const char* path, const char* hint) {
  if (value_at(state, slot, path).kind == pendo::ValueKind::kNull) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("column \"%s\" of %s must be NULL in this version", pendo_find_path(state->table, path)->name, state->table->name),
                  errhint("%s", hint)));
}

pendo::TrackEvent read_event(const ModifyState* state, TupleTableSlot* slot) {
  refuse_unless_null(state, slot, "eventKey", "Keys that make events idempotent need delivery 'outbox'.");
  refuse_unless_null(state, slot, "app", "The app of an event is the one whose track_secret the user mapping has.");
  pendo::TrackEvent event;
  event.visitor_id = value_at(state, slot, "visitorId");
  event.account_id = value_at(state, slot, "accountId");
  event.event = value_at(state, slot, "event");
  event.occurred_at = value_at(state, slot, "timestamp");
  event.properties = value_at(state, slot, "properties");
  event.ip = value_at(state, slot, "context.ip");
  event.user_agent = value_at(state, slot, "context.userAgent");
  event.url = value_at(state, slot, "context.url");
  event.title = value_at(state, slot, "context.title");
  if (event.occurred_at.kind == pendo::ValueKind::kNull) {
    constexpr int64 kEpochShiftUs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    event.occurred_at = pendo::Value::of_time(GetCurrentTransactionStartTimestamp() + kEpochShiftUs);
  }
  return event;
}

void finish_update(ModifyState* state) {
  pendo::BulkUpdate* update = state->update->get();
  pendo_drive(update, [=]() { return update->finish(); });
  const char* what = pnstrdup(state->table->object->name.data(), state->table->object->name.size());
  pendo_warn(state->table, update->outcome(), what);
  state->update->object.reset();
}

void finish_sender(ModifyState* state) {
  pendo::EventSender* sender = state->sender->get();
  pendo_drive(sender, [=]() { return sender->finish(); });
  pendo_warn(state->table, sender->outcome(), "track events");
  state->sender->object.reset();
}

}  // namespace

void pendoBeginForeignModify(ModifyTableState* mtstate, ResultRelInfo* rel, List* fdw_private, int, int eflags) {
  if (eflags & EXEC_FLAG_EXPLAIN_ONLY) return;
  ModifyState* state = new_state(rel, static_cast<Oid>(intVal(list_nth(fdw_private, kModifyUser))));
  if (mtstate->operation == CMD_INSERT) {
    open_sender(state);
    return;
  }
  state->attnos = static_cast<List*>(list_nth(fdw_private, kModifyColumns));
  Plan* subplan = outerPlanState(mtstate)->plan;
  Form_pg_attribute key = TupleDescAttr(RelationGetDescr(rel->ri_RelationDesc), state->table->key - 1);
  char* name = pendo_key_name(state->table, key->atttypid, key->atttypmod);
  state->key_junk = ExecFindJunkAttributeInTlist(subplan->targetlist, name);
  if (!AttributeNumberIsValid(state->key_junk)) elog(ERROR, "pendo_fdw: the key of the row to update is not there");
  open_update(state);
}

TupleTableSlot* pendoExecForeignUpdate(EState*, ResultRelInfo* rel, TupleTableSlot* slot, TupleTableSlot* plan_slot) {
  ModifyState* state = state_of(rel);
  MemoryContextReset(state->row_context);
  MemoryContext old = MemoryContextSwitchTo(state->row_context);
  std::string_view key = key_of(state, plan_slot);
  read_values(state, slot);
  pendo::BulkUpdate* update = state->update->get();
  pendo::Value* values = state->values;
  pendo_drive(update, [=]() { return update->add(key, values); });
  MemoryContextSwitchTo(old);
  return slot;
}

TupleTableSlot* pendoExecForeignInsert(EState*, ResultRelInfo* rel, TupleTableSlot* slot, TupleTableSlot*) {
  ModifyState* state = state_of(rel);
  MemoryContextReset(state->row_context);
  MemoryContext old = MemoryContextSwitchTo(state->row_context);
  pendo::TrackEvent event = read_event(state, slot);
  pendo::EventSender* sender = state->sender->get();
  pendo_drive(sender, [&event, sender]() { return sender->add(event); });
  MemoryContextSwitchTo(old);
  return slot;
}

void pendoEndForeignModify(EState*, ResultRelInfo* rel) {
  ModifyState* state = state_of(rel);
  if (!state) return;
  if (state->update && state->update->get()) finish_update(state);
  if (state->sender && state->sender->get()) finish_sender(state);
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
  ModifyState* state = new_state(rel, user);
  if (state->table->object->write != pendo::WriteCall::kTrackEvent || !state->table->options.updatable) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot insert into %s", state->table->name),
                    errhint("Only track events can be inserted; visitors and accounts are updated by their id.")));
  }
  open_sender(state);
}

void pendoEndForeignInsert(EState* estate, ResultRelInfo* rel) { pendoEndForeignModify(estate, rel); }

void pendoExplainForeignModify(ModifyTableState* mtstate, ResultRelInfo* rel, List* fdw_private, int, ExplainState* es) {
  if (!es->verbose) return;
  PendoTable* table = pendo_table(RelationGetRelid(rel->ri_RelationDesc), InvalidOid);
  if (mtstate->operation == CMD_INSERT) {
    ExplainPropertyText("Pendo calls", "POST /data/track, one per event", es);
    return;
  }
  List* groups = NIL;
  ListCell* cell;
  foreach (cell, static_cast<List*>(list_nth(fdw_private, kModifyColumns))) {
    const PendoColumn* column = pendo_column(table, static_cast<AttrNumber>(lfirst_int(cell)));
    bool listed = false;
    ListCell* other;
    foreach (other, groups) listed = listed || strcmp(static_cast<char*>(lfirst(other)), column->group) == 0;
    if (!listed) groups = lappend(groups, const_cast<char*>(column->group));
  }
  List* calls = NIL;
  foreach (cell, groups) {
    calls = lappend(calls, psprintf("POST /api/v1/metadata/%.*s/%s/value, up to %d records each",
                                 static_cast<int>(table->object->kind.size()), table->object->kind.data(),
                                    static_cast<char*>(lfirst(cell)), table->options.call.batch_size));
  }
  ExplainPropertyList("Pendo calls", calls, es);
}
