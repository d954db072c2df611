// Reads what Pendo keeps of Track Events: counts per visitor, account, type
// and period. Rows carry the type's id; its name is looked up in the list of types.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "count_window.h"
#include "fetch.h"
#include "scan.h"
#include "track_types.h"
#include "type_choice.h"
#include "wall.h"

namespace pendo {

// How long a period is, and what it is called.
struct CountPeriod {
  std::string_view range;   // in a timeSeries
  std::string_view path;    // of its beginning, in rows
  std::int64_t length_ms;
};
inline constexpr CountPeriod kDayPeriod{"dayRange", "day", 86'400'000};
inline constexpr CountPeriod kHourPeriod{"hourRange", "hour", 3'600'000};

// Which of the counts in the window.
struct CountsRange {
  TypeChoice types;
  std::string filter;  // of condition.h; empty: every row
};

class EventCounts : public RowSource {
 public:
  // nullptr: `failure` tells why. `period` must outlive the object.
  static std::unique_ptr<EventCounts> create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                             const std::vector<ScanColumn>& columns, const CallOptions& options,
                                             const CountPeriod& period, Failure& failure) noexcept;

  // Starts, or starts again. Nothing is sent before the first next().
  void start(CountsRange range, std::vector<CountsCall> calls) noexcept;

  Status next(Value* out) noexcept override;
  std::string_view row_key() const noexcept override { return type_id_; }
  void texts_taken() noexcept override { scan_->texts_taken(); }
  void row_taken() noexcept override { scan_->row_taken(); }
  const ScanCounts& counts() const noexcept override { return scan_->counts(); }
  int fd() const noexcept override { return types_asked_ ? types_->fd() : scan_->fd(); }

 private:
  EventCounts(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options, const CountPeriod& period);

  std::vector<ScanColumn> plan_columns(const std::vector<ScanColumn>& columns);
  Status learn_names();
  Status choose_types();
  bool send_call();
  Status next_row();
  bool is_of_call(const Value& beginning) const;
  Status fill(Value* out);

  const ObjectDescriptor& object_;
  std::string app_id_;
  const CountPeriod& period_;
  std::unique_ptr<Fetch> types_;
  std::unique_ptr<Scan> scan_;
  TrackTypeNames names_;
  std::vector<std::size_t> event_columns_;  // that hold the name
  std::vector<std::string> paths_;
  std::size_t columns_ = 0;
  std::vector<Value> values_;  // the columns, the type's id, the period's beginning
  CountsRange range_;
  std::vector<std::string> type_ids_;  // to ask for; none: all
  std::vector<CountsCall> calls_;
  std::size_t call_ = 0;  // the one at hand
  std::string type_id_;
  bool named_ = false;
  bool types_asked_ = false;  // the list of types is on its way
  bool chosen_ = false;
  bool running_ = false;
};

// The first call, for EXPLAIN; `first` and `last` as JSON. Instead of the ids of
// types it tells their names.
std::string describe_counts(const ObjectDescriptor& object, const std::vector<ScanColumn>& columns, const CallOptions& options,
                            const CountPeriod& period, std::string_view first, std::string_view last, const TypeChoice& types,
                            std::string_view filter);

}  // namespace pendo
