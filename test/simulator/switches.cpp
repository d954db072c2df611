// Setting and reading switches. A choice is kept as its position in the list of values.
#include "switches.h"

#include <charconv>
#include <optional>
#include <string>

#include "calendar.h"

namespace simulator {
namespace {

constexpr std::string_view kNumber = "number";

std::string_view nth_choice(std::string_view values, std::int64_t n) {
  for (; n > 0; --n) values.remove_prefix(values.find('|') + 1);
  return values.substr(0, values.find('|'));
}

std::optional<std::int64_t> choice_index(std::string_view values, std::string_view value) {
  for (std::int64_t n = 0;; ++n) {
    auto bar = values.find('|');
    if (values.substr(0, bar) == value) return n;
    if (bar == std::string_view::npos) return std::nullopt;
    values.remove_prefix(bar + 1);
  }
}

std::optional<std::int64_t> decimal(std::string_view text) {
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> to_number(const SwitchInfo& info, std::string_view value) {
  return info.values == kNumber ? decimal(value) : choice_index(info.values, value);
}

const SwitchInfo* find_switch(std::string_view name) {
  for (const auto& info : switch_table()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

}  // namespace

Switches::Switches() {
  for (const auto& info : switch_table()) {
    values_[static_cast<std::size_t>(info.id)] = to_number(info, info.default_value).value();
  }
  remember();
}

bool Switches::set(std::string_view name, std::string_view value, std::string& error) {
  const SwitchInfo* info = find_switch(name);
  if (!info) {
    error = "there is no switch \"" + std::string(name) + "\"";
    return false;
  }
  auto number = to_number(*info, value);
  if (!number) {
    error = "switch \"" + std::string(name) + "\" takes " + std::string(info->values) + ", not \"" +
            std::string(value) + "\"";
    return false;
  }
  values_[static_cast<std::size_t>(info->id)] = *number;
  return true;
}

void Switches::remember() {
  for (std::size_t i = 0; i < kSwitchCount; ++i) start_values_[i] = values_[i];
}

void Switches::reset() {
  for (std::size_t i = 0; i < kSwitchCount; ++i) values_[i] = start_values_[i];
}

std::string_view Switches::choice(Switch id) const {
  auto index = static_cast<std::size_t>(id);
  return nth_choice(switch_table()[index].values, values_[index]);
}

std::int64_t Switches::now_ms() const {
  std::int64_t fixed = number(Switch::kClockMs);
  return fixed ? fixed : wall_clock_ms();
}

Value Switches::describe() const {
  Value all = Object{};
  for (const auto& info : switch_table()) {
    Value one = Object{};
    bool is_number = info.values == kNumber;
    one.set("value", is_number ? Value(number(info.id)) : Value(choice(info.id)));
    one.set("default", is_number ? Value(decimal(info.default_value).value()) : Value(info.default_value));
    one.set("reason", info.reason);
    List values;
    for (std::int64_t n = 0; !is_number; ++n) {
      values.emplace_back(nth_choice(info.values, n));
      if (choice_index(info.values, info.values.substr(info.values.rfind('|') + 1)) == n) break;
    }
    one.set("values", is_number ? Value(kNumber) : Value(std::move(values)));
    all.set(info.name, std::move(one));
  }
  return all;
}

}  // namespace simulator
