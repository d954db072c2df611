// Aggregators that compute with numbers; what is no number they pass over.
#include <algorithm>
#include <cmath>

#include "aggregators.h"

namespace simulator {
namespace {

class Sum : public Aggregator {
 public:
  explicit Sum(bool none_is_null) : none_is_null_(none_is_null) {}
  void add(const Value& value) override {
    if (!value.is_number()) return;
    total_ += value.number();
    any_ = true;
  }
  Value result() override { return any_ || !none_is_null_ ? Value(total_) : Value(nullptr); }

 private:
  bool none_is_null_;
  bool any_ = false;
  double total_ = 0;
};

class Mean : public Aggregator {
 public:
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

// Of the elements of all lists.
class ListMean : public Mean {
 public:
  void add(const Value& value) override {
    if (!value.is_list()) return;
    for (const auto& item : value.list()) Mean::add(item);
  }
};

class Numbers : public Aggregator {
 public:
  void add(const Value& value) override {
    if (value.is_number()) numbers_.push_back(value.number());
  }

 protected:
  void sort() { std::sort(numbers_.begin(), numbers_.end()); }

  std::vector<double> numbers_;
};

class Median : public Numbers {
 public:
  Value result() override {
    if (numbers_.empty()) return nullptr;
    sort();
    std::size_t middle = numbers_.size() / 2;
    if (numbers_.size() % 2) return numbers_[middle];
    return (numbers_[middle - 1] + numbers_[middle]) / 2;
  }
};

class Variance : public Numbers {
 public:
  Variance(bool sample, bool root) : sample_(sample), root_(root) {}
  Value result() override {
    auto count = static_cast<double>(numbers_.size());
    double divisor = sample_ ? count - 1 : count;
    if (divisor <= 0) return nullptr;
    double mean = 0;
    for (double number : numbers_) mean += number / count;
    double squares = 0;
    for (double number : numbers_) squares += (number - mean) * (number - mean);
    return root_ ? std::sqrt(squares / divisor) : squares / divisor;
  }

 private:
  bool sample_;
  bool root_;
};

class Percentiles : public Numbers {
 public:
  Percentiles(const PercentileLevels& levels, bool nearest) : levels_(levels), nearest_(nearest) {}
  Value result() override {
    sort();
    Value out = Object{};
    for (const auto& [name, level] : levels_) out.set(name, numbers_.empty() ? Value(nullptr) : Value(at(level / 100)));
    return out;
  }

 private:
  double at(double part) const {
    auto count = static_cast<double>(numbers_.size());
    if (nearest_) return numbers_[static_cast<std::size_t>(std::fmax(1, std::ceil(part * count))) - 1];
    double place = part * (count - 1);
    auto below = static_cast<std::size_t>(place);
    double above = numbers_[std::min(below + 1, numbers_.size() - 1)];
    return numbers_[below] + (above - numbers_[below]) * (place - std::floor(place));
  }

  PercentileLevels levels_;
  bool nearest_;
};

}  // namespace

AggregatorPtr make_sum(const AggregatorRules& rules) { return std::make_unique<Sum>(rules.sum_of_none_null); }
AggregatorPtr make_mean(const AggregatorRules&) { return std::make_unique<Mean>(); }
AggregatorPtr make_list_mean(const AggregatorRules&) { return std::make_unique<ListMean>(); }
AggregatorPtr make_median(const AggregatorRules&) { return std::make_unique<Median>(); }
AggregatorPtr make_variance(const AggregatorRules& rules) {
  return std::make_unique<Variance>(rules.sample_variance, false);
}
AggregatorPtr make_deviation(const AggregatorRules& rules) {
  return std::make_unique<Variance>(rules.sample_variance, true);
}
AggregatorPtr make_percentiles(const PercentileLevels& levels, const AggregatorRules& rules) {
  return std::make_unique<Percentiles>(levels, rules.nearest_percentile);
}

}  // namespace simulator
