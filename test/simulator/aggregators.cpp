// The table of aggregators, and how their calls are written (Pendo docs: avg,
// count, countIf, first, list, max, mean, median, min, sum; the others are in use).
#include "aggregators.h"

namespace simulator {
namespace {

constexpr const char* kComplaint = "Cannot parse aggregation";

[[noreturn]] void fail() { throw PipelineError(400, kComplaint); }

struct AggregatorEntry {
  std::string_view name;
  AggregatorPtr (*make)(const AggregatorRules& rules);
};

// {"sum":"numEvents"}: one expression.
constexpr AggregatorEntry kAggregators[] = {
    {"avg", make_mean},
    {"concat", make_concatenation},
    {"daysActiveCreate", make_active_days},
    {"daysActiveUnion", make_active_days_union},
    {"first", make_first},
    {"list", make_list},
    {"listAverage", make_list_mean},
    {"max", make_greatest},
    {"mean", make_mean},
    {"median", make_median},
    {"min", make_least},
    {"stddev", make_deviation},
    {"sum", make_sum},
    {"var", make_variance},
};

// count: null counts rows, "field" distinct values, ["f","g"] distinct pairs.
void parse_count(const Value& argument, const PipelineContext& context, AggregatorPlan& plan) {
  plan.make = make_distinct_count;
  if (argument.is_null()) {
    plan.make = make_row_count;
  } else if (argument.is_list()) {
    plan.field = std::make_unique<Node>();
    plan.field->kind = NodeKind::kList;
    for (const auto& one : argument.list()) plan.field->children.push_back(parse_argument(one, context, kComplaint));
  } else {
    plan.field = parse_argument(argument, context, kComplaint);
  }
}

// {"countIf":{"count":"field","if":"condition"}}, listIf with "list".
void parse_conditional(const Value& argument, bool counts, const PipelineContext& context, AggregatorPlan& plan) {
  const Value* what = argument.find(counts ? "count" : "list");
  const Value* condition = argument.find("if");
  if (!condition || (!what && !counts)) fail();
  plan.condition = parse_argument(*condition, context, kComplaint);
  if (counts) return parse_count(what ? *what : Value(nullptr), context, plan);
  plan.make = make_list;
  plan.field = parse_argument(*what, context, kComplaint);
}

// {"percentiles":{"field":"numEvents","p25":25,"median":50}}
void parse_percentiles(const Value& argument, const PipelineContext& context, AggregatorPlan& plan) {
  const Value* field = argument.find("field");
  if (!field) fail();
  plan.field = parse_argument(*field, context, kComplaint);
  PercentileLevels levels;
  for (const auto& member : argument.object()) {
    if (member.name == "field") continue;
    if (!member.value.is_number() || !(member.value.number() >= 0 && member.value.number() <= 100)) fail();
    levels.emplace_back(member.name, member.value.number());
  }
  plan.make = [levels](const AggregatorRules& rules) { return make_percentiles(levels, rules); };
}

AggregatorPlan parse_one(const Member& member, const PipelineContext& context) {
  if (!member.value.is_object() || member.value.object().size() != 1) fail();
  const Member& call = member.value.object()[0];
  AggregatorPlan plan;
  plan.output = member.name;
  if (call.name == "count") {
    parse_count(call.value, context, plan);
  } else if (call.name == "countIf" || call.name == "listIf") {
    parse_conditional(call.value, call.name == "countIf", context, plan);
  } else if (call.name == "percentiles") {
    parse_percentiles(call.value, context, plan);
  } else {
    for (const auto& entry : kAggregators) {
      if (entry.name == call.name) plan.make = entry.make;
    }
    if (!plan.make) fail();
    plan.field = parse_argument(call.value, context, kComplaint);
  }
  return plan;
}

}  // namespace

AggregatorRules::AggregatorRules(const PipelineContext& context)
    : expressions(context.rules),
      count_null(context.switches.is(Switch::kCountNull, "count")),
      list_null(context.switches.is(Switch::kListNull, "keep")),
      sum_of_none_null(context.switches.is(Switch::kSumOfNone, "null")),
      sample_variance(context.switches.is(Switch::kVariance, "sample")),
      nearest_percentile(context.switches.is(Switch::kPercentileMethod, "nearest")) {}

std::vector<AggregatorPlan> parse_aggregators(const Value& argument, const PipelineContext& context) {
  std::vector<AggregatorPlan> plans;
  if (argument.is_list()) {
    for (const auto& one : argument.list()) {
      for (auto& plan : parse_aggregators(one, context)) plans.push_back(std::move(plan));
    }
    return plans;
  }
  if (!argument.is_object()) fail();
  for (const auto& member : argument.object()) plans.push_back(parse_one(member, context));
  return plans;
}

}  // namespace simulator
