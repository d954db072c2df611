// The lists of Pendo's own objects: bare JSON arrays.
#include <algorithm>
#include <optional>

#include "apps.h"
#include "catalog.h"
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

// Pendo docs: ?id=a,b or, with several apps, ?appId= or ?expand=*; without, the default app only.
struct Choice {
  std::vector<std::int64_t> apps;
  std::optional<std::vector<std::string>> ids;

  bool admits(const std::string& id) const { return !ids || std::ranges::find(*ids, id) != ids->end(); }
};

// Nothing after a 400.
std::optional<Choice> choose(Exchange& exchange) {
  auto ids = exchange.request.parameter("id");
  auto app = exchange.request.parameter("appId");
  auto expand = exchange.request.parameter("expand");
  if (app && expand) {
    exchange.answer_text(400, "appId and expand cannot be combined\n");
    return std::nullopt;
  }
  Choice choice;
  choice.apps = {kDefaultApp};
  if (ids || expand) choice.apps = expand_apps(ids ? "*" : *expand);
  if (ids) choice.ids = split(*ids);
  if (!app) return choice;
  choice.apps.clear();
  for (const auto& known : apps()) {
    if (std::to_string(known.id) == *app) choice.apps.push_back(known.id);
  }
  return choice;
}

void list_items(Exchange& exchange, ItemKind kind) {
  auto choice = choose(exchange);
  if (!choice) return;
  List list;
  for (const auto& item : of_apps(catalog(kind, exchange.world.store.options()), choice->apps)) {
    if (choice->admits(item.id)) list.push_back(describe(kind, item));
  }
  exchange.answer_json(200, list);
}

}  // namespace

void list_track_types(Exchange& exchange) {
  auto choice = choose(exchange);
  if (!choice) return;
  List list;
  for (const auto& type : exchange.world.track_types.of_apps(choice->apps)) {
    if (choice->admits(type.id)) list.push_back(TrackTypes::describe(type));
  }
  exchange.answer_json(200, list);
}

void list_pages(Exchange& exchange) { list_items(exchange, ItemKind::kPage); }
void list_features(Exchange& exchange) { list_items(exchange, ItemKind::kFeature); }
void list_guides(Exchange& exchange) { list_items(exchange, ItemKind::kGuide); }

// Of the segments none was made by the API.
void list_segments(Exchange& exchange) {
  auto by_api = exchange.request.parameter("createdByApi");
  if (by_api && *by_api == "true") return list_nothing(exchange);
  list_items(exchange, ItemKind::kSegment);
}

void list_nothing(Exchange& exchange) { exchange.answer_json(200, List{}); }

}  // namespace simulator
