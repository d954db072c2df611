// A value as a literal of a filter: the simulator's own parser, which knows
// nothing of src/, reads exactly that value, wherever the literal stands; and what
// stands around it keeps its meaning.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "expression.h"
#include "filter_literal.h"
#include "fuzz.h"
#include "json_parse.h"
#include "object.h"
#include "pipeline.h"

namespace pendo::fuzz {
namespace {

using simulator::Node;
using simulator::NodeKind;
using simulator::NodePtr;
using simulator::Operator;

// Whatever Pendo's documents leave open of the language.
std::vector<simulator::ExpressionRules> all_rules() {
  std::vector<simulator::ExpressionRules> all(1);
  simulator::ExpressionRules other;
  other.single_quotes = other.backtick_backslash = other.keep_unknown_escape = other.in_operator = true;
  other.newline_in_quotes = false;
  all.push_back(other);
  return all;
}

bool is_path(const NodePtr& node, std::string_view name) {
  return node->kind == NodeKind::kPath && node->path.size() == 1 && node->path[0] == name;
}

// A literal, or the minus of one.
bool is_literal(const Node& node) {
  return node.kind == NodeKind::kLiteral || (node.kind == NodeKind::kNegate && node.children[0]->kind == NodeKind::kLiteral);
}

// The simulator's minus computes in floats; what stands there is told apart.
bool is_integer(const Node& node, std::int64_t value) {
  bool negative = node.kind == NodeKind::kNegate;
  const simulator::Value& read = negative ? node.children[0]->literal : node.literal;
  if (read.is(simulator::Type::kInteger)) return (negative ? -read.integer() : read.integer()) == value;
  return negative && value == INT64_MIN && read.is_number() && read.number() == 0x1p63;
}

// Times beyond 2^53 microseconds are rounded twice here.
bool is_close(double a, double b) { return a == b || std::fabs(a - b) <= std::fabs(b) * 0x1p-52; }

bool is_value(const Node& node, const Value& value) {
  if (!is_literal(node)) return false;
  if (value.kind == ValueKind::kInt) return is_integer(node, value.integer);
  simulator::Value row, scratch;
  simulator::ExpressionRules rules;
  const simulator::Value& read = evaluate(node, row, rules, scratch);
  switch (value.kind) {
    case ValueKind::kText:
      return read.is_string() && read.string() == value.text;
    case ValueKind::kBool:
      return read.is(simulator::Type::kBoolean) && read.boolean() == value.boolean;
    case ValueKind::kFloat:
      return read.is_number() && read.number() == value.real;
    case ValueKind::kTime:
      return read.is_number() && is_close(read.number(), static_cast<double>(value.integer) / 1000);
    default:
      return read.is_number() && read.number() == std::strtod(std::string(value.text).c_str(), nullptr);
  }
}

NodePtr parsed(const std::string& filter, const simulator::ExpressionRules& rules) {
  std::string error;
  NodePtr node = simulator::parse_expression(filter, rules, error);
  require(node != nullptr, "a filter can be parsed");
  return node;
}

bool is_comparison(const NodePtr& node, Operator op, std::string_view path, const Value& value) {
  return node->kind == NodeKind::kBinary && node->op == op && is_path(node->children[0], path) && is_value(*node->children[1], value);
}

void check_alone(const std::string& literal, const Value& value, const simulator::ExpressionRules& rules) {
  require(is_value(*parsed(literal, rules), value), "a literal is the value");
}

void check_within(const std::string& literal, const Value& value, const simulator::ExpressionRules& rules) {
  NodePtr either = parsed("a == " + literal + " || b != " + literal + " || c < " + literal + " && d", rules);
  require(either->kind == NodeKind::kOr && either->children.size() == 3, "a literal leaves the || around it");
  require(is_comparison(either->children[0], Operator::kEqual, "a", value), "the comparison before");
  require(is_comparison(either->children[1], Operator::kNotEqual, "b", value), "the comparison between");
  const NodePtr& last = either->children[2];
  require(last->kind == NodeKind::kAnd && last->children.size() == 2 && is_path(last->children[1], "d"), "what comes behind it");
  require(is_comparison(last->children[0], Operator::kLess, "c", value), "the comparison behind");

  NodePtr call = parsed("!startsWith(a, " + literal + ")", rules);
  require(call->kind == NodeKind::kNot && call->children[0]->kind == NodeKind::kCall, "a literal leaves the call around it");
  const auto& arguments = call->children[0]->children;
  require(arguments.size() == 2 && is_path(arguments[0], "a") && is_value(*arguments[1], value), "an argument is the value");
}

// The row that has the value, and none that has another.
void check_rows(const std::string& literal, const Value& value) {
  simulator::ExpressionRules rules;
  NodePtr node = parsed("a == " + literal, rules);
  simulator::Value row, other;
  row.set("a", simulator::Value(value.text));
  other.set("a", simulator::Value(std::string(value.text) + "\""));
  require(is_true(*node, row, rules), "the filter takes the row of that value");
  require(!is_true(*node, other, rules), "and not that of another one");
}

void check_literal(const Value& value) {
  static const std::vector<simulator::ExpressionRules> rules = all_rules();
  std::string literal;
  if (!append_literal(literal, value)) {
    bool odd = value.kind == ValueKind::kFloat ? !std::isfinite(value.real) : true;
    require(odd, "every number has a literal");
    return;
  }
  for (const auto& each : rules) {
    check_alone(literal, value, each);
    check_within(literal, value, each);
  }
  if (value.kind == ValueKind::kText) check_rows(literal, value);
  extreme(value);
  for (ColumnType type : {ColumnType::kText, ColumnType::kFloat, ColumnType::kTime}) is_exact_float(type, value);
  if (value.kind != ValueKind::kText) require(!std::isnan(as_double(value)), "a number is one");
}

// Keys come from Pendo too, so they may hold anything but \0.
void check_keys(const std::vector<std::string>& keys) {
  simulator::ExpressionRules rules;
  NodePtr node = parsed(one_of_keys("visitorId", keys), rules);
  require(keys.size() == 1 || (node->kind == NodeKind::kOr && node->children.size() == keys.size()), "as many comparisons as keys");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const NodePtr& each = keys.size() == 1 ? node : node->children[i];
    require(is_comparison(each, Operator::kEqual, "visitorId", Value::of_text(keys[i])), "a key is that key");
  }
  NodePtr behind = parsed(text_comparison("visitorId", ">", keys[0]), rules);
  require(is_comparison(behind, Operator::kGreater, "visitorId", Value::of_text(keys[0])), "a position is that key");
}

const simulator::Value* operator_of(const simulator::Value& pipeline, std::string_view name) {
  for (const auto& each : pipeline.list()) {
    if (const simulator::Value* found = each.find(name)) return found;
  }
  return nullptr;
}

// The filter as a part of a call's body.
void check_body(const std::string& filter) {
  const ObjectDescriptor* visitors = find_object("visitors");
  std::array<std::string_view, 1> paths{"visitorId"};
  std::string body = records_pipeline({.object = visitors, .paths = paths, .include_anonymous = true, .app_id = {}, .filter = filter,
                                       .position = {}, .order = {}, .limit = 10});
  simulator::Value call;
  std::string error;
  require(simulator::parse_json(body, call, error), "a body is JSON");
  const simulator::Value* pipeline = simulator::find_path(call, "request.pipeline");
  require(pipeline && pipeline->is_list() && pipeline->list().size() == 5, "a filter is one operator");
  const simulator::Value* found = operator_of(*pipeline, "filter");
  require(found && found->is_string() && found->string() == filter, "the filter arrives as it was");
}

void check_text(std::string_view text) {
  check_literal(Value::of_text(text));
  if (text.empty() || !is_valid_utf8(text)) return;
  std::vector<std::string> keys;
  Input lines(text);
  while (!lines.at_end() && keys.size() < 20) keys.emplace_back(lines.line());
  check_keys(keys);
  check_keys({std::string(text)});
  check_body(one_of_keys("visitorId", keys));
}

}  // namespace

void filter(std::string_view input) {
  Input choices(input);
  unsigned kind = choices.below(7);
  HeapCopy bytes(choices.rest());
  std::string_view text = bytes.view();
  double real = 0;
  switch (kind) {
    case 1:
      return check_literal(Value::of_int(choices.integer(text)));
    case 2:
      std::memcpy(&real, text.data(), std::min(text.size(), sizeof real));
      return check_literal(Value::of_float(real));
    case 3:
      return check_literal(Value::of_number(text));
    case 4:
      return check_literal(Value::of_time(choices.integer(text)));
    case 5:
      return check_literal(Value::of_bool(text.empty()));
    case 6:
      return check_literal(Value::of_json(text));
    default:
      return check_text(text);
  }
}

}  // namespace pendo::fuzz
