// The answer of GET /api/v1/metadata/schema/:kind: which fields there are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wall.h"

namespace pendo {

struct SchemaField {
  std::string group;
  std::string field;
  std::string type;          // Pendo's `Type`: "string", "time", ... or ""
  std::string element_type;  // of a "list"
  std::string display_name;
  bool hidden = false;
  bool deleted = false;
  bool per_app = false;
};

// Appends the fields in the order of the document, each once: of one that it has
// twice the last counts, and groups of one name are one. False: `reason` tells why,
// and `out` is as it was.
bool parse_schema(std::string_view body, std::vector<SchemaField>& out, std::string& reason) noexcept;

}  // namespace pendo
