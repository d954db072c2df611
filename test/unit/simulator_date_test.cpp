// Dates as text, periods, and the time range of event sources.
#include <gtest/gtest.h>

#include "calendar.h"
#include "date_text.h"
#include "json_parse.h"
#include "time_series.h"
#include "world.h"

namespace simulator {
namespace {

constexpr std::int64_t kReference = 1'136'214'245'000;  // 2006-01-02T15:04:05Z
constexpr std::int64_t kSecondsBelow = 100'000'000'000;

TEST(SimulatorDate, AcceptedFormats) {
  struct Case {
    std::string_view text;
    std::int64_t ms;
  };
  constexpr Case kCases[] = {
      {"1136232245", 1'136'232'245'000},
      {"1136232245426", 1'136'232'245'426},
      {"-5000", -5'000'000},
      {"-2208988800000", -2'208'988'800'000},
      {"Mon Jan 02 2006", 1'136'160'000'000},
      {"Mon Jan 02 2006 15:04:05 MST-0700", kReference + 7 * kHourMs},
      {"01/02/2006 03:04pm", kReference - 5'000},
      {"01/02/2006 12:04am", 1'136'160'240'000},
      {"2006-01-02T15:04:05.999-05:00", kReference + 5 * kHourMs + 999},
      {"2006-01-02T15:04:05-0700", kReference + 7 * kHourMs},
      {"2006-01-02T15:04:05-07:00", kReference + 7 * kHourMs},
      {"2006-01-02T15:04:05.999-07:00", kReference + 7 * kHourMs + 999},
      {"2006-01-02T15:04:05Z", kReference},
      {"2006-01-02T15:04:05.99Z", kReference + 990},
      {"2006-01-02T15:04:05", kReference},
      {"2006-01-02 15:04:05 -0700", kReference + 7 * kHourMs},
      {"2006-01-02 15:04:05 MST", kReference},
      {"2006-01-02 15:04:05", kReference},
  };
  for (const auto& [text, ms] : kCases) {
    auto read = parse_date(text, kSecondsBelow);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, ms) << text;
  }
}

TEST(SimulatorDate, OtherTextIsNoDate) {
  for (std::string_view text : {"", "tomorrow", "2006-13-02T00:00:00Z", "2006-01-32", "2006-01-02T24:00:00Z", "02.01.2006",
                                "2006-01-02T15:04:05.Z", "2006-01-02T15:04:05Z ", "01/02/2006 13:04pm", "2006-1-2"}) {
    EXPECT_FALSE(parse_date(text, kSecondsBelow)) << text;
  }
}

TEST(SimulatorDate, HugeNumbersStayWhatTheyAre) {
  EXPECT_EQ(epoch_ms(INT64_MAX, INT64_MAX), INT64_MAX);
  EXPECT_EQ(epoch_ms(INT64_MIN, INT64_MAX), INT64_MIN);
  EXPECT_EQ(epoch_ms(5, 0), 5);
}

TEST(SimulatorDate, PeriodsBeginInTheZone) {
  constexpr std::int64_t kNewYear = 1'735'689'600'000;  // 2025-01-01T00:00Z, a Wednesday
  constexpr int kNewYork = -300;
  EXPECT_EQ(period_start(kNewYear, Period::kHour, kNewYork), kNewYear);
  EXPECT_EQ(period_start(kNewYear, Period::kDay, kNewYork), kNewYear - 19 * kHourMs);
  EXPECT_EQ(period_start(kNewYear, Period::kWeek, 0), kNewYear - 3 * kDayMs);
  EXPECT_EQ(period_start(kNewYear, Period::kMonth, kNewYork), kNewYear - 31 * kDayMs + 5 * kHourMs);
  EXPECT_EQ(period_start(kNewYear + 100 * kDayMs, Period::kQuarter, 0), kNewYear + 90 * kDayMs);
  EXPECT_EQ(period_start(-1, Period::kDay, 0), -kDayMs);
}

TEST(SimulatorDate, MonthsCarryOverYears) {
  constexpr std::int64_t kNewYear = 1'735'689'600'000;
  EXPECT_EQ(add_periods(kNewYear, Period::kMonth, -1, 0), kNewYear - 31 * kDayMs);
  EXPECT_EQ(add_periods(kNewYear, Period::kMonth, 12, 0), kNewYear + 365 * kDayMs);
  EXPECT_EQ(add_periods(kNewYear, Period::kQuarter, 1, 0), kNewYear + 90 * kDayMs);
}

class TimeSeriesTest : public testing::Test {
 protected:
  TimeSeriesTest() {
    set("time_zone_minutes", "0");
    set("clock_ms", "1735732800000");  // 2025-01-01T12:00Z
  }
  void set(std::string_view name, std::string_view value) {
    std::string error;
    ASSERT_TRUE(world_.switches.set(name, value, error)) << error;
  }
  // "from until" in days from 2025-01-01, or the refusal.
  std::string range(std::string_view argument) {
    Value value;
    std::string error;
    EXPECT_TRUE(parse_json(argument, value, error)) << error;
    PipelineContext context{world_.store, world_.track_types, world_.events, world_.switches,
                            ExpressionRules(world_.switches), [] { return true; }};
    try {
      TimeSeries series = parse_time_series(value, context);
      return day(series.from) + " " + day(series.until);
    } catch (const PipelineError& failure) {
      return std::to_string(failure.status);
    }
  }

