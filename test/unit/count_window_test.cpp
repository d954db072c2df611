// Conditions on a period's beginning, the windows that they become, and the
// calls that read these.
#include "count_window.h"

#include <deque>
#include <vector>

#include <gtest/gtest.h>

namespace pendo {
namespace {

constexpr FilterField kDay{"day", ColumnType::kTime, false, false, false};
constexpr FilterField kVisitor{"visitorId", ColumnType::kText, false, false, true};
constexpr std::int64_t kDayMs = 86'400'000;

// Conditions own nothing, so their parts live here.
class CountWindowTest : public testing::Test {
 protected:
  Condition leaf(ConditionKind kind, const FilterField& field, std::vector<Value> values, Comparison op) {
    values_.push_back(std::move(values));
    Condition condition;
    condition.kind = kind;
    condition.field = field;
    condition.op = op;
    condition.values = values_.back().data();
    condition.value_count = static_cast<int>(values_.back().size());
    return condition;
  }

  // day op milliseconds
  Condition day(Comparison op, std::int64_t ms) { return leaf(ConditionKind::kCompare, kDay, {Value::of_time(ms * 1000)}, op); }
  Condition of_visitor() { return leaf(ConditionKind::kCompare, kVisitor, {Value::of_text("v")}, Comparison::kEqual); }
  Condition node(ConditionKind kind, std::vector<Condition> parts) {
    parts_.push_back(std::move(parts));
    Condition condition;
    condition.kind = kind;
    condition.parts = parts_.back().data();
    condition.part_count = static_cast<int>(parts_.back().size());
    return condition;
  }
  Condition all_of(std::vector<Condition> parts) { return node(ConditionKind::kAnd, std::move(parts)); }
  Condition one_of(std::vector<Condition> parts) { return node(ConditionKind::kOr, std::move(parts)); }

  // "5..9", "*" where there is no border, "5*" where some rows have none.
  static std::string text(const WindowBorder& border) {
    if (!border.symbol.empty()) return std::string(border.symbol);
    return (border.given ? std::to_string(border.at) : "") + (border.open ? "*" : "");
  }
  static std::string text(const Condition& condition) {
    CountWindow window = window_of(condition, "day");
    return window.none ? "none" : text(window.first) + ".." + text(window.last);
  }

