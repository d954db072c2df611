// The values of one record, encoded once: what a log keeps between a statement
// and the send, and what bulk calls are made of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "failure.h"
#include "json_write.h"
#include "object.h"
#include "value.h"
#include "wall.h"

namespace pendo {

// A field that a statement sets.
struct BulkField {
  std::string_view group;
  std::string_view name;
  ColumnType type = ColumnType::kText;
  bool skips_null = false;  // NULL is not sent, whatever null_as says
};

// The fields that a run sets, by number.
class FieldTable {
 public:
  struct Field {
    std::string group;
    std::string name;
    ColumnType type = ColumnType::kText;  // as it was first met
  };

  static std::unique_ptr<FieldTable> create() noexcept;

  // Its number; a field that was not there yet gets one.
  std::uint16_t number_of(const BulkField& field);
  const std::vector<Field>& fields() const noexcept { return fields_; }

 private:
  std::vector<Field> fields_;
};

enum class NullAs {
  kNull,   // JSON null
  kEmpty,  // ""
  kSkip,   // the field is not sent
};

struct EncodeRules {
  NullAs null_as = NullAs::kNull;
  bool create = false;  // Pendo shall make the record if it has none of that id
};

// Makes the encoded values of one record after the other.
class RecordEncoder {
 public:
  enum class Result {
    kEncoded,      // see encoded()
    kNothing,      // no value differs from the old one, or is to be sent
    kInvalid,      // why() tells what cannot be sent, tried() what it was
    kOutOfMemory,
  };

  // `table` must outlive it. nullptr: `failure` tells why.
  static std::unique_ptr<RecordEncoder> create(FieldTable& table, const std::vector<BulkField>& fields,
                                               const EncodeRules& rules, Failure& failure) noexcept;

  // One Value per field of create(). With `old_values`, as Pendo has them, only
  // those that differ are encoded. Views stay valid until the next call.
  Result encode(std::string_view id, const Value* values, const Value* old_values) noexcept;
  std::string_view encoded() const noexcept { return encoded_; }
  std::string_view why() const noexcept { return why_; }
  std::string_view tried() const noexcept { return tried_; }  // as values_json(), without what is no JSON

 private:
  struct Field {
    std::uint16_t number;
    std::string name;
    ColumnType type;
    bool skips_null;
  };

  explicit RecordEncoder(FieldTable& table, const EncodeRules& rules) : table_(table), rules_(rules) {}
  Result encode_record(std::string_view id, const Value* values, const Value* old_values);
  bool is_unchanged(const Field& field, const Value& value, const Value& old_value);
  Result invalid(const Value* values, std::string why);
  Encode append_field(std::string& out, const Value& value, std::string_view& why) const;

  FieldTable& table_;
  EncodeRules rules_;
  std::vector<Field> fields_;
  std::string json_;      // of one value
  std::string old_json_;
  std::string encoded_;
  std::string why_;
  std::string tried_;
};

// Reads what a RecordEncoder wrote, field by field.
class FieldValues {
 public:
  explicit FieldValues(std::string_view encoded) noexcept : rest_(encoded.substr(1)), create_(encoded.front() != '\0') {}

  bool create() const noexcept { return create_; }
  // False: there are no more.
  bool next(std::uint16_t& number, std::string_view& json) noexcept;

 private:
  std::string_view rest_;
  bool create_;
};

// The same, piece by piece, for what does not come from a statement.
void begin_values(std::string& encoded, bool create);
void append_value_of(std::string& encoded, std::uint16_t number, std::string_view json);

// Two updates of one record as one: of a field that both set, the later value.
std::string merge_values(std::string_view earlier, std::string_view later);

// {"custom":{"plan":"gold"},"agent":{"role":null}}
std::string values_json(const FieldTable& table, std::string_view encoded);

}  // namespace pendo
