// Notices a row that comes twice: within a page, or in one and the one after it.
// Pages are asked for by key, so Pendo has no reason for either.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wall.h"

namespace pendo {

class PageKeys {
 public:
  void clear() noexcept;
  void add(std::string_view key);
  // The page is through. False: one of its keys came before.
  bool end_page() noexcept;

 private:
  bool has_again() noexcept;

  std::vector<std::uint64_t> page_;    // hashes
  std::vector<std::uint64_t> before_;  // of the page before
  std::string last_;
  bool ascending_ = true;         // each key of the page is behind the one before it
  bool before_ascending_ = true;  // the same of the page before
};

}  // namespace pendo
