// Text from outside made fit for a message.
#pragma once

#include <string>
#include <string_view>

#include "wall.h"

namespace pendo {

// At most `limit` bytes of `text` on one line: control characters and runs of
// blanks become one blank, "..." marks a cut, never inside a UTF-8 sequence.
std::string printable(std::string_view text, std::size_t limit);

// The candidate closest to `name` (edit distance, at most a third of its
// length), or empty.
class ClosestMatch {
 public:
  explicit ClosestMatch(std::string_view name) : name_(name), best_distance_(name.size() / 3 + 2) {}
  void offer(std::string_view candidate);
  std::string_view best() const noexcept { return best_; }

 private:
  std::string_view name_;
  std::string_view best_;
  std::size_t best_distance_;
};

}  // namespace pendo
