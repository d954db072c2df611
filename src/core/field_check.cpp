// Asking for the schema, and making fields where that is wanted.
#include "field_check.h"

#include <algorithm>
#include <new>
#include <utility>

#include "json_write.h"
#include "printable.h"

namespace pendo {
namespace {

// Pendo: up to 24 fields in one call.
constexpr std::size_t kMostCreated = 24;

// Pendo: string, number, time, boolean; nothing for lists.
std::string_view type_name(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "string";
    case ColumnType::kBool:
      return "boolean";
    case ColumnType::kInt:
    case ColumnType::kFloat:
    case ColumnType::kNumber:
      return "number";
    case ColumnType::kTime:
      return "time";
    case ColumnType::kJson:
      break;
  }
  return {};
}

}  // namespace

std::unique_ptr<FieldCheck> FieldCheck::create(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                                               const std::vector<BulkField>& fields, const CallOptions& options,
                                               Failure& failure) noexcept try {
  return std::unique_ptr<FieldCheck>(new FieldCheck(std::move(client), object, fields, options));
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

FieldCheck::FieldCheck(std::shared_ptr<Client> client, const ObjectDescriptor& object,
                       const std::vector<BulkField>& fields, const CallOptions& options)
    : client_(std::move(client)), object_(object), options_(options) {
  for (const auto& field : fields) fields_.push_back({std::string(field.group), std::string(field.name), field.type});
}

Status FieldCheck::run() noexcept try {
  return step();
} catch (const std::bad_alloc&) {
  failure_ = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return Status::kFailed;
}

Status FieldCheck::step() {
  if (creation_) {
    Status status = creation_->run();
    if (status == Status::kWouldBlock) return status;
    bool there_by_now = creation_->http_status() == 409;
    if (status == Status::kFailed && !there_by_now) return fail(creation_->failure());
    made();
  }
  const auto* known = client_->fields_of(object_.kind);
  // one that is not known may have been created since: ask before refusing
  bool enough = known && (asked_ || unknown_fields(*known).empty());
  return enough ? check() : ask();
}

Status FieldCheck::ask() {
  if (!schema_) schema_ = SchemaFetch::create(client_, object_.kind, options_, failure_);
  if (!schema_) return Status::kFailed;
  Status status = schema_->run();
  if (status == Status::kFailed) return fail(schema_->failure());
  if (status != Status::kDone) return status;
  asked_ = true;
  schema_.reset();
  return check();
}

std::vector<FieldCheck::Field> FieldCheck::unknown_fields(const std::vector<SchemaField>& known) const {
  std::vector<Field> result;
  for (const auto& field : fields_) {
    auto same = [&](const SchemaField& k) { return !k.deleted && k.field == field.name && k.group == field.group; };
    if (std::none_of(known.begin(), known.end(), same)) result.push_back(field);
  }
  return result;
}

Status FieldCheck::check() {
  const auto& known = *client_->fields_of(object_.kind);
  std::vector<Field> missing = unknown_fields(known);
  if (missing.empty() || (options_.create_fields && options_.dry_run)) return Status::kDone;
  bool made_in_vain = std::find(created_.begin(), created_.end(), missing.front().path()) != created_.end();
  return options_.create_fields && !made_in_vain ? make(missing) : refuse(missing.front(), known);
}

Status FieldCheck::refuse(const Field& field, const std::vector<SchemaField>& known) {
  ClosestMatch closest(field.name);
  for (const auto& k : known) {
    if (!k.deleted && k.group == field.group) closest.offer(k.field);
  }
  std::string hint = "Create it in Pendo (Settings > Data Mappings) first, set the option create_fields 'true', "
                     "or correct the column's option path.";
  if (!closest.best().empty()) hint = "Perhaps you meant \"" + field.group + "." + std::string(closest.best()) + "\". " + hint;
  return fail({sqlstate::kUndefinedColumn,
               "Pendo has no " + std::string(object_.kind) + " field \"" + field.path() + "\" (server \"" +
                   client_->config().server_name + "\")",
               creation_reply_.empty() ? "Nothing was sent: a field that does not exist would be created by writing it."
                                       : "It was asked to create it and answered: " + creation_reply_,
               std::move(hint), 0});
}

// One call per group and 24 fields; what is left comes after the schema was
// asked for again.
Status FieldCheck::make(const std::vector<Field>& missing) {
  Request request{.kind = CallKind::kBulk, .post = true, .to_track_host = false, .connect_only = false, .can_split = false,
                  .path = "/api/v1/metadata/schema/" + std::string(object_.kind) + "/" + missing.front().group, .body = "["};
  std::size_t count = 0;
  for (const auto& field : missing) {
    if (field.group != missing.front().group || count == kMostCreated) continue;
    std::string_view type = type_name(field.type);
    if (type.empty()) {
      return fail({sqlstate::kUndefinedColumn,
                   "cannot create the field \"" + field.path() + "\": Pendo makes no lists by its API",
                   {}, "Create it in Pendo (Settings > Data Mappings).", 0});
    }
    if (count++ > 0) request.body += ',';
    request.body += "{\"name\":";
    append_json_string(request.body, field.name);
    request.body += ",\"displayname\":";
    append_json_string(request.body, field.name);
    request.body += ",\"type\":\"" + std::string(type) + "\"}";
    created_.push_back(field.path());
  }
  request.body += ']';
  creation_ = Fetch::create(client_, std::move(request), options_, failure_);
  return creation_ ? step() : Status::kFailed;
}

// Whether the call did what it should is seen in the schema, asked once more.
void FieldCheck::made() {
  creation_reply_ = shown_reply(client_->config(), creation_->reply(), 300);
  creation_.reset();
  asked_ = false;
  client_->forget_fields_of(object_.kind);
}

Status FieldCheck::fail(Failure failure) {
  failure_ = std::move(failure);
  return Status::kFailed;
}

}  // namespace pendo
