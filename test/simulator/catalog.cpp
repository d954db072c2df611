// Shapes as in public dumps of the list endpoints.
#include "catalog.h"

#include <algorithm>

#include "apps.h"
#include "calendar.h"
#include "date_text.h"
#include "hash.h"

namespace simulator {
namespace {

struct Entry {
  ItemKind kind;
  std::int64_t app;
  std::string_view name;
  std::string_view rule;
  std::string_view page;  // of a feature
};

constexpr Entry kEntries[] = {
    {ItemKind::kPage, kDefaultApp, "Dashboard", "//app.acme.example/dashboard", {}},
    {ItemKind::kPage, kDefaultApp, "Reports", "//app.acme.example/reports/*", {}},
    {ItemKind::kPage, kDefaultApp, "Settings", "//app.acme.example/settings", {}},
    {ItemKind::kPage, kDefaultApp, "Sign-up", "//app.acme.example/signup", {}},
    {ItemKind::kPage, kSecondApp, "Start Screen", "start", {}},
    {ItemKind::kFeature, kDefaultApp, "Export Button", "#export", "Reports"},
    {ItemKind::kFeature, kDefaultApp, "New Report", "#new-report", "Reports"},
    {ItemKind::kFeature, kDefaultApp, "Save Settings", "#save", "Settings"},
    {ItemKind::kFeature, kDefaultApp, "Help", ".help", {}},
    {ItemKind::kFeature, kSecondApp, "Refresh", "refresh", "Start Screen"},
    {ItemKind::kGuide, kDefaultApp, "Welcome", "auto", {}},
    {ItemKind::kGuide, kDefaultApp, "What's New", "badge", {}},
    {ItemKind::kGuide, kSecondApp, "Rate Us", "auto", {}},
    {ItemKind::kGroup, kDefaultApp, "Reporting", "Reports", {}},
    {ItemKind::kGroup, kDefaultApp, "Administration", "Settings", {}},
    {ItemKind::kSegment, kDefaultApp, "Pro plan", "metadata.custom.plan == `pro`", {}},
    {ItemKind::kSegment, kDefaultApp, "Many seats", "metadata.custom.seats > 250", {}},
};

constexpr std::int64_t kCreated = kBaseMs - 200 * kDayMs;

Value user() {
  Value user = Object{};
  user.set("first", "Sim");
  user.set("id", "sim-user");
  user.set("last", "Ulator");
  user.set("role", 8);
  user.set("userType", "");
  user.set("username", "sim@acme.example");
  return user;
}

Value no_group() {
  Value group = Object{};
  group.set("color", ".groupColor01");
  group.set("description", "");
  group.set("id", "_PENDO_GROUP_DEFAULT_");
  group.set("items", List{});
  group.set("length", 0);
  group.set("name", "Default Group");
  return group;
}

std::string_view kind_name(ItemKind kind) {
  static constexpr std::string_view kNames[] = {"Page", "Feature", "Guide", "Group", "Segment"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::uint64_t kind_seed(ItemKind kind, const DataOptions& options) {
  return options.seed + 7919 * (static_cast<std::uint64_t>(kind) + 1);
}

void describe_page(const Item& item, Value& out) {
  Value rule = Object{};
  rule.set("designerHint", item.rule);
  rule.set("parsedRule", item.rule);
  rule.set("rule", item.rule);
  out.set("dirty", false);
  out.set("isCoreEvent", false);
  out.set("isSuggested", false);
  out.set("rules", List{rule});
  out.set("rulesjson", "");
}

void describe_feature(const Item& item, Value& out) {
  out.set("appWide", item.page_id.empty());
  out.set("dirty", false);
  out.set("elementPathRules", List{item.rule});
  out.set("eventPropertyConfigurations", List{});
  out.set("isCoreEvent", false);
  if (!item.page_id.empty()) out.set("pageId", item.page_id);
}

void describe_guide(const Item& item, Value& out) {
  Value step = Object{};
  step.set("guideId", item.id);
  step.set("id", object_id(item.app, item.name + " step", 0));
  step.set("name", item.name);
  step.set("type", "lightbox");
  out.set("attributes", Object{});
  out.set("launchMethod", item.rule);
  out.set("polls", List{});
  out.set("state", "public");
  out.set("steps", List{step});
}

void describe_segment(const Item& item, Value& out) {
  out.set("createdByApi", false);
  out.set("definition", item.rule);
  out.set("shared", true);
}

}  // namespace

std::string object_id(std::int64_t app, std::string_view name, std::uint64_t seed) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string id;
  std::uint64_t bits = mix(seed + id_hash(name), static_cast<std::uint64_t>(app));
  for (int i = 0; i < 27; ++i) {
    if (i % 10 == 0) bits = mix(bits);
    id += kLetters[bits >> (i % 10 * 6) & 63];
  }
  return id;
}

std::vector<Item> catalog(ItemKind kind, const DataOptions& options) {
  std::vector<Item> items;
  for (const auto& entry : kEntries) {
    if (entry.kind != kind) continue;
    Item item;
    item.id = object_id(entry.app, entry.name, kind_seed(kind, options));
    item.name = entry.name;
    item.app = entry.app;
    item.rule = entry.rule;
    if (!entry.page.empty()) item.page_id = object_id(entry.app, entry.page, kind_seed(ItemKind::kPage, options));
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<Item> of_apps(std::vector<Item> items, const std::vector<std::int64_t>& apps) {
  std::erase_if(items, [&apps](const Item& item) { return std::ranges::find(apps, item.app) == apps.end(); });
  return items;
}

List group_items(const Item& group, const DataOptions& options) {
  List items;
  for (ItemKind kind : {ItemKind::kPage, ItemKind::kFeature}) {
    for (const auto& item : catalog(kind, options)) {
      bool in = kind == ItemKind::kPage ? item.name == group.rule
                                        : item.page_id == object_id(group.app, group.rule, kind_seed(ItemKind::kPage, options));
      if (!in) continue;
      Value one = Object{};
      one.set("itemId", item.id);
      one.set("itemType", kind_name(kind));
      items.push_back(std::move(one));
    }
  }
  return items;
}

Value describe_object(std::string_view kind, const std::string& id, const std::string& name, std::int64_t app,
                      std::int64_t created_at) {
  Value out = Object{};
  out.set("appId", app);
  out.set("appIds", List{app});
  out.set("color", "");
  out.set("createdAt", created_at);
  out.set("createdByUser", user());
  out.set("group", no_group());
  out.set("id", id);
  out.set("kind", kind);
  out.set("lastUpdatedAt", created_at);
  out.set("lastUpdatedByUser", user());
  out.set("name", name);
  out.set("rootVersionId", id);
  out.set("stableVersionId", id + "-" + format_date("20060102150405", created_at, 0) + ".000000000");
  return out;
}

Value describe(ItemKind kind, const Item& item) {
  Value out = describe_object(kind_name(kind), item.id, item.name, item.app, kCreated);
  if (kind == ItemKind::kPage) describe_page(item, out);
  if (kind == ItemKind::kFeature) describe_feature(item, out);
  if (kind == ItemKind::kGuide) describe_guide(item, out);
  if (kind == ItemKind::kSegment) describe_segment(item, out);
  if (kind == ItemKind::kGroup) {
    out.erase("group");
    out.set("description", "");
    out.set("type", "productArea");
  }
  return out;
}

}  // namespace simulator
