// Records become column values, whatever is around the columns' paths.
#include "row_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "json_reader.h"
#include "record_splitter.h"

namespace pendo {
namespace {

using Keys = std::vector<std::string>;

std::string shown(const Value& value) {
  switch (value.kind) {
    case ValueKind::kNull:
      return "null";
    case ValueKind::kBool:
      return value.boolean ? "true" : "false";
    case ValueKind::kInt:
    case ValueKind::kTime:
      return std::to_string(value.integer);
    case ValueKind::kFloat:
      return std::to_string(value.real);
    case ValueKind::kBad:
      return "bad: " + std::string(value.text);
    default:
      return std::string(value.text);
  }
}

std::vector<std::string> decoded(RowDecoder& decoder, std::string_view record, std::size_t columns) {
  std::vector<Value> values(columns, Value::bad("untouched"));
  // a copy of its own, so that a sanitizer sees each byte read outside of it
  std::vector<char> copy(record.begin(), record.end());
  EXPECT_TRUE(decoder.decode({copy.data(), copy.size()}, values.data())) << decoder.reason() << ": " << record;
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(shown(value));
  return texts;
}

std::vector<std::string> decoded(const std::vector<DecodeColumn>& columns, std::string_view record) {
  RowDecoder decoder(columns);
  return decoded(decoder, record, columns.size());
}

std::string failure_of(std::string_view record, const std::vector<DecodeColumn>& columns = {{{"a"}, ColumnType::kText}}) {
  RowDecoder decoder(columns);
  std::vector<Value> values(columns.size(), Value::bad("untouched"));
  std::vector<char> copy(record.begin(), record.end());
  EXPECT_FALSE(decoder.decode({copy.data(), copy.size()}, values.data())) << record.substr(0, 200);
  for (const auto& value : values) EXPECT_EQ(value.text, "untouched");
  return decoder.reason();
}

using Texts = std::vector<std::string>;

TEST(RowDecoder, DecodesAnAliasedRow) {
  EXPECT_EQ(decoded({{{"a"}, ColumnType::kText}, {{"b"}, ColumnType::kTime}, {{"c"}, ColumnType::kBool}, {{"d"}, ColumnType::kInt},
                     {{"e"}, ColumnType::kFloat}, {{"f"}, ColumnType::kNumber}, {{"g"}, ColumnType::kJson}, {{"h"}, ColumnType::kText}},
                    R"({"a":"x\u00e9\"","b":1463547077029,"c":true,"d":-7,"e":0.5,"f":1.50,"g":{"k":[1, 2]},"h":null})"),
            (Texts{"xé\"", "1463547077029000", "true", "-7", "0.500000", "1.50", R"({"k":[1, 2]})", "null"}));
}

TEST(RowDecoder, TakesKeysInAnyOrderAndIgnoresOthers) {
  std::vector<DecodeColumn> columns = {{{"a"}, ColumnType::kText}, {{"b"}, ColumnType::kText}, {{"c"}, ColumnType::kText}};
  EXPECT_EQ(decoded(columns, R"({"c":"3","x":{"a":"no"},"b":"2","aa":"no","":"no","a":"1"})"), (Texts{"1", "2", "3"}));
  EXPECT_EQ(decoded(columns, R"( { "b" : [ {"a":"no"} , "c" ] } )"), (Texts{"null", R"([ {"a":"no"} , "c" ])", "null"}));
}

TEST(RowDecoder, DecodesAWholeRecordByPath) {
  constexpr std::string_view kRecord =
      R"({"id":"0","metadata":{"agent":{"email":"m@o.net","plan":"other"},"auto":{"accountids":["Acme Corp"],)"
      R"("firstvisit":1463547077029,"lastuseragent":"Mozilla\/5.0"},"custom":{"plan":"gold","seats":5.0}},"plan":"none"})";
  EXPECT_EQ(decoded({{{"id"}, ColumnType::kText},
                     {{"metadata", "custom", "plan"}, ColumnType::kText},
                     {{"metadata", "custom", "seats"}, ColumnType::kInt},
                     {{"metadata", "auto", "accountids"}, ColumnType::kJson},
                     {{"metadata", "auto", "lastuseragent"}, ColumnType::kText},
                     {{"metadata", "pendo", "x"}, ColumnType::kText},
                     {{"metadata", "auto"}, ColumnType::kText}},
                    kRecord),
            (Texts{"0", "gold", "5", R"(["Acme Corp"])", "Mozilla/5.0", "null",
                   R"({"accountids":["Acme Corp"],"firstvisit":1463547077029,"lastuseragent":"Mozilla\/5.0"})"}));
}

TEST(RowDecoder, DecodesANodeOnTheWayOfOthers) {
  std::vector<DecodeColumn> columns = {{{"m"}, ColumnType::kJson},
                                       {{"m", "c", "p"}, ColumnType::kText},
                                       {{"m", "c"}, ColumnType::kJson},
                                       {{}, ColumnType::kJson}};
  EXPECT_EQ(decoded(columns, R"({"m":{"c":{"p":"\"}"}, "d":1}})"),
            (Texts{R"({"c":{"p":"\"}"}, "d":1})", "\"}", R"({"p":"\"}"})", R"({"m":{"c":{"p":"\"}"}, "d":1}})"}));
  EXPECT_EQ(decoded(columns, R"({"m":[{"c":{"p":"no"}}]})"),
            (Texts{R"([{"c":{"p":"no"}}])", "null", "null", R"({"m":[{"c":{"p":"no"}}]})"}));
  EXPECT_EQ(decoded(columns, R"({"m":5})"), (Texts{"5", "null", "null", R"({"m":5})"}));
}

