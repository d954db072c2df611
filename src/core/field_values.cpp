// Encoded values: a byte that says whether the record may be created, then for
// each field its number (2 bytes), the length of its value (4) and the value as
// JSON. They never leave the machine, so the order of bytes is its own.
#include "field_values.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "json_write.h"
#include "record_id.h"
#include "same_json.h"

namespace pendo {
namespace {

// What could not be read back is not written.
constexpr std::size_t kMaxEncodedBytes = 4u << 20;

template <typename Integer>
void append_bytes(std::string& out, Integer value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <typename Integer>
Integer take_bytes(std::string_view& rest) {
  Integer value;
  std::memcpy(&value, rest.data(), sizeof value);
  rest.remove_prefix(sizeof value);
  return value;
}

}  // namespace

void begin_values(std::string& encoded, bool create) { encoded.assign(1, create ? '\1' : '\0'); }

void append_value_of(std::string& encoded, std::uint16_t number, std::string_view json) {
  append_bytes(encoded, number);
  append_bytes(encoded, static_cast<std::uint32_t>(json.size()));
  encoded += json;
}

std::unique_ptr<FieldTable> FieldTable::create() noexcept try {
  return std::make_unique<FieldTable>();
} catch (const std::bad_alloc&) {
  return nullptr;
}

std::uint16_t FieldTable::number_of(const BulkField& field) {
  auto same = [&](const Field& known) { return known.group == field.group && known.name == field.name; };
  auto found = std::find_if(fields_.begin(), fields_.end(), same);
  auto number = static_cast<std::uint16_t>(found - fields_.begin());
  if (found == fields_.end()) fields_.push_back({std::string(field.group), std::string(field.name), field.type});
  return number;
}

std::unique_ptr<RecordEncoder> RecordEncoder::create(FieldTable& table, const std::vector<BulkField>& fields,
                                                     const EncodeRules& rules, Failure& failure) noexcept try {
  std::unique_ptr<RecordEncoder> encoder(new RecordEncoder(table, rules));
  for (const auto& field : fields) encoder->fields_.push_back({table.number_of(field), std::string(field.name), field.type, field.skips_null});
  return encoder;
} catch (const std::bad_alloc&) {
  failure = Failure{sqlstate::kOutOfMemory, {}, {}, {}, 0};
  return nullptr;
}

RecordEncoder::Result RecordEncoder::encode(std::string_view id, const Value* values, const Value* old_values) noexcept try {
  return encode_record(id, values, old_values);
} catch (const std::bad_alloc&) {
  return Result::kOutOfMemory;
}

RecordEncoder::Result RecordEncoder::encode_record(std::string_view id, const Value* values, const Value* old_values) {
  begin_values(encoded_, rules_.create);
  if (auto problem = key_problem(id); !problem.empty()) return invalid(values, std::string(problem));
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (values[i].kind == ValueKind::kNull && (rules_.null_as == NullAs::kSkip || fields_[i].skips_null)) continue;
    std::string_view why;
    json_.clear();
    if (append_field(json_, values[i], why) == Encode::kInvalid) {
      return invalid(values, fields_[i].name + ": " + std::string(why));
    }
    if (old_values && is_unchanged(fields_[i], values[i], old_values[i])) continue;
    append_value_of(encoded_, fields_[i].number, json_);
  }
  if (encoded_.size() > kMaxEncodedBytes) return invalid(values, "its values are larger than 4 MB");
  // a record that is to be created needs no values
  bool empty = encoded_.size() == 1 && !fields_.empty();
  return empty && !rules_.create ? Result::kNothing : Result::kEncoded;
}

// json_ has the new value as it would go out. What cannot go out was not written
// by us, so it differs.
bool RecordEncoder::is_unchanged(const Field& field, const Value& value, const Value& old_value) {
  bool both_null = value.kind == ValueKind::kNull && old_value.kind == ValueKind::kNull;
  // an empty text in a field of another type is read as NULL, if at all
  if (both_null) return rules_.null_as != NullAs::kEmpty || field.type != ColumnType::kText;
  std::string_view why;
  old_json_.clear();
  return append_metadata_value(old_json_, old_value, why) == Encode::kOk && is_same_json(json_, old_json_);
}

Encode RecordEncoder::append_field(std::string& out, const Value& value, std::string_view& why) const {
  bool empty = value.kind == ValueKind::kNull && rules_.null_as == NullAs::kEmpty;
  return append_metadata_value(out, empty ? Value::of_text({}) : value, why);
}

// The values as far as they can be shown; the one that has no form in JSON is
// named by why().
RecordEncoder::Result RecordEncoder::invalid(const Value* values, std::string why) {
  why_ = std::move(why);
  std::string shown(1, '\0');
  for (std::size_t i = 0; i < fields_.size() && shown.size() < kMaxEncodedBytes; ++i) {
    std::string_view ignored;
    json_.clear();
    if (append_field(json_, values[i], ignored) == Encode::kOk) append_value_of(shown, fields_[i].number, json_);
  }
  tried_ = shown.size() > kMaxEncodedBytes ? std::string() : values_json(table_, shown);
  return Result::kInvalid;
}

bool FieldValues::next(std::uint16_t& number, std::string_view& json) noexcept {
  if (rest_.empty()) return false;
  number = take_bytes<std::uint16_t>(rest_);
  auto size = take_bytes<std::uint32_t>(rest_);
  json = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

std::string merge_values(std::string_view earlier, std::string_view later) {
  std::vector<std::pair<std::uint16_t, std::string_view>> merged;
  FieldValues old_values(earlier);
  FieldValues new_values(later);
  std::uint16_t number = 0;
  std::string_view json;
  while (old_values.next(number, json)) merged.emplace_back(number, json);
  while (new_values.next(number, json)) {
    auto same = std::find_if(merged.begin(), merged.end(), [&](const auto& entry) { return entry.first == number; });
    if (same == merged.end()) {
      merged.emplace_back(number, json);
    } else {
      same->second = json;
    }
  }
  std::string out(1, old_values.create() || new_values.create() ? '\1' : '\0');
  for (const auto& [field, value] : merged) append_value_of(out, field, value);
  return out;
}

std::string values_json(const FieldTable& table, std::string_view encoded) {
  std::vector<std::pair<std::string_view, std::string>> groups;
  FieldValues values(encoded);
  std::uint16_t number = 0;
  std::string_view json;
  while (values.next(number, json)) {
    const auto& field = table.fields()[number];
    auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == field.group; });
    if (same == groups.end()) same = groups.insert(groups.end(), {field.group, {}});
    if (!same->second.empty()) same->second += ',';
    append_json_string(same->second, field.name);
    same->second += ':';
    same->second += json;
  }
  std::string out = "{";
  for (const auto& [group, members] : groups) {
    if (out.size() > 1) out += ',';
    append_json_string(out, group);
    out += ":{" + members + "}";
  }
  return out + "}";
}

}  // namespace pendo
