// An order is given to Pendo where both sides are known to agree: ids by their
// bytes, and numbers that doubles tell apart. Nulls get their place by a rank.
#include "fdw/order.h"

#include "core/pipeline.h"
#include "fdw/shippable.h"

extern "C" {
#include "utils/typcache.h"
}

namespace {

const PendoColumn* own_column(const RelOptInfo* rel, const PendoTable* table, const EquivalenceClass* ec) {
  ListCell* cell;
  foreach (cell, ec->ec_members) {
    auto* node = reinterpret_cast<Node*>(lfirst_node(EquivalenceMember, cell)->em_expr);
    while (node && IsA(node, RelabelType)) node = reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(node)->arg);
    if (!node || !IsA(node, Var)) continue;
    auto* var = reinterpret_cast<Var*>(node);
    bool ours = var->varno == static_cast<int>(rel->relid) && var->varlevelsup == 0 && var->varattno > 0;
    if (!ours) continue;
    const PendoColumn* column = pendo_column(table, var->varattno);
    if (column->attno && pendo::is_plain_path(column->path)) return column;
  }
  return nullptr;
}

bool has_default_order(const PendoColumn* column, const PathKey* key) {
  return lookup_type_cache(column->type, TYPECACHE_BTREE_OPFAMILY)->btree_opf == key->pk_opfamily;
}

bool is_ordered_key(const PendoColumn* column, const PathKey* key) {
  return column->is_key && has_default_order(column, key) && pendo_collates_by_bytes(key->pk_eclass->ec_collation);
}

// Not a bigint: Pendo's doubles would take different ones for equal.
bool is_ordered_number(const PendoColumn* column, const PathKey* key) {
  bool exact = column->type == TIMESTAMPTZOID || column->type == FLOAT8OID || column->type == INT4OID || column->type == INT2OID;
  return exact && column->strict && has_default_order(column, key);
}

}  // namespace

List* pendo_sort_order(PlannerInfo* root, RelOptInfo* rel, const PendoTable* table, List** pathkeys) {
  *pathkeys = NIL;
  if (!root->query_pathkeys || !table->key) return NIL;
  auto* first = linitial_node(PathKey, root->query_pathkeys);
  const PendoColumn* column = own_column(rel, table, first->pk_eclass);
  if (!column || !(is_ordered_key(column, first) || is_ordered_number(column, first))) return NIL;
  bool descending = pendo_is_descending(first);
  *pathkeys = list_make1(first);
  // not of floats: Pendo may tell large integers apart that are one double here
  if (!column->is_key && column->type != FLOAT8OID && list_length(root->query_pathkeys) > 1) {
    auto* second = lsecond_node(PathKey, root->query_pathkeys);
    const PendoColumn* tie = own_column(rel, table, second->pk_eclass);
    if (tie && is_ordered_key(tie, second) && !pendo_is_descending(second)) *pathkeys = lappend(*pathkeys, second);
  }
  return list_make3_int(column->attno, descending ? 1 : 0, first->pk_nulls_first ? 1 : 0);
}
