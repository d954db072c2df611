// Appending what goes out to Pendo.
#include "json_write.h"

#include <chrono>
#include <cstdlib>
#include <charconv>
#include <cmath>

#include "json_text.h"

namespace pendo {
namespace {

constexpr std::string_view kBeyondFloat = "integer beyond 2^53: Pendo computes in floats";
constexpr std::string_view kNoJsonNumber = "NaN and infinities have no form in JSON";
constexpr char kHex[] = "0123456789abcdef";
constexpr char kUpperHex[] = "0123456789ABCDEF";

// The letter of a short escape, or 0.
char short_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

bool plain_in_json(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

void append_escape(std::string& out, char c) {
  out += '\\';
  if (char letter = short_escape(c)) {
    out += letter;
    return;
  }
  auto byte = static_cast<unsigned char>(c);
  out += {'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
}

bool beyond_float(std::int64_t value) { return value > kMaxExactInteger || value < -kMaxExactInteger; }

Encode invalid(std::string_view& why, std::string_view reason) {
  why = reason;
  return Encode::kInvalid;
}

template <typename Number>
void append_chars(std::string& out, Number number) {
  char text[32];
  auto result = std::to_chars(text, text + sizeof text, number);
  out.append(text, result.ptr);
}

Encode append_int(std::string& out, std::int64_t value, std::string_view& why) {
  if (beyond_float(value)) return invalid(why, kBeyondFloat);
  append_chars(out, value);
  return Encode::kOk;
}

Encode append_float(std::string& out, double value, std::string_view& why) {
  if (!std::isfinite(value)) return invalid(why, kNoJsonNumber);
  append_chars(out, value);
  return Encode::kOk;
}

Encode append_number(std::string& out, std::string_view digits, std::string_view& why) {
  if (!is_json_number(digits)) return invalid(why, kNoJsonNumber);
  std::int64_t whole = 0;
  Exact exact = whole_number(digits, 0, whole);
  if (exact == Exact::kTooBig || (exact == Exact::kOk && beyond_float(whole))) return invalid(why, kBeyondFloat);
  out += digits;
  return Encode::kOk;
}

std::int64_t floor_to_milliseconds(std::int64_t microseconds) {
  return microseconds / 1000 - (microseconds % 1000 < 0 ? 1 : 0);
}

Encode append_text(std::string& out, std::string_view text, std::string_view& why) {
  if (text.find('\0') != std::string_view::npos) return invalid(why, "the text holds the character \\u0000");
  if (!is_utf8(text)) return invalid(why, "the text is not valid UTF-8");
  append_json_string(out, text);
  return Encode::kOk;
}

Encode append_json(std::string& out, std::string_view json, std::string_view& why) {
  if (const char* problem = escape_problem(json)) return invalid(why, problem);
  out += json;
  return Encode::kOk;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Smaller numbers of milliseconds (before March 1973) could be seconds of a
// later date. Pendo documents both forms without saying where it draws the line.
constexpr std::int64_t kSurelyMilliseconds = 100'000'000'000;

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (plain_in_json(text[i])) continue;
    out += text.substr(done, i - done);
    append_escape(out, text[i]);
    done = i + 1;
  }
  out += text.substr(done);
  out += '"';
}

Encode append_value(std::string& out, const Value& value, std::string_view& why) {
  switch (value.kind) {
    case ValueKind::kNull:
      out += "null";
      return Encode::kOk;
    case ValueKind::kBool:
      out += value.boolean ? "true" : "false";
      return Encode::kOk;
    case ValueKind::kInt:
      return append_int(out, value.integer, why);
    case ValueKind::kFloat:
      return append_float(out, value.real, why);
    case ValueKind::kNumber:
      return append_number(out, value.text, why);
    case ValueKind::kTime:
      append_chars(out, floor_to_milliseconds(value.integer));
      return Encode::kOk;
    case ValueKind::kText:
      return append_text(out, value.text, why);
    case ValueKind::kJson:
      return append_json(out, value.text, why);
    case ValueKind::kSymbol:
    case ValueKind::kBad:
      break;
  }
  return invalid(why, value.text);
}

void append_iso_time(std::string& out, std::int64_t microseconds) {
  using namespace std::chrono;
  sys_time<milliseconds> time{milliseconds(floor_to_milliseconds(microseconds))};
  auto day = floor<days>(time);
  year_month_day date(day);
  hh_mm_ss clock(time - day);
  int year = static_cast<int>(date.year());
  if (year < 0) out += '-';
  append_digits(out, static_cast<unsigned>(std::abs(year)), 4);
  auto part = [&out](char before, auto number, std::size_t width) {
    out += before;
    append_digits(out, static_cast<std::uint64_t>(number), width);
  };
  part('-', static_cast<unsigned>(date.month()), 2);
  part('-', static_cast<unsigned>(date.day()), 2);
  part('T', clock.hours().count(), 2);
  part(':', clock.minutes().count(), 2);
  part(':', clock.seconds().count(), 2);
  part('.', clock.subseconds().count(), 3);
  out += 'Z';
}

void append_digits(std::string& out, std::uint64_t number, std::size_t width, int base) {
  char digits[64];
  const char* end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
  auto size = static_cast<std::size_t>(end - digits);
  if (size < width) out.append(width - size, '0');
  out.append(digits, size);
}

void append_filter_string(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_percent_encoded(std::string& out, std::string_view text) {
  for (char c : text) {
    if (unreserved(c)) {
      out += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    out += {'%', kUpperHex[byte >> 4], kUpperHex[byte & 15]};
  }
}

Encode append_metadata_value(std::string& out, const Value& value, std::string_view& why) {
  if (value.kind == ValueKind::kTime) {
    std::int64_t milliseconds = floor_to_milliseconds(value.integer);
    if (std::abs(milliseconds) < kSurelyMilliseconds) {
      out += '"';
      append_iso_time(out, value.integer);
      out += '"';
      return Encode::kOk;
    }
  }
  return append_value(out, value, why);
}

}  // namespace pendo
