// Makes a row of the visitors or accounts source: generated values with what has
// been written laid over them.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "projection.h"
#include "schema.h"
#include "value.h"

namespace simulator {

struct Change {
  const FieldName* field;  // lives as long as the store
  Value value;             // missing: the field was removed
};

// What has been written to a record.
struct Overlay {
  bool created = false;               // came into being by a write
  std::shared_ptr<const Value> base;  // a loaded record's row; nullptr: what is generated lies below
  std::vector<Change> changes;
};

// Where a record comes from.
struct RecordSource {
  std::string id;
  Place place;
  std::shared_ptr<const Overlay> overlay;
};

std::string_view key_field(Kind kind);  // visitorId, accountId

class RecordBuilder {
 public:
  RecordBuilder(Kind kind, const DataOptions& options, const RecordIds& accounts, const Projection& projection,
                std::set<FieldName> deleted);
  Value build(const RecordSource& source) const;

 private:
  Value generated(const RecordSource& source) const;
  Value loaded(const Value& base) const;
  void apply(const Overlay& overlay, Value& metadata) const;

  Kind kind_;
  const DataOptions& options_;
  const RecordIds& accounts_;
  Projection projection_;
  std::vector<bool> wanted_;
  std::set<FieldName> deleted_;
};

}  // namespace simulator
