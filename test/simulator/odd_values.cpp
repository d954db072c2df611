// Seen in public clients of Pendo: several JSON types in one field, absent keys and
// groups, nulls, the text "<nil>" in lists, and texts from script scanners.
#include "odd_values.h"

#include <array>

#include "calendar.h"
#include "date_text.h"
#include "hash.h"
#include "json_write.h"

namespace simulator {
namespace {

constexpr std::uint64_t kOddSubject = 1000;
constexpr std::uint64_t kGroupSubject = 2000;
constexpr std::uint64_t kLongSubject = 3000;
constexpr std::size_t kLongText = 100'000;

constexpr std::array<std::string_view, 12> kOddTexts = {
    "say \"hi\"", "C:\\temp\\new", "`ticked`", "two\nlines", "tab\there", "emoji \xF0\x9F\x98\x80 end",
    "", " padded ", "null", "it's 100% <b>bold</b> & \xE2\x80\xA8more", "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82",
    "bell \x07 and \x7F",
};

Value other_type_of_text(const Value& value, std::uint64_t bits) {
  switch (bits % 5) {
    case 0:
      return static_cast<std::int64_t>(bits % 100'000);
    case 1:
      return bits % 2 == 0;
    case 2:
      return static_cast<double>(bits % 1000) / 8;
    case 3:
      return List{value, nullptr, 7};
    default:
      return Object{{"nested", value}};
  }
}

Value other_type_of_number(const Field& field, const Value& value, std::uint64_t bits) {
  if (field.type == "time") {
    if (bits % 3 == 0) return format_date("2006-01-02T15:04:05.000Z07:00", value.integer(), 0);
    return bits % 3 == 1 ? Value(std::to_string(value.integer())) : Value(0);
  }
  switch (bits % 4) {
    case 0:
      return to_json(value);
    case 1:
      return value.number() + 0.5;
    case 2:
      return "n/a";
    default:
      return bits % 2 == 0;
  }
}

Value other_type(const Field& field, const Value& value, std::uint64_t bits) {
  switch (value.type()) {
    case Type::kString:
      return other_type_of_text(value, bits);
    case Type::kInteger:
    case Type::kFloat:
      return other_type_of_number(field, value, bits);
    case Type::kBoolean:
      return bits % 2 ? Value(value.boolean() ? "true" : "false") : Value(value.boolean() ? 1 : 0);
    case Type::kList:
      return bits % 2 || value.list().empty() ? Value("<nil>") : value.list()[0];
    default:
      return value;
  }
}

Value odd_content(const Value& value, std::uint64_t bits) {
  if (value.is_string()) return kOddTexts[bits % kOddTexts.size()];
  if (value.is_list()) return List{"<nil>", nullptr, kOddTexts[bits % kOddTexts.size()], List{1, "two"}};
  return value;
}

bool keeps_its_value(const Field& field) {
  return field.group == "auto" && (field.name == "id" || field.name == "idhash" || field.name == "nid");
}

}  // namespace

bool lacks_group(const RecordSeed& seed, std::string_view group) {
  if (seed.options.clean || group == "auto") return false;
  return seed.bits(kGroupSubject + id_hash(group)) % 100 == 0;
}

Value make_odd(const RecordSeed& seed, const Field& field, std::size_t field_number, Value value) {
  if (seed.options.clean || value.is_missing() || keeps_its_value(field)) return value;
  if (field.group == "agent" && field.name == "name" && seed.bits(kLongSubject) % 5000 == 0) {
    return std::string(kLongText, 'x');
  }
  std::uint64_t bits = seed.bits(kOddSubject + field_number);
  switch (bits % 100) {
    case 0:
      return Value();
    case 1:
      return nullptr;
    case 2:
      return other_type(field, value, bits / 100);
    case 3:
      return odd_content(value, bits / 100);
    default:
      return value;
  }
}

}  // namespace simulator
