// What ids of records are like, and by which calls they can be asked for or sent.
#pragma once

#include <string_view>

#include "wall.h"

namespace pendo {

// Pendo's own ids of visitors that nobody has identified.
bool is_anonymous(std::string_view id) noexcept;

// Ids that travel safely as a percent-encoded path segment. The others (with a
// slash, a quote, ...; or looking like Pendo's b64_ form) are asked by a filter.
// Control characters are better here: how a filter writes them is not documented.
bool fits_in_path(std::string_view id) noexcept;

// Why a record of that id cannot be sent, or empty.
std::string_view key_problem(std::string_view id) noexcept;

}  // namespace pendo
