// The expression language as Pendo's documents and the queries of public clients
// describe it: each line is an expression and what it gives on one row.
#include <gtest/gtest.h>

#include "expression.h"
#include "expression_functions.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

constexpr std::string_view kRow = R"({
  "visitorId": "v1", "n": 7, "f": 2.5, "zero": 0, "big": 9007199254740993, "text": "Hello", "blank": "",
  "yes": true, "no": false, "nothing": null, "list": [10, 20, 30, 40], "words": ["b", "a", "b"], "none": [],
  "nested": {"a": {"b": 5}}, "rows": [{"x": 1}, {"x": 2}],
  "metadata": {"auto": {"lastvisit": 1700000000000}, "custom": {"plan": "pro"}, "auto__323232": {"firstvisit": 0}}})";

std::string evaluated(std::string_view text, const ExpressionRules& rules = {}) {
  static const Value row = parse(kRow);
  return value_of(text, row, rules);
}

struct Case {
  std::string_view expression;
  std::string_view result;
};

void check(std::initializer_list<Case> cases, const ExpressionRules& rules = {}) {
  for (const auto& [expression, result] : cases) EXPECT_EQ(evaluated(expression, rules), result) << expression;
}

TEST(SimulatorExpression, LiteralsAndPaths) {
  check({{"1", "1"},
         {"1.5", "1.5"},
         {".5", "0.5"},
         {"1e3", "1000"},
         {"-3", "-3"},
         {"\"a\"", "\"a\""},
         {"`a`", "\"a\""},
         {"true", "true"},
         {"false", "false"},
         {"null", "null"},
         {"[1,1+2,\"a\"]", "[1,3,\"a\"]"},
         {"[]", "[]"},
         {"visitorId", "\"v1\""},
         {"nested.a.b", "5"},
         {"metadata.auto.lastvisit", "1700000000000"},
         {"metadata.auto__323232.firstvisit", "0"},
         {"metadata.custom.absent", "missing"},
         {"absent.a.b", "missing"},
         {"n.a", "missing"}});
}

TEST(SimulatorExpression, QuotesAndEscapes) {
  check({{R"("a\"b")", R"("a\"b")"},
         {R"("a\\b")", R"("a\\b")"},
         {R"("\n\t\r")", R"("\n\t\r")"},
         {R"("\u00fc\x41")", "\"\xC3\xBC" "A\""},
         {R"("\U0001F600")", "\"\xF0\x9F\x98\x80\""},
         {"\"`\"", "\"`\""},
         {"`a\"b`", R"("a\"b")"},
         {R"(`a\b`)", R"("a\\b")"},
         {R"(`a\`)", R"("a\\")"},
         {"\"line\nbreak\"", R"("line\nbreak")"},
         {R"("o"quote")", "no expression"},
         {R"("open)", "no expression"},
         {"`open", "no expression"},
         {R"("\q")", "no expression"},
         {R"("ends\")", "no expression"},
         {R"("\u12")", "no expression"},
         {"'a'", "no expression"}});
}

TEST(SimulatorExpression, WhatIsNoExpression) {
  check({{"", "no expression"},      {"   ", "no expression"},     {"1 +", "no expression"},
         {"(1", "no expression"},    {"1)", "no expression"},      {"1 2", "no expression"},
         {"a =  b", "no expression"}, {"a & b", "no expression"},  {"a.b.", "no expression"},
         {".a", "no expression"},    {"f(1)", "no expression"},    {"len()", "no expression"},
         {"len(1,2)", "no expression"}, {"[1,", "no expression"},  {"[1,]", "no expression"},
         {"list[", "no expression"}, {"1x", "no expression"},      {"a == ", "no expression"},
         {"a; b", "no expression"},  {"n in [7]", "no expression"}, {"#", "no expression"},
         {"if(true)", "no expression"}});
}

TEST(SimulatorExpression, PrecedenceIsThatOfC) {
  check({{"1 + 2 * 3", "7"},
         {"(1 + 2) * 3", "9"},
         {"10 - 4 - 3", "3"},
         {"100 / 10 / 2", "5"},
         {"7 % 4 * 2", "6"},
         {"-n + 1", "-6"},
         {"- -n", "7"},
         {"1 + 1 == 2", "true"},
         {"1 < 2 == true", "true"},
         {"true || false && false", "true"},
         {"(true || false) && false", "false"},
         {"!false && false", "false"},
         {"!(false && false)", "true"},
         {"n > 5 && n < 8 || false", "true"},
         {"1 == 1 && 2 == 2", "true"}});
}

