// What can be told of JSON text without building anything out of it: the shape
// of numbers, the depth of nesting, what PostgreSQL's types cannot hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wall.h"

namespace pendo {

// Deeper values are refused: the network must not choose how deep a stack gets.
inline constexpr int kMaxNesting = 512;

// Pendo computes in floats, which hold every integer up to this one.
inline constexpr std::int64_t kMaxExactInteger = 1ll << 53;

// Length of the JSON number that `text` begins with; 0 when there is none.
std::size_t number_length(std::string_view text) noexcept;

// All of `text` is one JSON number, nothing before or after it.
bool is_json_number(std::string_view text) noexcept;

// Whether PostgreSQL's numeric can hold a JSON number, with room to spare: at
// most 100,000 digits, an exponent within 10,000, a scale within 16,383.
bool fits_numeric(std::string_view number) noexcept;

// The parts of a JSON number; `exponent` is cut to what an int holds easily.
struct NumberParts {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  int exponent = 0;
};
NumberParts split_number(std::string_view number) noexcept;

enum class Exact { kOk, kNotWhole, kTooBig };

// `number` (a JSON number) times ten to the power of `shift`, where that is a
// whole number that an int64 holds.
Exact whole_number(std::string_view number, int shift, std::int64_t& out) noexcept;

// The code unit of a \uXXXX at `at`, or -1.
int escaped_unit(std::string_view text, std::size_t at) noexcept;

// Escapes in strings or keys of valid JSON that stand for no character which
// PostgreSQL can hold: \u0000, half a surrogate pair. nullptr: none.
const char* escape_problem(std::string_view json) noexcept;

// Why jsonb cannot hold this valid JSON, a static string, or nullptr.
const char* jsonb_problem(std::string_view json) noexcept;

// The same for decoded text of a JSON string, whose bytes were valid UTF-8 but
// for what its escapes made of them.
const char* text_problem(std::string_view decoded) noexcept;

bool is_utf8(std::string_view text) noexcept;

// How Pendo writes those in a filter is not documented.
bool has_control_character(std::string_view text) noexcept;

// Without such characters at its ends.
std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n") noexcept;

bool begins_object(std::string_view json) noexcept;

// At most `limit` bytes, never the half of a UTF-8 sequence.
std::string_view cut_utf8(std::string_view text, std::size_t limit) noexcept;

bool nested_within(std::string_view json, int limit) noexcept;

}  // namespace pendo
