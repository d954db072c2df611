// The conversion rules, one function per column type.
#include "convert.h"

#include <charconv>
#include <system_error>

#include "json_text.h"

namespace pendo {
namespace {

// PostgreSQL: 4714-11-24 BC. Its other end, the year 294276, is the int64's.
constexpr std::int64_t kFirstTime = -210'866'803'200'000'000;

constexpr std::int64_t kMicroPerSecond = 1'000'000;

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

// A number, or a string that is nothing but a number.
bool is_numeric(const Cell& cell) {
  return cell.kind == CellKind::kNumber || (cell.kind == CellKind::kString && is_json_number(cell.text));
}

Value to_text(const Cell& cell) {
  if (cell.kind != CellKind::kString) return Value::of_text(cell.text);
  const char* problem = text_problem(cell.text);
  return problem ? Value::bad(problem) : Value::of_text(cell.text);
}

Value to_bool(const Cell& cell) {
  if (cell.kind == CellKind::kBool) return Value::of_bool(cell.text == "true");
  if (cell.kind == CellKind::kString) {
    if (equals_ignoring_case(cell.text, "true")) return Value::of_bool(true);
    if (equals_ignoring_case(cell.text, "false")) return Value::of_bool(false);
  }
  return Value::bad("it is not true or false");
}

// Most numbers are short and whole.
bool short_integer(std::string_view text, std::int64_t& out) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 18) return false;
  std::int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  out = negative ? -value : value;
  return true;
}

Value to_int(const Cell& cell) {
  if (!is_numeric(cell)) return Value::bad("it is not a number");
  std::int64_t value = 0;
  if (short_integer(cell.text, value)) return Value::of_int(value);
  switch (whole_number(cell.text, 0, value)) {
    case Exact::kOk:
      return Value::of_int(value);
    case Exact::kNotWhole:
      return Value::bad("it is not a whole number");
    case Exact::kTooBig:
      break;
  }
  return Value::bad("it is out of the range of a bigint");
}

Value to_float(const Cell& cell) {
  if (!is_numeric(cell)) return Value::bad("it is not a number");
  double value = 0;
  auto result = std::from_chars(cell.text.data(), cell.text.data() + cell.text.size(), value);
  if (result.ec != std::errc()) return Value::bad("it is out of the range of a double precision");
  return Value::of_float(value);
}

Value to_number(const Cell& cell) {
  if (!is_numeric(cell)) return Value::bad("it is not a number");
  if (!fits_numeric(cell.text)) return Value::bad("it is out of the range of a numeric");
  return Value::of_number(cell.text);
}

Value time_of_number(std::string_view text) {
  std::int64_t value = 0;
  switch (whole_number(text, 3, value)) {
    case Exact::kOk:
      break;
    case Exact::kNotWhole:
      return Value::bad("it is not a whole number of microseconds");
    case Exact::kTooBig:
      return Value::bad("it is out of the range of a timestamptz");
  }
  if (value < kFirstTime) return Value::bad("it is out of the range of a timestamptz");
  return Value::of_time(value);
}

Value to_time(const Cell& cell) {
  if (is_numeric(cell)) return time_of_number(cell.text);
  std::int64_t value = 0;
  if (cell.kind == CellKind::kString && parse_iso_time(cell.text, value)) return Value::of_time(value);
  return Value::bad("it is not a time (milliseconds since 1970 or an ISO 8601 date)");
}

Value to_json(const Cell& cell) {
  std::string_view text = cell.kind == CellKind::kString ? cell.json : cell.text;
  const char* problem = nullptr;
  if (cell.kind == CellKind::kString) problem = escape_problem(text);
  if (cell.kind == CellKind::kNumber && !fits_numeric(text)) problem = "it is out of the range of a numeric";
  if (cell.kind == CellKind::kJson) problem = jsonb_problem(text);
  return problem ? Value::bad(problem) : Value::of_json(text);
}

