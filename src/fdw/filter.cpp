// From plan trees and Datums to Conditions.
#include "fdw/filter.h"

#include "fdw/datum.h"
#include "fdw/shippable.h"

extern "C" {
#include "utils/date.h"
}

namespace {

struct Values {
  const PendoTable* table;
  List* exprs;
  List* states;
  ExprContext* context;
  bool explain;
};

// Does it need what EXPLAIN has not?
bool is_unknown(Node* node, void* context) {
  if (!node) return false;
  if (!IsA(node, Param)) return pendo_walk_expression(node, is_unknown, context);
  bool given = reinterpret_cast<Param*>(node)->paramkind == PARAM_EXTERN && static_cast<ExprContext*>(context)->ecxt_param_list_info;
  return !given;
}

// A value of which only its place is known.
pendo::Value symbol(const Node* expr) {
  if (!IsA(expr, Param)) return pendo::Value::symbol("$?");
  return pendo::Value::symbol(psprintf("$%d", reinterpret_cast<const Param*>(expr)->paramid));
}

// What lies beyond the range of a timestamptz is an infinity for comparing.
TimestampTz as_timestamptz(Oid type, Datum datum) {
  int overflow = 0;
  TimestampTz time = type == DATEOID        ? date2timestamptz_opt_overflow(DatumGetDateADT(datum), &overflow)
                     : type == TIMESTAMPOID ? timestamp2timestamptz_opt_overflow(DatumGetTimestamp(datum), &overflow)
                                            : DatumGetTimestampTz(datum);
  return overflow > 0 ? DT_NOEND : overflow < 0 ? DT_NOBEGIN : time;
}

pendo::Value time_value(Oid type, Datum datum) {
  TimestampTz time = as_timestamptz(type, datum);
  if (TIMESTAMP_IS_NOBEGIN(time)) return pendo::Value::of_time(pendo::kTimeMinusInfinity);
  if (TIMESTAMP_IS_NOEND(time)) return pendo::Value::of_time(pendo::kTimeInfinity);
  return pendo::Value::of_time(pendo_unix_time(time));
}

pendo::Value integer_value(Oid type, Datum datum) {
  switch (type) {
    case INT2OID: return pendo::Value::of_int(DatumGetInt16(datum));
    case INT4OID: return pendo::Value::of_int(DatumGetInt32(datum));
    default: return pendo::Value::of_int(DatumGetInt64(datum));
  }
}

pendo::Value value_of(const PendoColumn* column, Oid type, Datum datum, bool isnull) {
  if (isnull) return pendo::Value::null();
  switch (column->json_type) {
    case pendo::ColumnType::kText:
      return pendo::Value::of_text(pendo_key_text(datum));
    case pendo::ColumnType::kBool:
      return pendo::Value::of_bool(DatumGetBool(datum));
    case pendo::ColumnType::kInt:
      return integer_value(type, datum);
    case pendo::ColumnType::kFloat:
      return pendo::Value::of_float(type == FLOAT4OID ? DatumGetFloat4(datum) : DatumGetFloat8(datum));
    case pendo::ColumnType::kNumber:
      return pendo::Value::of_number(DatumGetCString(DirectFunctionCall1(numeric_out, datum)));
    case pendo::ColumnType::kTime:
      return time_value(type, datum);
    default:
      return pendo::Value::bad("it cannot be compared");
  }
}

pendo::Condition* new_conditions(int count) {
  auto* conditions = static_cast<pendo::Condition*>(palloc0(sizeof(pendo::Condition) * static_cast<Size>(Max(count, 1))));
  for (int i = 0; i < count; ++i) conditions[i] = pendo::Condition{};
  return conditions;
}

pendo::Value* new_values(int count) {
  auto* values = static_cast<pendo::Value*>(palloc0(sizeof(pendo::Value) * static_cast<Size>(Max(count, 1))));
  for (int i = 0; i < count; ++i) values[i] = pendo::Value{};
  return values;
}

pendo::FilterField field_of(const PendoTable* table, const PendoColumn* column) {
  bool bad_may_be_null = table->options.on_bad_value == BadValue::kNull || table->options.null_as == pendo::NullAs::kEmpty;
  return {column->path, column->json_type, column->strict, bad_may_be_null, column->in_rows};
}

Datum evaluate(const Values& values, int index, bool* isnull) {
  return ExecEvalExpr(static_cast<ExprState*>(list_nth(values.states, index)), values.context, isnull);
}

void set_array(pendo::Condition* result, const PendoColumn* column, Datum datum) {
  ArrayType* array = DatumGetArrayTypeP(datum);
  Oid type = ARR_ELEMTYPE(array);
  int16 length = 0;
  bool by_value = false;
  char align = 0;
  get_typlenbyvalalign(type, &length, &by_value, &align);
  Datum* elements = nullptr;
  bool* nulls = nullptr;
  int count = 0;
  deconstruct_array(array, type, length, by_value, align, &elements, &nulls, &count);
  pendo::Value* values = new_values(count);
  for (int i = 0; i < count; ++i) values[i] = value_of(column, type, elements[i], nulls[i]);
  result->values = values;
  result->value_count = count;
}

void set_value(pendo::Condition* result, pendo::Value value) {
  pendo::Value* values = new_values(1);
  values[0] = value;
  result->values = values;
  result->value_count = 1;
}

// PostgreSQL has an error for it, which a filter must not hide.
bool ends_in_escape(std::string_view pattern) {
  size_t backslashes = 0;
  while (backslashes < pattern.size() && pattern[pattern.size() - 1 - backslashes] == '\\') ++backslashes;
  return backslashes % 2 != 0;
}

// The text of a LIKE pattern from `from` up to the next wildcard, unescaped.
// Returns where it ends.
size_t literal_run(std::string_view pattern, size_t from, char* out, size_t* length) {
  *length = 0;
  while (from < pattern.size() && pattern[from] != '%' && pattern[from] != '_') {
    if (pattern[from] == '\\' && ++from >= pattern.size()) break;
    out[(*length)++] = pattern[from++];
  }
  return from;
}

// LIKE: the text before the first wildcard, or the longest piece between two.
void set_pattern(pendo::Condition* result, std::string_view pattern) {
  char* text = static_cast<char*>(palloc(pattern.size() + 1));
  size_t length = 0;
  if (ends_in_escape(pattern)) {
    result->kind = pendo::ConditionKind::kAnything;
    return;
  }
  size_t at = literal_run(pattern, 0, text, &length);
  if (at >= pattern.size()) {
    result->kind = pendo::ConditionKind::kCompare;
    set_value(result, pendo::Value::of_text({text, length}));
    return;
  }
  result->kind = pendo::ConditionKind::kStartsWith;
  while (length == 0 && at < pattern.size()) {
    result->kind = pendo::ConditionKind::kContains;
    at = literal_run(pattern, at + 1, text, &length);
  }
  if (length == 0) result->kind = pendo::ConditionKind::kNotNull;  // % and the like
  set_value(result, pendo::Value::of_text({text, length}));
}

pendo::ConditionKind kind_of(QualKind kind) {
  switch (kind) {
    case QualKind::kAnd: return pendo::ConditionKind::kAnd;
    case QualKind::kOr: return pendo::ConditionKind::kOr;
    case QualKind::kCompare: return pendo::ConditionKind::kCompare;
    case QualKind::kDistinct: return pendo::ConditionKind::kDistinct;
    case QualKind::kNotDistinct: return pendo::ConditionKind::kNotDistinct;
    case QualKind::kAnyOf: return pendo::ConditionKind::kAnyOf;
    case QualKind::kNoneOf: return pendo::ConditionKind::kNoneOf;
    case QualKind::kNull: return pendo::ConditionKind::kNull;
    case QualKind::kNotNull: return pendo::ConditionKind::kNotNull;
    case QualKind::kNotTrue: return pendo::ConditionKind::kNotTrue;
    case QualKind::kNotFalse: return pendo::ConditionKind::kNotFalse;
    case QualKind::kLike:
    case QualKind::kStartsWith: return pendo::ConditionKind::kStartsWith;
  }
  return pendo::ConditionKind::kAnything;
}

void set_known(pendo::Condition* result, const Values& values, QualKind kind, const PendoColumn* column, int index) {
  bool isnull = false;
  Oid type = exprType(static_cast<Node*>(list_nth(values.exprs, index)));
  Datum datum = evaluate(values, index, &isnull);
  bool is_array = kind == QualKind::kAnyOf || kind == QualKind::kNoneOf;
  if (isnull && is_array) {
    result->kind = pendo::ConditionKind::kCompare;  // NULL as a whole: no row
    set_value(result, pendo::Value::null());
  } else if (is_array) {
    set_array(result, column, datum);
  } else if (kind == QualKind::kLike && !isnull) {
    set_pattern(result, pendo_key_text(datum));
  } else {
    pendo::Value value = value_of(column, type, datum, isnull);
    // in Pendo, it would be a bad value: NULL here, which is distinct from it
    if (kind == QualKind::kDistinct && !isnull && !pendo_can_hold(column, value)) result->kind = pendo::ConditionKind::kAnything;
    set_value(result, value);
  }
}

void set_leaf(pendo::Condition* result, const Values& values, List* leaf) {
  auto kind = static_cast<QualKind>(list_nth_int(leaf, kLeafKind));
  const PendoColumn* column = pendo_column(values.table, static_cast<AttrNumber>(list_nth_int(leaf, kLeafAttno)));
  int index = list_nth_int(leaf, kLeafValue);
  result->kind = kind_of(kind);
  result->op = static_cast<pendo::Comparison>(list_nth_int(leaf, kLeafOp));
  result->field = field_of(values.table, column);
  if (index < 0) return;
  auto* expr = static_cast<Node*>(list_nth(values.exprs, index));
  if (values.explain && is_unknown(expr, values.context)) set_value(result, symbol(expr));
  else set_known(result, values, kind, column, index);
}

void set_condition(pendo::Condition* result, const Values& values, List* condition) {
  if (IsA(condition, IntList)) {
    set_leaf(result, values, condition);
    return;
  }
  result->kind = kind_of(static_cast<QualKind>(intVal(linitial(condition))));
  result->part_count = list_length(condition) - 1;
  pendo::Condition* parts = new_conditions(result->part_count);
  for (int i = 0; i < result->part_count; ++i) set_condition(&parts[i], values, static_cast<List*>(list_nth(condition, i + 1)));
  result->parts = parts;
}

}  // namespace

const pendo::Condition* pendo_condition(const PendoTable* table, List* condition, List* exprs, List* states,
                                        ExprContext* context, bool explain) {
  pendo::Condition* result = new_conditions(1);
  if (condition) set_condition(result, {table, exprs, states, context, explain}, condition);
  return result;
}
