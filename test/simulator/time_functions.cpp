// date(), dateAdd() and their kin, in the subscription's time zone.
#include "time_functions.h"

#include <array>
#include <cmath>
#include <optional>

#include "calendar.h"
#include "compare.h"
#include "date_text.h"

namespace simulator {
namespace {

constexpr double kFarthest = 1e15;  // beyond any civil date

std::optional<std::int64_t> whole(const Value& value) {
  if (!value.is_number() || !(std::fabs(value.number()) < kFarthest)) return std::nullopt;
  return static_cast<std::int64_t>(value.number());
}

std::optional<Period> unit(const Value& name) {
  return name.is_string() ? period_by_name(name.string()) : std::nullopt;
}

std::int64_t unit_ms(const Value& name) {
  if (name.is_string() && name.string() == "minutes") return kMinuteMs;
  if (name.is_string() && name.string() == "seconds") return 1000;
  return 0;
}

}  // namespace

Value time_now(Arguments, const ExpressionRules& rules) { return rules.now_ms; }

// date(year, month, day[, hour[, minute[, second]]])
Value time_date(Arguments arguments, const ExpressionRules& rules) {
  std::array<std::int64_t, 6> parts = {1970, 1, 1, 0, 0, 0};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i]->is_null()) return nullptr;
    auto part = whole(*arguments[i]);
    if (!part || *part > 100'000 || *part < -100'000) return type_error(rules, "date of no numbers");
    parts[i] = *part;
  }
  CivilTime time;
  time.year = parts[0] % 10'000;
  time.month = static_cast<int>(parts[1]);
  time.day = static_cast<int>(parts[2]);
  time.hour = static_cast<int>(parts[3]);
  time.minute = static_cast<int>(parts[4]);
  time.second = static_cast<int>(parts[5]);
  return from_civil(time, rules.zone_minutes);
}

// dateAdd(time, count, "days")
Value time_add(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null() || arguments[1]->is_null()) return nullptr;
  auto time = whole(*arguments[0]);
  auto count = whole(*arguments[1]);
  if (!time || !count || std::abs(*count) > 10'000'000) return type_error(rules, "dateAdd of no numbers");
  if (std::int64_t ms = unit_ms(*arguments[2])) return *time + *count * ms;
  auto period = unit(*arguments[2]);
  if (!period) return type_error(rules, "dateAdd of an unknown unit");
  if (*period >= Period::kMonth && std::abs(*count) > 12'000) return type_error(rules, "dateAdd too far");
  return add_periods(*time, *period, *count, rules.zone_minutes);
}

// dateDist(from, to, "days"): whole units between the two.
Value time_distance(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null() || arguments[1]->is_null()) return nullptr;
  auto from = whole(*arguments[0]);
  auto to = whole(*arguments[1]);
  if (!from || !to) return type_error(rules, "dateDist of no numbers");
  if (std::int64_t ms = unit_ms(*arguments[2])) return (*to - *from) / ms;
  auto period = unit(*arguments[2]);
  if (!period) return type_error(rules, "dateDist of an unknown unit");
  if (*period == Period::kHour) return (*to - *from) / kHourMs;
  if (*period == Period::kDay) return (*to - *from) / kDayMs;
  if (*period == Period::kWeek) return (*to - *from) / (7 * kDayMs);
  CivilTime a = to_civil(*from, rules.zone_minutes);
  CivilTime b = to_civil(*to, rules.zone_minutes);
  std::int64_t months = (b.year - a.year) * 12 + b.month - a.month;
  return months / (*period == Period::kQuarter ? 3 : 1);
}

// startOfPeriod("daily", time)
Value time_start_of_period(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[1]->is_null()) return nullptr;
  auto period = unit(*arguments[0]);
  auto time = whole(*arguments[1]);
  if (!period || !time) return type_error(rules, "startOfPeriod of an unknown period");
  return period_start(*time, *period, rules.zone_minutes);
}

// formatTime("2006-01-02", time)
Value time_format(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[1]->is_null()) return nullptr;
  auto time = whole(*arguments[1]);
  if (!arguments[0]->is_string() || !time) return type_error(rules, "formatTime of no time");
  return format_date(arguments[0]->string(), *time, rules.zone_minutes);
}

}  // namespace simulator
