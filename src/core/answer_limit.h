// How much of an answer is taken, and what is said of one that has more.
#pragma once

#include <cstddef>
#include <string_view>

#include "failure.h"
#include "wall.h"

namespace pendo {

// Bytes of an answer that is kept whole: schemas of large subscriptions.
inline constexpr std::size_t kMaxReplyBytes = 64u << 20;
inline constexpr std::string_view kReplyLimitHint = "An answer that is not read row by row may have 64 MB, that of an error 64 KB.";
inline constexpr std::string_view kRecordLimitHint = "A record may have 8 MB, as may each other part of an answer.";

// Where it is a limit that an answer exceeds, the failure says so and which.
// `reason`: as a reader of answers gives it. May throw std::bad_alloc.
void name_limit(Failure& failure, std::string_view reason);

}  // namespace pendo
