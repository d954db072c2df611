// Starts with the table of generated fields; writes and calls add to it.
#include "schema.h"

#include "journal_lines.h"

namespace simulator {

Schema::Schema(Kind kind, const DataOptions& options, const RecordIds& accounts, const RecordIds& ids, Journal& journal)
    : kind_(kind), options_(options), accounts_(accounts), ids_(ids), journal_(journal) {
  load();
}

void Schema::load() {
  std::string id = ids_.numbered_id(0);
  RecordSeed first{options_, accounts_, kind_, Place{Origin::kNumbered, 0}, id};
  for (const auto& field : fields(kind_)) {
    FieldInfo info;
    info.type = field.type;
    if (field.type == "list") info.element_type = "string";
    info.display_name = field.display_name;
    if (field.flags & kSampledField) info.sample = field.make(first);
    info.flags = field.flags;
    fields_[{std::string(field.group), std::string(field.name)}] = std::move(info);
  }
}

void Schema::reset() {
  std::lock_guard lock(mutex_);
  fields_.clear();
  deleted_.clear();
  load();
}

Value Schema::describe(const FieldInfo& info) {
  Value out = Object{};
  out.set("Dirty", false);
  out.set("DisplayName", info.display_name);
  out.set("ElementFormat", "");
  out.set("ElementType", info.element_type);
  out.set("Type", info.type);
  out.set("isCalculated", false);
  out.set("isDeleted", (info.flags & kDeletedField) != 0);
  out.set("isHidden", (info.flags & kHiddenField) != 0);
  out.set("isPerApp", (info.flags & kPerAppField) != 0);
  out.set("isPromoted", false);
  out.set("neverIndex", false);
  if (!info.sample.is_missing()) out.set("sample", info.sample);
  return out;
}

Value Schema::to_value() const {
  std::lock_guard lock(mutex_);
  Value groups = Object{};
  for (const auto& [name, info] : fields_) {
    if (info.flags & kUnlistedField) continue;
    Value* group = groups.find(name.first);
    if (!group) group = &groups.set(name.first, Object{});
    group->set(name.second, describe(info));
  }
  return groups;
}

std::optional<FieldInfo> Schema::find(const FieldName& name) const {
  std::lock_guard lock(mutex_);
  auto it = fields_.find(name);
  if (it == fields_.end()) return std::nullopt;
  return it->second;
}

Schema::Creation Schema::create(const FieldName& name, FieldInfo info) {
  std::lock_guard lock(mutex_);
  auto [it, inserted] = fields_.try_emplace(name, std::move(info));
  if (!inserted && !(it->second.flags & kDeletedField)) return Creation::kExists;
  journal_.append(line_of_new_field(kind_, name, it->second));
  if (inserted) return Creation::kCreated;
  it->second.flags &= ~static_cast<unsigned>(kDeletedField);
  deleted_.erase(name);
  return Creation::kUndeleted;
}

Schema::Deletion Schema::remove(const FieldName& name) {
  std::lock_guard lock(mutex_);
  auto it = fields_.find(name);
  if (it == fields_.end()) return Deletion::kUnknown;
  if (it->second.flags & kDeletedField) return Deletion::kAlreadyDeleted;
  it->second.flags |= kDeletedField;
  deleted_.insert(name);
  journal_.append(line_of_deleted_field(kind_, name));
  return Deletion::kDeleted;
}

std::set<FieldName> Schema::deleted() const {
  std::lock_guard lock(mutex_);
  return deleted_;
}

}  // namespace simulator
