// Which apps of a subscription are read: the option app_id as Pendo's
// parameters. "default" (or nothing): the default app; "*": all; else a list of
// ids, "123,-323232".
#pragma once

#include <string>
#include <string_view>

#include "wall.h"

namespace pendo {

// nullptr: it can be used. Otherwise what is wrong with it.
const char* app_choice_problem(std::string_view choice) noexcept;

bool is_default_app(std::string_view choice) noexcept;

// Is it one of them? True for "*", false for the default app, whose id is not known.
bool names_app(std::string_view choice, std::string_view id) noexcept;

// The parameter appId of a source, as JSON: a number, a list or
// "expandAppIds(\"*\")". Not for the default app, which takes no parameter.
std::string app_parameter(std::string_view choice);

// Pendo: GET /api/v1/tracktype takes ?appId= with one app or ?expand=*. Of a
// list of apps all types are asked for.
std::string track_types_path(std::string_view choice);

}  // namespace pendo
