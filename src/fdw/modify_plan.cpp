// What may be written, decided while planning: nothing is sent by a statement
// that is refused.
#include "fdw/modify.h"
#include "fdw/modify_state.h"
#include "fdw/table.h"

namespace {

[[noreturn]] void refuse(const char* message, const char* hint) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s", message), errhint("%s", hint)));
  pg_unreachable();
}

void refuse_insert(const PendoTable* table) {
  if (table->object->read == pendo::ReadCall::kEventCounts) {
    refuse(psprintf("cannot insert into %s: it shows counts that Pendo keeps", table->name),
           "Send events by INSERT into a foreign table with object 'track_events'.");
  }
  refuse(psprintf("cannot insert into %s: Pendo's %s are updated only, by their id", table->name,
                  pnstrdup(table->object->name.data(), table->object->name.size())),
         psprintf("Pendo makes them when they are first seen. Use UPDATE %s SET ... FROM ... WHERE %s = ..., or set the option "
                  "create_missing 'true': then INSERT updates those that Pendo has and creates the others.",
                  table->name, table->key ? quote_identifier(pendo_column(table, table->key)->name) : "key"));
}

void need_key(const PendoTable* table, const char* what) {
  if (table->key) return;
  refuse(psprintf("cannot %s %s: it has no key column", what, table->name),
         psprintf("Add one: ALTER FOREIGN TABLE %s ADD COLUMN %s text;", table->name,
                  pnstrdup(table->object->key_column.data(), table->object->key_column.size())));
}

void refuse_delete(const PendoTable* table) {
  if (table->object->write == pendo::WriteCall::kTrackEvent) {
    refuse(psprintf("cannot delete from %s: an event that was sent cannot be taken back", table->name),
           "Track events are for INSERT only.");
  }
  refuse(psprintf("cannot delete from %s", table->name),
         "Deleting is left to Pendo's own interface. To empty a field, UPDATE it to NULL.");
}

void refuse_update_of_object(const PendoTable* table) {
  const char* hint = table->object->write == pendo::WriteCall::kTrackEvent ? "Track events are for INSERT only."
                                                                          : "It shows counts that Pendo keeps.";
  refuse(psprintf("cannot update %s", table->name), hint);
}

void check_column(const PendoTable* table, AttrNumber attno) {
  const PendoColumn* column = pendo_column(table, attno);
  if (!column->attno) return;  // generated: computed by PostgreSQL, not sent
  if (column->is_key) {
    refuse(psprintf("cannot update column \"%s\" of %s: it is the id", column->name, table->name),
           "Pendo's ids never change; SET agent_* and custom_* columns.");
  }
  bool writable = column->group && pendo::is_writable_group(*table->object, column->group);
  if (writable) return;
  refuse(psprintf("cannot update column \"%s\" of %s: it is read-only in Pendo", column->name, table->name),
         "Only fields of the groups agent and custom can be set; others belong to Pendo or to an integration.");
}

// Two columns of one field would be two values for it.
void check_path_is_new(const PendoTable* table, List* attnos, AttrNumber attno) {
  const PendoColumn* column = pendo_column(table, attno);
  ListCell* cell;
  foreach (cell, attnos) {
    const PendoColumn* other = pendo_column(table, static_cast<AttrNumber>(lfirst_int(cell)));
    if (strcmp(other->path, column->path) != 0) continue;
    refuse(psprintf("columns \"%s\" and \"%s\" of %s are the same field of Pendo", other->name, column->name, table->name),
           "SET one of them.");
  }
}

// Its changes to other columns would not be sent.
void refuse_before_trigger(const PendoTable* table, bool insert) {
  Relation relation = table_open(table->relid, NoLock);
  const TriggerDesc* triggers = relation->trigdesc;
  bool has_one = triggers && (insert ? triggers->trig_insert_before_row : triggers->trig_update_before_row);
  table_close(relation, NoLock);
  if (!has_one) return;
  refuse(psprintf(insert ? "cannot insert into %s: it has a BEFORE INSERT trigger for each row"
                         : "cannot update %s: it has a BEFORE UPDATE trigger for each row", table->name),
         "What such a trigger changes would not be sent. Compute the values in the statement itself.");
}

