// The id in a path: percent-encoded, or in base64 where a header says so.
#pragma once

#include <optional>
#include <string>

#include "exchange.h"

namespace simulator {

// Nothing if it cannot be read: no such record then.
std::optional<std::string> path_id(const Exchange& exchange);

// The 404 of an unknown id.
void answer_no_record(Exchange& exchange, Kind kind);

}  // namespace simulator
