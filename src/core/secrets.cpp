// Looking secrets up, and the words for those that are missing.
#include "secrets.h"

#include <algorithm>

#include "printable.h"

namespace pendo {
namespace {

// PostgreSQL cuts the name of an option at 63 bytes without an error: one that was
// cut is then too long for an app, and not the name of another one.
constexpr std::size_t kMostAppBytes = 40;
constexpr std::size_t kMostSecretBytes = 500;
constexpr std::string_view kAppOption = "track_secret:";

bool is_app_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

// The statement that sets an option of the user mapping; `option` as an identifier.
std::string set_in_mapping(const Config& config, std::string_view whose, std::string_view option) {
  std::string verb = config.has_mapping ? "ALTER" : "CREATE";
  return verb + " USER MAPPING FOR " + std::string(whose) + " OPTIONS (" + (config.has_mapping ? "ADD " : "") + std::string(option) + " '...')";
}

std::string set_track_secret(const Config& config, std::string_view app) {
  std::string option = app.empty() ? "track_secret" : '"' + std::string(kAppOption) + std::string(app) + '"';
  return set_in_mapping(config, config.mapping, option);
}

std::string list_of_apps(const Config& config) {
  std::string list;
  for (const auto& secret : config.app_secrets) list += (list.empty() ? "\"" : ", \"") + secret.app + '"';
  return list;
}

std::string secrets_there_are(const Config& config) {
  bool has_plain = config.track_secret.is_set();
  if (config.app_secrets.empty()) return has_plain ? "The only track secret is that of events that name no app." : "There are no track secrets.";
  return "There are secrets of the apps " + list_of_apps(config) + (has_plain ? ", and one of events that name no app." : ".");
}

}  // namespace

bool is_secret(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMostSecretBytes && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_app_name(std::string_view app) noexcept {
  return !app.empty() && app.size() <= kMostAppBytes && std::all_of(app.begin(), app.end(), is_app_byte);
}

const Secret* track_secret_of(const Config& config, std::string_view app) noexcept {
  if (app.empty()) return config.track_secret.is_set() ? &config.track_secret : nullptr;
  for (const auto& secret : config.app_secrets) {
    if (secret.app == app) return &secret.secret;
  }
  return nullptr;
}

bool has_track_secret(const Config& config) noexcept { return config.track_secret.is_set() || !config.app_secrets.empty(); }

Failure no_integration_key(const Config& config) {
  if (config.integration_key.is_set()) return config.integration_key.problem;
  return {sqlstate::kInsufficientPrivilege, "no integration key for server \"" + config.server_name + "\"", {},
          "Set it for the role that runs the statement: " + set_in_mapping(config, "... SERVER ...", "integration_key") + ".", 0};
}

Failure no_track_secret(const Config& config) {
  if (config.track_secret.is_set()) return config.track_secret.problem;
  Failure f{sqlstate::kInsufficientPrivilege, "no track secret for server \"" + config.server_name + "\"", {}, {}, 0};
  f.hint = "Track events need the app's Track Event shared secret: " + set_track_secret(config, {}) + ".";
  if (config.app_secrets.empty()) return f;
  f.message += " of events that name no app";
  f.detail = "There are secrets of the apps " + list_of_apps(config) + ".";
  f.hint = "Name one of them in the column app, or set the secret of events without one: " + set_track_secret(config, {}) + ".";
  return f;
}

Failure no_app_secret(const Config& config, std::string_view app) {
  const Secret* secret = app.empty() ? nullptr : track_secret_of(config, app);
  if (secret) return secret->problem;
  Failure f{sqlstate::kInsufficientPrivilege, {}, {}, {}, 0};
  f.message = "no track secret for app \"" + printable(app, kMostAppBytes + 4) + "\" of server \"" + config.server_name + "\"";
  f.detail = secrets_there_are(config);
  f.hint = is_app_name(app) ? "Correct the column app, or set the app's Track Event shared secret: " + set_track_secret(config, app) + "."
                            : "An app has 1 to 40 letters, digits, \"_\", \"-\" and \".\"; NULL stands for the app of the option track_secret.";
  return f;
}

std::string without_secrets(const Config& config, std::string text) {
  auto hide = [&text](const std::string& secret) {
    if (secret.empty()) return;
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos;) text.replace(at, secret.size(), "***");
  };
  hide(config.integration_key.text);
  hide(config.track_secret.text);
  for (const auto& app : config.app_secrets) hide(app.secret.text);
  return text;
}

}  // namespace pendo
