// The tables of fields are in order of group and name, so members are appended.
#include "record_builder.h"

#include "odd_values.h"

namespace simulator {

std::string_view key_field(Kind kind) { return kind == Kind::kVisitor ? "visitorId" : "accountId"; }

RecordBuilder::RecordBuilder(Kind kind, const DataOptions& options, const RecordIds& accounts,
                             const Projection& projection, std::set<FieldName> deleted)
    : kind_(kind),
      options_(options),
      accounts_(accounts),
      projection_(projection),
      wanted_(projection.wanted(kind)),
      deleted_(std::move(deleted)) {}

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

// The part of a loaded row that is read; what stands beside the metadata is there in any case.
Value RecordBuilder::loaded(const Value& base) const {
  if (projection_.is_everything()) return base;
  Value row = Object{};
  for (const auto& member : base.object()) {
    if (member.name != "metadata" || !member.value.is_object()) {
      row.set(member.name, member.value);
      continue;
    }
    Value& groups = row.set("metadata", Object{});
    for (const auto& group : member.value.object()) {
      if (projection_.wants_group(group.name) || !group.value.is_object()) {
        groups.set(group.name, group.value);
        continue;
      }
      Value fields = Object{};
      for (const auto& field : group.value.object()) {
        if (projection_.wants_field(group.name, field.name)) fields.set(field.name, field.value);
      }
      if (!fields.object().empty()) groups.set(group.name, std::move(fields));
    }
  }
  return row;
}

void RecordBuilder::apply(const Overlay& overlay, Value& metadata) const {
  for (const auto& change : overlay.changes) {
    Value* group = metadata.find(change.field->first);
    if (!change.value.is_missing()) {
      if (!group) group = &metadata.set(change.field->first, Object{});
      group->set(change.field->second, change.value);
    } else if (group) {
      group->erase(change.field->second);
    }
  }
}

Value RecordBuilder::build(const RecordSource& source) const {
  bool is_loaded = source.overlay && source.overlay->base;
  Value row = is_loaded ? loaded(*source.overlay->base) : Value(Object{});
  Value* metadata = is_loaded ? row.find("metadata") : &row.set("metadata", generated(source));
  bool changed = source.overlay && !source.overlay->changes.empty();
  if (!metadata && changed) metadata = &row.set("metadata", Object{});
  if (changed) apply(*source.overlay, *metadata);
  for (const auto& field : deleted_) {
    if (Value* group = metadata ? metadata->find(field.first) : nullptr) group->erase(field.second);
  }
  if (!is_loaded) row.set(key_field(kind_), source.id);
  return row;
}

}  // namespace simulator
