// Bounded: so many requests, so many bytes of bodies.
#include "traffic.h"

#include <algorithm>

#include "utf8.h"

namespace simulator {
namespace {

constexpr std::size_t kMostRequests = 2000;
constexpr std::size_t kMostBodyBytes = 64UL * 1024 * 1024;

Value from_map(const std::map<std::string, std::int64_t>& map) {
  Value out = Object{};
  for (const auto& [name, number] : map) out.set(name, number);
  return out;
}

}  // namespace

void Traffic::begin(const std::string& route) {
  std::lock_guard lock(mutex_);
  ++counts_[route];
  std::int64_t now = ++in_flight_[route];
  std::int64_t& most = most_in_flight_[route];
  most = std::max(most, now);
}

void Traffic::end(const std::string& route) {
  std::lock_guard lock(mutex_);
  if (--in_flight_[route] <= 0) in_flight_.erase(route);
}

void Traffic::count_fault(std::string_view kind) {
  std::lock_guard lock(mutex_);
  ++faults_[std::string(kind)];
}

std::int64_t Traffic::keep(const Request& request, std::string_view fault) {
  std::lock_guard lock(mutex_);
  kept_.push_back({++sequence_, request.method, request.target, request.headers, request.body, std::string(fault), 0});
  kept_bytes_ += request.body.size();
  while (kept_.size() > kMostRequests || (kept_bytes_ > kMostBodyBytes && kept_.size() > 1)) {
    kept_bytes_ -= kept_.front().body.size();
    kept_.pop_front();
  }
  return sequence_;
}

void Traffic::set_status(std::int64_t sequence, int status) {
  std::lock_guard lock(mutex_);
  auto it = std::ranges::lower_bound(kept_, sequence, {}, &Kept::sequence);
  if (it != kept_.end() && it->sequence == sequence) it->status = status;
}

std::string Traffic::body_before(std::int64_t sequence) const {
  std::lock_guard lock(mutex_);
  auto it = std::ranges::lower_bound(kept_, sequence, {}, &Kept::sequence);
  if (it == kept_.end()) return {};
  const Kept& self = *it;
  while (it != kept_.begin()) {
    --it;
    if (it->method == self.method && it->target == self.target) return it->body;
  }
  return {};
}

Value Traffic::counts() const {
  std::lock_guard lock(mutex_);
  return from_map(counts_);
}

Value Traffic::metrics() const {
  std::lock_guard lock(mutex_);
  Value out = Object{};
  out.set("bytesSent", bytes_sent.load());
  out.set("connectionsAccepted", connections_accepted.load());
  out.set("connectionsOpen", connections_open.load());
  out.set("faults", from_map(faults_));
  out.set("maxInFlight", from_map(most_in_flight_));
  return out;
}

Value Traffic::describe(const Kept& kept) {
  Value one = Object{};
  one.set("body", valid_utf8(kept.body));
  if (!kept.fault.empty()) one.set("fault", kept.fault);
  one.set("method", kept.method);
  one.set("path", kept.target);
  one.set("seq", kept.sequence);
  one.set("status", kept.status);
  Value headers = Object{};
  for (const auto& [name, value] : kept.headers) headers.set(name, valid_utf8(value));
  one.set("headers", std::move(headers));
  return one;
}

void Traffic::each_request(const std::function<bool(const Value&)>& visit) const {
  std::int64_t after = 0;
  for (;;) {
    std::unique_lock lock(mutex_);
    auto it = std::ranges::upper_bound(kept_, after, {}, &Kept::sequence);
    if (it == kept_.end()) return;
    after = it->sequence;
    Value one = describe(*it);
    lock.unlock();
    if (!visit(one)) return;
  }
}

void Traffic::reset() {
  std::lock_guard lock(mutex_);
  counts_.clear();
  faults_.clear();
  most_in_flight_ = in_flight_;
  kept_.clear();
  kept_bytes_ = 0;
}

}  // namespace simulator
