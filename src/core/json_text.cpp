// Scanning JSON text, byte by byte, without allocating.
#include "json_text.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace pendo {
namespace {

constexpr std::size_t kMaxDigits = 100'000;
constexpr int kMaxExponent = 10'000;
// PostgreSQL: numeric has at most 16383 digits after the decimal point
constexpr std::int64_t kMaxScale = 16'383;
constexpr int kExponentCut = 100'000'000;

constexpr const char* kNulEscape = "it holds the character \\u0000";
constexpr const char* kHalfPair = "it holds half a surrogate pair";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t count_digits(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - at;
}

int read_exponent(std::string_view digits, bool negative) {
  int value = 0;
  for (char c : digits) value = value < kExponentCut ? value * 10 + (c - '0') : value;
  return negative ? -value : value;
}

// The significant digits of a number: its digits without the zeros at both
// ends, and the power of ten of the last of them.
class Digits {
 public:
  explicit Digits(const NumberParts& number) : number_(number) {
    end_ = number.whole.size() + number.fraction.size();
    while (begin_ < end_ && (*this)[begin_] == 0) ++begin_;
    std::size_t all = end_;
    while (end_ > begin_ && (*this)[end_ - 1] == 0) --end_;
    power_ = number.exponent - static_cast<std::int64_t>(number.fraction.size()) +
             static_cast<std::int64_t>(all - end_);
  }

  bool zero() const { return begin_ == end_; }
  std::int64_t count() const { return static_cast<std::int64_t>(end_ - begin_); }
  std::int64_t power() const { return power_; }

  // False: more than `limit`.
  bool magnitude(std::int64_t zeros, std::uint64_t limit, std::uint64_t& out) const {
    out = 0;
    for (std::size_t i = begin_; i < end_; ++i) {
      if (!push((*this)[i], limit, out)) return false;
    }
    for (; zeros > 0; --zeros) {
      if (!push(0, limit, out)) return false;
    }
    return true;
  }

 private:
  static bool push(unsigned digit, std::uint64_t limit, std::uint64_t& out) {
    if (out > (limit - digit) / 10) return false;
    out = out * 10 + digit;
    return true;
  }

  unsigned operator[](std::size_t i) const {
    char c = i < number_.whole.size() ? number_.whole[i] : number_.fraction[i - number_.whole.size()];
    return static_cast<unsigned>(c - '0');
  }

  const NumberParts& number_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t power_ = 0;
};

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Steps over the escape at `at`. nullptr: it stands for a character.
const char* step_escape(std::string_view text, std::size_t& at) {
  int unit = escaped_unit(text, at);
  if (unit < 0) {
    at += 2;
    return nullptr;
  }
  if (unit == 0) return kNulEscape;
  bool high = unit >= 0xd800 && unit <= 0xdbff;
  int low = high ? escaped_unit(text, at + 6) : -1;
  if (high && (low < 0xdc00 || low > 0xdfff)) return kHalfPair;
  if (unit >= 0xdc00 && unit <= 0xdfff) return kHalfPair;
  at += high ? 12 : 6;
  return nullptr;
}

// Position after the string that begins at `at`; escapes are only stepped over.
std::size_t skip_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
  }
  return at + 1;
}

}  // namespace

