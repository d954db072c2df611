// Conditions to filters, kind by kind.
#include "condition.h"

#include <cmath>
#include <vector>

#include "filter_literal.h"
#include "json_text.h"
#include "json_write.h"

namespace pendo {
namespace {

// Longer lists are compared here: a filter is part of each page's call.
constexpr std::size_t kMaxListBytes = 32'000;

// True where Pendo should take letters for equal whatever their case, which is
// likely not so: then a filter that would rely on it lets everything through.
constexpr std::string_view kFoldsCase = R"("A" == "a")";
// The same for an order of strings that is not that of their bytes.
constexpr std::string_view kOrdersByBytes = R"("B" < "a")";

Filter all() { return {Filter::Kind::kAll, {}}; }
Filter none() { return {Filter::Kind::kNone, {}}; }
Filter some(std::string text) { return {Filter::Kind::kSome, std::move(text)}; }

std::string test(std::string_view function, const FilterField& field) {
  return std::string(function) + "(" + std::string(field.path) + ")";
}

std::string_view native_test(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "isString";
    case ColumnType::kBool:
      return "isBoolean";
    default:
      return "isNumber";
  }
}

// Of a call, or of what both() or either() made.
std::string negated(const std::string& text) { return "!" + text; }

std::string both(const std::string& left, const std::string& right) { return "(" + left + " && " + right + ")"; }

std::string either(const std::string& left, const std::string& right) { return "(" + left + " || " + right + ")"; }

std::string native(const FilterField& field) { return test(native_test(field.type), field); }

// What Pendo's documents say of isNull and its uses contradict each other.
std::string is_null_value(const FilterField& field) { return std::string(field.path) + " == null"; }

// Values of other JSON types that read as values of the column: anything in a
// text column, strings in the others.
std::string of_other_type(const FilterField& field) {
  if (field.type != ColumnType::kText) return test("isString", field);
  return negated(either(test("isString", field), is_null_value(field)));
}

// Could this be the JSON text of something that is not a string?
bool looks_like_json(std::string_view text) {
  if (text.empty()) return false;
  char c = text.front();
  return (c >= '0' && c <= '9') || c == '-' || c == '[' || c == '{' || text == "true" || text == "false";
}

// The beginning of such a text?
bool may_begin_json(std::string_view text) {
  return text.empty() || looks_like_json(text) || std::string_view("true").starts_with(text) ||
         std::string_view("false").starts_with(text);
}

std::string_view symbol(Comparison op) {
  switch (op) {
    case Comparison::kEqual:
      return " == ";
    case Comparison::kNotEqual:
      return " != ";
    case Comparison::kLess:
      return " < ";
    case Comparison::kLessEqual:
      return " <= ";
    case Comparison::kGreater:
      return " > ";
    default:
      return " >= ";
  }
}

std::string plain(const FilterField& field, Comparison op, const std::string& value) {
  return std::string(field.path) + std::string(symbol(op)) + value;
}

Filter not_null(const FilterField& field) {
  if (field.type == ColumnType::kJson || !field.strict) return some(negated("(" + is_null_value(field) + ")"));
  return some(native(field));
}

// Where what does not convert is NULL, more is NULL than Pendo can tell.
Filter is_null(const FilterField& field) {
  if (field.bad_is_null && !field.strict) return all();
  std::string has_value;
  for (std::string_view function : {"isString", "isNumber", "isBoolean", "isList"}) {
    if (!has_value.empty()) has_value += " || ";
    has_value += test(function, field);
  }
  return some(negated(field.strict && field.type != ColumnType::kJson ? native(field) : "(" + has_value + ")"));
}

bool is_order(Comparison op) { return op != Comparison::kEqual && op != Comparison::kNotEqual; }

bool is_less(Comparison op) { return op == Comparison::kLess || op == Comparison::kLessEqual; }

Filter compare_extreme(const FilterField& field, Comparison op, int side) {
  if (op == Comparison::kNotEqual) return not_null(field);
  if (op == Comparison::kEqual) return none();
  return is_less(op) == (side > 0) ? not_null(field) : none();
}

// Is `op` wide enough for values that floats cannot tell apart?
Comparison widened(Comparison op) {
  if (op == Comparison::kLess) return Comparison::kLessEqual;
  if (op == Comparison::kGreater) return Comparison::kGreaterEqual;
  return op;
}

// A comparison for values of the column's own type: with others it might be an
// error. Where a filter has && and ||, Pendo's documents promise C's way with them.
std::string guarded(const FilterField& field, const std::string& comparison) {
  return field.strict ? comparison : both(native(field), comparison);
}

std::string or_other(const FilterField& field, std::string text, bool others) {
  return others && !field.strict ? either(text, of_other_type(field)) : text;
}

Filter not_equal_number(const FilterField& field, const Value& value, const std::string& text) {
  if (!is_exact_float(field.type, value)) return not_null(field);
  std::string differs = negated(both(native(field), plain(field, Comparison::kEqual, text)));
  return some(both(not_null(field).text, differs));
}

// Pendo may hold all digits of a large integer and send fewer, or compare fewer.
bool is_blurred(const FilterField& field, const Value& value) {
  return !is_exact_float(field.type, value) && value.kind != ValueKind::kTime && std::fabs(as_double(value)) >= kMaxExactInteger;
}

// field op value, unless the value is the last one on that side.
std::string up_to(const FilterField& field, Comparison op, double value) {
  std::string text;
  if (!std::isfinite(value)) return native(field);
  append_literal(text, Value::of_float(value));
  return plain(field, op, text);
}

// From the next double below to the next above, as far as `op` asks for it.
std::string around(const FilterField& field, Comparison op, double value) {
  std::string low = up_to(field, Comparison::kGreaterEqual, std::nextafter(value, -INFINITY));
  std::string high = up_to(field, Comparison::kLessEqual, std::nextafter(value, INFINITY));
  if (op == Comparison::kEqual) return both(low, high);
  return is_less(op) ? high : low;
}

Filter compare_number(const FilterField& field, Comparison op, const Value& value, const std::string& text) {
  if (op == Comparison::kNotEqual) return not_equal_number(field, value, text);
  if (is_blurred(field, value)) return some(or_other(field, guarded(field, around(field, op, as_double(value))), true));
  if (!is_exact_float(field.type, value)) op = widened(op);
  return some(or_other(field, guarded(field, plain(field, op, text)), true));
}

Filter compare_bool(const FilterField& field, Comparison op, const Value& value, const std::string& text) {
  if (op == Comparison::kEqual) return some(or_other(field, guarded(field, plain(field, op, text)), true));
  if (op != Comparison::kNotEqual || value.kind != ValueKind::kBool) return all();
  std::string other = plain(field, Comparison::kEqual, value.boolean ? "false" : "true");
  return some(or_other(field, guarded(field, other), true));
}

// The texts are known to be different, or Pendo may take them for equal.
std::string differs_from(const FilterField& field, const std::string& equal) {
  return either(negated(both(test("isString", field), equal)), std::string(kFoldsCase));
}

Filter compare_text(const FilterField& field, Comparison op, const Value& value, const std::string& text) {
  std::string comparison = plain(field, op, text);
  if (op == Comparison::kEqual) return some(or_other(field, guarded(field, comparison), looks_like_json(value.text)));
  if (op == Comparison::kNotEqual) {
    return some(both(negated("(" + is_null_value(field) + ")"), differs_from(field, plain(field, Comparison::kEqual, text))));
  }
  std::string within = either(comparison, negated("(" + std::string(kOrdersByBytes) + ")"));
  return some(or_other(field, guarded(field, within), true));
}

Filter compare(const FilterField& field, Comparison op, const Value& value) {
  if (value.kind == ValueKind::kNull) return none();
  if (int side = extreme(value)) return compare_extreme(field, op, side);
  std::string text;
  if (!append_literal(text, value)) return all();
  switch (field.type) {
    case ColumnType::kText:
      return compare_text(field, op, value, text);
    case ColumnType::kBool:
      return compare_bool(field, op, value, text);
    case ColumnType::kJson:
      return all();
    default:
      return compare_number(field, op, value, text);
  }
}

Filter distinct(const FilterField& field, const Value& value) {
  if (value.kind == ValueKind::kNull) return not_null(field);
  std::string text;
  if (extreme(value) || field.type == ColumnType::kJson || !append_literal(text, value)) return all();
  std::string equal = plain(field, Comparison::kEqual, text);
  if (field.type == ColumnType::kText) return some(differs_from(field, equal));
  return is_exact_float(field.type, value) ? some(negated(both(native(field), equal))) : all();
}

Filter not_distinct(const FilterField& field, const Value& value) {
  return value.kind == ValueKind::kNull ? is_null(field) : compare(field, Comparison::kEqual, value);
}

// field == a || field == b || …; false: not all of it can be said.
bool chain(std::string& out, const FilterField& field, const std::vector<Value>& values) {
  for (const auto& value : values) {
    std::string text;
    if (is_blurred(field, value) || !append_literal(text, value)) return false;
    if (!out.empty()) out += " || ";
    out += plain(field, Comparison::kEqual, text);
    if (out.size() > kMaxListBytes) return false;
  }
  return true;
}

// The values that a row could be equal to.
std::vector<Value> usable(const Condition& condition, bool& has_null) {
  std::vector<Value> values;
  for (int i = 0; i < condition.value_count; ++i) {
    const Value& value = condition.values[i];
    has_null = has_null || value.kind == ValueKind::kNull;
    if (value.kind != ValueKind::kNull && !extreme(value)) values.push_back(value);
  }
  return values;
}

bool any_looks_like_json(const FilterField& field, const std::vector<Value>& values) {
  if (field.type != ColumnType::kText) return true;
  for (const auto& value : values) {
    if (value.kind != ValueKind::kText || looks_like_json(value.text)) return true;
  }
  return false;
}

Filter any_of(const Condition& condition) {
  bool has_null = false;
  std::vector<Value> values = usable(condition, has_null);
  if (values.empty()) return none();
  std::string text;
  if (condition.field.type == ColumnType::kJson || !chain(text, condition.field, values)) return all();
  if (values.size() > 1) text = "(" + text + ")";
  return some(or_other(condition.field, guarded(condition.field, text), any_looks_like_json(condition.field, values)));
}

Filter none_of(const Condition& condition) {
  const FilterField& field = condition.field;
  bool has_null = false;
  std::vector<Value> values = usable(condition, has_null);
  if (has_null) return none();
  if (condition.value_count == 0) return all();
  for (const auto& value : values) {
    if (field.type != ColumnType::kText && !is_exact_float(field.type, value)) return not_null(field);
  }
  std::string text;
  if (values.empty() || field.type == ColumnType::kJson || !chain(text, field, values)) return not_null(field);
  text = "(" + text + ")";
  std::string differs = field.type == ColumnType::kText ? differs_from(field, text) : negated(both(native(field), text));
  return some(both(not_null(field).text, differs));
}

// A null or a value of another type reads as neither true nor false.
Filter is_not(const FilterField& field, std::string_view truth) {
  return some(negated(both(native(field), plain(field, Comparison::kEqual, std::string(truth)))));
}

Filter text_function(const Condition& condition, std::string_view function) {
  const FilterField& field = condition.field;
  const Value& value = condition.values[0];
  if (value.kind == ValueKind::kNull) return none();
  std::string text;
  if (field.type != ColumnType::kText || !append_literal(text, value)) return all();
  std::string call = std::string(function) + "(" + std::string(field.path) + ", " + text + ")";
  bool others = value.kind != ValueKind::kText || condition.kind == ConditionKind::kContains || may_begin_json(value.text);
  return some(or_other(field, both(test("isString", field), call), others));
}

Filter conjunction(const Condition& condition) {
  std::string text;
  int count = 0;
  for (int i = 0; i < condition.part_count; ++i) {
    Filter part = filter_of(condition.parts[i]);
    if (part.kind == Filter::Kind::kNone) return part;
    if (part.kind == Filter::Kind::kAll) continue;
    text += (count++ > 0 ? " && " : "") + part.text;
  }
  if (count == 0) return all();
  return some(count > 1 ? "(" + text + ")" : text);
}

Filter disjunction(const Condition& condition) {
  std::string text;
  int count = 0;
  for (int i = 0; i < condition.part_count; ++i) {
    Filter part = filter_of(condition.parts[i]);
    if (part.kind == Filter::Kind::kAll) return part;
    if (part.kind == Filter::Kind::kNone) continue;
    text += (count++ > 0 ? " || " : "") + part.text;
  }
  if (count == 0) return none();
  return some(count > 1 ? "(" + text + ")" : text);
}

constexpr int kMaxExactList = 500;

bool has_exact_values(const Condition& condition) {
  bool distinct = condition.kind == ConditionKind::kDistinct;
  if (condition.value_count > kMaxExactList) return false;
  for (int i = 0; i < condition.value_count; ++i) {
    const Value& value = condition.values[i];
    if (value.kind == ValueKind::kNull) continue;
    bool exact = extreme(value) ? !distinct : is_exact_float(condition.field.type, value);
    if (condition.field.type == ColumnType::kText || !exact) return false;
  }
  return true;
}

}  // namespace

