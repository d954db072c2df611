// Metadata over HTTP: schema, single values, single records, fields.
#include <gtest/gtest.h>

#include "json_write.h"
#include "simulator_client.h"

namespace simulator {
namespace {

class SimulatorMetadata : public testing::Test {
 protected:
  static DataOptions odd_data() { return {.visitors = 100, .accounts = 10}; }
  std::string value(std::string_view path) {
    Reply reply = simulator_.get("/api/v1/metadata/" + std::string(path));
    return std::to_string(reply.status) + " " + reply.body;
  }
  std::string put(std::string_view path, std::string_view body) {
    Reply reply = simulator_.ask("PUT", "/api/v1/metadata/" + std::string(path), body);
    return std::to_string(reply.status) + " " + reply.body;
  }
  Value schema(std::string_view kind) { return simulator_.get("/api/v1/metadata/schema/" + std::string(kind)).json(); }

  TestSimulator simulator_;
};

TEST_F(SimulatorMetadata, SchemaDescribesEachField) {
  Value visitor = schema("visitor");
  EXPECT_EQ(to_json(*find_path(visitor, "custom.seats")),
            R"({"Dirty":false,"DisplayName":"Seats","ElementFormat":"","ElementType":"","Type":"integer","isCalculated":false,)"
            R"("isDeleted":false,"isHidden":false,"isPerApp":false,"isPromoted":false,"neverIndex":false,"sample":)" +
                to_json(*find_path(visitor, "custom.seats.sample")) + "}");
  struct Case {
    std::string_view path, type;
  };
  constexpr Case kCases[] = {{"custom.plan.Type", "string"},       {"custom.score.Type", "float"},
                             {"custom.active.Type", "boolean"},    {"custom.renewal.Type", "time"},
                             {"custom.tags.Type", "list"},         {"custom.tags.ElementType", "string"},
                             {"custom.notes.Type", ""},            {"agent.email.Type", "string"},
                             {"agent.name.Type", "string"},        {"agent.role.Type", "string"},
                             {"auto.firstvisit.Type", "time"},     {"auto.accountids.Type", "list"},
                             {"pendo.donotprocess.Type", "boolean"}};
  for (const auto& [path, type] : kCases) {
    ASSERT_TRUE(find_path(visitor, path)) << path;
    EXPECT_EQ(find_path(visitor, path)->string(), type) << path;
  }
  EXPECT_TRUE(find_path(visitor, "agent.internalcode.isHidden")->is_true());
  EXPECT_TRUE(find_path(visitor, "custom.legacyplan.isDeleted")->is_true());
  Value account = schema("account");
  for (std::string_view path : {"custom.plan", "custom.tags", "agent.name", "auto.firstvisit", "pendo.description"}) {
    EXPECT_TRUE(find_path(account, path)) << path;
  }
}

TEST_F(SimulatorMetadata, SchemaLeavesOutWhatPendosLeavesOut) {
  Value visitor = schema("visitor");
  for (std::string_view path : {"auto.lastupdated", "auto.idhash", "auto.nid", "auto.lastuseragent", "auto__323232",
                                "auto_6561780136607744", "auto.firstidentifiedvisit"}) {
    EXPECT_FALSE(find_path(visitor, path)) << path;
  }
}

TEST_F(SimulatorMetadata, UnknownKindsHaveAnEmptySchema) {
  EXPECT_EQ(simulator_.get("/api/v1/metadata/schema/AccountMetadata").body, "{}");
  simulator_.set("schema_unknown_kind", "404");
  EXPECT_EQ(simulator_.get("/api/v1/metadata/schema/AccountMetadata").status, 404);
}

TEST_F(SimulatorMetadata, ValuesAreBareJson) {
  EXPECT_EQ(put("visitor/custom/value/v0000001/plan", "\"gold\""), "200 ");
  EXPECT_EQ(value("visitor/custom/value/v0000001/plan"), "200 \"gold\"");
  EXPECT_EQ(put("account/custom/value/a00001/seats", "42"), "200 ");
  EXPECT_EQ(value("account/custom/value/a00001/seats"), "200 42");
  EXPECT_EQ(put("visitor/agent/value/v0000001/Role", "\"boss\""), "200 ");
  EXPECT_EQ(value("visitor/agent/value/v0000001/role"), "200 \"boss\"");
  EXPECT_EQ(put("visitor/pendo/value/v0000001/donotprocess", "true"), "200 ");
  EXPECT_EQ(value("visitor/pendo/value/v0000001/donotprocess"), "200 true");
  EXPECT_EQ(value("visitor/auto/value/v0000001/id"), "200 \"v0000001\"");
}

TEST_F(SimulatorMetadata, ValuesThatCannotBe) {
  EXPECT_EQ(value("visitor/custom/value/nobody/plan"), "404 Error while getting visitor, no such entity found");
  EXPECT_EQ(value("account/custom/value/nobody/plan"), "404 Error while getting account, no such entity found");
  EXPECT_EQ(value("visitor/custom/value/v0000001/nofield"), "200 null");
  EXPECT_EQ(value("guide/custom/value/g/plan").substr(0, 3), "404");
  EXPECT_EQ(put("visitor/custom/value/nobody/plan", "1"), "404 Error while getting visitor, no such entity found");
  EXPECT_EQ(put("visitor/custom/value/v0000001/nofield", "1"),
            "404 Check to make sure the custom field exists in Data Mappings");
  EXPECT_EQ(put("visitor/custom/value/v0000001/legacyplan", "1").substr(0, 3), "404");
  EXPECT_EQ(put("visitor/custom/value/v0000001/plan", "gold"),
            R"(400 {"fields":{},"overall":{"DeserializationError":"invalid character 'g' looking for beginning of value"}})");
  EXPECT_EQ(put("visitor/custom/value/v0000001/plan", "").substr(0, 3), "400");
  EXPECT_EQ(put("visitor/auto/value/v0000001/firstvisit", "1").substr(0, 3), "400");
  EXPECT_EQ(put("visitor/salesforce/value/v0000001/email", "\"x\"").substr(0, 3), "400");
  EXPECT_EQ(put("visitor/pendo/value/v0000001/blacklistguides", "true").substr(0, 3), "400");
  simulator_.set("blacklist_guides", "accept");
  EXPECT_EQ(put("visitor/pendo/value/v0000001/blacklistguides", "true"), "200 ");
  simulator_.set("absent_value", "404");
  EXPECT_EQ(value("visitor/custom/value/v0000001/nofield").substr(0, 3), "404");
}

TEST_F(SimulatorMetadata, AWriteMovesLastUpdated) {
  simulator_.set("clock_ms", "1800000000000");
  put("visitor/custom/value/v0000001/plan", "\"gold\"");
  EXPECT_EQ(value("visitor/auto/value/v0000001/lastupdated"), "200 1800000000000");
  simulator_.set("touch_lastupdated", "no");
  put("visitor/custom/value/v0000002/plan", "\"gold\"");
  EXPECT_NE(value("visitor/auto/value/v0000002/lastupdated"), "200 1800000000000");
}

TEST_F(SimulatorMetadata, TimesAreReadInManyFormatsAndKeptAsMs) {
  struct Case {
    std::string_view sent, kept;
  };
  constexpr Case kCases[] = {{"1136232245", "1136232245000"},
                             {"1136232245426", "1136232245426"},
                             {"\"2006-01-02T15:04:05.999-05:00\"", "1136232245999"},
                             {"\"2006-01-02 15:04:05\"", "1136214245000"},
                             {"\"01/02/2006 03:04pm\"", "1136214240000"},
                             {"\"next week\"", "\"next week\""},
                             {"true", "true"}};
  for (const auto& [sent, kept] : kCases) {
    EXPECT_EQ(put("visitor/custom/value/v0000001/renewal", sent), "200 ");
    EXPECT_EQ(value("visitor/custom/value/v0000001/renewal"), "200 " + std::string(kept)) << sent;
  }
}

TEST_F(SimulatorMetadata, SwitchesForWrites) {
  struct Case {
    std::string_view name, choice, field, sent, status, kept;
  };
  constexpr Case kCases[] = {
      {"type_mismatch", "store", "seats", "\"many\"", "200", "\"many\""},
      {"type_mismatch", "error", "seats", "\"many\"", "400", "\"many\""},
      {"type_mismatch", "convert", "seats", "\"12\"", "200", "12"},
      {"type_mismatch", "convert", "seats", "\"many\"", "400", "12"},
      {"type_mismatch", "convert", "plan", "5", "200", "\"5\""},
      {"type_mismatch", "convert", "active", "\"true\"", "200", "true"},
      {"type_mismatch", "convert", "tags", "\"x\"", "200", "[\"x\"]"},
      {"null_value", "store", "plan", "null", "200", "null"},
      {"null_value", "error", "score", "null", "400", "9"},
      {"null_value", "delete", "tags", "null", "200", "null"},
      {"empty_string", "store", "plan", "\"\"", "200", "\"\""},
      {"empty_string", "delete", "plan", "\"\"", "200", "null"},
      {"bad_date", "null", "renewal", "\"x\"", "200", "null"},
      {"bad_date", "zero", "renewal", "\"x\"", "200", "0"},
      {"bad_date", "error", "renewal", "\"x\"", "400", "0"},
      {"epoch_seconds_below", "0", "renewal", "5", "200", "5"},
  };
  ASSERT_EQ(put("visitor/custom/value/v0000001/score", "9"), "200 ");
  for (const auto& one : kCases) {
    simulator_.set(one.name, one.choice);
    std::string path = "visitor/custom/value/v0000001/" + std::string(one.field);
    EXPECT_EQ(put(path, one.sent).substr(0, 3), one.status) << one.name << " " << one.choice << " " << one.sent;
    EXPECT_EQ(value(path), "200 " + std::string(one.kept)) << one.name << " " << one.choice << " " << one.sent;
  }
  simulator_.set("put_answer", "value");
  EXPECT_EQ(put("visitor/custom/value/v0000001/plan", "\"a\""), "200 \"a\"");
  simulator_.set("put_answer", "object");
  EXPECT_EQ(put("visitor/custom/value/v0000001/plan", "\"a\""), R"(200 {"plan":"a"})");
}

TEST_F(SimulatorMetadata, OneVisitorHasAShapeOfItsOwn) {
  Value visitor = simulator_.get("/api/v1/visitor/v0000001").json();
  EXPECT_EQ(visitor.find("id")->string(), "v0000001");
  EXPECT_TRUE(visitor.find("accountIds")->is_list());
  EXPECT_TRUE(visitor.find("lastStartTime")->is(Type::kInteger));
  EXPECT_EQ(to_json(*visitor.find("account")), R"({"id":""})");
  EXPECT_TRUE(find_path(visitor, "metadata.auto.firstidentifiedvisit"));
  EXPECT_FALSE(visitor.find("visitorId"));
  Value account = simulator_.get("/api/v1/account/a00001").json();
  EXPECT_EQ(account.object().size(), 2U);
  EXPECT_EQ(account.find("id")->string(), "a00001");
}

TEST_F(SimulatorMetadata, UnknownRecordsAre404InSeveralEncodings) {
  constexpr std::string_view kText = "Error while getting visitor, no such entity found";
  EXPECT_EQ(simulator_.get("/api/v1/visitor/nobody").body, kText);
  EXPECT_EQ(simulator_.get("/api/v1/account/nobody").body, "Error while getting account, no such entity found");
  EXPECT_EQ(simulator_.get("/api/v1/visitor/V0000001").status, 404) << "ids are case-sensitive";
  simulator_.set("not_found_body", "json_string");
  EXPECT_EQ(simulator_.get("/api/v1/visitor/nobody").body, "\"" + std::string(kText) + "\"");
  simulator_.set("not_found_body", "json");
  EXPECT_EQ(simulator_.get("/api/v1/visitor/nobody").body, R"({"error":")" + std::string(kText) + "\"}");
  simulator_.set("not_found_body", "empty");
  EXPECT_EQ(simulator_.get("/api/v1/visitor/nobody").body, "");
  EXPECT_EQ(simulator_.get("/api/v1/visitor/nobody").status, 404);
}

TEST_F(SimulatorMetadata, ThereIsNoListOfRecords) {
  for (std::string_view path : {"/api/v1/visitor", "/api/v1/account", "/api/v1/visitor/", "/api/v1/page/x", "/api/v1/feature/x",
                                "/api/v1/guide/x"}) {
    EXPECT_EQ(simulator_.get(path).status, 404) << path;
  }
}

TEST(SimulatorPathId, OddIdsInThreeForms) {
  TestSimulator simulator({.visitors = 5, .accounts = 5});
  struct Case {
    std::string_view path, id;
    bool base64;
  };
  constexpr Case kCases[] = {
      {"a%2Fb%20c", "a/b c", false},
      {"o%22quote", "o\"quote", false},
      {"back%5Cslash", "back\\slash", false},
      {"percent%2541", "percent%41", false},
      {"plus+@x.io", "plus+@x.io", false},
      {"plus%2B%40x.io", "plus+@x.io", false},
      {"new%0Aline", "new\nline", false},
      {"tick`", "tick`", false},
      {"b64_x", "b64_x", false},
      {"..", "..", false},
      {"%2E%2E", "..", false},
      {"%C3%BCn%C3%AF%F0%9F%98%80", "\xC3\xBCn\xC3\xAF\xF0\x9F\x98\x80", false},
      {"b64_YS9iIGM=", "a/b c", true},
      {"b64_YS9iIGM", "a/b c", true},
      {"YS9iIGM", "a/b c", true},
      {"b64_w7xuw6_wn5iA", "\xC3\xBCn\xC3\xAF\xF0\x9F\x98\x80", true},
      {"b64_YjY0X3g", "b64_x", true},
  };
  for (const auto& one : kCases) {
    HeaderList headers;
    if (one.base64) headers.emplace_back("x-pendo-base64-encoded-params", "true");
    Reply reply = simulator.ask("GET", "/api/v1/visitor/" + std::string(one.path), "", headers);
    ASSERT_EQ(reply.status, 200) << one.path;
    EXPECT_EQ(reply.json().find("id")->string(), one.id);
    reply = simulator.ask("GET", "/api/v1/metadata/visitor/auto/value/" + std::string(one.path) + "/id", "", headers);
    EXPECT_EQ(reply.body, to_json(Value(one.id))) << one.path;
  }
  EXPECT_EQ(simulator.get("/api/v1/visitor/percent%41").status, 404) << "percent%41 names percentA";
  EXPECT_EQ(simulator.get("/api/v1/visitor/100%").status, 400) << "a broken escape is no path";
  EXPECT_EQ(simulator.get("/api/v1/visitor/a/b").status, 404);
}

TEST(SimulatorPathId, Base64IsAMatterOfSwitches) {
  TestSimulator simulator({.visitors = 5, .accounts = 5});
  auto status = [&simulator](std::string_view part) {
    return simulator.ask("GET", "/api/v1/visitor/" + std::string(part), "", {{"x-pendo-base64-encoded-params", "true"}}).status;
  };
  EXPECT_EQ(status("b64_w7xuw6/wn5iA"), 404) << "not the URL-safe alphabet";
  EXPECT_EQ(status("b64_!!!!"), 404);
  EXPECT_EQ(status("b64_Y"), 404);
  simulator.set("base64_padding", "padded");
  EXPECT_EQ(status("b64_YS9iIGM="), 200);
  EXPECT_EQ(status("b64_YS9iIGM"), 404);
  simulator.set("base64_padding", "unpadded");
  EXPECT_EQ(status("b64_YS9iIGM="), 404);
  EXPECT_EQ(status("b64_YS9iIGM"), 200);
  simulator.set("base64_prefix", "required");
  EXPECT_EQ(status("YS9iIGM"), 404);
  simulator.set("dot_segments", "clean");
  EXPECT_EQ(simulator.get("/api/v1/visitor/%2E%2E").status, 404);
}

TEST_F(SimulatorMetadata, FieldsAreCreatedDeletedAndUndeleted) {
  auto create = [this](std::string_view body) { return simulator_.post("/api/v1/metadata/schema/visitor/custom", body); };
  Reply reply = create(R"([{"name":"Size","displayname":"The Size","type":"number"},{"name":"born","displayname":"b","type":"time"}])");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(to_json(*reply.json().find("summary")), R"({"created":2,"failed":0,"total":2,"undeleted":0})");
  EXPECT_EQ(find_path(schema("visitor"), "custom.size.Type")->string(), "float");
  EXPECT_EQ(find_path(schema("visitor"), "custom.size.DisplayName")->string(), "The Size");
  EXPECT_EQ(create(R"([{"name":"size","type":"number"}])").status, 409);
  EXPECT_EQ(create(R"([{"name":"size","type":"number"},{"name":"more","type":"string"}])").status, 207);
  EXPECT_EQ(create(R"([{"name":"x","type":"list"}])").status, 422);
  EXPECT_EQ(create("[]").status, 400);
  EXPECT_EQ(create("{}").status, 400);
  EXPECT_EQ(create("[").status, 400);
  std::string many = "[";
  for (int i = 0; i < 25; ++i) many += (i ? "," : "") + (R"({"type":"string","name":"many)" + std::to_string(i)) + "\"}";
  EXPECT_EQ(create(many + "]").status, 400);
  EXPECT_EQ(simulator_.post("/api/v1/metadata/schema/visitor/salesforce", "[]").status, 400);

  put("visitor/custom/value/v0000001/size", "3");
  EXPECT_EQ(simulator_.ask("DELETE", "/api/v1/metadata/schema/visitor/custom/size").status, 200);
  EXPECT_EQ(simulator_.ask("DELETE", "/api/v1/metadata/schema/visitor/custom/size").status, 202);
  EXPECT_EQ(simulator_.ask("DELETE", "/api/v1/metadata/schema/visitor/custom/nosize").status, 404);
  EXPECT_TRUE(find_path(schema("visitor"), "custom.size.isDeleted")->is_true());
  EXPECT_EQ(value("visitor/custom/value/v0000001/size"), "200 null");
  reply = create(R"([{"name":"size","type":"number"}])");
  EXPECT_EQ(to_json(*reply.json().find("summary")), R"({"created":0,"failed":0,"total":1,"undeleted":1})");
  EXPECT_EQ(value("visitor/custom/value/v0000001/size"), "200 3") << "undeleting brings the values back";
}

}  // namespace
}  // namespace simulator
