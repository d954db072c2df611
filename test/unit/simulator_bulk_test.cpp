// The bulk metadata call: what is counted where, and what is applied.
#include <gtest/gtest.h>

#include "json_write.h"
#include "simulator_client.h"

namespace simulator {
namespace {

constexpr std::string_view kCustom = "/api/v1/metadata/visitor/custom/value";
constexpr std::string_view kAgent = "/api/v1/metadata/visitor/agent/value";

class SimulatorBulk : public testing::Test {
 protected:
  std::string bulk(std::string_view path, std::string_view body) {
    Reply reply = simulator_.post(path, body);
    return std::to_string(reply.status) + " " + reply.body;
  }
  std::string value(std::string_view path) { return simulator_.get("/api/v1/metadata/visitor/" + std::string(path)).body; }

  TestSimulator simulator_;
};

TEST_F(SimulatorBulk, CountsAddUp) {
  EXPECT_EQ(bulk(kCustom, R"([{"visitorId":"v0000001","values":{"plan":"gold"}}])"),
            R"(200 {"failed":0,"kind":"visitor","total":1,"updated":1})");
  EXPECT_EQ(bulk(kCustom, R"([{"visitorId":"v0000001","values":{"plan":"gold"}},{"visitorId":"nobody","values":{"plan":"x"}},
                              {"visitorId":"v0000002","values":{"plan":"iron","seats":7}}])"),
            R"(200 {"failed":1,"kind":"visitor","missing":["nobody"],"total":3,"updated":2})");
  EXPECT_EQ(value("custom/value/v0000002/plan"), "\"iron\"") << "a missing id does not keep the others from being applied";
  EXPECT_EQ(value("custom/value/v0000002/seats"), "7");
  EXPECT_EQ(bulk(kCustom, "[]"), R"(200 {"failed":0,"kind":"visitor","total":0,"updated":0})");
  EXPECT_EQ(bulk("/api/v1/metadata/account/custom/value", R"([{"accountId":"a00001","values":{"plan":"gold"}},{"accountId":"x","values":{}}])"),
            R"(200 {"failed":1,"kind":"account","missing":["x"],"total":2,"updated":1})");
}

TEST_F(SimulatorBulk, CreateMakesRecords) {
  EXPECT_EQ(bulk(std::string(kCustom) + "?create=true", R"([{"visitorId":"new one","values":{"plan":"x"}}])"),
            R"(200 {"failed":0,"kind":"visitor","total":1,"updated":1})");
  Reply reply = simulator_.get("/api/v1/visitor/new%20one");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(find_path(reply.json(), "metadata.custom.plan")->string(), "x");
  EXPECT_EQ(find_path(reply.json(), "metadata.auto.id")->string(), "new one");
  EXPECT_EQ(simulator_.aggregate(R"([{"source":{"visitors":null}},{"filter":"visitorId == \"new one\""},{"count":null}])"),
            R"([{"count":1}])");
  EXPECT_EQ(bulk(std::string(kAgent) + "?create=true", R"([{"visitorId":"agent one","values":{"email":"x"}}])").substr(0, 3), "200");
  EXPECT_EQ(simulator_.get("/api/v1/visitor/agent%20one").status, 200);
  for (std::string_view query : {"?create=false", "?create=1", "?create", "?other=true"}) {
    EXPECT_NE(bulk(std::string(kCustom) + std::string(query), R"([{"visitorId":"n","values":{}}])").find("missing"), std::string::npos)
        << query;
  }
}

