// POST metadata/:kind/:group/value: many records in one call. A 200 does not mean
// that all of them were taken (Pendo docs).
#include <set>

#include "compare.h"
#include "handlers.h"
#include "metadata_write.h"

namespace simulator {
namespace {

struct BulkRecord {
  std::string id;
  Object values;
};

// Go's decoder matches members without regard to case.
const Value* member(const Object& object, std::string_view name) {
  const Value* found = nullptr;
  for (const auto& entry : object) {
    if (entry.name == name || (!found && lower_case(entry.name) == lower_case(name))) found = &entry.value;
  }
  return found;
}

class BulkCall {
 public:
  explicit BulkCall(Exchange& exchange)
      : exchange_(exchange),
        world_(exchange.world),
        kind_(*exchange.kind()),
        writer_(world_.store.schema(kind_), world_.switches, percent_decode(exchange.param("group"))) {}

  void run() {
    std::int64_t most = world_.switches.number(Switch::kBulkMaxBytes);
    if (most > 0 && static_cast<std::int64_t>(exchange_.request.body.size()) > most) {
      return exchange_.answer_text(413, "Request Entity Too Large\n");
    }
    if (auto status = writer_.group_refusal()) {
      return *status == 403 ? exchange_.answer(403)
                            : exchange_.answer_text(*status, "group " + writer_.group() + " cannot be written\n");
    }
    if (!read_records() || !check_fields() || !check_values()) return;
    bool halved = has(FaultKind::kPartial408);
    std::size_t count = halved ? records_.size() / 2 : records_.size();
    for (std::size_t i = 0; i < count; ++i) apply(records_[i]);
    if (halved) return exchange_.answer_text(408, "Request Timeout\n");
    exchange_.answer_json(200, result());
  }

 private:
  bool has(FaultKind kind) const { return exchange_.fault && exchange_.fault->kind == kind; }
  bool is(Switch id, std::string_view value) const { return world_.switches.is(id, value); }

  bool bad_type(const Value& value, std::string_view into) {
    exchange_.answer_bad_json("json: cannot unmarshal " + std::string(go_type_name(value)) + " into Go " + std::string(into));
    return false;
  }

  bool read_records() {
    Value body;
    if (!exchange_.read_json(body)) return false;
    if (!body.is_list()) return bad_type(body, "value of type []metadata.Record");
    if (body.list().empty() && is(Switch::kBulkEmptyArray, "400")) {
      exchange_.answer_text(400, "no records\n");
      return false;
    }
    for (const auto& element : body.list()) {
      if (!read_record(element)) return false;
    }
    return true;
  }

  bool read_record(const Value& element) {
    if (!element.is_object()) return element.is_null() ? add_record({}) : bad_type(element, "value of type metadata.Record");
    BulkRecord record;
    std::string field(key_field(kind_));
    const Value* id = member(element.object(), field);
    if (id && !id->is_null()) {
      if (!id->is_string()) return bad_type(*id, "struct field Record." + field + " of type string");
      record.id = id->string();
    }
    bool both = member(element.object(), "visitorId") && member(element.object(), "accountId");
    if (both && is(Switch::kBulkBothIds, "400")) {
      exchange_.answer_text(400, "both visitorId and accountId\n");
      return false;
    }
    const Value* values = member(element.object(), "values");
    if (values && !values->is_null()) {
      if (!values->is_object()) return bad_type(*values, "struct field Record.values of type map[string]interface {}");
      record.values = values->object();
    }
    return add_record(std::move(record));
  }

  bool add_record(BulkRecord record) {
    if (record.id.empty() && is(Switch::kBulkBlankId, "400")) {
      exchange_.answer_text(400, "a record has no id\n");
      return false;
    }
    records_.push_back(std::move(record));
    return true;
  }

  // Pendo docs: 400 for missing field mappings. Nothing has been written then.
  bool check_fields() {
    bool strict = writer_.group() == "pendo" || is(Switch::kUnknownAgentField, "400");
    if (!strict) return true;
    for (const auto& record : records_) {
      for (const auto& [name, value] : record.values) {
        std::string key = writer_.key(name);
        if (writer_.is_writable(key)) continue;
        exchange_.answer_text(400, "missing field mapping: " + writer_.group() + "." + key + "\n");
        return false;
      }
    }
    return true;
  }

