// Pipelines run on a world without a server between.
#pragma once

#include <string>
#include <string_view>

#include "expression.h"
#include "world.h"

namespace simulator {

// Fails the test if the text is no JSON.
Value parse(std::string_view text);

// The rows as a JSON array, "STATUS body" if the pipeline is refused, "error: …"
// if an evaluation ends it.
std::string rows_of(const World& world, std::string_view pipeline, bool optimise = true);

// What an expression gives on a row, as JSON; "missing", "no expression" or "error"
// where it gives nothing.
std::string value_of(std::string_view expression, const Value& row, const ExpressionRules& rules = {});

// The rules with one switch set, in UTC.
ExpressionRules rules_with(std::string_view name, std::string_view value);

}  // namespace simulator
