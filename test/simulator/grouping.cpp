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
  Bucket(const std::vector<AggregatorPlan>& plans, const AggregatorRules& rules) {
    for (const auto& plan : plans) aggregators_.push_back(plan.make(rules));
  }

  void add(const std::vector<AggregatorPlan>& plans, const Value& row, const ExpressionRules& rules) {
    for (std::size_t i = 0; i < plans.size(); ++i) {
      Value scratch;
      if (plans[i].condition && !is_true(*plans[i].condition, row, rules)) continue;
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
    if (plan.condition) add_reads(*plan.condition, projection);
  }
}

class Reduce : public Stage {
 public:
  Reduce(const Value& argument, const PipelineContext& context)
      : context_(context), plans_(parse_aggregators(argument, context)), bucket_(plans_, AggregatorRules(context)) {}
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
      : rules_(context.rules),
        aggregator_rules_(context),
        nested_(context.switches.is(Switch::kGroupDottedKey, "nested")) {
    const Value* keys = argument.find("group");
    if (keys && !keys->is_list()) throw PipelineError(400, "group must be a list");
    for (const auto& key : keys ? keys->list() : List{}) {
      if (!key.is_string()) throw PipelineError(400, "group must be a list of fields");
      keys_.push_back({key.string(), parse_argument(key, context, "Cannot parse group expression")});
    }
    if (const Value* outputs = argument.find("fields")) plans_ = parse_aggregators(*outputs, context);
    if (const Value* forced = argument.find("forceKeys")) force_keys(*forced, context);
  }

  bool push(Row row) override {
    List key;
    for (const auto& [name, node] : keys_) {
      Value scratch;
      const Value& value = evaluate(*node, row.value, rules_, scratch);
      key.push_back(value.is_missing() ? Value(nullptr) : value);
    }
    bucket(std::move(key)).add(plans_, row.value, rules_);
    return true;
  }

  void finish() override {
    for (auto& key : forced_) bucket(std::move(key));
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
  // The group of a key, a new one if need be.
  Bucket& bucket(List key) {
    auto [place, added] = places_.try_emplace(to_json(key), groups_.size());
    if (added) groups_.emplace_back(std::move(key), Bucket(plans_, aggregator_rules_));
    return groups_[place->second].second;
  }

  // {"status":"list(`a`,`b`)"}: these groups come out even if no row is in them.
  void force_keys(const Value& argument, const PipelineContext& context) {
    constexpr std::size_t kMost = 100'000;
    forced_ = {List{}};
    for (const auto& [name, node] : keys_) {
      const Value* wanted = argument.find(name);
      if (!wanted) throw PipelineError(400, "forceKeys must name each field of the group");
      Value scratch;
      Value no_row = Object{};
      NodePtr list = parse_argument(*wanted, context, "Cannot parse forceKeys");
      const Value& values = evaluate(*list, no_row, rules_, scratch);
      if (!values.is_list() || values.list().size() * forced_.size() > kMost) {
        throw PipelineError(400, "forceKeys must be lists");
      }
      std::vector<List> longer;
      for (const auto& key : forced_) {
        for (const auto& value : values.list()) {
          longer.push_back(key);
          longer.back().push_back(value);
        }
      }
      forced_ = std::move(longer);
    }
  }

  void set_key(Value& row, const std::string& name, Value value) const {
    if (nested_) {
      set_path(row, name, std::move(value));
    } else {
      row.set(name, std::move(value));
    }
  }

  const ExpressionRules& rules_;
  AggregatorRules aggregator_rules_;
  bool nested_;
  std::vector<std::pair<std::string, NodePtr>> keys_;
  std::vector<List> forced_;
  std::vector<AggregatorPlan> plans_;
  std::map<std::string, std::size_t> places_;
  std::vector<std::pair<List, Bucket>> groups_;
};

}  // namespace

StagePtr make_count(const Value&, const PipelineContext&) { return std::make_unique<Count>(); }
StagePtr make_reduce(const Value& a, const PipelineContext& c) { return std::make_unique<Reduce>(a, c); }
StagePtr make_group(const Value& a, const PipelineContext& c) { return std::make_unique<Group>(a, c); }

}  // namespace simulator
