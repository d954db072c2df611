// The answer of GET /api/v1/token/verify.
#pragma once

#include <string_view>

#include "wall.h"

namespace pendo {

// False: the body is not such an answer, and both results are false.
bool parse_token_verify(std::string_view body, bool& valid, bool& write_access) noexcept;

}  // namespace pendo
