// Records and events of a test's own in the place of the generated ones.
#include <gtest/gtest.h>

#include "json_write.h"
#include "simulator_client.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

constexpr std::string_view kRecords =
    R"({"visitorId":"b","metadata":{"custom":{"plan":{"a":[1,null]},"big":9007199254740993},"odd":5,"none":null}})"
    "\n\n"
    R"({"visitorId":"a","metadata":{"auto":{"id":"a"}},"beside":true})"
    "\r\n"
    R"({"visitorId":"bare"})";
constexpr std::string_view kDump =
    R"({"beside":true,"metadata":{"auto":{"id":"a"}},"visitorId":"a"})"
    "\n"
    R"({"metadata":{"custom":{"big":9007199254740993,"plan":{"a":[1,null]}},"none":null,"odd":5},"visitorId":"b"})"
    "\n"
    R"({"visitorId":"bare"})"
    "\n";

TEST(SimulatorLoad, RecordsTakeThePlaceOfAllOthers) {
  TestSimulator simulator;
  simulator.post("/api/v1/metadata/visitor/custom/value?create=true", R"([{"visitorId":"written","values":{"plan":"x"}}])");
  std::string accounts = simulator.get("/__sim/dump/account").body;
  Reply reply = simulator.post("/__sim/load/visitor", kRecords);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"loaded":3})");
  EXPECT_EQ(simulator.get("/__sim/dump/visitor").body, kDump);
  EXPECT_EQ(simulator.get("/__sim/dump/account").body, accounts) << "the other kind stays";
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"visitors":null}},{"filter":"visitorId > \"a\""},{"count":null}])"), R"([{"count":2}])");
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"visitors":null}},{"select":{"p":"metadata.custom.plan","x":"metadata.odd"}}])"),
            R"([{"p":null,"x":null},{"p":{"a":[1,null]},"x":5},{"p":null,"x":null}])");
  EXPECT_EQ(simulator.get("/api/v1/visitor/v0000001").status, 404);
  EXPECT_EQ(simulator.get("/api/v1/visitor/written").status, 404);
  EXPECT_EQ(to_json(*simulator.get("/api/v1/visitor/b").json().find("metadata")),
            R"({"custom":{"big":9007199254740993,"plan":{"a":[1,null]}},"none":null,"odd":5})");
  EXPECT_EQ(simulator.get("/api/v1/visitor/bare").status, 200);
  EXPECT_EQ(simulator.get("/api/v1/metadata/visitor/custom/value/bare/plan").body, "null");
  EXPECT_EQ(simulator.get("/__sim/record/visitor/bare").body, R"({"visitorId":"bare"})");
}

TEST(SimulatorLoad, LoadedRecordsCanBeWrittenTo) {
  TestSimulator simulator;
  simulator.set("touch_lastupdated", "no");
  simulator.post("/__sim/load/visitor", kRecords);
  Reply reply = simulator.post("/api/v1/metadata/visitor/custom/value",
                               R"([{"visitorId":"b","values":{"seats":1}},{"visitorId":"bare","values":{"seats":2}},{"visitorId":"v0000001","values":{"seats":3}}])");
  EXPECT_EQ(to_json(*reply.json().find("missing")), R"(["v0000001"])");
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"visitors":null}},{"select":{"s":"metadata.custom.seats","g":"metadata.custom.big"}}])"),
            R"([{"g":null,"s":null},{"g":9007199254740993,"s":1},{"g":null,"s":2}])");
  EXPECT_EQ(simulator.get("/__sim/record/visitor/bare").body, R"({"metadata":{"custom":{"seats":2}},"visitorId":"bare"})");
}

TEST(SimulatorLoad, ABadLineIsNamedAndNothingChanges) {
  TestSimulator simulator;
  std::string before = simulator.get("/__sim/dump/visitor").body;
  struct Case {
    std::string_view body, error;
  };
  constexpr Case kCases[] = {
      {"{\"visitorId\":\"a\"}\n{\"visitorId\":\"a\"}", "line 2: the id stands in a line before"},
      {"{\"visitorId\":\"a\"}\n\n{}", "line 3: visitorId must be a string"},
      {"{\"visitorId\":5}", "line 1: visitorId must be a string"},
      {"{\"accountId\":\"a\"}", "line 1: visitorId must be a string"},
      {"[]", "line 1: visitorId must be a string"},
      {"{\"visitorId\":\"a\"}\n{", "line 2: unexpected end of JSON input"},
  };
  for (const auto& [body, error] : kCases) {
    Reply reply = simulator.post("/__sim/load/visitor", body);
    ASSERT_EQ(reply.status, 400) << body;
    EXPECT_EQ(reply.json().find("error")->string(), error) << body;
  }
  EXPECT_EQ(simulator.get("/__sim/dump/visitor").body, before);
  EXPECT_EQ(simulator.post("/__sim/load/guide", "").status, 404);
}