// Reads a time from left to right.
class TimeText {
 public:
  explicit TimeText(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Exactly `digits` digits whose value is within the bounds.
  bool number(std::size_t digits, int low, int high, int& out) {
    if (rest_.size() < digits) return false;
    out = 0;
    for (char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return false;
      out = out * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return out >= low && out <= high;
  }

  // Any number of digits; those past the sixth have to be zeros.
  bool fraction(int& microseconds) {
    std::size_t count = 0;
    int unit = 100'000;
    microseconds = 0;
    for (; count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9'; ++count) {
      int digit = rest_[count] - '0';
      if (unit == 0 && digit != 0) return false;
      microseconds += digit * unit;
      unit /= 10;
    }
    rest_.remove_prefix(count);
    return count > 0;
  }

 private:
  std::string_view rest_;
};

bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years
// that begin in March so that the leap day is the last one.
std::int64_t days_since_epoch(int year, int month, int day) {
  if (month <= 2) --year;
  int era = year / 400;
  int year_of_era = year - era * 400;
  int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097LL + day_of_era - 719'468;
}

bool parse_date(TimeText& text, std::int64_t& days) {
  int year = 0, month = 0, day = 0;
  // PostgreSQL has no year 0 either
  bool good = text.number(4, 1, 9999, year) && text.take('-') && text.number(2, 1, 12, month) && text.take('-') &&
              text.number(2, 1, 31, day) && day <= days_in_month(year, month);
  if (good) days = days_since_epoch(year, month, day);
  return good;
}

bool parse_clock(TimeText& text, std::int64_t& seconds, int& microseconds) {
  int hour = 0, minute = 0, second = 0;
  bool good = text.number(2, 0, 23, hour) && text.take(':') && text.number(2, 0, 59, minute) && text.take(':') &&
              text.number(2, 0, 59, second);
  seconds = hour * 3600 + minute * 60 + second;
  return good && (!text.take('.') || text.fraction(microseconds));
}

// Nothing, Z, or an offset with or without a colon, after a blank or not.
bool parse_zone(TimeText& text, std::int64_t& offset) {
  offset = 0;
  if (text.at_end()) return true;
  if (text.take('Z')) return text.at_end();
  text.take(' ');
  bool west = text.take('-');
  if (!west && !text.take('+')) return false;
  int hours = 0, minutes = 0;
  if (!text.number(2, 0, 15, hours)) return false;
  text.take(':');
  if (!text.number(2, 0, 59, minutes)) return false;
  offset = (hours * 60 + minutes) * (west ? -60 : 60);
  return text.at_end();
}

Value value_of(const Cell& cell, ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return to_text(cell);
    case ColumnType::kBool:
      return to_bool(cell);
    case ColumnType::kInt:
      return to_int(cell);
    case ColumnType::kFloat:
      return to_float(cell);
    case ColumnType::kNumber:
      return to_number(cell);
    case ColumnType::kTime:
      return to_time(cell);
    case ColumnType::kJson:
      return to_json(cell);
  }
  return Value::bad("it has no known type");
}

}  // namespace

bool parse_iso_time(std::string_view text, std::int64_t& microseconds) noexcept {
  TimeText rest(text);
  std::int64_t days = 0, seconds = 0, offset = 0;
  int fraction = 0;
  if (!parse_date(rest, days)) return false;
  if (!rest.at_end()) {
    if (!rest.take('T') && !rest.take(' ')) return false;
    if (!parse_clock(rest, seconds, fraction) || !parse_zone(rest, offset)) return false;
  }
  microseconds = (days * 86'400 + seconds - offset) * kMicroPerSecond + fraction;
  return true;
}

Value convert(const Cell& cell, ColumnType type) noexcept {
  if (cell.kind == CellKind::kNull) return Value::null();
  Value value = value_of(cell, type);
  value.raw = cell.kind == CellKind::kString ? cell.json : cell.text;
  return value;
}

}  // namespace pendo
