// The records of the subscription: generated on the fly, with an overlay of what
// has been written. A million records cost nothing until they are written to.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "journal.h"
#include "record_builder.h"
#include "schema.h"

namespace simulator {

// The ids of a scan: between two bounds, or only those of a list.
struct KeyRange {
  std::string lower;
  bool lower_open = false;
  std::optional<std::string> upper;
  bool upper_open = false;
  std::optional<std::set<std::string>> keys;

  bool admits(std::string_view id) const;
};

struct Write {
  FieldName field;
  Value value;  // missing: remove
};

class Store {
 public:
  Store(const DataOptions& options, Journal& journal);

  const DataOptions& options() const { return options_; }
  Schema& schema(Kind kind) { return part(kind).schema; }
  const RecordIds& ids(Kind kind) const { return part(kind).ids; }

  RecordBuilder builder(Kind kind, const Projection& projection) const;
  std::optional<RecordSource> find(Kind kind, std::string_view id) const;
  bool exists(Kind kind, std::string_view id) const { return find(kind, id).has_value(); }
  std::optional<Value> record(Kind kind, std::string_view id, const Projection& projection) const;

  // Up to `most` records after `after` (from the range's beginning if it is null), in order of id.
  std::vector<RecordSource> next(Kind kind, const KeyRange& range, const std::string* after, std::size_t most) const;

  // False if there is no such record and it is not to be created.
  bool write(Kind kind, const std::string& id, const std::vector<Write>& writes, bool create, std::int64_t now_ms,
             bool touch);
  // These take the place of all records of the kind, until reset().
  void load(Kind kind, std::map<std::string, Value> rows);
  void reset();

 private:
  struct Part {
    RecordIds ids;
    bool loaded = false;  // the generated records do not count
    Schema schema;
    std::map<std::string, std::shared_ptr<const Overlay>, std::less<>> overlays;

    Part(Kind kind, std::int64_t count, const DataOptions& options, const RecordIds& accounts, Journal& journal)
        : ids(kind, count, options.clean, options.seed), schema(kind, options, accounts, ids, journal) {}
    std::int64_t generated() const { return loaded ? 0 : ids.size(); }
    std::optional<Place> place_of(std::string_view id) const { return loaded ? std::nullopt : ids.find(id); }
  };

  Part& part(Kind kind) { return kind == Kind::kVisitor ? visitors_ : accounts_; }
  const Part& part(Kind kind) const { return kind == Kind::kVisitor ? visitors_ : accounts_; }
  const FieldName* intern(const FieldName& field);
  void set_field(Overlay& overlay, const FieldName& field, const Value& value);
  std::shared_ptr<Overlay> new_overlay(Kind kind, const std::string& id, bool generated);
  std::vector<RecordSource> listed(const Part& part, const KeyRange& range, const std::string* after,
                                   std::size_t most) const;
  std::optional<RecordSource> find_locked(const Part& part, std::string_view id) const;

  DataOptions options_;
  Journal& journal_;
  RecordIds account_ids_;
  Part accounts_;
  Part visitors_;
  mutable std::shared_mutex mutex_;
  std::set<FieldName> names_;
};

}  // namespace simulator
