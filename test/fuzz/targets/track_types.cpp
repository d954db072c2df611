// The list of Track Types.
#include "track_types.h"

#include "fuzz.h"

namespace pendo::fuzz {

void track_types(std::string_view input) {
  Input lines(input);
  std::string_view apps = lines.below(2) ? std::string_view("123,-5") : std::string_view();
  HeapCopy body(lines.rest());
  TrackTypeNames names;
  std::string reason;
  bool good = parse_track_types(body.view(), apps, names, reason);
  require(good == reason.empty(), "a failure has a reason");
  for (const auto& [id, name] : names) {
    require(is_valid_utf8(id) && is_valid_utf8(name), "names are UTF-8");
  }
}

}  // namespace pendo::fuzz
