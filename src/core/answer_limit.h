// How much of an answer is taken, and what is said of one that has more.
#pragma once

#include <cstddef>
#include <string_view>

#include "failure.h"
#include "wall.h"

namespace pendo {

// Bytes of an answer that is kept whole. Reading: schemas of large subscriptions.
// Updating: a word on each of 100,000 records, and several calls have theirs at a
// time. Events have an empty one, and even more calls.
inline constexpr std::size_t kMaxReadReplyBytes = 64u << 20;
inline constexpr std::size_t kMaxBulkReplyBytes = 32u << 20;
inline constexpr std::size_t kMaxTrackReplyBytes = 64u << 10;
inline constexpr std::size_t kMaxErrorReplyBytes = 64u << 10;
inline constexpr std::string_view kReplyLimitHint =
    "An answer that is not read row by row may have 64 MB, that to an update 32 MB, that to an event and that of an error 64 KB.";
inline constexpr std::string_view kRecordLimitHint = "A record may have 8 MB, as may each other part of an answer.";

// Where it is a limit that an answer exceeds, the failure says so and which.
// `reason`: as a reader of answers gives it. May throw std::bad_alloc.
void name_limit(Failure& failure, std::string_view reason);

}  // namespace pendo
