// switch: {"size":{"seats":[{"value":"small","<":10},{"value":"large",">=":10}]}}.
#include "compare.h"
#include "operators.h"

namespace simulator {
namespace {

constexpr std::pair<std::string_view, Operator> kConditions[] = {
    {"==", Operator::kEqual},     {"!=", Operator::kNotEqual}, {"<", Operator::kLess},
    {"<=", Operator::kLessEqual}, {">", Operator::kGreater},   {">=", Operator::kGreaterEqual},
};

[[noreturn]] void fail() { throw PipelineError(400, "Cannot parse switch"); }

struct Condition {
  Operator op;
  Value bound;
};

struct Case {
  Value value;
  std::vector<Condition> conditions;
};

Case parse_case(const Value& argument) {
  Case one;
  if (!argument.find("value")) fail();
  for (const auto& member : argument.object()) {
    if (member.name == "value") {
      one.value = member.value;
      continue;
    }
    Operator op = Operator::kNone;
    for (const auto& [name, known] : kConditions) {
      if (name == member.name) op = known;
    }
    if (op == Operator::kNone) fail();
    one.conditions.push_back({op, member.value});
  }
  return one;
}

class SwitchStage : public Stage {
 public:
  SwitchStage(const Value& argument, const PipelineContext& context)
      : rules_(context.rules), drops_(context.switches.is(Switch::kSwitchNoMatch, "drop")) {
    if (!argument.is_object() || argument.object().size() != 1) fail();
    const Member& out = argument.object()[0];
    if (!out.value.is_object() || out.value.object().size() != 1 || !out.value.object()[0].value.is_list()) fail();
    out_ = out.name;
    in_ = out.value.object()[0].name;
    for (const auto& one : out.value.object()[0].value.list()) cases_.push_back(parse_case(one));
  }

  bool push(Row row) override {
    const Value* value = find_path(row.value, in_);
    const Case* found = value && !value->is_null() ? match(*value) : nullptr;
    if (!found) return drops_ ? true : next().push({std::move(row.value)});
    set_path(row.value, out_, found->value);
    return next().push({std::move(row.value)});
  }
  void read(Projection& projection) const override { projection.add(split_path(in_)); }

 private:
  // The first whose conditions all hold.
  const Case* match(const Value& value) const {
    for (const auto& one : cases_) {
      bool holds = true;
      for (const auto& condition : one.conditions) {
        holds = holds && compare_values(condition.op, value, condition.bound, rules_).is_true();
      }
      if (holds) return &one;
    }
    return nullptr;
  }

  const ExpressionRules& rules_;
  bool drops_;
  std::string out_;
  std::string in_;
  std::vector<Case> cases_;
};

}  // namespace

StagePtr make_switch(const Value& a, const PipelineContext& c) { return std::make_unique<SwitchStage>(a, c); }

}  // namespace simulator