void check_updatable(const PendoTable* table) {
  if (table->options.updatable) return;
  refuse(psprintf("%s is not updatable", table->name), "The option updatable of the table or its server is false.");
}

// The attribute numbers among `columns` (offset as in a RangeTblEntry) that will be sent.
List* settable_columns(const PendoTable* table, const Bitmapset* columns) {
  List* attnos = NIL;
  int member = -1;
  while ((member = bms_next_member(columns, member)) >= 0) {
    auto attno = static_cast<AttrNumber>(member + FirstLowInvalidHeapAttributeNumber);
    if (attno <= 0) continue;
    check_column(table, attno);
    if (!pendo_column(table, attno)->attno) continue;
    check_path_is_new(table, attnos, attno);
    attnos = lappend_int(attnos, attno);
  }
  return attnos;
}

// EXISTS for a result relation that no scan mentions (INSERT).
Oid checked_user(PlannerInfo* root, Index relid) {
  RangeTblEntry* rte = planner_rt_fetch(relid, root);
#if PG_VERSION_NUM >= 160000
  if (rte->perminfoindex == 0) return InvalidOid;
  RTEPermissionInfo* info = getRTEPermissionInfo(root->parse->rteperminfos, rte);
  return info->checkAsUser;
#else
  return rte->checkAsUser;
#endif
}

const Bitmapset* inserted_columns(PlannerInfo* root, Index relid) {
  RangeTblEntry* rte = planner_rt_fetch(relid, root);
#if PG_VERSION_NUM >= 160000
  if (rte->perminfoindex == 0) return nullptr;
  return getRTEPermissionInfo(root->parse->rteperminfos, rte)->insertedCols;
#else
  return rte->insertedCols;
#endif
}

// The columns that the statement does not name, but the table's or a view's
// DEFAULT gives a value to.
Bitmapset* add_defaults(PlannerInfo* root, const Bitmapset* inserted) {
  Bitmapset* columns = bms_copy(inserted);
  ListCell* cell;
  foreach (cell, root->processed_tlist) {
    auto* entry = lfirst_node(TargetEntry, cell);
    if (entry->resjunk || pendo_is_null_constant(reinterpret_cast<Node*>(entry->expr))) continue;
    columns = bms_add_member(columns, entry->resno - FirstLowInvalidHeapAttributeNumber);
  }
  return columns;
}

List* plan_insert(PlannerInfo* root, Index relid, const ModifyTable* plan, const PendoTable* table) {
  pendo_check_insert(table);
  if (plan->onConflictAction != ONCONFLICT_NONE) pendo_refuse_on_conflict(table);
  if (table->object->write == pendo::WriteCall::kTrackEvent) return NIL;
  return pendo_inserted_columns(table, add_defaults(root, inserted_columns(root, relid)));
}

}  // namespace

void pendoAddForeignUpdateTargets(PlannerInfo* root, Index rtindex, RangeTblEntry*, Relation relation) {
  PendoTable* table = pendo_table(RelationGetRelid(relation), InvalidOid);
  if (!table->key) return;  // refused in pendoPlanForeignModify, with a hint
  Form_pg_attribute key = TupleDescAttr(RelationGetDescr(relation), table->key - 1);
  Var* var = makeVar(static_cast<int>(rtindex), table->key, key->atttypid, key->atttypmod, key->attcollation, 0);
  add_row_identity_var(root, var, rtindex, pendo_key_name(table, key->atttypid, key->atttypmod));
}

