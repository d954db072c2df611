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

// What the rows come in order of; the key, always ascending, parts ties.
struct SortOrder {
  std::string_view path;  // a field that holds numbers or nothing; empty: by the key
  bool descending = false;
  bool nulls_first = false;
};

// The names under which the parts of another order than the key's travel: 0
// for a number or 1 for none, and the number.
inline constexpr std::string_view kSortRank = "sort_rank";
inline constexpr std::string_view kSortValue = "sort_value";
inline constexpr std::string_view kRankOfNumbers = "0";

struct RecordsQuery {
  const ObjectDescriptor* object = nullptr;
  std::span<const std::string_view> paths;  // selected under their aliases
  bool include_anonymous = false;
  std::string_view app_id;    // of app_choice.h
  std::string_view filter;    // rows that are wanted; empty: all
  std::string_view position;  // rows that are still to come; empty: all
  SortOrder order;
  int limit = 0;  // 0: no sort and no limit
};
std::string records_pipeline(const RecordsQuery& query);

// One row: {"count":N}.
std::string count_pipeline(const RecordsQuery& query);

// path op "text", or key == "a" || key == "b" || ...
std::string text_comparison(std::string_view path, std::string_view op, std::string_view text);
std::string one_of_keys(std::string_view key_field, std::span<const std::string> keys);

// A filter that lets through about `wanted` of `total` records, picked by the
// hash of their key; empty: all of them. Pendo: hash(x), a whole number.
std::string sample_filter(const ObjectDescriptor& object, std::int64_t total, int wanted);

// Pendo: first and last are milliseconds, and both of their periods are in; ids
// of types and of apps exclude each other.
struct CountsQuery {
  const ObjectDescriptor* object = nullptr;
  std::span<const std::string_view> paths;
  std::string_view period;  // "dayRange"
  std::string_view first;   // as JSON
  std::string_view last;
  std::span<const std::string> type_ids;  // none: all types of the apps
  std::string_view app_id;
  std::string_view filter;
};
std::string counts_pipeline(const CountsQuery& query);

}  // namespace pendo
