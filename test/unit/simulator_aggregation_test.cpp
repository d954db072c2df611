// The aggregation call: its envelope, its errors, its streams.
#include <gtest/gtest.h>

#include "json_write.h"
#include "simulator_client.h"

namespace simulator {
namespace {

constexpr std::string_view kPath = "/api/v1/aggregation";

std::string envelope(std::string_view pipeline) {
  return R"({"response":{"mimeType":"application/json"},"request":{"pipeline":)" + std::string(pipeline) + "}}";
}

TEST(SimulatorAggregation, EnvelopesThatClientsSend) {
  TestSimulator simulator;
  for (std::string_view body :
       {R"({"response":{"mimeType":"application/json"},"request":{"pipeline":[{"source":{"visitors":null}},{"count":null}]}})",
        R"({"response":{},"request":{"pipeline":[{"source":{"visitors":{}}},{"count":null}]}})",
        R"({"request":{"pipeline":[{"source":{"visitors":null}},{"count":null}]}})",
        R"({"channelId":"x","response":{"location":"request","mimeType":"application/json"},"request":{"name":"n","requestId":"r","sort":["x"],"pipeline":[{"source":{"visitors":null}},{"count":null}]}})"}) {
    Reply reply = simulator.post(kPath, body);
    EXPECT_EQ(reply.status, 200) << body;
    EXPECT_EQ(reply.body, R"({"results":[{"count":102}]})") << body;
    EXPECT_EQ(reply.header("content-type"), "application/json; charset=utf-8");
  }
}

TEST(SimulatorAggregation, ErrorBodies) {
  TestSimulator simulator;
  struct Case {
    std::string_view body;
    int status;
    std::string_view answer;
  };
  constexpr std::string_view kRequired = R"({"fields":{"pipeline":"Required"},"overall":{}})";
  constexpr Case kCases[] = {
      {"{}", 422, kRequired},
      {R"({"request":{}})", 422, kRequired},
      {R"({"request":{"pipeline":null}})", 422, kRequired},
      {R"({"request":{"pipeline":{}}})", 422, kRequired},
      {"", 400, R"({"fields":{},"overall":{"DeserializationError":"unexpected end of JSON input"}})"},
      {"x", 400, R"({"fields":{},"overall":{"DeserializationError":"invalid character 'x' looking for beginning of value"}})"},
      {R"({"request":{"pipeline":[{"source":{"visitors":null}},{"filter":"visitorId == \"a\"b\""}]}})", 400,
       "Cannot parse filter expression"},
      {R"({"request":{"pipeline":[{"source":{"visitors":null}},{"filter":"visitorId in [`a`]"}]}})", 400,
       "Cannot parse filter expression"},
      {R"({"response":{"mimeType":"text/csv"},"request":{"pipeline":[{"source":{"visitors":null}}]}})", 400,
       "Unsupported response mimeType"},
  };
  for (const auto& [body, status, answer] : kCases) {
    Reply reply = simulator.post(kPath, body);
    EXPECT_EQ(reply.status, status) << body;
    EXPECT_EQ(reply.body, answer) << body;
    bool json = answer.starts_with('{');
    EXPECT_EQ(reply.header("content-type"), json ? "application/json; charset=utf-8" : "text/plain; charset=utf-8") << body;
  }
  EXPECT_EQ(simulator.get(kPath).status, 405);
}

TEST(SimulatorAggregation, NothingFoundHasThreeForms) {
  TestSimulator simulator;
  std::string body = envelope(R"([{"source":{"visitors":null}},{"filter":"false"}])");
  EXPECT_EQ(simulator.post(kPath, body).body, R"({"results":[]})");
  simulator.set("empty_results", "null");
  EXPECT_EQ(simulator.post(kPath, body).body, R"({"results":null})");
  simulator.set("empty_results", "absent");
  EXPECT_EQ(simulator.post(kPath, body).body, "{}");
  simulator.set("start_time", "always");
  EXPECT_EQ(simulator.post(kPath, body).body, R"({"startTime":0})");
}

TEST(SimulatorAggregation, StartTimeAndDetails) {
  TestSimulator simulator;
  simulator.set("time_zone_minutes", "0");
  simulator.set("clock_ms", "1735732800000");
  std::string body = envelope(
      R"~([{"source":{"trackEvents":null,"timeSeries":{"period":"dayRange","first":"date(2024,12,1)","count":1}}},{"count":null}])~");
  Value answer = simulator.post(kPath, body).json();
  EXPECT_EQ(answer.find("startTime")->integer(), 1'733'011'200'000);
  EXPECT_FALSE(answer.find("details"));
  answer = simulator.post(std::string(kPath) + "?details=true", body).json();
  EXPECT_EQ(to_json(*answer.find("details")), R"({"validThrough":{"-323232":1735732800000}})");
  simulator.set("start_time", "never");
  EXPECT_FALSE(simulator.post(kPath, body).json().find("startTime"));
}

