// The sources of Pendo's own objects and of grouped events, and appId.
#include <gtest/gtest.h>

#include <set>

#include "json_write.h"
#include "simulator_client.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

// 2025-01-01T12:00Z: all of December is there.
class SimulatorSource : public testing::Test {
 protected:
  SimulatorSource() {
    simulator_.set("time_zone_minutes", "0");
    simulator_.set("clock_ms", "1735732800000");
  }
  // The rows of an event source for December 2024 after these steps.
  std::string december(std::string_view source, std::string_view parameters, std::string_view steps, std::string_view period = "dayRange") {
    return simulator_.aggregate(R"([{"source":{")" + std::string(source) + R"(":)" + std::string(parameters) +
                                R"~(,"timeSeries":{"period":")~" + std::string(period) +
                                R"~(","first":"date(2024,12,1)","last":"date(2024,12,31,23)"}}},)~" + std::string(steps) + "]");
  }
  std::int64_t number(const std::string& rows) { return parse(rows).list().at(0).object().at(0).value.integer(); }

  TestSimulator simulator_;
};

constexpr std::string_view kAllApps = R"~({"appId":"expandAppIds(\"*\")"})~";
constexpr std::string_view kSum = R"({"reduce":{"n":{"sum":"numEvents"}}})";

TEST_F(SimulatorSource, ObjectsAreThoseOfTheListEndpoints) {
  for (std::string_view kind : {"page", "feature", "guide"}) {
    std::string source(kind);
    EXPECT_EQ(parse(simulator_.aggregate(R"([{"source":{")" + source + R"(s":null}}])")), simulator_.get("/api/v1/" + source).json());
    EXPECT_EQ(parse(simulator_.aggregate(R"([{"source":{")" + source + R"(s":)" + std::string(kAllApps) + "}}]")),
              simulator_.get("/api/v1/" + source + "?expand=*").json());
    Value all = simulator_.get("/api/v1/" + source + "?expand=*").json();
    std::string id = all.list().back().find("id")->string();
    EXPECT_EQ(id.size(), 27U);
    EXPECT_EQ(simulator_.get("/api/v1/" + source + "?id=" + id).json().list().size(), 1U);
    EXPECT_EQ(simulator_.get("/api/v1/" + source + "?appId=1&expand=*").status, 400);
    for (std::string_view name : {"appId", "createdAt", "createdByUser", "id", "kind", "lastUpdatedAt", "lastUpdatedByUser", "name",
                                  "rootVersionId", "stableVersionId"}) {
      EXPECT_TRUE(all.list()[0].find(name)) << kind << " " << name;
    }
  }
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"pages":{"appId":6561780136607744}}},{"select":{"n":"name"}}])"), R"([{"n":"Start Screen"}])");
  std::string id = simulator_.get("/api/v1/page").json().list()[1].find("id")->string();
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"pages":{"pageId":")" + id + R"("}}},{"select":{"n":"name"}}])"), R"([{"n":"Reports"}])");
  EXPECT_TRUE(simulator_.aggregate(R"([{"source":{"pages":{"appId":1,"pageId":"x"}}}])").starts_with("400 "));
  EXPECT_EQ(simulator_.get("/api/v1/segment").json().list().size(), 2U);
  EXPECT_EQ(simulator_.get("/api/v1/segment?createdByApi=true").body, "[]");
}

TEST_F(SimulatorSource, FeaturesLieOnPagesThatExist) {
  std::set<std::string> pages;
  Value list = simulator_.get("/api/v1/page?expand=*").json();
  for (const auto& page : list.list()) pages.insert(page.find("id")->string());
  int on_pages = 0;
  Value features = simulator_.get("/api/v1/feature?expand=*").json();
  for (const auto& feature : features.list()) {
    const Value* page = feature.find("pageId");
    EXPECT_EQ(feature.find("appWide")->is_true(), !page);
    EXPECT_TRUE(!page || pages.contains(page->string()));
    on_pages += page != nullptr;
  }
  EXPECT_EQ(on_pages, 4);
}

TEST_F(SimulatorSource, GroupsHaveTheirItemsWhenAsked) {
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"groups":null}},{"select":{"n":"name","l":"length","i":"items"}}])"),
            R"([{"i":null,"l":3,"n":"Reporting"},{"i":null,"l":2,"n":"Administration"}])");
  EXPECT_EQ(simulator_.aggregate(
                R"([{"source":{"groups":{"items":true}}},{"unwind":{"field":"items"}},{"expand":{"p":{"page":"items.itemId"}}},{"filter":"p != null"},{"select":{"g":"name","p":"p.name"}}])"),
            R"([{"g":"Reporting","p":"Reports"},{"g":"Administration","p":"Settings"}])");
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"groups":{"groupType":"guideCategory"}}}])"), "[]");
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"apps":null}},{"select":{"i":"appId","p":"platform"}}])"),
            R"([{"i":-323232,"p":"web"},{"i":6561780136607744,"p":"ios"}])");
}

