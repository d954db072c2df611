// What a simulator has taken is there again when another one starts with its journal.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "simulator_client.h"

namespace simulator {
namespace {

constexpr std::string_view kBulk = "/api/v1/metadata/visitor/custom/value";

class SimulatorJournal : public testing::Test {
 protected:
  ~SimulatorJournal() override { ::unlink(path_.c_str()); }

  std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void append(std::string_view bytes) const { std::ofstream(path_, std::ios::app) << bytes; }

  std::string path_ = testing::TempDir() + "journal_" + std::to_string(::getpid()) + testing::UnitTest::GetInstance()->current_test_info()->name();
};

struct JournaledSimulator : TestSimulator {
  explicit JournaledSimulator(const std::string& path) { keep_journal(world, path); }
};

TEST_F(SimulatorJournal, RecordsAreTheSameAgain) {
  Reply visitor;
  Reply made;
  Reply account;
  {
    JournaledSimulator simulator(path_);
    simulator.post(kBulk, R"([{"visitorId":"v0000001","values":{"plan":"a\"\u00e4\n","seats":7,"score":1.5e300,"tags":["x",{"y":null}]}}])");
    simulator.post(kBulk, R"([{"visitorId":"v0000001","values":{"plan":"last"}},{"visitorId":"nobody","values":{"plan":"x"}}])");
    simulator.post(std::string(kBulk) + "?create=true", R"([{"visitorId":"made","values":{"plan":"m"}}])");
    simulator.set("null_value", "delete");
    simulator.post(kBulk, R"([{"visitorId":"v0000001","values":{"active":null}}])");
    simulator.ask("PUT", "/api/v1/metadata/account/custom/value/a00001/plan", R"("gold")");
    visitor = simulator.get("/__sim/record/visitor/v0000001");
    made = simulator.get("/__sim/record/visitor/made");
    account = simulator.get("/__sim/record/account/a00001");
  }
  JournaledSimulator again(path_);
  EXPECT_EQ(again.get("/__sim/record/visitor/v0000001").body, visitor.body);
  EXPECT_EQ(find_path(visitor.json(), "metadata.custom.plan")->string(), "last");
  EXPECT_EQ(find_path(visitor.json(), "metadata.custom.active"), nullptr);
  EXPECT_EQ(again.get("/__sim/record/visitor/made").body, made.body);
  EXPECT_EQ(made.status, 200);
  EXPECT_EQ(again.get("/__sim/record/account/a00001").body, account.body);
  EXPECT_EQ(again.get("/__sim/record/visitor/nobody").status, 404);
}

TEST_F(SimulatorJournal, EventsAreThereInTheirOrder) {
  std::string events;
  std::string types;
  {
    JournaledSimulator simulator(path_);
    simulator.track(R"({"type":"track","event":"New one","visitorId":"who","accountId":"whose","timestamp":1735689600000})");
    simulator.track(R"({"type":"track","event":"Second","visitorId":"v0000001","timestamp":1,"properties":{"n":2}})");
    simulator.track(R"({"type":"track","event":"New one"})");
    events = simulator.get("/__sim/events").body;
    types = simulator.get("/api/v1/tracktype").json().list().back().find("name")->string();
  }
  JournaledSimulator again(path_);
  EXPECT_EQ(again.get("/__sim/events").body, events);
  EXPECT_EQ(again.world.events.earliest(), 1);
  EXPECT_EQ(again.get("/__sim/events").json().list().size(), 2U);
  EXPECT_EQ(again.get("/__sim/record/visitor/who").status, 200) << "the event made the visitor";
  EXPECT_EQ(again.get("/__sim/record/account/whose").status, 200);
  EXPECT_EQ(again.get("/api/v1/tracktype").json().list().back().find("name")->string(), types);
}

TEST_F(SimulatorJournal, FieldsAreAsTheyWere) {
  std::string schema;
  {
    JournaledSimulator simulator(path_);
    simulator.post("/api/v1/metadata/schema/visitor/custom", R"([{"name":"when","type":"time","displayname":"When"}])");
    simulator.post("/api/v1/metadata/schema/visitor/custom", R"([{"name":"legacyplan","type":"string"}])");
    simulator.ask("DELETE", "/api/v1/metadata/schema/visitor/custom/seats");
    simulator.post(kBulk, R"([{"visitorId":"v0000001","values":{"unheard":1}}])");
    schema = simulator.get("/api/v1/metadata/schema/visitor").body;
  }
  EXPECT_NE(TestSimulator().get("/api/v1/metadata/schema/visitor").body, schema);
  JournaledSimulator again(path_);
  EXPECT_EQ(again.get("/api/v1/metadata/schema/visitor").body, schema);
}

TEST_F(SimulatorJournal, ALineThatWasCutOffGoes) {
  { JournaledSimulator(path_).post(kBulk, R"([{"visitorId":"v0000001","values":{"plan":"whole"}}])"); }
  std::string whole = text();
  append(whole.substr(0, whole.size() / 2));
  {
    JournaledSimulator again(path_);
    EXPECT_EQ(find_path(again.get("/__sim/record/visitor/v0000001").json(), "metadata.custom.plan")->string(), "whole");
    EXPECT_EQ(text(), whole);
    again.post(kBulk, R"([{"visitorId":"v0000001","values":{"plan":"next"}}])");
  }
  JournaledSimulator third(path_);
  EXPECT_EQ(find_path(third.get("/__sim/record/visitor/v0000001").json(), "metadata.custom.plan")->string(), "next");
}

TEST_F(SimulatorJournal, ADamagedLineIsAnError) {
  append("{\"effect\":\n{}\n");
  EXPECT_THROW(JournaledSimulator simulator(path_), std::runtime_error);
  ::unlink(path_.c_str());
  append("{\"effect\":\"none such\"}\n");
  EXPECT_THROW(JournaledSimulator simulator(path_), std::runtime_error);
}

TEST_F(SimulatorJournal, AResetEmptiesIt) {
  JournaledSimulator simulator(path_);
  simulator.post(kBulk, R"([{"visitorId":"v0000001","values":{"plan":"gone"}}])");
  EXPECT_NE(text(), "");
  simulator.post("/__sim/reset", "");
  EXPECT_EQ(text(), "");
}

TEST_F(SimulatorJournal, WhatIsRefusedIsNotInIt) {
  JournaledSimulator simulator(path_);
  simulator.post(kBulk, R"([{"visitorId":"nobody","values":{"plan":"x"}}])");
  simulator.track(R"({"type":"track","event":"No time","visitorId":"v0000001"})");
  simulator.track(R"({"type":"track","event":"No secret","visitorId":"v0000001","timestamp":1})", "wrong");
  EXPECT_EQ(text(), "");
}

}  // namespace
}  // namespace simulator
