// Each switch of the expression language with each of its values: what the
// documents leave open.
#include <gtest/gtest.h>

#include "expression.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

constexpr std::string_view kRow = R"({"n":7,"zero":0,"text":"Hello","digits":"7","yes":true,"no":false,"nothing":null,
  "list":[10,20],"words":["a","B"],"big":9007199254740993,"near":9007199254740992,"object":{"a":1}})";

struct Case {
  std::string_view name, value, expression, result;
};

TEST(SimulatorSwitch, ExpressionsByEachOfItsValues) {
  constexpr Case kCases[] = {
      // reading
      {"in_operator", "refuse", "n in [6,7]", "no expression"},
      {"in_operator", "accept", "n in [6,7]", "true"},
      {"in_operator", "accept", "n in [6]", "false"},
      {"single_quotes", "refuse", "'a'", "no expression"},
      {"single_quotes", "accept", "'a\"b'", "\"a\\\"b\""},
      {"backtick_escape", "none", R"(`a\`)", R"("a\\")"},
      {"backtick_escape", "backslash", R"(`a\`b`)", "\"a`b\""},
      {"newline_in_quotes", "accept", "\"a\nb\"", R"("a\nb")"},
      {"newline_in_quotes", "refuse", "\"a\nb\"", "no expression"},
      {"newline_in_quotes", "refuse", "`a\nb`", R"("a\nb")"},
      {"unknown_escape", "refuse", R"("a\qb")", "no expression"},
      {"unknown_escape", "keep", R"("a\qb")", R"("a\\qb")"},
      {"unknown_escape", "keep", R"("a\"b")", R"("a\"b")"},
      {"unknown_escape", "keep", R"("\u12")", "no expression"},
      {"contains_list_literal", "accept", "contains([6,7], n)", "true"},
      {"contains_list_literal", "refuse", "contains([6,7], n)", "no expression"},
      {"contains_list_literal", "refuse", "contains(list, 10)", "true"},
      {"contains_list_literal", "refuse", "contains(text, \"e\")", "true"},
      {"contains_list_literal", "null", "contains([6,7], n)", "null"},
      {"list_literal_types", "any", "[1,\"a\"]", "[1,\"a\"]"},
      {"list_literal_types", "null", "[1,\"a\"]", "null"},
      {"list_literal_types", "null", "[1,2.5]", "[1,2.5]"},
      {"list_literal_types", "null", "[]", "[]"},
      {"list_literal_types", "error", "[1,\"a\"]", "error"},
      {"list_literal_types", "error", "[text,\"a\"]", "[\"Hello\",\"a\"]"},
      // == and !=
      {"mixed_equality", "distinct", "n == digits", "false"},
      {"mixed_equality", "distinct", "n != digits", "true"},
      {"mixed_equality", "convert", "n == digits", "true"},
      {"mixed_equality", "convert", "n != digits", "false"},
      {"mixed_equality", "convert", "n == text", "false"},
      {"mixed_equality", "convert", "digits == \"7.0\"", "false"},
      {"mixed_equality", "convert", "yes == \"true\"", "true"},
      {"mixed_equality", "convert", "contains([7], digits)", "true"},
      {"mixed_equality", "convert", "yes == 1", "false"},
      {"mixed_equality", "error", "n == digits", "error"},
      {"mixed_equality", "error", "list == 10", "error"},
      {"mixed_equality", "error", "n == null", "false"},
      {"mixed_equality", "error", "absent != text", "true"},
      {"boolean_number", "distinct", "yes == 1", "false"},
      {"boolean_number", "distinct", "yes > 0", "null"},
      {"boolean_number", "convert", "yes == 1", "true"},
      {"boolean_number", "convert", "no == 0", "true"},
      {"boolean_number", "convert", "yes == 2", "false"},
      {"boolean_number", "convert", "yes > 0", "true"},
      {"boolean_number", "convert", "yes == \"1\"", "false"},
      {"boolean_number", "error", "yes == 1", "error"},
      {"boolean_number", "error", "yes < 1", "error"},
      {"boolean_number", "error", "yes == \"1\"", "false"},
      {"large_integers", "float", "big == near", "true"},
      {"large_integers", "float", "big > near", "false"},
      {"large_integers", "float", "contains([9007199254740992], big)", "true"},
      {"large_integers", "exact", "big == near", "false"},
      {"large_integers", "exact", "big > near", "true"},
      {"large_integers", "exact", "[big] == [near]", "false"},
      {"large_integers", "exact", "n == 7.0", "true"},
      {"large_integers", "exact", "big + 0 == near", "true"},
      {"comparison_case", "sensitive", "text == \"hELLO\"", "false"},
      {"comparison_case", "insensitive", "text == \"hELLO\"", "true"},
      {"comparison_case", "insensitive", "text != \"hELLO\"", "false"},
      {"comparison_case", "insensitive", "contains(words, \"b\")", "true"},
      {"comparison_case", "insensitive", "contains(text, \"ELL\")", "false"},
      {"contains_case", "sensitive", "contains(text, \"ELL\")", "false"},
      {"contains_case", "sensitive", "startsWith(text, \"he\")", "false"},
      {"contains_case", "insensitive", "contains(text, \"ELL\")", "true"},
      {"contains_case", "insensitive", "startsWith(text, \"he\")", "true"},
      {"contains_case", "insensitive", "text == \"hELLO\"", "false"},
      {"list_not_equal", "null", "list != [10]", "null"},
      {"list_not_equal", "compare", "list != [10]", "true"},
      {"list_not_equal", "compare", "list != [10,20]", "false"},
      {"list_not_equal", "error", "list != [10]", "error"},
      // < and its kin
      {"mixed_comparison", "null", "\"10\" > 9", "null"},
      {"mixed_comparison", "false", "\"10\" > 9", "false"},
      {"mixed_comparison", "false", "null > 9", "null"},
      {"mixed_comparison", "convert", "\"10\" > 9", "true"},
      {"mixed_comparison", "convert", "text > 9", "null"},
      {"mixed_comparison", "convert", "n == digits", "false"},
      {"mixed_comparison", "error", "\"10\" > 9", "error"},
      {"mixed_comparison", "error", "yes > no", "error"},
      {"collation", "bytes", "\"B\" > \"a\"", "false"},
      {"collation", "no_case", "\"B\" > \"a\"", "true"},
      // null
      {"missing_is_null", "yes", "absent == null", "true"},
      {"missing_is_null", "no", "absent == null", "false"},
      {"missing_is_null", "no", "nothing == null", "true"},
      {"missing_is_null", "no", "isNull(absent)", "false"},
      {"missing_is_null", "no", "isNull(nothing)", "true"},
      {"is_null_means", "null", "isNull(nothing)", "true"},
      {"is_null_means", "exists", "isNull(nothing)", "false"},
      {"is_null_means", "exists", "isNull(absent)", "false"},
      {"is_null_means", "exists", "isNull(n)", "true"},
      {"is_null_means", "exists", "isNil(n)", "false"},
      {"not_null", "null", "!nothing", "null"},
      {"not_null", "true", "!nothing", "true"},
      {"not_null", "true", "!absent", "true"},
      {"not_null", "error", "!nothing", "error"},
      {"contains_null", "null", "contains(null, \"a\")", "null"},
      {"contains_null", "false", "contains(null, \"a\")", "false"},
      {"contains_null", "false", "startsWith(text, null)", "false"},
      {"len_null", "null", "len(nothing)", "null"},
      {"len_null", "zero", "len(absent)", "0"},
      {"len_null", "error", "len(nothing)", "error"},
      // deciding
      {"logic_non_boolean", "numbers", "n && yes", "true"},
      {"logic_non_boolean", "numbers", "zero || no", "false"},
      {"logic_non_boolean", "numbers", "text || no", "false"},
      {"logic_non_boolean", "numbers", "if(n, 1, 2)", "1"},
      {"logic_non_boolean", "numbers", "!n", "null"},
      {"logic_non_boolean", "truthy", "text && yes", "true"},
      {"logic_non_boolean", "truthy", "\"\" || no", "false"},
      {"logic_non_boolean", "truthy", "!zero", "true"},
      {"logic_non_boolean", "truthy", "null || no", "false"},
      {"logic_non_boolean", "false", "n || no", "false"},
      {"logic_non_boolean", "error", "n || no", "error"},
      {"logic_non_boolean", "error", "null || no", "false"},
      {"type_error", "null", "text + 1", "null"},
      {"type_error", "error", "text + 1", "error"},
      {"type_error", "error", "null + 1", "null"},
      {"type_error", "error", "!n", "error"},
      {"type_error", "error", "no && text + 1 > 0", "false"},
      {"type_error", "error", "if(yes, 1, text + 1)", "1"},
      {"division_by_zero", "null", "1 / 0", "null"},
      {"division_by_zero", "zero", "1 / 0", "0"},
      {"division_by_zero", "error", "1 / 0", "error"},
      // strings
      {"lower_non_string", "null", "toLowerCase(n)", "null"},
      {"lower_non_string", "same", "toLowerCase(n)", "7"},
      {"lower_non_string", "same", "toLowerCase(null)", "null"},
      {"lower_non_string", "error", "toLowerCase(n)", "error"},
      {"lower_case_letters", "unicode", "toLowerCase(\"A\xC3\x9C\")", "\"a\xC3\xBC\""},
      {"lower_case_letters", "ascii", "toLowerCase(\"A\xC3\x9C\")", "\"a\xC3\x9C\""},
      {"string_length", "bytes", "len(\"\xC3\xBC\")", "2"},
      {"string_length", "characters", "len(\"\xC3\xBC\")", "1"},
  };
  Value row = parse(kRow);
  for (const auto& one : kCases) {
    EXPECT_EQ(value_of(one.expression, row, rules_with(one.name, one.value)), one.result)
        << one.name << "=" << one.value << " " << one.expression;
  }
}

