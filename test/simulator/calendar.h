// Civil dates and periods on epoch milliseconds, in a time zone that is a fixed
// number of minutes east of UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace simulator {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;

// All generated times lie around this one: 2025-01-01T00:00:00Z.
constexpr std::int64_t kBaseMs = 1'735'689'600'000;

struct CivilTime {
  std::int64_t year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int millisecond = 0;
};

CivilTime to_civil(std::int64_t ms, int zone_minutes);
// Months and days beyond their range carry over, as in Go's time.Date.
std::int64_t from_civil(const CivilTime& time, int zone_minutes);
int weekday(std::int64_t ms, int zone_minutes);  // 0 is Sunday

enum class Period { kHour, kDay, kWeek, kMonth, kQuarter };

// "dayRange", "daily", "days", "day" and the like.
std::optional<Period> period_by_name(std::string_view name);
std::string_view period_column(Period period);  // "day": the row's member with the period's start
std::int64_t period_start(std::int64_t ms, Period period, int zone_minutes);
// Moves by n periods; the time of day stays.
std::int64_t add_periods(std::int64_t ms, Period period, std::int64_t n, int zone_minutes);

std::int64_t wall_clock_ms();

}  // namespace simulator
