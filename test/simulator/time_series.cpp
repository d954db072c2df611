// first and last are times as ms, numeric text or an expression; both their
// periods count (Pendo docs).
#include "time_series.h"

#include <charconv>
#include <cmath>

namespace simulator {
namespace {

constexpr double kLongest = 1e14;  // ms; beyond the year 5000
constexpr std::int64_t kMostPeriods = 100'000;

[[noreturn]] void fail(const char* text) { throw PipelineError(400, text); }

std::int64_t parse_time(const Value& argument, const PipelineContext& context) {
  Value scratch;
  Value no_row = Object{};
  NodePtr node = parse_argument(argument, context, "Cannot parse timeSeries");
  const Value& time = evaluate(*node, no_row, context.rules, scratch);
  if (!time.is_number() || !(std::fabs(time.number()) < kLongest)) fail("timeSeries needs a time");
  return static_cast<std::int64_t>(time.number());
}

void parse_count(std::int64_t count, const PipelineContext& context, TimeSeries& series) {
  int zone = context.rules.zone_minutes;
  if (count == 0 || std::abs(count) > kMostPeriods) fail("timeSeries has a bad count");
  if (count > 0) {
    series.until = add_periods(series.from, series.period, count, zone);
    return;
  }
  bool inclusive = context.switches.is(Switch::kNegativeCountEnds, "inclusive");
  series.until = inclusive ? add_periods(series.from, series.period, 1, zone) : series.from;
  series.from = add_periods(series.until, series.period, count, zone);
}

}  // namespace

TimeSeries parse_time_series(const Value& argument, const PipelineContext& context) {
  const Value* period = argument.find("period");
  const Value* first = argument.find("first");
  if (!period || !period->is_string() || !first) fail("timeSeries needs period and first");
  auto named = period_by_name(period->string());
  bool iterative = named && !period->string().ends_with("Range");
  if (!named || (iterative && context.switches.is(Switch::kIterativePeriods, "refuse"))) {
    fail("timeSeries has an unknown period");
  }
  TimeSeries series;
  series.period = *named;
  int zone = context.rules.zone_minutes;
  series.from = period_start(parse_time(*first, context), series.period, zone);
  if (const Value* last = argument.find("last")) {
    series.until = add_periods(period_start(parse_time(*last, context), series.period, zone), series.period, 1, zone);
  } else if (const Value* count = argument.find("count"); count && count->is(Type::kInteger)) {
    parse_count(count->integer(), context, series);
  } else {
    fail("timeSeries needs last or count");
  }
  return series;
}

}  // namespace simulator
