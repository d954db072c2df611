// The order matters: a call is counted once its head is read, a fault may come
// before the body, a key is judged before the path.
#include "gateway.h"

#include <algorithm>
#include <utility>

#include "exchange.h"
#include "keys.h"
#include "router.h"

namespace simulator {
namespace {

class Call {
 public:
  Call(World& world, Wire& wire, RequestReader& reader, Request& request)
      : world_(world), wire_(wire), reader_(reader), request_(request), match_(find_route(request.method, request.path)) {
    is_control_ = request.path.starts_with("/__sim");
    if (!is_control_) world_.traffic.begin(match_.key);
  }
  ~Call() { end(0); }

  bool serve() {
    if (!is_control_) fault_ = world_.faults.take(match_.key);
    if (fault_) world_.traffic.count_fault(fault_->name);
    if (has(FaultKind::kResetBefore)) {
      world_.traffic.keep(request_, fault_->name);
      wire_.reset();
      return false;
    }
    if (has(FaultKind::kStallUpload)) {
      world_.traffic.keep(request_, fault_->name);
      wire_.pause(fault_->ms, true);
      return false;
    }
    int status = reader_.read_body(request_);
    if (status < 0) return false;
    if (status > 0) {
      request_.keep_alive = false;
      answer_unreadable(wire_, request_, status);
      return false;
    }
    if (!is_control_ && !fault_) fault_ = world_.faults.take(match_.key, &request_.body);
    if (!is_control_) sequence_ = world_.traffic.keep(request_, fault_ ? fault_->name : std::string_view());
    if (has(FaultKind::kRepeatPage)) ask_as_before();
    if (!has(FaultKind::kCloseAfter)) return answer();
    if (answer()) wire_.pause(fault_->ms, true);
    return false;
  }

 private:
  bool has(FaultKind kind) const { return fault_ && fault_->kind == kind; }

  void ask_as_before() {
    std::string body = world_.traffic.body_before(sequence_);
    if (!body.empty()) request_.body = std::move(body);
  }

  bool answer() {
    if (!is_control_) {
      if (!wire_.pause(world_.switches.number(Switch::kLatencyMs), false)) return false;
      if (has(FaultKind::kStallBefore) && !wire_.pause(fault_->ms, true)) return false;
    }
    if (has(FaultKind::kStatus) || has(FaultKind::kGarbage) || has(FaultKind::kGzipBomb)) return answer_fault();
    Response response(wire_, request_);
    if (world_.switches.is(Switch::kCompression, "none")) response.no_compression();
    bool after = has(FaultKind::kStatusAfter) || has(FaultKind::kResetAfter);
    if (after) response.discard();
    if (fault_ && !after) response.set_fault(*fault_);
    tell_end(response);
    Exchange exchange{world_, request_, response, match_.params, fault_};
    dispatch(exchange);
    if (has(FaultKind::kStatusAfter)) return answer_fault();
    if (has(FaultKind::kResetAfter)) {
      end(0);
      wire_.reset();
    }
    return !wire_.broken() && !response.must_close();
  }

  bool answer_fault() {
    Response response(wire_, request_);
    tell_end(response);
    response.no_compression();
    if (has(FaultKind::kGzipBomb)) response.force_compression();
    response.status = fault_->status;
    if (!fault_->body.empty()) response.set_header("Content-Type", "text/plain; charset=utf-8");
    for (const auto& [name, value] : fault_->headers) response.set_header(name, value);
    response.write(fault_->body);
    if (has(FaultKind::kGzipBomb)) write_blanks(response, fault_->bytes);
    response.finish();
    return !wire_.broken() && !response.must_close();
  }

  static void write_blanks(Response& response, std::size_t count) {
    const std::string block(64 * 1024, ' ');
    for (std::size_t left = count; left > 0;) {
      std::size_t size = std::min(left, block.size());
      if (!response.write(std::string_view(block).substr(0, size))) return;
      left -= size;
    }
  }

  void dispatch(Exchange& exchange) {
    Access access = match_.route ? match_.route->access : Access::kRead;
    bool guarded = match_.route || request_.path.starts_with("/api/v1");
    if (guarded) {
      if (auto status = refusal(world_, request_, access)) return exchange.answer(*status);
    }
    if (request_.method == "OPTIONS" && !match_.allowed.empty()) {
      exchange.response.set_header("Allow", match_.allowed);
      return exchange.answer(204);
    }
    if (match_.route) return match_.route->handler(exchange);
    if (match_.allowed.empty()) return exchange.answer_text(404, "404 page not found\n");
    exchange.response.set_header("Allow", match_.allowed);
    exchange.answer_text(405, "Method Not Allowed\n");
  }

  // A call is over before its client can have read the end of the answer, so that
  // the calls in flight are never more than the client has in flight.
  void tell_end(Response& response) {
    response.before_end = [this, &response] { end(response.status); };
  }

  void end(int status) {
    if (std::exchange(ended_, true) || is_control_) return;
    world_.traffic.end(match_.key);
    world_.traffic.set_status(sequence_, status);
  }

  World& world_;
  Wire& wire_;
  RequestReader& reader_;
  Request& request_;
  Match match_;
  bool is_control_ = false;
  bool ended_ = false;
  std::optional<Fault> fault_;
  std::int64_t sequence_ = 0;
};

}  // namespace

bool serve_request(World& world, Wire& wire, RequestReader& reader, Request& request) {
  return Call(world, wire, reader, request).serve();
}

void answer_unreadable(Wire& wire, Request& request, int status) {
  Response response(wire, request);
  response.no_compression();
  response.status = status;
  response.set_header("Content-Type", "text/plain; charset=utf-8");
  response.write(std::to_string(status) + " the request could not be read\n");
  response.finish();
}

}  // namespace simulator
