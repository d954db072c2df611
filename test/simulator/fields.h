// The fields that a new subscription has, as a table: where they live, what the
// schema says about them, and how the generator makes their values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "record_ids.h"
#include "value.h"

namespace simulator {

struct DataOptions {
  std::int64_t visitors = 1000;
  std::int64_t accounts = 50;
  std::uint64_t seed = 1;
  bool clean = false;
  std::int64_t big_records = 0;  // this many visitors get a string of 1 MB
};

// What a value is made from.
struct RecordSeed {
  const DataOptions& options;
  const RecordIds& accounts;
  Kind kind;
  Place place;
  std::string_view id;

  bool anonymous() const;
  // Random bits of this record and a subject.
  std::uint64_t bits(std::uint64_t subject) const;
};

enum FieldFlags : unsigned {
  kPlainField = 0,
  kHiddenField = 1,
  kDeletedField = 2,
  kUnlistedField = 4,   // in rows, but not in the schema (as in the real one)
  kSampledField = 8,    // the schema has a sample
  kSingleField = 16,    // only in GET visitor/:id, not in aggregations
  kPerAppField = 32,
};

struct Field {
  std::string_view group;
  std::string_view name;
  std::string_view type;
  std::string_view display_name;
  unsigned flags;
  Value (*make)(const RecordSeed& seed);  // missing: the record does not have it
};

// In order of group and name.
std::span<const Field> fields(Kind kind);

// The generated account of a generated visitor; empty if it has none.
std::string account_of(const RecordSeed& visitor);

}  // namespace simulator
