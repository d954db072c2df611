// The tables of fields are in order of group and name, so members are appended.
#include "record_builder.h"

#include "odd_values.h"

namespace simulator {

std::string_view key_field(Kind kind) { return kind == Kind::kVisitor ? "visitorId" : "accountId"; }

RecordBuilder::RecordBuilder(Kind kind, const DataOptions& options, const RecordIds& accounts,
                             const Projection& projection, std::set<FieldName> deleted)
    : kind_(kind), options_(options), accounts_(accounts), wanted_(projection.wanted(kind)), deleted_(std::move(deleted)) {}

// The metadata of a generated record.
Value RecordBuilder::generated(const RecordSource& source) const {
  Object groups;
  if (source.place.origin == Origin::kWritten) return groups;
  RecordSeed seed{options_, accounts_, kind_, source.place, source.id};
  std::span<const Field> table = fields(kind_);
  std::string_view current;
  bool lacking = false;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!wanted_[i]) continue;
    const Field& field = table[i];
    if (field.group != current) {
      current = field.group;
      lacking = lacks_group(seed, current);
    }
    if (lacking) continue;
    Value value = make_odd(seed, field, i, field.make(seed));
    if (value.is_missing()) continue;
    if (groups.empty() || groups.back().name != current) groups.push_back({std::string(current), Object{}});
    groups.back().value.object().push_back({std::string(field.name), std::move(value)});
  }
  return groups;
}

Value RecordBuilder::build(const RecordSource& source) const {
  Value metadata = generated(source);
  auto group_of = [&metadata](const FieldName& field) { return metadata.find(field.first); };
  if (source.overlay) {
    for (const auto& change : source.overlay->changes) {
      Value* group = group_of(*change.field);
      if (!change.value.is_missing()) {
        if (!group) group = &metadata.set(change.field->first, Object{});
        group->set(change.field->second, change.value);
      } else if (group) {
        group->erase(change.field->second);
      }
    }
  }
  for (const auto& field : deleted_) {
    if (Value* group = group_of(field)) group->erase(field.second);
  }
  // "metadata" sorts before the key in a visitor's row and after it in an account's
  Object row;
  row.push_back({"metadata", std::move(metadata)});
  Member key{std::string(key_field(kind_)), Value(source.id)};
  row.insert(kind_ == Kind::kVisitor ? row.end() : row.begin(), std::move(key));
  return row;
}

}  // namespace simulator
