// unwind: a row for each element of a list.
#include "operators.h"

namespace simulator {
namespace {

class Unwind : public Stage {
 public:
  Unwind(const Value& argument, const PipelineContext&) {
    const Value* field = argument.find("field");
    if (!field || !field->is_string()) throw PipelineError(400, "unwind needs a field");
    field_ = field->string();
    if (const Value* index = argument.find("index"); index && index->is_string()) index_ = index->string();
    keep_empty_ = is_set(argument, "keepEmpty");
    running_ = is_set(argument, "prefix");
  }
  void read(Projection& projection) const override { projection.add(split_path(field_)); }

  bool push(Row row) override {
    const Value* found = find_path(row.value, field_);
    // Pendo docs: without an element there is no row, or the original one
    if (!found || !found->is_list() || found->list().empty()) {
      return keep_empty_ ? next().push({std::move(row.value)}) : true;
    }
    List list = found->list();
    for (std::size_t i = 0; i < list.size(); ++i) {
      Value out = row.value;
      auto end = list.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      set_path(out, field_, running_ ? Value(List(list.begin(), end)) : list[i]);
      if (!index_.empty()) set_path(out, index_, i);
      if (!next().push({std::move(out)})) return false;
    }
    return true;
  }

 private:
  static bool is_set(const Value& argument, std::string_view name) {
    const Value* value = argument.find(name);
    return value && value->is_true();
  }

  std::string field_;
  std::string index_;
  bool keep_empty_ = false;
  bool running_ = false;  // the list up to the element instead of the element
};

}  // namespace

StagePtr make_unwind(const Value& a, const PipelineContext& c) { return std::make_unique<Unwind>(a, c); }

}  // namespace simulator
