// Shapes as in public dumps of GET /api/v1/tracktype.
#include "track_types.h"

#include <algorithm>

#include "apps.h"
#include "calendar.h"
#include "date_text.h"
#include "hash.h"

namespace simulator {
namespace {

constexpr std::string_view kPlainNames[] = {"Registered", "Logged In", "Report Exported", "Plan Upgraded",
                                            "Invite Sent", "Subscription Renewed"};
constexpr std::string_view kOddNames[] = {"Said \"Hi\"", "back\\slash `tick`", "\xC3\xBCn\xC3\xAF\xF0\x9F\x98\x80\nline"};
constexpr std::string_view kMobileNames[] = {"App Opened", "Registered"};

// 27 characters of URL-safe base64, as all ids of Pendo's own objects are.
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
  Value out = Object{};
  out.set("appId", type.app);
  out.set("appIds", List{type.app});
  out.set("color", "");
  out.set("createdAt", type.created_at);
  out.set("createdByUser", user());
  out.set("dirty", false);
  out.set("eventPropertyNameList", nullptr);
  out.set("group", no_group());
  out.set("id", type.id);
  out.set("kind", "TrackType");
  out.set("lastUpdatedAt", type.created_at);
  out.set("lastUpdatedByUser", user());
  out.set("name", type.name);
  out.set("rootVersionId", type.id);
  out.set("stableVersionId", type.id + "-" + format_date("20060102150405", type.created_at, 0) + ".000000000");
  out.set("trackTypeName", type.name);
  out.set("trackTypeRules", List{type.name});
  return out;
}

}  // namespace simulator