TEST_F(SimulatorBulk, IsAsStrictAsGosDecoder) {
  struct Case {
    std::string_view body, error;
  };
  constexpr Case kCases[] = {
      {"", "unexpected end of JSON input"},
      {"[", "unexpected end of JSON input"},
      {"{}", "json: cannot unmarshal object into Go value of type []metadata.Record"},
      {"\"x\"", "json: cannot unmarshal string into Go value of type []metadata.Record"},
      {"[1]", "json: cannot unmarshal number into Go value of type metadata.Record"},
      {R"([{"visitorId":5,"values":{}}])", "json: cannot unmarshal number into Go struct field Record.visitorId of type string"},
      {R"([{"visitorId":"a","values":[]}])",
       "json: cannot unmarshal array into Go struct field Record.values of type map[string]interface {}"},
      {R"([{"visitorId":"v0000001","values":{"plan":"x"}},{"visitorId":true}])",
       "json: cannot unmarshal bool into Go struct field Record.visitorId of type string"},
  };
  std::string before = value("custom/value/v0000001/plan");
  for (const auto& [body, error] : kCases) {
    Reply reply = simulator_.post(kCustom, body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_EQ(find_path(reply.json(), "overall.DeserializationError")->string(), error) << body;
    EXPECT_EQ(to_json(*reply.json().find("fields")), "{}");
  }
  EXPECT_EQ(value("custom/value/v0000001/plan"), before) << "nothing is applied of a body that cannot be read";
  EXPECT_EQ(bulk(kCustom, R"([{"VISITORID":"v0000001","Values":{"plan":"y"}}])").substr(0, 3), "200");
  EXPECT_EQ(value("custom/value/v0000001/plan"), "\"y\"") << "Go matches members without regard to case";
}

TEST_F(SimulatorBulk, UnknownCustomFieldsComeIntoBeing) {
  EXPECT_EQ(bulk(kCustom, R"([{"visitorId":"v0000001","values":{"NewField":3}}])").substr(0, 3), "200");
  EXPECT_EQ(value("custom/value/v0000001/newfield"), "3");
  Value schema = simulator_.get("/api/v1/metadata/schema/visitor").json();
  ASSERT_TRUE(find_path(schema, "custom.newfield"));
  EXPECT_EQ(find_path(schema, "custom.newfield.Type")->string(), "string");
  simulator_.set("field_key_case", "exact");
  simulator_.set("new_field_type", "inferred");
  bulk(kCustom, R"([{"visitorId":"v0000001","values":{"Other":true}}])");
  schema = simulator_.get("/api/v1/metadata/schema/visitor").json();
  EXPECT_EQ(find_path(schema, "custom.Other.Type")->string(), "boolean");
}

TEST_F(SimulatorBulk, UnknownAgentFieldsGoByASwitch) {
  constexpr std::string_view kBody = R"([{"visitorId":"v0000001","values":{"role":"r1"}},{"visitorId":"v0000002","values":{"nofield":1}}])";
  std::string before = value("agent/value/v0000001/role");
  EXPECT_EQ(bulk(kAgent, kBody), "400 missing field mapping: agent.nofield\n");
  EXPECT_EQ(value("agent/value/v0000001/role"), before);
  simulator_.set("unknown_agent_field", "error_entry");
  EXPECT_EQ(bulk(kAgent, kBody),
            R"(200 {"errors":[{"id":"v0000002","message":"no field mapping for agent.nofield"}],"failed":1,"kind":"visitor","total":2,"updated":1})");
  EXPECT_EQ(value("agent/value/v0000001/role"), "\"r1\"");
  simulator_.set("unknown_agent_field", "ignore");
  EXPECT_EQ(bulk(kAgent, kBody), R"(200 {"failed":0,"kind":"visitor","total":2,"updated":2})");
  EXPECT_EQ(value("agent/value/v0000002/nofield"), "null");
  simulator_.set("unknown_agent_field", "create");
  bulk(kAgent, kBody);
  EXPECT_EQ(value("agent/value/v0000002/nofield"), "1");
}

TEST_F(SimulatorBulk, OtherGroupsAreRefused) {
  for (std::string_view group : {"auto", "auto__323232", "auto_6561780136607744", "salesforce", "hubspot"}) {
    std::string path = "/api/v1/metadata/visitor/" + std::string(group) + "/value";
    simulator_.set("other_group_write", "400");
    EXPECT_EQ(bulk(path, R"([{"visitorId":"v0000001","values":{"x":1}}])").substr(0, 3), "400") << group;
    simulator_.set("other_group_write", "403");
    EXPECT_EQ(bulk(path, R"([{"visitorId":"v0000001","values":{"x":1}}])"), "403 ") << group;
    simulator_.set("other_group_write", "accept");
    EXPECT_EQ(bulk(path, R"([{"visitorId":"v0000001","values":{"x":1}}])").substr(0, 3), "200") << group;
  }
  EXPECT_EQ(bulk("/api/v1/metadata/guide/custom/value", "[]").substr(0, 3), "404");
}

TEST_F(SimulatorBulk, ErrorsHaveSeveralShapes) {
  simulator_.set("type_mismatch", "error");
  constexpr std::string_view kBody = R"([{"visitorId":"v0000001","values":{"seats":"x"}}])";
  struct Case {
    std::string_view shape, errors;
  };
  constexpr Case kCases[] = {
      {"object", R"([{"id":"v0000001","message":"expected integer, got string"}])"},
      {"string", R"(["v0000001: expected integer, got string"])"},
      {"message", R"([{"message":"expected integer, got string"}])"},
      {"keyed", R"([{"error":"expected integer, got string","field":"seats","visitorId":"v0000001"}])"},
  };
  for (const auto& [shape, errors] : kCases) {
    simulator_.set("bulk_errors_shape", shape);
    EXPECT_EQ(bulk(kCustom, kBody),
              R"(200 {"errors":)" + std::string(errors) + R"(,"failed":1,"kind":"visitor","total":1,"updated":0})");
  }
}

TEST_F(SimulatorBulk, ARejectedRecordIsNotAppliedInPart) {
  simulator_.set("type_mismatch", "error");
  std::string before = value("custom/value/v0000001/plan");
  bulk(kCustom, R"([{"visitorId":"v0000001","values":{"plan":"new","seats":"x"}}])");
  EXPECT_EQ(value("custom/value/v0000001/plan"), before);
}

TEST_F(SimulatorBulk, ABadValueMayRefuseTheWholeCall) {
  simulator_.set("type_mismatch", "error");
  simulator_.set("bulk_bad_value", "400");
  std::string before = value("custom/value/v0000001/plan");
  EXPECT_EQ(bulk(kCustom, R"([{"visitorId":"v0000001","values":{"plan":"new"}},{"visitorId":"v0000002","values":{"seats":"x"}}])"),
            "400 v0000002: expected integer, got string\n");
  EXPECT_EQ(value("custom/value/v0000001/plan"), before);
}

TEST_F(SimulatorBulk, EmptyListsAreAbsentEmptyOrNull) {
  constexpr std::string_view kBody = R"([{"visitorId":"nobody","values":{}}])";
  simulator_.set("bulk_empty_lists", "empty");
  EXPECT_EQ(bulk(kCustom, kBody), R"(200 {"errors":[],"failed":1,"kind":"visitor","missing":["nobody"],"total":1,"updated":0})");
  simulator_.set("bulk_empty_lists", "null");
  simulator_.set("bulk_kind", "absent");
  EXPECT_EQ(bulk(kCustom, kBody), R"(200 {"errors":null,"failed":1,"missing":["nobody"],"total":1,"updated":0})");
}

TEST_F(SimulatorBulk, BlankAndDuplicateAndDoubleIds) {
  EXPECT_NE(bulk(kCustom, R"([{"values":{"plan":"x"}}])").find(R"("errors":[{"id":"","message":"missing id"}])"), std::string::npos);
  EXPECT_NE(bulk(kCustom, R"([null])").find(R"("failed":1)"), std::string::npos);
  simulator_.set("bulk_blank_id", "missing");
  EXPECT_NE(bulk(kCustom, R"([{"visitorId":"","values":{}}])").find(R"("missing":[""])"), std::string::npos);
  simulator_.set("bulk_blank_id", "400");
  EXPECT_EQ(bulk(kCustom, R"([{"visitorId":"","values":{}}])").substr(0, 3), "400");

  constexpr std::string_view kTwice = R"([{"visitorId":"v0000001","values":{"plan":"a"}},{"visitorId":"v0000001","values":{"plan":"b"}}])";
  EXPECT_NE(bulk(kCustom, kTwice).find(R"("updated":2)"), std::string::npos);
  EXPECT_EQ(value("custom/value/v0000001/plan"), "\"b\"") << "the last one wins";
  simulator_.set("bulk_duplicate_ids", "error");
  EXPECT_NE(bulk(kCustom, kTwice).find(R"("total":2,"updated":1)"), std::string::npos);

  constexpr std::string_view kBoth = R"([{"visitorId":"v0000001","accountId":"a00001","values":{"plan":"c"}}])";
  EXPECT_NE(bulk(kCustom, kBoth).find(R"("updated":1)"), std::string::npos);
  simulator_.set("bulk_both_ids", "400");
  EXPECT_EQ(bulk(kCustom, kBoth).substr(0, 3), "400");
}

TEST_F(SimulatorBulk, NullsGoByASwitch) {
  constexpr std::string_view kBody = R"([{"visitorId":"v0000001","values":{"plan":null}}])";
  auto row = [this] {
    return simulator_.aggregate(R"([{"source":{"visitors":null}},{"filter":"visitorId == \"v0000001\""},{"select":{"c":"metadata.custom"}}])");
  };
  bulk(kCustom, kBody);
  EXPECT_NE(row().find(R"("plan":null)"), std::string::npos);
  simulator_.set("null_value", "delete");
  bulk(kCustom, kBody);
  EXPECT_EQ(row().find("plan"), std::string::npos);
  simulator_.set("null_value", "error");
  EXPECT_NE(bulk(kCustom, kBody).find(R"("failed":1)"), std::string::npos);
}

