// == and != know null as a value of its own; < and its kin give null on null
// (Pendo docs).
#include "compare.h"

#include <charconv>
#include <optional>

#include "json_write.h"
#include "utf8.h"

namespace simulator {
namespace {

std::weak_ordering number_order(double left, double right) {
  if (left < right) return std::weak_ordering::less;
  return left > right ? std::weak_ordering::greater : std::weak_ordering::equivalent;
}

std::weak_ordering number_order(const Value& left, const Value& right, const ExpressionRules& rules) {
  if (rules.exact_integers && left.is(Type::kInteger) && right.is(Type::kInteger)) {
    return left.integer() <=> right.integer();
  }
  return number_order(left.number(), right.number());
}

std::weak_ordering string_order(const std::string& left, const std::string& right, const ExpressionRules& rules) {
  int order = rules.collate_no_case ? lower_case(left, rules).compare(lower_case(right, rules)) : left.compare(right);
  return order <=> 0;
}

std::string text_of(const Value& value) { return value.is_string() ? value.string() : to_json(value); }

int rank(const Value& value) {
  switch (value.type()) {
    case Type::kMissing:
    case Type::kNull:
      return 0;
    case Type::kBoolean:
      return 1;
    case Type::kInteger:
    case Type::kFloat:
      return 2;
    case Type::kString:
      return 3;
    case Type::kList:
      return 4;
    default:
      return 5;
  }
}

Value ordered(Operator op, std::weak_ordering order) {
  switch (op) {
    case Operator::kLess:
      return order < 0;
    case Operator::kLessEqual:
      return order <= 0;
    case Operator::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

std::optional<double> as_number(const Value& value) {
  if (value.is_number()) return value.number();
  if (value.is(Type::kBoolean)) return value.boolean() ? 1 : 0;
  if (!value.is_string()) return std::nullopt;
  double number = 0;
  const std::string& text = value.string();
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// One is a boolean, the other a number.
bool is_boolean_and_number(const Value& left, const Value& right) {
  return (left.is(Type::kBoolean) && right.is_number()) || (left.is_number() && right.is(Type::kBoolean));
}

Value compare_mixed(Operator op, const Value& left, const Value& right, const ExpressionRules& rules) {
  if (is_boolean_and_number(left, right)) {
    if (rules.boolean_number == ExpressionRules::Equality::kError) throw EvaluationError("comparison of different types");
    if (rules.boolean_number == ExpressionRules::Equality::kConvert) {
      return ordered(op, number_order(*as_number(left), *as_number(right)));
    }
  }
  bool text_and_number = left.is_string() ? right.is_number() : left.is_number() && right.is_string();
  switch (rules.mixed) {
    case ExpressionRules::Mixed::kFalse:
      return false;
    case ExpressionRules::Mixed::kError:
      throw EvaluationError("comparison of different types");
    case ExpressionRules::Mixed::kConvert: {
      auto a = text_and_number ? as_number(left) : std::nullopt;
      auto b = text_and_number ? as_number(right) : std::nullopt;
      if (a && b) return ordered(op, number_order(*a, *b));
      return nullptr;
    }
    default:
      return nullptr;
  }
}

bool are_mixed_equal(const Value& left, const Value& right, const ExpressionRules& rules) {
  bool flags = is_boolean_and_number(left, right);
  auto rule = flags ? rules.boolean_number : rules.mixed_equality;
  if (rule == ExpressionRules::Equality::kError) throw EvaluationError("comparison of different types");
  if (rule == ExpressionRules::Equality::kDistinct) return false;
  if (!left.is_number() && !right.is_number()) return text_of(left) == text_of(right);
  auto a = as_number(left);
  auto b = as_number(right);
  return a && b && *a == *b;
}

bool are_equal_lists(const List& left, const List& right, const ExpressionRules& rules) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!are_equal(left[i], right[i], rules)) return false;
  }
  return true;
}

Value not_equal(const Value& left, const Value& right, const ExpressionRules& rules) {
  if ((left.is_list() || right.is_list()) && rules.list_not_equal != ExpressionRules::ListNotEqual::kCompare) {
    if (rules.list_not_equal == ExpressionRules::ListNotEqual::kError) throw EvaluationError("!= on a list");
    return nullptr;
  }
  return !are_equal(left, right, rules);
}

// The order of a sort, but for where nulls stand.
std::weak_ordering value_order(const Value& left, const Value& right, const ExpressionRules& rules) {
  int left_rank = rank(left);
  int right_rank = rank(right);
  if (left_rank != right_rank) {
    if (!rules.sort_mixed_by_text) return left_rank <=> right_rank;
    auto order = text_of(left).compare(text_of(right)) <=> 0;
    return order != 0 ? order : left_rank <=> right_rank;
  }
  switch (left_rank) {
    case 0:
      return std::weak_ordering::equivalent;
    case 1:
      return left.boolean() <=> right.boolean();
    case 2:
      return number_order(left, right, rules);
    case 3:
      return string_order(left.string(), right.string(), rules);
    default:
      return to_json(left).compare(to_json(right)) <=> 0;
  }
}

}  // namespace

bool are_equal(const Value& left, const Value& right, const ExpressionRules& rules) {
  if (left.is_null() && right.is_null()) {
    return rules.missing_is_null || left.type() == right.type();
  }
  if (left.is_null() || right.is_null()) return false;
  if (left.is_number() && right.is_number()) return number_order(left, right, rules) == 0;
  if (left.type() != right.type()) return are_mixed_equal(left, right, rules);
  if (left.is_string() && rules.compare_no_case) {
    return lower_case(left.string(), rules) == lower_case(right.string(), rules);
  }
  return left.is_list() ? are_equal_lists(left.list(), right.list(), rules) : left == right;
}

Value compare_values(Operator op, const Value& left, const Value& right, const ExpressionRules& rules) {
  if (op == Operator::kEqual) return are_equal(left, right, rules);
  if (op == Operator::kNotEqual) return not_equal(left, right, rules);
  if (left.is_null() || right.is_null()) return nullptr;
  if (left.is_number() && right.is_number()) return ordered(op, number_order(left, right, rules));
  if (left.is_string() && right.is_string()) {
    return ordered(op, string_order(left.string(), right.string(), rules));
  }
  return compare_mixed(op, left, right, rules);
}

std::weak_ordering sort_order(const Value& left, const Value& right, const ExpressionRules& rules, bool descending) {
  if (left.is_null() != right.is_null()) {
    bool before = left.is_null() == rules.nulls_first;
    if (descending && !rules.nulls_stay) before = !before;
    return before ? std::weak_ordering::less : std::weak_ordering::greater;
  }
  return descending ? value_order(right, left, rules) : value_order(left, right, rules);
}

Value type_error(const ExpressionRules& rules, const char* text) {
  if (rules.type_error) throw EvaluationError(text);
  return nullptr;
}

std::string lower_case(std::string_view text, const ExpressionRules& rules) {
  return rules.lower_ascii_only ? lower_case(text) : lower_utf8(text);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace simulator
