// Bytes go: buffer, compression, fault, framing, wire.
#include "http_response.h"

#include <algorithm>
#include <charconv>

namespace simulator {
namespace {

constexpr std::size_t kBufferSize = 16 * 1024;

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 207:
      return "Multi-Status";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Request Entity Too Large";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

bool has_no_body(int status) { return status == 204 || status == 304; }

bool breaks_body(FaultKind kind) {
  return kind == FaultKind::kStallBody || kind == FaultKind::kResetBody || kind == FaultKind::kTruncate;
}

}  // namespace

Response::Response(Wire& wire, const Request& request)
    : wire_(wire),
      gzip_wanted_(request.accepts_gzip()),
      head_only_(request.method == "HEAD"),
      chunks_possible_(!request.http_1_0),
      close_(!request.keep_alive) {}

void Response::set_header(std::string_view name, std::string_view value) {
  for (auto& header : headers_) {
    if (header.first == name) {
      header.second = value;
      return;
    }
  }
  headers_.emplace_back(name, value);
}

bool Response::write(std::string_view bytes) {
  if (discarding_ || ended_) return !ended_;
  buffer_ += bytes;
  bool in_one_piece = has(FaultKind::kWrongLength);
  return in_one_piece || buffer_.size() < kBufferSize || flush(false);
}

void Response::finish() {
  if (discarding_ || ended_) return;
  if (before_end) before_end();
  flush(true);
  if (!ended_ && chunked_) wire_.send("0\r\n\r\n");
  ended_ = true;
  if (has(FaultKind::kWrongLength) && fault_->by > 0) {
    wire_.pause(fault_->ms, true);
    close_ = true;
  }
}

void Response::abort() {
  if (discarding_ || ended_) return;
  ended_ = true;
  close_ = true;
  wire_.reset();
}

bool Response::flush(bool last) {
  if (ended_) return false;
  if (gzip_wanted_ && !gzip_ && !committed_ && !buffer_.empty()) {
    gzip_ = std::make_unique<GzipStream>();
    set_header("Content-Encoding", "gzip");
    set_header("Vary", "Accept-Encoding");
  }
  std::string bytes;
  if (gzip_) {
    gzip_->compress(buffer_, last, bytes);
  } else {
    bytes.swap(buffer_);
  }
  buffer_.clear();
  spoil(bytes);
  if (!committed_ && !send_head(last ? std::optional(bytes.size()) : std::nullopt)) return false;
  if (head_only_ || has_no_body(status)) {
    chunked_ = false;
    return !wire_.broken();
  }
  return send_body(bytes);
}

// What is wrong with the body itself, not with how it travels.
void Response::spoil(std::string& bytes) const {
  if (has(FaultKind::kShortBody)) bytes.resize(std::min(bytes.size(), fault_->after_bytes - std::min(fault_->after_bytes, body_sent_)));
  bool has_byte = fault_ && fault_->after_bytes >= body_sent_ && fault_->after_bytes < body_sent_ + bytes.size();
  if (has(FaultKind::kCorrupt) && gzip_ && has_byte) bytes[fault_->after_bytes - body_sent_] ^= 0x55;
}

std::size_t Response::told_length(std::size_t length) const {
  if (!has(FaultKind::kWrongLength)) return length;
  return static_cast<std::size_t>(std::max<std::int64_t>(0, static_cast<std::int64_t>(length) + fault_->by));
}

bool Response::send_head(std::optional<std::size_t> length) {
  committed_ = true;
  chunked_ = !length && chunks_possible_;
  if (!length && !chunks_possible_) close_ = true;
  std::string line = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason(status)) + "\r\n";
  if (fault_ && fault_->kind == FaultKind::kStallHeaders) {
    if (!wire_.send(line) || !wire_.pause(fault_->ms, true)) return ended_ = true, false;
    line.clear();
  }
  for (const auto& [name, value] : headers_) line += name + ": " + value + "\r\n";
  if (chunked_) line += "Transfer-Encoding: chunked\r\n";
  if (length && !has_no_body(status)) line += "Content-Length: " + std::to_string(told_length(*length)) + "\r\n";
  if (close_) line += "Connection: close\r\n";
  return wire_.send(line + "\r\n");
}

bool Response::send_body(std::string_view bytes) {
  if (fault_ && fault_->kind == FaultKind::kDrip) return drip(bytes);
  bool breaks = fault_ && !fault_done_ && breaks_body(fault_->kind) && body_sent_ + bytes.size() >= fault_->after_bytes;
  return breaks ? break_body(bytes) : send_framed(bytes);
}

bool Response::send_framed(std::string_view bytes) {
  body_sent_ += bytes.size();
  if (bytes.empty()) return !wire_.broken();
  if (!chunked_) return wire_.send(bytes);
  char size[24];
  auto end = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr;
  std::string chunk(size, end);
  chunk += "\r\n";
  chunk += bytes;
  chunk += "\r\n";
  return wire_.send(chunk);
}

bool Response::drip(std::string_view bytes) {
  while (!bytes.empty()) {
    std::string_view drop = bytes.substr(0, std::max<std::size_t>(1, fault_->bytes));
    if (!send_framed(drop) || !wire_.pause(fault_->ms, true)) return ended_ = true, false;
    bytes.remove_prefix(drop.size());
  }
  return true;
}

bool Response::break_body(std::string_view bytes) {
  fault_done_ = true;
  std::string_view before = bytes.substr(0, fault_->after_bytes - body_sent_);
  if (!send_framed(before)) return false;
  if (fault_->kind == FaultKind::kStallBody) {
    if (!wire_.pause(fault_->ms, true)) return ended_ = true, close_ = true, false;
    return send_framed(bytes.substr(before.size()));
  }
  ended_ = true;
  close_ = true;
  if (fault_->kind == FaultKind::kResetBody) wire_.reset();
  return false;
}

}  // namespace simulator
