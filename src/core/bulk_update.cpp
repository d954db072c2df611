// Batches per group, a few calls in flight, answers settled as they come.
#include "bulk_update.h"

#include <algorithm>
#include <new>
#include <utility>

#include "json_write.h"
#include "printable.h"
#include "record_splitter.h"

namespace pendo {
namespace {

// What the bodies in flight may take together.
constexpr std::int64_t kMaxBytesInFlight = 8 << 20;

// What could not be read back is not written.
constexpr std::size_t kMaxWrittenRecordBytes = kMaxRecordBytes / 2;

// Refused ids are remembered up to here; beyond, one of two groups may count twice.
constexpr std::size_t kMaxRememberedIds = 50'000;

constexpr std::int64_t kRowsBetweenLooks = 64;

int calls_in_flight(const CallOptions& options) {
  auto fitting = std::max<std::int64_t>(1, kMaxBytesInFlight / std::max<std::int64_t>(1, options.batch_bytes));
  return static_cast<int>(std::min<std::int64_t>(options.concurrency, fitting));
}

}  // namespace

std::string_view key_problem(std::string_view id) noexcept {
  auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  if (id.empty()) return "the id is empty";
  if (blank(id.front()) || blank(id.back())) return "the id begins or ends with a blank";
  if (id.starts_with("_PENDO_T_")) return "the id is an anonymous visitor's";
  return {};
}

std::unique_ptr<BulkUpdate> BulkUpdate::create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                               const std::vector<BulkField>& fields, const CallOptions& options,
                                               Failure& failure) noexcept try {
  std::unique_ptr<BulkUpdate> update(new BulkUpdate(std::move(client), object, options));
  if (update->ready() && update->need_integration_key() && update->make_flights(options)) {
    update->plan_fields(fields);
    return update;
  }
  failure = update->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

BulkUpdate::BulkUpdate(std::shared_ptr<Client> client, const ObjectDescriptor& object, const CallOptions& options)
    : Operation(std::move(client)), object_(object), options_(options) {}

void BulkUpdate::plan_fields(const std::vector<BulkField>& fields) {
  for (const auto& field : fields) {
    auto same = [&](const Series& s) { return s.group == field.group; };
    auto found = std::find_if(series_.begin(), series_.end(), same);
    auto index = static_cast<std::size_t>(found - series_.begin());
    if (found == series_.end()) series_.push_back({.group = std::string(field.group), .filling = {}});
    fields_.push_back({index, std::string(field.name)});
  }
}

bool BulkUpdate::make_flights(const CallOptions& options) {
  for (int i = 0; i < calls_in_flight(options); ++i) {
    flights_.push_back(std::make_unique<Flight>(config(), options_));
    if (!flights_.back()->call.valid()) return out_of_memory(), false;
  }
  return true;
}

// Writing a custom field that does not exist would create it, for good, in the
// customer's subscription; so the schema is asked once per session.
Status BulkUpdate::know_fields() {
  if (fields_known_) return Status::kDone;
  if (!schema_) {
    const auto* known = client_->fields_of(object_.kind);
    if (known && check_fields(*known) == Status::kDone) return Status::kDone;
    // one that is not known may have been created since: ask before refusing
    schema_ = SchemaFetch::create(client_, object_.kind, options_, failure_);
    if (!schema_) return Status::kFailed;
  }
  Status status = schema_->run();
  if (status == Status::kFailed) return fail(schema_->failure());
  return status == Status::kDone ? check_fields(schema_->fields()) : status;
}

int BulkUpdate::fd() const noexcept { return schema_ && !fields_known_ ? schema_->fd() : reactor_->fd(); }

Status BulkUpdate::check_fields(const std::vector<SchemaField>& known) {
  for (const auto& field : fields_) {
    auto same = [&](const SchemaField& k) {
      return !k.deleted && k.field == field.name && k.group == series_[field.series].group;
    };
    if (std::none_of(known.begin(), known.end(), same)) return unknown_field(field, known);
  }
  fields_known_ = true;
  return Status::kDone;
}

Status BulkUpdate::unknown_field(const Field& field, const std::vector<SchemaField>& known) {
  const std::string& group = series_[field.series].group;
  ClosestMatch closest(field.name);
  for (const auto& k : known) {
    if (!k.deleted && k.group == group) closest.offer(k.field);
  }
  std::string hint = "Create it in Pendo (Settings > Data Mappings) first, or correct the column's option path.";
  if (!closest.best().empty()) hint = "Perhaps you meant \"" + group + "." + std::string(closest.best()) + "\". " + hint;
  return fail(sqlstate::kUndefinedColumn,
              "Pendo has no " + std::string(object_.kind) + " field \"" + group + "." + field.name + "\" (server \"" +
                  config().server_name + "\")",
              "Nothing was sent: a field that does not exist would be created by writing it.", std::move(hint));
}

Status BulkUpdate::add(std::string_view id, const Value* values) noexcept try {
  return answered(offer(id, values));
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Status BulkUpdate::offer(std::string_view id, const Value* values) {
  if (Status known = know_fields(); known != Status::kDone) return known;
  // not for each row: looking costs more than encoding one
  bool look = any_busy() && outcome_.records % kRowsBetweenLooks == 0;
  if (look && settle() == Status::kFailed) return Status::kFailed;
  if (!encoded_) {
    ++outcome_.records;
    if (auto problem = key_problem(id); !problem.empty()) {
      outcome_.add_invalid(id, problem);
      return Status::kDone;
    }
    if (!encode(id, values, records_)) return Status::kDone;
    encoded_ = true;
    next_series_ = 0;
  }
  std::int64_t calls = outcome_.calls;
  Status status = put(id);
  // a call that was started shall be on its way while the next rows are made
  if (status == Status::kDone && outcome_.calls > calls) drive();
  return status;
}

// One record per series. False: a value cannot be sent, so nothing of the
// record is, and it was counted as invalid.
bool BulkUpdate::encode(std::string_view id, const Value* values, std::vector<std::string>& records) {
  records.assign(series_.size(), {});
  for (auto& record : records) {
    record += '{';
    append_json_string(record, object_.key_field);
    record += ':';
    std::string_view why;
    if (append_value(record, Value::of_text(id), why) == Encode::kInvalid) {
      outcome_.add_invalid(id, why);
      return false;
    }
    record += ",\"values\":{";
  }
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    std::string& record = records[fields_[i].series];
    if (record.back() != '{') record += ',';
    append_json_string(record, fields_[i].name);
    record += ':';
    std::string_view why;
    if (append_metadata_value(record, values[i], why) == Encode::kInvalid) {
      outcome_.add_invalid(id, fields_[i].name + ": " + std::string(why));
      return false;
    }
  }
  for (auto& record : records) {
    record += "}}";
    if (record.size() <= kMaxWrittenRecordBytes) continue;
    outcome_.add_invalid(id, "its values are larger than 4 MB");
    return false;
  }
  return true;
}

// Puts the encoded record into each series; may have to wait between two.
Status BulkUpdate::put(std::string_view id) {
  bool replaced = false;
  for (; next_series_ < series_.size(); ++next_series_) {
    Series& series = series_[next_series_];
    std::string& record = records_[next_series_];
    bool again = series.filling.holds(id);
    bool full = !again && !series.filling.empty() &&
                (series.filling.size() >= static_cast<std::size_t>(options_.batch_size) ||
                 series.filling.bytes() + static_cast<std::int64_t>(record.size()) + 1 > options_.batch_bytes);
    if (full) {
      if (settle() == Status::kFailed) return Status::kFailed;
      Status status = dispatch(next_series_);
      if (status != Status::kDone) return status;
    }
    if (is_in_flight(next_series_, id)) series.after_all_in_flight = true;
    replaced = series.filling.put(id, std::move(record)) || replaced;
  }
  if (replaced) ++outcome_.duplicates;
  encoded_ = false;
  return Status::kDone;
}

bool BulkUpdate::is_in_flight(std::size_t series, std::string_view id) const {
  return std::any_of(flights_.begin(), flights_.end(), [&](const auto& flight) {
    return flight->busy && flight->series == series && flight->batch.holds(id);
  });
}

bool BulkUpdate::any_busy() const {
  return std::any_of(flights_.begin(), flights_.end(), [](const auto& flight) { return flight->busy; });
}

bool BulkUpdate::any_landed() const {
  return std::any_of(flights_.begin(), flights_.end(), [](const auto& flight) { return flight->busy && flight->call.done(); });
}

bool BulkUpdate::series_in_flight(std::size_t series) const {
  return std::any_of(flights_.begin(), flights_.end(),
                     [&](const auto& flight) { return flight->busy && flight->series == series; });
}

BulkUpdate::Flight* BulkUpdate::idle_flight() noexcept {
  auto found = std::find_if(flights_.begin(), flights_.end(), [](const auto& flight) { return !flight->busy; });
  return found == flights_.end() ? nullptr : found->get();
}

// Starts the call of a series' batch. kWouldBlock: not now.
Status BulkUpdate::dispatch(std::size_t index) {
  Series& series = series_[index];
  Flight* flight = idle_flight();
  if (!flight || (series.after_all_in_flight && series_in_flight(index))) return Status::kWouldBlock;
  Request request{.kind = CallKind::kBulk, .post = true, .to_track_host = false, .connect_only = false,
                  .path = "/api/v1/metadata/" + std::string(object_.kind) + "/" + series.group + "/value",
                  .body = series.filling.body()};
  flight->batch = std::exchange(series.filling, {});
  flight->batch.drop_records();
  flight->series = index;
  flight->busy = true;
  series.after_all_in_flight = false;
  ++outcome_.calls;
  // not driven on here: what lands must be settled before anyone waits
  return flight->call.start(*reactor_, std::move(request), nullptr) ? Status::kDone : out_of_memory();
}

// Takes in every answer that has come.
Status BulkUpdate::settle() {
  drive();
  for (auto& flight : flights_) {
    if (!flight->busy || !flight->call.done()) continue;
    if (landed(*flight) != Status::kDone) return Status::kFailed;
  }
  return Status::kDone;
}

Status BulkUpdate::landed(Flight& flight) {
  if (!flight.call.succeeded()) return with_counts(flight.call.failure());
  Status status = take_reply(flight);
  flight.busy = false;
  flight.batch.clear();
  return status;
}

// Pendo: a 200 does not mean that every record was taken; missing and failed
// ones are in the reply.
Status BulkUpdate::take_reply(const Flight& flight) {
  BulkReply reply;
  std::string reason;
  if (!parse_bulk_reply(flight.call.reply(), reply, reason)) {
    return with_counts({sqlstate::kReplyHandle,
                        "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": " + reason,
                        "POST " + flight.call.request().path + " with " + std::to_string(flight.batch.count()) +
                            " records answered 200 with a body that begins: " + printable(flight.call.reply(), 200) + ".",
                        "Whether these records were taken is not known; sending them again does no harm.", 200});
  }
  count_reply(flight, reply);
  return Status::kDone;
}

// Each group has a call of its own, but a record is one record: what names its
// id counts once; of what does not, the group with the most counts.
void BulkUpdate::count_reply(const Flight& flight, const BulkReply& reply) {
  Series& series = series_[flight.series];
  auto count = static_cast<std::int64_t>(flight.batch.count());
  if (flight.series == 0) outcome_.sent += count;
  bool says_what_failed = reply.updated >= 0 || reply.failed >= 0 || reply.lists_failures;
  if (!says_what_failed || !reply.consistent(flight.batch.count())) {
    std::int64_t before = most(&Series::uncertain);
    series.uncertain += count;
    outcome_.add_uncertain(most(&Series::uncertain) - before, series.group + ": the numbers of the reply do not add up: " +
                                                                  without_secrets(flight.call.reply()));
    return;
  }
  if (flight.series == 0) {
    outcome_.applied += count - reply.failed_records();
    for (const auto& id : reply.missing) outcome_.add_missing(id);
  }
  count_errors(series, reply);
}

void BulkUpdate::count_errors(Series& series, const BulkReply& reply) {
  for (const auto& error : reply.errors) {
    if (first_time_invalid(error.id)) outcome_.add_invalid(error.id, series.group + ": " + without_secrets(error.text));
  }
  auto named = static_cast<std::int64_t>(reply.missing.size() + reply.errors.size());
  std::int64_t unnamed = reply.failed_records() - named;
  if (unnamed <= 0) return;
  std::int64_t before = most(&Series::unnamed);
  series.unnamed += unnamed;
  for (std::int64_t i = before; i < most(&Series::unnamed); ++i) {
    outcome_.add_invalid({}, series.group + ": Pendo does not say which record or why");
  }
}

bool BulkUpdate::first_time_invalid(std::string_view id) {
  if (series_.size() < 2 || id.empty() || invalid_ids_.size() >= kMaxRememberedIds) return true;
  return invalid_ids_.emplace(id).second;
}

std::int64_t BulkUpdate::most(std::int64_t Series::* counter) const {
  std::int64_t result = 0;
  for (const auto& series : series_) result = std::max(result, series.*counter);
  return result;
}

Status BulkUpdate::with_counts(Failure failure) {
  std::string told = "Before that, Pendo had answered for " + std::to_string(outcome_.sent) + " records of this statement";
  told += " and taken " + std::to_string(outcome_.applied) + "; they stay as they are now in Pendo.";
  failure.detail += (failure.detail.empty() ? "" : " ") + told;
  return fail(std::move(failure));
}

Status BulkUpdate::finish() noexcept try {
  do {
    if (Status settled = settle(); settled != Status::kDone) return settled;
    for (std::size_t i = 0; i < series_.size(); ++i) {
      if (!series_[i].filling.empty() && dispatch(i) == Status::kFailed) return Status::kFailed;
    }
    // what has landed by now makes room, and leaves no descriptor to wait for
  } while (any_landed());
  bool left = std::any_of(series_.begin(), series_.end(), [](const Series& s) { return !s.filling.empty(); });
  return answered(left || any_busy() ? Status::kWouldBlock : Status::kDone);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

}  // namespace pendo
