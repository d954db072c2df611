// A connected socket: blocking reads and writes, pauses that end when the peer or
// the server goes, and a reset in place of a close.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace simulator {

class Wire {
 public:
  Wire(int fd, std::atomic<std::int64_t>& bytes_sent) : fd_(fd), bytes_sent_(bytes_sent) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();

  // Bytes read, 0 at the end of the stream or on an error.
  std::size_t read(char* buffer, std::size_t size);
  // Blocks while the peer does not read; false once the connection is broken.
  bool send(std::string_view bytes);
  bool broken() const { return broken_; }

  // Waits; false if the connection went meanwhile. A peer that has closed its
  // side may still wait for the answer, unless `until_peer_closes`.
  bool pause(std::int64_t ms, bool until_peer_closes);
  bool peer_gone() const;

  // Closes with a reset: the peer sees "connection reset by peer".
  void reset();
  // From another thread: whatever this connection waits for ends.
  void interrupt();

 private:
  int fd_;
  std::atomic<std::int64_t>& bytes_sent_;
  bool broken_ = false;
};

}  // namespace simulator
