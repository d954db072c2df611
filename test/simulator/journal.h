// What a simulator has taken, as lines in a file, so that one that was killed has
// it again when it is started anew. Generated and loaded data are not in it.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "value.h"

namespace simulator {

class Journal {
 public:
  Journal() = default;
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Gives `apply` the lines of the file, then keeps what comes. Throws if that
  // cannot be; a last line that is cut off was never answered, and goes.
  void open(const std::string& path, const std::function<void(const Value&)>& apply);
  bool is_open() const { return fd_ >= 0; }
  // Written when this returns; nothing without a file. Where it cannot be written
  // the simulator ends, since it could not keep its word.
  void append(const Value& line);
  void clear();

 private:
  std::mutex mutex_;
  int fd_ = -1;
};

struct World;

// Makes the world what the file says, and the file what becomes of the world.
void keep_journal(World& world, const std::string& path);

}  // namespace simulator
