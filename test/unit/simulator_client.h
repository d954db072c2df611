// A simulator within the test's process, and a client on raw sockets that shows
// what really came over the wire.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_server.h"
#include "value.h"
#include "world.h"

namespace simulator {

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool complete = false;  // came to its end as HTTP defines it
  std::size_t pieces = 0;  // chunks

  std::string header(const std::string& lower_name) const;
  Value json() const;  // missing if it is no JSON
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

class Connection {
 public:
  // `receive_buffer` is what the kernel may keep for a client that does not read.
  explicit Connection(int port, int receive_buffer = 0);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::string_view bytes);
  void finish_sending();
  // What has come within that time; empty if nothing did.
  std::string receive(int timeout_ms, std::size_t most = 64 * 1024);
  Reply read_reply(bool head_only = false);
  // Everything up to the end of the connection.
  std::string read_all();
  bool was_reset() const { return reset_; }

 private:
  bool fill(int timeout_ms);
  std::string read_line();
  bool read_bytes(std::size_t count, std::string& out);
  void read_body(Reply& reply);

  int fd_;
  std::string buffer_;
  bool ended_ = false;
  bool reset_ = false;
};

// The text of a request with a Host header and a Content-Length.
std::string request_text(std::string_view method, std::string_view path, std::string_view body = {},
                         const HeaderList& headers = {});

// What gzip made of a text, undone; empty if it is broken or cut.
std::string gunzip(std::string_view bytes);

class TestSimulator {
 public:
  static DataOptions clean_data() { return {.visitors = 100, .accounts = 10, .seed = 1, .clean = true}; }
  explicit TestSimulator(const DataOptions& options = clean_data()) : world(options), server(world, 0) {}

  // With the key that may write, unless the headers bring another.
  Reply ask(std::string_view method, std::string_view path, std::string_view body = {}, HeaderList headers = {});
  Reply get(std::string_view path) { return ask("GET", path); }
  Reply post(std::string_view path, std::string_view body) { return ask("POST", path, body); }
  Reply track(std::string_view body, std::string_view secret = "sim-track-secret");
  // The text of the results of a pipeline, or status and body if it is refused.
  std::string aggregate(std::string_view pipeline);
  void set(std::string_view name, std::string_view value);
  void fault(std::string_view rules);

  World world;
  HttpServer server;
};

}  // namespace simulator
