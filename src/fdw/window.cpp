// Where a window has no border, default_window and now give it one.
#include "fdw/window.h"

#include "core/count_window.h"

extern "C" {
#include "utils/datetime.h"
}

namespace {

constexpr int64 kEpochShiftUs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
constexpr int64 kFarAheadMs = INT64CONST(36525) * 86'400'000;

int64 to_ms(TimestampTz time) { return (time + kEpochShiftUs) / 1000; }

TimestampTz of_ms(int64 ms) { return ms * 1000 - kEpochShiftUs; }

Datum default_window(const PendoTable* table) {
  return DirectFunctionCall3(interval_in, CStringGetDatum(table->options.default_window), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

int64 default_before(const PendoTable* table, int64 ms) {
  Datum moment = TimestampTzGetDatum(of_ms(ms));
  return to_ms(DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, moment, default_window(table))));
}

// The beginning of the period that has this moment in it, in the subscription's time zone.
TimestampTz period_beginning(const PendoTable* table, TimestampTz time) {
  Datum unit = CStringGetTextDatum(table->options.by_hour ? "hour" : "day");
  Datum zone = CStringGetTextDatum(table->options.time_zone);
  return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_trunc_zone, unit, TimestampTzGetDatum(time), zone));
}

// A day has 23 to 25 hours.
TimestampTz next_beginning(const PendoTable* table, TimestampTz beginning) {
  int64 step = table->options.by_hour ? USECS_PER_HOUR : 26 * USECS_PER_HOUR;
  return period_beginning(table, beginning + step);
}

// Borders that a condition gave, moved out to whole periods; by one more period
// where it is not known when these begin.
int64 outer_first(const PendoTable* table, int64 ms) {
  if (!table->options.time_zone) return ms - pendo_count_period(table)->length_ms;
  return to_ms(period_beginning(table, of_ms(ms)));
}

int64 outer_last(const PendoTable* table, int64 ms) {
  if (!table->options.time_zone) return ms + pendo_count_period(table)->length_ms;
  return to_ms(next_beginning(table, period_beginning(table, of_ms(ms)))) - 1;
}

pendo::CountWindow wanted(const PendoTable* table, const pendo::Condition* condition) {
  return pendo::window_of(*condition, pendo_count_period(table)->path);
}

const char* time_text(int64 ms) {
  return DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(of_ms(ms))));
}

const char* symbol_text(std::string_view symbol) { return pnstrdup(symbol.data(), symbol.size()); }

int64 now_in_ms() { return to_ms(GetCurrentTransactionStartTimestamp()); }

int64 within_reach(int64 ms, int64 now) { return Min(Max(ms, 0), now + kFarAheadMs); }

const char* border_text(const pendo::WindowBorder& border, int64 now) {
  if (!border.symbol.empty()) return symbol_text(border.symbol);
  return time_text(within_reach(border.at + (border.exclusive ? 1 : 0), now));
}

const char* border_json(const pendo::WindowBorder& border, int64 ms) {
  if (border.symbol.empty()) return psprintf(INT64_FORMAT, ms);
  return psprintf("\"%s\"", symbol_text(border.symbol));
}

}  // namespace

const pendo::CountPeriod* pendo_count_period(const PendoTable* table) {
  return table->options.by_hour ? &pendo::kHourPeriod : &pendo::kDayPeriod;
}

PendoWindow pendo_window(const PendoTable* table, const pendo::Condition* condition) {
  pendo::CountWindow window = wanted(table, condition);
  PendoWindow result = {window.none, 0, now_in_ms(), now_in_ms()};
  bool before_time = !window.last.open && window.last.symbol.empty() && window.last.at < 0;
  if (window.none || before_time) {
    result.none = true;
    return result;
  }
  int64 now = result.now_ms;
  int64 last = window.last.given ? within_reach(window.last.at, now) : now;
  // of alternatives without a border it is the default one
  int64 last_border = window.last.open ? now : last;
  if (window.last.given) result.last_ms = window.last.open ? Max(now, outer_last(table, last)) : outer_last(table, last);
  int64 first_by_default = default_before(table, Min(last_border, now));
  result.first_ms = first_by_default;
  if (window.first.given) {
    int64 first = outer_first(table, within_reach(window.first.at, now));
    result.first_ms = window.first.open ? Min(first, first_by_default) : first;
  }
  result.first_ms = Max(result.first_ms, 0);
  return result;
}

const char* pendo_window_text(const PendoTable* table, const pendo::Condition* condition) {
  pendo::CountWindow window = wanted(table, condition);
  if (pendo_window(table, condition).none) return "no period can match, makes no call";
  const char* period = table->options.by_hour ? "hour" : "day";
  int64 now = now_in_ms();
  const char* last = window.last.given && !window.last.open ? border_text(window.last, now) : nullptr;
  if (!window.first.given) {
    bool before_now = last && (!window.last.symbol.empty() || window.last.at < now);
    if (before_now) return psprintf("counts per %s of the %s before %s", period, table->options.default_window, last);
    return psprintf("counts per %s of the last %s", period, table->options.default_window);
  }
  const char* first = border_text(window.first, now);
  if (window.first.open) return psprintf("counts per %s of the last %s, or since %s", period, table->options.default_window, first);
  if (last) return psprintf("counts per %s from %s until %s", period, first, last);
  return psprintf("counts per %s since %s", period, first);
}

PendoWindowBorders pendo_window_borders(const PendoTable* table, const pendo::Condition* condition) {
  pendo::CountWindow window = wanted(table, condition);
  PendoWindow known = pendo_window(table, condition);
  return {border_json(window.first, known.first_ms), border_json(window.last, known.last_ms)};
}
