// What hostile answers are refused with: for each limit a reason of its own, and a
// failure that names the limit; and what is large and no trouble.
#include "answer_limit.h"

#include <gtest/gtest.h>

#include <vector>

#include "bulk_reply.h"
#include "metadata_schema.h"
#include "record_splitter.h"
#include "row_decoder.h"

namespace pendo {
namespace {

Failure failure_for(std::string_view reason) {
  Failure failure{sqlstate::kReplyHandle, "message", "detail", "hint", 200};
  name_limit(failure, reason);
  return failure;
}

// The reason of a body that comes in pieces; the most that is held of it.
std::string split_reason(std::string_view begin, char filler, std::size_t size, std::size_t* most = nullptr) {
  RecordSplitter splitter;
  std::string piece(64 << 10, filler);
  std::string_view record;
  splitter.feed(begin.data(), begin.size());
  for (std::size_t fed = 0; fed < size && splitter.next(record) == Split::kNeedMore; fed += piece.size()) {
    splitter.feed(piece.data(), piece.size());
    if (most) *most = std::max(*most, splitter.memory());
  }
  return splitter.reason();
}

TEST(AnswerLimit, AFailureNamesTheLimit) {
  for (auto [reason, hint] : {std::pair("a record is nested too deep", "Lists and objects may be nested 512 deep."),
                              std::pair("it is nested too deep", "Lists and objects may be nested 512 deep."),
                              std::pair("a record is too long", "A record may have 8 MB, as may each other part of an answer."),
                              std::pair("a part of the answer is too long", "A record may have 8 MB, as may each other part of an answer."),
                              std::pair("a name in it is too long", "The name of a field or of its group may have 1000 bytes."),
                              std::pair("it has too many fields", "A schema may have 100000 fields.")}) {
    EXPECT_STREQ(failure_for(reason).sqlstate, "54000") << reason;
    EXPECT_EQ(failure_for(reason).hint, hint) << reason;
  }
  EXPECT_STREQ(failure_for("a record is not valid JSON").sqlstate, "HV00L");
  EXPECT_EQ(failure_for("a record is not valid JSON").hint, "hint");
  static_assert(kMaxNesting == 512 && kMaxRecordBytes == 8u << 20 && kMaxReadReplyBytes == 64u << 20 && kMaxBulkReplyBytes == 32u << 20, "the hints say so");
  static_assert(kMaxTrackReplyBytes == 64u << 10 && kMaxErrorReplyBytes == 64u << 10, "the hints say so");
}

TEST(AnswerLimit, AStringOf256MegabytesIsRefusedAfterEight) {
  std::size_t most = 0;
  EXPECT_EQ(split_reason(R"({"results":[{"a":")", 'x', 256u << 20, &most), "a record is too long");
  EXPECT_LE(most, 10u << 20);
  most = 0;
  EXPECT_EQ(split_reason(R"({"name":")", 'x', 256u << 20, &most), "a part of the answer is too long");
  EXPECT_LE(most, 1u << 20);
  std::string record = R"({"a":")" + std::string(256u << 20, 'x') + "\"}";
  RowDecoder decoder({{{"a"}, ColumnType::kText}});
  Value value;
  EXPECT_FALSE(decoder.decode(record, &value));
  EXPECT_EQ(decoder.reason(), "a record is too long");
}

TEST(AnswerLimit, WhatIsNestedWithoutAnEndIsRefusedAtOnce) {
  EXPECT_EQ(split_reason(R"({"results":[{"a":)", '[', 1 << 20), "a record is nested too deep");
  EXPECT_EQ(split_reason(R"({"details":)", '[', 1 << 20), "the answer is nested too deep");
  std::string deep = R"({"a":)" + std::string(8'000'000, '[');
  std::string reason;
  std::vector<SchemaField> fields;
  EXPECT_FALSE(parse_schema(deep, fields, reason));
  EXPECT_EQ(reason, "it is nested too deep");
  BulkReply reply;
  EXPECT_FALSE(parse_bulk_reply(deep, reply, reason));
  EXPECT_EQ(reason, "it is nested too deep");
}

TEST(AnswerLimit, ARecordOf100000KeysIsReadToTheLast) {
  std::string record = "{";
  for (int i = 0; i < 100'000; ++i) record += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  record += R"("last":{"x":"y"}})";
  RowDecoder decoder({{{"k7"}, ColumnType::kInt}, {{"k99999"}, ColumnType::kInt}, {{"last", "x"}, ColumnType::kText}});
  std::vector<Value> values(3);
  ASSERT_TRUE(decoder.decode(record, values.data())) << decoder.reason();
  EXPECT_EQ(values[0].integer, 7);
  EXPECT_EQ(values[1].integer, 99'999);
  EXPECT_EQ(values[2].text, "y");
}

TEST(AnswerLimit, OfAKeyThatComes100000TimesTheLastOneCounts) {
  std::string record = "{";
  for (int i = 0; i < 100'000; ++i) record += R"("a":{"b":)" + std::to_string(i) + "},";
  record += R"("a":{"b":"last"}})";
  RowDecoder decoder({{{"a", "b"}, ColumnType::kText}});
  Value value;
  ASSERT_TRUE(decoder.decode(record, &value)) << decoder.reason();
  EXPECT_EQ(value.text, "last");
}

TEST(AnswerLimit, WholeAnswersSayWhatIsWrongWithThem) {
  for (auto [body, reason] : {std::pair("{\"a\":\"\xff\"}", "it is not valid UTF-8"), std::pair(R"({"a":"\ud800"})", "it holds half a surrogate pair"),
                              std::pair(R"({"a":1e400})", "it holds a number beyond every double precision"), std::pair("{\"a\":", "it is not JSON")}) {
    std::string said;
    BulkReply reply;
    EXPECT_FALSE(parse_bulk_reply(body, reply, said));
    EXPECT_EQ(said, reason) << body;
    std::vector<SchemaField> fields;
    EXPECT_FALSE(parse_schema(body, fields, said));
    EXPECT_EQ(said, reason) << body;
  }
}

}  // namespace
}  // namespace pendo
