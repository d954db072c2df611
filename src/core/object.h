// One description per Pendo object: what its rows look like, what its key is,
// which groups may be written and by which call. Adding an object adds a
// descriptor, not a branch in each file.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "value.h"
#include "wall.h"

namespace pendo {

enum class ReadCall { kNone, kRecords, kEventCounts };
enum class WriteCall { kNone, kBulkMetadata, kTrackEvent };

// A column that every table of the object has. `path` is relative to the row
// (not to metadata): "visitorId", "metadata.auto.accountid".
struct StandardColumn {
  std::string_view name;
  std::string_view path;
  ColumnType type;
};

// A metadata field that rows carry although the schema call does not list it
// (Pendo: seen in rows of the visitors and accounts sources).
struct UnlistedField {
  std::string_view group;
  std::string_view field;
  ColumnType type;
};

struct ObjectDescriptor {
  std::string_view name;         // foreign table option `object`, default table name
  std::string_view kind;         // metadata kind: "visitor"; empty: no metadata
  std::string_view source;       // aggregation source
  std::string_view key_column;   // SQL name of the key; empty: no key
  std::string_view key_field;    // its name in rows and in bulk records
  std::string_view record_path;  // GET by id, up to the id
  ReadCall read;
  WriteCall write;
  bool may_be_anonymous;         // rows without an identified visitor exist
  std::span<const StandardColumn> columns;
  std::span<const UnlistedField> unlisted;
  std::span<const std::string_view> writable_groups;
};

std::span<const ObjectDescriptor> all_objects() noexcept;

// nullptr when there is none of that name.
const ObjectDescriptor* find_object(std::string_view name) noexcept;

// The standard column of that SQL name, or nullptr.
const StandardColumn* find_standard_column(const ObjectDescriptor&, std::string_view name) noexcept;

bool is_writable_group(const ObjectDescriptor&, std::string_view group) noexcept;

// Type of a metadata field by the schema's `Type` ("" and unknown ones: JSON).
ColumnType column_type_of_field(std::string_view schema_type) noexcept;

}  // namespace pendo
