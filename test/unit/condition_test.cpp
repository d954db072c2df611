// Conditions and the filters that they become. That these let the right rows
// through, whatever Pendo's rules are, is what test/differential shows.
#include "condition.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace pendo {
namespace {

constexpr FilterField kText{"t", ColumnType::kText, false, false};
constexpr FilterField kStrictText{"t", ColumnType::kText, true, false};
constexpr FilterField kInt{"n", ColumnType::kInt, false, false};
constexpr FilterField kStrictInt{"n", ColumnType::kInt, true, false};
constexpr FilterField kFloat{"n", ColumnType::kFloat, true, false};
constexpr FilterField kNumber{"n", ColumnType::kNumber, true, false};
constexpr FilterField kTime{"d", ColumnType::kTime, true, false};
constexpr FilterField kLooseTime{"d", ColumnType::kTime, false, false};
constexpr FilterField kBool{"b", ColumnType::kBool, false, false};
constexpr FilterField kStrictBool{"b", ColumnType::kBool, true, false};
constexpr FilterField kJson{"j", ColumnType::kJson, false, false};

// "*": every row, "-": none.
std::string text_of(const Condition& condition) {
  Filter filter = filter_of(condition);
  if (filter.kind == Filter::Kind::kAll) return "*";
  return filter.kind == Filter::Kind::kNone ? "-" : filter.text;
}

Condition of(ConditionKind kind, const FilterField& field, const std::vector<Value>& values, Comparison op = Comparison::kEqual) {
  Condition condition;
  condition.kind = kind;
  condition.field = field;
  condition.op = op;
  condition.values = values.data();
  condition.value_count = static_cast<int>(values.size());
  return condition;
}

std::string compared(const FilterField& field, Comparison op, Value value) {
  return text_of(of(ConditionKind::kCompare, field, {value}, op));
}

std::string one(ConditionKind kind, const FilterField& field, std::vector<Value> values = {}) {
  return text_of(of(kind, field, values));
}

TEST(Condition, EqualTextIsAskedForAsItIs) {
  EXPECT_EQ(compared(kText, Comparison::kEqual, Value::of_text("pro")), R"((isString(t) && t == "pro"))");
  EXPECT_EQ(compared(kText, Comparison::kEqual, Value::of_text("a\"b\\c`'")), R"((isString(t) && t == "a\"b\\c`'"))");
  EXPECT_EQ(compared(kText, Comparison::kEqual, Value::of_text("")), R"((isString(t) && t == ""))");
}

TEST(Condition, TextThatJsonCouldReadAsLetsOtherTypesThrough) {
  constexpr std::string_view others = R"( || !(isString(t) || t == null)))";
  for (auto text : {"5", "-1", "true", "false", "[1]", "{}"}) {
    std::string expected = "((isString(t) && t == \"" + std::string(text) + "\")" + std::string(others);
    EXPECT_EQ(compared(kText, Comparison::kEqual, Value::of_text(text)), expected);
    EXPECT_EQ(compared(kStrictText, Comparison::kEqual, Value::of_text(text)), "t == \"" + std::string(text) + "\"");
  }
  EXPECT_EQ(compared(kText, Comparison::kEqual, Value::of_text("truth")), R"((isString(t) && t == "truth"))");
}

TEST(Condition, DifferentTextDoesNotRelyOnCase) {
  EXPECT_EQ(compared(kText, Comparison::kNotEqual, Value::of_text("x")),
            R"((!(t == null) && (!(isString(t) && t == "x") || "A" == "a")))");
  EXPECT_EQ(one(ConditionKind::kDistinct, kText, {Value::of_text("x")}), R"((!(isString(t) && t == "x") || "A" == "a"))");
}

TEST(Condition, OrderOfTextDoesNotRelyOnBytes) {
  EXPECT_EQ(compared(kStrictText, Comparison::kGreater, Value::of_text("x")), R"((t > "x" || !("B" < "a")))");
  EXPECT_EQ(compared(kText, Comparison::kLessEqual, Value::of_text("x")),
            R"(((isString(t) && (t <= "x" || !("B" < "a"))) || !(isString(t) || t == null)))");
}

