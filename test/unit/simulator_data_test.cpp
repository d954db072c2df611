// What the generator makes: the same for the same seed, as odd as real data unless
// it is to be clean, and cheap.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "json_write.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

std::vector<std::string> all_ids(const World& world, Kind kind) {
  std::vector<std::string> ids;
  const std::string* last = nullptr;
  for (;;) {
    auto batch = world.store.next(kind, {}, last, 100);
    if (batch.empty()) return ids;
    for (const auto& source : batch) ids.push_back(source.id);
    last = &ids.back();
  }
}

std::string record(const World& world, Kind kind, std::string_view id) {
  auto found = world.store.record(kind, id, Projection::everything());
  return found ? to_json(*found) : "none";
}

TEST(SimulatorData, CleanIdsAreTheNumberedAndTheAnonymousOnes) {
  World world(DataOptions{.visitors = 250, .accounts = 3, .clean = true});
  auto ids = all_ids(world, Kind::kVisitor);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  ASSERT_EQ(ids.size(), 250U + 3 + 1);
  EXPECT_EQ(ids[0], "VISITOR-UNIQUE-ID");
  EXPECT_TRUE(ids[1].starts_with("_PENDO_T_"));
  EXPECT_EQ(ids[4], "v0000001");
  EXPECT_EQ(ids.back(), "v0000250");
  EXPECT_EQ(all_ids(world, Kind::kAccount), (std::vector<std::string>{"a00001", "a00002", "a00003"}));
}

TEST(SimulatorData, OddIdsComeInAddition) {
  World world(DataOptions{.visitors = 5, .accounts = 3});
  for (Kind kind : {Kind::kVisitor, Kind::kAccount}) {
    auto ids = all_ids(world, kind);
    EXPECT_TRUE(std::ranges::is_sorted(ids));
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
    for (auto id : odd_ids(kind)) {
      EXPECT_NE(std::ranges::find(ids, id), ids.end()) << id;
      EXPECT_NE(record(world, kind, id), "none") << id;
    }
  }
  for (std::string_view id : {"o\"quote", "back\\slash", "a/b c", "b64_x", "..", "\xC3\xBCn\xC3\xAF\xF0\x9F\x98\x80", "tick`",
                              "new\nline", "percent%41", "plus+@x.io"}) {
    EXPECT_NE(record(world, Kind::kVisitor, id), "none") << id;
  }
  for (std::string_view id : {"", "v0000000", "v0000006", "v1", "_PENDO_T_", "zzz"}) {
    EXPECT_EQ(record(world, Kind::kVisitor, id), "none") << id;
  }
}

TEST(SimulatorData, IsAFunctionOfTheSeed) {
  World one(DataOptions{.visitors = 300, .accounts = 20, .seed = 5});
  World same(DataOptions{.visitors = 300, .accounts = 20, .seed = 5});
  World other(DataOptions{.visitors = 300, .accounts = 20, .seed = 6});
  constexpr std::string_view kAll = R"([{"source":{"visitors":null}}])";
  EXPECT_EQ(rows_of(one, kAll), rows_of(same, kAll));
  EXPECT_NE(rows_of(one, kAll), rows_of(other, kAll));
}

