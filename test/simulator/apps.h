// The subscription's apps: the default web app that every subscription has, and a second one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "value.h"

namespace simulator {

constexpr std::int64_t kDefaultApp = -323232;
constexpr std::int64_t kSecondApp = 6561780136607744;

struct App {
  std::int64_t id;
  std::string_view group;  // Pendo: auto_ and the id, with _ for -
  std::string_view platform;
  std::string_view track_secret;
  std::string_view name;
};

std::span<const App> apps();
// A row of the apps source.
Value describe_app(const App& app);

// The apps that expandAppIds() means: *, web, mobile, ios, android, extension,
// several joined by |.
std::vector<std::int64_t> expand_apps(std::string_view words);

}  // namespace simulator
