// Which periods of counts a condition on their beginning asks for, and by which
// calls they are read.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "condition.h"
#include "wall.h"

namespace pendo {

// One end of a window, in milliseconds since 1970. Of alternatives (OR) some may
// have a border and others none.
struct WindowBorder {
  bool given = false;  // `at` holds, as the farthest out of the alternatives that have one
  bool open = true;    // there are alternatives without a border
  bool exclusive = false;  // `at` is one off what the condition says; for messages
  std::int64_t at = 0;
  std::string_view symbol;  // of an EXPLAIN: stands for a border that is not known yet
};

struct CountWindow {
  bool none = false;  // no period can meet the condition
  WindowBorder first;
  WindowBorder last;
};

// Every period that meets the condition begins in the window. `path` is that of
// the column with the period's beginning.
CountWindow window_of(const Condition& condition, std::string_view path) noexcept;

// One aggregation call of several that read a window. Periods that are partly
// in its range are whole in another one's: which rows to take is said apart.
struct CountsCall {
  std::int64_t first_ms = 0;  // the range to ask for
  std::int64_t last_ms = 0;
  std::int64_t from_ms = INT64_MIN;  // rows to take: their periods begin here or later,
  std::int64_t until_ms = INT64_MAX;  // and before this
};

// Pendo: asks for ranges of 30 days at most. Where periods begin need not be
// known: neighbours overlap by a period to either side. May throw std::bad_alloc.
std::vector<CountsCall> calls_of(std::int64_t first_ms, std::int64_t last_ms, std::int64_t period_ms, std::int64_t now_ms);

}  // namespace pendo
