// The keys that a scan was given, and which of them have come.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wall.h"

namespace pendo {

class WantedKeys {
 public:
  enum class Came { kUnasked, kFirst, kAgain };

  // Each counts once.
  void set(std::vector<std::string> keys);
  void clear() noexcept;

  bool all_asked() const noexcept { return next_ >= keys_.size(); }

  // Is the next one better asked for by itself?
  bool next_is_alone() const;
  const std::string& next() const { return keys_[next_]; }

  // Takes the next one for a call of its own; the other way round.
  const std::string& take() { return keys_[next_++]; }
  void put_back() noexcept { --next_; }

  // Takes as many as one call asks for, in place of those of the call before.
  void take_many();
  // Of these, what has not come yet.
  std::vector<std::string> missing() const;
  Came came(std::string_view key);

 private:
  std::vector<std::string> keys_;
  std::size_t next_ = 0;  // the first that was not asked for yet
  std::map<std::string, bool, std::less<>> asked_;  // of the call at hand, and whether they came
};

}  // namespace pendo
