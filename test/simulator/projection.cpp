// Paths to sets of fields.
#include "projection.h"

namespace simulator {

Projection Projection::single_record() {
  Projection projection(true);
  projection.single_ = true;
  return projection;
}

void Projection::add(const std::vector<std::string>& path) {
  if (path.empty() || path[0] != "metadata") return;
  if (path.size() == 1) {
    everything_ = true;
  } else if (path.size() == 2) {
    groups_.insert(path[1]);
  } else {
    fields_.emplace(path[1], path[2]);
  }
}

std::vector<bool> Projection::wanted(Kind kind) const {
  std::vector<bool> wanted;
  for (const auto& field : fields(kind)) {
    std::string group(field.group);
    bool asked = wants_field(group, std::string(field.name));
    wanted.push_back(asked && (single_ || !(field.flags & kSingleField)));
  }
  return wanted;
}

}  // namespace simulator