TEST(SimulatorLoad, NoLinesAreNoRecordsAndResetBringsThemBack) {
  TestSimulator simulator;
  std::string before = simulator.get("/__sim/dump/account").body;
  EXPECT_EQ(simulator.post("/__sim/load/account", "").body, R"({"loaded":0})");
  EXPECT_EQ(simulator.get("/__sim/dump/account").body, "");
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"accounts":null}}])"), "[]");
  simulator.post("/__sim/load/account", R"({"accountId":"only"})");
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"accounts":null}}])"), R"([{"accountId":"only"}])");
  simulator.post("/__sim/reset", "");
  EXPECT_EQ(simulator.get("/__sim/dump/account").body, before);
}

// The rows of January 2020, long before any generated event.
std::string january(TestSimulator& simulator) {
  return simulator.aggregate(
      R"~([{"source":{"trackEvents":{"appId":"expandAppIds(\"*\")"},"timeSeries":{"period":"dayRange","first":"date(2020,1,1)","last":"date(2020,1,31)"}}},)~"
      R"({"sort":["visitorId"]},{"select":{"v":"visitorId","a":"appId","n":"numEvents","d":"day","p":"properties","acc":"accountId"}}])");
}

TEST(SimulatorLoad, EventsOfAnyAgeAreProcessed) {
  TestSimulator simulator;
  simulator.set("time_zone_minutes", "0");
  simulator.track(R"({"type":"track","event":"Old","visitorId":"gone","timestamp":1735689600000})");
  Reply reply = simulator.post(
      "/__sim/load/events",
      R"({"visitorId":"x","accountId":"acme","event":"Old","timestamp":1578000000000,"properties":{"k":1}})"
      "\n"
      R"({"visitorId":"x","accountId":"acme","event":"Old","timestamp":1578000000001,"properties":{"k":1}})"
      "\n"
      R"({"visitorId":"y","event":"Registered","timestamp":1578500000000,"appId":6561780136607744,"receivedAt":1578600000000})");
  EXPECT_EQ(reply.body, R"({"loaded":3})");
  EXPECT_EQ(january(simulator),
            R"([{"a":-323232,"acc":"acme","d":1577923200000,"n":2,"p":{"k":1},"v":"x"},)"
            R"({"a":6561780136607744,"acc":"","d":1578441600000,"n":1,"p":{},"v":"y"}])");
  EXPECT_EQ(simulator.get("/__sim/events").json().list().size(), 3U) << "the event before is gone";
  EXPECT_EQ(simulator.aggregate(
                R"~([{"source":{"trackEvents":null,"timeSeries":{"period":"dayRange","first":"date(2024,11,1)","last":"date(2024,12,31)"}}},{"count":null}])~"),
            R"([{"count":0}])")
      << "there are no generated events any more";
  EXPECT_EQ(simulator.get("/api/v1/visitor/x").status, 404) << "loading makes no records";
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"trackTypes":null}},{"filter":"name == `Old`"},{"count":null}])"), R"([{"count":1}])");
}

TEST(SimulatorLoad, TheDelayCountsFromReceivedAt) {
  TestSimulator simulator;
  simulator.set("time_zone_minutes", "0");
  simulator.set("clock_ms", "1578600000000");
  simulator.post("/__sim/load/events",
                 R"({"visitorId":"late","event":"e","timestamp":1578500000000,"receivedAt":1578599999999})"
                 "\n"
                 R"({"visitorId":"there","event":"e","timestamp":1578500000000})");
  EXPECT_EQ(parse(january(simulator)).list().size(), 1U);
  simulator.set("clock_ms", "1578600900000");
  EXPECT_EQ(parse(january(simulator)).list().size(), 2U);
}

TEST(SimulatorLoad, BadEventsAreNamed) {
  TestSimulator simulator;
  for (std::string_view bad :
       {R"({"event":"e","timestamp":1})", R"({"visitorId":"v","timestamp":1})", R"({"visitorId":"v","event":"e"})",
        R"({"visitorId":"v","event":"e","timestamp":"1"})", R"({"visitorId":"v","event":"e","timestamp":1,"appId":7})", "{", "1"}) {
    Reply reply = simulator.post("/__sim/load/events", "{\"visitorId\":\"v\",\"event\":\"e\",\"timestamp\":1}\n" + std::string(bad));
    ASSERT_EQ(reply.status, 400) << bad;
    EXPECT_TRUE(reply.json().find("error")->string().starts_with("line 2: ")) << reply.body;
  }
  EXPECT_EQ(simulator.get("/__sim/events").body, "[]");
}

}  // namespace
}  // namespace simulator
