// Operators and aggregators as Pendo's documents describe them, on constant rows:
// steps in, rows out.
#include <gtest/gtest.h>

#include <tuple>

#include "catalog.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

struct Case {
  std::string_view rows, steps, result;
};

class SimulatorOperator : public testing::Test {
 protected:
  SimulatorOperator() : world_(DataOptions{.visitors = 50, .accounts = 5, .clean = true}) {}

  std::string run(std::string_view rows, std::string_view steps) {
    return rows_of(world_, R"([{"source":{"const":)" + std::string(rows) + "}}," + std::string(steps) + "]");
  }
  void check(std::initializer_list<Case> cases) {
    for (const auto& one : cases) EXPECT_EQ(run(one.rows, one.steps), one.result) << one.steps;
  }
  void set(std::string_view name, std::string_view value) {
    std::string error;
    ASSERT_TRUE(world_.switches.set(name, value, error)) << error;
  }

  World world_;
};

TEST_F(SimulatorOperator, NamesWithDotsMakeObjects) {
  check({{R"([{"a":{"b":1}}])", R"({"select":{"x.y":"a.b","x.z":"a.c","w":"1"}})", R"([{"w":1,"x":{"y":1,"z":null}}])"},
         {R"([{"a":{"b":1}}])", R"({"eval":{"a.c":"a.b + 1"}})", R"([{"a":{"b":1,"c":2}}])"},
         {R"([{"a":1}])", R"({"set":{"b.c":true}})", R"([{"a":1,"b":{"c":true}}])"}});
}

TEST_F(SimulatorOperator, SelectKeepsTheDigitsOfLargeIntegers) {
  check({{R"([{"n":9007199254740993}])", R"({"select":{"n":"n","m":"n + 0"}})", R"([{"m":9007199254740992,"n":9007199254740993}])"}});
}

TEST_F(SimulatorOperator, Unwind) {
  constexpr std::string_view kRows = R"([{"i":1,"l":["x","y"]},{"i":2,"l":[]},{"i":3},{"i":4,"l":"no list"}])";
  check({{kRows, R"({"unwind":{"field":"l"}})", R"([{"i":1,"l":"x"},{"i":1,"l":"y"}])"},
         {kRows, R"({"unwind":{"field":"l","index":"k"}})", R"([{"i":1,"k":0,"l":"x"},{"i":1,"k":1,"l":"y"}])"},
         {kRows, R"({"unwind":{"field":"l","keepEmpty":true}})",
          R"([{"i":1,"l":"x"},{"i":1,"l":"y"},{"i":2,"l":[]},{"i":3},{"i":4,"l":"no list"}])"},
         {kRows, R"({"unwind":{"field":"l","prefix":true}})", R"([{"i":1,"l":["x"]},{"i":1,"l":["x","y"]}])"},
         {R"([{"a":{"l":[{"n":1},{"n":2}]}}])", R"({"unwind":{"field":"a.l"}},{"select":{"n":"a.l.n"}})", R"([{"n":1},{"n":2}])"}});
}

TEST_F(SimulatorOperator, SwitchSetsAFieldByConditions) {
  constexpr std::string_view kRows = R"([{"n":5},{"n":10},{"n":19},{"n":20},{"n":"x"},{}])";
  constexpr std::string_view kStep =
      R"({"switch":{"size":{"n":[{"value":"small","<":10},{"value":"medium",">=":10,"<":20},{"value":"x","==":"x"}]}}})";
  check({{kRows, kStep, R"([{"n":5,"size":"small"},{"n":10,"size":"medium"},{"n":19,"size":"medium"},{"n":"x","size":"x"}])"},
         {R"([{"n":1}])", R"({"switch":{"o":{"n":[{"value":"first"},{"value":"second"}]}}})", R"([{"n":1,"o":"first"}])"},
         {R"([{"n":1},{"n":2}])", R"({"switch":{"o":{"n":[{"value":1,"!=":1},{"value":2,"<=":1,">":0}]}}})",
          R"([{"n":1,"o":2},{"n":2,"o":1}])"}});
  set("switch_no_match", "keep");
  check({{R"([{"n":20},{}])", kStep, R"([{"n":20},{}])"}});
}