TEST(SimulatorAggregation, TextIsEscapedAsGoDoes) {
  TestSimulator simulator;
  constexpr std::string_view kPipeline = R"([{"source":{"visitors":null}},{"limit":1},{"select":{"t":"`<b>&`","n":"1500000000"}}])";
  EXPECT_EQ(simulator.post(kPath, envelope(kPipeline)).body, R"({"results":[{"n":1500000000,"t":"\u003cb\u003e\u0026"}]})");
  simulator.set("html_escape", "no");
  simulator.set("integer_text", "exponent");
  EXPECT_EQ(simulator.post(kPath, envelope(kPipeline)).body, R"({"results":[{"n":1.5e+09,"t":"<b>&"}]})");
}

TEST(SimulatorAggregation, LargeResultsComeInChunks) {
  TestSimulator simulator({.visitors = 5000, .accounts = 10, .clean = true});
  Reply reply = simulator.post(kPath, envelope(R"([{"source":{"visitors":null}}])"));
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.header("content-length"), "");
  EXPECT_GT(reply.pieces, 100U);
  EXPECT_EQ(reply.json().find("results")->list().size(), 5051U);
}

TEST(SimulatorAggregation, CompressedIsTheSame) {
  TestSimulator simulator({.visitors = 3000, .accounts = 10});
  std::string body = envelope(R"([{"source":{"visitors":null}}])");
  Reply plain = simulator.post(kPath, body);
  Reply packed = simulator.ask("POST", kPath, body, {{"Accept-Encoding", "deflate, gzip;q=0.5"}});
  EXPECT_EQ(packed.header("content-encoding"), "gzip");
  EXPECT_LT(packed.body.size() * 3, plain.body.size());
  EXPECT_EQ(gunzip(packed.body), plain.body);
  for (std::string_view refused : {"identity", "gzip;q=0", "gzip; q=0.0", ""}) {
    Reply reply = simulator.ask("POST", kPath, body, {{"Accept-Encoding", std::string(refused)}});
    EXPECT_EQ(reply.header("content-encoding"), "") << refused;
  }
}

// An evaluation error after rows have gone out: what is left is to cut.
TEST(SimulatorAggregation, AFailureInTheMiddleCutsTheAnswer) {
  TestSimulator simulator({.visitors = 5000, .accounts = 10, .clean = true});
  simulator.set("type_error", "error");
  std::string pipeline =
      R"([{"source":{"visitors":null}},{"filter":"visitorId < \"v0004000\" || metadata.agent.name + 1 > 0"}])";
  Connection connection(simulator.server.port());
  connection.send(request_text("POST", kPath, envelope(pipeline), {{"x-pendo-integration-key", "sim-read-key"}}));
  Reply reply = connection.read_reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.complete);
  EXPECT_TRUE(connection.was_reset());
  EXPECT_TRUE(simulator.aggregate(R"([{"source":{"visitors":null}},{"filter":"visitorId + 1 > 0"}])").starts_with("400 "))
      << "before the first row there still is a status";
}

TEST(SimulatorAggregation, WritesShowInScans) {
  TestSimulator simulator;
  simulator.post("/api/v1/metadata/visitor/custom/value", R"([{"visitorId":"v0000042","values":{"plan":"unique"}}])");
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"visitors":null}},{"filter":"metadata.custom.plan == `unique`"},{"select":{"v":"visitorId"}}])"),
            R"([{"v":"v0000042"}])");
}

TEST(SimulatorAggregation, TrackTypesAreASource) {
  TestSimulator simulator;
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"trackTypes":null}},{"count":null}])"), R"([{"count":6}])");
  EXPECT_EQ(simulator.aggregate(R"~([{"source":{"trackTypes":{"appId":"expandAppIds(\"*\")"}}},{"count":null}])~"), R"([{"count":8}])");
  EXPECT_EQ(simulator.aggregate(R"([{"source":{"trackTypes":{"appId":6561780136607744}}},{"select":{"n":"name"}}])"),
            R"([{"n":"App Opened"},{"n":"Registered"}])");
  Value types = simulator.get("/api/v1/tracktype").json();
  ASSERT_EQ(types.list().size(), 6U);
  const Value& type = types.list()[0];
  for (std::string_view name : {"appId", "color", "createdAt", "createdByUser", "dirty", "eventPropertyNameList", "group", "id", "kind",
                                "lastUpdatedAt", "name", "rootVersionId", "stableVersionId", "trackTypeName", "trackTypeRules"}) {
    EXPECT_TRUE(type.find(name)) << name;
  }
  EXPECT_EQ(type.find("id")->string().size(), 27U);
  EXPECT_EQ(to_json(*type.find("trackTypeRules")), "[" + to_json(*type.find("name")) + "]");
  std::string id = type.find("id")->string();
  EXPECT_EQ(simulator.get("/api/v1/tracktype?id=" + id).json().list().size(), 1U);
  EXPECT_EQ(simulator.get("/api/v1/tracktype?expand=*").json().list().size(), 8U);
  EXPECT_EQ(simulator.get("/api/v1/tracktype?appId=6561780136607744").json().list().size(), 2U);
  EXPECT_EQ(simulator.get("/api/v1/tracktype?appId=1&expand=*").status, 400);
  EXPECT_EQ(simulator.get("/api/v1/report").body, "[]");
}

}  // namespace
}  // namespace simulator
