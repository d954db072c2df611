// Notices a row that comes twice: within a page, or in one and the one after it.
// Pages are asked for by key, so Pendo has no reason for either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wall.h"

namespace pendo {

class HashSet {
 public:
  // False: it is in it already.
  bool insert(std::uint64_t hash);
  void clear() noexcept;
  bool empty() const noexcept { return count_ == 0; }

 private:
  bool place(std::uint64_t hash) noexcept;
  void grow();

  std::vector<std::uint64_t> slots_;  // 0: free
  std::size_t count_ = 0;
};

class PageKeys {
 public:
  void clear() noexcept;
  // False: the key came before.
  bool add(std::string_view key);
  // What comes now is on another page.
  void end_page() noexcept;

 private:
  bool is_new(std::uint64_t hash);

  std::vector<std::uint64_t> page_;    // hashes
  std::vector<std::uint64_t> before_;  // of the page before
  HashSet known_;                      // both, from the first key on that does not ascend
  std::string last_;
  bool ascending_ = true;         // each key of the page is behind the one before it
  bool before_ascending_ = true;  // the same of the page before
};

}  // namespace pendo
