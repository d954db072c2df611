// Operators that look at one row at a time.
#include "expression_functions.h"
#include "json_parse.h"
#include "key_range.h"
#include "operators.h"

namespace simulator {
namespace {

constexpr const char* kFilterComplaint = "Cannot parse filter expression";  // Pendo's words, as seen
constexpr const char* kExpressionComplaint = "Cannot parse expression";

struct NamedExpression {
  std::string name;
  NodePtr node;
};

std::vector<NamedExpression> named_expressions(const Value& argument, const PipelineContext& context) {
  if (!argument.is_object()) throw PipelineError(400, kExpressionComplaint);
  std::vector<NamedExpression> all;
  for (const auto& member : argument.object()) {
    all.push_back({member.name, parse_argument(member.value, context, kExpressionComplaint)});
  }
  return all;
}

std::int64_t row_count(const Value& argument, std::string_view name) {
  if (argument.is(Type::kInteger) && argument.integer() >= 0) return argument.integer();
  throw PipelineError(400, std::string(name) + " must be a whole number");
}

// A missing value is written as null (official samples: "industry":null).
Value result_of(const Node& node, const Value& row, const ExpressionRules& rules) {
  Value scratch;
  const Value& value = evaluate(node, row, rules, scratch);
  if (value.is_missing()) return nullptr;
  return &value == &scratch ? std::move(scratch) : value;
}

class Filter : public Stage {
 public:
  Filter(const Value& argument, const PipelineContext& context) : rules_(context.rules) {
    if (!argument.is_string()) throw PipelineError(400, kFilterComplaint);
    node_ = parse_argument(argument, context, kFilterComplaint);
  }
  bool push(Row row) override { return is_true(*node_, row.value, rules_) ? next().push(std::move(row)) : true; }
  void read(Projection& projection) const override { add_reads(*node_, projection); }
  bool picks_rows() const override { return true; }
  bool lets_filters_pass() const override { return true; }
  void narrow(KeyRange& range, std::string_view key) const override { narrow_by_filter(range, *node_, key); }
  bool take_order(std::string_view) override { return true; }

 private:
  const ExpressionRules& rules_;
  NodePtr node_;
};

class Select : public Stage {
 public:
  Select(const Value& argument, const PipelineContext& context)
      : rules_(context.rules), outputs_(named_expressions(argument, context)) {
    for (const auto& output : outputs_) nested_ = nested_ || output.name.find('.') != std::string::npos;
  }
  bool push(Row row) override {
    if (nested_) return next().push({nested(row.value)});
    Object out;
    out.reserve(outputs_.size());
    for (const auto& output : outputs_) out.push_back({output.name, result_of(*output.node, row.value, rules_)});
    return next().push({std::move(out)});
  }
  void read(Projection& projection) const override {
    for (const auto& output : outputs_) add_reads(*output.node, projection);
  }
  bool makes_new_rows() const override { return true; }

 private:
  // Pendo docs: a name with dots makes objects.
  Value nested(const Value& row) const {
    Value out = Object{};
    for (const auto& output : outputs_) set_path(out, output.name, result_of(*output.node, row, rules_));
    return out;
  }

  const ExpressionRules& rules_;
  std::vector<NamedExpression> outputs_;
  bool nested_ = false;
};

// eval computes from the row as it came in: the order of its outputs is not defined.
class Eval : public Stage {
 public:
  Eval(const Value& argument, const PipelineContext& context)
      : rules_(context.rules), outputs_(named_expressions(argument, context)) {
    // Pendo docs: setting a field such as day is an error; their examples do set accountId
    for (const auto& output : outputs_) {
      for (std::string_view fixed : {"day", "hour", "week", "month", "quarter"}) {
        if (output.name == fixed) throw PipelineError(400, "Cannot set read-only field " + output.name);
      }
    }
  }
  bool push(Row row) override {
    std::vector<Value> results;
    for (const auto& output : outputs_) results.push_back(result_of(*output.node, row.value, rules_));
    for (std::size_t i = 0; i < results.size(); ++i) set_path(row.value, outputs_[i].name, std::move(results[i]));
    return next().push({std::move(row.value)});
  }
  void read(Projection& projection) const override {
    for (const auto& output : outputs_) add_reads(*output.node, projection);
  }

