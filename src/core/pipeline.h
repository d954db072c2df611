// The aggregation calls that the core sends, as JSON text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "object.h"
#include "wall.h"

namespace pendo {

inline constexpr std::string_view kAggregationPath = "/api/v1/aggregation";

// "a", "b", ... "z", "aa", ...: the short name under which column `index` travels.
std::string column_alias(std::size_t index);

// True when a row path can be written in Pendo's expression language as it is.
bool is_plain_path(std::string_view path) noexcept;

struct RecordsQuery {
  const ObjectDescriptor* object = nullptr;
  std::span<const std::string_view> paths;  // selected under their aliases
  bool include_anonymous = false;
  std::string_view after_key;   // empty: from the start
  std::string_view equal_key;   // empty: every key
  int limit = 0;                // 0: no sort and no limit
};
std::string records_pipeline(const RecordsQuery& query);

struct CountsQuery {
  const ObjectDescriptor* object = nullptr;
  std::span<const std::string_view> paths;
  std::int64_t first_ms = 0;  // the periods that hold these two moments are in
  std::int64_t last_ms = 0;
};
std::string counts_pipeline(const CountsQuery& query);

}  // namespace pendo