 private:
  std::deque<std::vector<Value>> values_;
  std::deque<std::vector<Condition>> parts_;
};

TEST_F(CountWindowTest, ComparisonsAreBorders) {
  EXPECT_EQ(text(day(Comparison::kGreaterEqual, 5)), "5..*");
  EXPECT_EQ(text(day(Comparison::kGreater, 5)), "5..*");
  EXPECT_EQ(text(day(Comparison::kLessEqual, 5)), "*..5");
  EXPECT_EQ(text(day(Comparison::kLess, 5)), "*..4");
  EXPECT_EQ(text(day(Comparison::kEqual, 5)), "5..5");
  EXPECT_EQ(text(day(Comparison::kNotEqual, 5)), "*..*");
  EXPECT_EQ(text(of_visitor()), "*..*");
}

TEST_F(CountWindowTest, MicrosecondsAreRoundedOutwards) {
  auto at = [this](Comparison op, std::int64_t us) { return text(leaf(ConditionKind::kCompare, kDay, {Value::of_time(us)}, op)); };
  EXPECT_EQ(at(Comparison::kGreater, 5'001), "5..*");
  EXPECT_EQ(at(Comparison::kLess, 5'001), "*..5");
  EXPECT_EQ(at(Comparison::kLessEqual, 5'999), "*..5");
  EXPECT_EQ(at(Comparison::kGreater, -1), "-1..*");
  EXPECT_EQ(at(Comparison::kLess, -1), "*..-1");
}

TEST_F(CountWindowTest, AndNarrowsAndOrTakesTheHull) {
  auto from5 = day(Comparison::kGreaterEqual, 5);
  auto from7 = day(Comparison::kGreaterEqual, 7);
  auto to9 = day(Comparison::kLessEqual, 9);
  EXPECT_EQ(text(all_of({from5, from7, to9})), "7..9");
  EXPECT_EQ(text(all_of({from5, of_visitor()})), "5..*");
  EXPECT_EQ(text(one_of({all_of({from7, to9}), day(Comparison::kEqual, 20)})), "7..20");
  EXPECT_EQ(text(one_of({from5, from7})), "5..*");
  EXPECT_EQ(text(all_of({one_of({from5, from7}), to9})), "5..9");
}

TEST_F(CountWindowTest, AnAlternativeWithoutABorderKeepsThatOfTheOthers) {
  auto from5 = day(Comparison::kGreaterEqual, 5);
  EXPECT_EQ(text(one_of({from5, of_visitor()})), "5*..*");
  EXPECT_EQ(text(all_of({one_of({from5, of_visitor()}), day(Comparison::kGreaterEqual, 3)})), "3..*");
  EXPECT_EQ(text(one_of({day(Comparison::kGreaterEqual, 9), day(Comparison::kLessEqual, 5)})), "9*..5*");
}

TEST_F(CountWindowTest, WhatCannotBeIsNone) {
  auto null = leaf(ConditionKind::kCompare, kDay, {Value::null()}, Comparison::kLess);
  EXPECT_EQ(text(null), "none");
  EXPECT_EQ(text(leaf(ConditionKind::kCompare, kDay, {Value::null()}, Comparison::kNotEqual)), "none");
  EXPECT_EQ(text(all_of({day(Comparison::kGreaterEqual, 9), day(Comparison::kLess, 9)})), "none");
  EXPECT_EQ(text(all_of({null, of_visitor()})), "none");
  EXPECT_EQ(text(one_of({null, day(Comparison::kEqual, 3)})), "3..3");
  EXPECT_EQ(text(leaf(ConditionKind::kAnyOf, kDay, {Value::null()}, Comparison::kEqual)), "none");
  EXPECT_EQ(text(leaf(ConditionKind::kAnyOf, kDay, {}, Comparison::kEqual)), "none");
}

TEST_F(CountWindowTest, AListIsItsHull) {
  std::vector<Value> days = {Value::of_time(9'000), Value::null(), Value::of_time(3'000)};
  EXPECT_EQ(text(leaf(ConditionKind::kAnyOf, kDay, days, Comparison::kEqual)), "3..9");
}

TEST_F(CountWindowTest, InfinityBoundsNothing) {
  auto with = [this](Comparison op, std::int64_t us) { return text(leaf(ConditionKind::kCompare, kDay, {Value::of_time(us)}, op)); };
  EXPECT_EQ(with(Comparison::kLess, kTimeInfinity), "*..*");
  EXPECT_EQ(with(Comparison::kGreater, kTimeInfinity), "none");
  EXPECT_EQ(with(Comparison::kEqual, kTimeInfinity), "none");
  EXPECT_EQ(with(Comparison::kGreaterEqual, kTimeMinusInfinity), "0..*") << "whoever asks for all gets all";
  EXPECT_EQ(with(Comparison::kLessEqual, kTimeMinusInfinity), "none");
}

TEST_F(CountWindowTest, WhatIsNotKnownYetIsASymbol) {
  auto symbol = leaf(ConditionKind::kCompare, kDay, {Value::symbol("$1")}, Comparison::kGreaterEqual);
  EXPECT_EQ(text(symbol), "$1..*");
  EXPECT_EQ(text(all_of({symbol, day(Comparison::kLess, 5)})), "$1..4");
  EXPECT_EQ(text(all_of({symbol, day(Comparison::kGreater, 5)})), "$1..*");
}

TEST(CountCalls, AShortWindowIsOneCall) {
  auto calls = calls_of(1'000, 1'000 + 30 * kDayMs, kDayMs, 0);
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].first_ms, 1'000);
  EXPECT_EQ(calls[0].last_ms, 1'000 + 30 * kDayMs);
  EXPECT_EQ(calls[0].from_ms, INT64_MIN);
  EXPECT_EQ(calls[0].until_ms, INT64_MAX);
  EXPECT_TRUE(calls_of(2, 1, kDayMs, 0).empty());
}

// Wherever days begin: each of them is taken by exactly one call, which has it whole.
TEST(CountCalls, EachPeriodOfALongWindowIsTakenOnceAndWhole) {
  constexpr std::int64_t kStart = 1'700'000'000'000;
  std::int64_t now = kStart + 95 * kDayMs;
  for (std::int64_t shift : {0, 1, 5 * 3'600'000, 19'800'000, 86'399'999}) {
    auto calls = calls_of(kStart, now, kDayMs, now);
    ASSERT_EQ(calls.size(), 4U);
    auto beginning_of = [shift](std::int64_t ms) { return (ms - shift) / kDayMs * kDayMs + shift; };
    for (std::int64_t day = beginning_of(kStart); day <= now; day += kDayMs) {
      int taken = 0;
      for (const auto& call : calls) {
        EXPECT_LE(call.last_ms - call.first_ms, 30 * kDayMs);
        if (day < call.from_ms || day >= call.until_ms) continue;
        ++taken;
        EXPECT_GE(day, beginning_of(call.first_ms));
        EXPECT_LE(day, beginning_of(call.last_ms));
        bool inner_begin = call.from_ms != INT64_MIN;
        bool inner_end = call.until_ms != INT64_MAX;
        if (inner_begin) { EXPECT_LE(call.first_ms, day) << "not cut at its beginning"; }
        if (inner_end) { EXPECT_GE(call.last_ms, day + kDayMs - 1) << "not cut at its end"; }
      }
      EXPECT_EQ(taken, 1) << day;
    }
  }
}

TEST(CountCalls, WhatIsBeforePendoAndAfterNowIsOneCallEach) {
  constexpr std::int64_t kNow = 1'262'304'000'000 + 10 * kDayMs;  // ten days into 2010
  auto calls = calls_of(0, kNow + 1000 * kDayMs, kDayMs, kNow);
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls[0].until_ms, 1'262'304'000'000);
  EXPECT_EQ(calls[1].until_ms, 1'262'304'000'000 + 28 * kDayMs);
  EXPECT_EQ(calls[2].last_ms, kNow + 1000 * kDayMs);
}

}  // namespace
}  // namespace pendo
