// The table of aggregators (Pendo docs: sum, avg, mean, min, max, median, count,
// countIf, first, list; others use stddev, var, listIf, concat too).
#include "aggregators.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "compare.h"
#include "json_write.h"

namespace simulator {
namespace {

constexpr const char* kComplaint = "Cannot parse aggregation";

template <typename T>
std::unique_ptr<Aggregator> make(const ExpressionRules& rules) {
  return std::make_unique<T>(rules);
}

class Numbers : public Aggregator {
 public:
  explicit Numbers(const ExpressionRules&) {}
  void add(const Value& value) override {
    if (value.is_number()) numbers_.push_back(value.number());
  }

 protected:
  double total() const {
    double total = 0;
    for (double number : numbers_) total += number;
    return total;
  }
  double mean() const { return total() / static_cast<double>(numbers_.size()); }
  double variance() const {
    double squares = 0;
    for (double number : numbers_) squares += (number - mean()) * (number - mean());
    return squares / static_cast<double>(numbers_.size());
  }

  std::vector<double> numbers_;
};

class Sum : public Aggregator {
 public:
  explicit Sum(const ExpressionRules&) {}
  void add(const Value& value) override {
    if (value.is_number()) total_ += value.number();
  }
  Value result() override { return total_; }

 private:
  double total_ = 0;
};

class Mean : public Aggregator {
 public:
  explicit Mean(const ExpressionRules&) {}
  void add(const Value& value) override {
    if (!value.is_number()) return;
    total_ += value.number();
    ++count_;
  }
  Value result() override { return count_ ? Value(total_ / static_cast<double>(count_)) : Value(nullptr); }

 private:
  double total_ = 0;
  std::int64_t count_ = 0;
};

class Median : public Numbers {
 public:
  using Numbers::Numbers;
  Value result() override {
    if (numbers_.empty()) return nullptr;
    std::sort(numbers_.begin(), numbers_.end());
    std::size_t middle = numbers_.size() / 2;
    if (numbers_.size() % 2) return numbers_[middle];
    return (numbers_[middle - 1] + numbers_[middle]) / 2;
  }
};

class Variance : public Numbers {
 public:
  using Numbers::Numbers;
  Value result() override { return numbers_.empty() ? Value(nullptr) : Value(variance()); }
};

class Deviation : public Numbers {
 public:
  using Numbers::Numbers;
  Value result() override { return numbers_.empty() ? Value(nullptr) : Value(std::sqrt(variance())); }
};

template <bool (*better)(std::weak_ordering)>
class Extreme : public Aggregator {
 public:
  explicit Extreme(const ExpressionRules& rules) : rules_(rules) {}
  void add(const Value& value) override {
    if (value.is_null()) return;
    if (best_.is_null() || better(sort_order(value, best_, rules_))) best_ = value;
  }
  Value result() override { return best_; }

 private:
  const ExpressionRules& rules_;
  Value best_ = nullptr;
};

bool is_less(std::weak_ordering order) { return order < 0; }
bool is_greater(std::weak_ordering order) { return order > 0; }

// count: null counts rows, count: "field" counts distinct values.
class CountRows : public Aggregator {
 public:
  explicit CountRows(const ExpressionRules&) {}
  void add(const Value&) override { ++count_; }
  Value result() override { return count_; }

 private:
  std::int64_t count_ = 0;
};

class CountDistinct : public Aggregator {
 public:
  explicit CountDistinct(const ExpressionRules&) {}
  void add(const Value& value) override {
    if (!value.is_null()) seen_.insert(to_json(value));
  }
  Value result() override { return seen_.size(); }

 private:
  std::set<std::string> seen_;
};

class CountIf : public Aggregator {
 public:
  explicit CountIf(const ExpressionRules&) {}
  void add(const Value& value) override { count_ += value.is_true(); }
  Value result() override { return count_; }

 private:
  std::int64_t count_ = 0;
};

class First : public Aggregator {
 public:
  explicit First(const ExpressionRules&) {}
  void add(const Value& value) override {
    if (first_.is_missing()) first_ = value.is_null() ? Value() : value;
  }
  Value result() override { return first_.is_missing() ? Value(nullptr) : first_; }

 private:
  Value first_;
};

class Collect : public Aggregator {
 public:
  explicit Collect(const ExpressionRules&) {}
  void add(const Value& value) override {
    if (!value.is_null()) list_.push_back(value);
  }
  Value result() override { return std::move(list_); }

 private:
  List list_;
};

class Concatenate : public Aggregator {
 public:
  explicit Concatenate(const ExpressionRules&) {}
  void add(const Value& value) override {
    if (value.is_list()) list_.insert(list_.end(), value.list().begin(), value.list().end());
  }
  Value result() override { return std::move(list_); }

 private:
  List list_;
};

struct AggregatorEntry {
  std::string_view name;
  std::unique_ptr<Aggregator> (*make)(const ExpressionRules& rules);
};

constexpr AggregatorEntry kAggregators[] = {
    {"sum", make<Sum>},
    {"avg", make<Mean>},
    {"mean", make<Mean>},
    {"min", make<Extreme<is_less>>},
    {"max", make<Extreme<is_greater>>},
    {"median", make<Median>},
    {"count", make<CountDistinct>},
    {"countIf", make<CountIf>},
    {"first", make<First>},
    {"list", make<Collect>},
    {"concat", make<Concatenate>},
    {"stddev", make<Deviation>},
    {"var", make<Variance>},
};

AggregatorPlan parse_one(const Member& member, const PipelineContext& context) {
  if (!member.value.is_object() || member.value.object().size() != 1) throw PipelineError(400, kComplaint);
  const Member& call = member.value.object()[0];
  AggregatorPlan plan;
  plan.output = member.name;
  for (const auto& entry : kAggregators) {
    if (entry.name == call.name) plan.make = entry.make;
  }
  if (!plan.make) throw PipelineError(400, kComplaint);
  if (call.name == "count" && call.value.is_null()) {
    plan.make = make<CountRows>;
  } else {
    plan.field = parse_argument(call.value, context, kComplaint);
  }
  return plan;
}

}  // namespace

std::vector<AggregatorPlan> parse_aggregators(const Value& argument, const PipelineContext& context) {
  std::vector<AggregatorPlan> plans;
  if (argument.is_list()) {
    for (const auto& one : argument.list()) {
      for (auto& plan : parse_aggregators(one, context)) plans.push_back(std::move(plan));
    }
    return plans;
  }
  if (!argument.is_object()) throw PipelineError(400, kComplaint);
  for (const auto& member : argument.object()) plans.push_back(parse_one(member, context));
  return plans;
}

}  // namespace simulator
