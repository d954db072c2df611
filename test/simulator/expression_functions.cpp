// Functions on types, lists, strings and ids; those on times are in time_functions.cpp.
#include "expression_functions.h"

#include <algorithm>

#include "apps.h"
#include "compare.h"
#include "hash.h"
#include "json_write.h"
#include "time_functions.h"
#include "utf8.h"

namespace simulator {
namespace {

template <bool (*test)(const Value&)>
Value type_test(Arguments arguments, const ExpressionRules&) {
  return test(*arguments[0]);
}

bool is_boolean(const Value& value) { return value.is(Type::kBoolean); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.is_string(); }
bool is_list(const Value& value) { return value.is_list(); }
bool is_empty(const Value& value) {
  return value.is_null() || (value.is_string() && value.string().empty()) ||
         (value.is_list() && value.list().empty()) || (value.is_object() && value.object().empty());
}

// Pendo docs describe isNull the wrong way round; their examples use it as "is null".
Value is_null(Arguments arguments, const ExpressionRules& rules) {
  bool null = rules.missing_is_null ? arguments[0]->is_null() : arguments[0]->is(Type::kNull);
  return null != rules.is_null_means_exists;
}

Value is_nil(Arguments arguments, const ExpressionRules& rules) {
  return rules.missing_is_null ? arguments[0]->is_null() : arguments[0]->is(Type::kNull);
}

Value null_argument(const ExpressionRules& rules) { return rules.contains_null_is_null ? Value(nullptr) : Value(false); }

std::string folded(const Value& text, const ExpressionRules& rules) {
  return rules.contains_no_case ? lower_case(text.string(), rules) : text.string();
}

Value contains(Arguments arguments, const ExpressionRules& rules) {
  const Value& whole = *arguments[0];
  const Value& part = *arguments[1];
  if (whole.is_list()) {
    return std::ranges::any_of(whole.list(), [&](const Value& item) { return are_equal(item, part, rules); });
  }
  if (whole.is_null() || part.is_null()) return null_argument(rules);
  if (!whole.is_string() || !part.is_string()) return type_error(rules, "contains on a value that is no string");
  return folded(whole, rules).find(folded(part, rules)) != std::string::npos;
}

Value starts_with(Arguments arguments, const ExpressionRules& rules) {
  const Value& whole = *arguments[0];
  const Value& part = *arguments[1];
  if (whole.is_null() || part.is_null()) return null_argument(rules);
  if (!whole.is_string() || !part.is_string()) return type_error(rules, "startsWith on a value that is no string");
  return folded(whole, rules).starts_with(folded(part, rules));
}

Value split(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null() || arguments[1]->is_null()) return nullptr;
  if (!arguments[0]->is_string() || !arguments[1]->is_string()) return type_error(rules, "split on no string");
  std::string_view rest = arguments[0]->string();
  const std::string& separator = arguments[1]->string();
  List parts;
  if (separator.empty()) {  // Go: after each code point
    while (!rest.empty()) {
      std::size_t length = std::max<std::size_t>(1, utf8_length(rest));
      parts.emplace_back(rest.substr(0, length));
      rest.remove_prefix(length);
    }
    return parts;
  }
  for (;;) {
    auto found = rest.find(separator);
    parts.emplace_back(rest.substr(0, found));
    if (found == std::string_view::npos) return parts;
    rest.remove_prefix(found + separator.size());
  }
}

Value to_lower_case(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null()) return nullptr;
  if (arguments[0]->is_string()) return lower_case(arguments[0]->string(), rules);
  if (rules.lower_other == ExpressionRules::LowerOther::kSame) return *arguments[0];
  if (rules.lower_other == ExpressionRules::LowerOther::kError) throw EvaluationError("toLowerCase on no string");
  return type_error(rules, "toLowerCase on no string");
}

Value to_string(Arguments arguments, const ExpressionRules&) {
  if (arguments[0]->is_null()) return nullptr;
  if (arguments[0]->is_string()) return *arguments[0];
  return to_json(*arguments[0], {.html_escape = false});
}

std::int64_t count_characters(std::string_view text) {
  std::int64_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(std::max<std::size_t>(1, utf8_length(text)));
  return count;
}

Value length_of_null(const ExpressionRules& rules) {
  if (rules.length_of_null == ExpressionRules::LengthOfNull::kError) throw EvaluationError("len on null");
  if (rules.length_of_null == ExpressionRules::LengthOfNull::kZero) return 0;
  return nullptr;
}

Value length(Arguments arguments, const ExpressionRules& rules) {
  const Value& value = *arguments[0];
  if (value.is_null()) return length_of_null(rules);
  if (value.is_list()) return value.list().size();
  if (!value.is_string()) return type_error(rules, "len on no list");
  return rules.length_in_characters ? Value(count_characters(value.string())) : Value(value.string().size());
}

Value list_of(Arguments arguments, const ExpressionRules&) {
  List items;
  for (const Value* item : arguments) items.push_back(item->is_missing() ? Value(nullptr) : *item);
  return items;
}

