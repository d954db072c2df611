// Sources of Pendo's own objects: what the list endpoints give, as rows.
#include <algorithm>

#include "apps.h"
#include "catalog.h"
#include "sources.h"

namespace simulator {
namespace {

class Rows : public Source {
 public:
  explicit Rows(List rows) : rows_(std::move(rows)) {}
  void run(Stage& first, const SourceHints&) override {
    for (auto& row : rows_) {
      if (!first.push({std::move(row)})) return;
    }
  }

 private:
  List rows_;
};

// Pendo docs: appId or the id of one object, not both; by default the default app.
struct Choice {
  std::vector<std::string> ids;
  std::vector<std::int64_t> apps;

  Choice(const Value& parameters, std::string_view one, std::string_view several, const PipelineContext& context)
      : ids(chosen_ids(parameters, one, several)) {
    apps = ids.empty() ? chosen_apps(parameters, context) : expand_apps("*");
  }
  bool admits(const std::string& id) const { return ids.empty() || std::ranges::find(ids, id) != ids.end(); }
};

std::unique_ptr<Source> make_items(ItemKind kind, const Choice& choice, const PipelineContext& context) {
  List rows;
  for (const auto& item : of_apps(catalog(kind, context.store.options()), choice.apps)) {
    if (choice.admits(item.id)) rows.push_back(describe(kind, item));
  }
  return std::make_unique<Rows>(std::move(rows));
}

}  // namespace

std::unique_ptr<Source> make_pages(const Value& parameters, const Value*, const PipelineContext& context) {
  return make_items(ItemKind::kPage, Choice(parameters, "pageId", "pageIds", context), context);
}

std::unique_ptr<Source> make_features(const Value& parameters, const Value*, const PipelineContext& context) {
  return make_items(ItemKind::kFeature, Choice(parameters, "featureId", "featureIds", context), context);
}

std::unique_ptr<Source> make_guides(const Value& parameters, const Value*, const PipelineContext& context) {
  return make_items(ItemKind::kGuide, Choice(parameters, {}, {}, context), context);
}

// Pendo docs: product areas; their items only if they are asked for. There are no
// guide categories here.
std::unique_ptr<Source> make_groups(const Value& parameters, const Value*, const PipelineContext& context) {
  const Value* type = parameters.find("groupType");
  const Value* with_items = parameters.find("items");
  List rows;
  if (type && type->is_string() && type->string() != "productArea") return std::make_unique<Rows>(std::move(rows));
  for (const auto& group : catalog(ItemKind::kGroup, context.store.options())) {
    List items = group_items(group, context.store.options());
    Value row = describe(ItemKind::kGroup, group);
    row.set("length", items.size());
    if (with_items && with_items->is_true()) row.set("items", std::move(items));
    rows.push_back(std::move(row));
  }
  return std::make_unique<Rows>(std::move(rows));
}

std::unique_ptr<Source> make_track_types(const Value& parameters, const Value*, const PipelineContext& context) {
  Choice choice(parameters, "trackTypeId", "trackTypeIds", context);
  List rows;
  for (const auto& type : context.track_types.of_apps(choice.apps)) {
    if (choice.admits(type.id)) rows.push_back(TrackTypes::describe(type));
  }
  return std::make_unique<Rows>(std::move(rows));
}

std::unique_ptr<Source> make_apps(const Value&, const Value*, const PipelineContext&) {
  List rows;
  for (const auto& app : apps()) rows.push_back(describe_app(app));
  return std::make_unique<Rows>(std::move(rows));
}

// {"const":[{…},{…}]}: the rows as they stand there.
std::unique_ptr<Source> make_constants(const Value& parameters, const Value*, const PipelineContext&) {
  bool good = parameters.is_list();
  for (const auto& row : good ? parameters.list() : List{}) good = good && row.is_object();
  if (!good) throw PipelineError(400, "const must be a list of rows");
  return std::make_unique<Rows>(parameters.list());
}

}  // namespace simulator
