// The splitter yields the same records however the body is cut, fails on all
// that is not a whole result, and keeps little in memory.
#include "record_splitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "json_reader.h"

namespace pendo {
namespace {

struct Outcome {
  std::vector<std::string> records;
  Split end = Split::kNeedMore;
  std::string reason;
  bool broke_off = false;

  bool operator==(const Outcome&) const = default;
};

Outcome drain(RecordSplitter& splitter, Outcome outcome) {
  std::string_view record;
  Split split;
  while ((split = splitter.next(record)) == Split::kRecord) outcome.records.emplace_back(record);
  outcome.end = split;
  return outcome;
}

Outcome finished(RecordSplitter& splitter, Outcome outcome) {
  Split end = splitter.finish();
  if (outcome.end != Split::kFailed) outcome.end = end;
  outcome.reason = splitter.reason();
  outcome.broke_off = splitter.broke_off();
  return outcome;
}

// Feeds `body` cut at the given positions.
Outcome split_at(std::string_view body, const std::vector<std::size_t>& cuts) {
  RecordSplitter splitter;
  Outcome outcome;
  std::size_t from = 0;
  for (std::size_t cut : cuts) {
    splitter.feed(body.data() + from, cut - from);
    outcome = drain(splitter, std::move(outcome));
    from = cut;
  }
  splitter.feed(body.data() + from, body.size() - from);
  return finished(splitter, drain(splitter, std::move(outcome)));
}

Outcome split_whole(std::string_view body) { return split_at(body, {}); }

Outcome split_bytewise(std::string_view body) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < body.size(); ++i) cuts.push_back(i);
  return split_at(body, cuts);
}

void expect_records(std::string_view body, const std::vector<std::string>& records) {
  SCOPED_TRACE(std::string(body.substr(0, 200)));
  Outcome whole = split_whole(body);
  EXPECT_EQ(whole.records, records);
  EXPECT_EQ(whole.end, Split::kEnd) << whole.reason;
  EXPECT_EQ(split_bytewise(body), whole);
}

void expect_failure(std::string_view body, std::string_view reason) {
  SCOPED_TRACE(std::string(body.substr(0, 200)));
  Outcome whole = split_whole(body);
  EXPECT_EQ(whole.end, Split::kFailed);
  EXPECT_EQ(whole.reason, reason);
  EXPECT_FALSE(whole.broke_off);
  Outcome bytewise = split_bytewise(body);
  EXPECT_EQ(bytewise.end, Split::kFailed);
  EXPECT_EQ(bytewise.reason, reason);
}

// Shapes of official samples: a selection, events, whole records.
constexpr std::string_view kSelected = R"({
  "results": [
    {
      "accountId": "444001f746ca5",
      "arrannuallyrecurringrevenue": null,
      "firstvisit": 1499789488980,
      "name": "AcmeCorp"
    },
    {
      "accountId": "63d6ef89c69d8",
      "firstvisit": 1489774805367,
      "name": "Acme \"Corp\" } ] , \\"
    }
  ],
  "startTime": 1540008000000
}
)";

constexpr std::string_view kVisitors =
    R"({"results":[{"metadata":{"agent":{"email":"m@o.net","list":["<nil>",{"a":[]}]},"auto":{"accountids":["Acme Corp"],)"
    R"("firstvisit":1463547077029,"idhash":4108050209,"lastuseragent":"Mozilla\/5.0 (X11; {Linux) [x86_64"},)"
    R"("auto__323232":{"firstvisit":0}},"visitorId":"0"},{"visitorId":"\\"},{},{"visitorId":"caf\u00e9 é"}]})";

TEST(RecordSplitter, YieldsTheRecordsOfAnAnswer) {
  expect_records(R"({"results":[{"a":1},{"a":2}]})", {R"({"a":1})", R"({"a":2})"});
  expect_records(R"({"results":[{"a":"}"},{"b":"\"}"},{"c":"\\"}]})", {R"({"a":"}"})", R"({"b":"\"}"})", R"({"c":"\\"})"});
}

TEST(RecordSplitter, TakesKeysInAnyOrderAndAnyBlanks) {
  expect_records(R"({"startTime":1,"results":[{"a":1}],"details":{"validThrough":{"-323232":5}}})", {R"({"a":1})"});
  expect_records(" \t\r\n{ \"requestId\" : \"x]}\\\"\" , \"results\" : [ { \"a\" : 1 } , {} ] , \"name\" : null } \n",
                 {R"({ "a" : 1 })", "{}"});
  expect_records(R"({"details":[[],{"a":["]"]}],"startTime":-1.5e3,"results":[{}],"name":"\\"})", {"{}"});
}

