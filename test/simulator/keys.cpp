// Pendo: one header for both credentials; missing and wrong keys get the same 403.
#include "keys.h"

#include "apps.h"

namespace simulator {
namespace {

std::string_view key_of(const Request& request) {
  const std::string* key = request.header("x-pendo-integration-key");
  return key ? std::string_view(*key) : std::string_view();
}

bool is_known(std::string_view key) { return key == kWriteKey || key == kReadKey; }

bool is_write_key(const World& world, std::string_view key) {
  return key == kWriteKey || (!key.empty() && key == world.further_keys.write_key);
}

// A key of another region ends in its name, as in sim-write-key.eu.
bool is_of_other_region(std::string_view key) {
  for (std::string_view region : {".eu", ".jpn", ".au", ".us1"}) {
    if (key.ends_with(region) && is_known(key.substr(0, key.size() - region.size()))) return true;
  }
  return false;
}

int chosen_status(const Switches& switches, Switch id) {
  std::string text(switches.choice(id));
  return std::stoi(text);
}

std::optional<int> track_refusal(const World& world, const Request& request) {
  if (app_of_secret(world, request)) return std::nullopt;
  if (is_known(key_of(request)) && world.switches.is(Switch::kTrackIntegrationKey, "ignore")) return std::nullopt;
  return chosen_status(world.switches, Switch::kTrackWrongSecretStatus);
}

}  // namespace

std::optional<int> refusal(const World& world, const Request& request, Access access) {
  if (access == Access::kControl) return std::nullopt;
  if (access == Access::kTrack) return track_refusal(world, request);
  std::string_view key = key_of(request);
  if (is_of_other_region(key)) return chosen_status(world.switches, Switch::kOtherRegionStatus);
  bool writes = is_write_key(world, key);
  if (!writes && !is_known(key)) return 403;
  if (access == Access::kWrite && !writes) return chosen_status(world.switches, Switch::kReadOnlyKeyStatus);
  return std::nullopt;
}

bool may_write(const World& world, const Request& request) { return is_write_key(world, key_of(request)); }

std::optional<std::int64_t> app_of_secret(const World& world, const Request& request) {
  std::string_view secret = key_of(request);
  if (!secret.empty() && secret == world.further_keys.track_secret) return kDefaultApp;
  for (const auto& app : apps()) {
    if (secret == app.track_secret) return app.id;
  }
  return std::nullopt;
}

}  // namespace simulator
