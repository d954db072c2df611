// Operators and aggregators, each on the few rows of a subscription that has no
// generated ones.
#include <gtest/gtest.h>

#include "simulator_rows.h"

namespace simulator {
namespace {

class SimulatorPipeline : public testing::Test {
 protected:
  SimulatorPipeline() : world_(DataOptions{.visitors = 0, .accounts = 0, .clean = true}) {
    add("a", R"({"plan":"pro","seats":10,"tags":["x","y"]})");
    add("b", R"({"plan":"free","seats":2,"tags":[]})");
    add("c", R"({"plan":"pro","seats":5.5,"tags":["y"]})");
    add("d", R"({"plan":null,"seats":"many"})");
    add("_PENDO_T_1", R"({})");
  }

  void add(const std::string& id, std::string_view custom) {
    std::vector<Write> writes;
    Value values = parse(custom);
    for (const auto& member : values.object()) writes.push_back({{"custom", member.name}, member.value});
    world_.store.write(Kind::kVisitor, id, writes, true, 0, false);
  }
  // The rows of the visitors source after these steps.
  std::string rows(std::string_view steps) {
    return rows_of(world_, R"([{"source":{"visitors":null}},)" + std::string(steps) + "]");
  }
  std::string ids(std::string_view steps) { return rows(std::string(steps) + R"(,{"select":{"i":"visitorId"}})"); }
  void set(std::string_view name, std::string_view value) {
    std::string error;
    ASSERT_TRUE(world_.switches.set(name, value, error)) << error;
  }

