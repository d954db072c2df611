// What Pendo takes without a word and then does not show or process, as far as it
// says so (Pendo's help pages on Track Events).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "event_sender.h"
#include "wall.h"

namespace pendo {

class EventGuard {
 public:
  enum class Result { kFine, kDoubtful, kOutOfMemory };

  // `now_us`: microseconds since 1970. An event without occurred_at is of now.
  Result look_at(const TrackEvent& event, std::int64_t now_us) noexcept;

  // Of a doubtful event, valid until the next call: the column, what is wrong with
  // which value, and what to do. The first thing that is found.
  std::string_view column() const noexcept { return column_; }
  std::string_view why() const noexcept { return why_; }
  std::string_view advice() const noexcept { return advice_; }

 private:
  bool is_timely(const TrackEvent& event, std::int64_t now_us);
  bool has_fine_properties(std::string_view json);
  bool doubt(std::string_view column, std::string why, std::string_view advice);

  std::string_view column_;
  std::string why_;
  std::string_view advice_;
};

}  // namespace pendo
