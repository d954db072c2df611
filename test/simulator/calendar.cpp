// The day count is the usual one of the proleptic Gregorian calendar.
#include "calendar.h"

#include <chrono>

namespace simulator {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  std::int64_t months = year * 12 + month - 1;
  std::chrono::year_month_day first{std::chrono::year(static_cast<int>(floor_div(months, 12))),
                                    std::chrono::month(static_cast<unsigned>(months - floor_div(months, 12) * 12 + 1)),
                                    std::chrono::day(1)};
  return std::chrono::sys_days(first).time_since_epoch().count() + day - 1;
}

struct PeriodName {
  std::string_view name;
  Period period;
};

constexpr PeriodName kPeriodNames[] = {
    {"hourRange", Period::kHour},   {"dayRange", Period::kDay},       {"weekRange", Period::kWeek},
    {"monthRange", Period::kMonth}, {"quarterRange", Period::kQuarter}, {"hourly", Period::kHour},
    {"daily", Period::kDay},        {"weekly", Period::kWeek},        {"monthly", Period::kMonth},
    {"quarterly", Period::kQuarter}, {"hours", Period::kHour},        {"days", Period::kDay},
    {"weeks", Period::kWeek},       {"months", Period::kMonth},       {"quarters", Period::kQuarter},
    {"hour", Period::kHour},        {"day", Period::kDay},            {"week", Period::kWeek},
    {"month", Period::kMonth},      {"quarter", Period::kQuarter},
};

}  // namespace

CivilTime to_civil(std::int64_t ms, int zone_minutes) {
  std::int64_t local = ms + zone_minutes * kMinuteMs;
  std::int64_t day = floor_div(local, kDayMs);
  std::int64_t rest = local - day * kDayMs;
  std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  CivilTime time;
  time.year = int(date.year());
  time.month = static_cast<int>(unsigned(date.month()));
  time.day = static_cast<int>(unsigned(date.day()));
  time.hour = static_cast<int>(rest / kHourMs);
  time.minute = static_cast<int>(rest / kMinuteMs % 60);
  time.second = static_cast<int>(rest / 1000 % 60);
  time.millisecond = static_cast<int>(rest % 1000);
  return time;
}

std::int64_t from_civil(const CivilTime& time, int zone_minutes) {
  std::int64_t ms = days_from_civil(time.year, time.month, time.day) * kDayMs;
  ms += time.hour * kHourMs + time.minute * kMinuteMs + time.second * 1000LL + time.millisecond;
  return ms - zone_minutes * kMinuteMs;
}

int weekday(std::int64_t ms, int zone_minutes) {
  std::int64_t day = floor_div(ms + zone_minutes * kMinuteMs, kDayMs);
  std::int64_t since_sunday = day + 4;  // 1970-01-01 was a Thursday
  return static_cast<int>(since_sunday - floor_div(since_sunday, 7) * 7);
}

std::optional<Period> period_by_name(std::string_view name) {
  for (const auto& entry : kPeriodNames) {
    if (entry.name == name) return entry.period;
  }
  return std::nullopt;
}

std::string_view period_column(Period period) {
  switch (period) {
    case Period::kHour:
      return "hour";
    case Period::kDay:
      return "day";
    case Period::kWeek:
      return "week";
    case Period::kMonth:
      return "month";
    default:
      return "quarter";
  }
}

std::int64_t period_start(std::int64_t ms, Period period, int zone_minutes) {
  CivilTime time = to_civil(ms, zone_minutes);
  time.minute = time.second = time.millisecond = 0;
  if (period != Period::kHour) time.hour = 0;
  // Pendo docs: weeks start on Sunday
  if (period == Period::kWeek) time.day -= weekday(ms, zone_minutes);
  if (period == Period::kMonth || period == Period::kQuarter) time.day = 1;
  if (period == Period::kQuarter) time.month -= (time.month - 1) % 3;
  return from_civil(time, zone_minutes);
}

std::int64_t add_periods(std::int64_t ms, Period period, std::int64_t n, int zone_minutes) {
  if (period == Period::kHour) return ms + n * kHourMs;
  if (period == Period::kDay) return ms + n * kDayMs;
  if (period == Period::kWeek) return ms + n * 7 * kDayMs;
  CivilTime time = to_civil(ms, zone_minutes);
  std::int64_t months = time.year * 12 + time.month - 1 + n * (period == Period::kQuarter ? 3 : 1);
  time.year = floor_div(months, 12);
  time.month = static_cast<int>(months - time.year * 12 + 1);
  return from_civil(time, zone_minutes);
}

std::int64_t wall_clock_ms() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace simulator
