// Whether two JSON values mean the same to Pendo.
#pragma once

#include <string_view>

#include "wall.h"

namespace pendo {

// Numbers are compared as floats, members of objects in any order, everything
// else as it is. What is no JSON is the same as nothing.
bool is_same_json(std::string_view a, std::string_view b) noexcept;

}  // namespace pendo
