// An answer that is sent while it is written: small ones with a length, others in
// chunks, compressed where the client accepts it, and broken where a fault says so.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "faults.h"
#include "gzip_stream.h"
#include "http_request.h"
#include "wire.h"

namespace simulator {

class Response {
 public:
  Response(Wire& wire, const Request& request);

  int status = 200;
  // Called once, before the last bytes go out.
  std::function<void()> before_end;
  void set_header(std::string_view name, std::string_view value);
  void set_fault(const Fault& fault) { fault_ = fault; }
  // The body is sent as it is, whatever the client accepts.
  void no_compression() { gzip_wanted_ = false; }
  // The body is compressed, whatever the client accepts.
  void force_compression() { gzip_wanted_ = true; }
  // The answer goes nowhere: something else will be said in its place.
  void discard() { discarding_ = true; }

  // False once nobody can receive it.
  bool write(std::string_view bytes);
  void finish();
  // Breaks off with a reset.
  void abort();

  // Whether the status has gone out.
  bool committed() const { return committed_; }
  bool ended() const { return ended_; }
  bool must_close() const { return close_; }
  Wire& wire() { return wire_; }

 private:
  bool flush(bool last);
  bool send_head(std::optional<std::size_t> length);
  bool send_body(std::string_view bytes);
  bool send_framed(std::string_view bytes);
  bool drip(std::string_view bytes);
  bool break_body(std::string_view bytes);
  bool has(FaultKind kind) const { return fault_ && fault_->kind == kind; }
  void spoil(std::string& bytes) const;
  std::size_t told_length(std::size_t length) const;

  Wire& wire_;
  bool gzip_wanted_;
  bool head_only_;
  bool chunks_possible_;
  bool close_;
  bool discarding_ = false;
  bool committed_ = false;
  bool ended_ = false;
  bool chunked_ = false;
  bool fault_done_ = false;
  Headers headers_;
  std::string buffer_;
  std::unique_ptr<GzipStream> gzip_;
  std::optional<Fault> fault_;
  std::size_t body_sent_ = 0;
};

}  // namespace simulator
