// Records that go out together, and what is known of each of them. A batch is
// one call for each series that its records have values of.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "field_values.h"
#include "wall.h"
#include "writer.h"

namespace pendo {

// The calls of one URL: a group of fields, with or without ?create=true.
struct Series {
  std::string group;
  bool create = false;
};

// Which series records have a part in, and the texts of those parts.
class SeriesTable {
 public:
  SeriesTable(const FieldTable& fields, std::string_view key_field, std::string_view default_group)
      : fields_(fields), key_field_(key_field), default_group_(default_group) {}

  const std::vector<Series>& series() const noexcept { return series_; }

  // The bytes that the record adds to the body of each series, 0 where it has
  // no part; as many as there are series.
  const std::vector<std::int64_t>& sizes(std::string_view id, std::string_view values);

  // {"visitorId":"x","values":{...}}
  void append_record(std::string& out, std::size_t series, std::string_view id, std::string_view values) const;

 private:
  std::size_t index_of(std::string_view group, bool create);

  const FieldTable& fields_;
  std::string key_field_;
  std::string default_group_;
  std::vector<Series> series_;
  std::vector<std::int64_t> sizes_;
  std::string id_text_;
};

class BulkBatch {
 public:
  struct Record {
    std::string id;
    std::string values;
    RecordResult::Kind kind = RecordResult::Kind::kApplied;
    std::string message;
    std::vector<std::int64_t> sizes;
    int calls_left = 0;  // that carry it and are not settled
    bool sent = false;
  };

  bool holds(std::string_view id) const { return place_.contains(id); }
  bool empty() const noexcept { return records_.empty(); }
  std::size_t count() const noexcept { return records_.size(); }
  std::deque<Record>& records() noexcept { return records_; }
  std::int64_t bytes() const noexcept;

  // Would a record of these sizes make a call too large?
  bool is_full_for(const std::vector<std::int64_t>& sizes, std::int64_t max_records, std::int64_t max_bytes) const;

  void append(std::string_view id, std::string_view values, const std::vector<std::int64_t>& sizes);
  Record& record_of(std::string_view id) { return records_[place_.find(id)->second]; }
  void resize(Record& record, const std::vector<std::int64_t>& sizes);

  // The records with a part in the series, by position.
  std::vector<std::uint32_t> members(std::size_t series) const;

 private:
  struct Load {
    std::int64_t records = 0;
    std::int64_t bytes = 2;  // the brackets
  };

  void load(const std::vector<std::int64_t>& sizes, int sign);

  std::deque<Record> records_;  // whose ids do not move
  std::unordered_map<std::string_view, std::size_t> place_;
  std::vector<Load> loads_;  // by series
};

}  // namespace pendo
