// Nothing here raises SIGPIPE.
#include "wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace simulator {

Wire::~Wire() {
  if (fd_ < 0) return;
  // what the peer still sends would turn the close into a reset, which may eat the answer
  ::shutdown(fd_, SHUT_WR);
  char rest[4096];
  for (int i = 0; i < 64 && ::recv(fd_, rest, sizeof rest, MSG_DONTWAIT) > 0; ++i) {
  }
  ::close(fd_);
}

std::size_t Wire::read(char* buffer, std::size_t size) {
  for (;;) {
    ssize_t got = ::recv(fd_, buffer, size, 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0 || errno != EINTR) return 0;
  }
}

bool Wire::send(std::string_view bytes) {
  while (!bytes.empty() && !broken_) {
    ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      broken_ = true;
      return false;
    }
    bytes_sent_ += sent;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return !broken_;
}

bool Wire::pause(std::int64_t ms, bool until_peer_closes) {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + std::chrono::milliseconds(ms);
  pollfd watched{fd_, static_cast<short>(until_peer_closes ? POLLRDHUP : 0), 0};
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return true;
    int ready = ::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool Wire::peer_gone() const {
  pollfd watched{fd_, 0, 0};
  return ::poll(&watched, 1, 0) > 0;
}

void Wire::reset() {
  linger no_linger{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &no_linger, sizeof no_linger);
  ::close(fd_);
  fd_ = -1;
  broken_ = true;
}

void Wire::interrupt() { ::shutdown(fd_, SHUT_RDWR); }

}  // namespace simulator
