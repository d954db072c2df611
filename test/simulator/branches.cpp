// Operators that have pipelines of their own: fork, spawn and merge; and join,
// which puts rows together again.
#include <map>

#include "json_write.h"
#include "operators.h"
#include "sources.h"

namespace simulator {
namespace {

std::vector<std::string> field_list(const Value& argument, std::string_view name) {
  const Value* fields = argument.find("fields");
  std::vector<std::string> names;
  for (const auto& field : fields && fields->is_list() ? fields->list() : List{}) {
    if (field.is_string()) names.push_back(field.string());
  }
  if (names.empty()) throw PipelineError(400, std::string(name) + " needs fields");
  return names;
}

// What rows are matched by. Missing and null are the same.
std::string key_of(const Value& row, const std::vector<std::string>& fields) {
  List key;
  for (const auto& field : fields) {
    const Value* value = find_path(row, field);
    key.push_back(value ? *value : Value(nullptr));
  }
  return to_json(key);
}

const List& branch_list(const Value& argument, std::string_view name) {
  bool good = argument.is_list() && !argument.list().empty();
  for (const auto& branch : good ? argument.list() : List{}) good = good && branch.is_list() && !branch.list().empty();
  if (!good) throw PipelineError(400, std::string(name) + " must be a list of pipelines");
  return argument.list();
}

// Every row goes down every branch; what comes out of the branches goes on. In
// Pendo the branches share the row, so that one sees what another has changed;
// here each has its own.
class Fork : public Stage {
 public:
  Fork(const Value& argument, const PipelineContext& context) : end_(*this) {
    for (const auto& branch : branch_list(argument, "fork")) {
      branches_.push_back({make_stages(branch.list(), 0, context), true});
      auto& stages = branches_.back().stages;
      if (stages.empty()) throw PipelineError(400, "fork must be a list of pipelines");
      for (std::size_t i = 0; i < stages.size(); ++i) stages[i]->connect(i + 1 < stages.size() ? *stages[i + 1] : end_);
    }
  }

  void read(Projection& projection) const override {
    for (const auto& branch : branches_) {
      for (const auto& stage : branch.stages) {
        stage->read(projection);
        if (stage->makes_new_rows()) break;
      }
    }
  }

  bool push(Row row) override {
    bool wanted = false;
    for (auto& branch : branches_) {
      if (branch.open) branch.open = branch.stages[0]->push({row.value, false});
      wanted = wanted || branch.open;
    }
    return wanted && !closed_;
  }

  void finish() override {
    for (auto& branch : branches_) branch.stages[0]->finish();
    next().finish();
  }

 private:
  // Where the branches come together.
  class End : public Stage {
   public:
    explicit End(Fork& fork) : fork_(fork) {}
    bool push(Row row) override { return fork_.pass(std::move(row)); }
    void finish() override {}

   private:
    Fork& fork_;
  };
  struct Branch {
    std::vector<StagePtr> stages;
    bool open = true;
  };

  bool pass(Row row) {
    closed_ = closed_ || !next().push(std::move(row));
    return !closed_;
  }

  End end_;
  std::vector<Branch> branches_;
  bool closed_ = false;
};

// Rows with the same key become one, a later row's members over an earlier one's.
class Join : public Stage {
 public:
  Join(const Value& argument, const PipelineContext&) : fields_(field_list(argument, "join")) {
    const Value* width = argument.find("width");
    if (!width || width->is_null()) return;
    if (!width->is(Type::kInteger) || width->integer() < 1) throw PipelineError(400, "join has a bad width");
    width_ = width->integer();
  }

  bool push(Row row) override {
    std::string key = key_of(row.value, fields_);
    auto [place, added] = places_.try_emplace(key, joined_.size());
    if (added) joined_.emplace_back(Object{}, 0);
    auto& [merged, count] = joined_[place->second];
    for (auto& member : row.value.object()) merged.set(member.name, std::move(member.value));
    if (++count != width_) return true;
    Row done{std::move(merged)};
    places_.erase(place);  // what comes later is a new join
    return next().push(std::move(done));
  }

