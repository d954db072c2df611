// From a JSON value to the value of a column. What would lose something, or
// would be a guess, is bad: the PostgreSQL side decides what a bad value does.
#pragma once

#include <cstdint>
#include <string_view>

#include "value.h"
#include "wall.h"

namespace pendo {

enum class CellKind { kNull, kBool, kNumber, kString, kJson };

// A JSON value as it came. `text` is "true" or "false", a number's digits, a
// string without quotes and escapes, or the text of a list or object. `json`
// is needed for strings only: their text with quotes and escapes.
struct Cell {
  CellKind kind = CellKind::kNull;
  std::string_view text;
  std::string_view json;
};

// The result's views point to where the cell's do. kBad: Value::text says why.
// Value::raw is the value's JSON text, of good values too: the PostgreSQL side
// may find that one does not fit (an integer column, varchar(3)).
Value convert(const Cell& cell, ColumnType type) noexcept;

// Microseconds since 1970 of an ISO 8601 date or date-time. Without a zone it
// is UTC. False: anything else, or not exact in microseconds.
bool parse_iso_time(std::string_view text, std::int64_t& microseconds) noexcept;

}  // namespace pendo
