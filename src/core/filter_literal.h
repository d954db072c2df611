// Values as literals of Pendo's expression language, and how much of a value such
// a literal tells.
#pragma once

#include <cstdint>
#include <string>

#include "value.h"
#include "wall.h"

namespace pendo {

// Times beyond every other.
inline constexpr std::int64_t kTimeInfinity = INT64_MAX;
inline constexpr std::int64_t kTimeMinusInfinity = INT64_MIN;

// Appends it. False: it cannot be written so that Pendo surely understands it; `out`
// is then of no use. May throw std::bad_alloc.
bool append_literal(std::string& out, const Value& value);

// Is it beyond every value that Pendo can hold (1), before every one (-1)?
int extreme(const Value& value) noexcept;

// Do floats tell it from every other value that a column of the type can have?
bool is_exact_float(ColumnType type, const Value& value) noexcept;

// Of a number, or of 0.
double as_double(const Value& value) noexcept;

}  // namespace pendo
