// JSON as Go reads and writes it.
#include <gtest/gtest.h>

#include <cmath>

#include "json_parse.h"
#include "json_write.h"

namespace simulator {
namespace {

// The text read and written again; "refused" if it is no JSON.
std::string round_trip(std::string_view text, const JsonStyle& style = {.html_escape = false}) {
  Value value;
  std::string error;
  if (!parse_json(text, value, error)) return error.empty() ? "refused without a reason" : "refused";
  return to_json(value, style);
}

struct Case {
  std::string_view text;
  std::string_view result;
};

TEST(SimulatorJson, ReadsAndWrites) {
  constexpr Case kCases[] = {
      {"null", "null"},
      {" [ 1 , 2 ] ", "[1,2]"},
      {R"({"b":1,"a":{"d":[],"c":{}}})", R"({"a":{"c":{},"d":[]},"b":1})"},
      {R"({"a":1,"a":2})", R"({"a":2})"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"9007199254740993", "9007199254740993"},
      {"9223372036854775808", "9223372036854775808"},
      {"0.1", "0.1"},
      {"1.0", "1"},
      {"1e3", "1000"},
      {"1e20", "100000000000000000000"},
      {"1e21", "1e+21"},
      {"1e-6", "0.000001"},
      {"1e-7", "1e-7"},
      {"-0.0", "-0"},
      {"1e-400", "0"},
      {"-91e-590", "-0"},
      {R"("\u0041\n\/")", R"("A\n/")"},
      {R"("\ud83d\ude00")", "\"\xF0\x9F\x98\x80\""},
      {R"("\ud83d")", "\"\xEF\xBF\xBD\""},
      {R"("\ud83dx")", "\"\xEF\xBF\xBDx\""},
      {"\"\xFF\"", "\"\xEF\xBF\xBD\""},
      {"\"\xE2\x80\xA8\"", R"("\u2028")"},
      {R"("\u0007")", R"("\u0007")"},
      {R"("<&>")", R"("<&>")"},
  };
  for (const auto& [text, result] : kCases) EXPECT_EQ(round_trip(text), result) << text;
}

TEST(SimulatorJson, RefusesWhatGoRefuses) {
  for (std::string_view text : {"", " ", "{", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "01", "1.", ".5",
                                "+1", "1e", "nul", "nulll", "true false", "\"open", "\"\t\"", "\"\\x41\"", "\"\\u12g4\"",
                                "'a'", "[1]]", "NaN", "-", "1e999"}) {
    EXPECT_EQ(round_trip(text), "refused") << text;
  }
}

TEST(SimulatorJson, EscapesForHtmlByDefault) {
  EXPECT_EQ(to_json(Value("<b>&")), R"("\u003cb\u003e\u0026")");
  EXPECT_EQ(to_json(Value("<b>&"), {.html_escape = false}), R"("<b>&")");
}

TEST(SimulatorJson, InvalidBytesAreReplaced) { EXPECT_EQ(to_json(Value("a\xC3(")), R"("a\ufffd(")"); }

TEST(SimulatorJson, IntegersCanLookLikeFloats) {
  EXPECT_EQ(to_json(Value(1500000000), {.float_integers = true}), "1.5e+09");
  EXPECT_EQ(to_json(Value(std::nan(""))), "null");
}

TEST(SimulatorJson, DepthIsGos) {
  std::string deep(9'999, '[');
  EXPECT_EQ(round_trip(deep + std::string(9'999, ']')), deep + std::string(9'999, ']'));
  EXPECT_EQ(round_trip(std::string(1'000'000, '[')), "refused");
}

TEST(SimulatorJson, MembersStayInOrderOfName) {
  Value value = Object{};
  for (std::string_view name : {"m", "a", "z", "b", "a"}) value.set(name, name);
  EXPECT_EQ(to_json(value), R"({"a":"a","b":"b","m":"m","z":"z"})");
  value.erase("b");
  value.erase("absent");
  EXPECT_EQ(to_json(value), R"({"a":"a","m":"m","z":"z"})");
}

}  // namespace
}  // namespace simulator
