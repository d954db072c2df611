// Finding joins on the key and planning them.
#include "fdw/block_join.h"

#include <cmath>

#include "fdw/block_join_exec.h"

namespace {

// As in plan.cpp.
constexpr Cost kCallCost = 100;
constexpr Cost kRowCost = 0.05;
constexpr double kKeysPerCall = 500;

set_join_pathlist_hook_type previous_hook = nullptr;

// What a path's custom_private holds.
enum PathPrivateIndex {
  kPathInner,      // Integer: relid of the foreign table
  kPathKeyClause,  // RestrictInfo
  kPathQuals,      // List of RestrictInfos: all that has to hold besides
  kPathKeepsOuter, // Integer
};

bool is_ours(const RelOptInfo* rel) {
  return rel->reloptkind == RELOPT_BASEREL && rel->fdwroutine && rel->fdwroutine->GetForeignPaths == pendoGetForeignPaths &&
         rel->fdw_private;
}

// Plain columns only: a whole row or a placeholder would have to be computed
// from columns that are not there yet.
bool has_plain_columns(List* exprs, Index relid) {
  ListCell* cell;
  foreach (cell, pull_var_clause(reinterpret_cast<Node*>(exprs), PVC_RECURSE_AGGREGATES | PVC_INCLUDE_PLACEHOLDERS | PVC_RECURSE_WINDOWFUNCS)) {
    auto* node = static_cast<Node*>(lfirst(cell));
    if (!IsA(node, Var)) return false;
    auto* var = reinterpret_cast<Var*>(node);
    if (var->varno == static_cast<int>(relid) && var->varattno <= 0) return false;
  }
  return true;
}

// The same of conditions, whose columns are in no target where nothing above
// needs them.
bool has_plain_conditions(List* clauses, Index relid) {
  ListCell* cell;
  foreach (cell, clauses) {
    if (!has_plain_columns(list_make1(lfirst_node(RestrictInfo, cell)->clause), relid)) return false;
  }
  return true;
}

bool has_pseudoconstants(List* clauses) {
  ListCell* cell;
  foreach (cell, clauses) {
    if (lfirst_node(RestrictInfo, cell)->pseudoconstant) return true;
  }
  return false;
}

// key = expression of the other side
RestrictInfo* find_key_clause(const RelOptInfo* outer, const RelOptInfo* inner, AttrNumber key, PlannerInfo* root, List* clauses) {
  ListCell* cell;
  foreach (cell, clauses) {
    auto* info = lfirst_node(RestrictInfo, cell);
    Expr* expression = pendo_key_expression(inner, key, info);
    if (!expression) continue;
    Relids used = pull_varnos(root, reinterpret_cast<Node*>(expression));
    if (!bms_is_empty(used) && bms_is_subset(used, outer->relids)) return info;
  }
  return nullptr;
}

// The rows whose keys are asked for; nullptr: this kind of join is left alone.
Path* outer_path(PlannerInfo* root, RelOptInfo* outer, JoinType type, const JoinPathExtraData* extra) {
  Path* path = outer->cheapest_total_path;
  if (!path || path->param_info) return nullptr;
  if (type == JOIN_UNIQUE_OUTER) return reinterpret_cast<Path*>(create_unique_path(root, outer, path, extra->sjinfo));
  return type == JOIN_INNER || type == JOIN_LEFT ? path : nullptr;
}

bool may_join(PlannerInfo* root, const RelOptInfo* joined, const RelOptInfo* outer, const RelOptInfo* inner, const JoinPathExtraData* extra) {
  auto* state = static_cast<PendoRelState*>(inner->fdw_private);
  return state->table->key && state->table->object->read == pendo::ReadCall::kRecords && !state->partition_qual && !state->blind &&
         // row security orders conditions, which are one heap here
         root->qual_security_level == 0 && !root->rowMarks && static_cast<int>(inner->relid) != root->parse->resultRelation &&
         bms_is_empty(inner->lateral_relids) && bms_is_empty(outer->lateral_relids) && bms_is_empty(joined->lateral_relids) &&
         !has_pseudoconstants(extra->restrictlist) && !has_pseudoconstants(inner->baserestrictinfo) &&
         has_plain_columns(joined->reltarget->exprs, inner->relid) && has_plain_columns(inner->reltarget->exprs, inner->relid) &&
         has_plain_conditions(inner->baserestrictinfo, inner->relid) && has_plain_conditions(extra->restrictlist, inner->relid);
}

void set_costs(Path* path, const Path* outer, double rows) {
  double calls = ceil(Max(outer->rows, 1) / kKeysPerCall) + (outer->rows > 10 ? 1 : 0) + (outer->rows > 110 ? 1 : 0);
  path->rows = rows;
#if PG_VERSION_NUM >= 180000
  path->disabled_nodes = outer->disabled_nodes;
#endif
  path->startup_cost = outer->startup_cost + kCallCost;
  path->total_cost = outer->total_cost + kCallCost * calls + kRowCost * outer->rows;
}

Plan* plan_block_join(PlannerInfo* root, RelOptInfo* rel, CustomPath* path, List* tlist, List* clauses, List* custom_plans);

const CustomPathMethods kPathMethods = {"PendoBlockJoin", plan_block_join, nullptr};

void add_block_join(PlannerInfo* root, RelOptInfo* joined, RelOptInfo* outer, RelOptInfo* inner, JoinType type, JoinPathExtraData* extra) {
  auto* state = static_cast<PendoRelState*>(inner->fdw_private);
  RestrictInfo* key_clause = find_key_clause(outer, inner, state->table->key, root, extra->restrictlist);
  Path* child = key_clause ? outer_path(root, outer, type, extra) : nullptr;
  if (!child) return;
  List* quals = list_concat(list_delete_ptr(list_copy(extra->restrictlist), key_clause), list_copy(inner->baserestrictinfo));
  // what decides whether a row is kept is not what decides whether it matches
  if (type == JOIN_LEFT && quals) return;
  CustomPath* path = makeNode(CustomPath);
  path->path.pathtype = T_CustomScan;
  path->path.parent = joined;
  path->path.pathtarget = joined->reltarget;
  path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
  path->custom_paths = list_make1(child);
  path->custom_private = list_make4(makeInteger(static_cast<int>(inner->relid)), key_clause, quals, makeInteger(type == JOIN_LEFT ? 1 : 0));
#if PG_VERSION_NUM >= 170000
  path->custom_restrictinfo = extra->restrictlist;
#endif
  path->methods = &kPathMethods;
  // rows come in the order of the other side
  path->path.pathkeys = build_join_pathkeys(root, joined, type == JOIN_LEFT ? JOIN_LEFT : JOIN_INNER, child->pathkeys);
  set_costs(&path->path, child, joined->rows);
  add_path(joined, &path->path);
}

// Every join of every query of a session that has loaded us comes by here.
void join_hook(PlannerInfo* root, RelOptInfo* joined, RelOptInfo* outer, RelOptInfo* inner, JoinType type, JoinPathExtraData* extra) {
  if (previous_hook) previous_hook(root, joined, outer, inner, type, extra);
  if (is_ours(inner) && pendo_pushdown && may_join(root, joined, outer, inner, extra)) {
    add_block_join(root, joined, outer, inner, type, extra);
  }
}

// Columns of `relid` in `node`, each once, as they stand there: their nulling
// relations must be those of the join's own target.
List* add_columns(List* vars, Node* node, Index relid) {
  ListCell* cell;
  foreach (cell, pull_var_clause(node, PVC_RECURSE_AGGREGATES | PVC_RECURSE_PLACEHOLDERS | PVC_RECURSE_WINDOWFUNCS)) {
    auto* var = static_cast<Var*>(lfirst(cell));
    if (var->varno != static_cast<int>(relid)) continue;
    bool known = false;
    ListCell* other;
    foreach (other, vars) known = known || static_cast<Var*>(lfirst(other))->varattno == var->varattno;
    if (!known) vars = lappend(vars, var);
  }
  return vars;
}

CustomScanMethods scan_methods = {"PendoBlockJoin", pendo_block_join_state};

Plan* plan_block_join(PlannerInfo* root, RelOptInfo* rel, CustomPath* path, List* tlist, List*, List* custom_plans) {
  auto relid = static_cast<Index>(intVal(list_nth(path->custom_private, kPathInner)));
  auto* key_clause = static_cast<RestrictInfo*>(list_nth(path->custom_private, kPathKeyClause));
  RelOptInfo* inner = find_base_rel(root, static_cast<int>(relid));
  auto* state = static_cast<PendoRelState*>(inner->fdw_private);
  auto* child = static_cast<Plan*>(linitial(custom_plans));
  List* quals = extract_actual_clauses(static_cast<List*>(list_nth(path->custom_private, kPathQuals)), false);

  List* scan_tlist = NIL;
  ListCell* cell;
  foreach (cell, child->targetlist) {
    auto* entry = lfirst_node(TargetEntry, cell);
    scan_tlist = lappend(scan_tlist, makeTargetEntry(static_cast<Expr*>(copyObjectImpl(entry->expr)), static_cast<AttrNumber>(list_length(scan_tlist) + 1), nullptr, false));
  }
  int outer_columns = list_length(scan_tlist);
  // not of the target list, which may be empty here and set afterwards
  List* vars = add_columns(NIL, reinterpret_cast<Node*>(rel->reltarget->exprs), relid);
  vars = add_columns(vars, reinterpret_cast<Node*>(quals), relid);
  List* attnos = NIL;
  foreach (cell, vars) {
    auto* var = static_cast<Var*>(lfirst(cell));
    if (var->varattno <= 0) elog(ERROR, "pendo_fdw: a block join has no system columns");
    pendo_check_readable(state->table, var->varattno);
    attnos = lappend_int(attnos, var->varattno);
    scan_tlist = lappend(scan_tlist, makeTargetEntry(static_cast<Expr*>(copyObjectImpl(var)), static_cast<AttrNumber>(list_length(scan_tlist) + 1), nullptr, false));
  }

  CustomScan* scan = makeNode(CustomScan);
  scan->scan.plan.targetlist = tlist;
  scan->scan.plan.qual = quals;
  scan->scan.scanrelid = 0;
  scan->flags = path->flags;
  scan->custom_plans = custom_plans;
  scan->custom_exprs = list_make1(copyObjectImpl(pendo_key_expression(inner, state->table->key, key_clause)));
  scan->custom_scan_tlist = scan_tlist;
  scan->custom_private = list_make5(makeInteger(static_cast<int>(state->table->relid)), makeInteger(static_cast<int>(state->checked_user)),
                                    makeInteger(outer_columns), attnos, list_nth(path->custom_private, kPathKeepsOuter));
  scan->methods = &scan_methods;
  return &scan->scan.plan;
}

}  // namespace

void pendo_block_join_init() {
  RegisterCustomScanMethods(&scan_methods);
  previous_hook = set_join_pathlist_hook;
  set_join_pathlist_hook = join_hook;
}
