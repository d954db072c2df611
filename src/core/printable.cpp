// Cutting, cleaning and comparing text for messages.
#include "printable.h"

#include <algorithm>
#include <vector>

namespace pendo {

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  bool blank = false;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7f) {
      blank = !out.empty();
      continue;
    }
    if (out.size() + 1 >= limit) {
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
      if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) out.pop_back();
      return out + "...";
    }
    if (blank) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

void ClosestMatch::offer(std::string_view candidate) {
  std::vector<std::size_t> row(candidate.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < name_.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < candidate.size(); ++j) {
      std::size_t substituted = diagonal + (name_[i] == candidate[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, diagonal + 1, row[j] + 1});
    }
  }
  if (row.back() >= best_distance_) return;
  best_distance_ = row.back();
  best_ = candidate;
}

}  // namespace pendo