TEST(RecordSplitter, TakesAnAnswerWithoutRecords) {
  for (auto body : {R"({"results":[]})", R"({"results": [ ] })", R"({"results":null})", R"({"results":null,"startTime":1})",
                    "{}", " { } ", R"({"startTime":1})", R"({"details":{},"requestId":"r","name":true})"}) {
    expect_records(body, {});
  }
}

TEST(RecordSplitter, RefusesAnAnswerThatIsNotAResult) {
  for (auto body : {R"({"error":"no"})", R"({"message":"aggregation request timed out"})", R"({"overall":{},"fields":{}})",
                    R"({"errors":[],"results":[{"a":1}]})", R"({"\u0072esults":[]})", R"({"startTime":1,"code":2})",
                    R"({"":1})", "[]", "null", "Cannot parse filter expression", "<html>", "\"results\"",
                    R"({"resultsresultsresultsresultsresultsresultsresultsresultsresultsresults":[]})"}) {
    expect_failure(body, "the answer is not a result");
  }
}

TEST(RecordSplitter, RefusesAnErrorThatComesAfterTheResults) {
  for (auto key : {"error", "errors", "message", "x"}) {
    std::string body = R"({"results":[{"a":1}],")" + std::string(key) + R"(":null})";
    expect_failure(body, "there is more than a result in the answer");
    EXPECT_EQ(split_whole(body).records.size(), 1u);
  }
}

TEST(RecordSplitter, RefusesResultsThatAreNoList) {
  for (auto value : {"{}", "1", "true", "\"x\"", "nul", "nulll", "none", "-"}) {
    expect_failure(R"({"results":)" + std::string(value) + "}", "the results are not a list");
  }
  expect_failure(R"({"results":[],"results":[{}]})", "the answer has its results twice");
}

TEST(RecordSplitter, RefusesARecordThatIsNotAnObject) {
  for (auto records : {"1", "null", "[]", "\"x\"", "{},1", "{},", ",{}", "{},,{}"}) {
    expect_failure(R"({"results":[)" + std::string(records) + "]}", "a record is not an object");
  }
}

TEST(RecordSplitter, RefusesWhatFollowsTheEnd) {
  for (std::string_view tail : std::initializer_list<std::string_view>{"{", "}", "]", "x", " \n{\"results\":[]}", "null", std::string_view("\0", 1)}) {
    expect_failure(R"({"results":[{}]})" + std::string(tail), "there is something after the end of the answer");
  }
}

TEST(RecordSplitter, RefusesBracketsThatDoNotMatch) {
  expect_failure(R"({"results":[{"a":[1},{"b":2]}]})", "a record's brackets do not match");
  expect_failure(R"({"results":[{]]})", "a record's brackets do not match");
  expect_failure(R"({"details":[}})", "the answer is not valid JSON");
}

TEST(RecordSplitter, RefusesAnOuterLevelThatIsNotJson) {
  for (auto body : {R"({"results":[{}]]})", R"({"results":[{} {}]})", R"({"results" [{}]})", R"({results:[]})", R"({,})",
                    R"({"results":[],})", R"({"startTime":tru})", R"({"startTime":})", R"({"startTime":01})",
                    R"({"startTime":1 2})", "{\"name\":\"a\nb\"}"}) {
    expect_failure(body, "the answer is not valid JSON");
  }
}

TEST(RecordSplitter, TellsABodyThatBreaksOffFromABadOne) {
  for (auto body : {kSelected, kVisitors}) {
    std::size_t complete = body.find_last_of('}');
    for (std::size_t size = 0; size <= complete; ++size) {
      Outcome outcome = split_whole(body.substr(0, size));
      ASSERT_EQ(outcome.end, Split::kFailed) << size;
      ASSERT_TRUE(outcome.broke_off) << size;
      ASSERT_EQ(outcome.reason, "the answer is incomplete");
    }
    EXPECT_EQ(split_whole(body.substr(0, complete + 1)).end, Split::kEnd);
  }
}

