// What a writer tells of single records and of calls that it was not to send.
#pragma once

#include <cstdint>
#include <string>

#include "wall.h"

namespace pendo {

struct RecordResult {
  enum class Kind { kApplied, kMissing, kUncertain, kInvalid };  // the later one counts more

  Kind kind = Kind::kApplied;
  std::string id;
  std::string values;   // as JSON; empty for kApplied
  std::string message;  // Pendo's words, or why it is uncertain
};

// A call that a dry run kept from being sent.
struct DryCall {
  std::string url;
  std::int64_t records = 0;
  std::string body;
};

}  // namespace pendo