TEST(RowDecoder, GivesEachColumnOfASharedPathItsOwnType) {
  EXPECT_EQ(decoded({{{"a"}, ColumnType::kText}, {{"a"}, ColumnType::kJson}, {{"a"}, ColumnType::kInt}}, R"({"a":"4\u0032"})"),
            (Texts{"42", R"("4\u0032")", "42"}));
}

TEST(RowDecoder, LetsTheLastOfDuplicateKeysCount) {
  std::vector<DecodeColumn> columns = {{{"a"}, ColumnType::kText}, {{"m", "x"}, ColumnType::kText}, {{"m"}, ColumnType::kJson}};
  EXPECT_EQ(decoded(columns, R"({"a":"1","a":"2"})"), (Texts{"2", "null", "null"}));
  EXPECT_EQ(decoded(columns, R"({"a":"1","a":null})"), (Texts{"null", "null", "null"}));
  EXPECT_EQ(decoded(columns, R"({"m":{"x":"1"},"m":{"y":"2"}})"), (Texts{"null", "null", R"({"y":"2"})"}));
  EXPECT_EQ(decoded(columns, R"({"m":{"x":"1"},"m":3})"), (Texts{"null", "null", "3"}));
  EXPECT_EQ(decoded(columns, R"({"m":3,"m":{"x":"1","x":"2"}})"), (Texts{"null", "2", R"({"x":"1","x":"2"})"}));
}

TEST(RowDecoder, ForgetsTheRecordBefore) {
  RowDecoder decoder({{{"a"}, ColumnType::kText}, {{"m", "x"}, ColumnType::kText}});
  EXPECT_EQ(decoded(decoder, R"({"a":"1","m":{"x":"2"}})", 2), (Texts{"1", "2"}));
  EXPECT_EQ(decoded(decoder, R"({"m":{}})", 2), (Texts{"null", "null"}));
  std::vector<Value> values(2);
  EXPECT_FALSE(decoder.decode(R"({"a":"1","m":{"x":"2")", values.data()));
  EXPECT_EQ(decoded(decoder, "{}", 2), (Texts{"null", "null"}));
}

TEST(RowDecoder, KeepsNumbersAsTheyWereSent) {
  std::vector<DecodeColumn> columns = {{{"a"}, ColumnType::kText}, {{"b"}, ColumnType::kNumber}, {{"c"}, ColumnType::kJson}};
  for (std::string digits : {"0", "-0", "0.10", "-1.5E+07", "9007199254740993", "123456789012345678901234567890.5", "1e-300"}) {
    std::string record = R"({"a":)" + digits + R"(,"b": )" + digits + R"( ,"c":[)" + digits + "]}";
    EXPECT_EQ(decoded(columns, record), (Texts{digits, digits, "[" + digits + "]"}));
  }
}