bool is_exact(const Condition& condition) noexcept {
  switch (condition.kind) {
    case ConditionKind::kAnd:
    case ConditionKind::kOr:
      for (int i = 0; i < condition.part_count; ++i) {
        if (!is_exact(condition.parts[i])) return false;
      }
      return true;
    case ConditionKind::kStartsWith:
    case ConditionKind::kContains:
    case ConditionKind::kAnything:
      return false;
    case ConditionKind::kCompare:
      if (condition.field.type == ColumnType::kBool && is_order(condition.op)) return false;
      [[fallthrough]];
    default:
      return condition.field.strict && condition.field.in_rows && condition.field.type != ColumnType::kJson && has_exact_values(condition);
  }
}

Filter filter_of(const Condition& condition) {
  const FilterField& field = condition.field;
  if (!field.in_rows) return all();
  switch (condition.kind) {
    case ConditionKind::kAnd:
      return conjunction(condition);
    case ConditionKind::kOr:
      return disjunction(condition);
    case ConditionKind::kCompare:
      return compare(field, condition.op, condition.values[0]);
    case ConditionKind::kDistinct:
      return distinct(field, condition.values[0]);
    case ConditionKind::kNotDistinct:
      return not_distinct(field, condition.values[0]);
    case ConditionKind::kAnyOf:
      return any_of(condition);
    case ConditionKind::kNoneOf:
      return none_of(condition);
    case ConditionKind::kNull:
      return is_null(field);
    case ConditionKind::kNotNull:
      return not_null(field);
    case ConditionKind::kNotTrue:
      return is_not(field, "true");
    case ConditionKind::kNotFalse:
      return is_not(field, "false");
    case ConditionKind::kStartsWith:
      return text_function(condition, "startsWith");
    case ConditionKind::kContains:
      return text_function(condition, "contains");
    case ConditionKind::kAnything:
      return all();
  }
  return all();
}

}  // namespace pendo
