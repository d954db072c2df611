// What goes out is valid JSON that says what the value says, or is refused.
#include "json_write.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "json_reader.h"

namespace pendo {
namespace {

std::string json_string(std::string_view text) {
  std::string out = "<";
  append_json_string(out, text);
  return out.substr(1);
}

// The JSON, or "invalid: why".
std::string encoded(const Value& value) {
  std::string out = "<";
  std::string_view why;
  if (append_value(out, value, why) == Encode::kOk) return out.substr(1);
  EXPECT_EQ(out, "<") << "a refused value leaves nothing behind";
  EXPECT_FALSE(why.empty());
  return "invalid: " + std::string(why);
}

constexpr const char* kBeyond = "invalid: integer beyond 2^53: Pendo computes in floats";
constexpr const char* kNoNumber = "invalid: NaN and infinities have no form in JSON";

TEST(JsonString, EscapesWhatJsonDemandsAndNothingElse) {
  EXPECT_EQ(json_string(""), R"("")");
  EXPECT_EQ(json_string("plain"), R"("plain")");
  EXPECT_EQ(json_string("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(json_string("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(json_string(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
  EXPECT_EQ(json_string("Zürich 東京 😀"), "\"Zürich 東京 😀\"");
}

TEST(JsonString, ReadsBackAsItWas) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (unsigned i = 0; i < random() % 40; ++i) text += static_cast<char>(random() % 128);
    std::string json = json_string(text);
    Document document;
    document.Parse<kDocumentFlags>(json.data(), json.size());
    ASSERT_FALSE(document.HasParseError()) << json;
    ASSERT_EQ(string_of(document), text);
  }
}

TEST(AppendValue, WritesNullAndBooleans) {
  EXPECT_EQ(encoded(Value::null()), "null");
  EXPECT_EQ(encoded(Value::of_bool(true)), "true");
  EXPECT_EQ(encoded(Value::of_bool(false)), "false");
}

TEST(AppendValue, RefusesIntegersThatAFloatDoesNotHold) {
  constexpr std::int64_t kLast = 1ll << 53;
  EXPECT_EQ(encoded(Value::of_int(0)), "0");
  EXPECT_EQ(encoded(Value::of_int(kLast)), "9007199254740992");
  EXPECT_EQ(encoded(Value::of_int(-kLast)), "-9007199254740992");
  EXPECT_EQ(encoded(Value::of_int(kLast + 1)), kBeyond);
  EXPECT_EQ(encoded(Value::of_int(-kLast - 1)), kBeyond);
  EXPECT_EQ(encoded(Value::of_int(std::numeric_limits<std::int64_t>::max())), kBeyond);
  EXPECT_EQ(encoded(Value::of_int(std::numeric_limits<std::int64_t>::min())), kBeyond);
}

TEST(AppendValue, WritesFloatsInTheShortestFormThatReadsBack) {
  EXPECT_EQ(encoded(Value::of_float(0.1)), "0.1");
  EXPECT_EQ(encoded(Value::of_float(5)), "5");
  EXPECT_EQ(encoded(Value::of_float(-0.0)), "-0");
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    double value = std::bit_cast<double>(random());
    std::string json = encoded(Value::of_float(value));
    if (!std::isfinite(value)) continue;
    ASSERT_TRUE(is_json_number(json)) << json;
    ASSERT_EQ(std::strtod(json.c_str(), nullptr), value) << json;
  }
}

TEST(AppendValue, RefusesFloatsWithoutAFormInJson) {
  EXPECT_EQ(encoded(Value::of_float(std::numeric_limits<double>::infinity())), kNoNumber);
  EXPECT_EQ(encoded(Value::of_float(-std::numeric_limits<double>::infinity())), kNoNumber);
  EXPECT_EQ(encoded(Value::of_float(std::numeric_limits<double>::quiet_NaN())), kNoNumber);
}

TEST(AppendValue, KeepsTheDigitsOfANumber) {
  for (auto digits : {"0", "-1.50", "0.1000000000000000055511151231257827", "9007199254740992", "-9007199254740992.0",
                      "9007199254740993.5", "1e15"}) {
    EXPECT_EQ(encoded(Value::of_number(digits)), digits);
  }
}

TEST(AppendValue, RefusesWholeNumbersThatAFloatDoesNotHold) {
  for (auto digits : {"9007199254740993", "-9007199254740993", "9007199254740993.000", "1e16", "1e400",
                      "123456789012345678901234567890"}) {
    EXPECT_EQ(encoded(Value::of_number(digits)), kBeyond) << digits;
  }
}

TEST(AppendValue, RefusesNumbersWithoutAFormInJson) {
  for (auto digits : {"NaN", "Infinity", "-Infinity", "", "+1", ".5", "5.", "01", "1,5", "1 "}) {
    EXPECT_EQ(encoded(Value::of_number(digits)), kNoNumber) << digits;
  }
}

TEST(AppendValue, RoundsTimesDownToMilliseconds) {
  EXPECT_EQ(encoded(Value::of_time(0)), "0");
  EXPECT_EQ(encoded(Value::of_time(1463547077029'999)), "1463547077029");
  EXPECT_EQ(encoded(Value::of_time(1)), "0");
  EXPECT_EQ(encoded(Value::of_time(-1)), "-1");
  EXPECT_EQ(encoded(Value::of_time(-1000)), "-1");
  EXPECT_EQ(encoded(Value::of_time(-1001)), "-2");
  EXPECT_EQ(encoded(Value::of_time(std::numeric_limits<std::int64_t>::min())), "-9223372036854776");
}

TEST(AppendValue, WritesTextAsAString) { EXPECT_EQ(encoded(Value::of_text("a\"é")), "\"a\\\"é\""); }

TEST(AppendValue, RefusesTextThatIsNoText) {
  EXPECT_EQ(encoded(Value::of_text(std::string_view("a\0b", 3))), "invalid: the text holds the character \\u0000");
  for (auto text : {"\xff", "\xc3", "a\xe2\x82", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\x80", "\x80"}) {
    EXPECT_EQ(encoded(Value::of_text(text)), "invalid: the text is not valid UTF-8");
  }
}

TEST(AppendValue, PassesJsonOnUnlessItHoldsANul) {
  EXPECT_EQ(encoded(Value::of_json(R"({"a": [1, "\\u0000", "\u0041"]})")), R"({"a": [1, "\\u0000", "\u0041"]})");
  EXPECT_EQ(encoded(Value::of_json(R"(["\u0000"])")), "invalid: it holds the character \\u0000");
  EXPECT_EQ(encoded(Value::of_json(R"(["\\\u0000"])")), "invalid: it holds the character \\u0000");
  EXPECT_EQ(encoded(Value::of_json(R"({"\u0000":1})")), "invalid: it holds the character \\u0000");
}

TEST(AppendValue, RefusesABadValueForItsReason) { EXPECT_EQ(encoded(Value::bad("it is odd")), "invalid: it is odd"); }

TEST(FilterString, EscapesOnlyQuotesAndBackslashes) {
  std::string out = "visitorId == ";
  append_filter_string(out, "a\"b\\c'd`\n\xc3\xa9");
  EXPECT_EQ(out, "visitorId == \"a\\\"b\\\\c'd`\n\xc3\xa9\"");
}

TEST(PercentEncoding, KeepsOnlyUnreservedCharacters) {
  std::string out = "/";
  append_percent_encoded(out, "aZ09-._~ /%?#+&=:@!é");
  EXPECT_EQ(out, "/aZ09-._~%20%2F%25%3F%23%2B%26%3D%3A%40%21%C3%A9");
  std::string all;
  append_percent_encoded(all, std::string_view("\0\xff", 2));
  EXPECT_EQ(all, "%00%FF");
}

TEST(IsoTime, HasAllItsDigits) {
  struct {
    std::int64_t microseconds;
    std::string_view text;
  } cases[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {1767323045678'999, "2026-01-02T03:04:05.678Z"},
      {1798761599999'999, "2026-12-31T23:59:59.999Z"},
      {951782400000'000, "2000-02-29T00:00:00.000Z"},
      {253402300800000'000, "10000-01-01T00:00:00.000Z"},
      {-62135596800000'000, "0001-01-01T00:00:00.000Z"},
      {-62167219200000'000 - 1, "-0001-12-31T23:59:59.999Z"},
      {-210866803200000'000, "-4713-11-24T00:00:00.000Z"},  // the first day of PostgreSQL
  };
  for (auto& c : cases) {
    std::string out = "<";
    append_iso_time(out, c.microseconds);
    EXPECT_EQ(out.substr(1), c.text);
  }
}

TEST(Digits, HaveZerosInFront) {
  struct {
    std::uint64_t number;
    std::size_t width;
    int base;
    std::string_view text;
  } cases[] = {{0, 1, 10, "0"}, {7, 3, 10, "007"}, {1234, 3, 10, "1234"}, {0xab, 16, 16, "00000000000000ab"},
               {~0ull, 16, 16, "ffffffffffffffff"}, {~0ull, 1, 2, "1111111111111111111111111111111111111111111111111111111111111111"}};
  for (auto& c : cases) {
    std::string out = "<";
    append_digits(out, c.number, c.width, c.base);
    EXPECT_EQ(out.substr(1), c.text);
  }
}

TEST(JsonWrite, MetadataTimesThatCouldBeSecondsGoOutAsIso8601) {
  struct { std::int64_t microseconds; const char* json; } cases[] = {
      {0, R"("1970-01-01T00:00:00.000Z")"},
      {-1, R"("1969-12-31T23:59:59.999Z")"},
      {21600124000000, R"("1970-09-08T00:02:04.000Z")"},
      {99999999999000, R"("1973-03-03T09:46:39.999Z")"},
      {100000000000000, "100000000000"},
      {-99999999999000, R"("1966-10-31T14:13:20.001Z")"},
      {-100000000000000, "-100000000000"},
      {1136232245426000, "1136232245426"},
  };
  for (const auto& c : cases) {
    std::string out;
    std::string_view why;
    EXPECT_EQ(append_metadata_value(out, Value::of_time(c.microseconds), why), Encode::kOk);
    EXPECT_EQ(out, c.json);
  }
}

}  // namespace
}  // namespace pendo
