// Options are a table of names and what they set.
#include "options.h"

#include <charconv>
#include <cstdint>

#include "switches.h"

namespace simulator {
namespace {

struct NumberOption {
  std::string_view name;
  std::int64_t most;
  void (*set)(Options& options, std::int64_t value);
};

constexpr NumberOption kNumbers[] = {
    {"--port", 65535, [](Options& o, std::int64_t v) { o.port = static_cast<int>(v); }},
    {"--visitors", kMostVisitors, [](Options& o, std::int64_t v) { o.data.visitors = v; }},
    {"--accounts", kMostAccounts, [](Options& o, std::int64_t v) { o.data.accounts = v; }},
    {"--seed", INT64_MAX, [](Options& o, std::int64_t v) { o.data.seed = static_cast<std::uint64_t>(v); }},
    {"--big-records", kMostVisitors, [](Options& o, std::int64_t v) { o.data.big_records = v; }},
    {"--latency-ms", 3'600'000,
     [](Options& o, std::int64_t v) { o.switches.emplace_back("latency_ms", std::to_string(v)); }},
};

struct TextOption {
  std::string_view name;
  std::string FurtherKeys::* text;
};

constexpr TextOption kTexts[] = {{"--write-key", &FurtherKeys::write_key}, {"--track-secret", &FurtherKeys::track_secret}};

const TextOption* find_text(std::string_view name) {
  for (const auto& option : kTexts) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const NumberOption* find_number(std::string_view name) {
  for (const auto& option : kNumbers) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

bool set_number(const NumberOption& option, std::string_view text, Options& options) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > option.most) return false;
  option.set(options, value);
  return true;
}

bool set_switch(const std::string& text, Options& options, std::string& error) {
  auto equals = text.find('=');
  if (equals == std::string::npos) {
    error = "--set takes name=value, not \"" + text + "\"";
    return false;
  }
  options.switches.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  Switches probe;
  return probe.set(options.switches.back().first, options.switches.back().second, error);
}

}  // namespace

const char* const kUsage =
    "pendo-simulator [option...]\n"
    "A Pendo that runs on loopback.\n"
    "  --port N          port on 127.0.0.1, 0 for any (0)\n"
    "  --visitors N      visitors v0000001... (1000)\n"
    "  --accounts N      accounts a00001... (50)\n"
    "  --seed N          what the data are a function of (1)\n"
    "  --latency-ms N    pause before each API and track answer (0)\n"
    "  --big-records K   so many visitors have a string of 1 MB (0)\n"
    "  --clean           no odd data\n"
    "  --write-key KEY   a further integration key with write access\n"
    "  --track-secret S  a further track secret of the default app\n"
    "  --set NAME=VALUE  sets a switch; GET /__sim/config lists them\n"
    "  --journal FILE    keeps there what it takes, and starts with what is there\n"
    "  --help\n"
    "The first line on standard output is: ready http://127.0.0.1:PORT\n";

bool parse_options(const std::vector<std::string>& arguments, Options& options, std::string& error) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "--help") {
      options.help = true;
      continue;
    }
    if (name == "--clean") {
      options.data.clean = true;
      continue;
    }
    // --name=value is --name value
    auto equals = name.find('=');
    bool joined = name.starts_with("--") && equals != std::string::npos;
    std::string value = joined ? name.substr(equals + 1) : std::string();
    if (joined) name.resize(equals);
    const NumberOption* number = find_number(name);
    const TextOption* text = find_text(name);
    if (!number && !text && name != "--set" && name != "--journal") {
      error = "unknown option \"" + arguments[i] + "\"";
      return false;
    }
    if (!joined && i + 1 == arguments.size()) {
      error = "option " + name + " needs a value";
      return false;
    }
    if (!joined) value = arguments[++i];
    if (text) {
      options.further_keys.*(text->text) = value;
    } else if (name == "--journal") {
      options.journal = value;
    } else if (!number) {
      if (!set_switch(value, options, error)) return false;
    } else if (!set_number(*number, value, options)) {
      error = "option " + name + " takes a number from 0 to " + std::to_string(number->most) + ", not \"" + value + "\"";
      return false;
    }
  }
  return true;
}

}  // namespace simulator
