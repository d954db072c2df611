// What a bulk call's reply says of its records, and when it is to be believed;
// and the reply of the key check, which is as short.
#include "bulk_reply.h"

#include <gtest/gtest.h>

#include "json_text.h"
#include "token_verify.h"

namespace pendo {
namespace {

BulkReply reply_of(std::string_view body) {
  BulkReply reply;
  std::string reason;
  EXPECT_TRUE(parse_bulk_reply(body, reply, reason)) << reason << ": " << body;
  return reply;
}

std::string failure_of(std::string_view body) {
  BulkReply reply;
  std::string reason;
  EXPECT_FALSE(parse_bulk_reply(body, reply, reason)) << body;
  return reason;
}

TEST(BulkReply, ReadsCountsAndMissingIds) {
  BulkReply reply = reply_of(R"({"total":3,"updated":1,"failed":2,"missing":["unknownId","x\"y"],"kind":"visitor"})");
  EXPECT_EQ(reply.total, 3);
  EXPECT_EQ(reply.updated, 1);
  EXPECT_EQ(reply.failed, 2);
  EXPECT_EQ(reply.missing, (std::vector<std::string>{"unknownId", "x\"y"}));
  EXPECT_TRUE(reply.errors.empty());
}

TEST(BulkReply, LeavesAbsentCountsUnknown) {
  BulkReply reply = reply_of(R"({"total":3,"updated":null,"missing":null,"errors":null})");
  EXPECT_EQ(reply.updated, -1);
  EXPECT_EQ(reply.failed, -1);
  EXPECT_FALSE(reply.lists_failures);
}

TEST(BulkReply, TakesErrorsOfAnyShape) {
  const struct {
    const char* element;
    const char* id;
    const char* text;
  } kCases[] = {
      {R"("bad \"date\"")", "", "bad \"date\""},
      {R"({"visitorId":"v1","message":"bad"})", "v1", R"({"visitorId":"v1","message":"bad"})"},
      {R"({"error":"bad","accountId":"a1"})", "a1", R"({"error":"bad","accountId":"a1"})"},
      {R"({"id":42,"reason":"bad"})", "42", R"({"id":42,"reason":"bad"})"},
      {R"({"id":null,"reason":"bad"})", "", R"({"id":null,"reason":"bad"})"},
      {R"({"reason":"bad"})", "", R"({"reason":"bad"})"},
      {"17", "", "17"},
      {"null", "", "null"},
      {R"(["v1","bad"])", "", R"(["v1","bad"])"},
  };
  for (const auto& c : kCases) {
    BulkReply reply = reply_of(R"({"total":1,"updated":0,"failed":1,"errors":[)" + std::string(c.element) + "]}");
    ASSERT_EQ(reply.errors.size(), 1u) << c.element;
    EXPECT_EQ(reply.errors[0].id, c.id) << c.element;
    EXPECT_EQ(reply.errors[0].text, c.text) << c.element;
    EXPECT_TRUE(reply.consistent(1));
  }
}

TEST(BulkReply, TakesErrorsThatAreNoListAsOneThatIsNotTied) {
  BulkReply reply = reply_of(R"({"total":1,"failed":1,"errors":"something broke"})");
  ASSERT_EQ(reply.errors.size(), 1u);
  EXPECT_EQ(reply.errors[0].text, "something broke");
}

TEST(BulkReply, CutsLongErrorsBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 400; ++i) text += "é";
  BulkReply reply = reply_of(R"({"total":1,"failed":1,"errors":[")" + text + "\"]}");
  EXPECT_EQ(reply.errors[0].text, text.substr(0, 499));
  EXPECT_TRUE(is_utf8(reply.errors[0].text));
}

TEST(BulkReply, ReadsMissingIdsOfOtherShapes) {
  BulkReply reply = reply_of(R"({"total":3,"failed":3,"missing":[7,{"visitorId":"v"},"w"]})");
  EXPECT_EQ(reply.missing, (std::vector<std::string>{"7", "v", "w"}));
}

