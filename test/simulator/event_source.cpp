// The grouped event sources: one row per visitor, account, app, object, period, ip,
// server, user agent and properties (Pendo docs).
#include <algorithm>
#include <map>

#include "apps.h"
#include "json_write.h"
#include "sources.h"
#include "time_series.h"

namespace simulator {
namespace {

// One row in the making.
struct EventSum {
  EventAtom first;
  std::int64_t first_time = 0;
  std::int64_t last_time = 0;
  std::int64_t events = 0;
  std::int64_t minutes = 0;
  std::int64_t last_minute = -1;

  void add(const EventAtom& atom) {
    if (events == 0) {
      first = atom;
      first_time = atom.time;
    }
    events += atom.count;
    last_time = atom.time;
    // atoms come in order of time
    if (atom.time / kMinuteMs != last_minute) ++minutes;
    last_minute = atom.time / kMinuteMs;
  }
};

std::string sum_key(const EventAtom& atom) {
  return to_json(List{atom.visitor_id, atom.account_id, atom.app, atom.type_id, atom.remote_ip, atom.server,
                      atom.user_agent, atom.properties});
}

// Pendo: properties of more than 512 bytes show as this text.
Value shown_properties(const Value& properties) {
  if (to_json(properties, {.html_escape = false}).size() > 512) return "event properties JSON too large";
  return properties;
}

struct EventSource {
  std::string_view id_member;  // what an object's id is called
  std::string_view list_member;
  std::vector<EventKind> kinds;
  bool is_all = false;  // the events source, which tells no objects apart
};

// Pendo docs: in the events source it is allevents or allevents-<app>.
std::string all_events_page(std::int64_t app) {
  return app == kDefaultApp ? "allevents" : "allevents-" + std::to_string(app);
}

// Pendo's samples of page and feature events have no times and no properties.
Value to_row(const EventSum& sum, const EventSource& source, std::string_view period, std::int64_t start) {
  Value row = Object{};
  row.set("accountId", sum.first.account_id);
  row.set("appId", sum.first.app);
  row.set("numEvents", sum.events);
  row.set("numMinutes", sum.minutes);
  row.set("remoteIp", sum.first.remote_ip);
  row.set("server", sum.first.server);
  row.set(source.id_member, source.is_all ? all_events_page(sum.first.app) : sum.first.type_id);
  if (source.id_member == "trackTypeId") {
    row.set("firstTime", sum.first_time);
    row.set("lastTime", sum.last_time);
    row.set("properties", shown_properties(sum.first.properties));
  }
  row.set("userAgent", sum.first.user_agent);
  row.set("visitorId", sum.first.visitor_id);
  row.set(period, start);
  return row;
}

class GroupedEvents : public Source {
 public:
  GroupedEvents(EventSource source, const Value& parameters, const TimeSeries& series, const PipelineContext& context)
      : source_(std::move(source)), context_(context), series_(series) {
    if (!source_.is_all) ids_ = chosen_ids(parameters, source_.id_member, source_.list_member);
    apps_ = ids_.empty() ? chosen_apps(parameters, context) : expand_apps("*");
    bool needs_id = !source_.is_all && context.switches.is(Switch::kHourRangeNeedsId, "yes");
    if (series.period == Period::kHour && ids_.empty() && needs_id) {
      throw PipelineError(400, std::string(source_.id_member) + " must be specified with hourRange");
    }
    // nothing is on the exclude list of this subscription
    const Value* blacklist = parameters.find("blacklist");
    excluded_only_ = blacklist && blacklist->is_string() && blacklist->string() == "only";
  }

  void run(Stage& first, const SourceHints&) override {
    std::int64_t now = context_.rules.now_ms;
    std::int64_t start = std::max(series_.from, earliest_start());
    // nothing lies further ahead than this
    std::int64_t end = std::min(series_.until, now + 400 * kDayMs);
    while (start < end && !excluded_only_ && context_.wanted()) {
      std::int64_t next = add_periods(start, series_.period, 1, context_.rules.zone_minutes);
      if (!run_period(first, start, next)) return;
      start = next;
    }
  }

  bool has_time_range() const override { return true; }
  std::int64_t start_time() const override { return series_.from; }
  Value valid_through() const override {
    Value apps = Object{};
    for (std::int64_t app : apps_) apps.set(std::to_string(app), period_start(context_.rules.now_ms, Period::kHour, 0));
    return apps;
  }

 private:
  std::int64_t earliest_start() const {
    return period_start(context_.events.earliest(), series_.period, context_.rules.zone_minutes);
  }

  bool admits(const EventAtom& atom) const {
    if (std::ranges::find(apps_, atom.app) == apps_.end()) return false;
    return ids_.empty() || std::ranges::find(ids_, atom.type_id) != ids_.end();
  }

  bool run_period(Stage& first, std::int64_t start, std::int64_t until) {
    std::int64_t now = context_.rules.now_ms;
    std::int64_t delay = context_.switches.number(Switch::kEventDelayMs);
    std::vector<EventAtom> atoms;
    for (EventKind kind : source_.kinds) {
      for (auto& atom : context_.events.between(kind, start, until, now, delay)) {
        if (source_.is_all) atom.type_id.clear();
        atoms.push_back(std::move(atom));
      }
    }
    std::stable_sort(atoms.begin(), atoms.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
    std::map<std::string, EventSum> sums;
    for (const auto& atom : atoms) {
      if (admits(atom)) sums[sum_key(atom)].add(atom);
    }
    for (const auto& [key, sum] : sums) {
      if (!first.push({to_row(sum, source_, period_column(series_.period), start)})) return false;
    }
    return true;
  }

  EventSource source_;
  const PipelineContext& context_;
  TimeSeries series_;
  std::vector<std::string> ids_;
  std::vector<std::int64_t> apps_;
  bool excluded_only_ = false;
};

std::unique_ptr<Source> make_grouped(EventSource source, const Value& parameters, const Value* time_series,
                                     const PipelineContext& context) {
  if (!time_series || time_series->is_null()) time_series = parameters.find("timeSeries");
  if (!time_series) throw PipelineError(400, "An event source needs a timeSeries");
  return std::make_unique<GroupedEvents>(std::move(source), parameters, parse_time_series(*time_series, context), context);
}

}  // namespace

std::unique_ptr<Source> make_track_events(const Value& parameters, const Value* time_series,
                                          const PipelineContext& context) {
  return make_grouped({"trackTypeId", "trackTypeIds", {EventKind::kTrack}}, parameters, time_series, context);
}

std::unique_ptr<Source> make_page_events(const Value& parameters, const Value* time_series,
                                         const PipelineContext& context) {
  return make_grouped({"pageId", "pageIds", {EventKind::kPage}}, parameters, time_series, context);
}

std::unique_ptr<Source> make_feature_events(const Value& parameters, const Value* time_series,
                                            const PipelineContext& context) {
  return make_grouped({"featureId", "featureIds", {EventKind::kFeature}}, parameters, time_series, context);
}

std::unique_ptr<Source> make_all_events(const Value& parameters, const Value* time_series,
                                        const PipelineContext& context) {
  EventSource source{"pageId", {}, {EventKind::kPage, EventKind::kFeature}, true};
  if (context.switches.is(Switch::kEventsCountTrack, "yes")) source.kinds.push_back(EventKind::kTrack);
  return make_grouped(std::move(source), parameters, time_series, context);
}

}  // namespace simulator
