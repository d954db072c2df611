// Hashes of 64 bits: of a million rows, two on neighbouring pages share one in one of
// 200 million scans.
#include "page_keys.h"

#include <algorithm>
#include <functional>

namespace pendo {
namespace {

// Of larger pages only the first rows are looked at.
constexpr std::size_t kMostKeys = 256 << 10;

constexpr std::size_t kFirstSlots = 1024;

}  // namespace

bool HashSet::insert(std::uint64_t hash) {
  if (count_ >= slots_.size() / 8 * 7) grow();
  bool added = place(std::max<std::uint64_t>(hash, 1));
  count_ += added;
  return added;
}

void HashSet::clear() noexcept {
  if (count_ > 0) std::fill(slots_.begin(), slots_.end(), 0);
  count_ = 0;
}

bool HashSet::place(std::uint64_t hash) noexcept {
  std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & mask;
  if (slots_[at] == hash) return false;
  slots_[at] = hash;
  return true;
}

void HashSet::grow() {
  std::vector<std::uint64_t> old(std::max(2 * slots_.size(), kFirstSlots));
  old.swap(slots_);
  for (std::uint64_t hash : old) {
    if (hash != 0) place(hash);
  }
}

void PageKeys::clear() noexcept {
  page_.clear();
  before_.clear();
  known_.clear();
  last_.clear();
  ascending_ = before_ascending_ = true;
}

// Keys that ascend by their bytes, as those of most pages do, are all different.
bool PageKeys::add(std::string_view key) {
  ascending_ = ascending_ && key > std::string_view(last_);
  last_ = key;
  if (page_.size() >= kMostKeys) return true;
  std::uint64_t hash = std::hash<std::string_view>()(key);
  if (!(ascending_ && before_ascending_) && !is_new(hash)) return false;
  page_.push_back(hash);
  return true;
}

bool PageKeys::is_new(std::uint64_t hash) {
  if (known_.empty()) {
    for (std::uint64_t one : before_) known_.insert(one);
    for (std::uint64_t one : page_) known_.insert(one);
  }
  return known_.insert(hash);
}

void PageKeys::end_page() noexcept {
  before_.swap(page_);
  page_.clear();
  known_.clear();
  before_ascending_ = ascending_;
  ascending_ = true;
}

}  // namespace pendo
