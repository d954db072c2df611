// Records as sources, and the table of all. Unknown parameters are let pass, as
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
    {"apps", make_apps},
    {"const", make_constants},
    {"doNotProcessAccounts", make_unprocessed_accounts},
    {"doNotProcessVisitors", make_unprocessed_visitors},
    {"events", make_all_events},
    {"featureEvents", make_feature_events},
    {"features", make_features},
    {"groups", make_groups},
    {"guides", make_guides},
    {"pageEvents", make_page_events},
    {"pages", make_pages},
    {"trackEvents", make_track_events},
    {"trackTypes", make_track_types},
    {"visitors", make_visitors},
};

class Records : public Source {
 public:
  Records(Kind kind, bool unprocessed, const Value& parameters, const PipelineContext& context)
      : kind_(kind), unprocessed_(unprocessed), context_(context) {
    if (const Value* identified = parameters.find("identified"); identified && identified->is(Type::kBoolean)) {
      identified_ = identified->boolean() ? 1 : 0;
    }
    if (const Value* since = parameters.find("since")) since_ = parse_since(*since);
    const Value* app = kind == Kind::kVisitor ? parameters.find("appId") : nullptr;
    if (!app || app->is_null() || context.switches.is(Switch::kVisitorsAppId, "ignore")) return;
    if (context.switches.is(Switch::kVisitorsAppId, "refuse")) throw PipelineError(400, "visitors has no appId");
    restrict_to(chosen_apps(parameters, context));
  }

  void run(Stage& first, const SourceHints& hints) override {
    constexpr std::size_t kBatch = 256;
    Projection projection = hints.projection;
    if (since_ >= 0) projection.add({"metadata", "auto", "lastupdated"});
    if (unprocessed_) projection.add({"metadata", "pendo", "donotprocess"});
    for (const auto& app : restricted_ ? apps() : std::span<const App>()) {
      projection.add({"metadata", std::string(app.group)});
    }
    RecordBuilder builder = context_.store.builder(kind_, projection);
    std::string last;
    bool begun = false;
    for (;;) {
      auto batch = context_.store.next(kind_, hints.range, begun ? &last : nullptr, kBatch);
      if (batch.empty() || !context_.wanted()) return;
      for (const auto& source : batch) {
        if (!admits(source.id)) continue;
        Value row = builder.build(source);
        if (!is_recent(row) || !is_processed_as_asked(row) || !restrict_groups(row)) continue;
        // a row that was changed cannot be had again by its id
        if (!first.push({std::move(row), !restricted_})) return;
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

  bool is_processed_as_asked(const Value& row) const {
    if (!unprocessed_) return true;
    const Value* flag = find_path(row, "metadata.pendo.donotprocess");
    return flag && flag->is_true();
  }

  void restrict_to(const std::vector<std::int64_t>& chosen) {
    restricted_ = true;
    for (const auto& app : apps()) {
      if (std::ranges::find(chosen, app.id) == chosen.end()) other_groups_.emplace_back(app.group);
    }
  }

  // Takes away what a row says of other apps; false if it says nothing of those that are asked for.
  bool restrict_groups(Value& row) const {
    if (!restricted_) return true;
    Value* metadata = row.find("metadata");
    bool seen = false;
    for (const auto& app : metadata ? apps() : std::span<const App>()) {
      bool other = std::ranges::find(other_groups_, app.group) != other_groups_.end();
      if (other) metadata->erase(app.group);
      seen = seen || (!other && metadata->find(app.group));
    }
    return seen;
  }

  Kind kind_;
  bool unprocessed_;  // only those marked as not to be processed
  const PipelineContext& context_;
  bool restricted_ = false;
  std::vector<std::string> other_groups_;
  int identified_ = -1;
  std::int64_t since_ = -1;
};

// A number, or the text of an expression that gives one or a list of them.
void add_apps(const Value& app, const PipelineContext& context, std::vector<std::int64_t>& ids) {
  if (app.is(Type::kInteger)) ids.push_back(app.integer());
  if (!app.is_string()) return;
  Value scratch;
  Value no_row = Object{};
  NodePtr node = parse_argument(app, context, "Cannot parse appId");
  Value chosen = evaluate(*node, no_row, context.rules, scratch);
  if (!chosen.is_list()) chosen = List{chosen};
  for (const auto& id : chosen.list()) {
    if (id.is_number()) ids.push_back(static_cast<std::int64_t>(id.number()));  // -1 is computed, so it is a float
  }
}

}  // namespace

std::vector<std::int64_t> chosen_apps(const Value& parameters, const PipelineContext& context) {
  const Value* app = parameters.find("appId");
  if (!app || app->is_null()) return {kDefaultApp};  // Pendo docs: unspecified is the default app only
  std::vector<std::int64_t> ids;
  if (!app->is_list()) add_apps(*app, context, ids);
  for (const auto& one : app->is_list() ? app->list() : List{}) add_apps(one, context, ids);
  return ids;
}

std::vector<std::string> chosen_ids(const Value& parameters, std::string_view one, std::string_view several) {
  std::vector<std::string> ids;
  for (std::string_view name : {one, several}) {
    const Value* chosen = parameters.find(name);
    if (!chosen) continue;
    if (chosen->is_string()) ids.push_back(chosen->string());
    for (const auto& id : chosen->is_list() ? chosen->list() : List{}) {
      if (id.is_string()) ids.push_back(id.string());
    }
  }
  if (!ids.empty() && parameters.find("appId")) {
    throw PipelineError(400, "appId and " + std::string(one) + " cannot be combined");
  }
  return ids;
}

std::unique_ptr<Source> make_visitors(const Value& parameters, const Value*, const PipelineContext& context) {
  return std::make_unique<Records>(Kind::kVisitor, false, parameters, context);
}

std::unique_ptr<Source> make_accounts(const Value& parameters, const Value*, const PipelineContext& context) {
  return std::make_unique<Records>(Kind::kAccount, false, parameters, context);
}

std::unique_ptr<Source> make_unprocessed_visitors(const Value& parameters, const Value*,
                                                  const PipelineContext& context) {
  return std::make_unique<Records>(Kind::kVisitor, true, parameters, context);
}

std::unique_ptr<Source> make_unprocessed_accounts(const Value& parameters, const Value*,
                                                  const PipelineContext& context) {
  return std::make_unique<Records>(Kind::kAccount, true, parameters, context);
}

std::unique_ptr<Source> make_source(const Value& step, const PipelineContext& context) {
  int status = context.switches.is(Switch::kUnknownSource, "422") ? 422 : 400;
  const Value& source = *step.find("source");
  if (!source.is_object()) throw PipelineError(status, "Unknown source");
  // Pendo docs: within the source; in their example of spawn it stands beside it
  const Value* series = source.find("timeSeries");
  if (!series) series = step.find("timeSeries");
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
