// Strings are in double quotes with Go's escapes or in backticks without
// (Pendo docs show both).
#include "expression_lexer.h"

#include <charconv>
#include <cstdint>
#include <optional>

#include "utf8.h"

namespace simulator {
namespace {

constexpr std::string_view kPunctuation[] = {"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*",
                                             "/",  "%",  "(",  ")",  "[",  "]",  ",", ":", "."};

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::uint32_t> take_code(std::string_view& rest, std::size_t digits) {
  std::uint32_t code = 0;
  if (rest.size() < digits) return std::nullopt;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + digits, code, 16);
  if (error != std::errc() || end != rest.data() + digits) return std::nullopt;
  rest.remove_prefix(digits);
  return code;
}

// \x is a byte, \u and \U are code points.
bool append_code(char letter, std::string_view& rest, std::string& out) {
  auto code = take_code(rest, letter == 'x' ? 2 : letter == 'u' ? 4 : 8);
  if (!code || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) return false;
  if (letter == 'x') {
    out += static_cast<char>(*code);
  } else {
    append_utf8(out, *code);
  }
  return true;
}

// The part after a backslash, as in a Go string.
bool append_escape(std::string_view& rest, std::string& out, bool keep_unknown) {
  static constexpr std::string_view kLetters = "abfnrtv\\\"'`/";
  static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"'`/";
  if (rest.empty()) return false;
  char c = rest[0];
  rest.remove_prefix(1);
  if (c == 'x' || c == 'u' || c == 'U') return append_code(c, rest, out);
  auto which = kLetters.find(c);
  if (which == std::string_view::npos) {
    out += '\\';
    out += c;
    return keep_unknown;
  }
  out += kMeanings[which];
  return true;
}

}  // namespace

Token Lexer::take(TokenKind kind, std::size_t length) {
  Token token{kind, rest_.substr(0, length), Value()};
  rest_.remove_prefix(length);
  return token;
}

Token Lexer::next() {
  while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_[0]) != std::string_view::npos) rest_.remove_prefix(1);
  if (rest_.empty()) return {};
  char first = rest_[0];
  if (first == '"' || first == '`' || (first == '\'' && rules_.single_quotes)) return string(first);
  if (is_digit(first) || (first == '.' && rest_.size() > 1 && is_digit(rest_[1]))) return number();
  if (starts_name(first)) {
    std::size_t length = 1;
    while (length < rest_.size() && (starts_name(rest_[length]) || is_digit(rest_[length]))) ++length;
    return take(TokenKind::kName, length);
  }
  for (auto punctuation : kPunctuation) {
    if (rest_.starts_with(punctuation)) return take(TokenKind::kPunctuation, punctuation.size());
  }
  return take(TokenKind::kBad, 1);
}

Token Lexer::string(char quote) {
  bool escapes = quote != '`' || rules_.backtick_backslash;
  rest_.remove_prefix(1);
  std::string out;
  while (!rest_.empty() && rest_[0] != quote) {
    char c = rest_[0];
    rest_.remove_prefix(1);
    if (c == '\n' && quote != '`' && !rules_.newline_in_quotes) {
      return {TokenKind::kBad, "line break in string", Value()};
    }
    if (c != '\\' || !escapes) {
      out += c;
    } else if (!append_escape(rest_, out, rules_.keep_unknown_escape)) {
      return {TokenKind::kBad, "\\", Value()};
    }
  }
  if (rest_.empty()) return {TokenKind::kBad, "unterminated string", Value()};
  rest_.remove_prefix(1);
  return {TokenKind::kString, {}, Value(std::move(out))};
}

Token Lexer::number() {
  const char* first = rest_.data();
  const char* end = first + rest_.size();
  double number = 0;
  auto [stop, error] = std::from_chars(first, end, number);
  if (error != std::errc()) return take(TokenKind::kBad, 1);
  auto length = static_cast<std::size_t>(stop - first);
  if (length < rest_.size() && starts_name(rest_[length])) return take(TokenKind::kBad, 1);
  Token token = take(TokenKind::kNumber, length);
  std::int64_t integer = 0;
  auto whole = std::from_chars(first, stop, integer);
  token.value = whole.ec == std::errc() && whole.ptr == stop ? Value(integer) : Value(number);
  return token;
}

}  // namespace simulator
