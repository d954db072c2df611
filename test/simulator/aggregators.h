// What group and reduce do with the values of a field.
#pragma once

#include <functional>
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

using AggregatorPtr = std::unique_ptr<Aggregator>;

// What Pendo's documents leave open about them.
struct AggregatorRules {
  explicit AggregatorRules(const PipelineContext& context);

  const ExpressionRules& expressions;
  bool count_null;          // as a value of its own
  bool list_null;
  bool sum_of_none_null;    // otherwise 0
  bool sample_variance;     // divided by n - 1
  bool nearest_percentile;  // a value that is there, otherwise one between two
};

using AggregatorMaker = std::function<AggregatorPtr(const AggregatorRules& rules)>;

// One output of group or reduce: {"total":{"sum":"numEvents"}}.
struct AggregatorPlan {
  std::string output;
  NodePtr field;      // nullptr: rows are counted
  NodePtr condition;  // nullptr: every row counts
  AggregatorMaker make;
};

// An object of outputs, or a list of such objects; throws PipelineError.
std::vector<AggregatorPlan> parse_aggregators(const Value& argument, const PipelineContext& context);

// number_aggregators.cpp
AggregatorPtr make_sum(const AggregatorRules& rules);
AggregatorPtr make_mean(const AggregatorRules& rules);
AggregatorPtr make_list_mean(const AggregatorRules& rules);
AggregatorPtr make_median(const AggregatorRules& rules);
AggregatorPtr make_variance(const AggregatorRules& rules);
AggregatorPtr make_deviation(const AggregatorRules& rules);
// A name and a level from 0 to 100 each.
using PercentileLevels = std::vector<std::pair<std::string, double>>;
AggregatorPtr make_percentiles(const PercentileLevels& levels, const AggregatorRules& rules);

// value_aggregators.cpp
AggregatorPtr make_least(const AggregatorRules& rules);
AggregatorPtr make_greatest(const AggregatorRules& rules);
AggregatorPtr make_row_count(const AggregatorRules& rules);
AggregatorPtr make_distinct_count(const AggregatorRules& rules);
AggregatorPtr make_first(const AggregatorRules& rules);
AggregatorPtr make_list(const AggregatorRules& rules);
AggregatorPtr make_concatenation(const AggregatorRules& rules);
AggregatorPtr make_active_days(const AggregatorRules& rules);
AggregatorPtr make_active_days_union(const AggregatorRules& rules);

}  // namespace simulator