TEST_F(SimulatorOperator, ForkSendsEveryRowDownEveryBranch) {
  constexpr std::string_view kRows = R"([{"v":"a","n":1},{"v":"b","n":2},{"v":"a","n":3}])";
  check({{kRows, R"({"fork":[[{"cat":null}],[{"filter":"n > 2"}]]},{"sort":["n"]})",
          R"([{"n":1,"v":"a"},{"n":2,"v":"b"},{"n":3,"v":"a"},{"n":3,"v":"a"}])"},
         {kRows, R"({"fork":[[{"reduce":{"s":{"sum":"n"}}}],[{"count":null}]]})", R"([{"s":6},{"count":3}])"},
         {kRows,
          R"({"fork":[[{"group":{"group":["v"],"fields":{"s":{"sum":"n"}}}}],[{"group":{"group":["v"],"fields":{"c":{"count":null}}}}]]},)"
          R"({"join":{"fields":["v"]}})",
          R"([{"c":2,"s":4,"v":"a"},{"c":1,"s":2,"v":"b"}])"},
         {kRows, R"({"fork":[[{"limit":1}],[{"limit":2}]]},{"count":null})", R"([{"count":3}])"},
         {kRows, R"({"fork":[[{"cat":null}],[{"cat":null}]]},{"limit":3},{"count":null})", R"([{"count":3}])"},
         {kRows, R"({"fork":[[{"limit":0}],[{"limit":0}]]})", "[]"}});
}

TEST_F(SimulatorOperator, ForkReadsWhatItsBranchesRead) {
  EXPECT_EQ(rows_of(world_, R"~([{"source":{"visitors":null}},{"filter":"identified(visitorId)"},)~"
                            R"({"fork":[[{"filter":"metadata.custom.seats > 0"}],[{"filter":"metadata.custom.plan != null"}]]},{"count":null}])"),
            R"([{"count":100}])");
}

TEST_F(SimulatorOperator, Join) {
  constexpr std::string_view kRows = R"([{"k":1,"a":1},{"k":2,"a":2},{"k":1,"b":3},{"k":1,"a":9},{"k":2,"c":4}])";
  check({{kRows, R"({"join":{"fields":["k"]}})", R"([{"a":9,"b":3,"k":1},{"a":2,"c":4,"k":2}])"},
         {kRows, R"({"join":{"fields":["k"],"width":2}})", R"([{"a":1,"b":3,"k":1},{"a":2,"c":4,"k":2},{"a":9,"k":1}])"},
         {R"([{"k":1,"a":1},{"k":1,"a":2},{"k":1,"b":3},{"k":1,"b":4},{"k":1,"c":5},{"k":1,"c":6}])",
          R"({"join":{"fields":["k"],"width":2}})", R"([{"a":2,"k":1},{"b":4,"k":1},{"c":6,"k":1}])"},
         {R"([{"x":{"k":1},"j":2,"a":1},{"x":{"k":1},"j":3,"a":2},{"x":{"k":1},"j":2,"b":3}])",
          R"({"join":{"fields":["x.k","j"],"width":2}})",
          R"([{"a":1,"b":3,"j":2,"x":{"k":1}},{"a":2,"j":3,"x":{"k":1}}])"}});
}

TEST_F(SimulatorOperator, Merge) {
  constexpr std::string_view kRows = R"([{"k":1,"a":1},{"k":2,"a":2},{"k":1,"a":3},{"a":4}])";
  constexpr std::string_view kInner = R"("pipeline":[{"source":{"const":[{"k":1,"p":{"q":"x"},"a":7},{"k":1,"p":{"q":"y"}},{"k":3}]}}])";
  auto merge = [](std::string_view rest) { return R"({"merge":{"fields":["k"],)" + std::string(rest) + "}}"; };
  EXPECT_EQ(run(kRows, merge(R"("mappings":{"b":"p.q"},)" + std::string(kInner))),
            R"([{"a":1,"b":"x","k":1},{"a":2,"k":2},{"a":3,"b":"x","k":1},{"a":4}])");
  EXPECT_EQ(run(kRows, merge(R"("mappings":{"b":"nothing"},)" + std::string(kInner))),
            R"([{"a":1,"b":null,"k":1},{"a":2,"k":2},{"a":3,"b":null,"k":1},{"a":4}])");
  EXPECT_EQ(run(kRows, merge(R"("mappings":{},)" + std::string(kInner))), R"([{"a":1,"k":1},{"a":2,"k":2},{"a":3,"k":1},{"a":4}])");
  EXPECT_EQ(run(kRows, merge(kInner)), R"([{"a":7,"k":1,"p":{"q":"x"}},{"a":2,"k":2},{"a":7,"k":1,"p":{"q":"x"}},{"a":4}])");
}