TEST_F(SimulatorSource, EventsAreThoseOfPagesAndFeatures) {
  std::int64_t pages = number(december("pageEvents", kAllApps, kSum));
  std::int64_t features = number(december("featureEvents", kAllApps, kSum));
  std::int64_t tracks = number(december("trackEvents", kAllApps, kSum));
  EXPECT_GT(pages, 31 * 24);
  EXPECT_GT(features, 31 * 24);
  EXPECT_EQ(number(december("events", kAllApps, kSum)), pages + features);
  simulator_.set("events_count_track", "yes");
  EXPECT_EQ(number(december("events", kAllApps, kSum)), pages + features + tracks);
  for (std::string_view period : {"hourRange", "weekRange", "monthRange"}) {
    std::string source = R"~([{"source":{"pageEvents":{"appId":"expandAppIds(\"*\")"},"timeSeries":{"period":")~" + std::string(period) +
                         R"~(","first":"date(2024,12,1)","last":"date(2024,12,28,23)"}}},)~" + std::string(kSum) + "]";
    EXPECT_EQ(number(simulator_.aggregate(source)) > 28 * 24, true) << period;
  }
}

// What has one key is one row, whatever page or feature it came from.
TEST_F(SimulatorSource, RowsOfEventsHaveUniqueKeys) {
  constexpr std::string_view kTwice =
      R"({"group":{"group":["visitorId","accountId","appId","month","remoteIp","server","userAgent"],"fields":{"n":{"count":null}}}},{"filter":"n > 1"})";
  EXPECT_EQ(december("events", kAllApps, kTwice, "monthRange"), "[]");
}

TEST_F(SimulatorSource, EventRowsHaveTheMembersOfPendosSamples) {
  auto members = [](const Value& row) {
    std::string names;
    for (const auto& member : row.object()) names += member.name + " ";
    return names;
  };
  EXPECT_EQ(members(parse(december("pageEvents", "null", R"({"limit":1})")).list()[0]),
            "accountId appId day numEvents numMinutes pageId remoteIp server userAgent visitorId ");
  EXPECT_EQ(members(parse(december("featureEvents", "null", R"({"limit":1})")).list()[0]),
            "accountId appId day featureId numEvents numMinutes remoteIp server userAgent visitorId ");
  EXPECT_EQ(december("events", kAllApps, R"({"group":{"group":["pageId"]}},{"sort":["pageId"]})"),
            R"([{"pageId":"allevents"},{"pageId":"allevents-6561780136607744"}])");
}

TEST_F(SimulatorSource, EventsAreOfObjectsVisitorsAndAccountsThatExist) {
  for (auto [source, type] : {std::pair("pageEvents", "page"), std::pair("featureEvents", "feature")}) {
    std::string steps = R"({"expand":{"o":{")" + std::string(type) + R"(":")" + type + R"(Id"}}},{"bulkExpand":{"v":{"visitor":"visitorId"},"a":{"account":"accountId"}}},)"
                        R"({"filter":"o.appId != appId || v.auto.accountid != accountId || a.auto.id != accountId"})";
    EXPECT_EQ(december(source, kAllApps, steps), "[]") << source;
  }
}

TEST_F(SimulatorSource, IdsAndAppsNarrowEvents) {
  std::string id = simulator_.get("/api/v1/page").json().list()[0].find("id")->string();
  std::string one = R"([{"pageId":")" + id + "\"}]";
  EXPECT_EQ(december("pageEvents", R"({"pageId":")" + id + "\"}", R"({"group":{"group":["pageId"]}})"), one);
  EXPECT_EQ(december("pageEvents", R"({"pageIds":[")" + id + "\"]}", R"({"group":{"group":["pageId"]}})"), one);
  EXPECT_TRUE(december("pageEvents", R"({"appId":-323232,"pageId":"x"})", R"({"cat":null})").starts_with("400 "));
  std::string apps = R"({"group":{"group":["appId"]}},{"sort":["appId"]})";
  constexpr std::string_view kDefault = R"([{"appId":-323232}])";
  constexpr std::string_view kBoth = R"([{"appId":-323232},{"appId":6561780136607744}])";
  for (auto [parameters, result] :
       {std::pair<std::string_view, std::string_view>("null", kDefault), {R"({"appId":-323232})", kDefault},
        {R"({"appId":[-323232,6561780136607744]})", kBoth}, {kAllApps, kBoth}, {R"~({"appId":["expandAppIds(\"*\")"]})~", kBoth},
        {R"({"appId":"-323232"})", kDefault},
        {R"~({"appId":"expandAppIds(\"web|mobile\")"})~", kBoth}, {R"~({"appId":"expandAppIds(\"ios\")"})~", R"([{"appId":6561780136607744}])"},
        {R"~({"appId":"expandAppIds(\"android|extension\")"})~", "[]"}, {R"({"blacklist":"ignore"})", kDefault},
        {R"({"blacklist":"apply"})", kDefault}, {R"({"blacklist":"only"})", "[]"}}) {
    EXPECT_EQ(december("events", parameters, apps), result) << parameters;
  }
}

