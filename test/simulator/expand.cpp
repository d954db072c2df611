// Operators that look something up by an id of the row: expand and its kin,
// itemSeen, segment.
#include <map>
#include <optional>

#include "apps.h"
#include "catalog.h"
#include "operators.h"

namespace simulator {
namespace {

const std::string* text_at(const Value& row, std::string_view path) {
  const Value* value = find_path(row, path);
  return value && value->is_string() ? &value->string() : nullptr;
}

// The metadata of a record; missing if there is no such record.
Value metadata_of(const Store& store, Kind kind, const std::string& id) {
  auto record = store.record(kind, id, Projection::everything());
  Value* metadata = record ? record->find("metadata") : nullptr;
  return metadata ? std::move(*metadata) : Value();
}

Value find_item(ItemKind kind, const PipelineContext& context, const std::string& id) {
  for (const auto& item : catalog(kind, context.store.options())) {
    if (item.id == id) return describe(kind, item);
  }
  return Value();
}

Value find_track_type(const PipelineContext& context, const std::string& id) {
  for (const auto& type : context.track_types.of_apps(expand_apps("*"))) {
    if (type.id == id) return TrackTypes::describe(type);
  }
  return Value();
}

using LookUp = Value (*)(const PipelineContext& context, const std::string& id);

struct LookUpEntry {
  std::string_view name;
  LookUp look_up;
};

constexpr LookUpEntry kObjects[] = {
    {"account", [](const PipelineContext& c, const std::string& id) { return metadata_of(c.store, Kind::kAccount, id); }},
    {"visitor", [](const PipelineContext& c, const std::string& id) { return metadata_of(c.store, Kind::kVisitor, id); }},
    {"feature", [](const PipelineContext& c, const std::string& id) { return find_item(ItemKind::kFeature, c, id); }},
    {"page", [](const PipelineContext& c, const std::string& id) { return find_item(ItemKind::kPage, c, id); }},
    {"trackType", find_track_type},
};
constexpr std::size_t kRecords = 2;  // what bulkExpand knows of these

[[noreturn]] void fail(std::string_view name) { throw PipelineError(400, "Cannot parse " + std::string(name)); }

// {"out":{"page":"pageId"}}
class Expand : public Stage {
 public:
  Expand(const Value& argument, std::span<const LookUpEntry> known, std::string_view name,
         const PipelineContext& context)
      : context_(context), null_(context.switches.is(Switch::kExpandMissing, "null")) {
    for (const auto& member : argument.is_object() ? argument.object() : Object{}) {
      if (!member.value.is_object() || member.value.object().size() != 1) fail(name);
      const Member& what = member.value.object()[0];
      LookUp look_up = nullptr;
      for (const auto& entry : known) {
        if (entry.name == what.name) look_up = entry.look_up;
      }
      if (!look_up || !what.value.is_string()) fail(name);
      outputs_.push_back({member.name, what.value.string(), look_up});
    }
    if (outputs_.empty()) fail(name);
  }

  bool push(Row row) override {
    for (const auto& output : outputs_) {
      const std::string* id = text_at(row.value, output.field);
      Value found = id ? output.look_up(context_, *id) : Value();
      if (found.is_missing() && null_) found = nullptr;
      if (!found.is_missing()) set_path(row.value, output.name, std::move(found));
    }
    return next().push({std::move(row.value)});
  }
  void read(Projection& projection) const override {
    for (const auto& output : outputs_) projection.add(split_path(output.field));
  }

 private:
  struct Output {
    std::string name;
    std::string field;
    LookUp look_up;
  };

  const PipelineContext& context_;
  bool null_;
  std::vector<Output> outputs_;
};

// {"inputField":"ids","outputField":"areas","typeName":"productArea"}
class ExpandList : public Stage {
 public:
  ExpandList(const Value& argument, const PipelineContext& context) : context_(context) {
    const std::string* in = text_at(argument, "inputField");
    const std::string* out = text_at(argument, "outputField");
    const std::string* type = text_at(argument, "typeName");
    if (!in || !out || !type || (*type != "app" && *type != "productArea")) fail("expandList");
    in_ = *in;
    out_ = *out;
    apps_ = *type == "app";
  }

  bool push(Row row) override {
    const Value* ids = find_path(row.value, in_);
    List found;
    for (const auto& id : ids && ids->is_list() ? ids->list() : List{}) {
      Value object = apps_ ? find_app(id) : id.is_string() ? find_item(ItemKind::kGroup, context_, id.string()) : Value();
      if (!object.is_missing()) found.push_back(std::move(object));
    }
    set_path(row.value, out_, std::move(found));
    return next().push({std::move(row.value)});
  }
  void read(Projection& projection) const override { projection.add(split_path(in_)); }

