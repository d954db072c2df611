// Pendo's regions and their hosts.
#pragma once

#include <span>
#include <string_view>

#include "wall.h"

namespace pendo {

struct Region {
  std::string_view name;
  std::string_view api_url;    // scheme and host, no trailing slash
  std::string_view track_url;
};

std::span<const Region> all_regions() noexcept;
const Region* find_region(std::string_view name) noexcept;

// What is wrong with a base URL given by the user, or nullptr. Good is
// https://host[:port] and, on the loopback interface only, http.
const char* base_url_problem(const char* url) noexcept;

}  // namespace pendo
