// POST /data/track: one event per call. 200 is no proof of processing (Pendo docs).
#include "calendar.h"
#include "handlers.h"
#include "json_parse.h"
#include "keys.h"

namespace simulator {
namespace {

constexpr std::string_view kComplaint = "Error unmarshalling track event data";  // Pendo docs
constexpr std::int64_t kOldest = 7 * kDayMs;  // Pendo docs: older ones may not be processed

struct TrackEvent {
  std::string event;
  std::string visitor_id;
  std::string account_id;
  std::int64_t timestamp = 0;
};

bool read_text(const Value& body, std::string_view name, std::string& out) {
  const Value* value = body.find(name);
  if (!value || value->is_null()) return true;
  if (!value->is_string()) return false;
  out = value->string();
  return true;
}

bool is_flat(const Value& properties) {
  for (const auto& member : properties.object()) {
    if (member.value.is_list() || member.value.is_object()) return false;
  }
  return true;
}

bool is_object_or_nothing(const Value* value) { return !value || value->is_null() || value->is_object(); }

// Required: type "track", event, visitorId, timestamp in ms as an int64.
bool read_event(const Value& body, const Switches& switches, TrackEvent& event) {
  std::string type;
  if (!body.is_object() || !read_text(body, "type", type) || type != "track") return false;
  bool texts = read_text(body, "event", event.event) && read_text(body, "visitorId", event.visitor_id) &&
               read_text(body, "accountId", event.account_id);
  if (!texts || event.event.empty() || event.visitor_id.empty()) return false;
  const Value* timestamp = body.find("timestamp");
  if (!timestamp || !timestamp->is(Type::kInteger)) return false;
  event.timestamp = timestamp->integer();
  const Value* properties = body.find("properties");
  if (!is_object_or_nothing(properties) || !is_object_or_nothing(body.find("context"))) return false;
  bool nested = properties && properties->is_object() && !is_flat(*properties);
  return !nested || switches.is(Switch::kTrackNested, "accept");
}

bool is_processed(const TrackEvent& event, std::int64_t now, const Switches& switches) {
  if (event.timestamp < now - kOldest && switches.is(Switch::kOldEvents, "drop")) return false;
  return event.timestamp <= now || switches.is(Switch::kFutureEvents, "keep");
}

// The visitor and the account of an event come into being with it.
void create_records(World& world, const TrackEvent& event, std::int64_t now) {
  if (!event.account_id.empty() && !world.store.exists(Kind::kAccount, event.account_id)) {
    world.store.write(Kind::kAccount, event.account_id, {{{"auto", "firstvisit"}, event.timestamp}}, true, now, true);
  }
  if (world.store.exists(Kind::kVisitor, event.visitor_id)) return;
  std::vector<Write> writes = {{{"auto", "firstvisit"}, event.timestamp}, {{"auto", "lastvisit"}, event.timestamp}};
  if (!event.account_id.empty()) {
    writes.push_back({{"auto", "accountid"}, event.account_id});
    writes.push_back({{"auto", "accountids"}, List{event.account_id}});
  }
  world.store.write(Kind::kVisitor, event.visitor_id, writes, true, now, true);
}

void take(World& world, const TrackEvent& event, std::int64_t app, std::string body) {
  std::int64_t now = world.switches.now_ms();
  ReceivedEvent received;
  received.received_at = now;
  received.app = app;
  received.timestamp = event.timestamp;
  received.body = std::move(body);
  received.type_id = world.track_types.learn(app, event.event, now);
  received.processed = is_processed(event, now, world.switches);
  create_records(world, event, now);
  world.events.add(std::move(received));
}

void answer_taken(Exchange& exchange) {
  if (exchange.world.switches.is(Switch::kTrackAnswer, "text")) return exchange.answer_text(200, "OK");
  if (exchange.world.switches.is(Switch::kTrackAnswer, "object")) return exchange.answer_json(200, Object{});
  exchange.answer(200);
}

}  // namespace

void track_event(Exchange& exchange) {
  World& world = exchange.world;
  Value body;
  std::string error;
  if (!parse_json(exchange.request.body, body, error)) return exchange.answer_text(400, kComplaint);
  bool array = body.is_list() && world.switches.is(Switch::kTrackArray, "accept");
  List bodies = array ? body.list() : List{body};
  std::vector<TrackEvent> events(bodies.size());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    if (!read_event(bodies[i], world.switches, events[i])) return exchange.answer_text(400, kComplaint);
  }
  auto app = app_of_secret(world, exchange.request);
  for (std::size_t i = 0; app && i < bodies.size(); ++i) {
    take(world, events[i], *app, array ? to_json(bodies[i]) : exchange.request.body);
  }
  answer_taken(exchange);
}

}  // namespace simulator
