// From the text of one record to the values of columns, in one pass. Where a
// key comes twice, the last one counts, as in jsonb.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "value.h"
#include "wall.h"

namespace pendo {

// `keys` lead from the record to the value: {"a"}, {"metadata", "custom",
// "plan"}; none: the record itself. Columns may share a path, and one path may
// lead to a node on the way of another.
struct DecodeColumn {
  std::vector<std::string> keys;
  ColumnType type;
};

class RowDecoder {
 public:
  // May throw std::bad_alloc.
  explicit RowDecoder(const std::vector<DecodeColumn>& columns);
  ~RowDecoder();
  RowDecoder(const RowDecoder&) = delete;
  RowDecoder& operator=(const RowDecoder&) = delete;

  // Fills one Value per column. Their views point into the record or into the
  // decoder: good until the record goes or decode() is called again. False:
  // `record` is not a JSON object, see reason(); `out` is as it was.
  bool decode(std::string_view record, Value* out) noexcept;

  const std::string& reason() const noexcept { return reason_; }

  // The values are no longer looked at, but for those of JSON columns, which are
  // views into the record: what large ones took is given back.
  void release() noexcept;

 private:
  // To the copy that is parsed: record_text.h.
  struct Changes {
    bool numbers = false;
    bool halves = false;
  };

  class Plan;
  class Handler;
  struct State;

  bool run(std::string_view record);
  bool parse(std::string_view record, Changes& changes);

  std::unique_ptr<State> state_;
  std::string reason_;
};

}  // namespace pendo
