// Conditions on the event's name and on the type's id.
#include "type_choice.h"

namespace pendo {
namespace {

TypeChoice no_type() {
  TypeChoice choice;
  choice.all = false;
  return choice;
}

bool is_equality(const Condition& condition) {
  bool equal = condition.kind == ConditionKind::kCompare && condition.op == Comparison::kEqual;
  return equal || condition.kind == ConditionKind::kAnyOf;
}

TypeChoice of_leaf(const Condition& condition) {
  bool by_name = condition.field.path == kEventPath;
  bool by_id = condition.field.path == kTypeIdPath;
  if (!is_equality(condition) || !(by_name || by_id)) return {};
  TypeChoice choice = no_type();
  for (int i = 0; i < condition.value_count; ++i) {
    const Value& value = condition.values[i];
    if (value.kind == ValueKind::kNull) continue;
    // a symbol stands in an EXPLAIN for a name that is not known yet
    if (value.kind != ValueKind::kText && value.kind != ValueKind::kSymbol) return {};
    (by_name ? choice.names : choice.ids).emplace(value.text);
  }
  return choice;
}

TypeChoice either(TypeChoice a, TypeChoice b) {
  if (a.all || b.all) return {};
  a.names.merge(b.names);
  a.ids.merge(b.ids);
  return a;
}

std::set<std::string, std::less<>> common(const std::set<std::string, std::less<>>& a,
                                          const std::set<std::string, std::less<>>& b) {
  std::set<std::string, std::less<>> result;
  for (const auto& item : a) {
    if (b.contains(item)) result.insert(item);
  }
  return result;
}

// Of a name and an id only one is asked for; what else comes is sorted out later.
TypeChoice both(TypeChoice a, TypeChoice b) {
  if (a.all) return b;
  if (b.all) return a;
  bool comparable = (a.names.empty() && b.names.empty()) || (a.ids.empty() && b.ids.empty());
  if (!comparable) return a.names.empty() ? a : b;
  TypeChoice choice = no_type();
  choice.names = common(a.names, b.names);
  choice.ids = common(a.ids, b.ids);
  return choice;
}

}  // namespace

TypeChoice types_of(const Condition& condition) {
  bool is_and = condition.kind == ConditionKind::kAnd;
  if (!is_and && condition.kind != ConditionKind::kOr) return of_leaf(condition);
  TypeChoice choice = is_and ? TypeChoice{} : no_type();
  for (int i = 0; i < condition.part_count; ++i) {
    TypeChoice part = types_of(condition.parts[i]);
    choice = is_and ? both(std::move(choice), std::move(part)) : either(std::move(choice), std::move(part));
  }
  return choice;
}

std::optional<std::vector<std::string>> ids_of(const TypeChoice& choice, const TrackTypeNames& names) {
  if (choice.all) return std::nullopt;
  for (const auto& id : choice.ids) {
    if (!names.contains(id)) return std::nullopt;
  }
  std::vector<std::string> ids;
  for (const auto& [id, name] : names) {
    if (choice.ids.contains(id) || choice.names.contains(name)) ids.push_back(id);
  }
  return ids;
}

}  // namespace pendo