TEST(SimulatorData, ARecordDoesNotDependOnHowManyThereAre) {
  World few(DataOptions{.visitors = 10, .accounts = 20});
  World many(DataOptions{.visitors = 100'000, .accounts = 20});
  EXPECT_EQ(record(few, Kind::kVisitor, "v0000007"), record(many, Kind::kVisitor, "v0000007"));
}

TEST(SimulatorData, WhatIsReadDoesNotChangeWhatItIs) {
  World world(DataOptions{.visitors = 300, .accounts = 20});
  for (std::string_view steps :
       {R"({"select":{"v":"visitorId","p":"metadata.custom.plan","s":"metadata.custom.seats","l":"metadata.auto.lastvisit"}})",
        R"({"select":{"c":"metadata.custom"}})", R"({"select":{"m":"metadata"}})", R"({"select":{"t":"metadata.custom.tags[0]"}})",
        R"({"filter":"metadata.custom.seats > 250"},{"select":{"a":"metadata.agent"}})",
        R"({"eval":{"x":"metadata.custom.plan"}},{"select":{"x":"x"}})", R"({"identified":"metadata.auto.id"},{"count":null})",
        R"({"sort":["metadata.auto.lastvisit"]},{"select":{"v":"visitorId"}})",
        R"({"group":{"group":["metadata.custom.plan"],"fields":{"s":{"sum":"metadata.custom.seats"}}}})",
        R"({"reduce":{"s":{"max":"metadata.auto.lastupdated"}}})", R"({"unwind":{"field":"metadata.custom.tags"}},{"count":null})"}) {
    std::string pipeline = R"([{"source":{"visitors":null}},)" + std::string(steps) + "]";
    EXPECT_EQ(rows_of(world, pipeline), rows_of(world, pipeline, false)) << steps;
  }
}

TEST(SimulatorData, CleanFieldsHaveTheirTypes) {
  World world(DataOptions{.visitors = 200, .accounts = 20, .clean = true});
  for (std::string_view source : {"visitors", "accounts"}) {
    Value rows = parse(rows_of(world, R"([{"source":{")" + std::string(source) + R"(":{"identified":true}}}])"));
    for (const auto& row : rows.list()) {
      EXPECT_TRUE(find_path(row, "metadata.custom.plan")->is_string());
      EXPECT_TRUE(find_path(row, "metadata.custom.seats")->is(Type::kInteger));
      EXPECT_TRUE(find_path(row, "metadata.custom.score")->is_number());
      EXPECT_TRUE(find_path(row, "metadata.custom.active")->is(Type::kBoolean));
      EXPECT_TRUE(find_path(row, "metadata.custom.renewal")->is(Type::kInteger));
      EXPECT_TRUE(find_path(row, "metadata.custom.tags")->is_list());
      for (std::string_view field : {"metadata.agent.email", "metadata.agent.name", "metadata.agent.role"}) {
        EXPECT_TRUE(find_path(row, field)->is_string());
      }
    }
  }
}

TEST(SimulatorData, VisitorsBelongToAccountsThatThereAre) {
  World world(DataOptions{.visitors = 200, .accounts = 7, .clean = true});
  Value rows = parse(rows_of(world, R"([{"source":{"visitors":null}},{"identified":"visitorId"}])"));
  std::set<std::string> accounts;
  for (const auto& row : rows.list()) {
    accounts.insert(find_path(row, "metadata.auto.accountid")->string());
    EXPECT_FALSE(find_path(row, "metadata.auto.accountids")->list().empty());
  }
  EXPECT_EQ(accounts.size(), 7U);
  for (const auto& account : accounts) EXPECT_NE(record(world, Kind::kAccount, account), "none");
}

TEST(SimulatorData, AnonymousVisitorsHaveWhatTheBrowserTells) {
  World world(DataOptions{.visitors = 100, .accounts = 7, .clean = true});
  Value rows = parse(rows_of(world, R"([{"source":{"visitors":null}},{"identified":"!visitorId"}])"));
  ASSERT_EQ(rows.list().size(), 2U);
  for (const auto& row : rows.list()) {
    EXPECT_TRUE(find_path(row, "metadata.auto.lastbrowsername"));
    EXPECT_FALSE(find_path(row, "metadata.auto.accountid"));
    EXPECT_FALSE(find_path(row, "metadata.agent"));
    EXPECT_FALSE(find_path(row, "metadata.custom"));
  }
}

// The official sample of the visitors source.
TEST(SimulatorData, RowsHaveTheShapeOfPendosSample) {
  World world(DataOptions{.visitors = 50, .accounts = 7, .clean = true});
  Value row = *world.store.record(Kind::kVisitor, "v0000001", Projection::everything());
  for (std::string_view name : {"accountid", "accountids", "firstvisit", "id", "idhash", "lastbrowsername", "lastbrowserversion",
                                "lastoperatingsystem", "lastservername", "lastupdated", "lastuseragent", "lastvisit", "nid"}) {
    EXPECT_TRUE(find_path(row, "metadata.auto." + std::string(name))) << name;
  }
  EXPECT_TRUE(find_path(row, "metadata.auto__323232.firstvisit"));
  EXPECT_FALSE(find_path(row, "metadata.auto.firstidentifiedvisit"));
  EXPECT_FALSE(row.find("id"));
  EXPECT_EQ(row.object().size(), 2U);
}

TEST(SimulatorData, SomeVisitorsUseTheSecondAppToo) {
  World world(DataOptions{.visitors = 400, .accounts = 7, .clean = true});
  Value count = parse(rows_of(world, R"~([{"source":{"visitors":null}},{"filter":"!isNull(metadata.auto_6561780136607744.firstvisit)"},{"count":null}])~"));
  EXPECT_GT(count.list()[0].find("count")->integer(), 50);
  EXPECT_LT(count.list()[0].find("count")->integer(), 200);
}

TEST(SimulatorData, OddDataAreAsOddAsPromised) {
  World world(DataOptions{.visitors = 20'000, .accounts = 20});
  Value rows = parse(rows_of(world, R"([{"source":{"visitors":null}},{"identified":"visitorId"},{"select":{
      "plan":"metadata.custom.plan","seats":"metadata.custom.seats","name":"metadata.agent.name","custom":"metadata.custom",
      "renewal":"metadata.custom.renewal"}}])"));
  std::map<std::string, int> types;
  std::string texts;
  int long_texts = 0;
  int without_group = 0;
  for (const auto& row : rows.list()) {
    for (std::string_view name : {"plan", "seats", "renewal"}) {
      ++types[std::string(name) + " " + std::string(go_type_name(*row.find(name)))];
    }
    without_group += row.find("custom")->is_null();
    const Value& name = *row.find("name");
    if (name.is_string() && name.string().size() == 100'000) ++long_texts;
    if (name.is_string() && name.string().size() < 1000) texts += name.string();
  }
  for (std::string_view seen : {"plan string", "plan number", "plan bool", "plan array", "plan object", "plan null", "seats number",
                                "seats string", "seats bool", "seats null", "renewal number", "renewal string"}) {
    EXPECT_GT(types[std::string(seen)], 0) << seen;
  }
  for (std::string_view part : {"\"", "\\", "`", "\n", "\t", "\xF0\x9F\x98\x80", "<b>", "\x07"}) {
    EXPECT_NE(texts.find(part), std::string::npos) << part;
  }
  EXPECT_GT(long_texts, 0);
  EXPECT_LT(long_texts, 20);
  EXPECT_GT(without_group, 100);
  EXPECT_GT(types["plan string"], 18'000) << "most values must stay what they should be";
}

TEST(SimulatorData, BigRecordsHaveAMegabyte) {
  World world(DataOptions{.visitors = 50, .accounts = 7, .clean = true, .big_records = 3});
  EXPECT_GT(record(world, Kind::kVisitor, "v0000001").size(), 1'000'000U);
  EXPECT_GT(record(world, Kind::kVisitor, "v0000003").size(), 1'000'000U);
  EXPECT_LT(record(world, Kind::kVisitor, "v0000004").size(), 10'000U);
}

TEST(SimulatorData, NoVisitorsAndNoAccountsAreNoProblem) {
  World world(DataOptions{.visitors = 0, .accounts = 0, .clean = true});
  EXPECT_EQ(rows_of(world, R"([{"source":{"visitors":null}}])"), "[]");
  EXPECT_EQ(rows_of(world, R"([{"source":{"trackEvents":null,"timeSeries":{"period":"dayRange","first":1735603200000,"count":1}}}])"),
            "[]");
  World alone(DataOptions{.visitors = 2, .accounts = 0, .clean = true});
  EXPECT_EQ(rows_of(alone, R"([{"source":{"visitors":{"identified":true}}},{"select":{"a":"metadata.auto.accountid"}}])"),
            R"([{"a":null},{"a":null}])");
}

TEST(SimulatorData, ScansMergeWhatWasWrittenIntoWhatIsGenerated) {
  World world(DataOptions{.visitors = 3, .accounts = 1, .clean = true});
  for (std::string_view id : {"v00000015", "a", "v9", "v0000002"}) {
    world.store.write(Kind::kVisitor, std::string(id), {{{"custom", "plan"}, "x"}}, true, 1, true);
  }
  auto ids = all_ids(world, Kind::kVisitor);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  EXPECT_EQ(ids.size(), 3U + 2 + 3);
  EXPECT_FALSE(world.store.write(Kind::kVisitor, "nobody", {}, false, 1, true));
  world.reset();
  EXPECT_EQ(all_ids(world, Kind::kVisitor).size(), 3U + 2);
}

}  // namespace
}  // namespace simulator
