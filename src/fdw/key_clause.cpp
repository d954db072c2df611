// Recognising `key = expression`.
#include "fdw/plan.h"

extern "C" {
#include "catalog/pg_operator_d.h"
#include "utils/fmgroids.h"
}

namespace {

const Node* strip_relabel(const Node* node) {
  while (node && IsA(node, RelabelType)) node = reinterpret_cast<const Node*>(reinterpret_cast<const RelabelType*>(node)->arg);
  return node;
}

bool is_key_var(const RelOptInfo* rel, AttrNumber key, const Node* node) {
  node = strip_relabel(node);
  if (!node || !IsA(node, Var)) return false;
  auto* var = reinterpret_cast<const Var*>(node);
  return var->varno == static_cast<int>(rel->relid) && var->varattno == key && var->varlevelsup == 0;
}

// `key = ANY(array)`, the array known before the scan starts.
Expr* array_of_keys(const RelOptInfo* rel, AttrNumber key, const ScalarArrayOpExpr* op) {
  bool equality = op->useOr && op->opno == TextEqualOperator;
  if (!equality || !OidIsValid(op->inputcollid) || !get_collation_isdeterministic(op->inputcollid)) return nullptr;
  auto* array = static_cast<Node*>(lsecond(op->args));
  bool known = !contain_var_clause(array) && !contain_volatile_functions(array) && !contain_subplans(array);
  return known && is_key_var(rel, key, static_cast<Node*>(linitial(op->args))) ? reinterpret_cast<Expr*>(array) : nullptr;
}

}  // namespace

Expr* pendo_key_array(const RelOptInfo* rel, AttrNumber key, const RestrictInfo* clause) {
  if (!key || !IsA(clause->clause, ScalarArrayOpExpr)) return nullptr;
  return array_of_keys(rel, key, reinterpret_cast<ScalarArrayOpExpr*>(clause->clause));
}

Expr* pendo_key_expression(const RelOptInfo* rel, AttrNumber key, const RestrictInfo* clause) {
  if (!key || !IsA(clause->clause, OpExpr)) return nullptr;
  auto* op = reinterpret_cast<OpExpr*>(clause->clause);
  // by oid: an operator of the same name may mean anything
  if (op->opno != TextEqualOperator || list_length(op->args) != 2) return nullptr;
  // "equal" must mean the same bytes, as it does in Pendo
  if (!OidIsValid(op->inputcollid) || !get_collation_isdeterministic(op->inputcollid)) return nullptr;
  auto* left = static_cast<Node*>(linitial(op->args));
  auto* right = static_cast<Node*>(lsecond(op->args));
  Node* other = is_key_var(rel, key, left) ? right : is_key_var(rel, key, right) ? left : nullptr;
  if (!other || contain_volatile_functions(other)) return nullptr;
  Bitmapset* own = nullptr;
  pull_varattnos(other, rel->relid, &own);
  return bms_is_empty(own) ? reinterpret_cast<Expr*>(other) : nullptr;
}
