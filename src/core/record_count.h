// How many records there are: one call that brings one row.
#pragma once

#include <memory>
#include <string>

#include "fetch.h"
#include "scan.h"
#include "wall.h"

namespace pendo {

class RecordCount : public RowSource {
 public:
  // nullptr: `failure` tells why.
  static std::unique_ptr<RecordCount> create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                             const CallOptions& options, Failure& failure) noexcept;

  // Starts, or starts again, with a filter of condition.h. False: failure().
  bool start(const std::string& filter) noexcept;

  // kRow once, with the number as out[0].
  Status next(Value* out) noexcept override;
  std::string_view row_key() const noexcept override { return {}; }
  const ScanCounts& counts() const noexcept override { return counts_; }
  int fd() const noexcept override { return fetch_->fd(); }

 private:
  RecordCount(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options)
      : RowSource(std::move(client)), object_(object), app_id_(options.app_id), options_(options) {
    options_.app_id = app_id_;
  }

  bool read_number(const std::string& reply);

  const ObjectDescriptor& object_;
  std::string app_id_;
  CallOptions options_;
  std::unique_ptr<Fetch> fetch_;
  std::string reason_;
  std::int64_t number_ = 0;
  bool done_ = false;
  ScanCounts counts_;
};

// The call that it makes, for EXPLAIN.
std::string describe_count(const ObjectDescriptor& object, const CallOptions& options, const std::string& filter);

}  // namespace pendo