TEST_F(SimulatorBulk, LimitsAndMethods) {
  simulator_.set("bulk_max_bytes", "10");
  EXPECT_EQ(bulk(kCustom, R"([{"visitorId":"v0000001","values":{}}])").substr(0, 3), "413");
  simulator_.set("bulk_max_bytes", "0");
  simulator_.set("bulk_empty_array", "400");
  EXPECT_EQ(bulk(kCustom, "[]").substr(0, 3), "400");
  Reply reply = simulator_.ask("PATCH", kCustom, R"([{"visitorId":"v0000001","values":{}}])");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.header("allow"), "POST");
  simulator_.set("bulk_patch", "accept");
  EXPECT_EQ(simulator_.ask("PATCH", kCustom, R"([{"visitorId":"v0000001","values":{}}])").status, 200);
}

TEST_F(SimulatorBulk, TenThousandRecordsInOneCall) {
  std::string body = "[";
  for (int i = 0; i < 10'000; ++i) {
    body += (i ? "," : "") + (R"({"visitorId":"w)" + std::to_string(i)) + R"(","values":{"plan":"x","seats":1}})";
  }
  EXPECT_EQ(bulk(std::string(kCustom) + "?create=true", body + "]"), R"(200 {"failed":0,"kind":"visitor","total":10000,"updated":10000})");
  EXPECT_EQ(simulator_.aggregate(R"~([{"source":{"visitors":null}},{"filter":"startsWith(visitorId, `w`)"},{"count":null}])~"),
            R"([{"count":10000}])");
}

}  // namespace
}  // namespace simulator
