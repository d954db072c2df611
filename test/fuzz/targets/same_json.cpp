// Two lines: is what they mean the same? As the simulator's parser sees it.
#include "same_json.h"

#include "fuzz.h"
#include "json_parse.h"
#include "json_text.h"

namespace pendo::fuzz {
namespace {

// With every number a float, and nothing else changed.
bool equal(const simulator::Value& a, const simulator::Value& b) {
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  if (a.type() != b.type()) return false;
  if (a.is_list()) {
    bool same = a.list().size() == b.list().size();
    for (std::size_t i = 0; same && i < a.list().size(); ++i) same = equal(a.list()[i], b.list()[i]);
    return same;
  }
  if (!a.is_object()) return a == b;
  bool same = a.object().size() == b.object().size();
  for (const auto& member : a.object()) {
    const simulator::Value* other = b.find(member.name);
    same = same && other && equal(member.value, *other);
  }
  return same;
}

// JSON of which both parsers know all: UTF-8, no half surrogate pairs, numbers that
// a float holds.
bool parse(std::string_view text, simulator::Value& value) {
  std::string error;
  return is_valid_utf8(text) && nested_within(text, kMaxNesting) && !jsonb_problem(text) && simulator::parse_json(text, value, error);
}

}  // namespace

void same_json(std::string_view input) {
  Input lines(input);
  HeapCopy a(lines.line());
  HeapCopy b(lines.rest());
  bool same = is_same_json(a.view(), b.view());
  require(is_same_json(b.view(), a.view()) == same, "sameness has no direction");
  require(is_same_json(a.view(), a.view()), "what is there is the same as itself");
  simulator::Value one, other;
  if (!parse(a.view(), one) || !parse(b.view(), other)) return;
  require(!same || equal(one, other), "the same is the same for others too");
  bool compound = (one.is_object() && other.is_object()) || (one.is_list() && other.is_list());
  if (compound && equal(one, other)) require(same, "what is the same for others is the same");
}

}  // namespace pendo::fuzz
