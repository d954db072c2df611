// What the simulator does for speed must not be seen: rows are the same as those
// of the plain evaluation, row by row through every operator.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "key_range.h"
#include "simulator_rows.h"

namespace simulator {
namespace {

// Text as a literal of the expression language, in JSON.
std::string literal(std::string_view text) {
  std::string out = "\\\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += "\\\\";
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\\\n";
    } else if (c == '\t') {
      out += "\\\\t";
    } else {
      out += c;
    }
  }
  return out + "\\\"";
}

class Queries {
 public:
  explicit Queries(unsigned seed) : random_(seed) {}

  std::string pipeline() {
    static constexpr std::string_view kSteps[] = {
        R"({"sort":["visitorId"]})", R"({"identified":"visitorId"})", R"({"cat":null})", R"({"limit":40})",
        R"({"sort":["-visitorId"]})", R"({"sort":["metadata.custom.seats","visitorId"]})", R"({"limit":7})",
        R"({"sort":["visitorId","metadata.custom.plan"]})"};
    std::string text = R"([{"source":{"visitors":null}})";
    for (int i = pick(5); i >= 0; --i) {
      text += ",";
      text += pick(2) ? R"({"filter":")" + filter(2) + "\"}" : std::string(kSteps[pick(std::size(kSteps))]);
    }
    if (pick(2)) text += R"(,{"select":{"v":"visitorId","p":"metadata.custom.plan","s":"metadata.custom.seats"}})";
    if (pick(8) == 0) text += R"(,{"count":null})";
    return text + "]";
  }

 private:
  int pick(std::size_t n) { return static_cast<int>(random_() % n); }

  std::string id() {
    static constexpr std::string_view kIds[] = {"", "v", "v0000050", "v000005", "v0000100", "w", "_PENDO_T_", "_", "a/b c"};
    auto odd = odd_ids(Kind::kVisitor);
    switch (pick(3)) {
      case 0:
        return literal(odd[static_cast<std::size_t>(pick(odd.size()))]);
      case 1:
        return literal(kIds[pick(std::size(kIds))]);
      default:
        return literal("v00000" + std::to_string(10 + pick(90)));
    }
  }

  std::string comparison() {
    static constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
    std::string op(kOperators[pick(std::size(kOperators))]);
    if (pick(6) == 0) return id() + " " + op + " visitorId";
    if (pick(8) == 0) return "visitorId " + op + " 5";
    if (pick(8) == 0) return "metadata.custom.seats " + op + " 250";
    if (pick(8) == 0) return "visitorId " + op + " null";
    return "visitorId " + op + " " + id();
  }

  std::string filter(int depth) {
    if (depth == 0) return comparison();
    switch (pick(7)) {
      case 0:
        return filter(depth - 1) + " && " + filter(depth - 1);
      case 1:
        return "(" + filter(depth - 1) + " || " + filter(depth - 1) + ")";
      case 2:
        return "!(" + filter(depth - 1) + ")";
      case 3:
        return "visitorId == " + id() + " || visitorId == " + id() + " || " + id() + " == visitorId";
      case 4:
        return "if(" + filter(depth - 1) + ", " + filter(depth - 1) + ", true)";
      case 5:
        return "contains([" + id() + "," + id() + (pick(5) ? "]" : ",7]") + ", visitorId)";
      default:
        return comparison();
    }
  }

  std::mt19937 random_;
};

void write_some(World& world) {
  world.store.write(Kind::kVisitor, "v0000050", {{{"custom", "plan"}, "written"}}, false, 1, true);
  world.store.write(Kind::kVisitor, "v00000505", {{{"custom", "plan"}, "between"}}, true, 1, true);
  world.store.write(Kind::kVisitor, "zzz", {{{"custom", "seats"}, 251}}, true, 1, true);
  world.store.write(Kind::kVisitor, "!first", {}, true, 1, true);
}

TEST(SimulatorIndex, RandomPipelinesGiveTheSameWithAndWithoutIt) {
  World world(DataOptions{.visitors = 120, .accounts = 10, .seed = 7});
  write_some(world);
  Queries queries(20250101);
  int empty = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string pipeline = queries.pipeline();
    std::string plain = rows_of(world, pipeline, false);
    ASSERT_EQ(plain.find("400 "), std::string::npos) << pipeline << plain;
    ASSERT_EQ(rows_of(world, pipeline), plain) << pipeline;
    empty += plain == "[]";
  }
  EXPECT_LT(empty, 1100) << "too many queries find nothing: the comparison says little";
}

TEST(SimulatorIndex, SwitchesThatChangeComparisonsTurnItOff) {
  for (auto [name, value] : {std::pair("collation", "no_case"), std::pair("comparison_case", "insensitive"),
                             std::pair("mixed_comparison", "error"), std::pair("type_error", "error"),
                             std::pair("mixed_comparison", "convert"), std::pair("null_sort", "last"),
                             std::pair("mixed_equality", "convert"), std::pair("mixed_equality", "error"),
                             std::pair("filter_non_boolean", "truthy"), std::pair("not_null", "true"),
                             std::pair("not_null", "error"), std::pair("logic_evaluation", "eager"),
                             std::pair("contains_list_literal", "null"), std::pair("list_literal_types", "null"),
                             std::pair("list_literal_types", "error")}) {
    World world(DataOptions{.visitors = 120, .accounts = 10, .seed = 7});
    std::string error;
    ASSERT_TRUE(world.switches.set(name, value, error)) << error;
    Queries queries(3);
    for (int i = 0; i < 50; ++i) {
      std::string pipeline = queries.pipeline();
      ASSERT_EQ(rows_of(world, pipeline), rows_of(world, pipeline, false)) << name << " " << pipeline;
    }
  }
}