TEST_F(SimulatorSource, ItemSeenTellsOfAllTime) {
  std::string id = simulator_.get("/api/v1/page").json().list()[0].find("id")->string();
  std::string rows = simulator_.aggregate(R"([{"source":{"visitors":null}},{"itemSeen":{"seen":{"pageId":")" + id +
                                          R"("}}},{"filter":"seen != null"},{"reduce":{"n":{"sum":"seen.count"},"l":{"max":"seen.lastUsed"}}}])");
  std::string all = simulator_.aggregate(
      R"~([{"source":{"pageEvents":{"pageId":")~" + id +
      R"~("},"timeSeries":{"period":"dayRange","first":"date(2024,1,1)","last":"now()"}}},{"reduce":{"n":{"sum":"numEvents"}}}])~");
  EXPECT_EQ(find_path(parse(rows).list()[0], "n")->number(), find_path(parse(all).list()[0], "n")->number());
  EXPECT_LE(find_path(parse(rows).list()[0], "l")->number(), 1'735'732'800'000.0);
}

TEST_F(SimulatorSource, TimeSeriesStandsWithinTheSourceOrBesideIt) {
  EXPECT_EQ(simulator_.aggregate(
                R"~([{"source":{"pageEvents":null},"timeSeries":{"period":"dayRange","first":"date(2024,12,1)","count":31}},)~" + std::string(kSum) + "]"),
            december("pageEvents", "null", kSum));
  EXPECT_TRUE(simulator_.aggregate(R"([{"source":{"pageEvents":null}}])").starts_with("400 "));
  EXPECT_TRUE(december("pageEvents", "null", kSum, "daily").starts_with("400 ")) << "one result for each period: in what form?";
  simulator_.set("iterative_periods", "range");
  EXPECT_EQ(december("pageEvents", "null", kSum, "daily"), december("pageEvents", "null", kSum));
}

TEST_F(SimulatorSource, AppIdOnVisitors) {
  auto count = [this](std::string_view app) {
    return simulator_.aggregate(R"([{"source":{"visitors":{"appId":)" + std::string(app) + R"(}}},{"count":null}])");
  };
  EXPECT_EQ(count("6561780136607744"), R"([{"count":102}])");
  simulator_.set("visitors_app_id", "refuse");
  EXPECT_TRUE(count("6561780136607744").starts_with("400 "));
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"visitors":null}},{"count":null}])"), R"([{"count":102}])");
  simulator_.set("visitors_app_id", "restrict");
  std::string seen = simulator_.aggregate(
      R"([{"source":{"visitors":null}},{"filter":"metadata.auto_6561780136607744 != null"},{"count":null}])");
  EXPECT_EQ(count("6561780136607744"), seen);
  EXPECT_EQ(count("[-323232,6561780136607744]"), R"([{"count":102}])");
  EXPECT_EQ(count("5"), R"([{"count":0}])");
  EXPECT_EQ(simulator_.aggregate(
                R"([{"source":{"visitors":{"appId":6561780136607744}}},{"sort":["-metadata.auto.nid"]},{"filter":"metadata.auto__323232 != null"}])"),
            "[]")
      << "what is said of other apps is not there";
}

TEST_F(SimulatorSource, DoNotProcess) {
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"doNotProcessVisitors":null}}])"), "[]");
  simulator_.ask("PUT", "/api/v1/metadata/visitor/pendo/value/v0000003/donotprocess", "true");
  simulator_.ask("PUT", "/api/v1/metadata/account/pendo/value/a00002/donotprocess", "true");
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"doNotProcessVisitors":null}},{"select":{"v":"visitorId"}}])"), R"([{"v":"v0000003"}])");
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"doNotProcessAccounts":null}},{"select":{"a":"accountId"}}])"), R"([{"a":"a00002"}])");
}

}  // namespace
}  // namespace simulator
