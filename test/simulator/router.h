// Which handler a method and a path lead to.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "exchange.h"

namespace simulator {

enum class Access { kControl, kRead, kWrite, kTrack };

using Handler = void (*)(Exchange& exchange);

struct Route {
  std::string_view method;
  // {kind} is a part that the route's key shows as it is, :id one that it hides.
  std::string_view pattern;
  Access access;
  Handler handler;
};

struct Match {
  const Route* route = nullptr;
  std::map<std::string, std::string, std::less<>> params;
  std::string key;      // "GET /api/v1/visitor/:id", as the statistics have it
  std::string allowed;  // methods of the path, if it is one
};

Match find_route(std::string_view method, std::string_view path);

}  // namespace simulator
