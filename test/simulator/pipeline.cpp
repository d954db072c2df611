// Parsing a pipeline, and what the source can be told about it.
#include "pipeline.h"

#include "operators.h"
#include "sources.h"

namespace simulator {
Pipeline::Pipeline(const Value& operators, const PipelineContext& context, bool optimise) : context_(context) {
  const List& steps = operators.list();
  const Value* spawn = steps.empty() ? nullptr : steps[0].find("spawn");
  if (steps.empty() || (!spawn && !steps[0].find("source"))) {
    throw PipelineError(400, "Pipeline must start with a source");
  }
  source_ = spawn ? make_spawn(*spawn, context) : make_source(steps[0], context);
  stages_ = make_stages(steps, 1, context);
  if (optimise) this->optimise();
}

Pipeline::~Pipeline() = default;

void Pipeline::optimise() {
  Projection reads = Projection::nothing();
  bool whole = true;
  for (const auto& stage : stages_) {
    stage->read(reads);
    if (stage->makes_new_rows()) {
      whole = false;
      break;
    }
  }
  if (!whole) hints_.projection = reads;
  for (const auto& stage : stages_) stage->source_makes(hints_.projection);

  std::string_view key = source_->key();
  bool ordered = !key.empty() && !context_.rules.collate_no_case;
  bool filters_pass = ordered && !context_.rules.compare_no_case && !context_.rules.may_fail();
  for (std::size_t i = 0; i < stages_.size() && stages_[i]->picks_rows(); ++i) {
    if (filters_pass) stages_[i]->narrow(hints_.range, key);
    filters_pass = filters_pass && stages_[i]->lets_filters_pass();
    ordered = ordered && stages_[i]->take_order(key);
  }
  for (std::size_t i = 0; i + 1 < stages_.size(); ++i) {
    if (auto bound = stages_[i + 1]->bound(); bound >= 0) stages_[i]->limit(bound);
  }
}

void Pipeline::run(Stage& sink) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    stages_[i]->connect(i + 1 < stages_.size() ? *stages_[i + 1] : sink);
  }
  Stage& first = stages_.empty() ? sink : *stages_[0];
  source_->run(first, hints_);
  first.finish();
}

NodePtr parse_argument(const Value& argument, const PipelineContext& context, const std::string& complaint) {
  if (!argument.is_string()) {
    if (argument.is_object()) throw PipelineError(400, complaint);
    auto node = std::make_unique<Node>();
    node->literal = argument;
    return node;
  }
  std::string error;
  NodePtr node = parse_expression(argument.string(), context.rules, error);
  if (!node) throw PipelineError(400, complaint);
  return node;
}

void add_reads(const Node& node, Projection& projection) {
  if (node.kind == NodeKind::kPath) projection.add(node.path);
  for (const auto& child : node.children) {
    if (child) add_reads(*child, projection);
  }
}

}  // namespace simulator
