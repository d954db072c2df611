// What has a literal in Pendo's expression language, and what has none.
#include "filter_literal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pendo {
namespace {

std::string literal_of(const Value& value) {
  std::string out;
  return append_literal(out, value) ? out : "none";
}

TEST(FilterLiteral, FloatsAreWrittenWithoutAnExponent) {
  EXPECT_EQ(literal_of(Value::of_float(1e21)), "1000000000000000000000");
  EXPECT_EQ(literal_of(Value::of_float(-0.0)), "0");
  EXPECT_EQ(literal_of(Value::of_float(1e300)).size(), 301u);
  EXPECT_EQ(literal_of(Value::of_float(5e-324)).substr(0, 4), "0.00");
}

TEST(FilterLiteral, WhatIsNoNumberHasNone) {
  // a word would be the name of a field
  for (double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) EXPECT_EQ(literal_of(Value::of_float(value)), "none");
  for (auto digits : {"NaN", "Infinity", "", "1.", "01", "--1"}) EXPECT_EQ(literal_of(Value::of_number(digits)), "none") << digits;
}

TEST(FilterLiteral, NumbersThatAFilterMayNotKnowHaveNone) {
  EXPECT_EQ(literal_of(Value::of_number("12.50")), "12.50");
  for (auto digits : {"1e400", "1e5", "1E-7"}) EXPECT_EQ(literal_of(Value::of_number(digits)), "none") << digits;
  EXPECT_EQ(literal_of(Value::of_number(std::string(301, '9'))), "none");
}

TEST(FilterLiteral, TextsThatAFilterMayNotKnowHaveNone) {
  EXPECT_EQ(literal_of(Value::of_text(R"(a"\b)")), R"("a\"\\b")");
  for (auto text : {"a\nb", "a\x01", "\xff", "\xed\xa0\x80"}) EXPECT_EQ(literal_of(Value::of_text(text)), "none");
  EXPECT_EQ(literal_of(Value::of_text(std::string(8001, 'x'))), "none");
}

}  // namespace
}  // namespace pendo
