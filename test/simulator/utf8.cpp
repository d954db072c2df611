// Decoding by the table of well-formed sequences of the Unicode standard.
#include "utf8.h"

#include <clocale>
#include <cwctype>

namespace simulator {
namespace {

bool between(char c, unsigned low, unsigned high) {
  auto byte = static_cast<unsigned char>(c);
  return byte >= low && byte <= high;
}

std::size_t length_by_first(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

// Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte.
bool second_fits(unsigned char first, char second) {
  switch (first) {
    case 0xE0:
      return between(second, 0xA0, 0xBF);
    case 0xED:
      return between(second, 0x80, 0x9F);
    case 0xF0:
      return between(second, 0x90, 0xBF);
    case 0xF4:
      return between(second, 0x80, 0x8F);
    default:
      return between(second, 0x80, 0xBF);
  }
}

// Of a well-formed sequence.
std::uint32_t decode(std::string_view sequence) {
  auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  std::uint32_t code = first & (0x7FU >> sequence.size());
  for (char c : sequence.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3F);
  return code;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  auto first = static_cast<unsigned char>(text[0]);
  std::size_t length = length_by_first(first);
  if (length <= 1) return length;
  if (text.size() < length || !second_fits(first, text[1])) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!between(text[i], 0x80, 0xBF)) return 0;
  }
  return length;
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto add = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | (code >> 6));
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | (code >> 12));
    add(0x80 | ((code >> 6) & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | (code >> 18));
    add(0x80 | ((code >> 12) & 0x3F));
    add(0x80 | ((code >> 6) & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

std::string lower_utf8(std::string_view text) {
  // the tables of the C library's locale of Unicode, the same on every machine that has it
  static const locale_t unicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t length = utf8_length(text);
    std::uint32_t code = length ? decode(text.substr(0, length)) : 0xFFFD;
    bool ascii_capital = code >= 'A' && code <= 'Z';
    if (ascii_capital) {
      code += 'a' - 'A';
    } else if (code >= 0x80 && unicode) {
      code = static_cast<std::uint32_t>(::towlower_l(static_cast<wint_t>(code), unicode));
    }
    append_utf8(out, code);
    text.remove_prefix(length ? length : 1);
  }
  return out;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t length = utf8_length(text);
    if (length == 0) {
      append_utf8(out, 0xFFFD);
      length = 1;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace simulator
