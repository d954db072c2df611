// A JSON array in the making.
#include "batch.h"

namespace pendo {

bool Batch::put(std::string_view id, std::string record) {
  auto [place, added] = place_.try_emplace(std::string(id), records_.size());
  bytes_ += static_cast<std::int64_t>(record.size()) + (added ? 1 : 0);
  if (added) {
    records_.push_back(std::move(record));
    return false;
  }
  std::string& earlier = records_[place->second];
  bytes_ -= static_cast<std::int64_t>(earlier.size());
  earlier = std::move(record);
  return true;
}

std::string Batch::body() const {
  std::string text;
  text.reserve(static_cast<std::size_t>(bytes_));
  text += '[';
  for (const auto& record : records_) {
    if (text.size() > 1) text += ',';
    text += record;
  }
  return text + "]";
}

void Batch::clear() {
  records_.clear();
  place_.clear();
  bytes_ = 2;
}

void Batch::drop_records() {
  records_.clear();
  records_.shrink_to_fit();
}

}  // namespace pendo