TEST_F(SimulatorOperator, SpawnPutsSourcesTogether) {
  EXPECT_EQ(rows_of(world_, R"([{"spawn":[[{"source":{"const":[{"k":1,"a":1}]}}],[{"source":{"const":[{"k":1,"b":2},{"k":2}]}},{"limit":1}]]},)"
                            R"({"join":{"fields":["k"],"width":2}}])"),
            R"([{"a":1,"b":2,"k":1}])");
  EXPECT_EQ(rows_of(world_, R"([{"spawn":[[{"source":{"visitors":null}}],[{"source":{"accounts":null}}]]},{"count":null}])"),
            R"([{"count":57}])");
  EXPECT_EQ(rows_of(world_, R"([{"spawn":[[{"source":{"accounts":null}}],[{"source":{"accounts":null}}]]},{"sort":["metadata.auto.id"]},{"limit":2},{"select":{"a":"accountId"}}])"),
            R"([{"a":"a00001"},{"a":"a00001"}])");
}

TEST_F(SimulatorOperator, BulkExpandLooksRecordsUp) {
  check({{R"~([{"v":"v0000007"},{"v":"nobody"},{}])~", R"~({"bulkExpand":{"i":{"visitor":"v"}}},{"select":{"id":"i.auto.id","i":"isNull(i)"}})~",
          R"([{"i":false,"id":"v0000007"},{"i":true,"id":null},{"i":true,"id":null}])"},
         {R"([{"a":"a00002"}])", R"({"bulkExpand":{"account":{"account":"a"}}},{"select":{"id":"account.auto.id"}})", R"([{"id":"a00002"}])"},
         {R"([{"v":"nobody"}])", R"({"bulkExpand":{"i":{"visitor":"v"}}})", R"([{"i":null,"v":"nobody"}])"}});
  set("expand_missing", "absent");
  check({{R"([{"v":"nobody"}])", R"({"bulkExpand":{"i":{"visitor":"v"}}})", R"([{"v":"nobody"}])"}});
}

TEST_F(SimulatorOperator, ExpandLooksObjectsUp) {
  for (auto [source, type, name] : {std::tuple("pages", "page", "Reports"), std::tuple("features", "feature", "Help"),
                                    std::tuple("trackTypes", "trackType", "Logged In")}) {
    std::string steps = R"([{"source":{")" + std::string(source) + R"(":null}},{"filter":"name == `)" + name +
                        R"(`"},{"select":{"x":"id"}},{"expand":{"o":{")" + type + R"(":"x"}}},{"select":{"n":"o.name"}}])";
    EXPECT_EQ(rows_of(world_, steps), R"([{"n":")" + std::string(name) + "\"}]");
  }
  check({{R"([{"p":"nothing"}])", R"({"expand":{"o":{"page":"p"}}})", R"([{"o":null,"p":"nothing"}])"},
         {R"([{"v":"v0000007"}])", R"({"expand":{"o":{"visitor":"v"}}},{"select":{"id":"o.auto.id"}})", R"([{"id":"v0000007"}])"},
         {R"([{"l":[-323232,5]}])",
          R"~({"expandList":{"inputField":"l","outputField":"o","typeName":"app"}},{"select":{"n":"o[0].name","c":"len(o)"}})~",
          R"([{"c":1,"n":"Acme"}])"}});
}

TEST_F(SimulatorOperator, SegmentKeepsItsVisitors) {
  std::string segments = R"([{"source":{"visitors":null}},{"filter":"metadata.custom.plan == `pro`"},{"count":null}])";
  std::string id = catalog(ItemKind::kSegment, world_.store.options())[0].id;
  EXPECT_EQ(rows_of(world_, R"([{"source":{"visitors":null}},{"segment":{"id":")" + id + R"("}},{"count":null}])"), rows_of(world_, segments));
  EXPECT_EQ(run(R"([{"accountId":"a00001"},{"visitorId":"nobody"}])", R"({"segment":{"id":")" + id + "\"}}"), "[]");
  EXPECT_EQ(run("[{}]", R"({"segment":{"id":"none"}})"), "400 Unknown segment");
  set("unknown_segment", "nothing");
  EXPECT_EQ(run("[{}]", R"({"segment":{"id":"none"}})"), "[]");
}