TEST(SimulatorExpression, ArithmeticIsInFloats) {
  check({{"n / 2", "3.5"},
         {"6 / 3", "2"},
         {"0.1 + 0.2", "0.30000000000000004"},
         {"7 % 4", "3"},
         {"7.5 % 2", "1.5"},
         {"big + 0", "9007199254740992"},
         {"big", "9007199254740993"},
         {"f * 2", "5"},
         {"1 / 0", "null"},
         {"1 % 0", "null"},
         {"text + \"!\"", "null"},
         {"n + text", "null"},
         {"-text", "null"},
         {"-big", "-9007199254740992"},
         {"big * 1", "9007199254740992"},
         {"sum([big])", "9007199254740992"},
         {"list(big)", "[9007199254740993]"},
         {"if(yes, big)", "9007199254740993"},
         {"yes + 1", "null"}});
}

TEST(SimulatorExpression, NullRules) {
  check({{"null == null", "true"},
         {"null != null", "false"},
         {"nothing == null", "true"},
         {"absent == null", "true"},
         {"absent == nothing", "true"},
         {"null != false", "true"},
         {"null == false", "false"},
         {"null == 0", "false"},
         {"null == \"\"", "false"},
         {"n == null", "false"},
         {"n != null", "true"},
         {"null && true", "false"},
         {"true && null", "false"},
         {"null || true", "true"},
         {"null || false", "false"},
         {"!null", "null"},
         {"-null", "null"},
         {"null + 1", "null"},
         {"1 - absent", "null"},
         {"null > 1", "null"},
         {"null < 1", "null"},
         {"absent >= 1", "null"},
         {"\"a\" <= null", "null"},
         {"nothing[0]", "null"},
         {"list[null]", "null"},
         {"contains(null, \"a\")", "null"},
         {"startsWith(absent, \"a\")", "null"},
         {"toLowerCase(null)", "null"},
         {"len(null)", "null"},
         {"split(null, \",\")", "null"}});
}

TEST(SimulatorExpression, Comparisons) {
  check({{"n == 7", "true"},
         {"n == 7.0", "true"},
         {"n == \"7\"", "false"},
         {"n != \"7\"", "true"},
         {"text == \"Hello\"", "true"},
         {"text == \"hello\"", "false"},
         {"yes == true", "true"},
         {"yes == 1", "false"},
         {"list == [10,20,30,40]", "true"},
         {"list == [10,20]", "false"},
         {"none == []", "true"},
         {"list != [10]", "null"},
         {"n < 8", "true"},
         {"n <= 7", "true"},
         {"n > 7", "false"},
         {"n >= 7", "true"},
         {"\"a\" < \"b\"", "true"},
         {"\"B\" < \"a\"", "true"},
         {"\"a\" < \"aa\"", "true"},
         {"\"\" < \"a\"", "true"},
         {"\"z\" < \"\xC3\xBC\"", "true"},
         {"\"\xEF\xBF\xBD\" < \"\xF0\x9F\x98\x80\"", "true"},
         {"\"10\" > 9", "null"},
         {"yes > no", "null"},
         {"list > 1", "null"}});
}

TEST(SimulatorExpression, IndexAndSlice) {
  check({{"list[0]", "10"},       {"list[3]", "40"},           {"list[-1]", "40"},
         {"list[-4]", "10"},      {"list[4]", "null"},         {"list[-5]", "null"},
         {"list[1:3]", "[20,30]"}, {"list[1:]", "[20,30,40]"}, {"list[:2]", "[10,20]"},
         {"list[:]", "[10,20,30,40]"}, {"list[-2:]", "[30,40]"}, {"list[:-1]", "[10,20,30]"},
         {"list[3:1]", "[]"},     {"list[1:99]", "[20,30,40]"}, {"list[1:3][0]", "20"},
         {"rows[1].x", "2"},      {"rows[5].x", "missing"},    {"text[0]", "null"},
         {"[1,2,3][1]", "2"}});
}

