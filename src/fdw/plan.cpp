// Sizes, paths and plans. Planning never asks the network.
#include "fdw/plan.h"

#include <cmath>

#include "fdw/order.h"
#include "fdw/shippable.h"
#include "fdw/upper.h"

extern "C" {
#include "catalog/pg_opfamily_d.h"
}

bool pendo_pushdown = true;

namespace {

constexpr int kOffset = -FirstLowInvalidHeapAttributeNumber;

// Rough costs in the planner's unit: a call takes about as long as reading a
// hundred pages, a row about as long as a few local ones.
constexpr double kRowsUnknown = 10'000;
constexpr Cost kCallCost = 100;
constexpr Cost kRowCost = 0.05;
constexpr Cost kSortRowCost = 0.001;
constexpr double kKeysPerCall = 500;  // of core/scan.cpp

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

List* path_private(ScanMode mode, List* order) { return list_make2(makeInteger(static_cast<int>(mode)), order); }

// The path that looks one key up (or, blind, just yields it).
void add_key_path(PlannerInfo* root, RelOptInfo* rel, const PendoRelState* state, Relids outer, int keys) {
  Cost startup = state->blind ? 0 : kCallCost;
  Cost total = state->blind ? 0.01 * keys : kCallCost * ceil(keys / kKeysPerCall) + kRowCost * keys;
  auto* path = pendo_foreignscan_path(root, rel, keys, 0, startup, total, NIL, outer, path_private(ScanMode::kLookup, NIL));
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

// How many rows Pendo sends, as far as the planner can guess.
double rows_sent(PlannerInfo* root, RelOptInfo* rel, const PendoTable* table) {
  if (!pendo_pushdown) return rel->tuples;
  List* shipped = NIL;
  ListCell* cell;
  foreach (cell, rel->baserestrictinfo) {
    List* condition = NIL;
    List* values = NIL;
    auto* info = lfirst_node(RestrictInfo, cell);
    // many keys are asked for by a lookup, not by a filter
    if (pendo_key_array(rel, table->key, info)) continue;
    bool sent = !info->pseudoconstant && pendo_ship_clause(rel, table, info->clause, &condition, &values) != Shippable::kLocal;
    if (sent) shipped = lappend(shipped, info);
  }
  return clamp_row_est(rel->tuples * clauselist_selectivity(root, shipped, 0, JOIN_INNER, nullptr));
}

void add_full_path(PlannerInfo* root, RelOptInfo* rel, const PendoRelState* state, bool last_resort) {
  double sent = rows_sent(root, rel, state->table);
  Cost total = kCallCost + kRowCost * sent;
  int disabled = 0;
  if (last_resort) {
    total = kLastResortCost;
    disabled = kLastResortDisabled;
  }
  auto* path = pendo_foreignscan_path(root, rel, rel->rows, disabled, kCallCost, total, NIL, rel->lateral_relids,
                                      path_private(ScanMode::kAll, NIL));
  add_path(rel, reinterpret_cast<Path*>(path));
  List* pathkeys = NIL;
  List* order = pendo_pushdown && !last_resort ? pendo_sort_order(root, rel, state->table, &pathkeys) : NIL;
  if (!order) return;
  path = pendo_foreignscan_path(root, rel, rel->rows, disabled, kCallCost, total + kSortRowCost * sent, pathkeys,
                                rel->lateral_relids, path_private(ScanMode::kAll, order));
  add_path(rel, reinterpret_cast<Path*>(path));
}

[[noreturn]] void refuse_generated(const PendoTable* table, const PendoColumn* column) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("column \"%s\" of %s is generated, and Pendo does not hold it", column->name, table->name),
                  errhint("Compute it in the query or in a view.")));
  pg_unreachable();
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

