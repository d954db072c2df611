// Records and Track Types as sources. Unknown parameters are let pass, as
// appId on accounts is.
#include "sources.h"

#include <algorithm>
#include <cmath>

#include "apps.h"
#include "expression_functions.h"

namespace simulator {
namespace {

struct SourceEntry {
  std::string_view name;
  SourceMaker make;
};

constexpr SourceEntry kSources[] = {
    {"accounts", make_accounts},
    {"trackEvents", make_track_events},
    {"trackTypes", make_track_types},
    {"visitors", make_visitors},
};

class Records : public Source {
 public:
  Records(Kind kind, const Value& parameters, const PipelineContext& context) : kind_(kind), context_(context) {
    if (const Value* identified = parameters.find("identified"); identified && identified->is(Type::kBoolean)) {
      identified_ = identified->boolean() ? 1 : 0;
    }
    if (const Value* since = parameters.find("since")) since_ = parse_since(*since);
  }

  void run(Stage& first, const SourceHints& hints) override {
    constexpr std::size_t kBatch = 256;
    Projection projection = hints.projection;
    if (since_ >= 0) projection.add({"metadata", "auto", "lastupdated"});
    RecordBuilder builder = context_.store.builder(kind_, projection);
    std::string last;
    bool begun = false;
    for (;;) {
      auto batch = context_.store.next(kind_, hints.range, begun ? &last : nullptr, kBatch);
      if (batch.empty() || !context_.wanted()) return;
      for (const auto& source : batch) {
        if (!admits(source.id)) continue;
        Value row = builder.build(source);
        if (!is_recent(row)) continue;
        if (!first.push({std::move(row), true})) return;
      }
      last = std::move(batch.back().id);
      begun = true;
    }
  }

  std::string_view key() const override { return key_field(kind_); }

 private:
  std::int64_t parse_since(const Value& since) const {
    Value scratch;
    Value no_row = Object{};
    NodePtr node = parse_argument(since, context_, "Cannot parse since");
    const Value& time = evaluate(*node, no_row, context_.rules, scratch);
    return time.is_number() && std::fabs(time.number()) < 1e15 ? static_cast<std::int64_t>(time.number()) : -1;
  }

  bool admits(const std::string& id) const { return identified_ < 0 || is_identified(id) == (identified_ == 1); }

  bool is_recent(const Value& row) const {
    if (since_ < 0) return true;
    const Value* updated = find_path(row, "metadata.auto.lastupdated");
    return updated && updated->is_number() && updated->number() >= static_cast<double>(since_);
  }

  Kind kind_;
  const PipelineContext& context_;
  int identified_ = -1;
  std::int64_t since_ = -1;
};

class TrackTypeRows : public Source {
 public:
  TrackTypeRows(const Value& parameters, const PipelineContext& context)
      : context_(context), types_(chosen_types(parameters)) {
    apps_ = types_.empty() ? chosen_apps(parameters, context) : expand_apps("*");
  }
  void run(Stage& first, const SourceHints&) override {
    for (const auto& type : context_.track_types.of_apps(apps_)) {
      if (!types_.empty() && std::ranges::find(types_, type.id) == types_.end()) continue;
      if (!first.push({TrackTypes::describe(type)})) return;
    }
  }

 private:
  const PipelineContext& context_;
  std::vector<std::string> types_;
  std::vector<std::int64_t> apps_;
};

}  // namespace

std::vector<std::int64_t> chosen_apps(const Value& parameters, const PipelineContext& context) {
  const Value* app = parameters.find("appId");
  if (!app || app->is_null()) return {kDefaultApp};  // Pendo docs: unspecified is the default app only
  Value chosen = *app;
  if (app->is_string()) {
    Value scratch;
    Value no_row = Object{};
    NodePtr node = parse_argument(*app, context, "Cannot parse appId");
    chosen = Value(evaluate(*node, no_row, context.rules, scratch));
  }
  if (!chosen.is_list()) chosen = List{std::move(chosen)};
  std::vector<std::int64_t> ids;
  for (const auto& id : chosen.list()) {
    if (id.is(Type::kInteger)) ids.push_back(id.integer());
  }
  return ids;
}

std::vector<std::string> chosen_types(const Value& parameters) {
  std::vector<std::string> ids;
  for (std::string_view name : {"trackTypeId", "trackTypeIds"}) {
    const Value* chosen = parameters.find(name);
    if (!chosen) continue;
    if (chosen->is_string()) ids.push_back(chosen->string());
    for (const auto& id : chosen->is_list() ? chosen->list() : List{}) {
      if (id.is_string()) ids.push_back(id.string());
    }
  }
  if (!ids.empty() && parameters.find("appId")) throw PipelineError(400, "appId and trackTypeId cannot be combined");
  return ids;
}

std::unique_ptr<Source> make_visitors(const Value& parameters, const Value*, const PipelineContext& context) {
  return std::make_unique<Records>(Kind::kVisitor, parameters, context);
}

std::unique_ptr<Source> make_accounts(const Value& parameters, const Value*, const PipelineContext& context) {
  return std::make_unique<Records>(Kind::kAccount, parameters, context);
}

std::unique_ptr<Source> make_track_types(const Value& parameters, const Value*, const PipelineContext& context) {
  return std::make_unique<TrackTypeRows>(parameters, context);
}

std::unique_ptr<Source> make_source(const Value& step, const PipelineContext& context) {
  int status = context.switches.is(Switch::kUnknownSource, "422") ? 422 : 400;
  const Value& source = *step.find("source");
  if (!source.is_object()) throw PipelineError(status, "Unknown source");
  const Value* series = source.find("timeSeries");
  const Member* named = nullptr;
  for (const Member& member : source.object()) {
    if (member.name == "timeSeries") continue;
    if (named) throw PipelineError(status, "More than one source");
    named = &member;
  }
  if (!named) throw PipelineError(status, "Unknown source");
  for (const auto& entry : kSources) {
    if (entry.name == named->name) return entry.make(named->value, series, context);
  }
  throw PipelineError(status, "Unknown source: " + named->name);
}

}  // namespace simulator
