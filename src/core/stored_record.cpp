// Layout: 'r' or 'e'; the id; of an event its encoded form; of a record a byte that
// says whether it may be created, then for each field a byte for its type, its
// group, its name and its value as JSON. Ids, names and values stand behind their
// size: 4 bytes, the lowest first.
#include "stored_record.h"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

namespace pendo {
namespace {

constexpr char kRecord = 'r';
constexpr char kEvent = 'e';
constexpr std::size_t kSizeBytes = 4;

void append_sized(std::string& out, std::string_view text) {
  auto size = static_cast<std::uint32_t>(text.size());
  for (std::size_t i = 0; i < kSizeBytes; ++i) out += static_cast<char>(size >> (8 * i) & 0xff);
  out += text;
}

bool take_sized(std::string_view& rest, std::string_view& out) {
  if (rest.size() < kSizeBytes) return false;
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < kSizeBytes; ++i) size |= static_cast<std::uint32_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
  rest.remove_prefix(kSizeBytes);
  if (size > rest.size()) return false;
  out = rest.substr(0, size);
  rest.remove_prefix(size);
  return true;
}

bool take_byte(std::string_view& rest, char& out) {
  if (rest.empty()) return false;
  out = rest.front();
  rest.remove_prefix(1);
  return true;
}

struct StoredField {
  ColumnType type = ColumnType::kText;
  std::string_view group;
  std::string_view name;
  std::string_view json;
};

void append_field(std::string& out, const StoredField& field) {
  out += static_cast<char>(field.type);
  append_sized(out, field.group);
  append_sized(out, field.name);
  append_sized(out, field.json);
}

bool take_field(std::string_view& rest, StoredField& out) {
  char type = 0;
  if (!take_byte(rest, type) || type < 0 || type > static_cast<char>(ColumnType::kJson)) return false;
  out.type = static_cast<ColumnType>(type);
  return take_sized(rest, out.group) && take_sized(rest, out.name) && take_sized(rest, out.json);
}

struct StoredParts {
  std::string_view id;
  char create = 0;
  std::vector<StoredField> fields;
};

std::optional<StoredParts> parts_of(std::string_view stored) {
  StoredParts parts;
  char kind = 0;
  if (!take_byte(stored, kind) || kind != kRecord) return {};
  if (!take_sized(stored, parts.id) || !take_byte(stored, parts.create)) return {};
  while (!stored.empty()) {
    StoredField field;
    if (!take_field(stored, field)) return {};
    parts.fields.push_back(field);
  }
  return parts;
}

bool read_event(std::string_view stored, StoredRecord& out) {
  stored.remove_prefix(1);
  std::string_view label;
  if (!take_sized(stored, label)) return false;
  out = {true, std::string(label), std::string(stored)};
  return true;
}

}  // namespace

std::string store_event(std::string_view label, std::string_view encoded) {
  std::string out(1, kEvent);
  append_sized(out, label);
  out += encoded;
  return out;
}

std::string store_record(const FieldTable& table, std::string_view id, std::string_view encoded) {
  std::string out(1, kRecord);
  append_sized(out, id);
  FieldValues values(encoded);
  out += values.create() ? '\1' : '\0';
  std::uint16_t number = 0;
  std::string_view json;
  while (values.next(number, json)) {
    const auto& field = table.fields()[number];
    append_field(out, {field.type, field.group, field.name, json});
  }
  return out;
}

bool read_stored(std::string_view stored, FieldTable& table, StoredRecord& out) {
  if (stored.starts_with(kEvent)) return read_event(stored, out);
  auto parts = parts_of(stored);
  if (!parts) return false;
  out.is_event = false;
  out.id = parts->id;
  begin_values(out.encoded, parts->create != '\0');
  for (const auto& field : parts->fields) {
    append_value_of(out.encoded, table.number_of({field.group, field.name, field.type}), field.json);
  }
  return true;
}

std::string without_fields_of(std::string_view earlier, std::string_view later, bool applied) {
  auto old_parts = parts_of(earlier);
  auto new_parts = parts_of(later);
  if (!old_parts || !new_parts) return {};
  if (!applied && old_parts->create && !new_parts->create) return std::string(earlier);
  std::set<std::pair<std::string_view, std::string_view>> set_later;
  for (const auto& field : new_parts->fields) set_later.emplace(field.group, field.name);
  std::string left(1, kRecord);
  append_sized(left, old_parts->id);
  left += old_parts->create;
  bool any = false;
  for (const auto& field : old_parts->fields) {
    if (set_later.contains({field.group, field.name})) continue;
    append_field(left, field);
    any = true;
  }
  return any ? left : std::string();
}

}  // namespace pendo
