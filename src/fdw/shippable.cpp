// The allow-list of clauses, one function per kind of expression.
#include "fdw/shippable.h"

#include "core/condition.h"
#include "core/pipeline.h"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_operator_d.h"
#include "utils/fmgroids.h"
#include "utils/typcache.h"
}

namespace {

constexpr Oid kStartsWithOperator = 3877;  // text ^@ text
constexpr Oid kPosixCollation = 951;       // has no name in the headers of 18

// What one clause is looked at with.
struct Shipping {
  const RelOptInfo* rel;
  const PendoTable* table;
  List* values;
};

struct Shipment {
  Shippable grade;
  List* condition;
};

constexpr Shipment kStaysLocal = {Shippable::kLocal, NIL};

Shipment ship(Shipping& shipping, Node* node, bool negate);

Node* strip_relabel(Node* node) {
  while (node && IsA(node, RelabelType)) node = reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(node)->arg);
  return node;
}

// The column that a node is, or nullptr.
const PendoColumn* column_of(const Shipping& shipping, Node* node) {
  node = strip_relabel(node);
  if (!node || !IsA(node, Var)) return nullptr;
  auto* var = reinterpret_cast<Var*>(node);
  bool ours = var->varno == static_cast<int>(shipping.rel->relid) && var->varlevelsup == 0 && var->varattno > 0;
  if (!ours) return nullptr;
  const PendoColumn* column = pendo_column(shipping.table, var->varattno);
  // a real is a rounded double: equal here is not equal there
  bool named = column->attno && pendo::is_plain_path(column->path);
  return named && column->type != FLOAT4OID ? column : nullptr;
}

// Known before the scan starts, and the same for each of its rows.
bool is_value(Node* node) {
  return !contain_var_clause(node) && !contain_volatile_functions(node) && !contain_subplans(node);
}

Shipment leaf(Shipping& shipping, QualKind kind, const PendoColumn* column, pendo::Comparison op, Node* value) {
  int index = -1;
  if (value) {
    index = list_length(shipping.values);
    shipping.values = lappend(shipping.values, value);
  }
  bool exact = column->strict && column->json_type != pendo::ColumnType::kJson &&
               (column->json_type != pendo::ColumnType::kText || !value) && column->json_type != pendo::ColumnType::kNumber;
  List* condition = list_make4_int(static_cast<int>(kind), column->attno, static_cast<int>(op), index);
  return {exact ? Shippable::kExact : Shippable::kSuperset, condition};
}

Shipment leaf(Shipping& shipping, QualKind kind, const PendoColumn* column) {
  return leaf(shipping, kind, column, pendo::Comparison::kEqual, nullptr);
}

bool is_time(Oid type) { return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID; }

