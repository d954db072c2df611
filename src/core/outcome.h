// What became of the records of one statement or run: counts, and the first few
// ids. A record is in one of applied, missing, invalid, uncertain, or not sent yet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wall.h"

namespace pendo {

struct Outcome {
  std::int64_t records = 0;     // taken from the statement, after merging
  std::int64_t applied = 0;     // that Pendo says it took
  std::int64_t missing = 0;     // Pendo does not know the id
  std::int64_t invalid = 0;     // refused by Pendo or by a check before sending
  std::int64_t uncertain = 0;   // no answer settles what became of them
  std::int64_t duplicates = 0;  // merged into an earlier record of the same id
  std::int64_t doubtful = 0;    // events that Pendo may take and not show; they are in the other counts too
  std::int64_t repeated = 0;    // events sent again after a lost answer: may count twice
  std::int64_t calls = 0;       // begun, each counted once however often it was tried
  std::int64_t retries = 0;

  static constexpr std::size_t kShown = 5;
  std::vector<std::string> first_applied;
  std::vector<std::string> first_missing;
  std::vector<std::string> first_invalid;    // "id: why"
  std::vector<std::string> first_uncertain;  // "id: why"
  std::vector<std::string> first_doubtful;   // "label: why"

  std::int64_t settled() const noexcept { return applied + missing + invalid + uncertain; }

  void add_applied(std::string_view id);
  void add_missing(std::string_view id);
  void add_invalid(std::string_view id, std::string_view why);
  void add_uncertain(std::string_view id, std::string_view why);
  void add_doubtful(std::string_view label, std::string_view why);

  // Counts and ids of another one on top.
  void add(const Outcome& other);
};

}  // namespace pendo
