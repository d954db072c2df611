// The expression language of aggregations: a parsed tree, and its evaluation on a row.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "switches.h"
#include "value.h"

namespace simulator {

// The settings that an evaluation goes by, read once per request.
struct ExpressionRules {
  ExpressionRules() = default;
  explicit ExpressionRules(const Switches& switches);

  // reading
  bool in_operator = false;
  bool single_quotes = false;
  bool backtick_backslash = false;
  bool newline_in_quotes = true;
  bool keep_unknown_escape = false;
  bool refuse_contains_literal = false;
  // comparing
  enum class Mixed { kNull, kFalse, kConvert, kError } mixed = Mixed::kNull;
  enum class Equality { kDistinct, kConvert, kError };
  Equality mixed_equality = Equality::kDistinct;
  Equality boolean_number = Equality::kDistinct;
  bool exact_integers = false;
  enum class ListNotEqual { kNull, kCompare, kError } list_not_equal = ListNotEqual::kNull;
  bool nulls_first = true;
  bool nulls_stay = false;  // first or last whatever the direction
  bool sort_mixed_by_text = false;
  bool collate_no_case = false;
  bool compare_no_case = false;
  bool contains_no_case = false;
  bool missing_is_null = true;
  bool is_null_means_exists = false;
  // deciding
  enum class Truth { kBooleans, kNumbers, kTruthy, kError };
  Truth logic_truth = Truth::kNumbers;
  Truth filter_truth = Truth::kBooleans;
  enum class NotNull { kNull, kTrue, kError } not_null = NotNull::kNull;
  bool eager_logic = false;
  bool eager_if = false;
  // computing
  bool type_error = false;
  enum class Division { kNull, kZero, kError } division_by_zero = Division::kNull;
  bool contains_null_is_null = true;
  bool contains_literal_is_null = false;
  enum class MixedList { kAny, kNull, kError } mixed_list = MixedList::kAny;
  enum class LengthOfNull { kNull, kZero, kError } length_of_null = LengthOfNull::kNull;
  bool length_in_characters = false;
  enum class LowerOther { kNull, kSame, kError } lower_other = LowerOther::kNull;
  bool lower_ascii_only = false;
  int zone_minutes = 0;
  // Whether a row can end the whole evaluation, so that none may be left out.
  bool may_fail() const;
  std::int64_t now_ms = 0;
};

enum class NodeKind { kLiteral, kPath, kNot, kNegate, kAnd, kOr, kBinary, kIndex, kSlice, kMember, kList, kIf, kCall };

enum class Operator { kNone, kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kAdd, kSubtract, kMultiply,
                      kDivide, kModulo, kIn };

struct Function;
struct Node;
using NodePtr = std::unique_ptr<Node>;

struct Node {
  NodeKind kind = NodeKind::kLiteral;
  Operator op = Operator::kNone;
  Value literal;
  std::vector<std::string> path;  // of a kPath or kMember
  std::vector<NodePtr> children;  // of a kSlice: list, from, to, either may be nullptr
  const Function* function = nullptr;
};

// What ends an evaluation when a switch makes a type error an error.
struct EvaluationError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// nullptr if the text is no expression; `error` says why, for logs and tests (Pendo does not tell).
NodePtr parse_expression(std::string_view text, const ExpressionRules& rules, std::string& error);

// The value of an expression on a row: a part of the row or of the tree where
// nothing has to be computed, otherwise `scratch`.
const Value& evaluate(const Node& node, const Value& row, const ExpressionRules& rules, Value& scratch);

// Whether a value counts as true where a condition is asked for; null never does.
bool holds(const Value& value, ExpressionRules::Truth truth);

// A filter keeps a row when its expression is true, not when it is null.
bool is_true(const Node& node, const Value& row, const ExpressionRules& rules);

}  // namespace simulator
