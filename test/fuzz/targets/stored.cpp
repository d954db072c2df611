// What the outbox stores: bytes that came from anywhere are read or refused, and
// what was stored comes back, less what a later record of the id sets again.
#include "stored_record.h"

#include <algorithm>
#include <map>
#include <utility>

#include "fuzz.h"

namespace pendo::fuzz {
namespace {

using Values = std::map<std::pair<std::string, std::string>, std::string>;  // of group and name, as JSON

Values values_of(const FieldTable& table, std::string_view encoded) {
  Values found;
  FieldValues values(encoded);
  std::uint16_t number = 0;
  std::string_view json;
  while (values.next(number, json)) {
    require(number < table.fields().size(), "a field has a name");
    touch(json);
    const auto& field = table.fields()[number];
    found[{field.group, field.name}] = json;
  }
  return found;
}

// Stores what the lines name: "TGROUP NAME JSON" each, T its type, up to an empty one.
std::string stored_of(Input& input, std::string_view id, bool create) {
  FieldTable table;
  std::string encoded;
  begin_values(encoded, create);
  for (std::string_view line = input.line(); !line.empty(); line = input.line()) {
    Input words(line);
    auto type = static_cast<ColumnType>(words.below(static_cast<unsigned>(ColumnType::kJson) + 1));
    std::string_view rest = words.rest();
    std::size_t group = std::min(rest.find(' '), rest.size());
    std::size_t name = std::min(rest.find(' ', group + 1), rest.size());
    if (group == rest.size()) continue;
    std::uint16_t number = table.number_of({rest.substr(0, group), rest.substr(group + 1, name - group - 1), type});
    append_value_of(encoded, number, rest.substr(std::min(name + 1, rest.size())));
  }
  return store_record(table, id, encoded);
}

StoredRecord must_read(FieldTable& table, std::string_view stored) {
  StoredRecord record;
  HeapCopy copy(stored);
  require(read_stored(copy.view(), table, record), "what was stored can be read");
  return record;
}

// Types and the order of fields as well.
void comes_back(std::string_view stored) {
  FieldTable table;
  StoredRecord record = must_read(table, stored);
  require(!record.is_event, "a record is no event");
  require(store_record(table, record.id, record.encoded) == stored, "it is stored as it was");
}

void check_left(std::string_view earlier, std::string_view later, bool applied) {
  FieldTable table;
  StoredRecord first = must_read(table, earlier);
  StoredRecord second = must_read(table, later);
  Values left = values_of(table, first.encoded);
  bool creates = FieldValues(first.encoded).create() && !FieldValues(second.encoded).create() && !applied;
  if (!creates) {
    for (const auto& [field, json] : values_of(table, second.encoded)) left.erase(field);
  }
  HeapCopy first_copy(earlier);
  HeapCopy second_copy(later);
  std::string stored = without_fields_of(first_copy.view(), second_copy.view(), applied);
  if (stored.empty()) return require(left.empty(), "nothing is left where nothing is stored");
  StoredRecord rest = must_read(table, stored);
  require(rest.id == first.id && FieldValues(rest.encoded).create() == FieldValues(first.encoded).create(), "it is still that record");
  require(values_of(table, rest.encoded) == left, "what is left is what was not set again");
}

void any_bytes(std::string_view bytes) {
  HeapCopy copy(bytes);
  FieldTable table;
  StoredRecord record;
  if (!read_stored(copy.view(), table, record)) return;
  touch(record.id);
  if (record.is_event) {
    require(store_event(record.id, record.encoded) == bytes, "an event is stored as it was");
  } else {
    values_of(table, record.encoded);
    without_fields_of(bytes, bytes, true);
  }
}

}  // namespace

void stored(std::string_view input) {
  Input choices(input);
  if (choices.below(2) == 0) return any_bytes(choices.rest());
  unsigned bits = choices.below(8);
  std::string id(choices.line());
  std::string earlier = stored_of(choices, id, bits & 1);
  std::string later = stored_of(choices, id, bits & 2);
  comes_back(earlier);
  check_left(earlier, later, bits & 4);
}

}  // namespace pendo::fuzz