// Lazy: the right side is not looked at where the left decides. Eager: what is
// wrong on the right shows all the same.
TEST(SimulatorSwitch, LazyAndEager) {
  Value row = parse(kRow);
  struct LazyCase {
    std::string_view expression, lazy, eager_logic, eager_if;
  };
  constexpr LazyCase kCases[] = {
      {"no && text + 1 > 0", "false", "error", "false"},
      {"yes || text + 1 > 0", "true", "error", "true"},
      {"yes && no && text + 1 > 0", "false", "error", "false"},
      {"yes && text + 1 > 0", "error", "error", "error"},
      {"no || yes", "true", "true", "true"},
      {"yes && no", "false", "false", "false"},
      {"if(yes, 1, text + 1)", "1", "1", "error"},
      {"if(no, text + 1)", "null", "null", "error"},
  };
  for (const auto& one : kCases) {
    ExpressionRules rules = rules_with("type_error", "error");
    EXPECT_EQ(value_of(one.expression, row, rules), one.lazy) << one.expression;
    rules.eager_logic = true;
    EXPECT_EQ(value_of(one.expression, row, rules), one.eager_logic) << one.expression;
    rules.eager_logic = false;
    rules.eager_if = true;
    EXPECT_EQ(value_of(one.expression, row, rules), one.eager_if) << one.expression;
  }
  EXPECT_TRUE(rules_with("logic_evaluation", "eager").eager_logic);
  EXPECT_TRUE(rules_with("if_evaluation", "eager").eager_if);
}

