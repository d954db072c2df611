// The lists of Pendo's own objects: bare JSON arrays.
#include <algorithm>

#include "apps.h"
#include "handlers.h"

namespace simulator {
namespace {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    auto comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

// Pendo docs: ?id=a,b or, with several apps, ?appId= or ?expand=*; without, the default app only.
void list_track_types(Exchange& exchange) {
  auto ids = exchange.request.parameter("id");
  auto app = exchange.request.parameter("appId");
  auto expand = exchange.request.parameter("expand");
  if (app && expand) return exchange.answer_text(400, "appId and expand cannot be combined\n");
  std::vector<std::int64_t> apps{kDefaultApp};
  if (ids || expand) apps = expand_apps(ids ? "*" : *expand);
  if (app) {
    apps.clear();
    for (const auto& known : simulator::apps()) {
      if (std::to_string(known.id) == *app) apps.push_back(known.id);
    }
  }
  std::vector<std::string> wanted;
  if (ids) wanted = split(*ids);
  List list;
  for (const auto& type : exchange.world.track_types.of_apps(apps)) {
    if (!ids || std::ranges::find(wanted, type.id) != wanted.end()) list.push_back(TrackTypes::describe(type));
  }
  exchange.answer_json(200, list);
}

void list_nothing(Exchange& exchange) { exchange.answer_json(200, List{}); }

}  // namespace simulator
