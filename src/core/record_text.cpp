// Writing over numbers and escapes.
#include "record_text.h"

#include <algorithm>
#include <cstddef>

#include "json_text.h"

namespace pendo {

void hide_numbers(std::string_view record, char* text) noexcept {
  for (std::size_t at = 0; at < record.size();) {
    char c = record[at];
    if (c == '"') {
      for (++at; at < record.size() && record[at] != '"'; ++at) at += record[at] == '\\' ? 1 : 0;
      ++at;
      continue;
    }
    if (c != '-' && (c < '0' || c > '9')) {
      ++at;
      continue;
    }
    std::size_t length = number_length(record.substr(at));
    if (length == 0) return;
    std::fill_n(text + at, length, ' ');
    text[at] = '0';
    at += length;
  }
}

void turn_lone_halves(std::string_view record, char* text) noexcept {
  constexpr std::string_view kSecondHalf = "dc00";
  for (std::size_t at = record.find('\\'); at != std::string_view::npos; at = record.find('\\', at)) {
    int unit = escaped_unit(record, at);
    bool first_half = unit >= 0xd800 && unit <= 0xdbff;
    int next = first_half ? escaped_unit(record, at + 6) : -1;
    bool pair = next >= 0xdc00 && next <= 0xdfff;
    if (first_half && !pair) kSecondHalf.copy(text + at + 2, kSecondHalf.size());
    at += pair ? 12 : unit >= 0 ? 6 : 2;
  }
}

}  // namespace pendo
