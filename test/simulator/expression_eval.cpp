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
      case NodeKind::kList:
        if (node.literal.is_list()) return node.literal;
        scratch = list(node);
        return scratch;
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

  bool decides(const Node& node) const {
    Value scratch;
    return holds(run(node, scratch), rules_.logic_truth);
  }

  const Value& branch(const Node& node, Value& scratch) const {
    bool first = decides(*node.children[0]);
    if (rules_.eager_if) try_all(node);
    if (first) return run(*node.children[1], scratch);
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
        return logic(node, false);
      case NodeKind::kOr:
        return logic(node, true);
      case NodeKind::kBinary:
        return binary(node);
      case NodeKind::kIndex:
        return element(node);
      case NodeKind::kSlice:
        return slice(node);
      default:
        return call(node);
    }
  }

  Value negation(const Node& node) const {
    Value scratch;
    const Value& operand = run(*node.children[0], scratch);
    if (operand.is_null()) return not_null();
    if (operand.is(Type::kBoolean)) return !operand.boolean();
    if (rules_.logic_truth == ExpressionRules::Truth::kTruthy) return !holds(operand, rules_.logic_truth);
    return type_error(rules_, "! on a value that is no boolean");
  }

  Value not_null() const {
    if (rules_.not_null == ExpressionRules::NotNull::kError) throw EvaluationError("! on null");
    if (rules_.not_null == ExpressionRules::NotNull::kTrue) return true;
    return nullptr;
  }

  Value minus(const Node& node) const {
    Value scratch;
    const Value& operand = run(*node.children[0], scratch);
    if (operand.is_null()) return nullptr;
    if (!operand.is_number()) return type_error(rules_, "- on a value that is no number");
    return -operand.number();
  }

  // Evaluates the operands for what they may throw.
  void try_all(const Node& node) const {
    for (const auto& child : node.children) decides_nothing(*child);
  }

  void decides_nothing(const Node& node) const {
    Value scratch;
    run(node, scratch);
  }

  // Pendo docs: && and || take null for false. `decisive` is the value that settles it.
  bool logic(const Node& node, bool decisive) const {
    bool settled = false;
    for (const auto& child : node.children) {
      settled = decides(*child) == decisive || settled;
      if (settled && !rules_.eager_logic) break;
    }
    return settled == decisive;
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
    if (rules_.mixed_list != ExpressionRules::MixedList::kAny && !is_uniform(items)) {
      if (rules_.mixed_list == ExpressionRules::MixedList::kError) throw EvaluationError("list of different types");
      return nullptr;
    }
    return items;
  }

  static bool is_uniform(const List& items) {
    for (const auto& item : items) {
      bool numbers = item.is_number() && items[0].is_number();
      if (!numbers && item.type() != items[0].type()) return false;
    }
    return true;
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

const Value& evaluate(const Node& node, const Value& row, const ExpressionRules& rules, Value& scratch) {
  return Evaluator(row, rules).run(node, scratch);
}

bool holds(const Value& value, ExpressionRules::Truth truth) {
  if (value.is(Type::kBoolean)) return value.boolean();
  if (value.is_null() || truth == ExpressionRules::Truth::kBooleans) return false;
  if (truth == ExpressionRules::Truth::kError) throw EvaluationError("a condition that is no boolean");
  if (value.is_number()) return value.number() != 0;
  if (truth == ExpressionRules::Truth::kNumbers) return false;
  if (value.is_string()) return !value.string().empty();
  return value.is_object() || !value.list().empty();
}

bool is_true(const Node& node, const Value& row, const ExpressionRules& rules) {
  Value scratch;
  return holds(evaluate(node, row, rules, scratch), rules.filter_truth);
}

}  // namespace simulator
