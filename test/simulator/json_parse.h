// Reads JSON as strictly, and as leniently, as Go's encoding/json does, which is
// what Pendo runs on: nothing after the value, invalid UTF-8 and lone surrogates
// become U+FFFD, the last of equal names wins.
#pragma once

#include <string>
#include <string_view>

#include "value.h"

namespace simulator {

// False with Go's words for what is wrong in `error`.
bool parse_json(std::string_view text, Value& value, std::string& error);

}  // namespace simulator
