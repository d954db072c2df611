// A value on its way between PostgreSQL and Pendo, typed but owned by neither.
// Reading: core makes Values out of JSON, fdw makes Datums out of them.
// Writing: fdw makes Values out of Datums, core makes JSON out of them.
#pragma once

#include <cstdint>
#include <string_view>

#include "wall.h"

namespace pendo {

// The types that a column of a foreign table may have, as far as JSON cares.
enum class ColumnType {
  kText,    // text, varchar: UTF-8
  kBool,    // boolean
  kInt,     // smallint, integer, bigint
  kFloat,   // real, double precision
  kNumber,  // numeric: digits are kept as text
  kTime,    // timestamptz
  kJson,    // jsonb, json: JSON text
};

enum class ValueKind {
  kNull,    // SQL NULL, JSON null or an absent key
  kBool,    // .boolean
  kInt,     // .integer
  kFloat,   // .real
  kNumber,  // .text: a JSON number, every digit as it was sent
  kTime,    // .integer: microseconds since 1970-01-01 00:00:00 UTC
  kText,    // .text: UTF-8 without \0
  kJson,    // .text: valid JSON
  kSymbol,  // .text: stands in an EXPLAIN for a value not known yet
  kBad,     // reading: does not convert; writing: cannot be sent. .text: why, static
};

// Non-owning and trivially destructible, so that the PostgreSQL side may hold
// it. Views stay valid as long as the maker says.
struct Value {
  ValueKind kind = ValueKind::kNull;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text;
  std::string_view raw;  // of kBad: the JSON text that does not convert

  static Value null() { return {}; }
  static Value of_bool(bool b) { return {ValueKind::kBool, b, 0, 0, {}, {}}; }
  static Value of_int(std::int64_t i) { return {ValueKind::kInt, false, i, 0, {}, {}}; }
  static Value of_float(double d) { return {ValueKind::kFloat, false, 0, d, {}, {}}; }
  static Value of_number(std::string_view t) { return {ValueKind::kNumber, false, 0, 0, t, {}}; }
  static Value of_time(std::int64_t us) { return {ValueKind::kTime, false, us, 0, {}, {}}; }
  static Value of_text(std::string_view t) { return {ValueKind::kText, false, 0, 0, t, {}}; }
  static Value of_json(std::string_view t) { return {ValueKind::kJson, false, 0, 0, t, {}}; }
  static Value symbol(std::string_view t) { return {ValueKind::kSymbol, false, 0, 0, t, {}}; }
  static Value bad(std::string_view why, std::string_view raw = {}) {
    return {ValueKind::kBad, false, 0, 0, why, raw};
  }
};

}  // namespace pendo
