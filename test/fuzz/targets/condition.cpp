// Trees of conditions with any values: the filter can be parsed, speaks of no
// field but theirs, and of no value but theirs and those next to them.
#include "condition.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "expression.h"
#include "expression_functions.h"
#include "fuzz.h"

namespace pendo::fuzz {
namespace {

using simulator::Node;
using simulator::NodeKind;

constexpr ColumnType kTypes[] = {ColumnType::kText,   ColumnType::kBool, ColumnType::kInt, ColumnType::kFloat,
                                 ColumnType::kNumber, ColumnType::kTime, ColumnType::kJson};
constexpr std::string_view kPaths[] = {"visitorId", "metadata.custom.plan", "metadata.agent.seats"};

// Draws a tree; what it points to lives here.
class Drawer {
 public:
  explicit Drawer(std::string_view input) : input_(input) {}

  Condition tree(int depth) {
    Condition condition;
    condition.kind = static_cast<ConditionKind>(input_.below(static_cast<unsigned>(ConditionKind::kAnything) + 1));
    bool inner = condition.kind == ConditionKind::kAnd || condition.kind == ConditionKind::kOr;
    if (!inner) return leaf(condition);
    std::vector<Condition> parts;
    for (unsigned count = depth > 0 ? input_.below(4) : 0; count > 0; --count) parts.push_back(tree(depth - 1));
    parts_.push_back(std::move(parts));
    condition.parts = parts_.back().data();
    condition.part_count = static_cast<int>(parts_.back().size());
    return condition;
  }

  const std::vector<std::string>& texts() const { return texts_; }

 private:
  Condition leaf(Condition condition) {
    FilterField& field = condition.field;
    field.path = kPaths[input_.below(3)];
    field.type = kTypes[input_.below(7)];
    unsigned flags = input_.below(8);
    field.strict = flags & 1;
    field.bad_is_null = flags & 2;
    field.in_rows = !(flags & 4) || flags == 4;
    condition.op = static_cast<Comparison>(input_.below(6));
    bool many = condition.kind == ConditionKind::kAnyOf || condition.kind == ConditionKind::kNoneOf;
    std::vector<Value> values;
    for (unsigned count = many ? input_.below(6) : 1; count > 0; --count) values.push_back(value(field.type));
    values_.push_back(std::move(values));
    condition.values = values_.back().data();
    condition.value_count = static_cast<int>(values_.back().size());
    return condition;
  }

  // Of the column's type, as the planner makes them.
  Value value(ColumnType type) {
    if (input_.below(8) == 1) return Value::null();
    std::string_view text = input_.line();
    std::int64_t integer = input_.integer(text);
    double real = 0;
    switch (type) {
      case ColumnType::kText:
      case ColumnType::kJson:
        if (!is_valid_utf8(text)) return Value::null();
        texts_.emplace_back(text);
        return Value::of_text(text);
      case ColumnType::kBool:
        return Value::of_bool(integer & 1);
      case ColumnType::kTime:
        return Value::of_time(integer);
      case ColumnType::kFloat:
        std::memcpy(&real, &integer, sizeof real);
        return Value::of_float(real);
      case ColumnType::kNumber:
        return Value::of_number(text);
      default:
        return Value::of_int(integer);
    }
  }

  Input input_;
  std::deque<std::vector<Condition>> parts_;
  std::deque<std::vector<Value>> values_;
  std::vector<std::string> texts_;
};

std::string joined(const std::vector<std::string>& path) {
  std::string text;
  for (const auto& name : path) text += (text.empty() ? "" : ".") + name;
  return text;
}

void check_literal(const simulator::Value& value, const std::vector<std::string>& texts) {
  if (!value.is_string()) return;
  const std::string& text = value.string();
  bool own = text == "A" || text == "a" || text == "B";  // that letters have a case, and an order
  require(own || std::find(texts.begin(), texts.end(), text) != texts.end(), "a text in a filter is one of the condition");
}

void check(const Node& node, const std::vector<std::string>& texts) {
  constexpr std::string_view kCalled[] = {"isString", "isNumber", "isBoolean", "isList", "startsWith", "contains"};
  switch (node.kind) {
    case NodeKind::kPath:
      require(std::ranges::find(kPaths, joined(node.path)) != std::end(kPaths), "a filter speaks of the fields of its condition");
      break;
    case NodeKind::kLiteral:
      check_literal(node.literal, texts);
      break;
    case NodeKind::kCall:
      require(std::ranges::find(kCalled, node.function->name) != std::end(kCalled), "a filter calls what filters call");
      break;
    case NodeKind::kNot:
    case NodeKind::kNegate:
    case NodeKind::kAnd:
    case NodeKind::kOr:
    case NodeKind::kBinary:
      break;
    default:
      require(false, "a filter is of comparisons and calls");
  }
  for (const auto& child : node.children) check(*child, texts);
}

}  // namespace

void condition(std::string_view input) {
  HeapCopy bytes(input);
  Drawer drawer(bytes.view());
  Condition tree = drawer.tree(4);
  is_exact(tree);
  Filter filter = filter_of(tree);
  require((filter.kind == Filter::Kind::kSome) == !filter.text.empty(), "a filter has a text, the others have none");
  if (filter.kind != Filter::Kind::kSome) return;
  std::string error;
  simulator::ExpressionRules rules;
  simulator::NodePtr node = simulator::parse_expression(filter.text, rules, error);
  require(node != nullptr, "a filter can be parsed");
  check(*node, drawer.texts());
}

}  // namespace pendo::fuzz