bool is_integer(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

// Can a value of `other` be compared with the column in Pendo?
bool is_comparable(const PendoColumn* column, Oid own, Oid other) {
  switch (column->json_type) {
    case pendo::ColumnType::kText:
      return own == TEXTOID && other == TEXTOID;
    case pendo::ColumnType::kBool:
      return other == BOOLOID;
    case pendo::ColumnType::kInt:
      return is_integer(own) && is_integer(other);
    case pendo::ColumnType::kFloat:
      return own == FLOAT8OID && (other == FLOAT8OID || other == FLOAT4OID);
    case pendo::ColumnType::kNumber:
      return own == NUMERICOID && other == NUMERICOID;
    case pendo::ColumnType::kTime:
      return own == TIMESTAMPTZOID && is_time(other);
    default:
      return false;
  }
}

// By the operator's place in the type's default ordering, not by its name.
bool comparison_of(Oid opno, Oid type, pendo::Comparison* result) {
  Oid family = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
  Oid negator = InvalidOid;
  switch (get_op_opfamily_strategy(opno, family)) {
    case BTLessStrategyNumber: *result = pendo::Comparison::kLess; return true;
    case BTLessEqualStrategyNumber: *result = pendo::Comparison::kLessEqual; return true;
    case BTEqualStrategyNumber: *result = pendo::Comparison::kEqual; return true;
    case BTGreaterEqualStrategyNumber: *result = pendo::Comparison::kGreaterEqual; return true;
    case BTGreaterStrategyNumber: *result = pendo::Comparison::kGreater; return true;
    default: break;
  }
  negator = get_negator(opno);
  if (!OidIsValid(negator) || get_op_opfamily_strategy(negator, family) != BTEqualStrategyNumber) return false;
  *result = pendo::Comparison::kNotEqual;
  return true;
}

pendo::Comparison opposite(pendo::Comparison op) {
  switch (op) {
    case pendo::Comparison::kEqual: return pendo::Comparison::kNotEqual;
    case pendo::Comparison::kNotEqual: return pendo::Comparison::kEqual;
    case pendo::Comparison::kLess: return pendo::Comparison::kGreaterEqual;
    case pendo::Comparison::kLessEqual: return pendo::Comparison::kGreater;
    case pendo::Comparison::kGreater: return pendo::Comparison::kLessEqual;
    default: return pendo::Comparison::kLess;
  }
}

bool is_equality(pendo::Comparison op) { return op == pendo::Comparison::kEqual || op == pendo::Comparison::kNotEqual; }

// Pendo has no order of booleans. Text: equality means equal bytes in a deterministic collation, an order that
// of the bytes in few.
bool order_fits(const PendoColumn* column, pendo::Comparison op, Oid collation) {
  if (column->json_type == pendo::ColumnType::kBool) return is_equality(op);
  if (column->json_type != pendo::ColumnType::kText) return true;
  if (!OidIsValid(collation) || !get_collation_isdeterministic(collation)) return false;
  return is_equality(op) || pendo_collates_by_bytes(collation);
}

// column op value, either way round; nullptr: it is not that.
const PendoColumn* sides_of(const Shipping& shipping, const OpExpr* op, Oid* opno, Node** value) {
  if (list_length(op->args) != 2) return nullptr;
  auto* left = static_cast<Node*>(linitial(op->args));
  auto* right = static_cast<Node*>(lsecond(op->args));
  *opno = op->opno;
  *value = right;
  const PendoColumn* column = column_of(shipping, left);
  if (!column) {
    column = column_of(shipping, right);
    *opno = get_commutator(op->opno);
    *value = left;
  }
  return column && OidIsValid(*opno) && is_value(*value) ? column : nullptr;
}

bool comparison_fits(const PendoColumn* column, Oid opno, Oid collation, pendo::Comparison* op) {
  Oid own = InvalidOid;
  Oid other = InvalidOid;
  op_input_types(opno, &own, &other);
  return comparison_of(opno, column->type, op) && is_comparable(column, own, other) && order_fits(column, *op, collation);
}

bool is_pattern_operator(Oid opno) { return opno == OID_TEXT_LIKE_OP || opno == kStartsWithOperator; }

Shipment ship_pattern(Shipping& shipping, const OpExpr* op) {
  auto* value = static_cast<Node*>(lsecond(op->args));
  const PendoColumn* column = column_of(shipping, static_cast<Node*>(linitial(op->args)));
  bool fits = column && column->json_type == pendo::ColumnType::kText && is_value(value) &&
              order_fits(column, pendo::Comparison::kEqual, op->inputcollid);
  if (!fits) return kStaysLocal;
  QualKind kind = op->opno == OID_TEXT_LIKE_OP ? QualKind::kLike : QualKind::kStartsWith;
  return leaf(shipping, kind, column, pendo::Comparison::kEqual, value);
}

Shipment ship_operator(Shipping& shipping, const OpExpr* op, bool negate) {
  if (is_pattern_operator(op->opno)) return negate ? kStaysLocal : ship_pattern(shipping, op);
  Oid opno = InvalidOid;
  Node* value = nullptr;
  pendo::Comparison comparison = pendo::Comparison::kEqual;
  const PendoColumn* column = sides_of(shipping, op, &opno, &value);
  if (!column || !comparison_fits(column, opno, op->inputcollid, &comparison)) return kStaysLocal;
  return leaf(shipping, QualKind::kCompare, column, negate ? opposite(comparison) : comparison, value);
}

Shipment ship_distinct(Shipping& shipping, const DistinctExpr* op, bool negate) {
  Oid opno = InvalidOid;
  Node* value = nullptr;
  pendo::Comparison comparison = pendo::Comparison::kEqual;
  const PendoColumn* column = sides_of(shipping, op, &opno, &value);
  bool fits = column && comparison_fits(column, opno, op->inputcollid, &comparison) && comparison == pendo::Comparison::kEqual;
  if (!fits) return kStaysLocal;
  return leaf(shipping, negate ? QualKind::kNotDistinct : QualKind::kDistinct, column, comparison, value);
}

Shipment ship_array(Shipping& shipping, const ScalarArrayOpExpr* op, bool negate) {
  auto* value = static_cast<Node*>(lsecond(op->args));
  const PendoColumn* column = column_of(shipping, static_cast<Node*>(linitial(op->args)));
  pendo::Comparison comparison = pendo::Comparison::kEqual;
  bool fits = column && is_value(value) && comparison_fits(column, op->opno, op->inputcollid, &comparison);
  if (!fits) return kStaysLocal;
  bool any = op->useOr && comparison == pendo::Comparison::kEqual;
  bool none = !op->useOr && comparison == pendo::Comparison::kNotEqual;
  if (!any && !none) return kStaysLocal;
  return leaf(shipping, any != negate ? QualKind::kAnyOf : QualKind::kNoneOf, column, comparison, value);
}

Shipment ship_null_test(Shipping& shipping, const NullTest* test, bool negate) {
  const PendoColumn* column = column_of(shipping, reinterpret_cast<Node*>(test->arg));
  if (!column || test->argisrow) return kStaysLocal;
  bool is_null = (test->nulltesttype == IS_NULL) != negate;
  return leaf(shipping, is_null ? QualKind::kNull : QualKind::kNotNull, column);
}

// A boolean column as a condition: true, or false where negated.
Shipment ship_truth(Shipping& shipping, const PendoColumn* column, bool truth) {
  return leaf(shipping, QualKind::kCompare, column, pendo::Comparison::kEqual, makeBoolConst(truth, false));
}

Shipment ship_bool_test(Shipping& shipping, const BooleanTest* test, bool negate) {
  const PendoColumn* column = column_of(shipping, reinterpret_cast<Node*>(test->arg));
  if (!column || column->json_type != pendo::ColumnType::kBool) return kStaysLocal;
  switch (test->booltesttype) {
    case IS_TRUE: return negate ? leaf(shipping, QualKind::kNotTrue, column) : ship_truth(shipping, column, true);
    case IS_NOT_TRUE: return negate ? ship_truth(shipping, column, true) : leaf(shipping, QualKind::kNotTrue, column);
    case IS_FALSE: return negate ? leaf(shipping, QualKind::kNotFalse, column) : ship_truth(shipping, column, false);
    case IS_NOT_FALSE: return negate ? ship_truth(shipping, column, false) : leaf(shipping, QualKind::kNotFalse, column);
    case IS_UNKNOWN: return leaf(shipping, negate ? QualKind::kNotNull : QualKind::kNull, column);
    default: return leaf(shipping, negate ? QualKind::kNull : QualKind::kNotNull, column);
  }
}

// De Morgan holds with NULLs too. Of an AND, what can be sent is; of an OR, all or nothing.
Shipment ship_bool(Shipping& shipping, const BoolExpr* expr, bool negate) {
  if (expr->boolop == NOT_EXPR) return ship(shipping, static_cast<Node*>(linitial(expr->args)), !negate);
  bool is_and = (expr->boolop == AND_EXPR) != negate;
  int values_before = list_length(shipping.values);
  List* condition = list_make1(makeInteger(static_cast<int>(is_and ? QualKind::kAnd : QualKind::kOr)));
  Shippable grade = Shippable::kExact;
  ListCell* cell;
  foreach (cell, expr->args) {
    Shipment part = ship(shipping, static_cast<Node*>(lfirst(cell)), negate);
    if (part.grade == Shippable::kLocal && !is_and) {
      shipping.values = list_truncate(shipping.values, values_before);
      return kStaysLocal;
    }
    grade = Min(grade, part.grade == Shippable::kLocal ? Shippable::kSuperset : part.grade);
    if (part.condition) condition = lappend(condition, part.condition);
  }
  return list_length(condition) > 1 ? Shipment{grade, condition} : kStaysLocal;
}

Shipment ship_function(Shipping& shipping, const FuncExpr* call, bool negate) {
  if (call->funcid != F_STARTS_WITH || negate || list_length(call->args) != 2) return kStaysLocal;
  const PendoColumn* column = column_of(shipping, static_cast<Node*>(linitial(call->args)));
  auto* value = static_cast<Node*>(lsecond(call->args));
  bool fits = column && column->json_type == pendo::ColumnType::kText && is_value(value) &&
              order_fits(column, pendo::Comparison::kEqual, call->inputcollid);
  return fits ? leaf(shipping, QualKind::kStartsWith, column, pendo::Comparison::kEqual, value) : kStaysLocal;
}

Shipment ship(Shipping& shipping, Node* node, bool negate) {
  switch (nodeTag(node)) {
    case T_BoolExpr:
      return ship_bool(shipping, reinterpret_cast<BoolExpr*>(node), negate);
    case T_OpExpr:
      return ship_operator(shipping, reinterpret_cast<OpExpr*>(node), negate);
    case T_DistinctExpr:
      return ship_distinct(shipping, reinterpret_cast<DistinctExpr*>(node), negate);
    case T_ScalarArrayOpExpr:
      return ship_array(shipping, reinterpret_cast<ScalarArrayOpExpr*>(node), negate);
    case T_NullTest:
      return ship_null_test(shipping, reinterpret_cast<NullTest*>(node), negate);
    case T_BooleanTest:
      return ship_bool_test(shipping, reinterpret_cast<BooleanTest*>(node), negate);
    case T_FuncExpr:
      return ship_function(shipping, reinterpret_cast<FuncExpr*>(node), negate);
    case T_Var: {
      const PendoColumn* column = column_of(shipping, node);
      bool truth = column && column->json_type == pendo::ColumnType::kBool;
      return truth ? ship_truth(shipping, column, !negate) : kStaysLocal;
    }
    default:
      return kStaysLocal;
  }
}

bool is_c(const char* locale) { return strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0; }

bool database_collates_by_bytes() {
  HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
  if (!HeapTupleIsValid(tuple)) return false;
  char provider = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datlocprovider;
  bool isnull = true;
  Datum locale = SysCacheGetAttr(DATABASEOID, tuple, Anum_pg_database_datcollate, &isnull);
  bool by_bytes = !isnull && provider == COLLPROVIDER_LIBC && is_c(TextDatumGetCString(locale));
  ReleaseSysCache(tuple);
  return by_bytes;
}

}  // namespace