 private:
  static std::string day(std::int64_t ms) {
    EXPECT_EQ((ms - kBaseMs) % kHourMs, 0);
    std::int64_t hours = (ms - kBaseMs) / kHourMs;
    return std::to_string(hours / 24) + (hours % 24 ? "+" + std::to_string(hours % 24) + "h" : "");
  }
  World world_{DataOptions{.visitors = 0, .accounts = 0, .clean = true}};
};

TEST_F(TimeSeriesTest, RangesHoldBothTheirPeriods) {
  EXPECT_EQ(range(R"~({"period":"dayRange","first":1735689600000,"last":1735776000000})~"), "0 2");
  EXPECT_EQ(range(R"~({"period":"dayRange","first":"1735700000000","last":"1735700000000"})~"), "0 1");
  EXPECT_EQ(range(R"~({"period":"dayRange","first":"date(2025,1,3)","last":"now()"})~"), "2 1");
  EXPECT_EQ(range(R"~({"period":"dayRange","first":"dateAdd(now(),-7,\"days\")","last":"now()"})~"), "-7 1");
  EXPECT_EQ(range(R"~({"period":"hourRange","first":"now()","last":"now()"})~"), "0+12h 0+13h");
  EXPECT_EQ(range(R"~({"period":"weekRange","first":"now()","last":"now()"})~"), "-3 4");
  EXPECT_EQ(range(R"~({"period":"monthRange","first":"now()","last":"now()"})~"), "0 31");
  EXPECT_EQ(range(R"~({"period":"dayRange","first":"now()","last":"now() + 1000*60*60*24*365"})~"), "0 366");
}

TEST_F(TimeSeriesTest, CountsGoForwardFromFirstAndBackwardUpToIt) {
  EXPECT_EQ(range(R"~({"period":"dayRange","first":"now()","count":3})~"), "0 3");
  EXPECT_EQ(range(R"~({"period":"dayRange","first":"now()","count":-3})~"), "-3 0");
  set("negative_count_ends", "inclusive");
  EXPECT_EQ(range(R"~({"period":"dayRange","first":"now()","count":-3})~"), "-2 1");
}

TEST_F(TimeSeriesTest, OtherArgumentsAreRefused) {
  for (std::string_view argument :
       {R"~({})~", R"~(null)~", R"~({"period":"dayRange"})~", R"~({"period":"dayRange","first":"now()"})~",
        R"~({"period":"yearRange","first":"now()","count":1})~", R"~({"period":"daily","first":"now()","count":1})~",
        R"~({"period":"dayRange","first":"soon(","count":1})~", R"~({"period":"dayRange","first":"\"x\"","count":1})~",
        R"~({"period":"dayRange","first":"now()","count":0})~", R"~({"period":"dayRange","first":1e30,"count":1})~"}) {
    EXPECT_EQ(range(argument), "400") << argument;
  }
}

}  // namespace
}  // namespace simulator
