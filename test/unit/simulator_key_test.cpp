// Who is let in, and how it sounds when somebody is not.
#include <gtest/gtest.h>

#include "simulator_client.h"

namespace simulator {
namespace {

Reply ask_with(TestSimulator& simulator, std::string_view method, std::string_view path, const std::string& key,
               std::string_view body = {}) {
  return simulator.ask(method, path, body, {{"x-pendo-integration-key", key}});
}

TEST(SimulatorKey, VerifyTellsWhatAKeyMayDo) {
  TestSimulator simulator;
  EXPECT_EQ(ask_with(simulator, "GET", "/api/v1/token/verify", "sim-write-key").body, R"({"valid":true,"writeAccess":true})");
  EXPECT_EQ(ask_with(simulator, "GET", "/api/v1/token/verify", "sim-read-key").body, R"({"valid":true,"writeAccess":false})");
  Connection connection(simulator.server.port());
  connection.send(request_text("GET", "/api/v1/token/verify", "", {{"X-PENDO-Integration-Key", "sim-read-key"}}));
  EXPECT_EQ(connection.read_reply().status, 200) << "names of headers have no case";
}

TEST(SimulatorKey, MissingAndWrongKeysGetA403WithNothingInIt) {
  TestSimulator simulator;
  for (std::string_view path : {"/api/v1/token/verify", "/api/v1/metadata/schema/visitor", "/api/v1/visitor/v0000001",
                                "/api/v1/tracktype", "/api/v1/no/such/route"}) {
    for (std::string key : {"", "wrong", "sim-track-secret", "SIM-READ-KEY"}) {
      Reply reply = ask_with(simulator, "GET", path, key);
      EXPECT_EQ(reply.status, 403) << path << " " << key;
      EXPECT_EQ(reply.body, "");
      EXPECT_EQ(reply.header("content-type"), "");
      EXPECT_EQ(reply.header("content-length"), "0");
    }
  }
  Connection connection(simulator.server.port());
  connection.send(request_text("POST", "/api/v1/aggregation", "{}"));
  Reply reply = connection.read_reply();
  EXPECT_EQ(reply.status, 403) << "without the header";
  EXPECT_EQ(reply.body, "");
}

TEST(SimulatorKey, AKeyWithoutWriteAccessReadsOnly) {
  TestSimulator simulator;
  auto refused = [&simulator](std::string_view method, std::string_view path) {
    return ask_with(simulator, method, path, "sim-read-key", "[]").status;
  };
  EXPECT_EQ(refused("POST", "/api/v1/metadata/visitor/custom/value"), 403);
  EXPECT_EQ(refused("PUT", "/api/v1/metadata/visitor/custom/value/v0000001/plan"), 403);
  EXPECT_EQ(refused("POST", "/api/v1/metadata/schema/visitor/custom"), 403);
  EXPECT_EQ(refused("DELETE", "/api/v1/metadata/schema/visitor/custom/plan"), 403);
  EXPECT_EQ(ask_with(simulator, "POST", "/api/v1/aggregation", "sim-read-key",
                     R"({"request":{"pipeline":[{"source":{"visitors":null}},{"count":null}]}})")
                .status,
            200);
  for (std::string_view status : {"401", "402", "400"}) {
    simulator.set("read_only_key_status", status);
    EXPECT_EQ(std::to_string(refused("POST", "/api/v1/metadata/visitor/custom/value")), status);
  }
}

TEST(SimulatorKey, KeysOfOtherRegions) {
  TestSimulator simulator;
  EXPECT_EQ(ask_with(simulator, "GET", "/api/v1/token/verify", "sim-write-key.eu").status, 403);
  simulator.set("other_region_status", "400");
  EXPECT_EQ(ask_with(simulator, "GET", "/api/v1/token/verify", "sim-write-key.eu").status, 400);
  EXPECT_EQ(ask_with(simulator, "GET", "/api/v1/token/verify", "other-key.eu").status, 403);
}

TEST(SimulatorKey, TheSimulatorsOwnRoutesAskForNone) {
  TestSimulator simulator;
  EXPECT_EQ(ask_with(simulator, "GET", "/__sim/stats", "").status, 200);
}

}  // namespace
}  // namespace simulator
