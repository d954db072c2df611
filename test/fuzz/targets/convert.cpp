// Cells of every kind to values of every type.
#include "convert.h"

#include <cmath>
#include <cstdlib>

#include "fuzz.h"
#include "json_parse.h"
#include "json_text.h"
#include "json_write.h"

namespace pendo::fuzz {
namespace {

constexpr ColumnType kTypes[] = {ColumnType::kText,   ColumnType::kBool, ColumnType::kInt, ColumnType::kFloat,
                                 ColumnType::kNumber, ColumnType::kTime, ColumnType::kJson};

bool is_json(std::string_view text) {
  simulator::Value value;
  std::string error;
  return simulator::parse_json(text, value, error) && (value.is_list() || value.is_object());
}

bool is_close(double a, double b) { return a == b || std::fabs(a - b) <= std::fabs(b) * 1e-15; }

void check(const Cell& cell, const Value& value) {
  std::string text(cell.text);
  if (value.kind == ValueKind::kInt) {
    require(is_close(static_cast<double>(value.integer), std::strtod(text.c_str(), nullptr)), "an integer is that number");
  }
  if (value.kind == ValueKind::kFloat) require(value.real == std::strtod(text.c_str(), nullptr), "a float is that number");
  if (value.kind == ValueKind::kTime && is_json_number(text)) {
    require(is_close(static_cast<double>(value.integer) / 1000, std::strtod(text.c_str(), nullptr)), "a time is that many milliseconds");
  }
  if (value.kind == ValueKind::kBool) require(text.size() == 4 || text.size() == 5, "a boolean is true or false");
  if (value.kind == ValueKind::kText) require(value.text == cell.text, "a text is that text");
}

void convert_all(const Cell& cell) {
  for (ColumnType type : kTypes) {
    Value value = pendo::convert(cell, type);
    touch(value.text);
    touch(value.raw);
    check(cell, value);
  }
}

}  // namespace

void convert(std::string_view input) {
  HeapCopy text(input);
  std::string quoted;
  append_json_string(quoted, input);
  HeapCopy json(quoted);
  if (is_valid_utf8(input)) convert_all({CellKind::kString, text.view(), json.view()});
  if (is_json_number(text.view())) convert_all({CellKind::kNumber, text.view(), {}});
  if (input == "true" || input == "false") convert_all({CellKind::kBool, text.view(), {}});
  if (input == "null") convert_all({});
  if (is_json(text.view())) convert_all({CellKind::kJson, text.view(), {}});
  std::int64_t time = 0;
  parse_iso_time(text.view(), time);
}

}  // namespace pendo::fuzz
