// Names first, then rows, call by call.
#include "event_counts.h"

#include <algorithm>
#include <new>
#include <utility>

#include "answer_limit.h"
#include "app_choice.h"
#include "pipeline.h"
#include "printable.h"

namespace pendo {
namespace {

// A row has no name, but a type.
std::string_view row_path(std::string_view path) { return path == kEventPath ? kTypeIdPath : path; }

std::vector<std::string_view> views_of(const std::vector<std::string>& strings) { return {strings.begin(), strings.end()}; }

bool asks_for_none(const TypeChoice& types) { return !types.all && types.names.empty() && types.ids.empty(); }

}  // namespace

EventCounts::EventCounts(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options,
                         const CountPeriod& period)
    : RowSource(std::move(client)), object_(object), app_id_(options.app_id), period_(period) {}

std::unique_ptr<EventCounts> EventCounts::create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                                 const std::vector<ScanColumn>& columns, const CallOptions& options,
                                                 const CountPeriod& period, Failure& failure) noexcept try {
  std::unique_ptr<EventCounts> counts(new EventCounts(client, object, options, period));
  std::vector<ScanColumn> asked = counts->plan_columns(columns);
  Request types{.kind = CallKind::kRead, .post = false, .to_track_host = false, .connect_only = false,
                .path = track_types_path(options.app_id), .body = {}};
  counts->types_ = Fetch::create(client, std::move(types), options, failure);
  if (!counts->types_) return nullptr;
  counts->scan_ = Scan::create(std::move(client), object, asked, options, {}, failure);
  return counts->scan_ ? std::move(counts) : nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

std::vector<ScanColumn> EventCounts::plan_columns(const std::vector<ScanColumn>& columns) {
  std::vector<ScanColumn> asked = columns;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].path == kEventPath) event_columns_.push_back(i);
    asked[i].path = row_path(asked[i].path);
  }
  asked.push_back({kTypeIdPath, ColumnType::kText});
  asked.push_back({period_.path, ColumnType::kTime});
  for (const auto& column : asked) paths_.emplace_back(column.path);
  columns_ = columns.size();
  values_.resize(asked.size());
  return asked;
}

void EventCounts::start(CountsRange range, std::vector<CountsCall> calls) noexcept {
  range_ = std::move(range);
  calls_ = std::move(calls);
  if (asks_for_none(range_.types)) calls_.clear();
  type_ids_.clear();
  call_ = 0;
  chosen_ = running_ = false;
}

Status EventCounts::learn_names() {
  types_asked_ = true;
  Status status = types_->run();
  if (status == Status::kFailed) return fail(types_->failure());
  if (status != Status::kDone) return status;
  types_asked_ = false;
  std::string reason;
  if (!parse_track_types(types_->reply(), app_id_, names_, reason)) {
    Failure failure{sqlstate::kReplyHandle,
                    "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": " + reason,
                    "GET " + track_types_path(app_id_) + " answered 200 with a body that begins: " + shown_reply(types_->reply(), 200),
                    "Check the server's region or api_url.", 200};
    name_limit(failure, reason);
    return fail(std::move(failure));
  }
  named_ = true;
  return Status::kDone;
}

Status EventCounts::choose_types() {
  bool needs_names = !event_columns_.empty() || !range_.types.all;
  if (needs_names && !named_) {
    if (Status status = learn_names(); status != Status::kDone) return status;
  }
  auto ids = ids_of(range_.types, names_);
  if (ids && ids->empty()) calls_.clear();
  if (ids) type_ids_ = std::move(*ids);
  chosen_ = true;
  return Status::kDone;
}

bool EventCounts::send_call() {
  auto paths = views_of(paths_);
  const CountsCall& call = calls_[call_];
  std::string first = std::to_string(call.first_ms);
  std::string last = std::to_string(call.last_ms);
  running_ = scan_->start_rows(counts_pipeline({.object = &object_, .paths = paths, .period = period_.range, .first = first,
                                                .last = last, .type_ids = type_ids_, .app_id = app_id_,
                                                .filter = range_.filter}));
  return running_;
}

// Does its period belong to the call at hand, and not to a neighbour?
bool EventCounts::is_of_call(const Value& beginning) const {
  const CountsCall& call = calls_[call_];
  if (calls_.size() == 1) return true;
  std::int64_t ms = beginning.integer / 1000;
  return ms >= call.from_ms && ms < call.until_ms;
}

// kRow: values_ has it. kDone: the call at hand has no more.
Status EventCounts::next_row() {
  for (;;) {
    Status status = scan_->next(values_.data());
    if (status == Status::kFailed) return fail(scan_->failure());
    if (status != Status::kRow) return status;
    const Value& beginning = values_.back();
    if (calls_.size() > 1 && beginning.kind != ValueKind::kTime) {
      return fail(sqlstate::kReplyHandle,
                  "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": a row has no time in \"" +
                      std::string(period_.path) + "\"");
    }
    if (is_of_call(beginning)) return Status::kRow;
  }
}

Status EventCounts::fill(Value* out) {
  const Value& id = values_[columns_];
  type_id_ = id.kind == ValueKind::kText ? id.text : std::string_view();
  auto name = names_.find(type_id_);
  for (std::size_t i : event_columns_) {
    values_[i] = name == names_.end() ? Value::null() : Value::of_text(name->second);
  }
  std::copy(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(columns_), out);
  return Status::kRow;
}

Status EventCounts::next(Value* out) noexcept try {
  if (!chosen_ && !calls_.empty()) {
    if (Status status = choose_types(); status != Status::kDone) return status;
  }
  for (; call_ < calls_.size(); ++call_) {
    if (!running_ && !send_call()) return fail(scan_->failure());
    Status status = next_row();
    if (status == Status::kRow) return fill(out);
    if (status != Status::kDone) return status;
    running_ = false;
  }
  return Status::kDone;
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

std::string describe_counts(const ObjectDescriptor& object, const std::vector<ScanColumn>& columns, const CallOptions& options,
                            const CountPeriod& period, std::string_view first, std::string_view last, const TypeChoice& types,
                            std::string_view filter) {
  std::vector<std::string_view> paths;
  for (const auto& column : columns) paths.push_back(row_path(column.path));
  paths.push_back(kTypeIdPath);
  paths.push_back(period.path);
  std::vector<std::string> ids(types.ids.begin(), types.ids.end());
  for (const auto& name : types.names) ids.push_back("id of " + name);
  return counts_pipeline({.object = &object, .paths = paths, .period = period.range, .first = first, .last = last,
                          .type_ids = ids, .app_id = options.app_id, .filter = filter});
}

}  // namespace pendo
