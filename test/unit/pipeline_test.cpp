// The aggregation calls that are sent, to the letter.
#include "pipeline.h"

#include "scan.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

RecordsQuery visitors(std::span<const std::string_view> paths) {
  return {.object = find_object("visitors"), .paths = paths, .include_anonymous = false, .app_id = {}, .filter = {}, .position = {}, .order = {}, .limit = 0};
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
  std::string position = text_comparison("visitorId", ">", "a\"b\\c");
  query.position = position;
  query.filter = "metadata.custom.seats > 5";
  query.limit = 50;
  EXPECT_EQ(records_pipeline(query),
            R"({"response":{"mimeType":"application/json"},"request":{"pipeline":[)"
            R"({"source":{"visitors":null}},{"identified":"visitorId"},)"
            R"({"filter":"visitorId > \"a\\\"b\\\\c\""},{"filter":"metadata.custom.seats > 5"},{"sort":["visitorId"]},{"limit":50},)"
            R"({"select":{"a":"metadata.custom.plan","b":"visitorId"}}]}})");
}

TEST(Pipeline, AnotherOrderGivesNullsARankAndTiesTheKey) {
  std::string_view paths[] = {"visitorId"};
  auto query = visitors(paths);
  query.order = {.path = "metadata.auto.lastvisit", .descending = true, .nulls_first = true};
  query.position = "sort_rank < 1";
  query.limit = 3;
  EXPECT_EQ(records_pipeline(query),
            R"x({"response":{"mimeType":"application/json"},"request":{"pipeline":[)x"
            R"x({"source":{"visitors":null}},{"identified":"visitorId"},)x"
            R"x({"eval":{"sort_rank":"if(isNumber(metadata.auto.lastvisit), 0, 1)",)x"
            R"x("sort_value":"if(isNumber(metadata.auto.lastvisit), metadata.auto.lastvisit, 0)"}},)x"
            R"x({"filter":"sort_rank < 1"},{"sort":["-sort_rank","-sort_value","visitorId"]},{"limit":3},)x"
            R"x({"select":{"a":"visitorId"}}]}})x");
}

TEST(Pipeline, CountIsOneRow) {
  auto query = visitors({});
  query.filter = "visitorId > \"a\"";
  EXPECT_EQ(count_pipeline(query),
            R"({"response":{"mimeType":"application/json"},"request":{"pipeline":[{"source":{"visitors":null}},)"
            R"({"identified":"visitorId"},{"filter":"visitorId > \"a\""},{"count":null}]}})");
}

TEST(Pipeline, KeysAreAChainOfEqualities) {
  std::string keys[] = {"a", "b\"c"};
  EXPECT_EQ(one_of_keys("visitorId", keys), R"(visitorId == "a" || visitorId == "b\"c")");
}

TEST(Pipeline, SampleIsTheRecordsWhoseKeyHashesIntoAPart) {
  const ObjectDescriptor& visitors = *find_object("visitors");
  EXPECT_EQ(sample_filter(visitors, 1'000'000, 30'000), "hash(visitorId) % 10000 < 360");
  EXPECT_EQ(sample_filter(visitors, 1'000'000'000, 300), "hash(visitorId) % 10000 < 1");
  EXPECT_EQ(sample_filter(visitors, 30'000, 30'000), "");
  EXPECT_EQ(sample_filter(visitors, 0, 30'000), "");
}

TEST(Pipeline, AnonymousVisitorsComeWhenAskedFor) {
  std::string_view paths[] = {"visitorId"};
  auto query = visitors(paths);
  query.include_anonymous = true;
  EXPECT_EQ(records_pipeline(query).find("identified"), std::string::npos);
}

TEST(Pipeline, AppsAreAParameterOfTheSource) {
  std::string_view paths[] = {"visitorId"};
  auto query = visitors(paths);
  query.app_id = "1,-2";
  EXPECT_NE(records_pipeline(query).find(R"({"source":{"visitors":{"appId":[1,-2]}}})"), std::string::npos);
  query.app_id = "*";
  EXPECT_NE(count_pipeline(query).find(R"x({"source":{"visitors":{"appId":"expandAppIds(\"*\")"}}})x"), std::string::npos);
  query.app_id = "default";
  EXPECT_NE(records_pipeline(query).find(R"({"source":{"visitors":null}})"), std::string::npos);
}

CountsQuery counts(std::span<const std::string_view> paths) {
  return {.object = find_object("track_event_counts"), .paths = paths, .period = "dayRange", .first = "5", .last = "9", .type_ids = {},
          .app_id = {}, .filter = {}};
}

TEST(Pipeline, CountsHaveAWindowAndAFilter) {
  std::string_view paths[] = {"numEvents"};
  auto query = counts(paths);
  EXPECT_EQ(counts_pipeline(query),
            R"({"response":{"mimeType":"application/json"},"request":{"pipeline":[)"
            R"({"source":{"trackEvents":null,"timeSeries":{"period":"dayRange","first":5,"last":9}}},{"select":{"a":"numEvents"}}]}})");
  query.period = "hourRange";
  query.filter = "visitorId == \"a\"";
  query.app_id = "-323232";
  EXPECT_EQ(counts_pipeline(query),
            R"({"response":{"mimeType":"application/json"},"request":{"pipeline":[)"
            R"({"source":{"trackEvents":{"appId":-323232},"timeSeries":{"period":"hourRange","first":5,"last":9}}},)"
            R"({"filter":"visitorId == \"a\""},{"select":{"a":"numEvents"}}]}})");
}

TEST(Pipeline, IdsOfTypesStandInPlaceOfApps) {
  std::string_view paths[] = {"numEvents"};
  std::string ids[] = {"x", "y\"z"};
  auto query = counts(paths);
  query.app_id = "*";
  query.type_ids = ids;
  EXPECT_NE(counts_pipeline(query).find(R"({"source":{"trackEvents":{"trackTypeIds":["x","y\"z"]},"timeSeries")"), std::string::npos);
}

TEST(Pipeline, PathsThatAreNoNamesAreToldApart) {
  for (auto good : {"visitorId", "metadata.auto__323232.firstvisit", "a._b.c1"}) EXPECT_TRUE(is_plain_path(good)) << good;
  for (auto bad : {"", ".", "a.", ".a", "a..b", "1a", "a-b", "a b", "a\"b", "a`"}) EXPECT_FALSE(is_plain_path(bad)) << bad;
}

}  // namespace
}  // namespace pendo
