// GET and PUT of one metadata value: the bare JSON value, not an object.
#include "handlers.h"
#include "metadata_write.h"
#include "path_id.h"

namespace simulator {
namespace {

void answer_put(Exchange& exchange, const std::string& key, const Value& value) {
  const Switches& switches = exchange.world.switches;
  if (switches.is(Switch::kPutAnswer, "value")) return exchange.answer_json(200, value);
  if (switches.is(Switch::kPutAnswer, "object")) return exchange.answer_json(200, Object{{key, value}});
  exchange.answer(200);
}

}  // namespace

void get_value(Exchange& exchange) {
  auto kind = exchange.kind();
  if (!kind) return exchange.answer_text(404, "404 page not found\n");
  auto id = path_id(exchange);
  auto record = id ? exchange.world.store.record(*kind, *id, Projection::single_record()) : std::nullopt;
  if (!record) return answer_no_record(exchange, *kind);
  const Value* metadata = record->find("metadata");
  const Value* group = metadata ? metadata->find(percent_decode(exchange.param("group"))) : nullptr;
  const Value* value = group ? group->find(percent_decode(exchange.param("field"))) : nullptr;
  if (!value && exchange.world.switches.is(Switch::kAbsentValue, "404")) return answer_no_record(exchange, *kind);
  exchange.answer_json(200, value ? *value : Value(nullptr));
}

void put_value(Exchange& exchange) {
  auto kind = exchange.kind();
  if (!kind) return exchange.answer_text(404, "404 page not found\n");
  World& world = exchange.world;
  MetadataWriter writer(world.store.schema(*kind), world.switches, percent_decode(exchange.param("group")));
  if (auto status = writer.group_refusal()) return exchange.answer(*status);
  Value value;
  if (!exchange.read_json(value)) return;
  auto id = path_id(exchange);
  if (!id || !world.store.exists(*kind, *id)) return answer_no_record(exchange, *kind);
  std::string key = writer.key(percent_decode(exchange.param("field")));
  // Pendo docs: here a custom field must exist, other than in the bulk call
  auto known = world.store.schema(*kind).find({writer.group(), key});
  if (!known || (known->flags & kDeletedField)) {
    return exchange.answer_text(404, "Check to make sure the custom field exists in Data Mappings");
  }
  if (!writer.is_writable(key)) return exchange.answer_text(400, writer.group() + "." + key + " cannot be written\n");
  FieldWrite write = writer.prepare(key, value);
  if (write.outcome == FieldWrite::Outcome::kReject) return exchange.answer_text(400, write.error);
  world.store.write(*kind, *id, {{{writer.group(), key}, write.value}}, false, world.switches.now_ms(),
                    world.switches.is(Switch::kTouchLastUpdated, "yes"));
  answer_put(exchange, key, value);
}

}  // namespace simulator
