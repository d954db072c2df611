// The metadata schema of a kind: which fields exist, and what Pendo says about them.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "fields.h"
#include "journal.h"
#include "value.h"

namespace simulator {

struct FieldInfo {
  std::string type;  // string boolean integer float time list, or empty: not mapped
  std::string element_type;
  std::string display_name;
  Value sample;
  unsigned flags = kPlainField;
};

using FieldName = std::pair<std::string, std::string>;  // group, name

class Schema {
 public:
  Schema(Kind kind, const DataOptions& options, const RecordIds& accounts, const RecordIds& ids, Journal& journal);

  // As GET metadata/schema answers it.
  Value to_value() const;
  static Value describe(const FieldInfo& info);
  // A field that is there, deleted or not.
  std::optional<FieldInfo> find(const FieldName& name) const;

  enum class Creation { kCreated, kUndeleted, kExists };
  Creation create(const FieldName& name, FieldInfo info);
  enum class Deletion { kDeleted, kAlreadyDeleted, kUnknown };
  Deletion remove(const FieldName& name);
  // Deleted by a call: their values do not show until they are undeleted.
  std::set<FieldName> deleted() const;
  void reset();

 private:
  void load();

  Kind kind_;
  const DataOptions& options_;
  const RecordIds& accounts_;
  const RecordIds& ids_;
  Journal& journal_;
  mutable std::mutex mutex_;
  std::map<FieldName, FieldInfo> fields_;
  std::set<FieldName> deleted_;
};

}  // namespace simulator
