// date(), dateAdd() and their kin, in the subscription's time zone.
#include "time_functions.h"

#include <algorithm>
#include <array>
#include <charconv>
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

// Pendo docs: 2006, 2006-01, 2006-01-02, 2006-01-02T15:04, 2006-01-02T15:04:05, 2006-01-02T15:04:05.999.
std::optional<CivilTime> date_of_text(std::string_view text) {
  static constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd.ddd";
  static constexpr std::size_t kLengths[] = {4, 7, 10, 16, 19, 23};
  if (std::ranges::find(kLengths, text.size()) == std::end(kLengths)) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  auto part = [text](std::size_t from, std::size_t length, int otherwise) {
    if (from >= text.size()) return otherwise;
    int number = 0;
    std::from_chars(text.data() + from, text.data() + from + length, number);
    return number;
  };
  CivilTime time{part(0, 4, 0), part(5, 2, 1), part(8, 2, 1), part(11, 2, 0), part(14, 2, 0), part(17, 2, 0), part(20, 3, 0)};
  bool exists = time.month >= 1 && time.month <= 12 && time.day >= 1 && time.day <= 31 && time.hour < 24;
  return exists && time.minute < 60 && time.second < 60 ? std::optional(time) : std::nullopt;
}

}  // namespace

Value time_now(Arguments, const ExpressionRules& rules) { return rules.now_ms; }

// date(year[, month[, day[, hour[, minute[, second[, nanosecond]]]]]]), or date("2006-01-02T15:04")
Value time_date(Arguments arguments, const ExpressionRules& rules) {
  if (arguments.size() == 1 && arguments[0]->is_string()) {
    auto time = date_of_text(arguments[0]->string());
    return time ? Value(from_civil(*time, rules.zone_minutes)) : type_error(rules, "date of no date");
  }
  std::array<std::int64_t, 7> parts = {1970, 1, 1, 0, 0, 0, 0};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i]->is_null()) return nullptr;
    auto part = whole(*arguments[i]);
    if (!part || std::abs(*part) > (i == 6 ? 1'000'000'000 : 100'000)) return type_error(rules, "date of no numbers");
    parts[i] = *part;
  }
  CivilTime time;
  time.year = parts[0] % 10'000;
  time.month = static_cast<int>(parts[1]);
  time.day = static_cast<int>(parts[2]);
  time.hour = static_cast<int>(parts[3]);
  time.minute = static_cast<int>(parts[4]);
  time.second = static_cast<int>(parts[5]);
  time.millisecond = static_cast<int>(parts[6] / 1'000'000);
  return from_civil(time, rules.zone_minutes);
}

// dateAdd(time, count, "days")
Value time_add(Arguments arguments, const ExpressionRules& rules) {
  if (arguments[0]->is_null() || arguments[1]->is_null()) return nullptr;
  auto time = whole(*arguments[0]);
  auto count = whole(*arguments[1]);
  if (!time || !count || std::abs(*count) > 10'000'000) return type_error(rules, "dateAdd of no numbers");
  if (std::int64_t ms = unit_ms(*arguments[2])) return *time + *count * ms;
  bool years = arguments[2]->is_string() && arguments[2]->string() == "years";
  if (years && std::abs(*count) <= 1000) return add_periods(*time, Period::kMonth, *count * 12, rules.zone_minutes);
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
