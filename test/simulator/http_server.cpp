// Threads are detached and counted; stop() interrupts their sockets and waits.
#include "http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "gateway.h"

namespace simulator {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int listen_on(int port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 1024) != 0) {
    int reason = errno;
    ::close(fd);
    errno = reason;
    fail("bind");
  }
  return fd;
}

int port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

HttpServer::HttpServer(World& world, int port) : world_(world), listener_(listen_on(port)), port_(port_of(listener_)) {
  acceptor_ = std::thread([this] { accept_connections(); });
}

HttpServer::~HttpServer() { stop(); }

void HttpServer::stop() {
  if (stopping_.exchange(true)) return;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  std::unique_lock lock(mutex_);
  for (Wire* wire : wires_) wire->interrupt();
  all_gone_.wait(lock, [this] { return threads_ == 0; });
}

void HttpServer::accept_connections() {
  while (!stopping_) {
    int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      // out of descriptors: let some connections end
      if (!stopping_ && errno != EINTR) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      continue;
    }
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++world_.traffic.connections_accepted;
    std::lock_guard lock(mutex_);
    ++threads_;
    std::thread([this, fd] { serve(fd); }).detach();
  }
}

void HttpServer::serve(int fd) {
  ++world_.traffic.connections_open;
  {
    Wire wire(fd, world_.traffic.bytes_sent);
    {
      std::lock_guard lock(mutex_);
      wires_.insert(&wire);
    }
    RequestReader reader(wire);
    for (bool open = true; open && !stopping_;) {
      Request request;
      int status = 0;
      if (!reader.read_head(request, status)) break;
      if (status != 0) {
        answer_unreadable(wire, request, status);
        break;
      }
      open = serve_request(world_, wire, reader, request);
    }
    std::lock_guard lock(mutex_);
    wires_.erase(&wire);
  }
  --world_.traffic.connections_open;
  std::lock_guard lock(mutex_);
  if (--threads_ == 0) all_gone_.notify_all();
}

}  // namespace simulator