TEST(SimulatorSwitch, WhatAFilterDoesWithWhatIsNoBoolean) {
  struct FilterCase {
    std::string_view value, expression;
    std::string_view kept;
  };
  constexpr FilterCase kCases[] = {
      {"drop", "n", "no"},        {"drop", "text", "no"},       {"drop", "yes", "yes"},      {"drop", "nothing", "no"},
      {"numbers", "n", "yes"},    {"numbers", "zero", "no"},    {"numbers", "text", "no"},   {"numbers", "list", "no"},
      {"truthy", "text", "yes"},  {"truthy", "\"\"", "no"},     {"truthy", "list", "yes"},   {"truthy", "[]", "no"},
      {"truthy", "nothing", "no"}, {"truthy", "object", "yes"}, {"error", "n", "error"},     {"error", "nothing", "no"},
      {"error", "no", "no"},
  };
  Value row = parse(kRow);
  for (const auto& one : kCases) {
    ExpressionRules rules = rules_with("filter_non_boolean", one.value);
    std::string error;
    NodePtr node = parse_expression(one.expression, rules, error);
    std::string kept;
    try {
      kept = is_true(*node, row, rules) ? "yes" : "no";
    } catch (const EvaluationError&) {
      kept = "error";
    }
    EXPECT_EQ(kept, one.kept) << one.value << " " << one.expression;
  }
}

