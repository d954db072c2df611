// The aggregation calls that are sent, to the letter.
#include "pipeline.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

RecordsQuery visitors(std::span<const std::string_view> paths) {
  return {.object = find_object("visitors"), .paths = paths, .include_anonymous = false, .after_key = {}, .equal_key = {}, .limit = 0};
}

TEST(Pipeline, AliasesGoOnAfterZ) {
  EXPECT_EQ(column_alias(0), "a");
  EXPECT_EQ(column_alias(25), "z");
  EXPECT_EQ(column_alias(26), "aa");
  EXPECT_EQ(column_alias(26 + 26 * 26), "aaa");
}

TEST(Pipeline, PageSortsByKeyAndGoesOnAfterTheLast) {
  std::string_view paths[] = {"metadata.custom.plan", "visitorId"};
  auto query = visitors(paths);
  query.after_key = "a\"b\\c";
  query.limit = 50;
  EXPECT_EQ(records_pipeline(query),
            R"({"response":{"mimeType":"application/json"},"request":{"pipeline":[)"
            R"({"source":{"visitors":null}},{"identified":"visitorId"},)"
            R"({"filter":"visitorId > \"a\\\"b\\\\c\""},{"sort":["visitorId"]},{"limit":50},)"
            R"({"select":{"a":"metadata.custom.plan","b":"visitorId"}}]}})");
}

TEST(Pipeline, AnonymousVisitorsComeWhenAskedFor) {
  std::string_view paths[] = {"visitorId"};
  auto query = visitors(paths);
  query.include_anonymous = true;
  EXPECT_EQ(records_pipeline(query).find("identified"), std::string::npos);
}

TEST(Pipeline, PathsThatAreNoNamesAreToldApart) {
  for (auto good : {"visitorId", "metadata.auto__323232.firstvisit", "a._b.c1"}) EXPECT_TRUE(is_plain_path(good)) << good;
  for (auto bad : {"", ".", "a.", ".a", "a..b", "1a", "a-b", "a b", "a\"b", "a`"}) EXPECT_FALSE(is_plain_path(bad)) << bad;
}

}  // namespace
}  // namespace pendo