int escaped_unit(std::string_view text, std::size_t at) noexcept {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

std::size_t number_length(std::string_view text) noexcept {
  std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  std::size_t whole = count_digits(text, at);
  if (whole == 0) return 0;
  at += text[at] == '0' ? 1 : whole;
  if (at < text.size() && text[at] == '.') {
    std::size_t fraction = count_digits(text, at + 1);
    if (fraction == 0) return 0;
    at += 1 + fraction;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t sign = at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-') ? 1 : 0;
    std::size_t exponent = count_digits(text, at + 1 + sign);
    if (exponent == 0) return 0;
    at += 1 + sign + exponent;
  }
  return at;
}

bool is_json_number(std::string_view text) noexcept {
  return !text.empty() && number_length(text) == text.size();
}

NumberParts split_number(std::string_view number) noexcept {
  NumberParts parts;
  parts.negative = !number.empty() && number[0] == '-';
  std::size_t at = parts.negative ? 1 : 0;
  parts.whole = number.substr(at, count_digits(number, at));
  at += parts.whole.size();
  if (at < number.size() && number[at] == '.') {
    parts.fraction = number.substr(at + 1, count_digits(number, at + 1));
    at += 1 + parts.fraction.size();
  }
  if (at >= number.size()) return parts;
  std::string_view exponent = number.substr(at + 1);
  bool negative = exponent.starts_with('-');
  if (negative || exponent.starts_with('+')) exponent.remove_prefix(1);
  parts.exponent = read_exponent(exponent, negative);
  return parts;
}

bool fits_numeric(std::string_view number) noexcept {
  NumberParts parts = split_number(number);
  if (parts.whole.size() + parts.fraction.size() > kMaxDigits) return false;
  if (parts.exponent > kMaxExponent || parts.exponent < -kMaxExponent) return false;
  return static_cast<std::int64_t>(parts.fraction.size()) - parts.exponent <= kMaxScale;
}

Exact whole_number(std::string_view number, int shift, std::int64_t& out) noexcept {
  NumberParts parts = split_number(number);
  Digits digits(parts);
  out = 0;
  if (digits.zero()) return Exact::kOk;
  std::int64_t zeros = digits.power() + shift;
  if (zeros < 0) return Exact::kNotWhole;
  if (digits.count() + zeros > 19) return Exact::kTooBig;
  std::uint64_t limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + (parts.negative ? 1 : 0);
  std::uint64_t magnitude = 0;
  if (!digits.magnitude(zeros, limit, magnitude)) return Exact::kTooBig;
  out = static_cast<std::int64_t>(parts.negative ? ~magnitude + 1 : magnitude);
  return Exact::kOk;
}

const char* escape_problem(std::string_view json) noexcept {
  for (std::size_t at = json.find('\\'); at < json.size(); at = json.find('\\', at)) {
    if (const char* problem = step_escape(json, at)) return problem;
  }
  return nullptr;
}

const char* jsonb_problem(std::string_view json) noexcept {
  if (!nested_within(json, kMaxNesting)) return "it is nested too deep";
  for (std::size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      at = skip_string(json, at);
      continue;
    }
    std::size_t length = json[at] == '-' || is_digit(json[at]) ? number_length(json.substr(at)) : 0;
    if (length > 0 && !fits_numeric(json.substr(at, length))) return "it holds a number out of range";
    at += std::max<std::size_t>(length, 1);
  }
  return escape_problem(json);
}

const char* text_problem(std::string_view decoded) noexcept {
  if (decoded.empty()) return nullptr;
  if (std::memchr(decoded.data(), 0, decoded.size())) return kNulEscape;
  constexpr auto kNone = std::string_view::npos;
  for (std::size_t at = decoded.find('\xed'); at != kNone; at = decoded.find('\xed', at + 1)) {
    if (at + 1 < decoded.size() && static_cast<unsigned char>(decoded[at + 1]) >= 0xa0) return kHalfPair;
  }
  return nullptr;
}

bool is_utf8(std::string_view text) noexcept {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  for (std::size_t i = 0; i < text.size();) {
    unsigned lead = byte(i);
    std::size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    unsigned next = byte(i + 1);
    bool overlong = (lead == 0xe0 && next < 0xa0) || (lead == 0xf0 && next < 0x90);
    bool outside = (lead == 0xed && next > 0x9f) || (lead == 0xf4 && next > 0x8f);
    if (overlong || outside) return false;
    i += length;
  }
  return true;
}

bool has_control_character(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

std::string_view trimmed(std::string_view text, std::string_view blanks) noexcept {
  std::size_t first = text.find_first_not_of(blanks);
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool begins_object(std::string_view json) noexcept { return trimmed(json).starts_with('{'); }

std::string_view cut_utf8(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

bool nested_within(std::string_view json, int limit) noexcept {
  int depth = 0;
  for (std::size_t at = 0; at < json.size();) {
    char c = json[at];
    if (c == '"') {
      at = skip_string(json, at);
      continue;
    }
    if ((c == '{' || c == '[') && ++depth > limit) return false;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return true;
}

}  // namespace pendo