TEST(Condition, TextThatPendoMightReadDifferentlyIsNotSent) {
  EXPECT_EQ(compared(kText, Comparison::kEqual, Value::of_text("a\nb")), "*");
  EXPECT_EQ(compared(kText, Comparison::kNotEqual, Value::of_text("\x01")), "*");
  EXPECT_EQ(compared(kText, Comparison::kEqual, Value::of_text("\xff")), "*");
  EXPECT_EQ(compared(kText, Comparison::kEqual, Value::of_text(std::string(9000, 'x'))), "*");
}

TEST(Condition, NumbersLetNumericStringsThrough) {
  EXPECT_EQ(compared(kInt, Comparison::kEqual, Value::of_int(5)), "((isNumber(n) && n == 5) || isString(n))");
  EXPECT_EQ(compared(kInt, Comparison::kGreater, Value::of_int(-5)), "((isNumber(n) && n > -5) || isString(n))");
  EXPECT_EQ(compared(kStrictInt, Comparison::kGreater, Value::of_int(5)), "n > 5");
  EXPECT_EQ(compared(kStrictInt, Comparison::kNotEqual, Value::of_int(5)), "(isNumber(n) && !(isNumber(n) && n == 5))");
}

TEST(Condition, BeyondFloatsBordersAreWidened) {
  constexpr std::int64_t big = (1ll << 53) + 1;
  EXPECT_EQ(compared(kStrictInt, Comparison::kGreater, Value::of_int(big)), "n >= 9007199254740991");
  EXPECT_EQ(compared(kStrictInt, Comparison::kLess, Value::of_int(-big)), "n <= -9007199254740991");
  EXPECT_EQ(compared(kStrictInt, Comparison::kEqual, Value::of_int(big)), "(n >= 9007199254740991 && n <= 9007199254740994)");
  EXPECT_EQ(one(ConditionKind::kAnyOf, kStrictInt, {Value::of_int(1), Value::of_int(big)}), "*");
  EXPECT_EQ(compared(kStrictInt, Comparison::kNotEqual, Value::of_int(big)), "isNumber(n)");
  EXPECT_EQ(one(ConditionKind::kDistinct, kStrictInt, {Value::of_int(big)}), "*");
  EXPECT_EQ(compared(kNumber, Comparison::kGreater, Value::of_number("0.1")), "n >= 0.1");
  EXPECT_EQ(compared(kNumber, Comparison::kNotEqual, Value::of_number("0.1")), "isNumber(n)");
}

TEST(Condition, FloatsHaveNoExponent) {
  EXPECT_EQ(compared(kFloat, Comparison::kLess, Value::of_float(1e22)), "n <= 10000000000000002097152");
  EXPECT_EQ(compared(kFloat, Comparison::kEqual, Value::of_float(-0.0)), "n == 0");
  EXPECT_EQ(compared(kFloat, Comparison::kEqual, Value::of_float(1e-7)), "n == 0.0000001");
  std::string smallest = compared(kFloat, Comparison::kEqual, Value::of_float(5e-324));
  EXPECT_EQ(smallest.find('e'), std::string::npos);
  EXPECT_EQ(std::strtod(smallest.c_str() + 5, nullptr), 5e-324);
}

TEST(Condition, NothingLiesBeyondTheLastDouble) {
  constexpr double last = std::numeric_limits<double>::max();
  EXPECT_EQ(compared(kFloat, Comparison::kLessEqual, Value::of_float(last)), "isNumber(n)");
  EXPECT_EQ(compared(kFloat, Comparison::kGreaterEqual, Value::of_float(-last)), "isNumber(n)");
  std::string equal = compared(kFloat, Comparison::kEqual, Value::of_float(last));
  EXPECT_TRUE(equal.starts_with("(n >= 1797693") && equal.ends_with(" && isNumber(n))")) << equal;
}

TEST(Condition, NothingReachesInfinity) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (double high : {infinity, std::nan("")}) {
    EXPECT_EQ(compared(kFloat, Comparison::kLess, Value::of_float(high)), "isNumber(n)");
    EXPECT_EQ(compared(kFloat, Comparison::kGreaterEqual, Value::of_float(high)), "-");
    EXPECT_EQ(compared(kFloat, Comparison::kEqual, Value::of_float(high)), "-");
    EXPECT_EQ(compared(kFloat, Comparison::kNotEqual, Value::of_float(high)), "isNumber(n)");
  }
  EXPECT_EQ(compared(kFloat, Comparison::kGreater, Value::of_float(-infinity)), "isNumber(n)");
  EXPECT_EQ(compared(kTime, Comparison::kLessEqual, Value::of_time(kTimeMinusInfinity)), "-");
  EXPECT_EQ(compared(kTime, Comparison::kLess, Value::of_time(kTimeInfinity)), "isNumber(d)");
}

