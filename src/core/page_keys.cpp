// Hashes of 64 bits: of a million rows, two on neighbouring pages share one in one of
// 200 million scans.
#include "page_keys.h"

#include <algorithm>
#include <functional>

namespace pendo {
namespace {

// Of larger pages only the first rows are looked at.
constexpr std::size_t kMostKeys = 256 << 10;

bool have_one_in_common(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) noexcept {
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() && right != b.end()) {
    if (*left == *right) return true;
    *left < *right ? ++left : ++right;
  }
  return false;
}

}  // namespace

void PageKeys::clear() noexcept {
  page_.clear();
  before_.clear();
  last_.clear();
  ascending_ = before_ascending_ = true;
}

void PageKeys::add(std::string_view key) {
  ascending_ = ascending_ && key > std::string_view(last_);
  last_ = key;
  if (page_.size() < kMostKeys) page_.push_back(std::hash<std::string_view>()(key));
}

// Keys that ascend by their bytes, as those of most pages do, are all different.
bool PageKeys::end_page() noexcept {
  bool again = !(ascending_ && before_ascending_) && has_again();
  before_.swap(page_);
  page_.clear();
  before_ascending_ = ascending_;
  ascending_ = true;
  return !again;
}

bool PageKeys::has_again() noexcept {
  std::sort(page_.begin(), page_.end());
  std::sort(before_.begin(), before_.end());
  return std::adjacent_find(page_.begin(), page_.end()) != page_.end() || have_one_in_common(page_, before_);
}

}  // namespace pendo
