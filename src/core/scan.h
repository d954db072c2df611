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
#include "record_splitter.h"
#include "row_decoder.h"
#include "wall.h"

namespace pendo {

// A column that a scan shall bring. `path` is relative to the row
// ("visitorId", "metadata.custom.plan") and must outlive the call of create().
struct ScanColumn {
  std::string_view path;
  ColumnType type;
};

// How much a scan asked for and got, for EXPLAIN ANALYZE.
struct ScanCounts {
  long requests = 0;
  long retries = 0;
  long rows = 0;
  long long bytes = 0;
};

// What the executor sees of anything that yields rows.
class RowSource : public Operation {
 public:
  // kRow: `out` holds a Value for each column, views valid until the next
  // call. kDone: no more rows.
  virtual Status next(Value* out) noexcept = 0;

  // Names the row that next() brought last, for messages.
  virtual std::string_view row_key() const noexcept = 0;

  virtual const ScanCounts& counts() const noexcept = 0;

 protected:
  using Operation::Operation;
};

class Scan : public RowSource, private BodySink {
 public:
  // nullptr: `failure` tells why.
  static std::unique_ptr<Scan> create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                      const std::vector<ScanColumn>& columns, const CallOptions& options,
                                      Failure& failure) noexcept;
  ~Scan() override = default;

  // Each forgets what went before. False: failure().
  bool start_all() noexcept;
  bool start_lookup(std::string_view key) noexcept;

  // The rows of an aggregation call of the caller's making, whose projection
  // names column i column_alias(i). They have no key: a break is an error.
  bool start_rows(std::string body) noexcept;

  Status next(Value* out) noexcept override;
  std::string_view row_key() const noexcept override { return key_; }
  const ScanCounts& counts() const noexcept override { return counts_; }

 private:
  enum class Mode { kIdle, kPages, kRecord, kFilter, kRows };

  Scan(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options);

  void plan_columns(const std::vector<ScanColumn>& columns);
  bool check_paths();
  bool on_body(const char* data, std::size_t size) noexcept override;

  bool has_key() const noexcept { return !object_.key_field.empty(); }
  std::string page_body() const;
  std::string lookup_body() const;
  std::string body_to_resume() const;
  Request aggregation(std::string body) const;
  bool send(Request&& request, bool streamed);

  Status next_streamed(Value* out);
  Status take_record(std::string_view record, Value* out);
  Status check_key(const Value& key);
  bool starts_a_page(std::string_view key);
  Status stream_ended();
  Status stream_broke();
  Status next_record(Value* out);
  Status record_answered(Value* out);
  Status confirm_absence();
  Status nonsense(const std::string& reason);

  const ObjectDescriptor& object_;
  CallOptions options_;
  std::vector<std::string> paths_;             // of the columns, the key last
  std::unique_ptr<RowDecoder> row_decoder_;    // aliased rows of an aggregation
  std::unique_ptr<RowDecoder> record_decoder_; // whole records of a GET by id
  std::vector<Value> values_;
  RecordSplitter splitter_;
  Call call_;
  Mode mode_ = Mode::kIdle;
  std::string key_;       // the key looked for, or the last key of the pages so far
  std::string rows_body_;  // of start_rows()
  std::set<std::string, std::less<>> page_starts_;  // first keys of the pages so far
  long rows_in_page_ = 0;
  long rows_in_attempt_ = 0;
  std::size_t undecoded_ = 0;  // bytes in the splitter since the last record
  ScanCounts counts_;
};

// The aggregation call of a whole scan's first page, for EXPLAIN.
std::string describe_scan(const ObjectDescriptor& object, const std::vector<ScanColumn>& columns,
                          const CallOptions& options);

}  // namespace pendo
