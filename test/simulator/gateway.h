// What happens to every request before and after its handler: counting, faults,
// latency, keys.
#pragma once

#include "http_request.h"
#include "http_response.h"
#include "world.h"

namespace simulator {

// Reads the body and answers; false when the connection is to be closed.
bool serve_request(World& world, Wire& wire, RequestReader& reader, Request& request);

// For a request that could not be read.
void answer_unreadable(Wire& wire, Request& request, int status);

}  // namespace simulator
