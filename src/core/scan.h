// Reads the rows of an object: all of them page by page, or the one of a key.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"
#include "client.h"
#include "object.h"
#include "page_keys.h"
#include "pipeline.h"
#include "record_queue.h"
#include "record_splitter.h"
#include "row_decoder.h"
#include "scan_position.h"
#include "wall.h"
#include "wanted_keys.h"

namespace pendo {

// A column that a scan shall bring. `path` is relative to the row
// ("visitorId", "metadata.custom.plan") and must outlive the call of create().
struct ScanColumn {
  std::string_view path;
  ColumnType type;
};

// Which rows.
struct ScanRange {
  std::string filter;       // of condition.h; empty: every row
  bool in_order = false;    // the order matters, so it is checked
  long first_rows = 0;      // how many are expected to be wanted; 0: all
};

// How much a scan asked for and got, for EXPLAIN ANALYZE.
struct ScanCounts {
  long requests = 0;
  long retries = 0;
  long rows = 0;
  long long bytes = 0;       // decoded
  long long wire_bytes = 0;  // as they travelled: bodies, compressed where they were
};

// What the executor sees of anything that yields rows.
class RowSource : public Operation {
 public:
  // kRow: `out` holds a Value for each column, views valid until the next
  // call. kDone: no more rows.
  virtual Status next(Value* out) noexcept = 0;

  // Names the row that next() brought last, for messages.
  virtual std::string_view row_key() const noexcept = 0;

  // The values that next() brought are no longer looked at; those that are not
  // JSON, and all of them. Large ones give their memory back.
  virtual void texts_taken() noexcept {}
  virtual void row_taken() noexcept {}

  virtual const ScanCounts& counts() const noexcept = 0;

 protected:
  using Operation::Operation;
};

class Scan : public RowSource, private BodySink {
 public:
  // nullptr: `failure` tells why.
  static std::unique_ptr<Scan> create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                      const std::vector<ScanColumn>& columns, const CallOptions& options,
                                      const SortOrder& order, Failure& failure) noexcept;
  ~Scan() override = default;

  // Each forgets what went before. False: failure().
  bool start_all(ScanRange range) noexcept;
  bool start_lookup(std::string_view key) noexcept;
  // The rows of these keys, each once, in calls of many keys.
  bool start_keys(std::vector<std::string> keys) noexcept;

  // The rows of an aggregation call of the caller's making, whose projection
  // names column i column_alias(i). They have no key: a break is an error.
  bool start_rows(std::string body) noexcept;

  Status next(Value* out) noexcept override;
  std::string_view row_key() const noexcept override { return position_.key(); }

  // Where another order than the key's was asked for: did Pendo take the last
  // row's value for a number, or did it sort the row among those without one?
  bool sorted_as_number() const { return position_.is_at_number(); }

  void texts_taken() noexcept override { row_decoder_->release(); }
  void row_taken() noexcept override;
  const ScanCounts& counts() const noexcept override { return counts_; }

 private:
  enum class Mode { kIdle, kPages, kRecord, kKeys, kRows };
  enum class Verdict { kTake, kPassOver, kNonsense };

  Scan(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options, const SortOrder& order);

  void plan_columns(const std::vector<ScanColumn>& columns);
  std::size_t key_column(const std::vector<ScanColumn>& columns) const;
  bool check_paths();
  bool has_enough() const noexcept override;
  bool on_body(const char* data, std::size_t size) noexcept override;

  bool has_key() const noexcept { return !object_.key_field.empty(); }
  bool is_hidden(std::string_view key) const;
  std::string page_body(std::string position) const;
  std::string keys_body() const;
  std::string body_to_resume() const;
  bool ask_for_more();
  bool start_record();
  bool ask_for_keys();
  Request aggregation(std::string body) const;
  bool send(Request&& request, bool streamed);
  bool send_while_reading(Request&& request, bool streamed);

  Status next_streamed(Value* out);
  Split next_record_text(std::string_view& record);
  void take_in();
  bool read_ahead();
  bool ask_ahead();
  bool wants_next_page() const;
  std::string position_behind_ready();
  void grow_page();
  Status take_record(std::string_view record, Value* out);
  Verdict check_key(const Value& key);
  Verdict check_wanted_key(std::string_view key);
  Verdict check_page_key(std::string_view key);
  Verdict wrong(std::string what);
  Verdict twice(std::string_view key);
  bool starts_a_page(std::string_view key);
  RowPlace place_of_row() const;
  bool is_complete(const RowPlace& place) const;
  Status page_ended();
  Status stream_ended();
  Status stream_broke();
  Status next_record(Value* out);
  Status record_answered(Value* out);
  Status confirm_absence();
  Status nonsense(const std::string& reason);

  const ObjectDescriptor& object_;
  std::string app_id_;
  CallOptions options_;
  ScanRange range_;
  ScanPosition position_;    // of the last row of the pages so far, or of the key looked for
  std::set<std::string, std::less<>> page_starts_;  // first keys of the pages so far
  PageKeys page_keys_;
  std::vector<std::string> paths_;             // of the columns, the key, and the parts of another order
  std::unique_ptr<RowDecoder> row_decoder_;    // aliased rows of an aggregation
  std::unique_ptr<RowDecoder> record_decoder_; // whole records of a GET by id
  std::size_t column_count_ = 0;
  std::size_t key_at_ = 0;   // where the key, the rank and the value to sort by are
  std::size_t rank_at_ = 0;
  std::vector<Value> values_;
  RecordSplitter splitter_;
  RecordQueue ready_;        // the rest of a page whose body has come
  std::string ready_page_;   // how that page began
  bool ahead_ = false;       // the call at hand is the one for the page after it
  Call call_;
  Mode mode_ = Mode::kIdle;
  std::string nonsense_;   // what is wrong with the row at hand
  std::string rows_body_;  // of start_rows()
  int page_limit_ = 0;
  WantedKeys wanted_;  // of start_keys()
  long rows_ = 0;  // since the start
  long rows_in_page_ = 0;
  long rows_in_attempt_ = 0;
  std::size_t undecoded_ = 0;  // bytes in the splitter since the last record
  std::size_t received_ = 0;   // bytes since the splitter ran dry
  ScanCounts counts_;
};

// The aggregation call of a scan's first page, for EXPLAIN.
std::string describe_scan(const ObjectDescriptor& object, const std::vector<ScanColumn>& columns,
                          const CallOptions& options, const ScanRange& range, const SortOrder& order);

}  // namespace pendo
