// Windows: borders of leaves, put together by AND and OR.
#include "count_window.h"

#include <algorithm>

namespace pendo {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kLongestMs = 30 * kDayMs;
constexpr std::int64_t kStepMs = 28 * kDayMs;

// Pendo has nothing older, so what lies before is one call however long it is.
constexpr std::int64_t kFirstCountsMs = 1'262'304'000'000;  // 2010-01-01

enum class Side { kFirst, kLast };

std::int64_t farther_out(Side side, std::int64_t a, std::int64_t b) {
  return side == Side::kFirst ? std::min(a, b) : std::max(a, b);
}

const WindowBorder& chosen(Side side, bool out, const WindowBorder& a, const WindowBorder& b) {
  if (!a.symbol.empty()) return a;
  if (!b.symbol.empty()) return b;
  bool a_is_out = farther_out(side, a.at, b.at) == a.at;
  return a_is_out == out ? a : b;
}

WindowBorder either(Side side, const WindowBorder& a, const WindowBorder& b) {
  WindowBorder result = a.given && b.given ? chosen(side, true, a, b) : a.given ? a : b;
  result.open = a.open || b.open;
  return result;
}

WindowBorder both(Side side, const WindowBorder& a, const WindowBorder& b) {
  if (a.open && b.open) return either(side, a, b);
  if (a.open || b.open) return a.open ? b : a;
  return chosen(side, false, a, b);
}

CountWindow nothing() {
  CountWindow window;
  window.none = true;
  return window;
}

std::int64_t floor_ms(std::int64_t microseconds) {
  return microseconds / 1000 - (microseconds % 1000 < 0 ? 1 : 0);
}

std::int64_t ceil_ms(std::int64_t microseconds) {
  return microseconds / 1000 + (microseconds % 1000 > 0 ? 1 : 0);
}

WindowBorder border(std::int64_t at, bool exclusive = false) {
  return {.given = true, .open = false, .exclusive = exclusive, .at = at, .symbol = {}};
}

WindowBorder unknown_border(std::string_view symbol) {
  return {.given = true, .open = false, .exclusive = false, .at = 0, .symbol = symbol};
}

// infinity bounds nothing; before -infinity there is nothing, but after it all.
CountWindow of_infinity(Comparison op, bool positive) {
  bool all_below = op == Comparison::kLess || op == Comparison::kLessEqual;
  bool all_above = op == Comparison::kGreater || op == Comparison::kGreaterEqual;
  if (positive ? !all_below : !all_above) return nothing();
  CountWindow window;
  if (!positive) window.first = border(0);
  return window;
}

CountWindow compared(Comparison op, const Value& value) {
  if (op == Comparison::kNotEqual && value.kind != ValueKind::kNull) return {};
  if (value.kind == ValueKind::kNull) return nothing();
  bool symbol = value.kind == ValueKind::kSymbol;
  if (!symbol && value.kind != ValueKind::kTime) return {};
  bool infinite = !symbol && (value.integer == kTimeInfinity || value.integer == kTimeMinusInfinity);
  if (infinite) return of_infinity(op, value.integer == kTimeInfinity);
  CountWindow window;
  bool below = op == Comparison::kLess || op == Comparison::kLessEqual;
  bool above = op == Comparison::kGreater || op == Comparison::kGreaterEqual;
  bool exclusive = op == Comparison::kLess;
  if (!below) window.first = symbol ? unknown_border(value.text) : border(floor_ms(value.integer));
  if (!above) {
    std::int64_t at = exclusive ? ceil_ms(value.integer) - 1 : floor_ms(value.integer);
    window.last = symbol ? unknown_border(value.text) : border(at, exclusive);
  }
  return window;
}

CountWindow alternative(const CountWindow& a, const CountWindow& b) {
  if (a.none || b.none) return a.none ? b : a;
  return {false, either(Side::kFirst, a.first, b.first), either(Side::kLast, a.last, b.last)};
}

CountWindow intersection(const CountWindow& a, const CountWindow& b) {
  if (a.none || b.none) return nothing();
  CountWindow window = {false, both(Side::kFirst, a.first, b.first), both(Side::kLast, a.last, b.last)};
  bool known = !window.first.open && !window.last.open && window.first.symbol.empty() && window.last.symbol.empty();
  return known && window.first.at > window.last.at ? nothing() : window;
}

CountWindow any_of(const Condition& condition) {
  CountWindow window = nothing();
  for (int i = 0; i < condition.value_count; ++i) {
    window = alternative(window, compared(Comparison::kEqual, condition.values[i]));
  }
  return window;
}

CountWindow of_leaf(const Condition& condition) {
  switch (condition.kind) {
    case ConditionKind::kCompare:
      return compared(condition.op, condition.values[0]);
    case ConditionKind::kNotDistinct:
      return compared(Comparison::kEqual, condition.values[0]);
    case ConditionKind::kAnyOf:
      return any_of(condition);
    default:
      return {};
  }
}

}  // namespace

CountWindow window_of(const Condition& condition, std::string_view path) noexcept {
  bool is_and = condition.kind == ConditionKind::kAnd;
  if (!is_and && condition.kind != ConditionKind::kOr) {
    return condition.field.path == path ? of_leaf(condition) : CountWindow{};
  }
  CountWindow window = is_and ? CountWindow{} : nothing();
  for (int i = 0; i < condition.part_count; ++i) {
    CountWindow part = window_of(condition.parts[i], path);
    window = is_and ? intersection(window, part) : alternative(window, part);
  }
  return window;
}

std::vector<CountsCall> calls_of(std::int64_t first_ms, std::int64_t last_ms, std::int64_t period_ms, std::int64_t now_ms) {
  if (first_ms > last_ms) return {};
  if (last_ms - first_ms <= kLongestMs) return {{.first_ms = first_ms, .last_ms = last_ms}};
  std::vector<CountsCall> calls;
  std::int64_t from = first_ms;
  while (from <= last_ms) {
    std::int64_t until = from + kStepMs;
    if (from < kFirstCountsMs) until = kFirstCountsMs;
    if (from > now_ms) until = last_ms + 1;  // little is there, if anything
    bool is_last = until > last_ms;
    CountsCall call{.first_ms = from, .last_ms = last_ms};
    if (from != first_ms) {
      call.first_ms = from - period_ms;
      call.from_ms = from;
    }
    if (!is_last) {
      call.last_ms = until - 1 + period_ms;
      call.until_ms = until;
    }
    calls.push_back(call);
    from = until;
  }
  return calls;
}

}  // namespace pendo