  void read(Projection& projection) const override {
    for (const auto& field : fields_) projection.add(split_path(field));
  }

  void finish() override {
    for (auto& [row, count] : joined_) {
      if (count != width_ && !next().push({std::move(row)})) break;
    }
    next().finish();
  }

 private:
  std::vector<std::string> fields_;
  std::int64_t width_ = -1;
  std::map<std::string, std::size_t> places_;
  std::vector<std::pair<Value, std::int64_t>> joined_;
};

// Takes the rows of an inner pipeline.
class RowTaker : public Stage {
 public:
  using Take = std::function<bool(Row row)>;
  explicit RowTaker(Take take) : take_(std::move(take)) {}
  bool push(Row row) override { return take_(std::move(row)); }
  void finish() override {}

 private:
  Take take_;
};

// Copies members of the rows of another pipeline to the rows that match.
class Merge : public Stage {
 public:
  Merge(const Value& argument, const PipelineContext& context) : fields_(field_list(argument, "merge")) {
    const Value* pipeline = argument.find("pipeline");
    if (!pipeline || !pipeline->is_list()) throw PipelineError(400, "merge needs a pipeline");
    pipeline_ = std::make_unique<Pipeline>(*pipeline, context);
    const Value* mappings = argument.find("mappings");
    copies_all_ = !mappings;
    for (const auto& member : mappings && mappings->is_object() ? mappings->object() : Object{}) {
      if (!member.value.is_string()) throw PipelineError(400, "merge has bad mappings");
      mappings_.emplace_back(member.name, member.value.string());
    }
  }

  bool push(Row row) override {
    if (pipeline_) load();
    auto found = others_.find(key_of(row.value, fields_));
    if (found == others_.end()) return next().push({std::move(row.value)});
    for (const auto& member : copies_all_ ? found->second.object() : Object{}) row.value.set(member.name, member.value);
    for (const auto& [out, in] : mappings_) {
      const Value* value = find_path(found->second, in);
      set_path(row.value, out, value ? *value : Value(nullptr));
    }
    return next().push({std::move(row.value)});
  }

  void read(Projection& projection) const override {
    for (const auto& field : fields_) projection.add(split_path(field));
  }

 private:
  // Which of several rows with one key is taken is not defined (Pendo docs): the first.
  void load() {
    RowTaker taker([this](Row row) {
      std::string key = key_of(row.value, fields_);
      others_.try_emplace(std::move(key), std::move(row.value));
      return true;
    });
    pipeline_->run(taker);
    pipeline_.reset();
  }

  std::vector<std::string> fields_;
  std::unique_ptr<Pipeline> pipeline_;
  bool copies_all_ = false;
  std::vector<std::pair<std::string, std::string>> mappings_;
  std::map<std::string, Value> others_;
};

// Several pipelines, each with its source, one after the other.
class Spawn : public Source {
 public:
  Spawn(const Value& argument, const PipelineContext& context) {
    for (const auto& branch : branch_list(argument, "spawn")) {
      pipelines_.push_back(std::make_unique<Pipeline>(branch, context));
    }
  }

  void run(Stage& first, const SourceHints&) override {
    bool open = true;
    RowTaker taker([&](Row row) {
      open = open && first.push({std::move(row.value)});
      return open;
    });
    for (auto& pipeline : pipelines_) {
      if (open) pipeline->run(taker);
    }
  }

 private:
  std::vector<std::unique_ptr<Pipeline>> pipelines_;
};

}  // namespace

StagePtr make_fork(const Value& a, const PipelineContext& c) { return std::make_unique<Fork>(a, c); }
StagePtr make_join(const Value& a, const PipelineContext& c) { return std::make_unique<Join>(a, c); }
StagePtr make_merge(const Value& a, const PipelineContext& c) { return std::make_unique<Merge>(a, c); }
std::unique_ptr<Source> make_spawn(const Value& a, const PipelineContext& c) { return std::make_unique<Spawn>(a, c); }

}  // namespace simulator