TEST(RecordSplitter, YieldsTheSameRecordsForEverySplitPosition) {
  for (auto body : {kSelected, kVisitors}) {
    Outcome whole = split_whole(body);
    ASSERT_EQ(whole.end, Split::kEnd);
    EXPECT_EQ(split_bytewise(body), whole);
    for (std::size_t first = 0; first <= body.size(); ++first) {
      ASSERT_EQ(split_at(body, {first}), whole) << first;
      ASSERT_EQ(split_at(body, {first, std::min(body.size(), first + 7)}), whole) << first;
    }
  }
}

TEST(RecordSplitter, KnowsEscapesAtEveryOffsetOfABlock) {
  for (std::size_t run = 1; run <= 9; ++run) {
    for (std::size_t pad = 0; pad < 140; ++pad) {
      std::string record = "{\"" + std::string(pad, 'k') + "\":\"" + std::string(run * 2, '\\') + "\",\"b\":\"" +
                           std::string(run * 2 - 1, '\\') + "\"}]{\"}";
      std::string body = "{\"results\":[" + record + "," + record + "]}";
      Outcome outcome = split_whole(body);
      ASSERT_EQ(outcome.end, Split::kEnd) << run << " " << pad;
      ASSERT_EQ(outcome.records, (std::vector<std::string>{record, record}));
    }
  }
}

TEST(RecordSplitter, TakesPiecesThatAreNotDrainedInBetween) {
  RecordSplitter splitter;
  for (std::size_t at = 0; at < kVisitors.size(); at += 5) {
    splitter.feed(kVisitors.data() + at, std::min<std::size_t>(5, kVisitors.size() - at));
  }
  EXPECT_EQ(splitter.finish(), Split::kNeedMore);
  Outcome outcome = drain(splitter, {});
  EXPECT_EQ(outcome.end, Split::kEnd);
  EXPECT_EQ(outcome.records, split_whole(kVisitors).records);
}

TEST(RecordSplitter, TellsAfterFinishThatTheRestIsIncomplete) {
  RecordSplitter splitter;
  std::string body = R"({"results":[{"a":1},{"a")";
  splitter.feed(body.data(), body.size());
  EXPECT_EQ(splitter.finish(), Split::kNeedMore);
  Outcome outcome = drain(splitter, {});
  EXPECT_EQ(outcome.records.size(), 1u);
  EXPECT_EQ(outcome.end, Split::kFailed);
  EXPECT_TRUE(splitter.broke_off());
}

TEST(RecordSplitter, StaysFailed) {
  RecordSplitter splitter;
  std::string_view record;
  splitter.feed("x", 1);
  EXPECT_EQ(splitter.next(record), Split::kFailed);
  splitter.feed("{\"results\":[]}", 14);
  EXPECT_EQ(splitter.next(record), Split::kFailed);
  EXPECT_EQ(splitter.finish(), Split::kFailed);
  EXPECT_FALSE(splitter.broke_off());
}

TEST(RecordSplitter, StartsAnewAfterReset) {
  RecordSplitter splitter;
  std::string bad = R"({"results":[{"a":"\)";
  splitter.feed(bad.data(), bad.size());
  std::string_view record;
  splitter.next(record);
  splitter.finish();
  splitter.reset();
  EXPECT_EQ(splitter.preview(), "");
  EXPECT_EQ(splitter.reason(), "");
  splitter.feed(kSelected.data(), kSelected.size());
  EXPECT_EQ(finished(splitter, drain(splitter, {})), split_whole(kSelected));
}

TEST(RecordSplitter, PreviewShowsTheBeginningWithControlCharactersVisible) {
  RecordSplitter splitter;
  std::string body("a\n\0\x7f\xc3\xa9\"", 7);
  splitter.feed(body.data(), 2);
  splitter.feed(body.data() + 2, 5);
  EXPECT_EQ(splitter.preview(), "a\\x0a\\x00\\x7f\xc3\xa9\"");

  RecordSplitter other;
  std::string longer = R"({"results":[{"a":")" + std::string(2000, 'x');
  for (char c : longer) other.feed(&c, 1);
  EXPECT_EQ(other.preview(), longer.substr(0, 512));
}

