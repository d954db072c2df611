// Reads what Pendo keeps of Track Events: counts per visitor, account, type
// and day. Rows carry the type's id; its name is looked up in the list of types.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fetch.h"
#include "scan.h"
#include "wall.h"

namespace pendo {

class EventCounts : public RowSource {
 public:
  // Counts of the days that hold the two moments and those between them.
  // nullptr: `failure` tells why.
  static std::unique_ptr<EventCounts> create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                             const std::vector<ScanColumn>& columns, const CallOptions& options,
                                             std::int64_t first_ms, std::int64_t last_ms, Failure& failure) noexcept;

  // Starts, or starts again. False: failure().
  bool start() noexcept;

  Status next(Value* out) noexcept override;
  std::string_view row_key() const noexcept override { return type_id_; }
  const ScanCounts& counts() const noexcept override { return scan_->counts(); }
  int fd() const noexcept override { return named_ ? scan_->fd() : types_->fd(); }

 private:
  using RowSource::RowSource;

  Status learn_names();
  Status start_rows();

  std::unique_ptr<Fetch> types_;
  std::unique_ptr<Scan> scan_;
  std::map<std::string, std::string, std::less<>> names_;
  std::vector<std::size_t> event_columns_;  // that hold the name
  std::size_t columns_ = 0;
  std::vector<Value> values_;  // the columns, then the type's id
  std::string body_;
  std::string type_id_;
  bool named_ = false;
  bool running_ = false;
};

}  // namespace pendo
