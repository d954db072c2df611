// Records or events of the outbox that are sent together: each id once, with the
// values of all its rows, and what became of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "field_values.h"
#include "stored_record.h"
#include "wall.h"
#include "writer.h"

namespace pendo {

class Consignment {
 public:
  enum class State { kUnsent, kApplied, kMissing, kInvalid, kUncertain };

  struct Record {
    std::string id;  // or label
    std::string encoded;
    State state = State::kUnsent;
    std::string values;   // as JSON, of a record that was not applied
    std::string message;  // Pendo's words, or why
  };

  static constexpr int kDamaged = -1;
  static constexpr int kOutOfMemory = -2;

  // The number of the record that a stored row became part of: records of one id
  // merge, later values win; events never do. Or one of the above.
  int add(std::string_view stored) noexcept;

  // Records that set the field are not sent: Pendo does not have it.
  bool refuse_field(std::uint16_t number, std::string_view why) noexcept;  // false: out of memory

  // It is not sent: it may have been taken before.
  bool hold_back(int record, std::string_view why) noexcept;  // false: out of memory

  // Sends all, from where it was; `stop`: no more than is under way. Ends like
  // Writer::finish(). The writer tells of what is applied, too.
  Status send(Writer& writer, bool stop) noexcept;

  // After Writer::abandon().
  bool take_results(Writer& writer) noexcept;  // false: out of memory

  // Results so far.
  std::int64_t settled() const noexcept { return settled_; }

  const std::vector<Record>& records() const noexcept { return records_; }
  FieldTable& fields() noexcept { return fields_; }

 private:
  void put_result(RecordResult& result);

  FieldTable fields_;
  StoredRecord read_;
  std::vector<Record> records_;
  std::unordered_map<std::string, std::vector<int>> by_id_;  // alike events stand in for each other; a deque takes 600 bytes for one
  int offered_ = 0;
  std::int64_t settled_ = 0;
};

}  // namespace pendo
