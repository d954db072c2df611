// The simulator's own routes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "json_write.h"
#include "simulator_client.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

TEST(SimulatorControl, CallsAreCountedByRoute) {
  TestSimulator simulator;
  EXPECT_EQ(simulator.get("/__sim/stats").body, "{}");
  simulator.get("/api/v1/visitor/v0000001?x=1");
  simulator.get("/api/v1/visitor/a%2Fb");
  simulator.get("/api/v1/account/a00001");
  simulator.get("/api/v1/metadata/visitor/custom/value/v0000001/plan");
  simulator.ask("PUT", "/api/v1/metadata/visitor/custom/value/v0000001/plan", "1");
  simulator.post("/api/v1/metadata/account/agent/value?create=true", "[]");
  simulator.ask("GET", "/api/v1/token/verify", "", {{"x-pendo-integration-key", "wrong"}});
  simulator.track("{}");
  simulator.get("/unknown?x=1");
  EXPECT_EQ(simulator.get("/__sim/stats").body,
            R"({"GET /api/v1/account/:id":1,"GET /api/v1/metadata/visitor/custom/value/:id/:field":1,"GET /api/v1/token/verify":1,)"
            R"("GET /api/v1/visitor/:id":2,"GET /unknown":1,"POST /api/v1/metadata/account/agent/value":1,"POST /data/track":1,)"
            R"("PUT /api/v1/metadata/visitor/custom/value/:id/:field":1})");
}

TEST(SimulatorControl, RequestsAreKeptWithTheirBodies) {
  TestSimulator simulator;
  simulator.get("/api/v1/token/verify?a=b");
  simulator.post("/api/v1/aggregation", "{\"b\xFF");
  Value requests = simulator.get("/__sim/requests").json();
  ASSERT_EQ(requests.list().size(), 2U);
  const Value& first = requests.list()[0];
  EXPECT_EQ(first.find("seq")->integer(), 1);
  EXPECT_EQ(first.find("method")->string(), "GET");
  EXPECT_EQ(first.find("path")->string(), "/api/v1/token/verify?a=b");
  EXPECT_EQ(first.find("status")->integer(), 200);
  EXPECT_EQ(first.find("body")->string(), "");
  EXPECT_EQ(find_path(first, "headers.x-pendo-integration-key")->string(), "sim-write-key");
  const Value& second = requests.list()[1];
  EXPECT_EQ(second.find("body")->string(), "{\"b\xEF\xBF\xBD");
  EXPECT_EQ(second.find("status")->integer(), 400);
}

TEST(SimulatorControl, OnlyTheRecentRequestsAreKept) {
  TestSimulator simulator;
  Connection connection(simulator.server.port());
  for (int i = 0; i < 2100; ++i) {
    connection.send(request_text("GET", "/x" + std::to_string(i)));
    connection.read_reply();
  }
  Value requests = simulator.get("/__sim/requests").json();
  ASSERT_EQ(requests.list().size(), 2000U);
  EXPECT_EQ(requests.list()[0].find("path")->string(), "/x100");
  std::string body(20'000'000, ' ');
  for (int i = 0; i < 5; ++i) {
    connection.send(request_text("POST", "/large", body));
    connection.read_reply();
  }
  std::size_t bytes = 0;
  simulator.world.traffic.each_request([&bytes](const Value& one) {
    bytes += one.find("body")->string().size();
    return true;
  });
  EXPECT_LE(bytes, 64U * 1024 * 1024);
  EXPECT_GE(bytes, 60'000'000U);
}

TEST(SimulatorControl, RecordsAreShownAsStored) {
  TestSimulator simulator({.visitors = 10, .accounts = 5});
  EXPECT_EQ(simulator.get("/__sim/record/visitor/a%2Fb%20c").json().find("visitorId")->string(), "a/b c");
  EXPECT_EQ(simulator.get("/__sim/record/account/a00001").json().find("accountId")->string(), "a00001");
  EXPECT_EQ(simulator.get("/__sim/record/visitor/nobody").status, 404);
  EXPECT_EQ(simulator.get("/__sim/record/guide/x").status, 404);
}

TEST(SimulatorControl, DumpsAreTheRecordsOfTheSourceOnePerLine) {
  TestSimulator simulator({.visitors = 600, .accounts = 5});
  for (std::string_view kind : {"visitor", "account"}) {
    std::string dump = simulator.get("/__sim/dump/" + std::string(kind)).body;
    std::string lines;
    for (auto end = dump.find('\n'); end != std::string::npos; end = dump.find('\n')) {
      lines += (lines.empty() ? "[" : ",") + dump.substr(0, end);
      dump.erase(0, end + 1);
    }
    EXPECT_EQ(lines + "]", rows_of(simulator.world, R"([{"source":{")" + std::string(kind) + R"(s":null}}])"));
  }
  std::string part = simulator.get("/__sim/dump/visitor?from=v0000599&count=1").body;
  EXPECT_EQ(parse(part).find("visitorId")->string(), "v0000599");
  EXPECT_EQ(simulator.get("/__sim/dump/guide").status, 404);
}

TEST(SimulatorControl, SwitchesAreReadAndSet) {
  TestSimulator simulator;
  Value config = simulator.get("/__sim/config").json();
  EXPECT_EQ(config.object().size(), kSwitchCount);
  EXPECT_EQ(find_path(config, "null_value.value")->string(), "store");
  EXPECT_EQ(to_json(*find_path(config, "null_value.values")), R"(["store","delete","error"])");
  EXPECT_FALSE(find_path(config, "null_value.reason")->string().empty());
  EXPECT_EQ(find_path(config, "latency_ms.value")->integer(), 0);
  config = simulator.post("/__sim/config", R"({"null_value":"delete","event_delay_ms":5,"put_answer":"value"})").json();
  EXPECT_EQ(find_path(config, "null_value.value")->string(), "delete");
  EXPECT_EQ(find_path(config, "event_delay_ms.value")->integer(), 5);
  for (std::string_view bad : {R"({"null_value":"x"})", R"({"nope":1})", R"({"latency_ms":"soon"})", "[]", "{",
                               R"({"null_value":"error","nope":1})"}) {
    EXPECT_EQ(simulator.post("/__sim/config", bad).status, 400) << bad;
  }
  EXPECT_EQ(find_path(simulator.get("/__sim/config").json(), "null_value.value")->string(), "delete") << "all or nothing";
}