bool pendo_collates_by_bytes(Oid collation) {
  int encoding = GetDatabaseEncoding();
  // bytes of UTF-8, as in Pendo
  if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII) return false;
  if (collation == C_COLLATION_OID || collation == kPosixCollation) return true;
  return collation == DEFAULT_COLLATION_OID && database_collates_by_bytes();
}

Shippable pendo_ship_clause(const RelOptInfo* rel, const PendoTable* table, Expr* clause, List** condition, List** values) {
  Shipping shipping = {rel, table, list_copy(*values)};
  Shipment result = ship(shipping, reinterpret_cast<Node*>(clause), false);
  if (result.grade == Shippable::kLocal) return result.grade;
  *condition = result.condition;
  *values = shipping.values;
  return result.grade;
}

Shippable pendo_ship_clauses(const RelOptInfo* rel, const PendoTable* table, List* clauses, List** condition, List** values) {
  List* all = list_make1(makeInteger(static_cast<int>(QualKind::kAnd)));
  Shippable grade = Shippable::kExact;
  ListCell* cell;
  foreach (cell, clauses) {
    auto* info = lfirst_node(RestrictInfo, cell);
    List* one = NIL;
    // a clause without columns is checked once, by a node above the scan
    Shippable shippable = info->pseudoconstant ? Shippable::kLocal : pendo_ship_clause(rel, table, info->clause, &one, values);
    if (one) all = lappend(all, one);
    grade = Min(grade, shippable);
  }
  *condition = list_length(all) > 1 ? all : NIL;
  return grade;
}
