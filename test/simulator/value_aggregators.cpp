// Aggregators that take values of any type.
#include <set>

#include "aggregators.h"
#include "compare.h"
#include "json_write.h"

namespace simulator {
namespace {

class Extreme : public Aggregator {
 public:
  Extreme(bool greatest, const ExpressionRules& rules) : greatest_(greatest), rules_(rules) {}
  void add(const Value& value) override {
    if (value.is_null()) return;
    if (!best_.is_null()) {
      auto order = sort_order(value, best_, rules_);
      if (greatest_ ? order <= 0 : order >= 0) return;
    }
    best_ = value;
  }
  Value result() override { return best_; }

 private:
  bool greatest_;
  const ExpressionRules& rules_;
  Value best_ = nullptr;
};

class CountRows : public Aggregator {
 public:
  void add(const Value&) override { ++count_; }
  Value result() override { return count_; }

 private:
  std::int64_t count_ = 0;
};

class CountDistinct : public Aggregator {
 public:
  explicit CountDistinct(bool count_null) : count_null_(count_null) {}
  void add(const Value& value) override {
    if (count_null_ || !value.is_null()) seen_.insert(to_json(value));
  }
  Value result() override { return seen_.size(); }

 private:
  bool count_null_;
  std::set<std::string> seen_;
};

class First : public Aggregator {
 public:
  void add(const Value& value) override {
    if (first_.is_null()) first_ = value.is_null() ? Value(nullptr) : value;
  }
  Value result() override { return first_; }

 private:
  Value first_ = nullptr;
};

class Collect : public Aggregator {
 public:
  explicit Collect(bool keep_null) : keep_null_(keep_null) {}
  void add(const Value& value) override {
    if (!value.is_null()) {
      list_.push_back(value);
    } else if (keep_null_) {
      list_.emplace_back(nullptr);
    }
  }
  Value result() override { return std::move(list_); }

 private:
  bool keep_null_;
  List list_;
};

class Concatenate : public Aggregator {
 public:
  void add(const Value& value) override {
    if (value.is_list()) list_.insert(list_.end(), value.list().begin(), value.list().end());
  }
  Value result() override { return std::move(list_); }

 private:
  List list_;
};

// What Pendo's bitmaps of active days look like is not known: here they are lists
// of the days, in order.
class ActiveDays : public Aggregator {
 public:
  explicit ActiveDays(bool of_lists) : of_lists_(of_lists) {}
  void add(const Value& value) override {
    if (of_lists_ && value.is_list()) {
      for (const auto& day : value.list()) take(day);
    } else if (!of_lists_) {
      take(value);
    }
  }
  Value result() override { return List(days_.begin(), days_.end()); }

 private:
  void take(const Value& day) {
    if (day.is(Type::kInteger)) days_.insert(day.integer());
  }

  bool of_lists_;
  std::set<std::int64_t> days_;
};

}  // namespace

AggregatorPtr make_least(const AggregatorRules& rules) { return std::make_unique<Extreme>(false, rules.expressions); }
AggregatorPtr make_greatest(const AggregatorRules& rules) { return std::make_unique<Extreme>(true, rules.expressions); }
AggregatorPtr make_row_count(const AggregatorRules&) { return std::make_unique<CountRows>(); }
AggregatorPtr make_distinct_count(const AggregatorRules& rules) {
  return std::make_unique<CountDistinct>(rules.count_null);
}
AggregatorPtr make_first(const AggregatorRules&) { return std::make_unique<First>(); }
AggregatorPtr make_list(const AggregatorRules& rules) { return std::make_unique<Collect>(rules.list_null); }
AggregatorPtr make_concatenation(const AggregatorRules&) { return std::make_unique<Concatenate>(); }
AggregatorPtr make_active_days(const AggregatorRules&) { return std::make_unique<ActiveDays>(false); }
AggregatorPtr make_active_days_union(const AggregatorRules&) { return std::make_unique<ActiveDays>(true); }

}  // namespace simulator
