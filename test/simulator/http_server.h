// Accepts connections on loopback and gives each a thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "wire.h"
#include "world.h"

namespace simulator {

class HttpServer {
 public:
  // Listens on 127.0.0.1; port 0 is any. Throws std::system_error.
  HttpServer(World& world, int port);
  ~HttpServer();

  int port() const { return port_; }
  // Ends every connection, whatever it waits for.
  void stop();

 private:
  void accept_connections();
  void serve(int fd);

  World& world_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable all_gone_;
  std::set<Wire*> wires_;
  int threads_ = 0;
  std::thread acceptor_;
};

}  // namespace simulator
