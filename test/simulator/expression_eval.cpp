// Evaluation by node kind. References go through where nothing is computed, so
// that a filter copies no strings.
#include <array>
#include <cmath>

#include "compare.h"
#include "expression.h"
#include "expression_functions.h"

namespace simulator {
namespace {

const Value kMissingValue;

class Evaluator {
 public:
  Evaluator(const Value& row, const ExpressionRules& rules) : row_(row), rules_(rules) {}

  const Value& run(const Node& node, Value& scratch) const {
    switch (node.kind) {
      case NodeKind::kLiteral:
        return node.literal;
      case NodeKind::kPath:
        return walk(row_, node.path);
      case NodeKind::kMember:
        return member(node, scratch);
      case NodeKind::kIf:
        return branch(node, scratch);
      default:
        scratch = compute(node);
        return scratch;
    }
  }

 private:
  static const Value& walk(const Value& from, const std::vector<std::string>& path) {
    const Value* at = &from;
    for (const auto& name : path) {
      at = at->find(name);
      if (!at) return kMissingValue;
    }
    return *at;
  }

  const Value& member(const Node& node, Value& scratch) const {
    Value inner;
    const Value& found = walk(run(*node.children[0], inner), node.path);
    scratch = found;  // found may be a part of inner
    return scratch;
  }

  bool holds(const Node& node) const {
    Value scratch;
    return run(node, scratch).is_true();
  }

  const Value& branch(const Node& node, Value& scratch) const {
    if (holds(*node.children[0])) return run(*node.children[1], scratch);
    if (node.children.size() > 2) return run(*node.children[2], scratch);
    scratch = nullptr;
    return scratch;
  }

  Value compute(const Node& node) const {
    switch (node.kind) {
      case NodeKind::kNot:
        return negation(node);
      case NodeKind::kNegate:
        return minus(node);
      case NodeKind::kAnd:
        return all(node);
      case NodeKind::kOr:
        return any(node);
      case NodeKind::kBinary:
        return binary(node);
      case NodeKind::kIndex:
        return element(node);
      case NodeKind::kSlice:
        return slice(node);
      case NodeKind::kList:
        return list(node);
      default:
        return call(node);
    }
  }

  Value negation(const Node& node) const {
    Value scratch;
    const Value& operand = run(*node.children[0], scratch);
    if (operand.is_null()) return nullptr;
    if (!operand.is(Type::kBoolean)) return type_error(rules_, "! on a value that is no boolean");
    return !operand.boolean();
  }

  Value minus(const Node& node) const {
    Value scratch;
    const Value& operand = run(*node.children[0], scratch);
    if (operand.is_null()) return nullptr;
    if (!operand.is_number()) return type_error(rules_, "- on a value that is no number");
    if (operand.is(Type::kInteger) && operand.integer() != INT64_MIN) return -operand.integer();
    return -operand.number();
  }

  // Pendo docs: && and || take null for false.
  Value all(const Node& node) const {
    for (const auto& child : node.children) {
      if (!holds(*child)) return false;
    }
    return true;
  }

  Value any(const Node& node) const {
    for (const auto& child : node.children) {
      if (holds(*child)) return true;
    }
    return false;
  }

  Value binary(const Node& node) const {
    Value left_scratch;
    Value right_scratch;
    const Value& left = run(*node.children[0], left_scratch);
    const Value& right = run(*node.children[1], right_scratch);
    if (node.op == Operator::kIn) return contained(left, right);
    if (node.op <= Operator::kGreaterEqual) return compare_values(node.op, left, right, rules_);
    return arithmetic(node.op, left, right);
  }

  Value contained(const Value& item, const Value& list) const {
    if (!list.is_list()) return type_error(rules_, "in on a value that is no list");
    for (const auto& one : list.list()) {
      if (are_equal(one, item, rules_)) return true;
    }
    return false;
  }

  Value arithmetic(Operator op, const Value& left, const Value& right) const {
    if (left.is_null() || right.is_null()) return nullptr;
    if (!left.is_number() || !right.is_number()) return type_error(rules_, "arithmetic on a value that is no number");
    double a = left.number();
    double b = right.number();
    switch (op) {
      case Operator::kAdd:
        return a + b;
      case Operator::kSubtract:
        return a - b;
      case Operator::kMultiply:
        return a * b;
      default:
        return b == 0 ? divided_by_zero() : Value(op == Operator::kDivide ? a / b : std::fmod(a, b));
    }
  }

