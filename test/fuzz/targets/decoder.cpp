// From the text of a record to values of every type, by several paths. What is
// taken for good is looked at with other eyes: those of the simulator's parser.
#include <cmath>
#include <vector>

#include "fuzz.h"
#include "json_parse.h"
#include "json_text.h"
#include "row_decoder.h"

namespace pendo::fuzz {
namespace {

constexpr ColumnType kTypes[] = {ColumnType::kText,   ColumnType::kBool, ColumnType::kInt, ColumnType::kFloat,
                                 ColumnType::kNumber, ColumnType::kTime, ColumnType::kJson};

std::vector<DecodeColumn> all_columns() {
  std::vector<DecodeColumn> columns;
  for (ColumnType type : kTypes) columns.push_back({{"a"}, type});
  columns.push_back({{"b"}, ColumnType::kText});
  columns.push_back({{"b"}, ColumnType::kJson});
  columns.push_back({{"b", "c"}, ColumnType::kText});
  columns.push_back({{"b", "c", "d"}, ColumnType::kNumber});
  columns.push_back({{"e", ""}, ColumnType::kInt});
  columns.push_back({{}, ColumnType::kJson});
  return columns;
}

// The simulator keeps numbers as Go does.
bool is_beyond_float(std::string_view error) { return error.find("cannot unmarshal number") != std::string_view::npos; }

void check_json(std::string_view text) {
  simulator::Value value;
  std::string error;
  require(simulator::parse_json(text, value, error) || is_beyond_float(error), "a JSON value is JSON");
  require(is_valid_utf8(text), "a JSON value is UTF-8");
  require(!jsonb_problem(text), "jsonb holds it");
}

void check(const Value& value) {
  touch(value.text);
  touch(value.raw);
  switch (value.kind) {
    case ValueKind::kText:
      require(is_valid_utf8(value.text) && value.text.find('\0') == std::string_view::npos, "a text is one of PostgreSQL");
      return;
    case ValueKind::kFloat:
      require(std::isfinite(value.real), "JSON has no infinities");
      return;
    case ValueKind::kNumber:
      require(is_json_number(value.text) && fits_numeric(value.text), "a number is one of numeric");
      return;
    case ValueKind::kJson:
      return check_json(value.text);
    case ValueKind::kBad:
      require(!value.text.empty(), "what is bad says why");
      return;
    default:
      return;
  }
}

bool same(const Value& left, const Value& right) {
  return left.kind == right.kind && left.boolean == right.boolean && left.integer == right.integer && left.text == right.text &&
         left.raw == right.raw && (left.real == right.real);
}

// Of a record that both take, the text at one path.
void compare(std::string_view record, std::string_view path, const Value& value) {
  simulator::Value document;
  std::string error;
  if (!simulator::parse_json(record, document, error)) return require(is_beyond_float(error), "what is decoded is JSON");
  const simulator::Value* found = simulator::find_path(document, path);
  require((value.kind == ValueKind::kNull) == (!found || found->is_null()), "null is null");
  if (value.kind == ValueKind::kText && found && found->is_string()) require(found->string() == value.text, "a string is that string");
}

}  // namespace

void decoder(std::string_view input) {
  static const std::vector<DecodeColumn> columns = all_columns();
  static RowDecoder kept(columns);
  HeapCopy record(input);
  std::vector<Value> values(columns.size());
  RowDecoder decoder(columns);
  bool good = decoder.decode(record.view(), values.data());
  require(good == decoder.reason().empty(), "a failure has a reason");
  std::vector<Value> again(columns.size());
  require(kept.decode(record.view(), again.data()) == good, "a decoder is as good as new");
  if (!good) return;
  for (std::size_t i = 0; i < values.size(); ++i) {
    check(values[i]);
    require(same(values[i], again[i]), "nothing of the record before is left");
  }
  compare(record.view(), "a", values[0]);
  compare(record.view(), "b.c", values[9]);
  kept.release();
}

}  // namespace pendo::fuzz
