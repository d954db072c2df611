// The table of apps.
#include "apps.h"

namespace simulator {
namespace {

constexpr App kApps[] = {
    {kDefaultApp, "auto__323232", "web", "sim-track-secret", "Acme"},
    {kSecondApp, "auto_6561780136607744", "ios", "sim-track-secret-2", "Acme Mobile"},
};

bool has_word(std::string_view words, const App& app) {
  for (;;) {
    auto bar = words.find('|');
    std::string_view word = words.substr(0, bar);
    bool mobile = word == "mobile" && (app.platform == "ios" || app.platform == "android");
    if (word == "*" || word == app.platform || mobile) return true;
    if (bar == std::string_view::npos) return false;
    words.remove_prefix(bar + 1);
  }
}

}  // namespace

std::span<const App> apps() { return kApps; }

Value describe_app(const App& app) {
  Value row = Object{};
  row.set("appId", app.id);
  row.set("id", app.id);
  row.set("name", app.name);
  row.set("platform", app.platform);
  return row;
}

std::vector<std::int64_t> expand_apps(std::string_view words) {
  std::vector<std::int64_t> ids;
  for (const auto& app : kApps) {
    if (has_word(words, app)) ids.push_back(app.id);
  }
  return ids;
}

}  // namespace simulator
