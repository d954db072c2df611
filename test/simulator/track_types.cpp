// Shapes as in public dumps of GET /api/v1/tracktype.
#include "track_types.h"

#include <algorithm>

#include "apps.h"
#include "calendar.h"
#include "catalog.h"

namespace simulator {
namespace {

constexpr std::string_view kPlainNames[] = {"Registered", "Logged In", "Report Exported", "Plan Upgraded",
                                            "Invite Sent", "Subscription Renewed"};
constexpr std::string_view kOddNames[] = {"Said \"Hi\"", "back\\slash `tick`", "\xC3\xBCn\xC3\xAF\xF0\x9F\x98\x80\nline"};
constexpr std::string_view kMobileNames[] = {"App Opened", "Registered"};

}  // namespace

TrackTypes::TrackTypes(const DataOptions& options) : options_(options) { load(); }

void TrackTypes::load() {
  auto add = [this](std::int64_t app, std::string_view name) {
    types_.push_back({object_id(app, name, options_.seed), std::string(name), app, kBaseMs - 200 * kDayMs});
  };
  for (auto name : kPlainNames) add(kDefaultApp, name);
  if (!options_.clean) {
    for (auto name : kOddNames) add(kDefaultApp, name);
  }
  for (auto name : kMobileNames) add(kSecondApp, name);
}

void TrackTypes::reset() {
  std::lock_guard lock(mutex_);
  types_.clear();
  load();
}

std::string TrackTypes::learn(std::int64_t app, const std::string& name, std::int64_t now_ms) {
  std::lock_guard lock(mutex_);
  for (const auto& type : types_) {
    if (type.app == app && type.name == name) return type.id;
  }
  types_.push_back({object_id(app, name, options_.seed), name, app, now_ms});
  return types_.back().id;
}

std::vector<TrackType> TrackTypes::of_apps(const std::vector<std::int64_t>& apps) const {
  std::lock_guard lock(mutex_);
  std::vector<TrackType> found;
  for (const auto& type : types_) {
    if (std::ranges::find(apps, type.app) != apps.end()) found.push_back(type);
  }
  return found;
}

Value TrackTypes::describe(const TrackType& type) {
  Value out = describe_object("TrackType", type.id, type.name, type.app, type.created_at);
  out.set("dirty", false);
  out.set("eventPropertyNameList", nullptr);
  out.set("trackTypeName", type.name);
  out.set("trackTypeRules", List{type.name});
  return out;
}

}  // namespace simulator