TEST(BulkReply, IsConsistentWhenItsNumbersAccountForAllRecords) {
  const struct {
    const char* body;
    bool consistent;
  } kCases[] = {
      {R"({"total":2,"updated":2,"failed":0})", true},
      {R"({"total":2,"updated":1,"failed":1,"missing":["a"]})", true},
      {R"({"total":2,"updated":0,"failed":2,"missing":["a"],"errors":["b"]})", true},
      {R"({"total":2,"failed":1,"missing":["a"]})", true},
      {R"({"total":2,"updated":2})", true},
      {R"({"total":2,"updated":1,"missing":["a"]})", true},
      {R"({"updated":1,"failed":1})", true},
      {R"({"updated":2})", true},
      {R"({"updated":1,"missing":["a"]})", true},
      {R"({"total":2,"updated":1,"failed":1})", true},
      {R"({"total":2,"updated":2,"failed":0,"missing":[],"errors":[]})", true},
      {R"({"total":2})", true},
      {R"({"total":3,"updated":2,"failed":1,"missing":["a"]})", false},
      {R"({"total":1,"updated":1,"failed":0})", false},
      {R"({"total":3})", false},
      {R"({"total":3,"failed":1,"missing":["a"]})", false},
      {R"({"total":2,"updated":1,"failed":0})", false},
      {R"({"total":2,"updated":2,"failed":1})", false},
      {R"({"total":2,"updated":1,"failed":1,"missing":[],"errors":[]})", false},
      {R"({"total":2,"updated":1,"failed":1,"missing":["a"],"errors":["b"]})", false},
      {R"({"total":2,"updated":2,"failed":0,"errors":["b"]})", false},
      {R"({"total":2,"updated":3})", false},
      {R"({"total":2,"failed":3})", false},
      {R"({"failed":2})", false},
      {R"({"failed":0})", false},
      {R"({"updated":1})", false},
  };
  for (const auto& c : kCases) EXPECT_EQ(reply_of(c.body).consistent(2), c.consistent) << c.body;
}

TEST(BulkReply, NamesRecordsOfItsCallOrNone) {
  const struct {
    const char* lists;
    bool names_only_those;
  } kCases[] = {
      {R"("missing":[])", true},
      {R"("missing":["a","c"])", true},
      {R"("missing":["a","x"])", false},
      {R"("missing":["x"])", false},
      {R"("missing":["a","a"])", false},
      {R"("errors":["bad","bad"])", true},
      {R"("errors":[{"visitorId":"a"},{"visitorId":"a"},{"message":"bad"}])", true},
      {R"("errors":[{"visitorId":"x"}])", false},
      {R"("missing":["b"],"errors":[{"id":"c"}])", true},
      {R"("missing":["b"],"errors":[{"id":"x"}])", false},
  };
  for (const auto& c : kCases) {
    BulkReply reply = reply_of(R"({"total":3,)" + std::string(c.lists) + "}");
    EXPECT_EQ(reply.names_only({"a", "b", "c"}), c.names_only_those) << c.lists;
  }
}

// As JSON readers do mostly. What the last one says is held against the numbers all the same.
TEST(BulkReply, TakesTheLastOfWhatIsRepeated) {
  BulkReply reply = reply_of(R"({"total":7,"updated":0,"missing":["a"],"errors":["x"],"total":2,"updated":1,"failed":5,"failed":1,"errors":[],"missing":["b"]})");
  EXPECT_EQ(reply.total, 2);
  EXPECT_EQ(reply.updated, 1);
  EXPECT_EQ(reply.failed, 1);
  EXPECT_EQ(reply.missing, (std::vector<std::string>{"b"}));
  EXPECT_TRUE(reply.errors.empty());
  EXPECT_TRUE(reply.consistent(2));

  EXPECT_TRUE(reply_of(R"({"total":2,"updated":2,"missing":["a"],"missing":null})").consistent(2));
  EXPECT_FALSE(reply_of(R"({"total":2,"updated":2,"missing":null,"missing":["a"]})").consistent(2));
  EXPECT_EQ(failure_of(R"({"total":1,"total":"1"})"), "its \"total\" is not a count");
  EXPECT_EQ(failure_of(R"({"total":1,"missing":[],"missing":{}})"), "its \"missing\" is not a list of ids");

  reply = reply_of(R"({"total":2,"failed":2,"missing":[{"id":"a","id":"b"}],"errors":[{"visitorId":"x","visitorId":"a","message":"no"}]})");
  EXPECT_EQ(reply.missing, (std::vector<std::string>{"b"}));
  EXPECT_EQ(reply.errors[0].id, "a");
  EXPECT_TRUE(reply.names_only({"a", "b"}));
}

