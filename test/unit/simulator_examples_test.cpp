// The examples of Pendo's own documents, as they stand there but for ids and dates.
#include <gtest/gtest.h>

#include "catalog.h"
#include "json_write.h"
#include "simulator_client.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

class SimulatorExamples : public testing::Test {
 protected:
  SimulatorExamples() {
    simulator_.set("time_zone_minutes", "0");
    simulator_.set("clock_ms", "1735732800000");  // 2025-01-01T12:00Z
  }
  Value rows(std::string_view pipeline) {
    std::string text = simulator_.aggregate(pipeline);
    Value value = parse(text.starts_with("[") ? text : "[]");
    EXPECT_FALSE(value.list().empty()) << text;
    return value.list().empty() ? Value(List{Object{}}) : value;
  }

  TestSimulator simulator_;
};

TEST_F(SimulatorExamples, VisitorsBySegmentId) {
  std::string id = catalog(ItemKind::kSegment, simulator_.world.store.options())[0].id;
  Value all = rows(R"([{"source":{"visitors":null}},{"identified":"visitorId"},{"eval":{"accountId":"metadata.auto.accountids"}},)"
                   R"({"unwind":{"field":"accountId","keepEmpty":true}},{"bulkExpand":{"account":{"account":"accountId"}}},)"
                   R"({"segment":{"id":")" + id + R"("}},{"select":{"visitorId":"visitorId","accountId":"accountId"}}])");
  for (const auto& row : all.list()) {
    std::string visitor = row.find("visitorId")->string();
    EXPECT_EQ(simulator_.get("/api/v1/metadata/visitor/custom/value/" + visitor + "/plan").body, "\"pro\"");
    EXPECT_TRUE(row.find("accountId")->string().starts_with("a"));
  }
}

TEST_F(SimulatorExamples, ActiveVisitorsPerHour) {
  Value hours = rows(R"~([{"source":{"events":null,"timeSeries":{"period":"hourRange","first":"now()","count":-24}}},)~"
                     R"({"group":{"group":["hour"],"fields":{"count":{"count":"visitorId"}}}},{"sort":["hour"]}])");
  EXPECT_LE(hours.list().size(), 24U);
  for (const auto& row : hours.list()) {
    EXPECT_EQ(row.find("hour")->integer() % 3'600'000, 0);
    EXPECT_GE(row.find("hour")->integer(), 1'735'732'800'000 - 24 * 3'600'000LL);
    EXPECT_LT(row.find("hour")->integer(), 1'735'732'800'000);
    EXPECT_GE(row.find("count")->integer(), 1);
  }
}

TEST_F(SimulatorExamples, NumberOfEventsOfAVisitor) {
  Value sum = rows(R"~([{"source":{"events":null,"timeSeries":{"period":"dayRange","first":"now()","count":-30}}},{"identified":"visitorId"},)~"
                   R"({"filter":"visitorId == `v0000007`"},{"reduce":[{"totalEvents":{"sum":"numEvents"}}]}])");
  EXPECT_GT(sum.list()[0].find("totalEvents")->number(), 0);
}

TEST_F(SimulatorExamples, UsageByBrowser) {
  Value usage = rows(R"~([{"source":{"events":null,"timeSeries":{"period":"dayRange","first":"now()","count":-30}}},{"identified":"visitorId"},)~"
                     R"({"select":{"userAgent":"userAgent","visitorId":"visitorId"}},{"useragent":{"userAgent":"userAgent"}},)"
                     R"~({"select":{"name":"if(userAgent.name==\"\",\"unknown\",userAgent.name)","version":"userAgent.version","visitorId":"visitorId"}},)~"
                     R"({"group":{"group":["name","version"],"fields":[{"count":{"count":"visitorId"}}]}},{"sort":["-count"]}])");
  EXPECT_EQ(usage.list().size(), 3U);
  for (const auto& row : usage.list()) EXPECT_NE(row.find("name")->string(), "unknown");
}

TEST_F(SimulatorExamples, PageEventsWithParameters) {
  EXPECT_EQ(simulator_.aggregate(R"~([{"source":{"pageEvents":null,"timeSeries":{"period":"dayRange","first":"now()","count":-1}}},)~"
                                 R"~({"identified":"visitorId"},{"filter":"!isNull(parameters.parameter) && parameters.parameter != \"\""}])~"),
            "[]");
}

// Their example takes guides and guide categories; here there are product areas.
TEST_F(SimulatorExamples, ProductAreasMergedIntoPages) {
  Value pages = rows(R"([{"source":{"pages":null}},{"select":{"pageId":"id","name":"name"}},)"
                     R"({"merge":{"fields":["pageId"],"mappings":{"area":"area"},"pipeline":[{"source":{"groups":{"items":true}}},)"
                     R"({"unwind":{"field":"items"}},{"select":{"area":"name","pageId":"items.itemId"}}]}},{"select":{"name":"name","area":"area"}},{"sort":["name"]}])");
  EXPECT_EQ(to_json(pages), R"([{"area":null,"name":"Dashboard"},{"area":"Reporting","name":"Reports"},)"
                            R"({"area":"Administration","name":"Settings"},{"area":null,"name":"Sign-up"}])");
}

// Of a guide's goals: who used the page after the first event.
TEST_F(SimulatorExamples, ConversionsByItemSeen) {
  std::string page = catalog(ItemKind::kPage, simulator_.world.store.options())[0].id;
  Value all = rows(R"~([{"source":{"trackEvents":null,"timeSeries":{"period":"dayRange","first":"date(2024,11,1)","last":"now()"}}},)~"
                   R"({"itemSeen":{"itemSeenInfo":{"pageId":")" + page + R"("}}},{"filter":"itemSeenInfo.lastUsed >= firstTime"},)"
                   R"({"reduce":{"converted":{"count":"visitorId"}}}])");
  EXPECT_GT(all.list()[0].find("converted")->integer(), 0);
}

TEST_F(SimulatorExamples, ScoresByAccount) {
  Value scores = rows(R"~([{"source":{"pageEvents":null,"timeSeries":{"period":"dayRange","first":"now()","count":-30}}},{"identified":"visitorId"},)~"
                      R"~({"eval":{"responseDay":"startOfPeriod(\"dayRange\", day)","response":"numEvents"}},{"bulkExpand":{"account":{"account":"accountId"}}},)~"
                      R"~({"eval":{"metadataField":"account.auto.id"}},{"filter":"!isNil(metadataField) && metadataField != \"\""},)~"
                      R"~({"eval":{"isPromoter":"if(response >= 4, 1, 0)","isDetractor":"if(response < 2, 1, 0)"}},)~"
                      R"({"group":{"group":["metadataField"],"fields":[{"numPromoters":{"sum":"isPromoter"}},{"numDetractors":{"sum":"isDetractor"}},{"numResponses":{"count":null}}]}},)"
                      R"~({"eval":{"npsScore":"(numPromoters/numResponses) - (numDetractors/numResponses)"}},{"sort":["-numResponses"]}])~");
  EXPECT_GE(scores.list()[0].find("numResponses")->integer(), scores.list().back().find("numResponses")->integer());
  double score = scores.list()[0].find("npsScore")->number();
  EXPECT_TRUE(score >= -1 && score <= 1);
}

}  // namespace
}  // namespace simulator