  World world_;
};

TEST_F(SimulatorPipeline, RowsAreInOrderOfIdWithMembersInOrderOfName) {
  EXPECT_EQ(rows(R"({"filter":"visitorId == \"b\""})"),
            R"([{"metadata":{"auto":{"id":"b","idhash":3876335077,"lastupdated":0},"auto__323232":{"firstvisit":0},)"
            R"("custom":{"plan":"free","seats":2,"tags":[]}},"visitorId":"b"}])");
  EXPECT_EQ(ids(R"({"cat":null})"), R"([{"i":"_PENDO_T_1"},{"i":"a"},{"i":"b"},{"i":"c"},{"i":"d"}])");
}

TEST_F(SimulatorPipeline, FilterDropsWhatIsNotTrue) {
  EXPECT_EQ(ids(R"({"filter":"metadata.custom.seats > 5"})"), R"([{"i":"a"},{"i":"c"}])");
  EXPECT_EQ(ids(R"~({"filter":"!(metadata.custom.seats > 5)"})~"), R"([{"i":"b"}])");
  EXPECT_EQ(ids(R"({"filter":"metadata.custom.plan == null"})"), R"([{"i":"_PENDO_T_1"},{"i":"d"}])");
  EXPECT_EQ(ids(R"~({"filter":"contains(metadata.custom.tags, \"y\")"})~"), R"([{"i":"a"},{"i":"c"}])");
  EXPECT_EQ(ids(R"({"filter":"visitorId == `a` || visitorId == `c`"})"), R"([{"i":"a"},{"i":"c"}])");
}

TEST_F(SimulatorPipeline, SelectMakesNewRowsWithNullForWhatIsAbsent) {
  EXPECT_EQ(rows(R"({"filter":"visitorId > \"b\""},{"select":{"v":"visitorId","plan":"metadata.custom.plan","x":"no.field","two":2,"sum":"metadata.custom.seats+1"}})"),
            R"([{"plan":"pro","sum":6.5,"two":2,"v":"c","x":null},{"plan":null,"sum":null,"two":2,"v":"d","x":null}])");
}

TEST_F(SimulatorPipeline, EvalAddsToTheRowAsItCameIn) {
  EXPECT_EQ(rows(R"({"select":{"n":"metadata.custom.seats"}},{"limit":2},{"eval":{"m":"n * 2","n":"n + 1","a.b":"n"}})"),
            R"([{"a":{"b":null},"m":null,"n":null},{"a":{"b":10},"m":20,"n":11}])");
  EXPECT_EQ(rows(R"({"eval":{"day":"1"}})"), "400 Cannot set read-only field day");
}

TEST_F(SimulatorPipeline, SetPutsConstants) {
  EXPECT_EQ(rows(R"({"limit":1},{"select":{"i":"visitorId"}},{"set":{"k":"visitorId","o.p":[1]}})"),
            R"([{"i":"_PENDO_T_1","k":"visitorId","o":{"p":[1]}}])");
}

TEST_F(SimulatorPipeline, SortIsStableAndKnowsEachType) {
  EXPECT_EQ(ids(R"({"sort":["-visitorId"]})"), R"([{"i":"d"},{"i":"c"},{"i":"b"},{"i":"a"},{"i":"_PENDO_T_1"}])");
  EXPECT_EQ(ids(R"({"sort":["metadata.custom.seats"]})"),
            R"([{"i":"_PENDO_T_1"},{"i":"b"},{"i":"c"},{"i":"a"},{"i":"d"}])");
  EXPECT_EQ(ids(R"({"sort":["metadata.custom.plan","-visitorId"]})"),
            R"([{"i":"d"},{"i":"_PENDO_T_1"},{"i":"b"},{"i":"c"},{"i":"a"}])");
  EXPECT_EQ(ids(R"({"sort":["metadata.custom.plan"]})"),
            R"([{"i":"_PENDO_T_1"},{"i":"d"},{"i":"b"},{"i":"a"},{"i":"c"}])");
  set("null_sort", "last");
  EXPECT_EQ(ids(R"({"sort":["metadata.custom.plan"]})"),
            R"([{"i":"b"},{"i":"a"},{"i":"c"},{"i":"_PENDO_T_1"},{"i":"d"}])");
}

TEST_F(SimulatorPipeline, LimitStandsWhereItStands) {
  EXPECT_EQ(ids(R"({"limit":2})"), R"([{"i":"_PENDO_T_1"},{"i":"a"}])");
  EXPECT_EQ(ids(R"({"limit":2},{"filter":"visitorId == \"b\""})"), "[]");
  EXPECT_EQ(ids(R"({"filter":"visitorId == \"b\""},{"limit":2})"), R"([{"i":"b"}])");
  EXPECT_EQ(ids(R"({"limit":3},{"sort":["-visitorId"]},{"limit":1})"), R"([{"i":"b"}])");
  EXPECT_EQ(ids(R"({"sort":["-metadata.custom.seats"]},{"limit":2})"), R"([{"i":"d"},{"i":"a"}])");
  EXPECT_EQ(ids(R"({"limit":0})"), "[]");
}

TEST_F(SimulatorPipeline, SkipIsUnknownUnlessASwitchHasIt) {
  EXPECT_EQ(ids(R"({"skip":3})"), "400 Unknown operator: skip");
  set("skip_operator", "accept");
  EXPECT_EQ(ids(R"({"skip":3})"), R"([{"i":"c"},{"i":"d"}])");
}

TEST_F(SimulatorPipeline, CountIsOneRow) {
  EXPECT_EQ(rows(R"({"count":null})"), R"([{"count":5}])");
  EXPECT_EQ(rows(R"({"filter":"false"},{"count":null})"), R"([{"count":0}])");
}

TEST_F(SimulatorPipeline, IdentifiedDropsAnonymousVisitors) {
  EXPECT_EQ(ids(R"({"identified":"visitorId"})"), R"([{"i":"a"},{"i":"b"},{"i":"c"},{"i":"d"}])");
  EXPECT_EQ(ids(R"({"identified":"!visitorId"})"), R"([{"i":"_PENDO_T_1"}])");
  EXPECT_EQ(rows_of(world_, R"([{"source":{"visitors":{"identified":true}}},{"count":null}])"), R"([{"count":4}])");
  EXPECT_EQ(rows_of(world_, R"([{"source":{"visitors":{"identified":false}}},{"count":null}])"), R"([{"count":1}])");
}

TEST_F(SimulatorPipeline, SinceTakesWhatWasUpdatedFromThenOn) {
  world_.store.write(Kind::kVisitor, "b", {}, false, 1'735'689'600'000, true);
  EXPECT_EQ(rows_of(world_, R"~([{"source":{"visitors":{"since":"date(2024,12,31)"}}},{"select":{"i":"visitorId"}}])~"),
            R"([{"i":"b"}])");
}

TEST_F(SimulatorPipeline, UnwindMakesARowOfEachElement) {
  EXPECT_EQ(rows(R"({"select":{"i":"visitorId","t":"metadata.custom.tags"}},{"unwind":{"field":"t","index":"k"}})"),
            R"([{"i":"a","k":0,"t":"x"},{"i":"a","k":1,"t":"y"},{"i":"c","k":0,"t":"y"}])");
  EXPECT_EQ(rows(R"({"select":{"i":"visitorId","t":"metadata.custom.tags"}},{"unwind":{"field":"t","keepEmpty":true}},{"count":null})"),
            R"([{"count":6}])");
}

TEST_F(SimulatorPipeline, GroupComputesPerKey) {
  constexpr std::string_view kGroup =
      R"({"group":{"group":["metadata.custom.plan"],"fields":{"n":{"count":null},"s":{"sum":"metadata.custom.seats"}}}})";
  EXPECT_EQ(rows(kGroup),
            R"([{"metadata.custom.plan":null,"n":2,"s":0},{"metadata.custom.plan":"pro","n":2,"s":15.5},)"
            R"({"metadata.custom.plan":"free","n":1,"s":2}])");
  set("group_dotted_key", "nested");
  EXPECT_EQ(rows(std::string(kGroup) + R"(,{"sort":["-metadata.custom.plan"]},{"limit":1})"),
            R"([{"metadata":{"custom":{"plan":"pro"}},"n":2,"s":15.5}])");
  EXPECT_EQ(rows(R"({"select":{"p":"metadata.custom.plan"}},{"group":{"group":["p"],"fields":[{"n":{"count":null}}]}})"),
            R"([{"n":2,"p":null},{"n":2,"p":"pro"},{"n":1,"p":"free"}])");
  EXPECT_EQ(rows(R"({"select":{"p":"metadata.custom.plan"}},{"group":{"group":["p"]}},{"limit":1})"), R"([{"p":null}])");
}

TEST_F(SimulatorPipeline, Aggregators) {
  struct Case {
    std::string_view aggregator, result;
  };
  constexpr Case kCases[] = {
      {R"({"count":null})", "5"},
      {R"({"count":"plan"})", "2"},
      {R"({"countIf":{"count":null,"if":"seats > 5"}})", "2"},
      {R"({"sum":"seats"})", "17.5"},
      {R"({"avg":"seats"})", "5.833333333333333"},
      {R"({"mean":"seats"})", "5.833333333333333"},
      {R"({"median":"seats"})", "5.5"},
      {R"({"min":"seats"})", "2"},
      {R"({"max":"plan"})", "\"pro\""},
      {R"({"min":"plan"})", "\"free\""},
      {R"({"first":"plan"})", "\"pro\""},
      {R"({"list":"plan"})", R"(["pro","free","pro"])"},
      {R"({"concat":"tags"})", R"(["x","y","y"])"},
      {R"({"var":"seats * 0 + 3"})", "0"},
      {R"({"stddev":"seats * 0 + 3"})", "0"},
      {R"({"max":"absent"})", "null"},
      {R"({"avg":"absent"})", "null"},
      {R"({"median":"absent"})", "null"},
      {R"({"sum":"absent"})", "0"},
      {R"({"first":"absent"})", "null"},
      {R"({"list":"absent"})", "[]"},
  };
  constexpr std::string_view kSelect =
      R"({"select":{"plan":"metadata.custom.plan","seats":"metadata.custom.seats","tags":"metadata.custom.tags"}})";
  for (const auto& [aggregator, result] : kCases) {
    EXPECT_EQ(rows(std::string(kSelect) + R"(,{"reduce":{"r":)" + std::string(aggregator) + "}}"),
              R"([{"r":)" + std::string(result) + "}]")
        << aggregator;
  }
  EXPECT_EQ(rows(R"({"reduce":[{"a":{"count":null}},{"b":{"count":"visitorId"}}]})"), R"([{"a":5,"b":5}])");
}

TEST_F(SimulatorPipeline, MedianOfAnEvenNumberLiesBetween) {
  add("e", R"({"seats":7})");
  EXPECT_EQ(rows(R"({"reduce":{"m":{"median":"metadata.custom.seats"}}})"), R"([{"m":6.25}])");
}

TEST_F(SimulatorPipeline, ReduceOfNothing) {
  EXPECT_EQ(rows(R"({"filter":"false"},{"reduce":{"n":{"count":null}}})"), R"([{"n":0}])");
  set("reduce_empty", "nothing");
  EXPECT_EQ(rows(R"({"filter":"false"},{"reduce":{"n":{"count":null}}})"), "[]");
}

TEST_F(SimulatorPipeline, WhatIsRefused) {
  for (std::string_view step :
       {R"({"bogus":1})", R"({})", R"(null)", R"({"limit":1,"count":null})", R"({"limit":-1})", R"({"limit":"1"})",
        R"({"limit":1.5})", R"({"sort":"visitorId"})", R"({"sort":[]})", R"({"sort":["a b"]})", R"({"select":["a"]})",
        R"({"select":{"a":"b c"}})", R"({"filter":5})", R"({"filter":""})", R"({"identified":""})", R"({"unwind":{}})",
        R"({"group":{"group":"a"}})", R"({"reduce":{"a":{"bogus":"b"}}})", R"({"reduce":{"a":"b"}})", R"({"set":1})"}) {
    EXPECT_TRUE(rows(step).starts_with("400 ")) << step << rows(step);
  }
  EXPECT_EQ(rows(R"({"filter":"visitorId == \"a\"b\""})"), "400 Cannot parse filter expression");
  EXPECT_TRUE(rows_of(world_, "[]").starts_with("400 "));
  EXPECT_TRUE(rows_of(world_, R"([{"limit":1}])").starts_with("400 "));
  EXPECT_EQ(rows_of(world_, R"([{"source":{"bogus":null}}])"), "400 Unknown source: bogus");
  set("unknown_operator", "422");
  EXPECT_TRUE(rows(R"({"bogus":1})").starts_with("422 "));
  set("unknown_operator", "ignore");
  EXPECT_EQ(rows(R"({"bogus":1},{"count":null})"), R"([{"count":5}])");
  set("unknown_source", "422");
  EXPECT_TRUE(rows_of(world_, R"([{"source":{"bogus":null}}])").starts_with("422 "));
}

TEST_F(SimulatorPipeline, NullAndEmptySourcesAreTheSame) {
  EXPECT_EQ(rows_of(world_, R"([{"source":{"visitors":{}}},{"count":null}])"), R"([{"count":5}])");
  EXPECT_EQ(rows_of(world_, R"([{"source":{"accounts":null}}])"), "[]");
}

}  // namespace
}  // namespace simulator
