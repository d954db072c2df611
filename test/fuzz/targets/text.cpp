// What is told of texts without building anything: JSON text, ids, messages.
#include "fuzz.h"
#include "json_parse.h"
#include "json_text.h"
#include "printable.h"
#include "record_id.h"

namespace pendo::fuzz {
namespace {

void look_at_number(std::string_view text) {
  std::size_t length = number_length(text);
  require(length <= text.size(), "a number is within its text");
  std::string_view number = text.substr(0, length);
  require(length == 0 || is_json_number(number), "what is a number by length is one");
  if (length == 0) return;
  simulator::Value value;
  std::string error;
  bool good = simulator::parse_json(number, value, error);
  require(good || number.find_first_of("eE") != std::string_view::npos || number.size() > 300, "a JSON number is one for others too");
  std::int64_t whole = 0;
  bool exact = whole_number(number, 0, whole) == Exact::kOk;
  if (good && value.is(simulator::Type::kInteger)) require(exact && whole == value.integer(), "a whole number is that number");
  fits_numeric(number);
}

void look_at_json(std::string_view text) {
  nested_within(text, kMaxNesting);
  begins_object(text);
  const char* problem = jsonb_problem(text);
  require(problem || !escape_problem(text), "jsonb takes no odd escape");
  text_problem(text);
}

}  // namespace

void text(std::string_view input) {
  Input choices(input);
  std::size_t limit = choices.byte();
  HeapCopy bytes(choices.rest());
  std::string_view text = bytes.view();
  look_at_number(text);
  look_at_json(text);
  bool utf8 = is_utf8(text);
  require(utf8 == is_valid_utf8(text), "UTF-8 is UTF-8");
  std::string_view cut = cut_utf8(text, limit);
  require(cut.size() <= limit && (!utf8 || is_utf8(cut)), "a cut leaves UTF-8, and no more than asked for");
  std::string shown = printable(text, limit + 4);
  require(shown.size() <= limit + 4 + 3 && !has_control_character(shown), "a message is one short line");
  require(!utf8 || is_utf8(shown), "a message is UTF-8");
  require(trimmed(trimmed(text)) == trimmed(text), "trimmed is trimmed");
  if (fits_in_path(text)) require(!text.empty() && text.find('/') == std::string_view::npos, "an id in a path is one segment");
  if (key_problem(text).empty()) require(utf8 && !is_anonymous(text) && !text.empty(), "a key that can be sent is one");
  ClosestMatch match(text.substr(0, 40));
  match.offer("custom_plan");
  match.offer(text.substr(0, 30));
  touch(match.best());
}

}  // namespace pendo::fuzz
