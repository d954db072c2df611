// Sizes, paths and plans. Planning never asks the network.
#include "fdw/plan.h"

namespace {

constexpr int kOffset = -FirstLowInvalidHeapAttributeNumber;

// Rough costs in the planner's unit: a call takes about as long as reading a
// hundred pages, a row about as long as a few local ones.
constexpr double kRowsUnknown = 10'000;
constexpr Cost kCallCost = 100;
constexpr Cost kRowCost = 0.05;

// Any other plan is better than reading everything for a keyed UPDATE, but it
// must stay: some semi-joins have no other.
constexpr Cost kLastResortCost = 1e13;
constexpr int kLastResortDisabled = 2;

// The keys that the restrictions name: 1, an array's estimated length, or 0.
int named_keys(PlannerInfo* root, const RelOptInfo* rel, AttrNumber key) {
  ListCell* cell;
  int count = 0;
  foreach (cell, rel->baserestrictinfo) {
    auto* info = lfirst_node(RestrictInfo, cell);
    if (pendo_key_expression(rel, key, info)) return 1;
    Expr* array = pendo_key_array(rel, key, info);
    if (array) count = static_cast<int>(pendo_array_length(root, reinterpret_cast<Node*>(array)));
  }
  return count;
}

bool has_key_restriction(const RelOptInfo* rel, AttrNumber key) {
  ListCell* cell;
  foreach (cell, rel->baserestrictinfo) {
    if (pendo_key_expression(rel, key, lfirst_node(RestrictInfo, cell))) return true;
  }
  return false;
}

// The path that looks one key up (or, blind, just yields it).
void add_key_path(PlannerInfo* root, RelOptInfo* rel, const PendoRelState* state, Relids outer, int keys) {
  Cost startup = state->blind ? 0 : kCallCost;
  Cost total = (state->blind ? 0.01 : kCallCost + kRowCost) * keys;
  auto* path = pendo_foreignscan_path(root, rel, keys, 0, startup, total, outer,
                                      list_make1(makeInteger(static_cast<int>(ScanMode::kLookup))));
  add_path(rel, reinterpret_cast<Path*>(path));
}

struct KeyMember {
  const RelOptInfo* rel;
  AttrNumber key;
};

bool is_key_member(PlannerInfo*, RelOptInfo* rel, EquivalenceClass*, EquivalenceMember* member, void* arg) {
  auto* wanted = static_cast<KeyMember*>(arg);
  Node* node = reinterpret_cast<Node*>(member->em_expr);
  while (node && IsA(node, RelabelType)) node = reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(node)->arg);
  if (!node || !IsA(node, Var)) return false;
  auto* var = reinterpret_cast<Var*>(node);
  return var->varno == static_cast<int>(rel->relid) && var->varattno == wanted->key;
}

// Joins on the key: one parameterized path for each set of other relations.
List* join_clauses_on_key(PlannerInfo* root, RelOptInfo* rel, AttrNumber key) {
  List* clauses = NIL;
  if (rel->has_eclass_joins) {
    KeyMember wanted = {rel, key};
    clauses = generate_implied_equalities_for_column(root, rel, is_key_member, &wanted, rel->lateral_referencers);
  }
  ListCell* cell;
  foreach (cell, rel->joininfo) {
    auto* info = lfirst_node(RestrictInfo, cell);
    if (join_clause_is_movable_to(info, rel)) clauses = lappend(clauses, info);
  }
  return clauses;
}

void add_join_paths(PlannerInfo* root, RelOptInfo* rel, const PendoRelState* state) {
  List* seen = NIL;
  ListCell* cell;
  foreach (cell, join_clauses_on_key(root, rel, state->table->key)) {
    auto* info = lfirst_node(RestrictInfo, cell);
    if (!pendo_key_expression(rel, state->table->key, info)) continue;
    Relids outer = bms_del_member(bms_copy(info->clause_relids), static_cast<int>(rel->relid));
#if PG_VERSION_NUM >= 160000
    outer = bms_intersect(outer, root->all_query_rels);
#endif
    outer = bms_union(outer, rel->lateral_relids);
    if (bms_is_empty(outer)) continue;
    bool known = false;
    ListCell* other;
    foreach (other, seen) known = known || bms_equal(static_cast<Relids>(lfirst(other)), outer);
    if (known) continue;
    seen = lappend(seen, outer);
    add_key_path(root, rel, state, outer, 1);
  }
}

void add_full_path(PlannerInfo* root, RelOptInfo* rel, bool last_resort) {
  Cost total = kCallCost + kRowCost * rel->tuples;
  int disabled = 0;
  if (last_resort) {
    total = kLastResortCost;
    disabled = kLastResortDisabled;
  }
  auto* path = pendo_foreignscan_path(root, rel, rel->rows, disabled, kCallCost, total, rel->lateral_relids,
                                      list_make1(makeInteger(static_cast<int>(ScanMode::kAll))));
  add_path(rel, reinterpret_cast<Path*>(path));
}

[[noreturn]] void refuse_generated(const PendoTable* table, const PendoColumn* column) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("column \"%s\" of %s is generated, and Pendo does not hold it", column->name, table->name),
                  errhint("Compute it in the query or in a view.")));
  pg_unreachable();
}

