// The things that somebody has defined in Pendo: pages, features, guides, product
// areas, segments. They are few, and the same for the same seed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fields.h"
#include "value.h"

namespace simulator {

enum class ItemKind { kPage, kFeature, kGuide, kGroup, kSegment };

struct Item {
  std::string id;
  std::string name;
  std::int64_t app = 0;
  std::string rule;     // of a page its URL, of a feature its element, of a segment its expression
  std::string page_id;  // of a feature
};

// The items of a kind, those of the default app first.
std::vector<Item> catalog(ItemKind kind, const DataOptions& options);
std::vector<Item> of_apps(std::vector<Item> items, const std::vector<std::int64_t>& apps);

// As the list endpoints and the sources have it.
Value describe(ItemKind kind, const Item& item);
// Of a product area: the items in it.
List group_items(const Item& group, const DataOptions& options);

// 27 characters of URL-safe base64, as all ids of Pendo's own objects are.
std::string object_id(std::int64_t app, std::string_view name, std::uint64_t seed);
// The members that all of these objects have.
Value describe_object(std::string_view kind, const std::string& id, const std::string& name, std::int64_t app,
                      std::int64_t created_at);

}  // namespace simulator
