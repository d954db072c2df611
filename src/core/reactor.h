// Drives any number of Calls without ever waiting: libcurl's multi socket
// interface behind one descriptor (epoll with a timer).
#pragma once

#include <curl/curl.h>
#include <poll.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "wall.h"

namespace pendo {

class Call;

class Reactor {
 public:
  // nullptr: no descriptors or no memory.
  static std::unique_ptr<Reactor> create() noexcept;
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Readable when advance() has something to do. To be asked for before each wait: it
  // brings the descriptor up to date, which nobody needs who does not wait.
  int fd() noexcept;

  // Moves every call as far as it goes without waiting. A reader that stops
  // calling stops the transfer; how much is read at once, its sink says.
  // `owner_waited` is false when the owner was busy with something else since
  // the last call: that time is then not held against Pendo.
  void advance(bool owner_waited) noexcept;

  bool busy() const noexcept { return !calls_.empty(); }

 private:
  friend class Call;
  Reactor() = default;

  bool open() noexcept;
  bool attach(Call& call) noexcept;       // hands the easy handle to libcurl
  void detach(Call& call) noexcept;       // takes it back, keeps the call known
  void unpause(Call& call) noexcept;
  bool remember(Call& call) noexcept;
  void forget(Call& call) noexcept;

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void* known) noexcept;
  static int on_timer(CURLM*, long timeout_ms, void* self) noexcept;

  void excuse_absence(bool owner_waited) noexcept;
  void run_sockets() noexcept;
  void run_socket(int socket, short ready) noexcept;
  void take_tick() noexcept;
  void run_timer() noexcept;
  void collect_finished() noexcept;
  void run_deadlines() noexcept;
  std::vector<pollfd>::iterator watched(int socket) noexcept;
  bool watch(int socket, short events) noexcept;  // no events: not any more
  bool tell_epoll(int socket) noexcept;
  void arm() noexcept;

  CURLM* multi_ = nullptr;
  int epoll_ = -1;
  int timer_ = -1;
  std::int64_t curl_due_ms_ = -1;
  std::int64_t armed_ms_ = -1;
  std::int64_t last_ms_ = 0;     // of the last advance()
  std::int64_t absence_ms_ = 0;  // of the owner, before this advance()
  bool watch_failed_ = false;
  std::vector<Call*> calls_;
  std::vector<pollfd> watched_;  // the timer, then what libcurl wants watched
  std::vector<int> changed_;     // sockets of which epoll does not know the latest
};

}  // namespace pendo