TEST(Condition, TimesAreMillisecondsWithAFraction) {
  EXPECT_EQ(compared(kTime, Comparison::kGreater, Value::of_time(1'463'547'077'029'000)), "d > 1463547077029");
  EXPECT_EQ(compared(kTime, Comparison::kGreater, Value::of_time(1'463'547'077'029'001)), "d > 1463547077029.001");
  EXPECT_EQ(compared(kTime, Comparison::kLess, Value::of_time(-1)), "d < -0.001");
  EXPECT_EQ(compared(kTime, Comparison::kLess, Value::of_time(-1'500)), "d < -1.500");
  EXPECT_EQ(compared(kLooseTime, Comparison::kEqual, Value::of_time(1000)), "((isNumber(d) && d == 1) || isString(d))");
}

TEST(Condition, BooleansAreTrueFalseOrNeither) {
  EXPECT_EQ(compared(kBool, Comparison::kEqual, Value::of_bool(true)), "((isBoolean(b) && b == true) || isString(b))");
  EXPECT_EQ(compared(kStrictBool, Comparison::kNotEqual, Value::of_bool(true)), "b == false");
  EXPECT_EQ(one(ConditionKind::kNotTrue, kBool), "!(isBoolean(b) && b == true)");
  EXPECT_EQ(one(ConditionKind::kNotFalse, kBool), "!(isBoolean(b) && b == false)");
}

TEST(Condition, NullIsWhatHasNoValue) {
  EXPECT_EQ(one(ConditionKind::kNull, kText), "!(isString(t) || isNumber(t) || isBoolean(t) || isList(t))");
  EXPECT_EQ(one(ConditionKind::kNotNull, kText), "!(t == null)");
  EXPECT_EQ(one(ConditionKind::kNull, kStrictInt), "!isNumber(n)");
  EXPECT_EQ(one(ConditionKind::kNotNull, kStrictText), "isString(t)");
  FilterField bad_is_null = kInt;
  bad_is_null.bad_is_null = true;
  EXPECT_EQ(one(ConditionKind::kNull, bad_is_null), "*");
}

TEST(Condition, ComparingWithNullFindsNothing) {
  EXPECT_EQ(compared(kText, Comparison::kEqual, Value::null()), "-");
  EXPECT_EQ(compared(kText, Comparison::kNotEqual, Value::null()), "-");
  EXPECT_EQ(one(ConditionKind::kDistinct, kStrictInt, {Value::null()}), "isNumber(n)");
  EXPECT_EQ(one(ConditionKind::kNotDistinct, kStrictInt, {Value::null()}), "!isNumber(n)");
}

TEST(Condition, ListsAreChains) {
  EXPECT_EQ(one(ConditionKind::kAnyOf, kText, {Value::of_text("a"), Value::null(), Value::of_text("b")}), R"((isString(t) && (t == "a" || t == "b")))");
  EXPECT_EQ(one(ConditionKind::kAnyOf, kInt, {Value::of_int(1)}), "((isNumber(n) && n == 1) || isString(n))");
  EXPECT_EQ(one(ConditionKind::kAnyOf, kInt, {Value::null()}), "-");
  EXPECT_EQ(one(ConditionKind::kAnyOf, kInt), "-");
  EXPECT_EQ(one(ConditionKind::kNoneOf, kInt), "*");
  EXPECT_EQ(one(ConditionKind::kNoneOf, kInt, {Value::of_int(1), Value::null()}), "-");
  EXPECT_EQ(one(ConditionKind::kNoneOf, kStrictInt, {Value::of_int(1), Value::of_int(2)}),
            "(isNumber(n) && !(isNumber(n) && (n == 1 || n == 2)))");
  EXPECT_EQ(one(ConditionKind::kNoneOf, kInt, {Value::of_int(1)}), "(!(n == null) && !(isNumber(n) && (n == 1)))");
  EXPECT_EQ(one(ConditionKind::kAnyOf, kInt, std::vector<Value>(20'000, Value::of_int(1))), "*");
}

TEST(Condition, PatternsLookAtStrings) {
  EXPECT_EQ(one(ConditionKind::kStartsWith, kText, {Value::of_text("ab")}), R"((isString(t) && startsWith(t, "ab")))");
  EXPECT_EQ(one(ConditionKind::kStartsWith, kText, {Value::of_text("tr")}),
            R"(((isString(t) && startsWith(t, "tr")) || !(isString(t) || t == null)))");
  EXPECT_EQ(one(ConditionKind::kContains, kStrictText, {Value::of_text("ab")}), R"((isString(t) && contains(t, "ab")))");
}

TEST(Condition, AndDropsWhatCannotBeSaidAndOrDoesNot) {
  std::vector<Value> five{Value::of_int(5)};
  Condition parts[] = {of(ConditionKind::kCompare, kStrictInt, five), of(ConditionKind::kAnything, kText, {}),
                       of(ConditionKind::kNotNull, kText, {})};
  Condition whole;
  whole.parts = parts;
  whole.part_count = 3;
  whole.kind = ConditionKind::kAnd;
  EXPECT_EQ(text_of(whole), "(n == 5 && !(t == null))");
  whole.kind = ConditionKind::kOr;
  EXPECT_EQ(text_of(whole), "*");
  std::vector<Value> null{Value::null()};
  parts[1] = of(ConditionKind::kCompare, kText, null);
  EXPECT_EQ(text_of(whole), "(n == 5 || !(t == null))");
  whole.kind = ConditionKind::kAnd;
  EXPECT_EQ(text_of(whole), "-");
}

TEST(Condition, JsonColumnsAreNullOrNot) {
  EXPECT_EQ(one(ConditionKind::kNotNull, kJson), "!(j == null)");
  EXPECT_EQ(compared(kJson, Comparison::kEqual, Value::of_text("x")), "*");
}

bool exact(ConditionKind kind, const FilterField& field, std::vector<Value> values, Comparison op = Comparison::kEqual) {
  return is_exact(of(kind, field, values, op));
}

TEST(Condition, OnlyStrictColumnsAreExact) {
  EXPECT_TRUE(exact(ConditionKind::kCompare, kStrictInt, {Value::of_int(5)}));
  EXPECT_FALSE(exact(ConditionKind::kCompare, kInt, {Value::of_int(5)}));
  EXPECT_TRUE(exact(ConditionKind::kNull, kStrictText, {}));
  EXPECT_TRUE(exact(ConditionKind::kCompare, kTime, {Value::of_time(1'463'547'077'029'001)}, Comparison::kLess));
  EXPECT_TRUE(exact(ConditionKind::kCompare, kTime, {Value::of_time(kTimeInfinity)}, Comparison::kLess));
}

TEST(Condition, WhatFloatsCannotTellApartIsNotExact) {
  EXPECT_FALSE(exact(ConditionKind::kCompare, kStrictInt, {Value::of_int(1ll << 53)}));
  EXPECT_FALSE(exact(ConditionKind::kCompare, kNumber, {Value::of_number("1")}));
  EXPECT_FALSE(exact(ConditionKind::kCompare, kTime, {Value::of_time((1ll << 60) + 1)}));
  EXPECT_TRUE(exact(ConditionKind::kCompare, kTime, {Value::of_time(253'402'214'400'000'000)}));
  EXPECT_FALSE(exact(ConditionKind::kAnyOf, kStrictInt, {Value::of_int(1), Value::of_int(1ll << 60)}));
}

TEST(Condition, BooleansHaveNoOrderInPendo) {
  EXPECT_EQ(compared(kStrictBool, Comparison::kGreater, Value::of_bool(false)), "*");
  EXPECT_FALSE(exact(ConditionKind::kCompare, kStrictBool, {Value::of_bool(false)}, Comparison::kGreater));
}

TEST(Condition, TextIsNeverExact) {
  EXPECT_FALSE(exact(ConditionKind::kCompare, kStrictText, {Value::of_text("x")}));
  EXPECT_FALSE(exact(ConditionKind::kStartsWith, kStrictText, {Value::of_text("x")}));
}

}  // namespace
}  // namespace pendo
