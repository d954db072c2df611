// The simulator's own interface under /__sim.
#include "handlers.h"
#include "json_parse.h"

namespace simulator {
namespace {

// A JSON array of any size, element by element.
class ArrayWriter {
 public:
  explicit ArrayWriter(Response& response) : response_(response) {
    response_.set_header("Content-Type", "application/json; charset=utf-8");
    response_.write("[");
  }
  bool add(const Value& value) {
    std::string text = any_ ? ",\n" : "";
    any_ = true;
    append_json(text, value, {.html_escape = false});
    return response_.write(text);
  }
  void end() {
    response_.write("]");
    response_.finish();
  }

 private:
  Response& response_;
  bool any_ = false;
};

Value describe(const ReceivedEvent& event) {
  Value body;
  std::string error;
  parse_json(event.body, body, error);
  body.set("appId", event.app);
  body.set("processed", event.processed);
  body.set("receivedAt", event.received_at);
  return body;
}

std::string switch_text(const Value& value) {
  if (value.is_string()) return value.string();
  return to_json(value);
}

}  // namespace

void control_stats(Exchange& exchange) { exchange.answer_json(200, exchange.world.traffic.counts()); }

void control_reset(Exchange& exchange) {
  exchange.world.reset();
  exchange.answer_json(200, Object{});
}

void control_requests(Exchange& exchange) {
  ArrayWriter array(exchange.response);
  exchange.world.traffic.each_request([&array](const Value& request) { return array.add(request); });
  array.end();
}

void control_record(Exchange& exchange) {
  auto kind = exchange.kind();
  if (!kind) return exchange.answer(404);
  auto record = exchange.world.store.record(*kind, percent_decode(exchange.param("id")), Projection::everything());
  if (!record) return exchange.answer_json(404, nullptr);
  exchange.answer_json(200, *record);
}

void control_events(Exchange& exchange) {
  ArrayWriter array(exchange.response);
  exchange.world.events.each_received([&array](const ReceivedEvent& event) { return array.add(describe(event)); });
  array.end();
}

// One record per line, in order of id; ?from=ID&count=N.
void control_dump(Exchange& exchange) {
  constexpr std::size_t kBatch = 256;
  auto kind = exchange.kind();
  if (!kind) return exchange.answer(404);
  KeyRange range;
  range.lower = exchange.request.parameter("from").value_or("");
  auto count = exchange.request.parameter("count");
  std::int64_t left = count ? std::strtoll(count->c_str(), nullptr, 10) : INT64_MAX;
  RecordBuilder builder = exchange.world.store.builder(*kind, Projection::everything());
  exchange.response.set_header("Content-Type", "application/x-ndjson");
  std::string last;
  for (bool begun = false; left > 0; begun = true) {
    auto batch = exchange.world.store.next(*kind, range, begun ? &last : nullptr, kBatch);
    if (batch.empty()) break;
    for (const auto& source : batch) {
      if (left-- <= 0 || !exchange.response.write(to_json(builder.build(source), {.html_escape = false}) + "\n")) break;
    }
    last = batch.back().id;
  }
  exchange.response.finish();
}

void control_metrics(Exchange& exchange) { exchange.answer_json(200, exchange.world.traffic.metrics()); }

void control_get_faults(Exchange& exchange) { exchange.answer_json(200, exchange.world.faults.describe()); }

void control_set_faults(Exchange& exchange) {
  Value rules;
  std::string error;
  if (!exchange.read_json(rules)) return;
  if (!exchange.world.faults.set(rules, error)) return exchange.answer_json(400, Object{{"error", error}});
  control_get_faults(exchange);
}

void control_get_config(Exchange& exchange) { exchange.answer_json(200, exchange.world.switches.describe()); }

void control_set_config(Exchange& exchange) {
  Value config;
  std::string error;
  if (!exchange.read_json(config)) return;
  if (!config.is_object()) return exchange.answer_json(400, Object{{"error", "an object of switches is needed"}});
  // all or nothing
  Switches probe;
  for (Switches* target : {&probe, &exchange.world.switches}) {
    for (const auto& [name, value] : config.object()) {
      if (!target->set(name, switch_text(value), error)) return exchange.answer_json(400, Object{{"error", error}});
    }
  }
  control_get_config(exchange);
}

}  // namespace simulator