// Also asked for every table by information_schema, so it must not fail.
int pendoIsForeignRelUpdatable(Relation relation) {
  ForeignTable* foreign = GetForeignTable(RelationGetRelid(relation));
  const pendo::ObjectDescriptor* object = pendo_object_of(foreign);
  if (!object) return 0;
  ForeignServer* server = GetForeignServer(foreign->serverid);
  if (!pendo_is_updatable(foreign, server)) return 0;
  switch (object->write) {
    case pendo::WriteCall::kBulkMetadata: return (1 << CMD_UPDATE) | (pendo_creates_missing(foreign, server) ? 1 << CMD_INSERT : 0);
    case pendo::WriteCall::kTrackEvent: return 1 << CMD_INSERT;
    default: return 0;
  }
}

bool pendo_is_null_constant(const Node* node) {
  if (IsA(node, CoerceToDomain)) node = reinterpret_cast<const Node*>(reinterpret_cast<const CoerceToDomain*>(node)->arg);
  return IsA(node, Const) && reinterpret_cast<const Const*>(node)->constisnull;
}

PendoTable* pendo_table_to_write(PlannerInfo* root, Index relid) {
  return pendo_table(planner_rt_fetch(relid, root)->relid, checked_user(root, relid));
}

List* pendo_plan_update(PlannerInfo* root, Index relid, const PendoTable* table) {
  if (table->object->write != pendo::WriteCall::kBulkMetadata) refuse_update_of_object(table);
  need_key(table, "update");
  refuse_before_trigger(table, false);
  List* attnos = settable_columns(table, pendo_updated_columns(root, find_base_rel(root, static_cast<int>(relid))));
  check_updatable(table);
  // what waits in the outbox may differ from what Pendo has, and would be sent later
  if (pendo_compares_first(table->options) && table->options.delivery == Delivery::kOutbox) {
    refuse(psprintf("cannot update %s: only_changes does not go with delivery 'outbox'", table->name),
           "Pendo does not show yet what waits in the outbox. Compare with a local table instead, or use delivery 'commit'.");
  }
  return attnos;
}

List* pendoPlanForeignModify(PlannerInfo* root, ModifyTable* plan, Index relid, int) {
  PendoTable* table = pendo_table_to_write(root, relid);
  List* attnos = NIL;
  switch (plan->operation) {
    case CMD_UPDATE:
      attnos = pendo_plan_update(root, relid, table);
      break;
    case CMD_INSERT:
      attnos = plan_insert(root, relid, plan, table);
      break;
    case CMD_DELETE:
      refuse_delete(table);
      break;
    default:
      refuse(psprintf("%s does not take this statement", table->name), "UPDATE visitors and accounts, INSERT track events.");
  }
  check_updatable(table);
  bool compares = plan->operation == CMD_UPDATE && pendo_compares_first(table->options);
  return list_make3(attnos, makeInteger(static_cast<int>(checked_user(root, relid))), makeInteger(compares ? 1 : 0));
}

void pendo_check_insert(const PendoTable* table) {
  bool upsert = table->object->write == pendo::WriteCall::kBulkMetadata && table->options.create_missing;
  if (table->object->write != pendo::WriteCall::kTrackEvent && !upsert) refuse_insert(table);
  if (upsert) {
    need_key(table, "insert into");
    refuse_before_trigger(table, true);
  }
  check_updatable(table);
}

void pendo_refuse_on_conflict(const PendoTable* table) {
  refuse(psprintf("cannot use ON CONFLICT with %s", table->name),
         table->object->write == pendo::WriteCall::kTrackEvent ? "Pendo takes every event, also one that it has."
                                                               : "INSERT updates the records that Pendo has and creates the others.");
}

List* pendo_inserted_columns(const PendoTable* table, const Bitmapset* inserted) {
  int key = table->key - FirstLowInvalidHeapAttributeNumber;
  if (!bms_is_member(key, inserted)) {
    refuse(psprintf("cannot insert into %s without column \"%s\"", table->name, pendo_column(table, table->key)->name),
           "It is the id of the record. Name it among the columns of the INSERT.");
  }
  return settable_columns(table, bms_del_member(bms_copy(inserted), key));
}
