// The list of Track Types: which event name stands behind which id.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "wall.h"

namespace pendo {

// Id to name.
using TrackTypeNames = std::map<std::string, std::string, std::less<>>;

// Reads the answer of GET /api/v1/tracktype, an array of objects with "id" and
// "trackTypeName" (the name that events carry; "name" is for people). Types that
// say they are of another app than `apps` (app_choice.h) are left out. False:
// `reason` tells why. May throw std::bad_alloc.
bool parse_track_types(std::string_view body, std::string_view apps, TrackTypeNames& names, std::string& reason);

}  // namespace pendo
