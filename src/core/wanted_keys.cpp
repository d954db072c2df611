// Keys in calls of many.
#include "wanted_keys.h"

#include <algorithm>
#include <utility>

#include "json_text.h"

namespace pendo {
namespace {

// Asked for by one call: enough to make calls few, and a filter that any server
// takes.
constexpr std::size_t kMaxKeysPerCall = 500;
constexpr std::size_t kMaxKeyBytesPerCall = 32'000;

}  // namespace

// Those that a filter may not be able to name go last.
void WantedKeys::set(std::vector<std::string> keys) {
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::stable_partition(keys.begin(), keys.end(), [](const std::string& key) { return !has_control_character(key); });
  keys_ = std::move(keys);
  next_ = 0;
}

void WantedKeys::clear() noexcept {
  keys_.clear();
  next_ = 0;
}

bool WantedKeys::next_is_alone() const { return keys_.size() == 1 || has_control_character(next()); }

void WantedKeys::take_many() {
  asked_.clear();
  std::size_t bytes = 0;
  while (!all_asked() && asked_.size() < kMaxKeysPerCall && bytes < kMaxKeyBytesPerCall) {
    if (!asked_.empty() && has_control_character(next())) break;
    bytes += next().size();
    asked_.emplace(take(), false);
  }
}

std::vector<std::string> WantedKeys::missing() const {
  std::vector<std::string> result;
  for (const auto& [key, came] : asked_) {
    if (!came) result.push_back(key);
  }
  return result;
}

WantedKeys::Came WantedKeys::came(std::string_view key) {
  auto asked = asked_.find(key);
  if (asked == asked_.end()) return Came::kUnasked;
  return std::exchange(asked->second, true) ? Came::kAgain : Came::kFirst;
}

}  // namespace pendo
