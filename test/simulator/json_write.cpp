// Strings are copied in runs between the bytes that need an escape.
#include "json_write.h"

#include <charconv>
#include <cmath>

#include "utf8.h"

namespace simulator {
namespace {

bool is_plain(unsigned char byte, bool html_escape) {
  if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') return false;
  return !html_escape || (byte != '<' && byte != '>' && byte != '&');
}

void append_hex_escape(std::string& out, unsigned code) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(code >> shift) & 0xF];
}

void append_ascii_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      append_hex_escape(out, static_cast<unsigned char>(c));
  }
}

// Go escapes U+2028 and U+2029 and replaces invalid bytes; all else goes as it is.
std::size_t append_beyond_ascii(std::string& out, std::string_view text) {
  std::size_t length = utf8_length(text);
  if (length == 0) {
    out += "\\ufffd";
    return 1;
  }
  std::string_view code_point = text.substr(0, length);
  if (code_point == "\xE2\x80\xA8") {
    out += "\\u2028";
  } else if (code_point == "\xE2\x80\xA9") {
    out += "\\u2029";
  } else {
    out += code_point;
  }
  return length;
}

void append_integer(std::string& out, std::int64_t integer) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, integer).ptr;
  out.append(digits, end);
}

void append_exponent(std::string& out, double number) {
  char digits[40];
  auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::scientific).ptr;
  out.append(digits, end);
}

void append_list(std::string& out, const List& list, const JsonStyle& style) {
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ',';
    append_json(out, list[i], style);
  }
  out += ']';
}

void append_object(std::string& out, const Object& object, const JsonStyle& style) {
  out += '{';
  for (std::size_t i = 0; i < object.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, object[i].name, style.html_escape);
    out += ':';
    append_json(out, object[i].value, style);
  }
  out += '}';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text, bool html_escape) {
  out += '"';
  while (!text.empty()) {
    std::size_t run = 0;
    while (run < text.size() && is_plain(static_cast<unsigned char>(text[run]), html_escape)) ++run;
    out.append(text.data(), run);
    text.remove_prefix(run);
    if (text.empty()) break;
    std::size_t used = 1;
    if (static_cast<unsigned char>(text[0]) < 0x80) {
      append_ascii_escape(out, text[0]);
    } else {
      used = append_beyond_ascii(out, text);
    }
    text.remove_prefix(used);
  }
  out += '"';
}

void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  double size = std::fabs(number);
  if (size != 0 && (size < 1e-6 || size >= 1e21)) {
    std::string text;
    append_exponent(text, number);
    // Go writes 1e-9 where C++ writes 1e-09
    auto length = text.size();
    if (length >= 4 && text[length - 4] == 'e' && text[length - 3] == '-' && text[length - 2] == '0') {
      text.erase(length - 2, 1);
    }
    out += text;
    return;
  }
  char digits[400];
  auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::fixed).ptr;
  out.append(digits, end);
}

void append_json(std::string& out, const Value& value, const JsonStyle& style) {
  switch (value.type()) {
    case Type::kMissing:
    case Type::kNull:
      out += "null";
      break;
    case Type::kBoolean:
      out += value.boolean() ? "true" : "false";
      break;
    case Type::kInteger:
      if (style.float_integers) {
        append_exponent(out, static_cast<double>(value.integer()));
      } else {
        append_integer(out, value.integer());
      }
      break;
    case Type::kFloat:
      append_number(out, value.number());
      break;
    case Type::kString:
      append_json_string(out, value.string(), style.html_escape);
      break;
    case Type::kList:
      append_list(out, value.list(), style);
      break;
    case Type::kObject:
      append_object(out, value.object(), style);
      break;
  }
}

std::string to_json(const Value& value, const JsonStyle& style) {
  std::string out;
  append_json(out, value, style);
  return out;
}

}  // namespace simulator