TEST(RowDecoder, TakesNumbersBeyondADouble) {
  std::vector<DecodeColumn> columns = {{{"a"}, ColumnType::kText}, {{"b"}, ColumnType::kNumber}, {{"c"}, ColumnType::kFloat},
                                       {{"d"}, ColumnType::kJson}, {{"e"}, ColumnType::kText},   {{"f"}, ColumnType::kJson}};
  std::string digits = std::string(400, '9') + ".25";
  EXPECT_EQ(decoded(columns, R"({"a":-1e400,"x":[1e999,{"y":1e999}],"b":)" + digits +
                                 R"(,"c":1e400,"d":{"k":[1e400,-2E+500]},"e":"1e400 \" 1\\","f":"\"9"})"),
            (Texts{"-1e400", digits, "bad: it is out of the range of a double precision", R"({"k":[1e400,-2E+500]})",
                   "1e400 \" 1\\", R"("\"9")"}));
}

TEST(RowDecoder, RefusesBadNumbersBesideOnesBeyondADouble) {
  for (auto value : {"1e", "01", "1.", "-", "+1", "1e400x", ".5", "1e400 1", "1e4001e4", "--1e400"}) {
    EXPECT_EQ(failure_of(R"({"a":1e400,"b":)" + std::string(value) + "}"), "a record is not valid JSON") << value;
  }
}

TEST(RowDecoder, MakesStringsBadThatPostgresqlCannotHold) {
  std::vector<DecodeColumn> columns = {{{"a"}, ColumnType::kText}, {{"a"}, ColumnType::kJson}, {{"b"}, ColumnType::kJson}};
  constexpr const char* kNul = "bad: it holds the character \\u0000";
  constexpr const char* kHalf = "bad: it holds half a surrogate pair";
  EXPECT_EQ(decoded(columns, R"({"a":"x\u0000","b":1})"), (Texts{kNul, kNul, "1"}));
  EXPECT_EQ(decoded(columns, R"({"a":"\u0000\"bbbbb","b":{"k":["\u0000"]}})"), (Texts{kNul, kNul, kNul}));
  EXPECT_EQ(decoded(columns, R"({"a":"\udc00","b":["\\u0000"]})"), (Texts{kHalf, kHalf, R"(["\\u0000"])"}));
  EXPECT_EQ(decoded(columns, R"({"c":"\u0000","a":"\ud83d\ude00"})"), (Texts{"😀", R"("\ud83d\ude00")", "null"}));
}

// RapidJSON refuses the whole record for a first half that stands alone.
TEST(RowDecoder, AHalfOfASurrogatePairSpoilsNothingButItsValue) {
  std::vector<DecodeColumn> columns = {{{"a"}, ColumnType::kText}, {{"a"}, ColumnType::kJson}, {{"b"}, ColumnType::kJson}};
  constexpr const char* kHalf = "bad: it holds half a surrogate pair";
  for (auto half : {"\\ud800", "\\uDBFF", "\\ud800x", "\\ud83d\\ud83d\\ude00", "\\ud800\\u0041", "\\ud800\\n", "\\\\\\ud800", "\\udc00", "\\ude00\\ud83d"}) {
    std::string value = '"' + std::string(half) + '"';
    EXPECT_EQ(decoded(columns, R"({"a":)" + value + R"(,"b":1e400})"), (Texts{kHalf, kHalf, "1e400"})) << half;
    EXPECT_EQ(decoded(columns, R"({"x":)" + value + R"(,"b":[)" + value + R"(],"a":"\ud83d\ude00"})"), (Texts{"😀", R"("\ud83d\ude00")", kHalf})) << half;
    EXPECT_EQ(decoded(columns, "{" + value + R"(:{"a":1},"a":"y"})"), (Texts{"y", "\"y\"", "null"})) << half;
  }
  EXPECT_EQ(decoded(columns, R"({"a":"\\ud800","b":["\\\\ud800"]})"), (Texts{R"(\ud800)", R"("\\ud800")", R"(["\\\\ud800"])"}));
}

TEST(RowDecoder, RefusesARecordThatIsNotJson) {
  for (std::string_view record :
       {R"({"a":1)", R"({"a":"x)", R"({"a":"x\)", R"({"a":"x\u00)", R"({"a" 1})", R"({a:1})", R"({"a":1,})", R"({"a":tru})",
        R"({"a":01})", R"({"a":1.})", R"({"a":+1})", R"({"a":NaN})", R"({"a":[1})", R"({"a":1}})", R"({"a":1}{})", R"({"a":1} x)",
        R"({"x":"\q"})", R"({"x":"\ud800\q"})", "{\"a\":\"\n\"}", "{", R"({"a":1 /* c */})"}) {
    EXPECT_EQ(failure_of(record), "a record is not valid JSON") << record;
  }
  for (std::string_view record : {"{\"a\":\"\xff\"}", "{\"\xc0\x80\":1}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xf4\x90\x80\x80\"}"}) {
    EXPECT_EQ(failure_of(record), "a record is not valid UTF-8") << record;
  }
  for (std::string_view record : {"", " ", "1", "null", "[]", "\"a\"", "x{}"}) {
    EXPECT_EQ(failure_of(record), "a record is not an object") << record;
  }
}

TEST(RowDecoder, RefusesANulByteAnywhere) {
  std::string record = R"({"a":"x"} )";
  for (std::size_t at = 0; at < record.size(); ++at) {
    std::string damaged = record;
    damaged[at] = '\0';
    EXPECT_FALSE(failure_of(damaged).empty()) << at;
  }
  EXPECT_EQ(failure_of(std::string("{}\0{}", 5)), "a record is not valid JSON");
}

TEST(RowDecoder, ReadsNothingPastARecordThatEndsWithinACharacter) {
  for (std::string_view end : {"\xc3", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f", "\xf0\x9f\x98"}) {
    EXPECT_EQ(failure_of(R"({"a":")" + std::string(end)), "a record is not valid UTF-8");
  }
}

TEST(RowDecoder, RefusesARecordThatIsNestedTooDeep) {
  auto nested = [](int lists) {
    auto count = static_cast<std::size_t>(lists);
    return R"({"a":)" + std::string(count, '[') + std::string(count, ']') + "}";
  };
  EXPECT_EQ(decoded({{{"a"}, ColumnType::kText}}, nested(kMaxNesting - 1))[0].size(), 2u * (kMaxNesting - 1));
  EXPECT_EQ(failure_of(nested(kMaxNesting)), "a record is nested too deep");
  EXPECT_EQ(failure_of(nested(1'000'000)), "a record is nested too deep");
}

TEST(RowDecoder, RefusesARecordThatIsTooLong) {
  std::string record = R"({"a":")" + std::string(kMaxRecordBytes, 'x') + "\"}";
  EXPECT_EQ(failure_of(record), "a record is too long");
}

TEST(RowDecoder, FindsManyKeysInAnyOrder) {
  std::vector<DecodeColumn> columns;
  Keys order;
  for (int i = 0; i < 300; ++i) {
    order.push_back((i % 7 == 0 ? std::string(80, 'k') : "k") + std::to_string(i));
    columns.push_back({{order.back()}, ColumnType::kText});
  }
  std::mt19937 random(1);
  std::shuffle(order.begin(), order.end(), random);
  std::string record = "{";
  for (const auto& key : order) record += (record.size() > 1 ? ",\"" : "\"") + key + "\":\"v" + key + "\",\"x" + key + "\":0";
  auto texts = decoded(columns, record + "}");
  for (std::size_t i = 0; i < columns.size(); ++i) EXPECT_EQ(texts[i], "v" + columns[i].keys[0]);
}

TEST(RowDecoder, KnowsKeysWithEscapesAndOddCharacters) {
  EXPECT_EQ(decoded({{{"a\"b"}, ColumnType::kText}, {{"é"}, ColumnType::kText}, {{""}, ColumnType::kText}},
                    R"({"a\"b":"1","\u00e9":"2","":"3"})"),
            (Texts{"1", "2", "3"}));
}

TEST(RowDecoder, TellsTheJsonTextOfAValueThatDoesNotConvert) {
  RowDecoder decoder({{{"a"}, ColumnType::kInt}, {{"b"}, ColumnType::kBool}, {{"c"}, ColumnType::kInt}});
  std::string record = R"({"a":"f\u00fcnf \"","b":[ 1 ],"c":1e400})";
  std::vector<Value> values(3);
  ASSERT_TRUE(decoder.decode(record, values.data()));
  for (const auto& value : values) EXPECT_EQ(value.kind, ValueKind::kBad);
  EXPECT_EQ(values[0].raw, R"("f\u00fcnf \"")");
  EXPECT_EQ(values[1].raw, "[ 1 ]");
  EXPECT_EQ(values[2].raw, "1e400");
}

