// The table of operators.
#include "operators.h"

namespace simulator {
namespace {

struct OperatorEntry {
  std::string_view name;
  StageMaker make;
};

constexpr OperatorEntry kOperators[] = {
    {"cat", make_cat},       {"count", make_count},   {"eval", make_eval},   {"filter", make_filter},
    {"group", make_group},   {"identified", make_identified}, {"limit", make_limit}, {"reduce", make_reduce},
    {"select", make_select}, {"set", make_set},       {"skip", make_skip},   {"sort", make_sort},
    {"unwind", make_unwind},
};

StagePtr unknown_operator(std::string_view name, const PipelineContext& context) {
  if (context.switches.is(Switch::kUnknownOperator, "ignore")) return nullptr;
  int status = context.switches.is(Switch::kUnknownOperator, "422") ? 422 : 400;
  throw PipelineError(status, "Unknown operator: " + std::string(name));
}

}  // namespace

StagePtr make_stage(std::string_view name, const Value& argument, const PipelineContext& context) {
  bool refused = name == "skip" && context.switches.is(Switch::kSkipOperator, "refuse");
  for (const auto& entry : kOperators) {
    if (entry.name == name && !refused) return entry.make(argument, context);
  }
  return unknown_operator(name, context);
}

}  // namespace simulator