// The range that a filter on visitorId is taken for.
std::string range_of(std::string_view filter) {
  std::string error;
  NodePtr node = parse_expression(filter, {}, error);
  KeyRange range;
  narrow_by_filter(range, *node, "visitorId");
  std::string text = (range.lower_open ? "(" : "[") + range.lower + " " + range.upper.value_or("*") + (range.upper_open ? ")" : "]");
  if (range.keys) {
    for (const auto& key : *range.keys) text += " " + key;
    if (range.keys->empty()) text += " none";
  }
  return text;
}

TEST(SimulatorIndex, ConjunctsNarrowTheRange) {
  struct Case {
    std::string_view filter, range;
  };
  constexpr Case kCases[] = {
      {R"(visitorId > "m")", "(m *]"},
      {R"(visitorId >= "m")", "[m *]"},
      {R"("m" < visitorId)", "(m *]"},
      {R"(visitorId > "m" && visitorId > "n")", "(n *]"},
      {R"(visitorId > "m" && visitorId <= "p" && metadata.custom.seats > 5)", "(m p]"},
      {R"(visitorId >= "m" && visitorId > "m")", "(m *]"},
      {R"(visitorId == "m")", "[ *] m"},
      {R"(visitorId == "m" || visitorId == "k")", "[ *] k m"},
      {R"((visitorId == "m" || visitorId == "k") && visitorId == "k")", "[ *] k"},
      {R"(contains(["m","k"], visitorId))", "[ *] k m"},
      {R"(contains([], visitorId) && visitorId > "a")", "(a *] none"},
      {R"(contains(["m"], visitorId) || "k" == visitorId || contains(["a","b"], visitorId))", "[ *] a b k m"},
      {R"(contains(["m","k"], visitorId) && contains(["k","l"], visitorId))", "[ *] k"},
      {R"(contains(["m",5], visitorId))", "[ *]"},
      {R"(contains(["m",x], visitorId))", "[ *]"},
      {R"(contains(["m"], accountId))", "[ *]"},
      {R"(contains(visitorId, "m"))", "[ *]"},
      {R"(!contains(["m"], visitorId))", "[ *]"},
      {R"(contains(["m"], visitorId) || visitorId > "k")", "[ *]"},
      {R"(visitorId == "m" || metadata.custom.seats > 5)", "[ *]"},
      {R"(!(visitorId > "m"))", "[ *]"},
      {R"(visitorId != "m")", "[ *]"},
      {R"(visitorId > 5)", "[ *]"},
      {R"(accountId > "m")", "[ *]"},
      {R"(visitorId.x > "m")", "[ *]"},
  };
  for (const auto& [filter, range] : kCases) EXPECT_EQ(range_of(filter), range) << filter;
}

// A thousand ids among a million visitors: what is not asked for is not read.
TEST(SimulatorIndex, ListsOfKeysReadOnlyTheseRecords) {
  World world(DataOptions{.visitors = 1'000'000, .accounts = 10, .clean = true});
  std::string chain;
  std::string list;
  for (int i = 1; i <= 1000; ++i) {
    std::string id = literal(world.store.ids(Kind::kVisitor).numbered_id(i * 997));
    chain += (i > 1 ? " || visitorId == " : "visitorId == ") + id;
    list += (i > 1 ? "," : "") + id;
  }
  for (const std::string& filter : {chain, "contains([" + list + "], visitorId)"}) {
    std::string error;
    NodePtr node = parse_expression(parse("\"" + filter + "\"").string(), {}, error);
    ASSERT_TRUE(node) << error;
    KeyRange range;
    narrow_by_filter(range, *node, "visitorId");
    ASSERT_TRUE(range.keys);
    EXPECT_EQ(world.store.next(Kind::kVisitor, range, nullptr, 2'000'000).size(), 1000U);
    EXPECT_EQ(rows_of(world, R"([{"source":{"visitors":null}},{"filter":")" + filter + R"("},{"count":null}])"), R"([{"count":1000}])");
  }
}

TEST(SimulatorIndex, PagesByKeyMeetEveryRecordOnce) {
  World world(DataOptions{.visitors = 300, .accounts = 10, .seed = 7});
  write_some(world);
  std::vector<std::string> all;
  Value rows = parse(rows_of(world, R"([{"source":{"visitors":null}}])"));
  for (const auto& row : rows.list()) all.push_back(row.find("visitorId")->string());
  std::vector<std::string> paged;
  std::string last;
  for (;;) {
    std::string condition = paged.empty() ? "" : R"({"filter":"visitorId > )" + literal(last) + "\"},";
    Value page = parse(rows_of(world, R"([{"source":{"visitors":null}},{"sort":["visitorId"]},)" + condition + R"({"limit":37}])"));
    for (const auto& row : page.list()) paged.push_back(row.find("visitorId")->string());
    if (page.list().size() < 37) break;
    last = paged.back();
  }
  EXPECT_EQ(paged, all);
  EXPECT_TRUE(std::ranges::is_sorted(all));
}

}  // namespace
}  // namespace simulator