// Ids are unique, which makes better plans of joins: the planner learns it from
// the list of indexes. Nothing can be scanned by this one.
void declare_key_unique(RelOptInfo* rel, const PendoTable* table) {
  if (!table->key || rel->reloptkind != RELOPT_BASEREL) return;
  Oid collation = pendo_column(table, table->key)->collation;
  if (!OidIsValid(collation) || !get_collation_isdeterministic(collation)) return;
  IndexOptInfo* index = makeNode(IndexOptInfo);
  index->rel = rel;
  index->pages = 1;
  index->tuples = rel->tuples;
  index->tree_height = -1;
  index->ncolumns = index->nkeycolumns = 1;
  index->indexkeys = static_cast<int*>(palloc(sizeof(int)));
  index->indexkeys[0] = table->key;
  index->indexcollations = static_cast<Oid*>(palloc(sizeof(Oid)));
  index->indexcollations[0] = collation;
  index->opfamily = static_cast<Oid*>(palloc(sizeof(Oid)));
  index->opfamily[0] = TEXT_BTREE_FAM_OID;
  index->opcintype = static_cast<Oid*>(palloc(sizeof(Oid)));
  index->opcintype[0] = TEXTOID;
  index->unique = index->immediate = index->hypothetical = true;
  rel->indexlist = lappend(rel->indexlist, index);
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

// How many rows a LIMIT above the scan lets it bring; 0: all, or not known.
int first_rows(PlannerInfo* root, RelOptInfo* rel, const ForeignPath* path, List* clauses, List* filter) {
  bool alone = bms_membership(root->all_baserels) == BMS_SINGLETON;
  bool sorted = pathkeys_contained_in(root->query_pathkeys, path->path.pathkeys);
  if (root->limit_tuples <= 0 || !alone || !sorted || rel->reloptkind != RELOPT_BASEREL) return 0;
  double rows = root->limit_tuples;
  bool drops_rows = list_length(clauses) > (filter ? list_length(filter) - 1 : 0);
  if (drops_rows) rows = Max(rows * 10, 1000);
  return rows < 1e6 ? static_cast<int>(rows) : 0;
}

}  // namespace

List* pendo_columns_to_bring(const PendoTable* table, Bitmapset* needed) {
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

List* pendo_scan_private(const ScanDecisions& decisions) {
  const PendoRelState* state = decisions.state;
  List* result = list_make5(makeInteger(static_cast<int>(decisions.mode)), makeInteger(static_cast<int>(state->table->relid)),
                            decisions.columns, makeInteger(static_cast<int>(state->checked_user)),
                            makeString(pstrdup(decisions.why_reads ? decisions.why_reads : "")));
  result = lappend(result, makeInteger(decisions.why_reads && decisions.why_reads == state->why_counts_here ? 1 : 0));
  result = lappend(result, makeInteger(decisions.many_keys ? 1 : 0));
  result = lappend(result, decisions.filter);
  result = lappend(result, decisions.order);
  result = lappend(result, decisions.count_quals);
  return lappend(result, makeInteger(decisions.first_rows));
}

void pendo_check_readable(const PendoTable* table, AttrNumber attno) {
  const PendoColumn* column = pendo_column(table, attno);
  if (column->generated) refuse_generated(table, column);
}

bool pendo_has_key_condition(PlannerInfo* root, const RelOptInfo* rel, AttrNumber key) {
  return named_keys(root, rel, key) > 0;
}

void pendoGetForeignRelSize(PlannerInfo* root, RelOptInfo* rel, Oid relid) {
  auto* state = static_cast<PendoRelState*>(palloc0(sizeof(PendoRelState)));
  state->checked_user = pendo_checked_user(root, rel);
  state->table = pendo_table(relid, state->checked_user);
  refuse_reading(state->table, static_cast<int>(rel->relid) == root->parse->resultRelation);
  pendo_find_needs(root, rel, state);
  find_partition_qual(rel, state);
  rel->fdw_private = state;
  if (rel->tuples <= 0) rel->tuples = kRowsUnknown;
  declare_key_unique(rel, state->table);
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
  add_full_path(root, rel, state, last_resort);
}

ForeignScan* pendoGetForeignPlan(PlannerInfo* root, RelOptInfo* rel, Oid, ForeignPath* path, List* tlist, List* clauses,
                                 Plan* outer) {
  if (rel->reloptkind == RELOPT_UPPER_REL) return pendo_count_plan(rel, path, tlist, outer);
  auto* state = static_cast<PendoRelState*>(rel->fdw_private);
  auto mode = static_cast<ScanMode>(intVal(linitial(path->fdw_private)));
  List* exprs = NIL;
  List* recheck = NIL;
  List* filter = NIL;
  bool many = false;
  int rows = 0;
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
  } else {
    // the window of counts comes from the conditions, whatever else is sent
    bool is_counts = state->table->object->read == pendo::ReadCall::kEventCounts;
    if (pendo_pushdown || is_counts) pendo_ship_clauses(rel, state->table, clauses, &filter, &exprs);
    rows = first_rows(root, rel, path, clauses, filter);
  }
  const char* why_reads = state->why_reads ? state->why_reads : state->why_counts_here;
  if (state->blind && mode == ScanMode::kAll) why_reads = "no condition names the ids";
  List* fdw_private = pendo_scan_private({mode, state, pendo_columns_to_bring(state->table, state->needed), why_reads, many, filter,
                                          static_cast<List*>(lsecond(path->fdw_private)), NIL, rows});
  List* quals = list_concat(extract_actual_clauses(clauses, false), list_copy(state->partition_qual));
  return make_foreignscan(tlist, quals, rel->relid, exprs, fdw_private, NIL, recheck, outer);
}
