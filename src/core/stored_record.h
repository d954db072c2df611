// A record or an event as the outbox stores it: with the names of its fields, for
// another session, machine or version to read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "field_values.h"
#include "wall.h"

namespace pendo {

// `encoded`: of a RecordEncoder on `table`.
std::string store_record(const FieldTable& table, std::string_view id, std::string_view encoded);
// `encoded`: of an EventEncoder.
std::string store_event(std::string_view label, std::string_view encoded);

struct StoredRecord {
  bool is_event = false;
  std::string id;  // or label
  std::string encoded;
};

// False: it is not what was stored. Fields that `table` does not have get numbers.
bool read_stored(std::string_view stored, FieldTable& table, StoredRecord& out);

// What is left of an earlier record when those of its fields are gone that a later
// one of the same id sets as well. Empty: nothing, or one of the two is damaged. All
// of it, where it may create the record and the later one did not find it.
std::string without_fields_of(std::string_view earlier, std::string_view later, bool applied);

}  // namespace pendo
