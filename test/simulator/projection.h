// Which parts of a record a pipeline reads, so that only they are generated.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "fields.h"

namespace simulator {

class Projection {
 public:
  // Whole records as aggregations have them.
  static Projection everything() { return Projection(true); }
  // Whole records as GET visitor/:id has them.
  static Projection single_record();
  static Projection nothing() { return Projection(false); }

  // A path of a row: {"metadata","custom","plan"}, or only a beginning of one.
  void add(const std::vector<std::string>& path);
  // By position in fields(kind).
  std::vector<bool> wanted(Kind kind) const;
  bool is_everything() const { return everything_; }
  bool wants_group(const std::string& group) const { return everything_ || groups_.contains(group); }
  bool wants_field(const std::string& group, const std::string& field) const {
    return wants_group(group) || fields_.contains({group, field});
  }

 private:
  explicit Projection(bool everything) : everything_(everything) {}

  bool everything_;
  bool single_ = false;
  std::set<std::string> groups_;
  std::set<std::pair<std::string, std::string>> fields_;
};

}  // namespace simulator
