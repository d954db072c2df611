// Pipelines run on a world without a server between.
#pragma once

#include <string>
#include <string_view>

#include "world.h"

namespace simulator {

// Fails the test if the text is no JSON.
Value parse(std::string_view text);

// The rows as a JSON array, "STATUS body" if the pipeline is refused, "error: …"
// if an evaluation ends it.
std::string rows_of(const World& world, std::string_view pipeline, bool optimise = true);

}  // namespace simulator
