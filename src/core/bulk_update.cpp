// Batches, calls in flight, and what the answers say of each record.
#include "bulk_update.h"

#include <algorithm>
#include <new>
#include <unordered_map>
#include <utility>

#include "printable.h"

namespace pendo {
namespace {

// What the batches in flight may take together, their calls' bodies included.
constexpr std::int64_t kMaxBytesInFlight = 8 << 20;

constexpr std::int64_t kRowsBetweenLooks = 64;

// So many calls with a single record that led to nothing, with no other in
// between, speak of the call and not of the records.
constexpr int kMostLoneFailures = 20;

constexpr std::string_view kNotSaid = "Pendo does not say why";

bool about_the_records(int status) { return status == 400 || status == 422; }

}  // namespace

std::unique_ptr<BulkUpdate> BulkUpdate::create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                               const FieldTable& fields, const CallOptions& options,
                                               Failure& failure) noexcept try {
  std::unique_ptr<BulkUpdate> update(new BulkUpdate(std::move(client), object, fields, options));
  if (update->ready() && update->need_integration_key() && update->make_flights()) return update;
  failure = update->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

BulkUpdate::BulkUpdate(std::shared_ptr<Client> client, const ObjectDescriptor& object, const FieldTable& fields,
                       const CallOptions& options)
    : Writer(std::move(client)),
      object_(object),
      fields_(fields),
      options_(options),
      most_records_(options.batch_size),
      series_(fields, object.key_field, object.writable_groups.back()) {}

bool BulkUpdate::make_flights() {
  for (int i = 0; i < options_.concurrency; ++i) {
    flights_.push_back(std::make_unique<Flight>(config(), options_));
    if (!flights_.back()->call.valid()) return out_of_memory(), false;
  }
  return true;
}

Status BulkUpdate::add(std::string_view id, std::string_view values) noexcept try {
  return answered(offer(id, values));
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Status BulkUpdate::offer(std::string_view id, std::string_view values) {
  if (failing_) return wind_up();
  // not for each row: looking costs more than taking one
  if (any_busy() && offered_ % kRowsBetweenLooks == 0) {
    if (Status settled = settle(); settled != Status::kDone) return settled;
  }
  Status status = put(id, values);
  if (status == Status::kDone) ++offered_;
  return status;
}

Status BulkUpdate::put(std::string_view id, std::string_view values) {
  if (filling_.holds(id)) {
    merge(id, values);
    return Status::kDone;
  }
  const auto& sizes = series_.sizes(id, values);
  if (filling_.is_full_for(sizes, most_records_, options_.batch_bytes)) {
    if (Status settled = settle(); settled != Status::kDone) return settled;
    if (Status status = dispatch(); status != Status::kDone) return status;
    // it shall be on its way while the next rows are made
    drive();
  }
  if (is_in_flight(id)) after_all_in_flight_ = true;
  filling_.append(id, values, sizes);
  ++outcome_.records;
  return Status::kDone;
}

void BulkUpdate::merge(std::string_view id, std::string_view values) {
  BulkBatch::Record& record = filling_.record_of(id);
  record.values = merge_values(record.values, values);
  filling_.resize(record, series_.sizes(id, record.values));
  ++outcome_.duplicates;
}

bool BulkUpdate::is_in_flight(std::string_view id) const {
  return std::any_of(in_flight_.begin(), in_flight_.end(), [&](const auto& batch) { return batch->holds(id); });
}

bool BulkUpdate::any_busy() const noexcept {
  return std::any_of(flights_.begin(), flights_.end(), [](const auto& flight) { return flight->busy; });
}

bool BulkUpdate::any_landed() const noexcept {
  return std::any_of(flights_.begin(), flights_.end(), [](const auto& flight) { return flight->busy && flight->call.done(); });
}

BulkUpdate::Flight* BulkUpdate::idle_flight() noexcept {
  auto found = std::find_if(flights_.begin(), flights_.end(), [](const auto& flight) { return !flight->busy; });
  return found == flights_.end() ? nullptr : found->get();
}

// The records are held as they were taken and once more as a body.
bool BulkUpdate::has_room() const {
  if (in_flight_.empty()) return true;
  std::int64_t held = 2 * filling_.bytes();
  for (const auto& batch : in_flight_) held += 2 * batch->bytes();
  return held <= kMaxBytesInFlight;
}

// Makes calls of the records taken so far. kWouldBlock: not now.
Status BulkUpdate::dispatch() {
  bool wait = !ready_.empty() || !idle_flight() || (after_all_in_flight_ && !in_flight_.empty()) || !has_room();
  if (wait) return Status::kWouldBlock;
  auto batch = std::make_shared<BulkBatch>(std::exchange(filling_, {}));
  after_all_in_flight_ = false;
  in_flight_.push_back(batch);
  for (std::size_t i = 0; i < series_.series().size(); ++i) {
    auto members = batch->members(i);
    for (auto member : members) ++batch->records()[member].calls_left;
    if (!members.empty()) ready_.push_back({.batch = batch, .series = i, .members = std::move(members)});
  }
  return start_ready();
}

Status BulkUpdate::start_ready() {
  while (!ready_.empty()) {
    if (options_.dry_run) {
      keep_dry(ready_.front());
      settle_job(ready_.front());
      ready_.pop_front();
      drop_settled_batches();
      continue;
    }
    Flight* flight = idle_flight();
    if (!flight) break;
    flight->job = std::move(ready_.front());
    ready_.pop_front();
    if (start(*flight) != Status::kDone) return Status::kFailed;
  }
  return Status::kDone;
}

Status BulkUpdate::start(Flight& flight) {
  for (auto member : flight.job.members) flight.job.batch->records()[member].sent = true;
  flight.busy = true;
  ++outcome_.calls;
  return flight.call.start(*reactor_, request_of(flight.job), nullptr) ? Status::kDone : out_of_memory();
}

std::string BulkUpdate::path_of(std::size_t index) const {
  const Series& series = series_.series()[index];
  return "/api/v1/metadata/" + std::string(object_.kind) + "/" + series.group + "/value" + (series.create ? "?create=true" : "");
}

Request BulkUpdate::request_of(const Job& job) const {
  Request request{.kind = CallKind::kBulk, .post = true, .to_track_host = false, .connect_only = false,
                  .can_split = job.members.size() > 1, .path = path_of(job.series), .body = {}};
  std::int64_t size = 2;
  for (auto member : job.members) size += job.batch->records()[member].sizes[job.series];
  request.body.reserve(static_cast<std::size_t>(size));
  request.body += '[';
  for (auto member : job.members) {
    const auto& record = job.batch->records()[member];
    if (request.body.size() > 1) request.body += ',';
    series_.append_record(request.body, job.series, record.id, record.values);
  }
  request.body += ']';
  return request;
}

void BulkUpdate::keep_dry(const Job& job) {
  Request request = request_of(job);
  ++outcome_.calls;
  dry_calls_.push_back({config().api_url + request.path, static_cast<std::int64_t>(job.members.size()), std::move(request.body)});
}

// Takes in every answer that has come.
Status BulkUpdate::settle() {
  drive();
  for (auto& flight : flights_) {
    if (!flight->busy || !flight->call.done()) continue;
    if (landed(*flight) != Status::kDone) return wind_up();
  }
  drop_settled_batches();
  return start_ready();
}

Status BulkUpdate::landed(Flight& flight) {
  outcome_.retries += flight.call.tries();
  flight.busy = false;
  if (flight.call.succeeded()) return take_reply(flight);
  if (failing_) return Status::kDone;
  int status = flight.call.http_status();
  flight.job.in_doubt |= flight.call.maybe_repeated() || status == 408;
  bool several = flight.job.members.size() > 1;
  if (several && (status == 408 || status == 413)) return split_later(flight);
  if (about_the_records(status) || status == 413) return refused(flight);
  if (turned_away(status)) take_back(flight.job);
  return start_failing(flight.call.failure());
}

// Pendo: a 200 does not mean that every record was taken; missing and failed
// ones are in the reply.
Status BulkUpdate::take_reply(Flight& flight) {
  flight.job.in_doubt = true;  // if the answer does not settle it
  BulkReply reply;
  std::string reason;
  if (!parse_bulk_reply(flight.call.reply(), reply, reason)) return nonsense(flight, reason);
  bool says_what_failed = reply.updated >= 0 || reply.failed >= 0 || reply.lists_failures;
  if (!says_what_failed || !reply.consistent(flight.job.members.size())) {
    return nonsense(flight, "its numbers do not add up");
  }
  if (reply.names_any() && !reply.names_only(ids_of(flight.job))) return nonsense(flight, "it names other records than it was sent");
  if (!settle_by(flight.job, reply)) {
    bisect(std::move(flight.job));
    return Status::kDone;
  }
  lone_failures_ = 0;
  return Status::kDone;
}

IdSet BulkUpdate::ids_of(const Job& job) const {
  IdSet ids;
  for (auto member : job.members) ids.insert(job.batch->records()[member].id);
  return ids;
}

// False: it does not say which records failed.
bool BulkUpdate::settle_by(const Job& job, const BulkReply& reply) {
  std::int64_t failed = reply.failed_records();
  if (failed == static_cast<std::int64_t>(job.members.size())) {
    settle_all_failed(job, reply);
    return true;
  }
  std::unordered_map<std::string_view, const BulkReply::Error*> named;
  for (const auto& id : reply.missing) named.emplace(id, nullptr);
  for (const auto& error : reply.errors) {
    if (!error.id.empty()) named.emplace(error.id, &error);
  }
  if (static_cast<std::int64_t>(named.size()) != failed) return false;
  for (auto member : job.members) {
    auto found = named.find(job.batch->records()[member].id);
    if (found == named.end()) continue;
    if (found->second) {
      judge_member(job, member, RecordResult::Kind::kInvalid, found->second->text);
    } else {
      judge_member(job, member, RecordResult::Kind::kMissing, {});
    }
  }
  settle_job(job);
  return true;
}

// Which failed is clear, and which of them for want of the id as well.
void BulkUpdate::settle_all_failed(const Job& job, const BulkReply& reply) {
  IdSet missing(reply.missing.begin(), reply.missing.end());
  std::string words(reply.errors.empty() ? kNotSaid : std::string_view(reply.errors.front().text));
  std::unordered_map<std::string_view, std::string_view> texts;
  for (const auto& error : reply.errors) texts.emplace(error.id, error.text);
  for (auto member : job.members) {
    const std::string& id = job.batch->records()[member].id;
    if (missing.contains(id)) {
      judge_member(job, member, RecordResult::Kind::kMissing, {});
      continue;
    }
    auto own = texts.find(id);
    judge_member(job, member, RecordResult::Kind::kInvalid, own == texts.end() ? words : std::string(own->second));
  }
  settle_job(job);
}

void BulkUpdate::judge_member(const Job& job, std::uint32_t member, RecordResult::Kind kind, std::string message) {
  BulkBatch::Record& record = job.batch->records()[member];
  if (record.kind >= kind && record.kind != RecordResult::Kind::kApplied) return;
  record.kind = kind;
  record.message = message.empty() ? std::string()
                                   : series_.series()[job.series].group + ": " + without_secrets(std::move(message));
}

void BulkUpdate::settle_job(const Job& job) {
  for (auto member : job.members) {
    BulkBatch::Record& record = job.batch->records()[member];
    if (--record.calls_left > 0) continue;
    if (record.kind == RecordResult::Kind::kApplied) {
      tell_taken(record.id);
    } else {
      tell(result_of(record));
    }
  }
}

RecordResult BulkUpdate::result_of(const BulkBatch::Record& record) const {
  return {record.kind, record.id, values_json(fields_, record.values), record.message};
}

void BulkUpdate::drop_settled_batches() {
  std::erase_if(in_flight_, [](const auto& batch) {
    return std::all_of(batch->records().begin(), batch->records().end(), [](const auto& r) { return r.calls_left == 0; });
  });
}

std::pair<BulkUpdate::Job, BulkUpdate::Job> BulkUpdate::halves(Job job) {
  auto middle = job.members.begin() + static_cast<std::ptrdiff_t>(job.members.size() / 2);
  Job second{job.batch, job.series, {middle, job.members.end()}, job.in_doubt};
  job.members.erase(middle, job.members.end());
  return {std::move(job), std::move(second)};
}

// The call was turned away: what is not sent again has not been sent, unless a try
// before it may have been taken. A record that has parts in other calls stays sent.
void BulkUpdate::take_back(const Job& job) {
  if (job.in_doubt) return;
  for (auto member : job.members) {
    BulkBatch::Record& record = job.batch->records()[member];
    auto parts = std::count_if(record.sizes.begin(), record.sizes.end(), [](auto size) { return size > 0; });
    if (parts == 1) record.sent = false;
  }
}

// The halves go first: what they answer may end the whole.
void BulkUpdate::bisect(Job job) {
  auto [first, second] = halves(std::move(job));
  ready_.push_front(std::move(second));
  ready_.push_front(std::move(first));
}

// Pendo: a bulk call may run five minutes, then 408; too much data, 413. The
// first half goes out as another try of the same call, after its back-off.
Status BulkUpdate::split_later(Flight& flight) {
  most_records_ = std::max<std::int64_t>(1, std::min(most_records_, static_cast<std::int64_t>(flight.job.members.size())) / 2);
  auto [first, second] = halves(std::move(flight.job));
  flight.job = std::move(first);
  ready_.push_front(std::move(second));
  if (flight.call.http_status() == 413) return start(flight);
  flight.busy = true;
  ++outcome_.calls;
  return flight.call.retry_with(request_of(flight.job)) ? Status::kDone : start_failing(flight.call.failure());
}

// An answer from which nothing can be learnt of the records.
Status BulkUpdate::nonsense(Flight& flight, const std::string& reason) {
  std::string begins = shown_reply(flight.call.reply(), 200);
  if (flight.job.members.size() > 1) {
    bisect(std::move(flight.job));
    return Status::kDone;
  }
  return lone_failure(flight, RecordResult::Kind::kUncertain, "cannot make sense of Pendo's answer, " + reason + ": " + begins,
                      {sqlstate::kReplyHandle,
                       "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": " + reason,
                       "POST " + flight.call.request().path + " answered 200 with a body that begins: " + begins + ".",
                       "Whether records were taken is not known; sending them again does no harm.", 200});
}

Status BulkUpdate::refused(Flight& flight) {
  take_back(flight.job);
  if (flight.job.members.size() > 1) {
    bisect(std::move(flight.job));
    return Status::kDone;
  }
  std::string words = std::to_string(flight.call.http_status()) + " " + shown_reply(flight.call.reply(), 300);
  if (flight.job.in_doubt) {
    return lone_failure(flight, RecordResult::Kind::kUncertain, std::string(kEarlierTry) + words, flight.call.failure());
  }
  return lone_failure(flight, RecordResult::Kind::kInvalid, std::move(words), flight.call.failure());
}

Status BulkUpdate::lone_failure(Flight& flight, RecordResult::Kind kind, std::string message, Failure failure) {
  judge_member(flight.job, flight.job.members.front(), kind, std::move(message));
  settle_job(flight.job);
  if (++lone_failures_ < kMostLoneFailures || failing_) return Status::kDone;
  failure.detail += " So were " + std::to_string(lone_failures_) + " calls in a row, each with a single record.";
  return start_failing(std::move(failure));
}

void BulkUpdate::wind_up_calls() noexcept {
  ready_.clear();
  for (auto& flight : flights_) {
    if (flight->busy) flight->call.wind_up(kGraceMs);
  }
}

Status BulkUpdate::wind_up() {
  drive();
  for (auto& flight : flights_) {
    if (flight->busy && flight->call.done()) landed(*flight);
  }
  ready_.clear();
  if (any_busy()) return Status::kWouldBlock;
  count_unsettled(reason_.message);
  return fail(reason_);
}

std::int64_t BulkUpdate::under_way() const noexcept {
  std::int64_t count = 0;
  for (const auto& batch : in_flight_) {
    for (const auto& record : batch->records()) count += record.sent && record.calls_left > 0;
  }
  return count;
}

void BulkUpdate::abandon() noexcept try {
  for (auto& flight : flights_) flight->call.cancel();
  count_unsettled(kEndedUnderWay);
} catch (const std::bad_alloc&) {
  out_of_memory();
}

void BulkUpdate::count_unsettled(std::string_view why) {
  for (auto& batch : in_flight_) {
    for (auto& record : batch->records()) {
      if (record.calls_left == 0 || !record.sent) continue;
      record.kind = RecordResult::Kind::kUncertain;
      record.message = why;
      tell(result_of(record));
    }
  }
  in_flight_.clear();
  for (auto& flight : flights_) flight->busy = false;
}

Status BulkUpdate::finish() noexcept try {
  if (failing_) return answered(wind_up());
  do {
    if (Status settled = settle(); settled != Status::kDone) return answered(settled);
    if (!filling_.empty() && dispatch() == Status::kFailed) return Status::kFailed;
    // what has landed by now makes room, and leaves no descriptor to wait for
  } while (any_landed());
  return answered(!filling_.empty() || !ready_.empty() || any_busy() ? Status::kWouldBlock : Status::kDone);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

}  // namespace pendo