TEST(RecordSplitter, RefusesARecordThatIsTooLong) {
  auto record_of = [](std::size_t size) { return R"({"a":")" + std::string(size - 8, 'x') + "\"}"; };
  std::string largest = record_of(kMaxRecordBytes);
  Outcome fits = split_whole(R"({"results":[)" + largest + "]}");
  EXPECT_EQ(fits.end, Split::kEnd);
  ASSERT_EQ(fits.records.size(), 1u);
  EXPECT_EQ(fits.records[0].size(), kMaxRecordBytes);

  Outcome longer = split_whole(R"({"results":[)" + record_of(kMaxRecordBytes + 1) + "]}");
  EXPECT_EQ(longer.end, Split::kFailed);
  EXPECT_EQ(longer.reason, "a record is too long");
}

TEST(RecordSplitter, RefusesARecordThatNeverEndsAsSoonAsItIsTooLong) {
  RecordSplitter splitter;
  std::string_view record;
  std::string begin = R"({"results":[{"a":")";
  std::string piece(16 << 10, 'x');
  splitter.feed(begin.data(), begin.size());
  std::size_t fed = 0;
  while (splitter.next(record) == Split::kNeedMore && fed < 3 * kMaxRecordBytes) {
    splitter.feed(piece.data(), piece.size());
    fed += piece.size();
  }
  EXPECT_EQ(splitter.reason(), "a record is too long");
  EXPECT_LE(fed, kMaxRecordBytes + piece.size());
}