TEST(SimulatorExpression, FunctionsOnTypes) {
  check({{"if(yes, 1, 2)", "1"},
         {"if(no, 1, 2)", "2"},
         {"if(null, 1, 2)", "2"},
         {"if(no, 1)", "null"},
         {"if(isNull(absent), 0, absent)", "0"},
         {"isNull(absent)", "true"},
         {"isNull(nothing)", "true"},
         {"isNull(n)", "false"},
         {"!isNull(n)", "true"},
         {"isNil(nothing)", "true"},
         {"isBoolean(no)", "true"},
         {"isBoolean(n)", "false"},
         {"isNumber(f)", "true"},
         {"isNumber(n)", "true"},
         {"isNumber(text)", "false"},
         {"isString(blank)", "true"},
         {"isString(null)", "false"},
         {"isList(none)", "true"},
         {"isList(text)", "false"},
         {"isEmpty(blank)", "true"},
         {"isEmpty(none)", "true"},
         {"isEmpty(null)", "true"},
         {"isEmpty(text)", "false"},
         {"isEmpty(0)", "false"}});
}

TEST(SimulatorExpression, FunctionsOnStringsAndLists) {
  check({{"contains(text, \"ell\")", "true"},
         {"contains(text, \"ELL\")", "false"},
         {"contains(text, \"\")", "true"},
         {"contains(words, \"a\")", "true"},
         {"contains(words, \"c\")", "false"},
         {"contains(words, \"\")", "false"},
         {"contains([\"v0\",\"v1\"], visitorId)", "true"},
         {"contains([1,2], n)", "false"},
         {"contains([null], absent)", "true"},
         {"startsWith(text, \"He\")", "true"},
         {"startsWith(text, \"he\")", "false"},
         {"split(\"a,b,,c\", \",\")", "[\"a\",\"b\",\"\",\"c\"]"},
         {"split(\"ab\", \"\")", "[\"a\",\"b\"]"},
         {"split(\"ab\", \"x\")", "[\"ab\"]"},
         {"toLowerCase(text)", "\"hello\""},
         {"toLowerCase(\"\xC3\x9C \xCE\xA3\xD0\x96 \xC4\xB0\")", "\"\xC3\xBC \xCF\x83\xD0\xB6 i\""},
         {"toString(n)", "\"7\""},
         {"toString(f)", "\"2.5\""},
         {"toString(text)", "\"Hello\""},
         {"toString(yes)", "\"true\""},
         {"len(list)", "4"},
         {"len(none)", "0"},
         {"len(text)", "5"},
         {"len(\"\xC3\xBC\")", "2"},
         {"len(n)", "null"},
         {"list(1, absent, \"a\")", "[1,null,\"a\"]"},
         {"list()", "[]"},
         {"listInRange(list, 20, 30)", "[20,30]"},
         {"listInRange(words, \"a\", \"b\")", "[]"},
         {"reverse(words)", "[\"b\",\"a\",\"b\"]"},
         {"reverse(list)", "[40,30,20,10]"},
         {"sortUnique(words)", "[\"a\",\"b\"]"},
         {"sortUnique([3,1,2,1])", "[1,2,3]"},
         {"sum(list)", "100"},
         {"sum([1,\"a\",2])", "3"},
         {"sum([])", "0"},
         {"hash(\"0\") == hash(\"0\")", "true"},
         {"hash(\"0\") == hash(\"1\")", "false"},
         {"identified(visitorId)", "true"},
         {"identified(\"_PENDO_T_abc\")", "false"},
         {"identified(\"VISITOR-UNIQUE-ID\")", "false"},
         {"identified(\"\")", "false"},
         {"identified(absent)", "false"},
         {"childAccountId(\"p::c\")", "\"c\""},
         {"childAccountId(\"p\")", "null"},
         {"parentAccountId(\"p::c\")", "\"p\""},
         {"parentAccountId(\"p\")", "\"p\""},
         {"parentAccountId(absent)", "null"},
         {"eventSubType(\"guideSeen\")", "\"guideSeen\""},
         {"eventSubType(absent)", "null"},
         {"expandAppIds(\"*\")", "[-323232,6561780136607744]"},
         {"expandAppIds(\"web\")", "[-323232]"},
         {"expandAppIds(\"mobile\")", "[6561780136607744]"},
         {"expandAppIds(\"web|ios\")", "[-323232,6561780136607744]"},
         {"expandAppIds(\"android\")", "[]"}});
}