TEST_F(SimulatorOperator, UserAgentsAreParsed) {
  check({{R"([{"u":"Mozilla/5.0 (X11; Linux x86_64; rv:48.0) Gecko/20100101 Firefox/48.0"}])", R"({"useragent":{"u":"u"}})",
          R"([{"u":{"name":"Firefox","os":"Linux","version":"48.0"}}])"},
         {R"([{"u":"Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/63.0.3239.132 Safari/537.36"}])",
          R"({"useragent":{"o.p":"u"}},{"select":{"n":"o.p.name","v":"o.p.version","s":"o.p.os"}})",
          R"([{"n":"Chrome","s":"Windows","v":"63.0.3239"}])"},
         {R"([{}])", R"({"useragent":{"u":"u"}})", R"([{"u":{"name":"","os":"","version":""}}])"}});
}

TEST_F(SimulatorOperator, UnmarshalReadsJson) {
  check({{R"([{"t":"{\"a\":[1]}"},{"t":"{"},{"t":5},{}])", R"({"unmarshal":{"o":"t"}},{"select":{"o":"o"}})",
          R"([{"o":{"a":[1]}},{"o":null},{"o":null},{"o":null}])"}});
}

TEST_F(SimulatorOperator, ForcedKeysComeOutInAnyCase) {
  constexpr std::string_view kRows = R"([{"s":"active","t":1},{"s":"other","t":1}])";
  check({{kRows, R"~({"group":{"group":["s"],"fields":[{"n":{"count":null}}],"forceKeys":{"s":"list(\"active\",\"trial\")"}}})~",
          R"([{"n":1,"s":"active"},{"n":1,"s":"other"},{"n":0,"s":"trial"}])"},
         {kRows, R"~({"group":{"group":["s","t"],"fields":{"n":{"count":null}},"forceKeys":{"s":"list(\"active\")","t":"[1,2]"}}})~",
          R"([{"n":1,"s":"active","t":1},{"n":1,"s":"other","t":1},{"n":0,"s":"active","t":2}])"}});
}

// One aggregator and what it makes of the same five rows.
TEST_F(SimulatorOperator, Aggregators) {
  constexpr std::string_view kRows =
      R"([{"n":1,"t":"a","l":[1,2],"d":300},{"n":4,"t":"b","l":[3],"d":100},{"n":null,"t":"a","l":[],"d":100},{"n":2.5,"d":200},{"n":"x","t":"c","l":"no"}])";
  constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {R"({"count":null})", "5"},
      {R"({"count":"t"})", "3"},
      {R"({"count":["t","d"]})", "5"},
      {R"({"count":["t"]})", "4"},
      {R"({"countIf":{"count":null,"if":"n > 1"}})", "2"},
      {R"({"countIf":{"if":"n > 1"}})", "2"},
      {R"({"countIf":{"count":"t","if":"t == `a`"}})", "1"},
      {R"({"sum":"n"})", "7.5"},
      {R"({"sum":"n * 2"})", "15"},
      {R"({"avg":"n"})", "2.5"},
      {R"({"mean":"n"})", "2.5"},
      {R"({"median":"n"})", "2.5"},
      {R"({"median":"d"})", "150"},
      {R"({"min":"n"})", "1"},
      {R"({"max":"d"})", "300"},
      {R"({"max":"t"})", "\"c\""},
      {R"({"first":"t"})", "\"a\""},
      {R"({"first":"absent"})", "null"},
      {R"({"list":"t"})", R"(["a","b","a","c"])"},
      {R"({"listIf":{"list":"t","if":"d == 100"}})", R"(["b","a"])"},
      {R"({"concat":"l"})", "[1,2,3]"},
      {R"({"listAverage":"l"})", "2"},
      {R"({"var":"n"})", "1.5"},
      {R"({"var":"absent"})", "null"},
      {R"({"stddev":"d"})", "82.915619758885"},
      {R"({"percentiles":{"field":"n","min":0,"p25":25,"median":50,"p90":90,"max":100}})",
       R"({"max":4,"median":2.5,"min":1,"p25":1.75,"p90":3.7})"},
      {R"({"percentiles":{"field":"absent","p":50}})", R"({"p":null})"},
      {R"({"daysActiveCreate":"d"})", "[100,200,300]"},
      {R"({"daysActiveUnion":"l"})", "[1,2,3]"},
  };
  for (const auto& [call, result] : kCases) {
    EXPECT_EQ(run(kRows, R"({"reduce":{"r":)" + std::string(call) + "}}"), R"([{"r":)" + std::string(result) + "}]") << call;
  }
}

