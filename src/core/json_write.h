// JSON, filter strings and URL segments in the making. All functions append to
// `out` and may throw std::bad_alloc; they are for callers within an entry
// point's catch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "value.h"
#include "wall.h"

namespace pendo {

// A JSON string of `text`, which has to be UTF-8.
void append_json_string(std::string& out, std::string_view text);

enum class Encode { kOk, kInvalid };

// A JSON value. kInvalid: Pendo cannot take it, `why` is a static string, and
// `out` is as it was. Times become milliseconds, rounded down.
[[nodiscard]] Encode append_value(std::string& out, const Value& value, std::string_view& why);

// The same for the value of a metadata field. Pendo takes a number for epoch
// seconds or milliseconds as its size suggests, so times around 1970, where that
// is a guess, go out as ISO 8601.
[[nodiscard]] Encode append_metadata_value(std::string& out, const Value& value, std::string_view& why);

// 2025-01-31T12:00:00.000Z, of microseconds since 1970.
void append_iso_time(std::string& out, std::int64_t microseconds);

// With zeros in front, where they are fewer than `width`.
void append_digits(std::string& out, std::uint64_t number, std::size_t width, int base = 10);

// A string literal of Pendo's expression language. (It still has to be made a
// JSON string, as part of the expression.)
void append_filter_string(std::string& out, std::string_view text);

// One segment of a URL's path. The segments "." and ".." stay what they are.
void append_percent_encoded(std::string& out, std::string_view text);

}  // namespace pendo