 private:
  static Value find_app(const Value& id) {
    for (const auto& app : apps()) {
      if (id == Value(app.id)) return describe_app(app);
    }
    return Value();
  }

  const PipelineContext& context_;
  std::string in_;
  std::string out_;
  bool apps_ = false;
};

// {"out":{"pageId":"…"}}: when the row's visitor last used the object, and how often.
class ItemSeen : public Stage {
 public:
  ItemSeen(const Value& argument, const PipelineContext& context)
      : context_(context), null_(context.switches.is(Switch::kExpandMissing, "null")) {
    static constexpr std::pair<std::string_view, EventKind> kKinds[] = {
        {"pageId", EventKind::kPage}, {"featureId", EventKind::kFeature}, {"trackTypeId", EventKind::kTrack}};
    if (!argument.is_object() || argument.object().size() != 1) fail("itemSeen");
    out_ = argument.object()[0].name;
    const Value& what = argument.object()[0].value;
    bool known = false;
    for (const auto& [name, kind] : kKinds) {
      const std::string* id = text_at(what, name);
      if (!id) continue;
      known = true;
      kind_ = kind;
      id_ = *id;
    }
    if (!known) fail("itemSeen");
  }

  bool push(Row row) override {
    if (!uses_) load();
    const std::string* visitor = text_at(row.value, "visitorId");
    auto use = visitor ? uses_->find(*visitor) : uses_->end();
    if (use != uses_->end()) {
      set_path(row.value, out_, Object{{"count", use->second.count}, {"lastUsed", use->second.last}});
    } else if (null_) {
      set_path(row.value, out_, nullptr);
    }
    return next().push({std::move(row.value)});
  }

 private:
  struct Use {
    std::int64_t count = 0;
    std::int64_t last = 0;
  };

  void load() {
    uses_.emplace();
    std::int64_t now = context_.rules.now_ms;
    std::int64_t delay = context_.switches.number(Switch::kEventDelayMs);
    for (const auto& atom : context_.events.between(kind_, context_.events.earliest(), now + 1, now, delay)) {
      if (atom.type_id != id_) continue;
      Use& use = (*uses_)[atom.visitor_id];
      use.count += atom.count;
      use.last = std::max(use.last, atom.time);
    }
  }

  const PipelineContext& context_;
  bool null_;
  std::string out_;
  EventKind kind_ = EventKind::kPage;
  std::string id_;
  std::optional<std::map<std::string, Use>> uses_;
};

// Keeps the rows whose visitor is in a segment. The segments here look at visitors only.
class Segment : public Stage {
 public:
  Segment(const Value& argument, const PipelineContext& context) : context_(context) {
    const std::string* id = text_at(argument, "id");
    if (!id) fail("segment");
    for (const auto& segment : catalog(ItemKind::kSegment, context.store.options())) {
      if (segment.id == *id) rule_ = parse_argument(segment.rule, context, "Cannot parse segment");
    }
    if (!rule_ && context.switches.is(Switch::kUnknownSegment, "400")) throw PipelineError(400, "Unknown segment");
  }

  bool push(Row row) override {
    const std::string* id = text_at(row.value, "visitorId");
    auto visitor = rule_ && id ? context_.store.record(Kind::kVisitor, *id, Projection::everything()) : std::nullopt;
    bool in = visitor && is_true(*rule_, *visitor, context_.rules);
    return in ? next().push(std::move(row)) : true;
  }

 private:
  const PipelineContext& context_;
  NodePtr rule_;
};

}  // namespace

StagePtr make_bulk_expand(const Value& a, const PipelineContext& c) {
  return std::make_unique<Expand>(a, std::span(kObjects, kRecords), "bulkExpand", c);
}
StagePtr make_expand(const Value& a, const PipelineContext& c) {
  return std::make_unique<Expand>(a, std::span(kObjects), "expand", c);
}
StagePtr make_expand_list(const Value& a, const PipelineContext& c) { return std::make_unique<ExpandList>(a, c); }
StagePtr make_item_seen(const Value& a, const PipelineContext& c) { return std::make_unique<ItemSeen>(a, c); }
StagePtr make_segment(const Value& a, const PipelineContext& c) { return std::make_unique<Segment>(a, c); }

}  // namespace simulator