TEST(RecordSplitter, RefusesPartsThatArePassedOverAndNeverEnd) {
  for (std::string begin : {R"({"name":")", R"({"details":["})", R"({"details":{)"}) {
    RecordSplitter splitter;
    std::string_view record;
    splitter.feed(begin.data(), begin.size());
    std::string piece(64 << 10, ' ');
    std::size_t fed = 0;
    while (splitter.next(record) == Split::kNeedMore && fed < 2 * kMaxRecordBytes) {
      splitter.feed(piece.data(), piece.size());
      fed += piece.size();
      ASSERT_LE(splitter.memory(), std::size_t{512} << 10);
    }
    EXPECT_EQ(splitter.reason(), "a part of the answer is too long");
  }
}

TEST(RecordSplitter, RefusesWhatIsNestedTooDeep) {
  auto nested = [](int lists) {
    auto count = static_cast<std::size_t>(lists);
    return R"({"a":)" + std::string(count, '[') + std::string(count, ']') + "}";
  };
  expect_records(R"({"results":[)" + nested(kMaxNesting - 1) + "]}", {nested(kMaxNesting - 1)});
  expect_failure(R"({"results":[)" + nested(kMaxNesting) + "]}", "a record is nested too deep");
  expect_failure(R"({"details":)" + nested(kMaxNesting) + "}", "the answer is nested too deep");
}

TEST(RecordSplitter, HoldsOneRecordAndOnePieceAtMost) {
  RecordSplitter splitter;
  std::string row = R"({"a":")" + std::string(300, 'x') + R"(","b":[1,2,3]})";
  std::string body = R"({"results":[)";
  constexpr std::size_t kPiece = 16 << 10;
  std::size_t records = 0;
  std::size_t most = 0;
  std::string_view record;
  for (int i = 0; i < 100'000; ++i) {
    body += row + ",";
    if (body.size() < kPiece) continue;
    splitter.feed(body.data(), body.size());
    body.clear();
    while (splitter.next(record) == Split::kRecord) ++records;
    most = std::max(most, splitter.memory());
  }
  EXPECT_GT(records, 99'900u);
  EXPECT_LE(most, 4 * kPiece);
}

TEST(RecordSplitter, GivesMemoryBackAfterAHugeRecord) {
  RecordSplitter splitter;
  std::string_view record;
  std::string huge = R"({"results":[{"a":")" + std::string(7 << 20, 'x') + "\"}";
  for (std::size_t at = 0; at < huge.size(); at += 16 << 10) {
    splitter.feed(huge.data() + at, std::min<std::size_t>(16 << 10, huge.size() - at));
    if (splitter.next(record) == Split::kRecord) break;
  }
  ASSERT_GT(record.size(), std::size_t{7} << 20);
  EXPECT_LE(splitter.memory(), std::size_t{16} << 20);
  std::string small = R"(,{"a":1})";
  for (int i = 0; i < 3; ++i) {
    splitter.feed(small.data(), small.size());
    ASSERT_EQ(splitter.next(record), Split::kRecord);
    EXPECT_EQ(record, R"({"a":1})");
  }
  EXPECT_LE(splitter.memory(), std::size_t{512} << 10);
}

// Random documents, checked against a DOM of the whole.
class RandomJson {
 public:
  explicit RandomJson(unsigned seed) : random_(seed) {}

  std::string document() {
    std::string text = blank() + "{" + blank();
    bool results_first = pick(2) == 0;
    if (results_first) text += results() + "," + blank();
    text += R"("startTime":)" + std::to_string(pick(1000)) + blank() + R"(,"details":)" + value(3);
    if (!results_first) text += "," + blank() + results();
    return text + blank() + "}" + blank();
  }

  std::size_t pick(std::size_t below) { return random_() % below; }

 private:
  std::string results() {
    std::string text = R"("results")" + blank() + ":" + blank() + "[" + blank();
    for (std::size_t i = 0, count = pick(8); i < count; ++i) text += (i > 0 ? "," : "") + blank() + object(4) + blank();
    return text + "]";
  }

  std::string object(int depth) {
    std::string text = "{" + blank();
    for (std::size_t i = 0, count = pick(6); i < count; ++i) {
      text += (i > 0 ? "," : "") + blank() + string() + blank() + ":" + blank() + value(depth - 1) + blank();
    }
    return text + "}";
  }

  std::string value(int depth) {
    switch (pick(depth > 0 ? 7 : 5)) {
      case 0:
        return "null";
      case 1:
        return pick(2) == 0 ? "true" : "false";
      case 2:
        return std::to_string(pick(1'000'000)) + (pick(2) == 0 ? "" : ".5e-3");
      case 5:
        return object(depth);
      case 6:
        return "[" + value(depth - 1) + "," + value(depth - 1) + "]";
      default:
        return string();
    }
  }

  std::string string() {
    static const char* const kParts[] = {"a", "{", "}", "[", "]", "\\\"", "\\\\", ",", ":", "\xc3\xa9", "\\u0041", " ",
                                         "long text without anything in it "};
    std::string text = "\"";
    for (std::size_t i = 0, count = pick(12); i < count; ++i) text += kParts[pick(std::size(kParts))];
    return text + "\"";
  }

  std::string blank() { return std::string(pick(8) == 0 ? pick(3) : 0, pick(2) == 0 ? ' ' : '\n'); }

  std::mt19937 random_;
};

std::vector<std::string> records_of_dom(const std::string& body) {
  Document document;
  std::string reason;
  std::vector<std::string> records;
  EXPECT_TRUE(parse_object(body, document, reason)) << reason << ": " << body;
  for (const auto& record : (*member_of(document, "results")).GetArray()) {
    JsonBuffer buffer;
    JsonWriter writer(buffer);
    record.Accept(writer);
    records.emplace_back(buffer.GetString(), buffer.GetSize());
  }
  return records;
}

std::string rewritten(const std::string& record) {
  Document document;
  document.Parse<kDocumentFlags>(record.data(), record.size());
  EXPECT_FALSE(document.HasParseError()) << record;
  JsonBuffer buffer;
  JsonWriter writer(buffer);
  document.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

TEST(RecordSplitter, AgreesWithADomOnRandomDocuments) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    RandomJson random(seed);
    std::string body = random.document();
    std::vector<std::size_t> cuts;
    for (std::size_t at = 0; (at += 1 + random.pick(120)) < body.size();) cuts.push_back(at);
    Outcome outcome = split_at(body, cuts);
    ASSERT_EQ(outcome.end, Split::kEnd) << outcome.reason << ": " << body;
    std::vector<std::string> records;
    for (const auto& record : outcome.records) records.push_back(rewritten(record));
    ASSERT_EQ(records, records_of_dom(body)) << body;
  }
}

// Whatever is changed in a document: no crash, no dependence on the pieces.
TEST(RecordSplitter, TreatsDamagedDocumentsTheSameInAnyPieces) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    RandomJson random(seed);
    std::string body = random.document();
    for (int i = 0; i < 3; ++i) body[random.pick(body.size())] = "{}[]\",:\\\0x"[random.pick(10)];
    Outcome whole = split_whole(body);
    ASSERT_EQ(split_bytewise(body), whole) << body;
    ASSERT_EQ(split_at(body, {random.pick(body.size())}), whole) << body;
  }
}

}  // namespace
}  // namespace pendo
