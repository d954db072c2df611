// count, reduce and group: operators that make few rows of many.
#include <map>

#include "aggregators.h"
#include "json_write.h"
#include "operators.h"

namespace simulator {
namespace {

class Count : public Stage {
 public:
  bool push(Row) override {
    ++count_;
    return true;
  }
  void finish() override {
    next().push({Object{{"count", count_}}});
    next().finish();
  }
  bool makes_new_rows() const override { return true; }

 private:
  std::int64_t count_ = 0;
};

// The aggregators of one group of rows.
class Bucket {
 public:
  Bucket(const std::vector<AggregatorPlan>& plans, const ExpressionRules& rules) {
    for (const auto& plan : plans) aggregators_.push_back(plan.make(rules));
  }

  void add(const std::vector<AggregatorPlan>& plans, const Value& row, const ExpressionRules& rules) {
    for (std::size_t i = 0; i < plans.size(); ++i) {
      Value scratch;
      aggregators_[i]->add(plans[i].field ? evaluate(*plans[i].field, row, rules, scratch) : row);
    }
  }

  void write(const std::vector<AggregatorPlan>& plans, Value& row) {
    for (std::size_t i = 0; i < plans.size(); ++i) row.set(plans[i].output, aggregators_[i]->result());
  }

 private:
  std::vector<std::unique_ptr<Aggregator>> aggregators_;
};

void read_plans(const std::vector<AggregatorPlan>& plans, Projection& projection) {
  for (const auto& plan : plans) {
    if (plan.field) add_reads(*plan.field, projection);
  }
}

class Reduce : public Stage {
 public:
  Reduce(const Value& argument, const PipelineContext& context)
      : context_(context), plans_(parse_aggregators(argument, context)), bucket_(plans_, context.rules) {}
  bool push(Row row) override {
    any_ = true;
    bucket_.add(plans_, row.value, context_.rules);
    return true;
  }
  void finish() override {
    if (any_ || context_.switches.is(Switch::kReduceEmpty, "row")) {
      Value row = Object{};
      bucket_.write(plans_, row);
      next().push({std::move(row)});
    }
    next().finish();
  }
  void read(Projection& projection) const override { read_plans(plans_, projection); }
  bool makes_new_rows() const override { return true; }

 private:
  const PipelineContext& context_;
  std::vector<AggregatorPlan> plans_;
  Bucket bucket_;
  bool any_ = false;
};

// Groups come out in order of their first row; Pendo promises no order.
class Group : public Stage {
 public:
  Group(const Value& argument, const PipelineContext& context)
      : rules_(context.rules), nested_(context.switches.is(Switch::kGroupDottedKey, "nested")) {
    const Value* keys = argument.find("group");
    if (keys && !keys->is_list()) throw PipelineError(400, "group must be a list");
    for (const auto& key : keys ? keys->list() : List{}) {
      if (!key.is_string()) throw PipelineError(400, "group must be a list of fields");
      keys_.push_back({key.string(), parse_argument(key, context, "Cannot parse group expression")});
    }
    if (const Value* outputs = argument.find("fields")) plans_ = parse_aggregators(*outputs, context);
  }

  bool push(Row row) override {
    List key;
    for (const auto& [name, node] : keys_) {
      Value scratch;
      const Value& value = evaluate(*node, row.value, rules_, scratch);
      key.push_back(value.is_missing() ? Value(nullptr) : value);
    }
    auto [place, added] = places_.try_emplace(to_json(key), groups_.size());
    if (added) groups_.emplace_back(std::move(key), Bucket(plans_, rules_));
    groups_[place->second].second.add(plans_, row.value, rules_);
    return true;
  }

  void finish() override {
    for (auto& [key, bucket] : groups_) {
      Value row = Object{};
      for (std::size_t i = 0; i < keys_.size(); ++i) set_key(row, keys_[i].first, std::move(key[i]));
      bucket.write(plans_, row);
      if (!next().push({std::move(row)})) break;
    }
    next().finish();
  }

  void read(Projection& projection) const override {
    for (const auto& key : keys_) add_reads(*key.second, projection);
    read_plans(plans_, projection);
  }
  bool makes_new_rows() const override { return true; }

 private:
  void set_key(Value& row, const std::string& name, Value value) const {
    if (nested_) {
      set_path(row, name, std::move(value));
    } else {
      row.set(name, std::move(value));
    }
  }

  const ExpressionRules& rules_;
  bool nested_;
  std::vector<std::pair<std::string, NodePtr>> keys_;
  std::vector<AggregatorPlan> plans_;
  std::map<std::string, std::size_t> places_;
  std::vector<std::pair<List, Bucket>> groups_;
};

}  // namespace

StagePtr make_count(const Value&, const PipelineContext&) { return std::make_unique<Count>(); }
StagePtr make_reduce(const Value& a, const PipelineContext& c) { return std::make_unique<Reduce>(a, c); }
StagePtr make_group(const Value& a, const PipelineContext& c) { return std::make_unique<Group>(a, c); }

}  // namespace simulator
