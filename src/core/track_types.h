// The list of Track Types: which event name stands behind which id.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "wall.h"

namespace pendo {

// Reads the answer of GET /api/v1/tracktype, an array of objects with "id" and
// "trackTypeName" (the name that events carry; "name" is for people). False:
// `reason` tells why. May throw std::bad_alloc.
bool parse_track_types(std::string_view body, std::map<std::string, std::string, std::less<>>& names,
                       std::string& reason);

}  // namespace pendo
