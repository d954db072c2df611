// Pendo: {"group":{"field":{"Type":"string","DisplayName":"...",...}}}.
#include "metadata_schema.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "json_reader.h"

namespace pendo {
namespace {

constexpr std::size_t kMaxFields = 100'000;
constexpr std::size_t kMaxNameBytes = 1000;

// Names become those of columns.
bool good_name(std::string_view name, std::string& reason) {
  if (name.empty()) {
    reason = "a name in it is empty";
  } else if (name.size() > kMaxNameBytes) {
    reason = "a name in it is too long";
  } else if (text_problem(name)) {
    reason = "a name in it is not text";
  } else {
    return true;
  }
  return false;
}

// What is only shown or compared may be missing, and is left out where it is odd.
std::string text_member(const JsonValue& descriptor, std::string_view key) {
  const JsonValue* value = member_of(descriptor, key);
  std::string_view text = value ? string_of(*value) : std::string_view();
  bool odd = text.size() > kMaxNameBytes || text_problem(text);
  return odd ? std::string() : std::string(text);
}

bool flag_member(const JsonValue& descriptor, std::string_view key) {
  const JsonValue* value = member_of(descriptor, key);
  return value && value->IsTrue();
}

SchemaField field_of(std::string_view group, std::string_view name, const JsonValue& descriptor) {
  SchemaField field;
  field.group = group;
  field.field = name;
  field.type = text_member(descriptor, "Type");
  field.element_type = text_member(descriptor, "ElementType");
  field.display_name = text_member(descriptor, "DisplayName");
  field.hidden = flag_member(descriptor, "isHidden");
  field.deleted = flag_member(descriptor, "isDeleted");
  field.per_app = flag_member(descriptor, "isPerApp");
  return field;
}

bool take_group(std::string_view group, const JsonValue& fields, std::vector<SchemaField>& out, std::string& reason) {
  if (!good_name(group, reason)) return false;
  if (!fields.IsObject()) {
    reason = "a group in it is not an object";
    return false;
  }
  for (const auto& member : fields.GetObject()) {
    std::string_view name = string_of(member.name);
    if (!good_name(name, reason)) return false;
    if (!member.value.IsObject()) {
      reason = "a field in it is not an object";
      return false;
    }
    if (out.size() == kMaxFields) {
      reason = "it has too many fields";
      return false;
    }
    out.push_back(field_of(group, name, member.value));
  }
  return true;
}

// Of a field that comes twice the last one counts, as of all members; its place is
// that of the first.
void keep_last(std::vector<SchemaField>& fields) {
  std::unordered_map<std::string, std::size_t> places;
  std::size_t kept = 0;
  for (auto& field : fields) {
    auto [known, is_new] = places.try_emplace(field.group + '\0' + field.field, kept);
    if (is_new) ++kept;
    SchemaField& place = fields[known->second];
    if (&place != &field) place = std::move(field);
  }
  fields.resize(kept);
}

bool parse(std::string_view body, std::vector<SchemaField>& out, std::string& reason) {
  Document document;
  if (!parse_object(body, document, reason)) return false;
  std::vector<SchemaField> fields;
  // as const: clang takes the mutable iterators' comparison for ambiguous
  for (const auto& group : std::as_const(document).GetObject()) {
    if (!take_group(string_of(group.name), group.value, fields, reason)) return false;
  }
  keep_last(fields);
  out.reserve(out.size() + fields.size());
  for (auto& field : fields) out.push_back(std::move(field));
  return true;
}

}  // namespace

bool parse_schema(std::string_view body, std::vector<SchemaField>& out, std::string& reason) noexcept try {
  return parse(body, out, reason);
} catch (const std::bad_alloc&) {
  reason = "out of memory";
  return false;
}

}  // namespace pendo
