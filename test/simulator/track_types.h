// The Track Types of the subscription: those it starts with, and those that came
// into being by a first event of their name.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fields.h"
#include "value.h"

namespace simulator {

struct TrackType {
  std::string id;
  std::string name;
  std::int64_t app = 0;
  std::int64_t created_at = 0;
};

class TrackTypes {
 public:
  explicit TrackTypes(const DataOptions& options);

  // The id of the type with this name in this app, which is created if need be.
  std::string learn(std::int64_t app, const std::string& name, std::int64_t now_ms);
  std::vector<TrackType> of_apps(const std::vector<std::int64_t>& apps) const;
  void reset();

  // As the list endpoint and the trackTypes source have it.
  static Value describe(const TrackType& type);

 private:
  void load();

  const DataOptions& options_;
  mutable std::mutex mutex_;
  std::vector<TrackType> types_;
};

}  // namespace simulator