  // One bad value is the end of the whole call.
  bool check_values() {
    if (!is(Switch::kBulkBadValue, "400")) return true;
    for (const auto& record : records_) {
      for (const auto& [name, value] : record.values) {
        FieldWrite write = writer_.prepare(writer_.key(name), value);
        if (write.outcome != FieldWrite::Outcome::kReject) continue;
        exchange_.answer_text(400, record.id + ": " + write.error + "\n");
        return false;
      }
    }
    return true;
  }

  void apply(const BulkRecord& record) {
    if (record.id.empty()) {
      return is(Switch::kBulkBlankId, "missing") ? missing_.push_back(record.id) : fail(record, "", "missing id");
    }
    if (is(Switch::kBulkDuplicateIds, "error") && !seen_.insert(record.id).second) {
      return fail(record, "", "duplicate id");
    }
    auto create = exchange_.request.parameter("create");
    bool creates = create && *create == "true";
    if (!creates && !world_.store.exists(kind_, record.id)) return missing_.push_back(record.id);
    std::vector<Write> writes;
    for (const auto& [name, value] : record.values) {
      std::string key = writer_.key(name);
      FieldWrite write = writer_.prepare(key, value);
      if (write.outcome == FieldWrite::Outcome::kReject) return fail(record, key, write.error);
      if (write.outcome != FieldWrite::Outcome::kSkip) writes.push_back({{writer_.group(), key}, std::move(write.value)});
    }
    world_.store.write(kind_, record.id, writes, creates, world_.switches.now_ms(), is(Switch::kTouchLastUpdated, "yes"));
    ++updated_;
  }

  void fail(const BulkRecord& record, const std::string& field, const std::string& message) {
    if (is(Switch::kBulkErrorsShape, "string")) {
      errors_.emplace_back(record.id + ": " + message);
    } else if (is(Switch::kBulkErrorsShape, "message")) {
      errors_.emplace_back(Object{{"message", message}});
    } else if (is(Switch::kBulkErrorsShape, "keyed")) {
      Value error = Object{};
      error.set("error", message);
      error.set("field", field);
      error.set(key_field(kind_), record.id);
      errors_.push_back(std::move(error));
    } else {
      errors_.emplace_back(Object{{"id", record.id}, {"message", message}});
    }
  }

  void set_list(Value& result, std::string_view name, const List& list) const {
    if (!list.empty() || is(Switch::kBulkEmptyLists, "empty")) {
      result.set(name, list);
    } else if (is(Switch::kBulkEmptyLists, "null")) {
      result.set(name, nullptr);
    }
  }

  // Pendo docs: total = updated + failed, failed = missing + errors.
  Value result() {
    auto failed = static_cast<std::int64_t>(missing_.size() + errors_.size());
    Value result = Object{};
    if (is(Switch::kBulkKind, "present")) result.set("kind", exchange_.param("kind"));
    result.set("total", updated_ + failed);
    if (has(FaultKind::kWrongCounts)) updated_ = updated_ > 0 ? updated_ - 1 : 1;
    result.set("updated", updated_);
    result.set("failed", failed);
    set_list(result, "missing", missing_);
    set_list(result, "errors", errors_);
    return result;
  }

  Exchange& exchange_;
  World& world_;
  Kind kind_;
  MetadataWriter writer_;
  std::vector<BulkRecord> records_;
  std::set<std::string> seen_;
  List missing_;
  List errors_;
  std::int64_t updated_ = 0;
};

}  // namespace

void bulk_write(Exchange& exchange) {
  if (!exchange.kind()) return exchange.answer_text(404, "404 page not found\n");
  BulkCall(exchange).run();
}

void bulk_patch(Exchange& exchange) {
  if (exchange.world.switches.is(Switch::kBulkPatch, "accept")) return bulk_write(exchange);
  exchange.response.set_header("Allow", "POST");
  exchange.answer_text(405, "Method Not Allowed\n");
}

}  // namespace simulator
