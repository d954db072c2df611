// The sink collects text, as the answer of a call would have it.
#include "simulator_rows.h"

#include <gtest/gtest.h>

#include "json_parse.h"
#include "json_write.h"
#include "pipeline.h"

namespace simulator {
namespace {

class Collector : public Stage {
 public:
  bool push(Row row) override {
    text += text.empty() ? "[" : ",";
    append_json(text, row.value, {.html_escape = false});
    return true;
  }
  void finish() override { text += text.empty() ? "[]" : "]"; }

  std::string text;
};

}  // namespace

Value parse(std::string_view text) {
  Value value;
  std::string error;
  EXPECT_TRUE(parse_json(text, value, error)) << error << " in " << text;
  return value;
}

std::string value_of(std::string_view expression, const Value& row, const ExpressionRules& rules) {
  std::string error;
  NodePtr node = parse_expression(expression, rules, error);
  if (!node) return "no expression";
  Value scratch;
  try {
    const Value& value = evaluate(*node, row, rules, scratch);
    return value.is_missing() ? "missing" : to_json(value, {.html_escape = false});
  } catch (const EvaluationError&) {
    return "error";
  }
}

ExpressionRules rules_with(std::string_view name, std::string_view value) {
  Switches switches;
  std::string error;
  EXPECT_TRUE(switches.set(name, value, error)) << error;
  ExpressionRules rules(switches);
  rules.zone_minutes = 0;
  return rules;
}

std::string rows_of(const World& world, std::string_view pipeline, bool optimise) {
  Value operators = parse(pipeline);
  PipelineContext context{world.store, world.track_types, world.events, world.switches, ExpressionRules(world.switches),
                          [] { return true; }};
  Collector collector;
  try {
    Pipeline(operators, context, optimise).run(collector);
  } catch (const PipelineError& failure) {
    return std::to_string(failure.status) + " " + failure.what();
  } catch (const EvaluationError& failure) {
    return std::string("error: ") + failure.what();
  }
  return collector.text;
}

}  // namespace simulator
