// Data of a test's own in the place of the generated ones: NDJSON, all or nothing.
#include <functional>

#include "apps.h"
#include "handlers.h"
#include "json_parse.h"

namespace simulator {
namespace {

// What is wrong with a line; empty: nothing.
using TakeLine = std::function<std::string(Value line, std::string_view text)>;

// False after a 400 that names the line. Blank lines are passed over.
bool read_lines(Exchange& exchange, const TakeLine& take) {
  std::string_view rest = exchange.request.body;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    auto end = rest.find('\n');
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Value line;
    std::string error;
    if (parse_json(text, line, error)) error = take(std::move(line), text);
    if (error.empty()) continue;
    exchange.answer_json(400, Object{{"error", "line " + std::to_string(number) + ": " + error}});
    return false;
  }
  return true;
}

std::string text_member(const Value& line, std::string_view name, std::string& out) {
  const Value* value = line.find(name);
  if (!value || !value->is_string()) return std::string(name) + " must be a string";
  out = value->string();
  return {};
}

std::string whole_member(const Value& line, std::string_view name, std::int64_t& out) {
  const Value* value = line.find(name);
  if (!value) return {};
  if (!value->is(Type::kInteger)) return std::string(name) + " must be a whole number";
  out = value->integer();
  return {};
}

std::string read_event(const Value& line, ReceivedEvent& event, std::string& type) {
  std::string visitor;
  if (auto error = text_member(line, "event", type); !error.empty()) return error;
  if (auto error = text_member(line, "visitorId", visitor); !error.empty()) return error;
  if (!line.find("timestamp")) return "timestamp is missing";
  event.app = kDefaultApp;
  for (auto [name, out] : {std::pair("timestamp", &event.timestamp), std::pair("appId", &event.app),
                           std::pair("receivedAt", &event.received_at)}) {
    if (auto error = whole_member(line, name, *out); !error.empty()) return error;
  }
  bool known = false;
  for (const auto& app : apps()) known = known || app.id == event.app;
  return known ? std::string() : "there is no app " + std::to_string(event.app);
}

}  // namespace

void load_records(Exchange& exchange) {
  auto kind = exchange.kind();
  if (!kind) return exchange.answer(404);
  std::map<std::string, Value> rows;
  bool read = read_lines(exchange, [&](Value line, std::string_view) -> std::string {
    std::string id;
    if (auto error = text_member(line, key_field(*kind), id); !error.empty()) return error;
    if (!rows.try_emplace(id, std::move(line)).second) return "the id stands in a line before";
    return {};
  });
  if (!read) return;
  std::size_t count = rows.size();
  exchange.world.store.load(*kind, std::move(rows));
  exchange.answer_json(200, Object{{"loaded", count}});
}

// An event without receivedAt has always been there: no delay hides it.
void load_events(Exchange& exchange) {
  std::deque<ReceivedEvent> events;
  std::vector<std::string> types;
  bool read = read_lines(exchange, [&](Value line, std::string_view text) -> std::string {
    events.emplace_back();
    types.emplace_back();
    events.back().body = text;
    return read_event(line, events.back(), types.back());
  });
  if (!read) return;
  World& world = exchange.world;
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i].type_id = world.track_types.learn(events[i].app, types[i], events[i].timestamp);
  }
  std::size_t count = events.size();
  world.events.load(std::move(events));
  exchange.answer_json(200, Object{{"loaded", count}});
}

}  // namespace simulator
