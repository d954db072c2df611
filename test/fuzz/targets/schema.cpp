// The answer of the metadata schema.
#include <algorithm>

#include "fuzz.h"
#include "json_text.h"
#include "metadata_schema.h"

namespace pendo::fuzz {
namespace {

bool is_shown(std::string_view text) { return text.size() <= 1000 && !text_problem(text) && is_valid_utf8(text); }

}  // namespace

void schema(std::string_view input) {
  HeapCopy body(input);
  std::vector<SchemaField> fields(1);
  std::string reason;
  bool good = parse_schema(body.view(), fields, reason);
  require(good == reason.empty(), "a failure has a reason");
  require(good || fields.size() == 1, "a failure leaves nothing");
  for (auto field = fields.begin() + 1; field != fields.end(); ++field) {
    require(!field->group.empty() && !field->field.empty(), "names are not empty");
    for (const std::string* text : {&field->group, &field->field, &field->type, &field->element_type, &field->display_name}) {
      require(is_shown(*text), "texts can be shown");
    }
  }
}

}  // namespace pendo::fuzz
