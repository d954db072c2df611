// == and != know null as a value of its own; < and its kin give null on null
// (Pendo docs).
#include "compare.h"

#include <charconv>
#include <optional>

#include "json_write.h"

namespace simulator {
namespace {

std::weak_ordering number_order(double left, double right) {
  if (left < right) return std::weak_ordering::less;
  return left > right ? std::weak_ordering::greater : std::weak_ordering::equivalent;
}

std::weak_ordering string_order(const std::string& left, const std::string& right, bool no_case) {
  int order = no_case ? lower_case(left).compare(lower_case(right)) : left.compare(right);
  return order <=> 0;
}

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
  if (!value.is_string()) return std::nullopt;
  double number = 0;
  const std::string& text = value.string();
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Value compare_mixed(Operator op, const Value& left, const Value& right, const ExpressionRules& rules) {
  switch (rules.mixed) {
    case ExpressionRules::Mixed::kFalse:
      return false;
    case ExpressionRules::Mixed::kError:
      throw EvaluationError("comparison of different types");
    case ExpressionRules::Mixed::kConvert: {
      auto a = as_number(left);
      auto b = as_number(right);
      if (a && b) return ordered(op, number_order(*a, *b));
      return nullptr;
    }
    default:
      return nullptr;
  }
}

Value not_equal(const Value& left, const Value& right, const ExpressionRules& rules) {
  if ((left.is_list() || right.is_list()) && rules.list_not_equal != ExpressionRules::ListNotEqual::kCompare) {
    if (rules.list_not_equal == ExpressionRules::ListNotEqual::kError) throw EvaluationError("!= on a list");
    return nullptr;
  }
  return !are_equal(left, right, rules);
}

}  // namespace

bool are_equal(const Value& left, const Value& right, const ExpressionRules& rules) {
  if (left.is_null() && right.is_null()) {
    return rules.missing_is_null || left.type() == right.type();
  }
  if (left.is_number() && right.is_number()) return left.number() == right.number();
  if (left.is_string() && right.is_string() && rules.compare_no_case) {
    return lower_case(left.string()) == lower_case(right.string());
  }
  if (left.is_number() != right.is_number() && rules.mixed == ExpressionRules::Mixed::kConvert) {
    auto a = as_number(left);
    auto b = as_number(right);
    if (a && b) return *a == *b;
  }
  return left == right;
}

Value compare_values(Operator op, const Value& left, const Value& right, const ExpressionRules& rules) {
  if (op == Operator::kEqual) return are_equal(left, right, rules);
  if (op == Operator::kNotEqual) return not_equal(left, right, rules);
  if (left.is_null() || right.is_null()) return nullptr;
  if (left.is_number() && right.is_number()) return ordered(op, number_order(left.number(), right.number()));
  if (left.is_string() && right.is_string()) {
    return ordered(op, string_order(left.string(), right.string(), rules.collate_no_case));
  }
  return compare_mixed(op, left, right, rules);
}

std::weak_ordering sort_order(const Value& left, const Value& right, const ExpressionRules& rules) {
  int left_rank = rank(left);
  int right_rank = rank(right);
  if (left_rank != right_rank) {
    bool less = left_rank < right_rank;
    if ((left_rank == 0 || right_rank == 0) && !rules.nulls_first) less = !less;
    return less ? std::weak_ordering::less : std::weak_ordering::greater;
  }
  switch (left_rank) {
    case 0:
      return std::weak_ordering::equivalent;
    case 1:
      return left.boolean() <=> right.boolean();
    case 2:
      return number_order(left.number(), right.number());
    case 3:
      return string_order(left.string(), right.string(), rules.collate_no_case);
    default:
      return to_json(left).compare(to_json(right)) <=> 0;
  }
}

Value type_error(const ExpressionRules& rules, const char* text) {
  if (rules.type_error) throw EvaluationError(text);
  return nullptr;
}

// ASCII only: enough for the simulator's own data.
std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace simulator
