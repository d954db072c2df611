// Decompresses an answer piece by piece, as much at a time as its reader has
// room for. libcurl would decompress all that it has read, a thousandfold where
// the data lets it, and some versions of it (8.14) read on while they are paused.
#pragma once

#include <cstddef>

#include <zlib.h>

#include "wall.h"

namespace pendo {

class Gunzip {
 public:
  Gunzip() noexcept = default;
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  enum class Result {
    kFull,         // there may be more to come out of what is there
    kNeedsInput,
    kBroken,       // this is not gzip
    kOutOfMemory,
  };

  // For a new answer.
  bool start() noexcept;
  bool active() const noexcept { return active_; }
  void stop() noexcept { active_ = false; }
  // What came is not all of it. An answer without a body is none.
  bool lacks_end() const noexcept { return active_ && fed_ && !ended_; }

  // Fills `out`, of `room` bytes, and tells how many came. What is taken of the
  // input is moved over. Bytes behind the end are passed over.
  Result run(const char*& data, std::size_t& size, char* out, std::size_t room, std::size_t& produced) noexcept;

 private:
  z_stream stream_ = {};
  bool made_ = false;
  bool active_ = false;
  bool ended_ = false;
  bool fed_ = false;
};

}  // namespace pendo
