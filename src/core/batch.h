// The records of one bulk call, as they will be sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wall.h"

namespace pendo {

class Batch {
 public:
  // Takes one encoded record. The same id again replaces the earlier record:
  // a statement sets the same fields in each. True: it did replace one.
  bool put(std::string_view id, std::string record);

  bool holds(std::string_view id) const { return place_.contains(std::string(id)); }
  std::size_t size() const noexcept { return records_.size(); }
  bool empty() const noexcept { return records_.empty(); }
  std::size_t count() const noexcept { return place_.size(); }  // also after drop_records()
  std::int64_t bytes() const noexcept { return bytes_; }  // of the body

  std::string body() const;
  void clear();
  void drop_records();  // keeps the ids, for holds() and count()

 private:
  std::vector<std::string> records_;
  std::unordered_map<std::string, std::size_t> place_;
  std::int64_t bytes_ = 2;  // the brackets
};

}  // namespace pendo