// The attribute numbers to bring; a whole-row reference means all of them.
List* columns_to_bring(const PendoTable* table, Bitmapset* needed) {
  List* columns = NIL;
  bool all = bms_is_member(0 + kOffset, needed);
  for (int i = 0; i < table->ncolumns; ++i) {
    AttrNumber attno = table->columns[i].attno;
    bool asked = bms_is_member(i + 1 + kOffset, needed);
    if (asked && table->columns[i].generated) refuse_generated(table, &table->columns[i]);
    if (attno && (all || asked)) columns = lappend_int(columns, attno);
  }
  return columns;
}

// Takes the key clause out of `clauses` (RestrictInfos); nullptr: there is none.
RestrictInfo* take_key_clause(const RelOptInfo* rel, AttrNumber key, List** clauses, bool many) {
  ListCell* cell;
  foreach (cell, *clauses) {
    auto* info = lfirst_node(RestrictInfo, cell);
    bool found = many ? pendo_key_array(rel, key, info) != nullptr : pendo_key_expression(rel, key, info) != nullptr;
    if (info->pseudoconstant || !found) continue;
    *clauses = list_delete_ptr(list_copy(*clauses), info);
    return info;
  }
  return nullptr;
}

// A table of Pendo's holds every row, so a partition must sort its own out.
void find_partition_qual(const RelOptInfo* rel, PendoRelState* state) {
  Relation relation = table_open(state->table->relid, NoLock);
  List* qual = relation->rd_rel->relispartition ? static_cast<List*>(copyObjectImpl(RelationGetPartitionQual(relation))) : NIL;
  table_close(relation, NoLock);
  ChangeVarNodes(reinterpret_cast<Node*>(qual), 1, static_cast<int>(rel->relid), 0);
  pull_varattnos(reinterpret_cast<Node*>(qual), rel->relid, &state->needed);
  state->partition_qual = qual;
}

void refuse_reading(const PendoTable* table, bool is_target) {
  if (table->object->read != pendo::ReadCall::kNone) return;
  if (is_target) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot update or delete in %s: an event that was sent cannot be changed", table->name),
                    errhint("Track events are for INSERT only.")));
  }
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s cannot be read: Pendo keeps no single events", table->name),
                  errhint("Pendo keeps counts per day; they are in a foreign table with object 'track_event_counts'.")));
}

}  // namespace

void pendoGetForeignRelSize(PlannerInfo* root, RelOptInfo* rel, Oid relid) {
  auto* state = static_cast<PendoRelState*>(palloc0(sizeof(PendoRelState)));
  state->checked_user = pendo_checked_user(root, rel);
  state->table = pendo_table(relid, state->checked_user);
  refuse_reading(state->table, static_cast<int>(rel->relid) == root->parse->resultRelation);
  pendo_find_needs(root, rel, state);
  find_partition_qual(rel, state);
  rel->fdw_private = state;
  if (rel->tuples <= 0) rel->tuples = kRowsUnknown;
  set_baserel_size_estimates(root, rel);
  int keys = named_keys(root, rel, state->table->key);
  if (keys > 0) rel->rows = keys;
}

void pendoGetForeignPaths(PlannerInfo* root, RelOptInfo* rel, Oid) {
  auto* state = static_cast<PendoRelState*>(rel->fdw_private);
  if (has_key_restriction(rel, state->table->key)) {
    add_key_path(root, rel, state, rel->lateral_relids, 1);
    return;
  }
  int keys = named_keys(root, rel, state->table->key);
  if (keys > 0) add_key_path(root, rel, state, rel->lateral_relids, keys);
  if (state->table->key) add_join_paths(root, rel, state);
  // a keyed UPDATE is blind wherever it can be; without any key it must read
  bool last_resort = state->blind && rel->pathlist != NIL;
  add_full_path(root, rel, last_resort);
}

ForeignScan* pendoGetForeignPlan(PlannerInfo*, RelOptInfo* rel, Oid, ForeignPath* path, List* tlist, List* clauses,
                                 Plan* outer) {
  auto* state = static_cast<PendoRelState*>(rel->fdw_private);
  auto mode = static_cast<ScanMode>(intVal(linitial(path->fdw_private)));
  List* exprs = NIL;
  List* recheck = NIL;
  bool many = false;
  if (mode == ScanMode::kLookup) {
    RestrictInfo* key_clause = take_key_clause(rel, state->table->key, &clauses, false);
    if (!key_clause) {
      many = true;
      key_clause = take_key_clause(rel, state->table->key, &clauses, true);
    }
    if (!key_clause) elog(ERROR, "pendo_fdw: the key clause of a lookup is gone");
    exprs = list_make1(many ? pendo_key_array(rel, state->table->key, key_clause)
                            : pendo_key_expression(rel, state->table->key, key_clause));
    // without it EvalPlanQual would keep rows that no longer match
    recheck = list_make1(key_clause->clause);
    if (state->blind) mode = ScanMode::kBlind;
  }
  const char* why_reads = state->why_reads;
  if (state->blind && mode == ScanMode::kAll) why_reads = "no condition names the ids";
  List* fdw_private = list_make5(makeInteger(static_cast<int>(mode)), columns_to_bring(state->table, state->needed),
                                 makeInteger(static_cast<int>(state->checked_user)),
                                 makeString(pstrdup(why_reads ? why_reads : "")), makeInteger(many ? 1 : 0));
  List* quals = list_concat(extract_actual_clauses(clauses, false), list_copy(state->partition_qual));
  return make_foreignscan(tlist, quals, rel->relid, exprs, fdw_private, NIL, recheck,
                          outer);
}
