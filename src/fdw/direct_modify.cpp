// UPDATE ... SET ... WHERE visitor_id = $1, or = ANY($1): the scan that yields the
// ids writes too.
#include "fdw/direct_modify.h"

#include "fdw/datum.h"
#include "fdw/modify_state.h"
#include "fdw/plan.h"
#include "fdw/scan.h"

extern "C" {
#include "optimizer/appendinfo.h"
}

namespace {

// The list under kScanDirect. The SET expressions follow the key in fdw_exprs, in
// the order of the columns.
enum DirectPrivateIndex {
  kDirectColumns,  // integer List: attribute numbers that are SET
  kDirectUser,     // Integer: whose user mapping
  kDirectCounts,   // Integer: 1 where the statement's row count is of this
};

struct DirectState {
  ModifyState* writing;
  List* values;  // of ExprState, one for each column that is SET
  bool counts;
};

// ri_FdwState is free: nothing else of the executor's writing is called.
DirectState* state_of(ForeignScanState* node) { return static_cast<DirectState*>(node->resultRelInfo->ri_FdwState); }

List* direct_private(const ForeignScanState* node) {
  auto* plan = castNode(ForeignScan, node->ss.ps.plan);
  return static_cast<List*>(list_nth(plan->fdw_private, kScanDirect));
}

// The scan, if it alone knows which records there are and what is SET.
ForeignScan* scan_that_can_write(ModifyTable* plan, Index relid) {
  Plan* subplan = outerPlan(plan);
  if (plan->operation != CMD_UPDATE || plan->returningLists || !IsA(subplan, ForeignScan)) return nullptr;
  auto* scan = reinterpret_cast<ForeignScan*>(subplan);
  // SET (a, b) = (SELECT ...) is computed by the rows of the scan, which yields none
  if (contain_subplans(reinterpret_cast<Node*>(subplan->targetlist))) return nullptr;
  bool is_keyed = scan->scan.scanrelid == relid && static_cast<ScanMode>(intVal(list_nth(scan->fdw_private, kScanMode))) == ScanMode::kBlind;
  return is_keyed && !scan->scan.plan.qual ? scan : nullptr;
}

Expr* value_of(List* targets, List* target_attnos, int attno) {
  ListCell* target;
  ListCell* target_attno;
  forboth (target, targets, target_attno, target_attnos) {
    if (lfirst_int(target_attno) == attno) return lfirst_node(TargetEntry, target)->expr;
  }
  elog(ERROR, "pendo_fdw: column %d is not SET", attno);
  pg_unreachable();
}

List* values_of(PlannerInfo* root, Index relid, List* attnos) {
  List* targets = NIL;
  List* target_attnos = NIL;
  get_translated_update_targetlist(root, relid, &targets, &target_attnos);
  List* values = NIL;
  ListCell* cell;
  foreach (cell, attnos) values = lappend(values, value_of(targets, target_attnos, lfirst_int(cell)));
  return values;
}

// The id is in the slot, for a SET that names it.
void write_one(ForeignScanState* node, TupleTableSlot* slot) {
  DirectState* state = state_of(node);
  ModifyState* writing = state->writing;
  ExprContext* context = node->ss.ps.ps_ExprContext;
  slot->tts_tableOid = writing->table->relid;
  context->ecxt_scantuple = slot;
  MemoryContextReset(writing->row_context);
  MemoryContext old = MemoryContextSwitchTo(writing->row_context);
  for (int i = 0; i < list_length(state->values); ++i) {
    const PendoColumn* column = pendo_column(writing->table, static_cast<AttrNumber>(list_nth_int(writing->attnos, i)));
    bool isnull = false;
    Datum value = ExecEvalExpr(static_cast<ExprState*>(list_nth(state->values, i)), context, &isnull);
    writing->values[i] = pendo_from_datum(column, value, isnull);
  }
  bool isnull = false;
  pendo_write_record(writing, pendo_key_text(slot_getattr(slot, writing->table->key, &isnull)), false);
  MemoryContextSwitchTo(old);
  if (state->counts) ++node->ss.ps.state->es_processed;
  if (node->ss.ps.instrument) ++node->ss.ps.instrument->tuplecount;
}

}  // namespace

bool pendoPlanDirectModify(PlannerInfo* root, ModifyTable* plan, Index relid, int) {
  ForeignScan* scan = scan_that_can_write(plan, relid);
  if (!scan) return false;
  List* attnos = pendo_plan_update(root, relid, pendo_table_to_write(root, relid));
  if (!attnos) return false;
  List* direct = list_make3(attnos, list_nth(scan->fdw_private, kScanUser), makeInteger(plan->canSetTag ? 1 : 0));
  scan->fdw_private = lappend(scan->fdw_private, direct);
  scan->fdw_exprs = list_concat(scan->fdw_exprs, values_of(root, relid, attnos));
  scan->operation = CMD_UPDATE;
  scan->resultRelation = relid;
  return true;
}

void pendoBeginDirectModify(ForeignScanState* node, int eflags) {
  pendoBeginForeignScan(node, eflags);
  if (eflags & EXEC_FLAG_EXPLAIN_ONLY) return;
  List* direct = direct_private(node);
  auto* attnos = static_cast<List*>(list_nth(direct, kDirectColumns));
  auto* state = static_cast<DirectState*>(palloc0(sizeof(DirectState)));
  state->counts = intVal(list_nth(direct, kDirectCounts)) != 0;
  state->writing = pendo_begin_update(node->resultRelInfo->ri_RelationDesc, static_cast<Oid>(intVal(list_nth(direct, kDirectUser))), attnos);
  List* exprs = castNode(ForeignScan, node->ss.ps.plan)->fdw_exprs;
  state->values = ExecInitExprList(list_copy_tail(exprs, list_length(exprs) - list_length(attnos)), &node->ss.ps);
  node->resultRelInfo->ri_FdwState = state;
}

// Writes every record at the first call, and has no row to give.
TupleTableSlot* pendoIterateDirectModify(ForeignScanState* node) {
  for (;;) {
    TupleTableSlot* slot = pendoIterateForeignScan(node);
    if (TupIsNull(slot)) return slot;
    write_one(node, slot);
  }
}

void pendoEndDirectModify(ForeignScanState* node) {
  DirectState* state = state_of(node);
  if (state) pendo_end_writing(state->writing);
  pendoEndForeignScan(node);
}

void pendoExplainDirectModify(ForeignScanState* node, ExplainState* es) {
  pendoExplainForeignScan(node, es);
  DirectState* state = state_of(node);
  if (state) pendo_explain_records(state->writing, es);
  if (!es->verbose) return;
  PendoTable* table = pendo_table(RelationGetRelid(node->resultRelInfo->ri_RelationDesc), InvalidOid);
  pendo_explain_bulk_calls(table, static_cast<List*>(list_nth(direct_private(node), kDirectColumns)), false, es);
}
