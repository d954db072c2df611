// Names first, then rows.
#include "event_counts.h"

#include <new>
#include <utility>

#include "pipeline.h"
#include "printable.h"
#include "track_types.h"

namespace pendo {
namespace {

constexpr std::string_view kTypeIdPath = "trackTypeId";
constexpr std::string_view kEventPath = "event";

}  // namespace

std::unique_ptr<EventCounts> EventCounts::create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                                 const std::vector<ScanColumn>& columns, const CallOptions& options,
                                                 std::int64_t first_ms, std::int64_t last_ms,
                                                 Failure& failure) noexcept try {
  std::unique_ptr<EventCounts> counts(new EventCounts(client));
  std::vector<ScanColumn> asked = columns;
  std::vector<std::string_view> paths;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].path != kEventPath) continue;
    asked[i].path = kTypeIdPath;
    counts->event_columns_.push_back(i);
  }
  asked.push_back({kTypeIdPath, ColumnType::kText});
  for (const auto& column : asked) paths.push_back(column.path);
  counts->columns_ = columns.size();
  counts->values_.resize(asked.size());
  counts->body_ = counts_pipeline({.object = &object, .paths = paths, .first_ms = first_ms, .last_ms = last_ms});
  // Pendo: a bare array of the default app's types, as the rows are of it
  Request types{.kind = CallKind::kRead, .post = false, .to_track_host = false, .connect_only = false,
                .path = "/api/v1/tracktype", .body = {}};
  counts->types_ = Fetch::create(client, std::move(types), options, failure);
  if (!counts->types_) return nullptr;
  counts->scan_ = Scan::create(std::move(client), object, asked, options, {}, failure);
  return counts->scan_ ? std::move(counts) : nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

bool EventCounts::start() noexcept {
  running_ = false;
  return true;
}

Status EventCounts::learn_names() {
  Status status = types_->run();
  if (status == Status::kFailed) return fail(types_->failure());
  if (status != Status::kDone) return status;
  std::string reason;
  if (!parse_track_types(types_->reply(), names_, reason)) {
    return fail(sqlstate::kReplyHandle,
                "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": " + reason,
                "GET /api/v1/tracktype answered 200 with a body that begins: " + printable(types_->reply(), 200),
                "Check the server's region or api_url.");
  }
  named_ = true;
  return Status::kDone;
}

Status EventCounts::start_rows() {
  if (!scan_->start_rows(body_)) return fail(scan_->failure());
  running_ = true;
  return Status::kDone;
}

Status EventCounts::next(Value* out) noexcept try {
  if (!named_) {
    if (Status status = learn_names(); status != Status::kDone) return status;
  }
  if (!running_) {
    if (Status status = start_rows(); status != Status::kDone) return status;
  }
  Status status = scan_->next(values_.data());
  if (status == Status::kFailed) return fail(scan_->failure());
  if (status != Status::kRow) return status;
  const Value& id = values_.back();
  type_id_ = id.kind == ValueKind::kText ? id.text : std::string_view();
  auto name = names_.find(type_id_);
  for (std::size_t i : event_columns_) {
    values_[i] = name == names_.end() ? Value::null() : Value::of_text(name->second);
  }
  std::copy(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(columns_), out);
  return Status::kRow;
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

}  // namespace pendo
