// The body of a Track Event and the calls that carry them.
#include "event_sender.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "json_text.h"
#include "json_write.h"
#include "printable.h"
#include "secrets.h"

namespace pendo {
namespace {

constexpr std::string_view kTrackPath = "/data/track";
constexpr char kAfterApp = '\n';

// Rows that come faster than that have their events go in bursts.
constexpr std::int64_t kPauseMs = 5;
constexpr int kBurst = 32;

// Then it is not the event's own trouble.
constexpr int kMostLostInARow = 10;

// One JSON object, member by member. Absent values are left out, and so are those
// that have no form in JSON: the first of them is the problem.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }

  void add(std::string_view name, const Value& value) {
    if (value.kind == ValueKind::kNull) return;
    std::size_t before = out_.size();
    start(name);
    std::string_view why;
    if (append_value(out_, value, why) == Encode::kOk) return;
    out_.resize(before);
    if (problem_.empty()) problem_ = std::string(name) + ": " + std::string(why);
  }

  void start(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    append_json_string(out_, name);
    out_ += ':';
  }

  void end() { out_ += '}'; }
  const std::string& problem() const { return problem_; }

 private:
  std::string& out_;
  std::string problem_;
};

bool is_blank(const Value& value) { return value.kind == ValueKind::kNull || value.text.empty(); }

std::string_view event_problem(const TrackEvent& event) {
  if (is_blank(event.visitor_id)) return "no visitor_id";
  if (is_blank(event.event)) return "no event name";
  if (event.properties.kind != ValueKind::kNull && !begins_object(event.properties.text)) {
    return "properties is not a JSON object";
  }
  if (event.app.kind != ValueKind::kNull && !is_app_name(event.app.text)) return "app is no name of an app";
  return {};
}

// Pendo: type, event, visitorId and timestamp (ms) are required; context may
// be empty but older texts require it. Gives what is wrong with a value.
std::string append_body(std::string& body, const TrackEvent& event) {
  ObjectWriter object(body);
  object.add("type", Value::of_text("track"));
  object.add("event", event.event);
  object.add("visitorId", event.visitor_id);
  object.add("accountId", event.account_id);
  object.add("timestamp", event.occurred_at);
  bool has_properties = event.properties.kind != ValueKind::kNull;
  object.add("properties", has_properties ? event.properties : Value::of_json("{}"));
  object.start("context");
  ObjectWriter context(body);
  context.add("ip", event.ip);
  context.add("userAgent", event.user_agent);
  context.add("url", event.url);
  context.add("title", event.title);
  context.end();
  object.end();
  return object.problem().empty() ? context.problem() : object.problem();
}

// Pendo does not say what a 200 brings; it has been seen empty. A page comes from
// somebody else, and an error is an error.
bool is_no_receipt(std::string_view reply) {
  reply = trimmed(reply);
  if (reply.starts_with('<')) return true;
  if (!reply.starts_with('{')) return false;
  reply = trimmed(reply.substr(1));
  return reply.starts_with("\"error\"") || reply.starts_with("\"errors\"");
}

// FNV-1a, 64 bits: the same on every machine, for it is kept in the ledger.
std::uint64_t fingerprint(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// Pendo has no id for an event. Two that differ in anything have two labels, and
// an event that is sent again has the one that it had.
std::string label_of(const TrackEvent& event, std::string_view encoded) {
  std::string text = printable(event.event.text, 60) + " of " + printable(event.visitor_id.text, 60);
  if (event.occurred_at.kind == ValueKind::kTime) {
    text += " at ";
    append_iso_time(text, event.occurred_at.integer);
  }
  EncodedEvent parts = decode_event(encoded);
  if (!parts.app.empty()) text += " in app " + std::string(parts.app);
  text += " #";
  append_digits(text, fingerprint(parts.app.empty() ? parts.body : encoded), 16, 16);
  return text;
}

}  // namespace

EncodedEvent decode_event(std::string_view encoded) noexcept {
  std::size_t end = encoded.find(kAfterApp);
  if (end == std::string_view::npos) return {{}, encoded};
  return {encoded.substr(0, end), encoded.substr(end + 1)};
}

// The app is a plain name, and the body has at least its type.
std::string shown_event(const EncodedEvent& event) {
  if (event.app.empty()) return std::string(event.body);
  return "{\"app\":\"" + std::string(event.app) + "\"," + std::string(event.body.substr(1));
}

EventEncoder::Result EventEncoder::encode(const TrackEvent& event) noexcept try {
  why_ = event_problem(event);
  encoded_.clear();
  if (event.app.kind != ValueKind::kNull && is_app_name(event.app.text)) encoded_ = event.app.text;
  encoded_ += kAfterApp;
  std::string problem = append_body(encoded_, event);
  label_ = label_of(event, encoded_);
  shown_.clear();
  if (EncodedEvent parts = decode_event(encoded_); !parts.app.empty()) shown_ = shown_event(parts);
  if (why_.empty()) why_ = std::move(problem);
  return why_.empty() ? Result::kEncoded : Result::kInvalid;
} catch (const std::bad_alloc&) {
  return Result::kOutOfMemory;
}

std::unique_ptr<TrackSecrets> TrackSecrets::create(std::shared_ptr<Client> client, Failure& failure) noexcept try {
  if (has_track_secret(client->config())) return std::unique_ptr<TrackSecrets>(new TrackSecrets(std::move(client)));
  failure = no_track_secret(client->config());
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

bool TrackSecrets::has(const Value& app) noexcept try {
  const Config& config = client_->config();
  bool is_named = app.kind != ValueKind::kNull;
  const Secret* secret = is_named != app.text.empty() ? track_secret_of(config, app.text) : nullptr;
  if (secret && !secret->text.empty()) return true;
  failure_ = is_named ? no_app_secret(config, app.text) : no_track_secret(config);
  return false;
} catch (const std::bad_alloc&) {
  failure_ = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return false;
}

std::unique_ptr<EventSender> EventSender::create(std::shared_ptr<Client> client, const CallOptions& options,
                                                 Failure& failure) noexcept try {
  std::unique_ptr<EventSender> sender(new EventSender(std::move(client), options));
  if (sender->ready() && sender->need_track_secret()) return sender;
  failure = sender->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

EventSender::EventSender(std::shared_ptr<Client> client, const CallOptions& options)
    : Writer(std::move(client)), options_(options) {}

// Made when they are needed: most statements send a single event.
EventSender::Flight* EventSender::idle_flight() {
  auto idle = std::find_if(flights_.begin(), flights_.end(), [](const auto& f) { return !f->busy; });
  if (idle != flights_.end()) return idle->get();
  if (static_cast<int>(flights_.size()) >= options_.event_concurrency) return nullptr;
  flights_.push_back(std::make_unique<Flight>(config(), options_));
  return flights_.back().get();
}

bool EventSender::any_busy() const noexcept {
  return std::any_of(flights_.begin(), flights_.end(), [](const auto& f) { return f->busy; });
}

Status EventSender::add(std::string_view label, std::string_view encoded) noexcept try {
  return answered(offer(label, decode_event(encoded)));
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Status EventSender::offer(std::string_view label, const EncodedEvent& event) {
  if (failing_) return wind_up();
  bool is_time = monotonic_ms() >= driven_ms_ + kPauseMs;
  if (is_time) drive_calls();
  // those behind the first of a burst find what it found
  if (waiting_to_go_ == 0) {
    if (Status taken = take_landed(); taken != Status::kDone) return taken;
  }
  const Secret* secret = track_secret_of(config(), event.app);
  if (!secret || secret->text.empty()) return refuse_app(event.app);
  if (options_.dry_run) {
    dry_calls_.push_back({config().track_url + std::string(kTrackPath), 1, std::string(event.body), std::string(event.app)});
    ++outcome_.records;
    ++outcome_.calls;
    tell_taken(label);
    return Status::kDone;
  }
  Flight* idle = idle_flight();
  if (!idle) {
    if (Status settled = settle(); settled != Status::kDone) return settled;
    idle = idle_flight();
  }
  if (!idle) return Status::kWouldBlock;
  if (!idle->call.valid()) return out_of_memory();
  Flight& flight = *idle;
  flight.label = label;
  Request request{.kind = CallKind::kTrack, .post = true, .to_track_host = true, .connect_only = false,
                  .can_split = false, .path = std::string(kTrackPath), .body = std::string(event.body), .app = std::string(event.app)};
  if (!flight.call.start(*reactor_, std::move(request), nullptr)) return out_of_memory();
  flight.busy = true;
  ++outcome_.records;
  ++outcome_.calls;
  ++waiting_to_go_;
  // It shall be on its way while the next rows are made. But a look at the network costs
  // as much as a row: where these come fast, several go at a time.
  if (is_time || waiting_to_go_ >= kBurst) drive_calls();
  return Status::kDone;
}

void EventSender::drive_calls() noexcept {
  drive();
  waiting_to_go_ = 0;
  driven_ms_ = monotonic_ms();
}

// It had a secret when it was written, but that is not to be had any more.
Status EventSender::refuse_app(std::string_view app) {
  start_failing(app.empty() ? no_track_secret(config()) : no_app_secret(config(), app));
  return wind_up();
}

Status EventSender::settle() {
  drive_calls();
  return take_landed();
}

Status EventSender::take_landed() {
  for (auto& flight : flights_) {
    if (!flight->busy || !flight->call.done()) continue;
    if (landed(*flight) != Status::kDone) return wind_up();
  }
  return Status::kDone;
}

// Pendo: 400 "Error unmarshalling track event data" speaks of this one event, as
// does a 413; everything else that is no success would be the same for the next.
Status EventSender::landed(Flight& flight) {
  if (flight.call.succeeded() && is_no_receipt(flight.call.reply())) return start_failing(no_receipt(flight.call));
  bool about_this_event = flight.call.http_status() == 400 || flight.call.http_status() == 413;
  if (!options_.retry_ambiguous && !failing_ && !flight.call.succeeded() && flight.call.is_ambiguous()) return lost(flight);
  if (!flight.call.succeeded() && !about_this_event) {
    // one that never went out, or was turned away at each try, has left no event behind
    bool was_refused = turned_away(flight.call.http_status()) && !flight.call.maybe_repeated();
    if (was_refused || !flight.call.has_left()) flight.busy = false;
    return start_failing(flight.call.failure());
  }
  flight.busy = false;
  outcome_.retries += flight.call.tries();
  if (flight.call.maybe_repeated()) ++outcome_.repeated;
  lost_in_a_row_ = 0;
  if (flight.call.succeeded()) {
    tell_taken(flight.label);
    return Status::kDone;
  }
  std::string words = std::to_string(flight.call.http_status()) + " " + shown_reply(flight.call.reply(), 300);
  bool in_doubt = flight.call.maybe_repeated();
  auto kind = in_doubt ? RecordResult::Kind::kUncertain : RecordResult::Kind::kInvalid;
  tell({kind, flight.label, flight.shown(), in_doubt ? std::string(kEarlierTry) + words : std::move(words)});
  return Status::kDone;
}

Failure EventSender::no_receipt(const Call& call) const {
  return {sqlstate::kReplyHandle, "cannot make sense of Pendo's answer to server \"" + config().server_name + "\": it is not the receipt of an event",
          "POST " + std::string(kTrackPath) + " answered " + std::to_string(call.http_status()) + " with a body that begins: " + printable(call.reply(), 200),
          "Whether the event was taken is not known. Check the server's region or track_url.", call.http_status()};
}

// It may have been taken, and shall not be sent twice.
Status EventSender::lost(Flight& flight) {
  flight.busy = false;
  Failure failure = flight.call.failure();
  tell({RecordResult::Kind::kUncertain, flight.label, flight.shown(), failure.message});
  return ++lost_in_a_row_ < kMostLostInARow ? Status::kDone : start_failing(std::move(failure));
}

// Those still wait for a connection, or for the end of a burst.
void EventSender::call_back_unsent() noexcept {
  for (auto& flight : flights_) {
    if (!flight->busy || flight->call.has_left()) continue;
    flight->call.cancel();
    flight->busy = false;
  }
}

void EventSender::wind_up_calls() noexcept {
  call_back_unsent();
  for (auto& flight : flights_) {
    if (flight->busy && !flight->call.done()) flight->call.wind_up(kGraceMs);
  }
}

Status EventSender::wind_up() {
  drive();
  bool under_way = false;
  for (auto& flight : flights_) {
    if (!flight->busy) continue;
    if (flight->call.done()) landed(*flight);
    under_way = under_way || !flight->call.done();
  }
  if (under_way) return Status::kWouldBlock;
  count_unsettled(reason_.message);
  reason_.detail += " Sent again, an event that was taken counts twice.";
  return fail(reason_);
}

void EventSender::count_unsettled(std::string_view why) {
  for (auto& flight : flights_) {
    if (!flight->busy) continue;
    flight->busy = false;
    tell({RecordResult::Kind::kUncertain, flight->label, flight->shown(), std::string(why)});
  }
}

std::int64_t EventSender::under_way() const noexcept {
  return std::count_if(flights_.begin(), flights_.end(), [](const auto& f) { return f->busy && f->call.has_left(); });
}

void EventSender::abandon() noexcept try {
  for (auto& flight : flights_) {
    if (flight->busy && flight->call.done()) landed(*flight);
  }
  call_back_unsent();
  for (auto& flight : flights_) flight->call.cancel();
  count_unsettled(kEndedUnderWay);
} catch (const std::bad_alloc&) {
  out_of_memory();
}

Status EventSender::finish() noexcept try {
  if (failing_) return answered(wind_up());
  if (Status settled = settle(); settled != Status::kDone) return answered(settled);
  return answered(any_busy() ? Status::kWouldBlock : Status::kDone);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

}  // namespace pendo
