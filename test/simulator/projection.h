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

 private:
  explicit Projection(bool everything) : everything_(everything) {}

  bool everything_;
  bool single_ = false;
  std::set<std::string> groups_;
  std::set<std::pair<std::string, std::string>> fields_;
};

}  // namespace simulator
