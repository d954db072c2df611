// A count over one table whose conditions Pendo can check exactly is one call
// with one row back.
#include "fdw/upper.h"

#include "fdw/shippable.h"

extern "C" {
#include "utils/fmgroids.h"
}

namespace {

constexpr Cost kCountCost = 100;  // of one call, as in plan.cpp: never more than counting here

// What the plan of a count is made from.
struct CountState {
  PendoRelState* input;
  RelOptInfo* rel;
  List* aggregates;
};

// The key is never null; a constant says itself whether it is.
bool is_never_null(const Node* node, const RelOptInfo* rel, AttrNumber key) {
  if (IsA(node, Const)) return !reinterpret_cast<const Const*>(node)->constisnull;
  if (!IsA(node, Var)) return false;
  auto* var = reinterpret_cast<const Var*>(node);
  return var->varno == static_cast<int>(rel->relid) && var->varattno == key && var->varlevelsup == 0;
}

bool counts_rows(const Aggref* aggregate, const RelOptInfo* rel, AttrNumber key) {
  bool plain = !aggregate->aggfilter && !aggregate->aggdistinct && !aggregate->aggorder && aggregate->agglevelsup == 0;
  if (!plain) return false;
  if (aggregate->aggfnoid == F_COUNT_) return true;
  if (aggregate->aggfnoid != F_COUNT_ANY) return false;
  auto* argument = linitial_node(TargetEntry, aggregate->args);
  return is_never_null(reinterpret_cast<Node*>(argument->expr), rel, key);
}

// The counts of the target list; NIL: there is something else in it.
List* counts_of(List* exprs, const RelOptInfo* rel, AttrNumber key) {
  List* aggregates = NIL;
  ListCell* cell;
  foreach (cell, pull_var_clause(reinterpret_cast<Node*>(exprs), PVC_INCLUDE_AGGREGATES | PVC_RECURSE_PLACEHOLDERS)) {
    auto* node = static_cast<Node*>(lfirst(cell));
    if (!IsA(node, Aggref) || !counts_rows(reinterpret_cast<Aggref*>(node), rel, key)) return NIL;
    aggregates = list_append_unique(aggregates, node);
  }
  return aggregates;
}

bool is_plain_count(const Query* query) {
  return query->hasAggs && !query->groupClause && !query->groupingSets && !query->havingQual && !query->hasTargetSRFs;
}

bool is_ours(const RelOptInfo* rel) { return rel->reloptkind == RELOPT_BASEREL && rel->fdwroutine && rel->fdw_private; }

// Why not, in words for EXPLAIN; nullptr: every condition is exact.
const char* inexact_condition(const RelOptInfo* rel, const PendoRelState* state) {
  List* condition = NIL;
  List* values = NIL;
  if (!pendo_pushdown) return "pendo_fdw.pushdown is off";
  if (state->partition_qual) return "a partition has rows of others below it";
  if (pendo_ship_clauses(rel, state->table, rel->baserestrictinfo, &condition, &values) != Shippable::kExact) {
    return "a condition cannot be checked exactly in Pendo";
  }
  return nullptr;
}

}  // namespace

void pendoGetForeignUpperPaths(PlannerInfo* root, UpperRelationKind stage, RelOptInfo* input, RelOptInfo* output, void*) {
  bool fits = stage == UPPERREL_GROUP_AGG && is_ours(input) && !output->fdw_private && is_plain_count(root->parse) &&
              bms_is_empty(input->lateral_relids);
  if (!fits) return;
  auto* state = static_cast<PendoRelState*>(input->fdw_private);
  bool has_records = state->table->object->read == pendo::ReadCall::kRecords;
  PathTarget* target = root->upper_targets[UPPERREL_GROUP_AGG];
  List* aggregates = has_records ? counts_of(target->exprs, input, state->table->key) : NIL;
  if (!aggregates || pendo_has_key_condition(root, input, state->table->key)) return;
  state->why_counts_here = inexact_condition(input, state);
  if (state->why_counts_here) return;
  auto* count = static_cast<CountState*>(palloc0(sizeof(CountState)));
  *count = {state, input, aggregates};
  output->fdw_private = count;
  ForeignPath* path = pendo_upper_path(root, output, target, 1, kCountCost, kCountCost, NIL);
  add_path(output, reinterpret_cast<Path*>(path));
}

ForeignScan* pendo_count_plan(RelOptInfo* rel, ForeignPath*, List* tlist, Plan* outer) {
  auto* count = static_cast<CountState*>(rel->fdw_private);
  List* condition = NIL;
  List* values = NIL;
  pendo_ship_clauses(count->rel, count->input->table, count->rel->baserestrictinfo, &condition, &values);
  List* scan_tlist = add_to_flat_tlist(NIL, count->aggregates);
  // values that only the running query has may be too large for Pendo to be
  // exact: then the rows are counted here
  List* quals = static_cast<List*>(copyObjectImpl(extract_actual_clauses(count->rel->baserestrictinfo, false)));
  fix_opfuncids(reinterpret_cast<Node*>(quals));
  Bitmapset* needed = nullptr;
  pull_varattnos(reinterpret_cast<Node*>(quals), count->rel->relid, &needed);
  List* columns = pendo_columns_to_bring(count->input->table, needed);
  List* fdw_private = pendo_scan_private({ScanMode::kCount, count->input, columns, nullptr, false, condition, NIL, quals, 0});
  return make_foreignscan(tlist, NIL, 0, values, fdw_private, scan_tlist, NIL, outer);
}