TEST_F(SimulatorOperator, AggregatorsBySwitch) {
  struct SwitchCase {
    std::string_view name, value, call, result;
  };
  constexpr SwitchCase kCases[] = {
      {"count_null", "skip", R"({"count":"t"})", "1"},
      {"count_null", "count", R"({"count":"t"})", "2"},
      {"list_null", "skip", R"({"list":"t"})", R"(["a"])"},
      {"list_null", "keep", R"({"list":"t"})", R"(["a",null,null])"},
      {"sum_of_none", "zero", R"({"sum":"t"})", "0"},
      {"sum_of_none", "null", R"({"sum":"t"})", "null"},
      {"sum_of_none", "null", R"({"sum":"n"})", "6"},
      {"variance", "population", R"({"var":"n"})", "0.6666666666666666"},
      {"variance", "sample", R"({"var":"n"})", "1"},
      {"variance", "sample", R"({"stddev":"n"})", "1"},
      {"percentile_method", "linear", R"({"percentiles":{"field":"n","a":0,"b":60,"c":100}})", R"({"a":1,"b":2.2,"c":3})"},
      {"percentile_method", "nearest", R"({"percentiles":{"field":"n","a":0,"b":60,"c":100}})", R"({"a":1,"b":2,"c":3})"},
  };
  for (const auto& one : kCases) {
    set(one.name, one.value);
    EXPECT_EQ(run(R"([{"t":"a","n":1},{"t":null,"n":2},{"n":3}])", R"({"reduce":{"r":)" + std::string(one.call) + "}}"),
              R"([{"r":)" + std::string(one.result) + "}]")
        << one.name << "=" << one.value;
    world_.switches.reset();
  }
}

TEST_F(SimulatorOperator, WhatIsRefused) {
  for (std::string_view step :
       {R"({"switch":{}})", R"({"switch":{"o":{"n":[{"<":1}]}}})", R"({"switch":{"o":{"n":[{"value":1,"~":1}]}}})",
        R"({"switch":{"o":{"n":1}}})", R"({"fork":[]})", R"({"fork":[[]]})", R"({"fork":null})", R"({"fork":[[{"bogus":1}]]})",
        R"({"join":{}})", R"({"join":{"fields":["a"],"width":0}})", R"({"join":{"fields":["a"],"width":"2"}})",
        R"({"merge":{"fields":["a"]}})", R"({"merge":{"pipeline":[{"source":{"visitors":null}}]}})",
        R"({"merge":{"fields":["a"],"pipeline":[{"cat":null}]}})", R"({"bulkExpand":{"o":{"page":"p"}}})", R"({"bulkExpand":{}})",
        R"({"expand":{"o":{"guide":"g"}}})", R"({"expand":{"o":"page"}})", R"({"expandList":{"inputField":"a"}})", R"({"segment":{}})",
        R"({"segment":{"filter":"true"}})", R"({"itemSeen":{"o":{}}})", R"({"useragent":null})", R"({"unmarshal":"t"})",
        R"({"spawn":[[{"source":{"visitors":null}}]]})", R"({"reduce":{"r":{"countIf":"n > 1"}}})",
        R"({"reduce":{"r":{"listIf":{"if":"true"}}}})", R"({"reduce":{"r":{"percentiles":{"p":50}}}})",
        R"({"reduce":{"r":{"percentiles":{"field":"n","p":101}}}})", R"({"reduce":{"r":{"daysActiveCount":{}}}})",
        R"~({"group":{"group":["a","b"],"forceKeys":{"a":"list(1)"}}})~", R"~({"group":{"group":["a"],"forceKeys":{"a":"1"}}})~",
        R"({"retention":{}})", R"({"pes":{}})", R"({"matchRules":{}})", R"({"pages":{}})"}) {
    EXPECT_TRUE(run("[{}]", step).starts_with("400 ")) << step << run("[{}]", step);
  }
  for (std::string_view source : {R"({"const":null})", R"({"const":[1]})", R"({"singleEvents":null})", R"({"guideEvents":null})"}) {
    EXPECT_TRUE(rows_of(world_, R"([{"source":)" + std::string(source) + "}]").starts_with("400 ")) << source;
  }
}

}  // namespace
}  // namespace simulator
