// What becomes of a value that is written to a metadata field. Most of it is not
// documented, so most of it goes by switches.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schema.h"
#include "switches.h"
#include "value.h"

namespace simulator {

struct FieldWrite {
  enum class Outcome { kStore, kRemove, kSkip, kReject } outcome = Outcome::kStore;
  Value value;
  std::string error;
};

class MetadataWriter {
 public:
  MetadataWriter(Schema& schema, const Switches& switches, std::string group)
      : schema_(schema), switches_(switches), group_(std::move(group)) {}

  // The status of a refusal if the group cannot be written to at all.
  std::optional<int> group_refusal() const;
  // The field's key as it is stored.
  std::string key(std::string_view sent) const;
  // Whether a write to it is possible: it exists, or the group makes fields as needed.
  bool is_writable(const std::string& key) const;
  // Where a field has to be made first, it is made.
  FieldWrite prepare(const std::string& key, Value value);
  const std::string& group() const { return group_; }

 private:
  bool makes_fields() const;
  FieldWrite prepare_null() const;
  FieldWrite convert(const std::string& type, Value value) const;
  FieldWrite convert_time(Value value) const;
  FieldWrite mismatch(const std::string& type, Value value) const;
  FieldWrite bad_date(Value value) const;

  Schema& schema_;
  const Switches& switches_;
  std::string group_;
};

}  // namespace simulator
