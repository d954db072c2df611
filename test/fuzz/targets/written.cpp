// Values on their way out: what is written is JSON, and reads as what it was.
#include <cmath>

#include "fuzz.h"
#include "json_parse.h"
#include "json_write.h"

namespace pendo::fuzz {
namespace {

bool read(std::string_view json, simulator::Value& value) {
  std::string error;
  return simulator::parse_json(json, value, error);
}

void check(const Value& value, std::string_view json) {
  simulator::Value back;
  require(read(json, back), "what is written is JSON");
  switch (value.kind) {
    case ValueKind::kNull:
      return require(back.is_null(), "null is null");
    case ValueKind::kBool:
      return require(back.is(simulator::Type::kBoolean) && back.boolean() == value.boolean, "a boolean is that boolean");
    case ValueKind::kInt:
      return require(back.is_number() && back.number() == static_cast<double>(value.integer), "an integer is that number");
    case ValueKind::kFloat:
      return require(back.is_number() && back.number() == value.real, "a float is that number");
    case ValueKind::kText:
      return require(back.is_string() && back.string() == value.text, "a text is that text");
    case ValueKind::kTime:
      return require(back.is_number() || back.is_string(), "a time is a number or a text");
    default:
      return;
  }
}

void write(const Value& value) {
  for (auto append : {&append_value, &append_metadata_value}) {
    std::string out = "[";
    std::string_view why;
    if (append(out, value, why) == Encode::kOk) {
      check(value, std::string_view(out).substr(1));
    } else {
      require(out == "[" && !why.empty(), "what is refused leaves nothing but the reason");
    }
  }
}

void write_path(std::string_view text) {
  std::string path;
  append_percent_encoded(path, text);
  for (char c : path) require(c > ' ' && c < 0x7f && c != '/' && c != '?' && c != '#', "a segment is one");
}

Value drawn(Input& choices) {
  std::string_view text = choices.rest();
  simulator::Value parsed;
  double real = 0;
  switch (choices.below(8)) {
    case 0:
      return Value::of_text(choices.rest());
    case 1:
      return Value::of_int(choices.integer(choices.rest()));
    case 2:
      text = choices.rest().substr(0, sizeof real);
      std::memcpy(&real, text.data(), text.size());
      return Value::of_float(real);
    case 3:
      return Value::of_number(choices.rest());
    case 4:
      return Value::of_time(choices.integer(choices.rest()));
    case 5:
      return is_valid_utf8(choices.rest()) && read(choices.rest(), parsed) ? Value::of_json(choices.rest()) : Value::null();
    case 6:
      return Value::of_bool(choices.at_end());
    default:
      return Value::bad("it is bad");
  }
}

}  // namespace

void written(std::string_view input) {
  HeapCopy bytes(input);
  Input choices(bytes.view());
  Value value = drawn(choices);
  write(value);
  write_path(choices.rest());
}

}  // namespace pendo::fuzz
