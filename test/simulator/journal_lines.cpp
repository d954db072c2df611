// What is written is what is read: each line_of_ has its apply_ here.
#include "journal_lines.h"

#include <stdexcept>

#include "json_parse.h"
#include "json_write.h"
#include "world.h"

namespace simulator {
namespace {

const Value& member(const Value& line, std::string_view name) {
  const Value* value = line.find(name);
  if (!value) throw std::runtime_error("the journal has a line without " + std::string(name) + ": " + to_json(line));
  return *value;
}

std::string_view word(Kind kind) { return kind == Kind::kVisitor ? "visitor" : "account"; }

Kind kind_of(const Value& line) { return member(line, "kind").string() == "visitor" ? Kind::kVisitor : Kind::kAccount; }

FieldName field_of(const Value& line) { return {member(line, "group").string(), member(line, "name").string()}; }

void apply_write(World& world, const Value& line) {
  std::vector<Write> writes;
  for (const auto& value : member(line, "values").list()) {
    const Value* stored = value.find("value");
    writes.push_back({field_of(value), stored ? *stored : Value()});
  }
  // what was written was there, or was made
  world.store.write(kind_of(line), member(line, "id").string(), writes, true, member(line, "now").integer(),
                    member(line, "touch").boolean());
}

void apply_event(World& world, const Value& line) {
  ReceivedEvent event;
  event.received_at = member(line, "receivedAt").integer();
  event.app = member(line, "app").integer();
  event.timestamp = member(line, "timestamp").integer();
  event.processed = member(line, "processed").boolean();
  event.body = member(line, "body").string();
  Value body;
  std::string error;
  if (!parse_json(event.body, body, error)) throw std::runtime_error("the journal has a damaged event: " + error);
  event.type_id = world.track_types.learn(event.app, member(body, "event").string(), event.received_at);
  world.events.add(std::move(event));
}

void apply_new_field(World& world, const Value& line) {
  FieldInfo info;
  info.type = member(line, "type").string();
  info.display_name = member(line, "displayName").string();
  world.store.schema(kind_of(line)).create(field_of(line), info);
}

void apply_deleted_field(World& world, const Value& line) { world.store.schema(kind_of(line)).remove(field_of(line)); }

struct Effect {
  std::string_view name;
  void (*apply)(World& world, const Value& line);
};

constexpr Effect kEffects[] = {
    {"write", apply_write}, {"event", apply_event}, {"new field", apply_new_field}, {"deleted field", apply_deleted_field}};

void apply_line(World& world, const Value& line) {
  for (const auto& effect : kEffects) {
    if (member(line, "effect").string() == effect.name) return effect.apply(world, line);
  }
  throw std::runtime_error("the journal has an unknown line: " + to_json(line));
}

Value line_of(std::string_view effect, Kind kind) { return Object{{"effect", effect}, {"kind", word(kind)}}; }

void set_field_name(Value& line, const FieldName& name) {
  line.set("group", name.first);
  line.set("name", name.second);
}

}  // namespace

Value line_of_write(Kind kind, const std::string& id, const std::vector<Write>& writes, std::int64_t now_ms, bool touch) {
  Value line = line_of("write", kind);
  line.set("id", id);
  line.set("now", now_ms);
  line.set("touch", touch);
  List& values = line.set("values", List{}).list();
  for (const auto& write : writes) {
    Value value = Object{};
    set_field_name(value, write.field);
    if (!write.value.is_missing()) value.set("value", write.value);
    values.push_back(std::move(value));
  }
  return line;
}

Value line_of_event(const ReceivedEvent& event) {
  Value line = Object{{"effect", "event"}};
  line.set("receivedAt", event.received_at);
  line.set("app", event.app);
  line.set("timestamp", event.timestamp);
  line.set("processed", event.processed);
  line.set("body", event.body);
  return line;
}

Value line_of_new_field(Kind kind, const FieldName& name, const FieldInfo& info) {
  Value line = line_of("new field", kind);
  set_field_name(line, name);
  line.set("type", info.type);
  line.set("displayName", info.display_name);
  return line;
}

Value line_of_deleted_field(Kind kind, const FieldName& name) {
  Value line = line_of("deleted field", kind);
  set_field_name(line, name);
  return line;
}

void keep_journal(World& world, const std::string& path) {
  world.journal.open(path, [&world](const Value& line) { apply_line(world, line); });
}

}  // namespace simulator
