// Answers that are made in one piece.
#include "exchange.h"

#include "json_parse.h"

namespace simulator {

std::optional<Kind> Exchange::kind() const {
  auto it = params.find("kind");
  if (it == params.end()) return std::nullopt;
  if (it->second == "visitor") return Kind::kVisitor;
  if (it->second == "account") return Kind::kAccount;
  return std::nullopt;
}

void Exchange::answer_bytes(int status, std::string_view type, std::string_view bytes) {
  response.status = status;
  if (!type.empty()) response.set_header("Content-Type", type);
  response.write(bytes);
  response.finish();
}

void Exchange::answer_json(int status, const Value& value) {
  answer_bytes(status, "application/json; charset=utf-8", to_json(value, json_style()));
}

bool Exchange::read_json(Value& value) {
  std::string error;
  if (parse_json(request.body, value, error)) return true;
  answer_bad_json(error);
  return false;
}

// Pendo's 422 has this form; it is that of a package which answers so to bad JSON.
void Exchange::answer_bad_json(std::string_view error) {
  Value body = Object{};
  body.set("fields", Object{});
  body.set("overall", Object{{"DeserializationError", error}});
  answer_json(400, body);
}

JsonStyle Exchange::json_style() const {
  return {.html_escape = world.switches.is(Switch::kHtmlEscape, "yes"),
          .float_integers = world.switches.is(Switch::kIntegerText, "exponent")};
}

}  // namespace simulator
