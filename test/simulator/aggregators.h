// What group and reduce do with the values of a field.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline.h"

namespace simulator {

class Aggregator {
 public:
  virtual ~Aggregator() = default;
  virtual void add(const Value& value) = 0;
  virtual Value result() = 0;
};

// One output of group or reduce: {"total":{"sum":"numEvents"}}.
struct AggregatorPlan {
  std::string output;
  NodePtr field;  // nullptr: rows are counted
  std::unique_ptr<Aggregator> (*make)(const ExpressionRules& rules) = nullptr;
};

// An object of outputs, or a list of such objects; throws PipelineError.
std::vector<AggregatorPlan> parse_aggregators(const Value& argument, const PipelineContext& context);

}  // namespace simulator
