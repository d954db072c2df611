// The table of operators.
#include "operators.h"

namespace simulator {
namespace {

struct OperatorEntry {
  std::string_view name;
  StageMaker make;
};

constexpr OperatorEntry kOperators[] = {
    {"bulkExpand", make_bulk_expand},
    {"cat", make_cat},
    {"count", make_count},
    {"eval", make_eval},
    {"expand", make_expand},
    {"expandList", make_expand_list},
    {"filter", make_filter},
    {"fork", make_fork},
    {"group", make_group},
    {"identified", make_identified},
    {"itemSeen", make_item_seen},
    {"join", make_join},
    {"limit", make_limit},
    {"merge", make_merge},
    {"reduce", make_reduce},
    {"segment", make_segment},
    {"select", make_select},
    {"set", make_set},
    {"skip", make_skip},
    {"sort", make_sort},
    {"switch", make_switch},
    {"unmarshal", make_unmarshal},
    {"unwind", make_unwind},
    {"useragent", make_user_agent},
};

StagePtr unknown_operator(std::string_view name, const PipelineContext& context) {
  if (context.switches.is(Switch::kUnknownOperator, "ignore")) return nullptr;
  int status = context.switches.is(Switch::kUnknownOperator, "422") ? 422 : 400;
  throw PipelineError(status, "Unknown operator: " + std::string(name));
}

const Member& only_member(const Value& step) {
  if (step.is_object() && step.object().size() == 1) return step.object()[0];
  throw PipelineError(400, "Each pipeline step must have exactly one operator");
}

}  // namespace

std::vector<StagePtr> make_stages(const List& steps, std::size_t from, const PipelineContext& context) {
  std::vector<StagePtr> stages;
  for (std::size_t i = from; i < steps.size(); ++i) {
    const Member& step = only_member(steps[i]);
    if (auto stage = make_stage(step.name, step.value, context)) stages.push_back(std::move(stage));
  }
  return stages;
}

StagePtr make_stage(std::string_view name, const Value& argument, const PipelineContext& context) {
  bool refused = name == "skip" && context.switches.is(Switch::kSkipOperator, "refuse");
  for (const auto& entry : kOperators) {
    if (entry.name == name && !refused) return entry.make(argument, context);
  }
  return unknown_operator(name, context);
}

}  // namespace simulator
