// What went on: counts by route, the recent requests, and how many calls were in
// flight at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "http_request.h"
#include "value.h"

namespace simulator {

class Traffic {
 public:
  // A call begins: it is counted, and is in flight until it ends.
  void begin(const std::string& route);
  void end(const std::string& route);

  // Keeps a request; the number is for telling its status when that is known.
  std::int64_t keep(const Request& request, std::string_view fault);
  // A call goes wrong on purpose.
  void count_fault(std::string_view kind);
  void set_status(std::int64_t sequence, int status);
  // The body of the request before this one to the same place; empty: there is none.
  std::string body_before(std::int64_t sequence) const;

  Value counts() const;
  Value metrics() const;
  // Recent requests, oldest first, one at a time; false from `visit` ends it.
  void each_request(const std::function<bool(const Value&)>& visit) const;
  void reset();

  std::atomic<std::int64_t> bytes_sent{0};
  std::atomic<std::int64_t> connections_accepted{0};
  std::atomic<std::int64_t> connections_open{0};

 private:
  struct Kept {
    std::int64_t sequence;
    std::string method;
    std::string target;
    Headers headers;
    std::string body;
    std::string fault;
    int status;
  };
  static Value describe(const Kept& kept);

  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> counts_;
  std::map<std::string, std::int64_t> in_flight_;
  std::map<std::string, std::int64_t> most_in_flight_;
  std::map<std::string, std::int64_t> faults_;
  std::deque<Kept> kept_;
  std::int64_t sequence_ = 0;
  std::size_t kept_bytes_ = 0;
};

}  // namespace simulator
