// The body of a Track Event and the calls that carry them.
#include "event_sender.h"

#include <algorithm>
#include <new>
#include <utility>

#include "json_write.h"
#include "printable.h"

namespace pendo {
namespace {

constexpr std::string_view kTrackPath = "/data/track";

// One JSON object, member by member; absent values are left out.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }

  void add(std::string_view name, const Value& value) {
    if (value.kind == ValueKind::kNull || !problem_.empty()) return;
    start(name);
    std::string_view why;
    if (append_value(out_, value, why) == Encode::kOk) return;
    problem_ = std::string(name) + ": " + std::string(why);
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

bool is_object(const Value& value) {
  auto start = value.text.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && value.text[start] == '{';
}

std::string_view event_problem(const TrackEvent& event) {
  if (is_blank(event.visitor_id)) return "no visitor_id";
  if (is_blank(event.event)) return "no event name";
  if (event.properties.kind != ValueKind::kNull && !is_object(event.properties)) {
    return "properties is not a JSON object";
  }
  return {};
}

// Pendo: type, event, visitorId and timestamp (ms) are required; context may
// be empty but older texts require it.
std::string encode(const TrackEvent& event, std::string& problem) {
  std::string body;
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
  problem = object.problem().empty() ? context.problem() : object.problem();
  return body;
}

std::string label_of(const TrackEvent& event) {
  return printable(event.event.text, 60) + " of " + printable(event.visitor_id.text, 60);
}

}  // namespace

std::unique_ptr<EventSender> EventSender::create(std::shared_ptr<Client> client, const CallOptions& options,
                                                 Failure& failure) noexcept try {
  std::unique_ptr<EventSender> sender(new EventSender(std::move(client), options));
  if (sender->ready() && sender->need_track_secret() && sender->make_flights()) return sender;
  failure = sender->failure();
  return nullptr;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

EventSender::EventSender(std::shared_ptr<Client> client, const CallOptions& options)
    : Operation(std::move(client)), options_(options) {}

bool EventSender::make_flights() {
  for (int i = 0; i < options_.event_concurrency; ++i) {
    flights_.push_back(std::make_unique<Flight>(config(), options_));
    if (!flights_.back()->call.valid()) return out_of_memory(), false;
  }
  return true;
}

Status EventSender::add(const TrackEvent& event) noexcept try {
  return answered(offer(event));
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Status EventSender::offer(const TrackEvent& event) {
  if (Status settled = settle(); settled != Status::kDone) return settled;
  auto idle = std::find_if(flights_.begin(), flights_.end(), [](const auto& f) { return !f->busy; });
  if (idle == flights_.end()) return Status::kWouldBlock;
  ++outcome_.records;
  std::string problem(event_problem(event));
  std::string body = problem.empty() ? encode(event, problem) : std::string();
  if (!problem.empty()) {
    outcome_.add_invalid(label_of(event), problem);
    return Status::kDone;
  }
  Flight& flight = **idle;
  flight.label = label_of(event);
  Request request{.kind = CallKind::kTrack, .post = true, .to_track_host = true, .connect_only = false,
                  .path = std::string(kTrackPath), .body = std::move(body)};
  if (!flight.call.start(*reactor_, std::move(request), nullptr)) return out_of_memory();
  flight.busy = true;
  ++outcome_.calls;
  // it shall be on its way while the next rows are made
  drive();
  return Status::kDone;
}

Status EventSender::settle() {
  drive();
  for (auto& flight : flights_) {
    if (!flight->busy || !flight->call.done()) continue;
    if (landed(*flight) != Status::kDone) return Status::kFailed;
  }
  return Status::kDone;
}

// Pendo: 400 "Error unmarshalling track event data" speaks of this one event, as
// does a 413; everything else that is no success would be the same for the next.
Status EventSender::landed(Flight& flight) {
  flight.busy = false;
  bool about_this_event = flight.call.http_status() == 400 || flight.call.http_status() == 413;
  if (!flight.call.succeeded() && !about_this_event) return with_counts(flight.call.failure());
  ++outcome_.sent;
  if (flight.call.maybe_repeated()) ++outcome_.repeated;
  if (flight.call.succeeded()) {
    ++outcome_.applied;
  } else {
    outcome_.add_invalid(flight.label, std::to_string(flight.call.http_status()) + " " + without_secrets(flight.call.reply()));
  }
  return Status::kDone;
}

Status EventSender::with_counts(Failure failure) {
  auto under_way = std::count_if(flights_.begin(), flights_.end(), [](const auto& f) { return f->busy; });
  failure.detail += " Before that, Pendo had taken " + std::to_string(outcome_.applied) +
                    " events of this statement; of " + std::to_string(under_way + 1) +
                    " it is not known. Sent again, an event counts twice.";
  return fail(std::move(failure));
}

Status EventSender::finish() noexcept try {
  if (Status settled = settle(); settled != Status::kDone) return settled;
  bool busy = std::any_of(flights_.begin(), flights_.end(), [](const auto& f) { return f->busy; });
  return answered(busy ? Status::kWouldBlock : Status::kDone);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

}  // namespace pendo
