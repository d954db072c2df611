// sort: keeps the keys of all rows and as little else as it can. Records are had
// again from the store, and with a limit behind it most rows are dropped.
#include <algorithm>
#include <optional>

#include "compare.h"
#include "operators.h"

namespace simulator {
namespace {

constexpr const char* kComplaint = "Cannot parse sort expression";

struct SortKey {
  NodePtr node;
  bool descending;
};

class Sort : public Stage {
 public:
  Sort(const Value& argument, const PipelineContext& context) : context_(context) {
    if (!argument.is_list() || argument.list().empty()) throw PipelineError(400, kComplaint);
    for (const auto& key : argument.list()) {
      if (!key.is_string()) throw PipelineError(400, kComplaint);
      bool descending = key.string().starts_with('-');
      keys_.push_back({parse_argument(key.string().substr(descending ? 1 : 0), context, kComplaint), descending});
    }
  }

  bool push(Row row) override {
    if (pass_through_) return next().push(std::move(row));
    Entry entry;
    for (const auto& key : keys_) {
      Value scratch;
      entry.keys.push_back(evaluate(*key.node, row.value, context_.rules, scratch));
    }
    entry.row = row.stored ? record_id(row) : std::move(row.value);
    entry.stored = row.stored;
    entries_.push_back(std::move(entry));
    if (limit_ >= 0 && entries_.size() >= 2 * static_cast<std::size_t>(limit_) + 1000) prune();
    return true;
  }

  void finish() override {
    sort();
    std::size_t count = 0;
    for (auto& entry : entries_) {
      if (++count % 256 == 0 && !context_.wanted()) break;
      if (!emit(entry)) break;
    }
    entries_.clear();
    next().finish();
  }

  void read(Projection& projection) const override {
    for (const auto& key : keys_) add_reads(*key.node, projection);
  }
  bool picks_rows() const override { return true; }
  bool lets_filters_pass() const override { return true; }

  // Ids are unique: what comes in order of id and is to be sorted by it first is sorted.
  bool take_order(std::string_view key) override {
    const Node& first = *keys_[0].node;
    pass_through_ = !keys_[0].descending && first.kind == NodeKind::kPath && first.path.size() == 1 && first.path[0] == key;
    return pass_through_;
  }
  void source_makes(const Projection& projection) override { projection_ = projection; }
  void limit(std::int64_t most) override { limit_ = most; }

 private:
  struct Entry {
    std::vector<Value> keys;
    Value row;  // of a record only its id
    bool stored = false;
  };

  static Kind kind_of(const Value& row) { return row.find("visitorId") ? Kind::kVisitor : Kind::kAccount; }

  Value record_id(const Row& row) {
    kind_ = kind_of(row.value);
    return *row.value.find(key_field(kind_));
  }

  bool before(const Entry& left, const Entry& right) const {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      auto order = sort_order(left.keys[i], right.keys[i], context_.rules, keys_[i].descending);
      if (order != 0) return order < 0;
    }
    return false;
  }

  void sort() {
    std::stable_sort(entries_.begin(), entries_.end(), [this](const Entry& a, const Entry& b) { return before(a, b); });
  }

  void prune() {
    sort();
    entries_.resize(static_cast<std::size_t>(limit_));
  }

  bool emit(Entry& entry) {
    if (!entry.stored) return next().push({std::move(entry.row)});
    if (!builder_) builder_.emplace(context_.store.builder(kind_, projection_));
    auto source = context_.store.find(kind_, entry.row.string());
    return !source || next().push({builder_->build(*source), true});
  }

  const PipelineContext& context_;
  std::vector<SortKey> keys_;
  std::vector<Entry> entries_;
  bool pass_through_ = false;
  std::int64_t limit_ = -1;
  Kind kind_ = Kind::kVisitor;
  Projection projection_ = Projection::everything();
  std::optional<RecordBuilder> builder_;
};

}  // namespace

StagePtr make_sort(const Value& argument, const PipelineContext& context) {
  return std::make_unique<Sort>(argument, context);
}

}  // namespace simulator