TEST(SimulatorControl, EverySwitchTakesItsValuesAndHasAReason) {
  Switches switches;
  std::string error;
  std::size_t position = 0;
  for (const auto& info : switch_table()) {
    EXPECT_EQ(static_cast<std::size_t>(info.id), position++) << info.name << " stands where its number says";
    EXPECT_FALSE(info.reason.empty()) << info.name;
    EXPECT_TRUE(switches.set(info.name, info.default_value, error)) << error;
    EXPECT_FALSE(switches.set(info.name, "bogus", error)) << info.name;
    EXPECT_FALSE(switches.set(info.name, "", error)) << info.name;
    std::string_view values = info.values == "number" ? "5" : info.values;
    for (;;) {
      auto bar = values.find('|');
      EXPECT_TRUE(switches.set(info.name, values.substr(0, bar), error)) << error;
      if (bar == std::string_view::npos) break;
      values.remove_prefix(bar + 1);
    }
  }
  EXPECT_EQ(position, kSwitchCount);
}

TEST(SimulatorControl, TheReadmeTellsOfEverySwitchAndOddId) {
  std::ifstream file(SIMULATOR_README);
  std::string readme(std::istreambuf_iterator<char>(file), {});
  for (const auto& info : switch_table()) {
    std::string row = "| `" + std::string(info.name) + "` | ";
    auto at = readme.find(row);
    ASSERT_NE(at, std::string::npos) << info.name;
    std::string_view line = std::string_view(readme).substr(at, readme.find('\n', at) - at);
    EXPECT_NE(line.find("| `" + std::string(info.default_value) + "` | " + std::string(info.reason) + " |"), std::string::npos) << line;
  }
  for (Kind kind : {Kind::kVisitor, Kind::kAccount}) {
    for (auto id : odd_ids(kind)) {
      EXPECT_NE(readme.find(to_json(Value(id), {.html_escape = false})), std::string::npos) << id;
    }
  }
}

TEST(SimulatorControl, ResetRestoresEverything) {
  TestSimulator simulator({.visitors = 50, .accounts = 5});
  simulator.set("put_answer", "value");
  simulator.world.switches.remember();
  std::string before = simulator.get("/__sim/dump/visitor").body + simulator.get("/__sim/dump/account").body +
                       simulator.get("/api/v1/metadata/schema/visitor").body + simulator.get("/api/v1/tracktype?expand=*").body +
                       simulator.get("/__sim/config").body;
  simulator.post("/api/v1/metadata/visitor/custom/value?create=true",
                 R"([{"visitorId":"v0000001","values":{"plan":"x","fresh":1}},{"visitorId":"new","values":{}}])");
  simulator.post("/api/v1/metadata/account/custom/value", R"([{"accountId":"a00001","values":{"plan":"x"}}])");
  simulator.post("/api/v1/metadata/schema/visitor/custom", R"([{"name":"made","type":"string"}])");
  simulator.ask("DELETE", "/api/v1/metadata/schema/visitor/custom/seats");
  simulator.track(R"({"type":"track","event":"fresh","visitorId":"tracked","timestamp":1735689600000})");
  simulator.post("/__sim/config", R"({"null_value":"delete","put_answer":"object","latency_ms":1})");
  simulator.fault(R"([{"route":"GET *","kind":"status","status":500}])");
  EXPECT_EQ(simulator.post("/__sim/reset", "").status, 200);
  EXPECT_EQ(simulator.get("/__sim/stats").body, "{}");
  EXPECT_EQ(simulator.get("/__sim/requests").body, "[]");
  EXPECT_EQ(simulator.get("/__sim/events").body, "[]");
  EXPECT_EQ(simulator.get("/__sim/faults").body, "[]");
  EXPECT_EQ(to_json(*simulator.get("/__sim/metrics").json().find("maxInFlight")), "{}");
  EXPECT_EQ(simulator.get("/__sim/dump/visitor").body + simulator.get("/__sim/dump/account").body +
                simulator.get("/api/v1/metadata/schema/visitor").body + simulator.get("/api/v1/tracktype?expand=*").body +
                simulator.get("/__sim/config").body,
            before);
}

TEST(SimulatorControl, MetricsKnowHowManyWereInFlight) {
  TestSimulator simulator;
  simulator.set("latency_ms", "200");
  {
    Connection one(simulator.server.port());
    Connection two(simulator.server.port());
    for (Connection* connection : {&one, &two}) {
      connection->send(request_text("GET", "/api/v1/token/verify", "", {{"x-pendo-integration-key", "sim-read-key"}}));
    }
    one.read_reply();
    two.read_reply();
  }
  Value metrics = simulator.get("/__sim/metrics").json();
  EXPECT_EQ(metrics.find("maxInFlight")->find("GET /api/v1/token/verify")->integer(), 2);
  EXPECT_EQ(metrics.find("connectionsAccepted")->integer(), 3);
  EXPECT_GT(metrics.find("bytesSent")->integer(), 100);
  EXPECT_GE(metrics.find("connectionsOpen")->integer(), 1);
}

}  // namespace
}  // namespace simulator