TEST(RowDecoder, TakesARecordWithoutColumns) {
  EXPECT_TRUE(decoded({}, R"({"a":1})").empty());
}

// Random records, checked against a DOM.
std::string random_value(std::mt19937& random, int depth) {
  static const char* const kScalars[] = {"null", "true", "-12", "1.5e3", R"("text")", R"("\"\\\u00e9")", R"("")", "1e400"};
  auto kind = random() % (depth > 0 ? 12u : 8u);
  if (kind < 8) return kScalars[kind];
  std::string text = kind < 11 ? "{" : "[";
  for (auto i = random() % 5; i > 0; --i) {
    if (text.size() > 1) text += ",";
    if (kind < 11) text += std::string("\"") + static_cast<char>('a' + random() % 3) + "\": ";
    text += random_value(random, depth - 1);
  }
  return text + (kind < 11 ? "}" : "]");
}

// What a JSON column of that path is to hold, or "null".
std::string text_by_dom(const std::string& record, const Keys& keys) {
  Document document;
  // the DOM cannot hold what is beyond a double, so both sides write it alike
  std::string tamed = record;
  for (std::size_t at; (at = tamed.find("1e400")) != std::string::npos;) tamed.replace(at, 5, "4e100");
  document.Parse<kDocumentFlags>(tamed.data(), tamed.size());
  EXPECT_FALSE(document.HasParseError()) << record;
  const JsonValue* value = &document;
  for (const auto& key : keys) {
    value = value->IsObject() ? member_of(*value, key) : nullptr;
    if (!value) return "null";
  }
  JsonBuffer buffer;
  JsonWriter writer(buffer);
  value->Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

TEST(RowDecoder, AgreesWithADomOnRandomRecords) {
  std::vector<DecodeColumn> columns;
  for (const auto& keys : {Keys{"a"}, Keys{"b"}, Keys{"a", "b"}, Keys{"a", "b", "c"}, Keys{"c", "a"}, Keys{"a", "a"}}) {
    columns.push_back({keys, ColumnType::kJson});
  }
  RowDecoder decoder(columns);
  std::mt19937 random(11);
  int compared = 0;
  while (compared < 5000) {
    std::string record = random_value(random, 5);
    if (record[0] != '{') continue;
    ++compared;
    auto texts = decoded(decoder, record, columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      ASSERT_EQ(text_by_dom(texts[i], {}), text_by_dom(record, columns[i].keys)) << record << " column " << i;
    }
  }
}

// Damaged records: decoded if and only if they are still JSON.
TEST(RowDecoder, AcceptsExactlyWhatADomAccepts) {
  RowDecoder decoder({{{"a"}, ColumnType::kJson}, {{"a", "b"}, ColumnType::kText}});
  std::mt19937 random(5);
  std::vector<Value> values(2);
  int accepted = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string record = random_value(random, 4);
    for (std::size_t at; (at = record.find("1e400")) != std::string::npos;) record.replace(at, 5, "4e100");
    record[random() % record.size()] = "{}[]\",:\\0e-.x \xc3\x01"[random() % 16];
    Document document;
    std::string reason;
    bool good = parse_object(record, document, reason);
    accepted += good ? 1 : 0;
    std::vector<char> copy(record.begin(), record.end());
    ASSERT_EQ(decoder.decode({copy.data(), copy.size()}, values.data()), good) << record;
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace pendo