TEST(BulkReply, SaysHowManyFailed) {
  EXPECT_EQ(reply_of(R"({"total":9,"updated":1,"failed":8})").failed_records(), 8);
  EXPECT_EQ(reply_of(R"({"total":9,"updated":1})").failed_records(), 8);
  EXPECT_EQ(reply_of(R"({"updated":1,"missing":["a"],"errors":["b"]})").failed_records(), 2);
}

TEST(BulkReply, RefusesWhatIsNoReply) {
  const struct {
    std::string body;
    const char* reason;
  } kCases[] = {
      {"", "it is not JSON"},
      {"OK", "it is not JSON"},
      {R"({"total":1)", "it is not JSON"},
      {"[]", "it is not a JSON object"},
      {"{}", "it has no counts"},
      {R"({"message":"no","missing":[]})", "it has no counts"},
      {R"({"total":"1"})", "its \"total\" is not a count"},
      {R"({"total":-1})", "its \"total\" is not a count"},
      {R"({"total":1.5})", "its \"total\" is not a count"},
      {R"({"total":9223372036854775807})", "its \"total\" is not a count"},
      {R"({"total":1,"updated":{}})", "its \"updated\" is not a count"},
      {R"({"total":1,"failed":true})", "its \"failed\" is not a count"},
      {R"({"total":1,"missing":"a"})", "its \"missing\" is not a list of ids"},
      {R"({"total":1,"missing":[null]})", "its \"missing\" is not a list of ids"},
      {R"({"total":1,"errors":[)" + std::string(600, '[') + std::string(600, ']') + "]}", "it is nested too deep"},
  };
  for (const auto& c : kCases) EXPECT_EQ(failure_of(c.body), c.reason) << c.body.substr(0, 60);
}

TEST(BulkReply, ForgetsAnEarlierReply) {
  BulkReply reply = reply_of(R"({"total":1,"updated":0,"failed":1,"missing":["a"]})");
  std::string reason;
  ASSERT_TRUE(parse_bulk_reply(R"({"total":1,"updated":1})", reply, reason));
  EXPECT_TRUE(reply.missing.empty());
  EXPECT_EQ(reply.failed, -1);
}

TEST(TokenVerify, ReadsWhatAKeyMayDo) {
  const struct {
    const char* body;
    bool understood, valid, write_access;
  } kCases[] = {
      {R"({"valid":true,"writeAccess":true})", true, true, true},
      {R"({"writeAccess":false,"valid":true,"x":[1]})", true, true, false},
      {R"({"valid":true})", true, true, false},
      {R"({"valid":false,"writeAccess":false})", true, false, false},
      {R"({"valid":true,"writeAccess":"true"})", true, true, false},
      {R"({"valid":"true","writeAccess":true})", false, false, false},
      {R"({"writeAccess":true})", false, false, false},
      {"true", false, false, false},
      {"", false, false, false},
      {"<html>", false, false, false},
  };
  for (const auto& c : kCases) {
    bool valid = true;
    bool write_access = true;
    EXPECT_EQ(parse_token_verify(c.body, valid, write_access), c.understood) << c.body;
    EXPECT_EQ(valid, c.valid) << c.body;
    EXPECT_EQ(write_access, c.write_access) << c.body;
  }
}

}  // namespace
}  // namespace pendo
