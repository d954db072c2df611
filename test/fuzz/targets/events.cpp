// Track Events: the guard, and the body of the call, which is JSON that holds the
// values that were given.
#include "event_guard.h"
#include "event_sender.h"
#include "fuzz.h"
#include "json_parse.h"

namespace pendo::fuzz {
namespace {

void expect_text(const simulator::Value& object, std::string_view name, const Value& value) {
  const simulator::Value* found = object.find(name);
  if (value.kind == ValueKind::kNull) return require(!found, "what is absent is left out");
  require(found && found->is_string() && found->string() == value.text, "the body holds the text");
}

void check_body(const TrackEvent& event, std::string_view body) {
  simulator::Value document;
  std::string error;
  require(simulator::parse_json(body, document, error), "the body is JSON");
  expect_text(document, "event", event.event);
  expect_text(document, "visitorId", event.visitor_id);
  expect_text(document, "accountId", event.account_id);
  const simulator::Value* context = document.find("context");
  require(context && context->is_object(), "there is a context");
  expect_text(*context, "title", event.title);
  require(document.find("properties") && document.find("properties")->is_object(), "properties are an object");
  require(document.object().size() <= 7, "and there is nothing else");
}

// A value that PostgreSQL can have: jsonb is JSON.
Value properties_of(std::string_view text) {
  simulator::Value value;
  std::string error;
  bool is_json = is_valid_utf8(text) && simulator::parse_json(text, value, error);
  return is_json ? Value::of_json(text) : Value::null();
}

Value text_of(std::string_view text) { return text == "-" ? Value::null() : Value::of_text(text); }

}  // namespace

void events(std::string_view input) {
  Input lines(input);
  HeapCopy visitor(lines.line()), account(lines.line()), name(lines.line()), title(lines.line());
  std::string_view time = lines.line();
  HeapCopy properties(lines.rest());
  TrackEvent event;
  event.visitor_id = text_of(visitor.view());
  event.account_id = text_of(account.view());
  event.event = text_of(name.view());
  event.title = text_of(title.view());
  if (time != "-") event.occurred_at = Value::of_time(lines.integer(time) % 9'000'000'000'000'000'000);
  event.properties = properties_of(properties.view());

  EventGuard guard;
  if (guard.look_at(event, 1'750'000'000'000'000) == EventGuard::Result::kDoubtful) {
    require(!guard.column().empty() && !guard.why().empty() && !guard.advice().empty(), "a doubt says what and why");
    require(guard.why().size() < 300, "a doubt is short");
  }
  EventEncoder encoder;
  bool good = encoder.encode(event) == EventEncoder::Result::kEncoded;
  require(good == encoder.why().empty(), "a refusal has a reason");
  touch(encoder.label());
  if (good) check_body(event, decode_event(encoder.encoded()).body);
}

}  // namespace pendo::fuzz