 private:
  const ExpressionRules& rules_;
  std::vector<NamedExpression> outputs_;
};

class Set : public Stage {
 public:
  Set(const Value& argument, const PipelineContext&) : argument_(argument) {
    if (!argument.is_object()) throw PipelineError(400, "set must be an object");
  }
  bool push(Row row) override {
    for (const auto& member : argument_.object()) set_path(row.value, member.name, member.value);
    return next().push({std::move(row.value)});
  }

 private:
  Value argument_;
};

// {"out":"field"}: the JSON text of a field, read; null if it is none.
class Unmarshal : public Stage {
 public:
  Unmarshal(const Value& argument, const PipelineContext& context)
      : rules_(context.rules), outputs_(named_expressions(argument, context)) {}
  bool push(Row row) override {
    for (const auto& output : outputs_) {
      Value text = result_of(*output.node, row.value, rules_);
      Value read;
      std::string error;
      if (!text.is_string() || !parse_json(text.string(), read, error)) read = nullptr;
      set_path(row.value, output.name, std::move(read));
    }
    return next().push({std::move(row.value)});
  }
  void read(Projection& projection) const override {
    for (const auto& output : outputs_) add_reads(*output.node, projection);
  }

 private:
  const ExpressionRules& rules_;
  std::vector<NamedExpression> outputs_;
};

// "visitorId" keeps the identified, "!visitorId" the others.
class Identified : public Stage {
 public:
  Identified(const Value& argument, const PipelineContext&) {
    if (!argument.is_string() || argument.string().empty()) throw PipelineError(400, "identified must be a field");
    field_ = argument.string();
    if (field_[0] != '!') return;
    wanted_ = false;
    field_.erase(0, 1);
  }
  bool push(Row row) override {
    const Value* id = find_path(row.value, field_);
    bool identified = id && is_identified(*id);
    return identified == wanted_ ? next().push(std::move(row)) : true;
  }
  void read(Projection& projection) const override { projection.add(split_path(field_)); }
  bool picks_rows() const override { return true; }
  bool lets_filters_pass() const override { return true; }
  bool take_order(std::string_view) override { return true; }

 private:
  std::string field_;
  bool wanted_ = true;
};

class Limit : public Stage {
 public:
  explicit Limit(std::int64_t most) : most_(most) {}
  bool push(Row row) override {
    if (passed_ >= most_) return false;
    return next().push(std::move(row)) && ++passed_ < most_;
  }
  bool picks_rows() const override { return true; }
  bool take_order(std::string_view) override { return true; }
  std::int64_t bound() const override { return most_; }

 private:
  std::int64_t most_;
  std::int64_t passed_ = 0;
};

class Skip : public Stage {
 public:
  explicit Skip(std::int64_t count) : left_(count) {}
  bool push(Row row) override { return left_ > 0 ? left_-- > 0 : next().push(std::move(row)); }
  bool picks_rows() const override { return true; }
  bool take_order(std::string_view) override { return true; }

 private:
  std::int64_t left_;
};

class Cat : public Stage {
 public:
  bool push(Row row) override { return next().push(std::move(row)); }
  bool picks_rows() const override { return true; }
  bool lets_filters_pass() const override { return true; }
  bool take_order(std::string_view) override { return true; }
};

}  // namespace

StagePtr make_filter(const Value& a, const PipelineContext& c) { return std::make_unique<Filter>(a, c); }
StagePtr make_select(const Value& a, const PipelineContext& c) { return std::make_unique<Select>(a, c); }
StagePtr make_eval(const Value& a, const PipelineContext& c) { return std::make_unique<Eval>(a, c); }
StagePtr make_unmarshal(const Value& a, const PipelineContext& c) { return std::make_unique<Unmarshal>(a, c); }
StagePtr make_set(const Value& a, const PipelineContext& c) { return std::make_unique<Set>(a, c); }
StagePtr make_identified(const Value& a, const PipelineContext& c) { return std::make_unique<Identified>(a, c); }
StagePtr make_cat(const Value&, const PipelineContext&) { return std::make_unique<Cat>(); }
StagePtr make_limit(const Value& a, const PipelineContext&) { return std::make_unique<Limit>(row_count(a, "limit")); }
StagePtr make_skip(const Value& a, const PipelineContext&) { return std::make_unique<Skip>(row_count(a, "skip")); }

}  // namespace simulator