TEST(SimulatorExpression, FunctionsOnTimes) {
  ExpressionRules rules;
  rules.now_ms = 1'735'689'600'000;  // 2025-01-01T00:00Z
  check({{"now()", "1735689600000"},
         {"now() - 30*1000*60*60*24", "1733097600000"},
         {"date(2025,1,1)", "1735689600000"},
         {"date(2025,1,1,12,30,15)", "1735734615000"},
         {"date(2024,12,32)", "1735689600000"},
         {"date(2025)", "1735689600000"},
         {"date(2025,7)", "1751328000000"},
         {"date(2025,1,1,0,0,1,500000000)", "1735689601500"},
         {"date(\"2025\")", "1735689600000"},
         {"date(\"2025-07\")", "1751328000000"},
         {"date(\"2025-01-02\")", "1735776000000"},
         {"date(\"2025-01-01T12:30\")", "1735734600000"},
         {"date(\"2025-01-01T12:30:15\")", "1735734615000"},
         {"date(\"2025-01-01T12:30:15.250\")", "1735734615250"},
         {"date(\"2025-13\")", "null"},
         {"date(\"2025-1-2\")", "null"},
         {"date(\"yesterday\")", "null"},
         {"date(absent)", "null"},
         {"dateAdd(now(), -7, \"days\")", "1735084800000"},
         {"dateAdd(now(), 1, \"hours\")", "1735693200000"},
         {"dateAdd(now(), 1, \"months\")", "1738368000000"},
         {"dateAdd(now(), 2, \"weeks\")", "1736899200000"},
         {"dateAdd(now(), 1, \"quarters\")", "1743465600000"},
         {"dateAdd(now(), 1, \"years\")", "1767225600000"},
         {"dateAdd(now(), 1, \"fortnights\")", "null"},
         {"dateDist(date(2025,1,1), date(2025,1,15), \"days\")", "14"},
         {"dateDist(date(2025,1,1), date(2025,4,1), \"months\")", "3"},
         {"startOfPeriod(\"daily\", date(2025,1,1,13))", "1735689600000"},
         {"startOfPeriod(\"dayRange\", date(2025,1,1,13))", "1735689600000"},
         {"startOfPeriod(\"weekly\", date(2025,1,1))", "1735430400000"},
         {"startOfPeriod(\"monthly\", date(2025,1,31))", "1735689600000"},
         {"formatTime(\"2006-01-02\", now())", "\"2025-01-01\""},
         {"formatTime(\"Mon Jan 2 15:04:05 2006\", now())", "\"Wed Jan 1 00:00:00 2025\""},
         {"formatTime(\"2006\", absent)", "null"}},
        rules);
  rules.zone_minutes = -300;
  check({{"date(2025,1,1)", "1735707600000"},
         {"startOfPeriod(\"daily\", now())", "1735621200000"},
         {"formatTime(\"2006-01-02 15:04\", now())", "\"2024-12-31 19:00\""}},
        rules);
}

TEST(SimulatorExpression, DepthIsBounded) {
  std::string brackets(100'000, '(');
  EXPECT_EQ(evaluated(brackets + "1"), "no expression");
  EXPECT_EQ(evaluated(std::string(100'000, '!') + "true"), "no expression");
  EXPECT_EQ(evaluated(std::string(100'000, '[')), "no expression");
  std::string sum = "1";
  for (int i = 0; i < 100'000; ++i) sum += "+1";
  EXPECT_EQ(evaluated(sum), "no expression");
  std::string indexes = "list";
  for (int i = 0; i < 100'000; ++i) indexes += "[0]";
  EXPECT_EQ(evaluated(indexes), "no expression");
}

TEST(SimulatorExpression, ThousandsOfAlternativesAreNoDepth) {
  std::string ids = "visitorId==\"x\"";
  for (int i = 0; i < 20'000; ++i) ids += "||visitorId==\"v" + std::to_string(i) + "\"";
  EXPECT_EQ(evaluated(ids), "true");
}

TEST(SimulatorExpression, EachFunctionNamesItself) {
  for (const auto& function : function_table()) {
    EXPECT_EQ(find_function(function.name), &function) << function.name;
    EXPECT_EQ(find_function(std::string(function.name) + "x"), nullptr);
  }
}

TEST(SimulatorExpression, FilterKeepsWhatIsTrueOnly) {
  ExpressionRules rules;
  std::string error;
  Value row = parse(kRow);
  auto keeps = [&](std::string_view text) { return is_true(*parse_expression(text, rules, error), row, rules); };
  EXPECT_TRUE(keeps("n > 5"));
  EXPECT_FALSE(keeps("n > 8"));
  EXPECT_FALSE(keeps("absent > 5"));
  EXPECT_FALSE(keeps("1"));
  EXPECT_FALSE(keeps("\"true\""));
  EXPECT_FALSE(keeps("null"));
}

}  // namespace
}  // namespace simulator
