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
}

void PageKeys::add(std::string_view key) {
  if (page_.size() < kMostKeys) page_.push_back(std::hash<std::string_view>()(key));
}

bool PageKeys::end_page() noexcept {
  std::sort(page_.begin(), page_.end());
  bool again = std::adjacent_find(page_.begin(), page_.end()) != page_.end() || have_one_in_common(page_, before_);
  before_.swap(page_);
  page_.clear();
  return !again;
}

}  // namespace pendo
