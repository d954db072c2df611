// The table of routes. Literal parts come before parameters at the same place.
#include "router.h"

#include "handlers.h"

namespace simulator {
namespace {

constexpr Route kRoutes[] = {
    {"GET", "/api/v1/token/verify", Access::kRead, verify_token},
    {"GET", "/api/v1/metadata/schema/{kind}", Access::kRead, get_schema},
    {"POST", "/api/v1/metadata/schema/{kind}/{group}", Access::kWrite, create_fields},
    {"DELETE", "/api/v1/metadata/schema/{kind}/{group}/{field}", Access::kWrite, delete_field},
    {"POST", "/api/v1/metadata/{kind}/{group}/value", Access::kWrite, bulk_write},
    {"PATCH", "/api/v1/metadata/{kind}/{group}/value", Access::kWrite, bulk_patch},
    {"GET", "/api/v1/metadata/{kind}/{group}/value/:id/:field", Access::kRead, get_value},
    {"PUT", "/api/v1/metadata/{kind}/{group}/value/:id/:field", Access::kWrite, put_value},
    {"GET", "/api/v1/visitor/:id", Access::kRead, get_visitor},
    {"GET", "/api/v1/account/:id", Access::kRead, get_account},
    {"POST", "/api/v1/aggregation", Access::kRead, aggregate},
    {"GET", "/api/v1/tracktype", Access::kRead, list_track_types},
    {"GET", "/api/v1/page", Access::kRead, list_pages},
    {"GET", "/api/v1/feature", Access::kRead, list_features},
    {"GET", "/api/v1/guide", Access::kRead, list_guides},
    {"GET", "/api/v1/report", Access::kRead, list_nothing},
    {"GET", "/api/v1/segment", Access::kRead, list_segments},
    {"POST", "/data/track", Access::kTrack, track_event},
    {"GET", "/__sim/stats", Access::kControl, control_stats},
    {"POST", "/__sim/reset", Access::kControl, control_reset},
    {"GET", "/__sim/requests", Access::kControl, control_requests},
    {"GET", "/__sim/record/{kind}/:id", Access::kControl, control_record},
    {"GET", "/__sim/events", Access::kControl, control_events},
    {"GET", "/__sim/dump/{kind}", Access::kControl, control_dump},
    {"POST", "/__sim/load/events", Access::kControl, load_events},
    {"POST", "/__sim/load/{kind}", Access::kControl, load_records},
    {"GET", "/__sim/metrics", Access::kControl, control_metrics},
    {"GET", "/__sim/faults", Access::kControl, control_get_faults},
    {"POST", "/__sim/faults", Access::kControl, control_set_faults},
    {"GET", "/__sim/config", Access::kControl, control_get_config},
    {"POST", "/__sim/config", Access::kControl, control_set_config},
};

std::string_view take_part(std::string_view& path) {
  path.remove_prefix(1);  // the slash
  auto slash = path.find('/');
  std::string_view part = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
  return part;
}

// Whether the path has the pattern's form; fills in its parameters and its key.
bool matches(std::string_view pattern, std::string_view path, Match& match) {
  match.params.clear();
  match.key.clear();
  while (!pattern.empty() && path.starts_with('/')) {
    std::string_view wanted = take_part(pattern);
    std::string_view part = take_part(path);
    match.key += '/';
    if (wanted.starts_with('{')) {
      match.params[std::string(wanted.substr(1, wanted.size() - 2))] = part;
      match.key += part;
    } else if (wanted.starts_with(':')) {
      match.params[std::string(wanted.substr(1))] = part;
      match.key += wanted;
    } else if (wanted == part) {
      match.key += part;
    } else {
      return false;
    }
    if (part.empty()) return false;
  }
  return pattern.empty() && path.empty();
}

}  // namespace

Match find_route(std::string_view method, std::string_view path) {
  std::string_view wanted = method == "HEAD" ? "GET" : method;
  Match match;
  Match found;
  std::string path_key(path.substr(0, 200));
  for (const auto& route : kRoutes) {
    if (!matches(route.pattern, path, match)) continue;
    path_key = match.key;
    if (!found.allowed.empty()) found.allowed += ", ";
    found.allowed += route.method;
    if (route.method == wanted && !found.route) {
      found.route = &route;
      found.params = match.params;
    }
  }
  found.key = std::string(method) + " " + path_key;
  return found;
}

}  // namespace simulator