  Value divided_by_zero() const {
    if (rules_.division_by_zero == ExpressionRules::Division::kError) throw EvaluationError("division by zero");
    if (rules_.division_by_zero == ExpressionRules::Division::kZero) return 0;
    return nullptr;
  }

  // A position counted from the end if negative; clamped for slices.
  static std::int64_t position(double index, std::size_t size) {
    if (std::isnan(index)) return -1;
    double from_start = index < 0 ? index + static_cast<double>(size) : index;
    return static_cast<std::int64_t>(std::fmax(-1, std::fmin(from_start, static_cast<double>(size))));
  }

  Value element(const Node& node) const {
    Value list_scratch;
    Value index_scratch;
    const Value& list = run(*node.children[0], list_scratch);
    const Value& index = run(*node.children[1], index_scratch);
    if (list.is_null() || index.is_null()) return nullptr;
    if (!list.is_list() || !index.is_number()) return type_error(rules_, "index of a value that is no list");
    std::int64_t at = position(index.number(), list.list().size());
    if (at < 0 || at >= static_cast<std::int64_t>(list.list().size())) return nullptr;
    return list.list()[static_cast<std::size_t>(at)];
  }

  std::int64_t bound(const NodePtr& node, std::size_t size, std::int64_t otherwise) const {
    if (!node) return otherwise;
    Value scratch;
    const Value& index = run(*node, scratch);
    return index.is_number() ? std::max<std::int64_t>(0, position(index.number(), size)) : otherwise;
  }

  Value slice(const Node& node) const {
    Value scratch;
    const Value& list = run(*node.children[0], scratch);
    if (list.is_null()) return nullptr;
    if (!list.is_list()) return type_error(rules_, "slice of a value that is no list");
    auto size = static_cast<std::int64_t>(list.list().size());
    std::int64_t from = bound(node.children[1], list.list().size(), 0);
    std::int64_t to = bound(node.children[2], list.list().size(), size);
    if (from >= to) return List{};
    return List(list.list().begin() + from, list.list().begin() + to);
  }

  Value list(const Node& node) const {
    List items;
    for (const auto& child : node.children) {
      Value scratch;
      const Value& item = run(*child, scratch);
      items.push_back(item.is_missing() ? Value(nullptr) : item);
    }
    return items;
  }

  Value call(const Node& node) const {
    std::vector<Value> scratches(node.children.size());
    std::vector<const Value*> arguments(node.children.size());
    for (std::size_t i = 0; i < arguments.size(); ++i) arguments[i] = &run(*node.children[i], scratches[i]);
    return node.function->call(arguments, rules_);
  }

  const Value& row_;
  const ExpressionRules& rules_;
};

}  // namespace

ExpressionRules::ExpressionRules(const Switches& switches)
    : in_operator(switches.is(Switch::kInOperator, "accept")),
      single_quotes(switches.is(Switch::kSingleQuotes, "accept")),
      backtick_backslash(switches.is(Switch::kBacktickEscape, "backslash")),
      newline_in_quotes(switches.is(Switch::kNewlineInQuotes, "accept")),
      mixed(static_cast<Mixed>(switches.number(Switch::kMixedComparison))),
      list_not_equal(static_cast<ListNotEqual>(switches.number(Switch::kListNotEqual))),
      nulls_first(switches.is(Switch::kNullSort, "first")),
      collate_no_case(switches.is(Switch::kCollation, "no_case")),
      compare_no_case(switches.is(Switch::kComparisonCase, "insensitive")),
      missing_is_null(switches.is(Switch::kMissingIsNull, "yes")),
      type_error(switches.is(Switch::kTypeError, "error")),
      division_by_zero(static_cast<Division>(switches.number(Switch::kDivisionByZero))),
      contains_null_is_null(switches.is(Switch::kContainsNull, "null")),
      length_in_characters(switches.is(Switch::kStringLength, "characters")),
      zone_minutes(static_cast<int>(switches.number(Switch::kTimeZoneMinutes))),
      now_ms(switches.now_ms()) {}

const Value& evaluate(const Node& node, const Value& row, const ExpressionRules& rules, Value& scratch) {
  return Evaluator(row, rules).run(node, scratch);
}

bool is_true(const Node& node, const Value& row, const ExpressionRules& rules) {
  Value scratch;
  return evaluate(node, row, rules, scratch).is_true();
}

}  // namespace simulator
