// Pendo docs: agent and custom are writable, pendo has two flags; an unknown custom
// field is made on the first write.
#include "metadata_write.h"

#include <charconv>
#include <cmath>

#include "compare.h"
#include "date_text.h"
#include "json_write.h"

namespace simulator {
namespace {

bool fits(const std::string& type, const Value& value) {
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is(Type::kBoolean);
  if (type == "integer") return value.is_number() && std::floor(value.number()) == value.number();
  if (type == "float") return value.is_number();
  if (type == "list") return value.is_list();
  return true;
}

std::optional<Value> number_of(const std::string& text) {
  double number = 0;
  std::int64_t integer = 0;
  const char* end = text.data() + text.size();
  if (auto read = std::from_chars(text.data(), end, integer); read.ec == std::errc() && read.ptr == end) return integer;
  if (auto read = std::from_chars(text.data(), end, number); read.ec == std::errc() && read.ptr == end) return number;
  return std::nullopt;
}

std::optional<Value> converted(const std::string& type, const Value& value) {
  if (type == "string") return to_json(value, {.html_escape = false});
  if (type == "list") return List{value};
  if (type == "boolean" && value.is_string() && (value.string() == "true" || value.string() == "false")) {
    return value.string() == "true";
  }
  if ((type == "integer" || type == "float") && value.is_string()) {
    auto number = number_of(value.string());
    if (number && fits(type, *number)) return number;
  }
  return std::nullopt;
}

std::string inferred_type(const Value& value) {
  switch (value.type()) {
    case Type::kBoolean:
      return "boolean";
    case Type::kInteger:
      return "integer";
    case Type::kFloat:
      return "float";
    case Type::kList:
      return "list";
    default:
      return "string";
  }
}

FieldWrite reject(std::string error) { return {FieldWrite::Outcome::kReject, Value(), std::move(error)}; }

}  // namespace

std::optional<int> MetadataWriter::group_refusal() const {
  if (group_ == "agent" || group_ == "custom" || group_ == "pendo") return std::nullopt;
  if (switches_.is(Switch::kOtherGroupWrite, "accept")) return std::nullopt;
  return switches_.is(Switch::kOtherGroupWrite, "403") ? 403 : 400;
}

std::string MetadataWriter::key(std::string_view sent) const {
  return switches_.is(Switch::kFieldKeyCase, "lower") ? lower_case(sent) : std::string(sent);
}

bool MetadataWriter::makes_fields() const {
  return group_ == "custom" || (group_ == "agent" && switches_.is(Switch::kUnknownAgentField, "create")) ||
         (group_ != "agent" && group_ != "pendo");
}

bool MetadataWriter::is_writable(const std::string& key) const {
  auto info = schema_.find({group_, key});
  if (group_ == "pendo" && key == "blacklistguides" && switches_.is(Switch::kBlacklistGuides, "refuse")) return false;
  return (info && !(info->flags & kDeletedField)) || makes_fields();
}

FieldWrite MetadataWriter::prepare(const std::string& key, Value value) {
  auto info = schema_.find({group_, key});
  if (!info || (info->flags & kDeletedField)) {
    if (!makes_fields()) {
      if (switches_.is(Switch::kUnknownAgentField, "ignore")) return {FieldWrite::Outcome::kSkip, Value(), {}};
      return reject("no field mapping for " + group_ + "." + key);
    }
    FieldInfo made;
    made.display_name = key;
    if (switches_.is(Switch::kNewFieldType, "string")) made.type = "string";
    if (switches_.is(Switch::kNewFieldType, "inferred")) made.type = inferred_type(value);
    schema_.create({group_, key}, made);
    // a field that is not mapped yet holds whatever comes
    info = FieldInfo{};
  }
  if (value.is_null()) return prepare_null();
  if (value.is_string() && value.string().empty() && switches_.is(Switch::kEmptyString, "delete")) {
    return {FieldWrite::Outcome::kRemove, Value(), {}};
  }
  return convert(info->type, std::move(value));
}

FieldWrite MetadataWriter::prepare_null() const {
  if (switches_.is(Switch::kNullValue, "delete")) return {FieldWrite::Outcome::kRemove, Value(), {}};
  if (switches_.is(Switch::kNullValue, "error")) return reject("null is not a value");
  return {FieldWrite::Outcome::kStore, nullptr, {}};
}

FieldWrite MetadataWriter::convert(const std::string& type, Value value) const {
  if (type == "time") return convert_time(std::move(value));
  if (fits(type, value)) return {FieldWrite::Outcome::kStore, std::move(value), {}};
  return mismatch(type, std::move(value));
}

// Pendo: whatever the format, rows have epoch ms.
FieldWrite MetadataWriter::convert_time(Value value) const {
  std::int64_t border = switches_.number(Switch::kEpochSecondsBelow);
  if (value.is(Type::kInteger)) {
    return {FieldWrite::Outcome::kStore, epoch_ms(value.integer(), border), {}};
  }
  if (!value.is_string()) return mismatch("time", std::move(value));
  auto time = parse_date(value.string(), border);
  if (!time) return bad_date(std::move(value));
  return {FieldWrite::Outcome::kStore, *time, {}};
}

FieldWrite MetadataWriter::bad_date(Value value) const {
  if (switches_.is(Switch::kBadDate, "error")) return reject("cannot parse the date");
  if (switches_.is(Switch::kBadDate, "null")) return {FieldWrite::Outcome::kStore, nullptr, {}};
  if (switches_.is(Switch::kBadDate, "zero")) return {FieldWrite::Outcome::kStore, 0, {}};
  return {FieldWrite::Outcome::kStore, std::move(value), {}};
}

FieldWrite MetadataWriter::mismatch(const std::string& type, Value value) const {
  if (switches_.is(Switch::kTypeMismatch, "store")) return {FieldWrite::Outcome::kStore, std::move(value), {}};
  if (switches_.is(Switch::kTypeMismatch, "convert")) {
    if (auto other = converted(type, value)) return {FieldWrite::Outcome::kStore, std::move(*other), {}};
  }
  return reject("expected " + type + ", got " + std::string(go_type_name(value)));
}

}  // namespace simulator
