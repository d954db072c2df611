// The metadata schema, and making and deleting fields.
#include "compare.h"
#include "handlers.h"

namespace simulator {
namespace {

constexpr std::size_t kMostFields = 24;  // Pendo docs, per call

struct FieldResult {
  std::string name;
  std::string status;
  std::string error;
  std::optional<FieldInfo> info;
};

std::string text_of(const Value& value, std::string_view name) {
  const Value* text = value.find(name);
  return text && text->is_string() ? text->string() : std::string();
}

bool is_type(const std::string& type) {
  return type == "string" || type == "number" || type == "time" || type == "boolean";
}

FieldResult create_one(Exchange& exchange, Schema& schema, const std::string& group, const Value& wanted) {
  FieldResult result;
  result.name = lower_case(text_of(wanted, "name"));
  std::string type = text_of(wanted, "type");
  if (result.name.empty() || !is_type(type)) {
    result.status = "failed";
    result.error = "name and type are required";
    return result;
  }
  FieldInfo info;
  info.type = type == "number" ? std::string(exchange.world.switches.choice(Switch::kNumberReadsAs)) : type;
  info.display_name = text_of(wanted, "displayname");
  switch (schema.create({group, result.name}, info)) {
    case Schema::Creation::kCreated:
      result.status = "created";
      break;
    case Schema::Creation::kUndeleted:
      result.status = "undeleted";
      break;
    case Schema::Creation::kExists:
      result.status = "failed";
      result.error = "field already exists";
      break;
  }
  result.info = schema.find({group, result.name});
  return result;
}

Value describe(const FieldResult& result) {
  Value out = Object{};
  if (!result.error.empty()) out.set("error", Object{{"message", result.error}});
  out.set("name", result.name);
  out.set("schema", result.info ? Schema::describe(*result.info) : Value(nullptr));
  out.set("status", result.status);
  return out;
}

Value describe_all(Exchange& exchange, const std::vector<FieldResult>& results) {
  bool as_map = exchange.world.switches.is(Switch::kCreateFieldsShape, "map");
  Value list = List{};
  Value map = Object{};
  std::int64_t created = 0;
  std::int64_t undeleted = 0;
  for (const auto& result : results) {
    if (as_map) map.set(result.name, describe(result));
    if (!as_map) list.list().push_back(describe(result));
    created += result.status == "created";
    undeleted += result.status == "undeleted";
  }
  auto total = static_cast<std::int64_t>(results.size());
  Value summary = Object{};
  summary.set("created", created);
  summary.set("failed", total - created - undeleted);
  summary.set("total", total);
  summary.set("undeleted", undeleted);
  Value out = Object{};
  out.set("fields", as_map ? std::move(map) : std::move(list));
  out.set("summary", std::move(summary));
  return out;
}

// Pendo docs: 201 all created, 207 mixed, 409 all exist, 422 validation.
int status_of(const std::vector<FieldResult>& results) {
  std::size_t failed = 0;
  std::size_t existing = 0;
  for (const auto& result : results) {
    failed += result.status == "failed";
    existing += result.status == "failed" && result.info.has_value();
  }
  if (failed == 0) return 201;
  if (failed < results.size()) return 207;
  return existing == failed ? 409 : 422;
}

}  // namespace

void get_schema(Exchange& exchange) {
  if (auto kind = exchange.kind()) return exchange.answer_json(200, exchange.world.store.schema(*kind).to_value());
  if (exchange.world.switches.is(Switch::kSchemaUnknownKind, "404")) return exchange.answer_text(404, "no such kind\n");
  exchange.answer_json(200, Object{});
}

void create_fields(Exchange& exchange) {
  auto kind = exchange.kind();
  const std::string& group = exchange.param("group");
  if (!kind || (group != "agent" && group != "custom")) return exchange.answer_text(400, "no such kind or group\n");
  Value body;
  if (!exchange.read_json(body)) return;
  if (!body.is_list() || body.list().empty() || body.list().size() > kMostFields) {
    return exchange.answer_text(400, "between 1 and 24 fields are needed\n");
  }
  std::vector<FieldResult> results;
  for (const auto& wanted : body.list()) {
    results.push_back(create_one(exchange, exchange.world.store.schema(*kind), group, wanted));
  }
  exchange.answer_json(status_of(results), describe_all(exchange, results));
}

void delete_field(Exchange& exchange) {
  auto kind = exchange.kind();
  if (!kind) return exchange.answer(404);
  switch (exchange.world.store.schema(*kind).remove({exchange.param("group"), percent_decode(exchange.param("field"))})) {
    case Schema::Deletion::kDeleted:
      return exchange.answer(200);
    case Schema::Deletion::kAlreadyDeleted:
      return exchange.answer(202);
    case Schema::Deletion::kUnknown:
      return exchange.answer_text(404, "no such field\n");
  }
}

}  // namespace simulator