TEST(SimulatorSwitch, WhatMayFailIsNotLeftOut) {
  EXPECT_FALSE(ExpressionRules().may_fail());
  for (const auto& info : switch_table()) {
    bool expression = info.id >= Switch::kNullSort && info.id <= Switch::kStringLength;
    if (!expression || info.values.find("error") == std::string_view::npos) continue;
    EXPECT_TRUE(rules_with(info.name, "error").may_fail()) << info.name;
  }
}

// Sorting: where nulls stand, and how values of several types rank.
TEST(SimulatorSwitch, SortOrders) {
  struct SortCase {
    std::string_view name, value, ascending, descending;
  };
  constexpr SortCase kCases[] = {
      {"null_sort", "first", R"([null,null,false,5,"10","B","a",[1]])", R"([[1],"a","B","10",5,false,null,null])"},
      {"null_sort", "last", R"([false,5,"10","B","a",[1],null,null])", R"([null,null,[1],"a","B","10",5,false])"},
      {"null_sort", "always_first", R"([null,null,false,5,"10","B","a",[1]])", R"([null,null,[1],"a","B","10",5,false])"},
      {"null_sort", "always_last", R"([false,5,"10","B","a",[1],null,null])", R"([[1],"a","B","10",5,false,null,null])"},
      {"mixed_sort", "by_type", R"([null,null,false,5,"10","B","a",[1]])", R"([[1],"a","B","10",5,false,null,null])"},
      {"mixed_sort", "by_text", R"([null,null,"10",5,"B",[1],"a",false])", R"([false,"a",[1],"B",5,"10",null,null])"},
      {"collation", "no_case", R"([null,null,false,5,"10","a","B",[1]])", R"([[1],"B","a","10",5,false,null,null])"},
  };
  constexpr std::string_view kRows =
      R"({"source":{"const":[{"v":"a"},{"v":5},{"v":null},{"v":[1]},{"v":false},{},{"v":"B"},{"v":"10"}]}})";
  for (const auto& one : kCases) {
    World world(DataOptions{.visitors = 0, .accounts = 0, .clean = true});
    std::string error;
    ASSERT_TRUE(world.switches.set(one.name, one.value, error)) << error;
    ASSERT_TRUE(world.switches.set("list_null", "keep", error)) << error;
    for (auto [key, order] : {std::pair("v", one.ascending), std::pair("-v", one.descending)}) {
      EXPECT_EQ(rows_of(world, "[" + std::string(kRows) + R"(,{"sort":[")" + key + R"("]},{"reduce":{"l":{"list":"v"}}}])"),
                R"([{"l":)" + std::string(order) + "}]")
          << one.name << "=" << one.value << " " << key;
    }
  }
}

}  // namespace
}  // namespace simulator
