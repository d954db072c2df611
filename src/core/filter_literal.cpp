// Literals, and where floats end.
#include "filter_literal.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "json_text.h"
#include "json_write.h"

namespace pendo {
namespace {

// Longer texts are compared here: a filter is part of each page's call.
constexpr std::size_t kMaxTextBytes = 8'000;

bool text_literal(std::string& out, std::string_view text) {
  if (text.size() > kMaxTextBytes || has_control_character(text) || !is_utf8(text)) return false;
  append_filter_string(out, text);
  return true;
}

// Without an exponent, which no document shows. Infinities and NaN have no form:
// as a word they would be the name of a field.
bool float_literal(std::string& out, double value) {
  if (!std::isfinite(value)) return false;
  char text[1200];
  auto result = std::to_chars(text, text + sizeof text, value == 0 ? 0.0 : value, std::chars_format::fixed);
  out.append(text, result.ptr);
  return result.ec == std::errc();
}

// A longer one may be beyond every double.
bool number_literal(std::string& out, std::string_view digits) {
  constexpr std::size_t kMaxDigits = 300;
  bool has_exponent = digits.find_first_of("eE") != std::string_view::npos;
  if (digits.size() > kMaxDigits || has_exponent || !is_json_number(digits)) return false;
  out += digits;
  return true;
}

void time_literal(std::string& out, std::int64_t microseconds) {
  std::int64_t whole = microseconds / 1000;
  std::int64_t rest = microseconds % 1000;
  if (microseconds < 0 && whole == 0) out += '-';
  out += std::to_string(whole);
  if (rest == 0) return;
  out += '.';
  append_digits(out, static_cast<std::uint64_t>(std::abs(rest)), 3);
}

// As a number of milliseconds. Up to the year 2248 floats hold every microsecond
// apart; times farther off are whole milliseconds in Pendo.
bool is_exact_time(std::int64_t microseconds) {
  constexpr std::int64_t kMaxFractional = (1ll << 43) * 1000;
  bool small = microseconds > -kMaxFractional && microseconds < kMaxFractional;
  bool whole = microseconds % 1000 == 0 && std::abs(microseconds / 1000) < kMaxExactInteger;
  return small || whole;
}

}  // namespace

bool append_literal(std::string& out, const Value& value) {
  switch (value.kind) {
    case ValueKind::kBool:
      out += value.boolean ? "true" : "false";
      return true;
    case ValueKind::kInt:
      out += std::to_string(value.integer);
      return true;
    case ValueKind::kFloat:
      return float_literal(out, value.real);
    case ValueKind::kNumber:
      return number_literal(out, value.text);
    case ValueKind::kTime:
      time_literal(out, value.integer);
      return true;
    case ValueKind::kText:
      return text_literal(out, value.text);
    case ValueKind::kSymbol:
      out += value.text;
      return true;
    default:
      return false;
  }
}

int extreme(const Value& value) noexcept {
  if (value.kind == ValueKind::kFloat && !std::isfinite(value.real)) return value.real < 0 ? -1 : 1;
  if (value.kind == ValueKind::kTime && value.integer == kTimeInfinity) return 1;
  if (value.kind == ValueKind::kTime && value.integer == kTimeMinusInfinity) return -1;
  return 0;
}

bool is_exact_float(ColumnType type, const Value& value) noexcept {
  switch (value.kind) {
    case ValueKind::kInt:
      return value.integer > -kMaxExactInteger && value.integer < kMaxExactInteger;
    case ValueKind::kFloat:
      return type == ColumnType::kFloat && std::fabs(value.real) < static_cast<double>(kMaxExactInteger);
    case ValueKind::kTime:
      return is_exact_time(value.integer);
    case ValueKind::kSymbol:
    case ValueKind::kBool:
      return true;
    default:
      return false;
  }
}

double as_double(const Value& value) noexcept {
  if (value.kind == ValueKind::kInt) return static_cast<double>(value.integer);
  if (value.kind == ValueKind::kFloat) return value.real;
  double number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return number;
}

}  // namespace pendo
