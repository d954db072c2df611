// The answer of a bulk metadata call. A 200 says only that Pendo went through
// the records; what became of them is in here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "wall.h"

namespace pendo {

using IdSet = std::unordered_set<std::string_view>;

struct BulkReply {
  struct Error {
    std::string id;    // empty: not tied to a record
    std::string text;  // as Pendo said it, at most 500 bytes
  };

  // -1: the reply does not say.
  std::int64_t total = -1;
  std::int64_t updated = -1;
  std::int64_t failed = -1;
  bool lists_failures = false;  // it has `missing` or `errors`
  std::vector<std::string> missing;
  std::vector<Error> errors;

  // As the reply says, or as follows from the rest of it.
  std::int64_t failed_records() const noexcept;

  // The numbers account for `sent` records and agree with each other. Where
  // they do not, nothing is known of any record.
  bool consistent(std::size_t sent) const noexcept;

  bool names_any() const noexcept { return !missing.empty() || !errors.empty(); }

  // Each id in it is one of `sent`, and none is missing twice. Otherwise what it
  // says cannot be tied to records.
  bool names_only(const IdSet& sent) const;
};

// False: `reason` tells why, and `reply` holds nothing of use.
bool parse_bulk_reply(std::string_view body, BulkReply& reply, std::string& reason) noexcept;

}  // namespace pendo
