// The trackEvents source: one row per visitor, account, app, type, period, ip,
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

Value to_row(const EventSum& sum, std::string_view period, std::int64_t start) {
  Value row = Object{};
  row.set("accountId", sum.first.account_id);
  row.set("appId", sum.first.app);
  row.set("firstTime", sum.first_time);
  row.set("lastTime", sum.last_time);
  row.set("numEvents", sum.events);
  row.set("numMinutes", sum.minutes);
  row.set("properties", shown_properties(sum.first.properties));
  row.set("remoteIp", sum.first.remote_ip);
  row.set("server", sum.first.server);
  row.set("trackTypeId", sum.first.type_id);
  row.set("userAgent", sum.first.user_agent);
  row.set("visitorId", sum.first.visitor_id);
  row.set(period, start);
  return row;
}

class TrackEvents : public Source {
 public:
  TrackEvents(const Value& parameters, const TimeSeries& series, const PipelineContext& context)
      : context_(context), series_(series), types_(chosen_types(parameters)) {
    apps_ = types_.empty() ? chosen_apps(parameters, context) : expand_apps("*");
    if (series.period == Period::kHour && types_.empty() && context.switches.is(Switch::kHourRangeNeedsId, "yes")) {
      throw PipelineError(400, "trackTypeId must be specified with hourRange");
    }
  }

  void run(Stage& first, const SourceHints&) override {
    std::int64_t now = context_.rules.now_ms;
    std::int64_t start = std::max(series_.from, earliest_start());
    // nothing lies further ahead than this
    std::int64_t end = std::min(series_.until, now + 400 * kDayMs);
    while (start < end && context_.wanted()) {
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
    return types_.empty() || std::ranges::find(types_, atom.type_id) != types_.end();
  }

  bool run_period(Stage& first, std::int64_t start, std::int64_t until) {
    std::int64_t now = context_.rules.now_ms;
    auto atoms = context_.events.between(start, until, now, context_.switches.number(Switch::kEventDelayMs));
    std::stable_sort(atoms.begin(), atoms.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
    std::map<std::string, EventSum> sums;
    for (const auto& atom : atoms) {
      if (admits(atom)) sums[sum_key(atom)].add(atom);
    }
    for (const auto& [key, sum] : sums) {
      if (!first.push({to_row(sum, period_column(series_.period), start)})) return false;
    }
    return true;
  }

  const PipelineContext& context_;
  TimeSeries series_;
  std::vector<std::string> types_;
  std::vector<std::int64_t> apps_;
};

}  // namespace

std::unique_ptr<Source> make_track_events(const Value& parameters, const Value* time_series,
                                          const PipelineContext& context) {
  if (!time_series || time_series->is_null()) time_series = parameters.find("timeSeries");
  if (!time_series) throw PipelineError(400, "trackEvents needs a timeSeries");
  return std::make_unique<TrackEvents>(parameters, parse_time_series(*time_series, context), context);
}

}  // namespace simulator