Value list_in_range(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null()) return nullptr;
  if (!arguments[0]->is_list()) return type_error(rules, "listInRange on no list");
  List kept;
  for (const auto& item : arguments[0]->list()) {
    if (!item.is_number()) continue;  // Pendo docs: for numeric lists only
    bool from = compare_values(Operator::kGreaterEqual, item, *arguments[1], rules).is_true();
    if (from && compare_values(Operator::kLessEqual, item, *arguments[2], rules).is_true()) kept.push_back(item);
  }
  return kept;
}

Value reverse(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null()) return nullptr;
  if (!arguments[0]->is_list()) return type_error(rules, "reverse on no list");
  return List(arguments[0]->list().rbegin(), arguments[0]->list().rend());
}

Value sort_unique(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null()) return nullptr;
  if (!arguments[0]->is_list()) return type_error(rules, "sortUnique on no list");
  List list = arguments[0]->list();
  std::stable_sort(list.begin(), list.end(),
                   [&](const Value& a, const Value& b) { return sort_order(a, b, rules) < 0; });
  auto equal = [&](const Value& a, const Value& b) { return sort_order(a, b, rules) == 0; };
  list.erase(std::unique(list.begin(), list.end(), equal), list.end());
  return list;
}

Value sum(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null()) return nullptr;
  if (!arguments[0]->is_list()) return type_error(rules, "sum on no list");
  double total = 0;
  for (const auto& item : arguments[0]->list()) {
    if (item.is_number()) total += item.number();
  }
  return total;
}

Value hash_of(Arguments arguments, const ExpressionRules&) {
  if (arguments[0]->is_null()) return nullptr;
  return id_hash(arguments[0]->is_string() ? arguments[0]->string() : to_json(*arguments[0]));
}

Value identified(Arguments arguments, const ExpressionRules&) { return is_identified(*arguments[0]); }

// An account under a parent is named "parent::child". Pendo docs: the child is
// null if there is none, the parent is the account itself.
Value child_account(Arguments arguments, const ExpressionRules&) {
  if (!arguments[0]->is_string()) return nullptr;
  const std::string& id = arguments[0]->string();
  auto border = id.find("::");
  return border == std::string::npos ? Value(nullptr) : Value(id.substr(border + 2));
}

Value parent_account(Arguments arguments, const ExpressionRules&) {
  if (!arguments[0]->is_string()) return nullptr;
  const std::string& id = arguments[0]->string();
  auto border = id.find("::");
  return id.substr(0, border);
}

Value expand_app_ids(Arguments arguments, const ExpressionRules& rules) {
  if (!arguments[0]->is_string()) return type_error(rules, "expandAppIds on no string");
  List ids;
  for (std::int64_t id : expand_apps(arguments[0]->string())) ids.emplace_back(id);
  return ids;
}

// Public notes: the sub-type of an event's type, as in eventSubType(type) == "guideSeen".
// The types of guide events are such sub-types already.
Value event_sub_type(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null()) return nullptr;
  if (!arguments[0]->is_string()) return type_error(rules, "eventSubType on no string");
  return *arguments[0];
}

// Here for the parser; the evaluator takes only the branch that is needed.
Value conditional(Arguments, const ExpressionRules&) { return nullptr; }

constexpr Function kFunctions[] = {
    {"if", 2, 3, conditional},
    {"isBoolean", 1, 1, type_test<is_boolean>},
    {"isNumber", 1, 1, type_test<is_number>},
    {"isString", 1, 1, type_test<is_string>},
    {"isList", 1, 1, type_test<is_list>},
    {"isNil", 1, 1, is_nil},
    {"isNull", 1, 1, is_null},
    {"isEmpty", 1, 1, type_test<is_empty>},
    {"contains", 2, 2, contains},
    {"startsWith", 2, 2, starts_with},
    {"split", 2, 2, split},
    {"toLowerCase", 1, 1, to_lower_case},
    {"toString", 1, 1, to_string},
    {"len", 1, 1, length},
    {"list", 0, -1, list_of},
    {"listInRange", 3, 3, list_in_range},
    {"reverse", 1, 1, reverse},
    {"sortUnique", 1, 1, sort_unique},
    {"sum", 1, 1, sum},
    {"hash", 1, 1, hash_of},
    {"identified", 1, 1, identified},
    {"childAccountId", 1, 1, child_account},
    {"parentAccountId", 1, 1, parent_account},
    {"expandAppIds", 1, 1, expand_app_ids},
    {"now", 0, 0, time_now},
    {"eventSubType", 1, 1, event_sub_type},
    {"date", 1, 7, time_date},
    {"dateAdd", 3, 3, time_add},
    {"dateDist", 3, 3, time_distance},
    {"startOfPeriod", 2, 2, time_start_of_period},
    {"formatTime", 2, 2, time_format},
};

}  // namespace

std::span<const Function> function_table() { return kFunctions; }

const Function* find_function(std::string_view name) {
  for (const auto& function : kFunctions) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

bool is_identified(const Value& id) {
  if (!id.is_string() || id.string().empty()) return false;
  return !id.string().starts_with("_PENDO_T_") && id.string() != "VISITOR-UNIQUE-ID";
}

}  // namespace simulator
