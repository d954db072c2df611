// How far a scan has come in the order of its rows: by their key, or by a field
// that holds numbers, rows without one first or last, and then by their key.
#pragma once

#include <string>
#include <string_view>

#include "pipeline.h"
#include "wall.h"

namespace pendo {

// Where one row stands. Rank and value, of another order than the key's, are
// JSON numbers as Pendo writes them.
struct RowPlace {
  std::string_view key;
  std::string_view rank;
  std::string_view value;
};

class ScanPosition {
 public:
  ScanPosition(std::string_view key_field, const SortOrder& order);
  ScanPosition(const ScanPosition&) = delete;
  ScanPosition& operator=(const ScanPosition&) = delete;

  const SortOrder& order() const noexcept { return order_; }
  bool sorted_by_key() const noexcept { return order_.path.empty(); }

  void clear() noexcept { key_.clear(); }
  void move_to(const RowPlace& place);

  // Empty: before every row.
  const std::string& key() const noexcept { return key_; }

  // Did Pendo take the last row's value for a number?
  bool is_at_number() const;

  // Does the row come later, as far as that can be told of it?
  bool is_before(const RowPlace& place) const;

  // The filter of rows that come later than this one; than where it is.
  std::string behind(const RowPlace& place) const;
  std::string behind() const { return behind({key_, rank_, value_}); }

 private:
  std::string key_field_;
  std::string path_;  // of order_
  SortOrder order_;
  std::string key_;
  std::string rank_;
  std::string value_;
};

}  // namespace pendo
