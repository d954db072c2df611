// Comparing values: the operators of expressions, and the order that sort uses.
#pragma once

#include <compare>

#include "expression.h"

namespace simulator {

Value compare_values(Operator op, const Value& left, const Value& right, const ExpressionRules& rules);

// == as a yes or no, as contains() and distinct counts use it.
bool are_equal(const Value& left, const Value& right, const ExpressionRules& rules);

// A total order: nulls where a switch puts them, then booleans, numbers,
// strings, lists and objects. The order of rows turns round where `descending`.
std::weak_ordering sort_order(const Value& left, const Value& right, const ExpressionRules& rules,
                              bool descending = false);

// null, or an error where a switch says so.
Value type_error(const ExpressionRules& rules, const char* text);

std::string lower_case(std::string_view text);  // ASCII letters only
// As toLowerCase does it.
std::string lower_case(std::string_view text, const ExpressionRules& rules);

}  // namespace simulator
