// Looking secrets up, and the words for those that are missing.
#include "secrets.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

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

constexpr std::string_view kHidden = "***";

void hide(std::string& text, std::string_view secret) {
  if (secret.empty()) return;
  for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += kHidden.size()) text.replace(at, secret.size(), kHidden);
}

// A few characters are no secret, and may be words.
void hide_at_end(std::string& text, std::string_view secret) {
  constexpr std::size_t kFewCharacters = 5;
  for (std::size_t size = secret.size(); size > kFewCharacters; --size) {
    if (!text.ends_with(secret.substr(0, size))) continue;
    text.replace(text.size() - size, size, kHidden);
    return;
  }
}

// With the escapes of JSON taken out that stand for plain characters.
std::string unescaped(std::string_view json) {
  std::string text;
  for (std::size_t i = 0; i < json.size(); ++i) {
    unsigned code = 0;
    bool is_code = json.substr(i, 4) == "\\u00" && json.size() >= i + 6 &&
                   std::from_chars(json.data() + i + 4, json.data() + i + 6, code, 16).ptr == json.data() + i + 6;
    if (is_code && code > ' ' && code < 0x7f) {
      text += static_cast<char>(code);
      i += 5;
    } else if (json[i] != '\\') {
      text += json[i];
    }
  }
  return text;
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
  std::vector<std::string_view> secrets = {config.integration_key.text, config.track_secret.text};
  for (const auto& app : config.app_secrets) secrets.push_back(app.secret.text);
  // one may begin with another
  std::sort(secrets.begin(), secrets.end(), [](auto a, auto b) { return a.size() > b.size(); });
  for (auto secret : secrets) hide(text, secret);
  for (auto secret : secrets) hide_at_end(text, secret);
  return text;
}

Failure without_secrets(const Config& config, Failure failure) {
  for (std::string* text : {&failure.message, &failure.detail, &failure.hint}) *text = without_secrets(config, std::move(*text));
  return failure;
}

std::string shown_reply(const Config& config, std::string_view reply, std::size_t limit) {
  std::string text = without_secrets(config, std::string(reply));
  std::string plain = unescaped(text);
  std::string hidden = without_secrets(config, plain);
  return printable(hidden == plain ? text : hidden, limit);
}

}  // namespace pendo
