// From JSON values to column values, by tables: what converts, what is bad.
#include "convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "json_text.h"

namespace pendo {
namespace {

Cell number(std::string_view text) { return {CellKind::kNumber, text, {}}; }
Cell boolean(bool value) { return {CellKind::kBool, value ? "true" : "false", {}}; }
Cell json(std::string_view text) { return {CellKind::kJson, text, {}}; }
// `quoted` as in a record; good for strings without escapes.
Cell string(std::string_view quoted) { return {CellKind::kString, quoted.substr(1, quoted.size() - 2), quoted}; }
// Any text; only its decoded form is there.
Cell text(std::string_view decoded) { return {CellKind::kString, decoded, {}}; }

// A value in one line, to compare and to print.
std::string shown(const Value& value) {
  switch (value.kind) {
    case ValueKind::kNull:
      return "null";
    case ValueKind::kBool:
      return value.boolean ? "bool true" : "bool false";
    case ValueKind::kInt:
      return "int " + std::to_string(value.integer);
    case ValueKind::kFloat:
      return "float " + std::to_string(value.real);
    case ValueKind::kNumber:
      return "number " + std::string(value.text);
    case ValueKind::kTime:
      return "time " + std::to_string(value.integer);
    case ValueKind::kText:
      return "text " + std::string(value.text);
    case ValueKind::kJson:
      return "json " + std::string(value.text);
    case ValueKind::kSymbol:
      return "symbol";
    case ValueKind::kBad:
      EXPECT_FALSE(value.text.empty()) << "a bad value says why";
      return "bad";
  }
  return "?";
}

std::string many(std::string_view before, std::size_t count, char c, std::string_view after) {
  std::string text(before);
  text.append(count, c);
  return text.append(after);
}

struct Case {
  Cell cell;
  std::string expected;
};

void check(ColumnType type, std::initializer_list<Case> cases) {
  for (const auto& c : cases) EXPECT_EQ(shown(convert(c.cell, type)), c.expected) << std::string(c.cell.text.substr(0, 80));
}

TEST(Convert, NullIsNullForEveryType) {
  for (auto type : {ColumnType::kText, ColumnType::kBool, ColumnType::kInt, ColumnType::kFloat, ColumnType::kNumber,
                    ColumnType::kTime, ColumnType::kJson}) {
    EXPECT_EQ(shown(convert({}, type)), "null");
  }
}

TEST(Convert, TextTakesEverythingAsItsJsonText) {
  check(ColumnType::kText, {
      {string(R"("a b")"), "text a b"},
      {string(R"("")"), "text "},
      {text("Zürich 東京 ퟿ 😀"), "text Zürich 東京 ퟿ 😀"},
      {number("1.50"), "text 1.50"},
      {number("-0e5"), "text -0e5"},
      {number("1e400"), "text 1e400"},
      {boolean(true), "text true"},
      {boolean(false), "text false"},
      {json(R"(["a", 1])"), R"(text ["a", 1])"},
      {json(R"({"a":"\u0000"})"), R"(text {"a":"\u0000"})"},
  });
}

TEST(Convert, TextRefusesCharactersThatPostgresqlCannotHold) {
  check(ColumnType::kText, {
      {text(std::string_view("a\0b", 3)), "bad"},
      {text(std::string_view("\0", 1)), "bad"},
      {text("a\xed\xb0\x80"), "bad"},
      {text("\xed\x9f\xbf\xed\xa0\x80"), "bad"},
  });
}

TEST(Convert, BooleanTakesTrueAndFalseOnly) {
  check(ColumnType::kBool, {
      {boolean(true), "bool true"},
      {boolean(false), "bool false"},
      {text("true"), "bool true"},
      {text("FALSE"), "bool false"},
      {text("True"), "bool true"},
      {text(""), "bad"},
      {text(" true"), "bad"},
      {text("true\n"), "bad"},
      {text("t"), "bad"},
      {text("yes"), "bad"},
      {text("1"), "bad"},
      {text("TRU\x05"), "bad"},
      {number("0"), "bad"},
      {number("1"), "bad"},
      {json("[true]"), "bad"},
      {json("{}"), "bad"},
  });
}

TEST(Convert, IntegerTakesWholeNumbersInRange) {
  check(ColumnType::kInt, {
      {number("0"), "int 0"},
      {number("-0"), "int 0"},
      {number("42"), "int 42"},
      {number("-42"), "int -42"},
      {number("999999999999999999"), "int 999999999999999999"},
      {number("9223372036854775807"), "int 9223372036854775807"},
      {number("-9223372036854775808"), "int -9223372036854775808"},
      {number("9007199254740993"), "int 9007199254740993"},
      {number("5.0"), "int 5"},
      {number("5e2"), "int 500"},
      {number("5E+2"), "int 500"},
      {number("500e-2"), "int 5"},
      {number("1.5e1"), "int 15"},
      {number("922337203685477580.7e1"), "int 9223372036854775807"},
      {number("0e999999999999"), "int 0"},
      {number("0.000e-99999999999"), "int 0"},
      {text("42"), "int 42"},
      {text("-5.0"), "int -5"},
  });
}

TEST(Convert, IntegerRefusesWhatWouldLoseOrBeAGuess) {
  check(ColumnType::kInt, {
      {number("5.5"), "bad"},
      {number("5e-1"), "bad"},
      {number("1e-999999999999"), "bad"},
      {number("9223372036854775808"), "bad"},
      {number("-9223372036854775809"), "bad"},
      {number("1e19"), "bad"},
      {number("1e999999999999"), "bad"},
      {number("18446744073709551616"), "bad"},
      {text(""), "bad"},
      {text(" 42"), "bad"},
      {text("42 "), "bad"},
      {text("+42"), "bad"},
      {text("042"), "bad"},
      {text("0x10"), "bad"},
      {text("1_000"), "bad"},
      {text("-"), "bad"},
      {text("forty"), "bad"},
      {text(std::string_view("42\0", 3)), "bad"},
      {boolean(true), "bad"},
      {json("[1]"), "bad"},
  });
}

TEST(Convert, IntegerOfAHugeNumberOfDigits) {
  std::string zeros(200'000, '0');
  check(ColumnType::kInt, {
      {number("1" + zeros + "e-200000"), "int 1"},
      {number("7." + zeros), "int 7"},
      {number("1" + zeros), "bad"},
      {number("0." + zeros + "1"), "bad"},
  });
}

TEST(Convert, FloatTakesWhatADoubleHolds) {
  EXPECT_EQ(convert(number("0.1"), ColumnType::kFloat).real, 0.1);
  EXPECT_EQ(convert(number("1.7976931348623157e308"), ColumnType::kFloat).real, std::numeric_limits<double>::max());
  EXPECT_EQ(convert(number("5e-324"), ColumnType::kFloat).real, std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(convert(number("9007199254740993"), ColumnType::kFloat).real, 9007199254740992.0);
  EXPECT_EQ(convert(text("-2.5e3"), ColumnType::kFloat).real, -2500);
  EXPECT_TRUE(std::signbit(convert(number("-0"), ColumnType::kFloat).real));
  check(ColumnType::kFloat, {
      {number("1e400"), "bad"},
      {number("-1e400"), "bad"},
      {number("1e-400"), "bad"},
      {text("1e400"), "bad"},
      {text("NaN"), "bad"},
      {text("Infinity"), "bad"},
      {text("inf"), "bad"},
      {text("0x1p3"), "bad"},
      {text(".5"), "bad"},
      {text("5."), "bad"},
      {text(" 5"), "bad"},
      {text(""), "bad"},
      {boolean(false), "bad"},
      {json("[]"), "bad"},
  });
}

TEST(Convert, NumberKeepsEveryDigit) {
  check(ColumnType::kNumber, {
      {number("1.50"), "number 1.50"},
      {number("-123456789012345678901234567890.123"), "number -123456789012345678901234567890.123"},
      {number("1e10000"), "number 1e10000"},
      {number("1E-10000"), "number 1E-10000"},
      {number("0e0"), "number 0e0"},
      {text("42.10"), "number 42.10"},
      {number("1e10001"), "bad"},
      {number("1e-10001"), "bad"},
      {number("1e99999999999999999999"), "bad"},
      {text("NaN"), "bad"},
      {text(""), "bad"},
      {text("1,5"), "bad"},
      {boolean(true), "bad"},
      {json("{}"), "bad"},
  });
}

TEST(Convert, NumberRefusesMoreThanANumericHolds) {
  EXPECT_EQ(convert(number(std::string(100'000, '9')), ColumnType::kNumber).kind, ValueKind::kNumber);
  EXPECT_EQ(convert(number(std::string(100'001, '9')), ColumnType::kNumber).kind, ValueKind::kBad);
  // PostgreSQL: at most 16383 digits after the decimal point
  EXPECT_EQ(convert(number("0." + std::string(16'383, '1')), ColumnType::kNumber).kind, ValueKind::kNumber);
  EXPECT_EQ(convert(number("0." + std::string(16'384, '1')), ColumnType::kNumber).kind, ValueKind::kBad);
  EXPECT_EQ(convert(number("0." + std::string(16'384, '1') + "e1"), ColumnType::kNumber).kind, ValueKind::kNumber);
  EXPECT_EQ(convert(number("0." + std::string(6'384, '1') + "e-10000"), ColumnType::kNumber).kind, ValueKind::kBad);
}

TEST(Convert, TimeTakesMillisecondsSince1970) {
  check(ColumnType::kTime, {
      {number("0"), "time 0"},
      {number("1463547077029"), "time 1463547077029000"},
      {number("-1"), "time -1000"},
      {number("1.5"), "time 1500"},
      {number("1.001"), "time 1001"},
      {number("1.4635e12"), "time 1463500000000000"},
      {text("1463547077029"), "time 1463547077029000"},
      {text("-5"), "time -5000"},
      {text("0"), "time 0"},
      {number("1.0001"), "bad"},
      {number("1e-4"), "bad"},
  });
}

TEST(Convert, TimeStaysWithinTimestamptz) {
  check(ColumnType::kTime, {
      {number("-210866803200000"), "time -210866803200000000"},
      {number("-210866803200001"), "bad"},
      {number("-210866803200000.001"), "bad"},
      {number("9223372036854775.807"), "time 9223372036854775807"},
      {number("9223372036854775.808"), "bad"},
      {number("1e16"), "bad"},
      {number("1e400"), "bad"},
      {text("1e999999999999"), "bad"},
  });
}

TEST(Convert, TimeTakesIsoDates) {
  check(ColumnType::kTime, {
      {text("1970-01-01"), "time 0"},
      {text("2006-01-02"), "time 1136160000000000"},
      {text("2006-01-02T15:04:05Z"), "time 1136214245000000"},
      {text("2006-01-02T15:04:05"), "time 1136214245000000"},
      {text("2006-01-02 15:04:05"), "time 1136214245000000"},
      {text("2006-01-02T15:04:05.999-05:00"), "time 1136232245999000"},
      {text("2006-01-02T15:04:05-0700"), "time 1136239445000000"},
      {text("2006-01-02T15:04:05+05:30"), "time 1136194445000000"},
      {text("2006-01-02 15:04:05 -0700"), "time 1136239445000000"},
      {text("2006-01-02 15:04:05 +00:00"), "time 1136214245000000"},
      {text("2006-01-02T15:04:05.99Z"), "time 1136214245990000"},
      {text("2006-01-02T15:04:05.123456Z"), "time 1136214245123456"},
      {text("2006-01-02T15:04:05.123456000000Z"), "time 1136214245123456"},
      {text("2006-01-02T15:04:05.5"), "time 1136214245500000"},
      {text("1969-12-31T23:59:59.999999Z"), "time -1"},
      {text("2000-02-29"), "time 951782400000000"},
      {text("2024-02-29T00:00:00Z"), "time 1709164800000000"},
      {text("0001-01-01T00:00:00Z"), "time -62135596800000000"},
      {text("9999-12-31T23:59:59Z"), "time 253402300799000000"},
      {text("1900-03-01"), "time -2203891200000000"},
  });
}

TEST(Convert, TimeRefusesWhatIsNoTimeOrAmbiguous) {
  check(ColumnType::kTime, {
      {text(""), "bad"},
      {text(" "), "bad"},
      {text("yesterday"), "bad"},
      {text("01/02/2006 03:04pm"), "bad"},
      {text("Mon Jan 02 2006"), "bad"},
      {text("Mon Jan 02 2006 15:04:05 MST-0700"), "bad"},
      {text("2006-01-02 15:04:05 MST"), "bad"},
      {text("2006-01-02T15:04:05z"), "bad"},
      {text("2006-01-02t15:04:05Z"), "bad"},
      {text("2006-01-02T15:04:05 Z"), "bad"},
      {text("2006-01-02T15:04Z"), "bad"},
      {text("2006-01-02T15"), "bad"},
      {text("2006-01-02T"), "bad"},
      {text("2006-01-02 "), "bad"},
      {text("2006-01-02Z"), "bad"},
      {text("2006-1-2"), "bad"},
      {text("2006-01"), "bad"},
      {text("2006-00-02"), "bad"},
      {text("2006-13-02"), "bad"},
      {text("2006-01-00"), "bad"},
      {text("2006-01-32"), "bad"},
      {text("2006-04-31"), "bad"},
      {text("2005-02-29"), "bad"},
      {text("1900-02-29"), "bad"},
      {text("0000-01-01"), "bad"},
      {text("10000-01-01"), "bad"},
      {text("-2006-01-02"), "bad"},
      {text(" 2006-01-02"), "bad"},
      {text("2006-01-02T24:00:00"), "bad"},
      {text("2006-01-02T15:60:00"), "bad"},
      {text("2006-01-02T15:04:60"), "bad"},
      {text("2006-01-02T15:04:05."), "bad"},
      {text("2006-01-02T15:04:05.Z"), "bad"},
      {text("2006-01-02T15:04:05,5"), "bad"},
      {text("2006-01-02T15:04:05.1234567Z"), "bad"},
      {text("2006-01-02T15:04:05+7"), "bad"},
      {text("2006-01-02T15:04:05+07"), "bad"},
      {text("2006-01-02T15:04:05+07:"), "bad"},
      {text("2006-01-02T15:04:05+16:00"), "bad"},
      {text("2006-01-02T15:04:05+07:60"), "bad"},
      {text("2006-01-02T15:04:05-07:00x"), "bad"},
      {text("2006-01-02T15:04:05  -0700"), "bad"},
      {text("2006-01-02T15:04:05 "), "bad"},
      {text(std::string_view("2006-01-02\0", 11)), "bad"},
      {boolean(true), "bad"},
      {json("[0]"), "bad"},
  });
}

TEST(Convert, JsonTakesEveryValueAsItsText) {
  check(ColumnType::kJson, {
      {string(R"("a b")"), R"(json "a b")"},
      {{CellKind::kString, "a\"\n", R"("a\"\n")"}, R"(json "a\"\n")"},
      {number("1.50"), "json 1.50"},
      {boolean(true), "json true"},
      {json(R"({"a": [1, "x", 1e5, -0.5]})"), R"(json {"a": [1, "x", 1e5, -0.5]})"},
      {json(R"(["\\u0000", "\\\\u0000", "1e99999", "\ud83d\ude00"])"), R"(json ["\\u0000", "\\\\u0000", "1e99999", "\ud83d\ude00"])"},
  });
}

TEST(Convert, TellsTheJsonTextOfGoodAndBadValues) {
  EXPECT_EQ(convert(string(R"("5 apples")"), ColumnType::kInt).raw, R"("5 apples")");
  EXPECT_EQ(convert({CellKind::kString, "a\"", R"("a\"")"}, ColumnType::kText).raw, R"("a\"")");
  EXPECT_EQ(convert(number("5.50"), ColumnType::kInt).raw, "5.50");
  EXPECT_EQ(convert(number("5.0"), ColumnType::kInt).raw, "5.0");
  EXPECT_EQ(convert(boolean(true), ColumnType::kTime).raw, "true");
  EXPECT_EQ(convert(json("[1, 2]"), ColumnType::kFloat).raw, "[1, 2]");
  EXPECT_EQ(convert({}, ColumnType::kInt).raw, "");
}

TEST(Convert, JsonRefusesWhatJsonbCannotHold) {
  check(ColumnType::kJson, {
      {{CellKind::kString, std::string_view("\0", 1), R"("\u0000")"}, "bad"},
      {json(R"(["\u0000"])"), "bad"},
      {json(R"({"\u0000":1})"), "bad"},
      {json(R"([{"a":["\\\u0000"]}])"), "bad"},
      {json(R"(["\udc00"])"), "bad"},
      {json(R"(["\ud83d\ude00\ude00"])"), "bad"},
      {json("[1e10001]"), "bad"},
      {json(R"({"a":{"b":-1E-10001}})"), "bad"},
      {number("1e10001"), "bad"},
      {json(many("[", 100'001, '1', "]")), "bad"},
      {json(many("[0.", 16'384, '1', "]")), "bad"},
      {json(many(many("", 513, '[', ""), 513, ']', "")), "bad"},
  });
  EXPECT_EQ(convert(json(std::string(512, '[') + std::string(512, ']')), ColumnType::kJson).kind, ValueKind::kJson);
}

TEST(JsonText, KnowsJsonNumbersFromOthers) {
  for (auto good : {"0", "-0", "10", "0.0", "1.25", "1e5", "1E+05", "-1.5e-7", "0e0"}) EXPECT_TRUE(is_json_number(good)) << good;
  for (auto bad : {"", "-", "+1", "01", "00", "-01", ".5", "5.", "1.e5", "1e", "1e+", "1.5.5", "0x1", "1 ", " 1", "1e5.5",
                   "Infinity", "--1"}) {
    EXPECT_FALSE(is_json_number(bad)) << bad;
  }
}

TEST(JsonText, SurvivesTextThatIsNoJson) {
  for (auto odd : {"\"", "\"\\", "\\", "\\u", "[\"\\u00", "\"\\ud800\\", "]]]]", "-", "{\"a"}) {
    jsonb_problem(odd);
    escape_problem(odd);
    nested_within(odd, 1);
  }
  EXPECT_EQ(text_problem("\xed"), nullptr);
  EXPECT_EQ(cut_utf8("\x80\x80\x80", 2), "");
}

}  // namespace
}  // namespace pendo
