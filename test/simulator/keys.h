// Who may do what: integration keys and track secrets.
#pragma once

#include <optional>

#include "exchange.h"
#include "router.h"

namespace simulator {

constexpr std::string_view kWriteKey = "sim-write-key";
constexpr std::string_view kReadKey = "sim-read-key";

// Nothing if the call is allowed, otherwise the status of a refusal with an empty body.
std::optional<int> refusal(const World& world, const Request& request, Access access);
bool may_write(const World& world, const Request& request);
// The app of a track secret.
std::optional<std::int64_t> app_of_secret(const World& world, const Request& request);

}  // namespace simulator
