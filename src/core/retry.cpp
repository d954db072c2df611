// The table of outcomes and the back-off.
#include "retry.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace pendo {
namespace {

// Pendo: "retry, one second or more".
constexpr std::int64_t kFirstDelayMs = 1000;
constexpr std::int64_t kLongestDelayMs = 60'000;

bool worth_retrying_code(int code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
    // bytes that the answer before left on a kept connection
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return true;
    default:
      return false;
  }
}

bool worth_retrying_status(int status) {
  switch (status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

// Seeds that are near each other would give first delays that are.
std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

// Whoever asks for more than 30 years has asked for too much anyway.
std::int64_t milliseconds_of(std::int64_t seconds) { return std::min<std::int64_t>(seconds, 1'000'000'000) * 1000; }

}  // namespace

Verdict judge(CallKind kind, int curl_code, int http_status) noexcept {
  bool complete = curl_code == CURLE_OK;
  if (complete && http_status >= 200 && http_status < 300) return Verdict::kSuccess;
  if (kind == CallKind::kProbe) return Verdict::kFinal;
  // an error status settles the matter even if its body broke off
  if (http_status >= 300) {
    return worth_retrying_status(http_status) ? Verdict::kRetry : Verdict::kFinal;
  }
  if (complete) return Verdict::kFinal;
  return worth_retrying_code(curl_code) ? Verdict::kRetry : Verdict::kFinal;
}

std::int64_t retry_after_ms(std::string_view header, std::int64_t now_epoch_s) noexcept {
  while (!header.empty() && (header.front() == ' ' || header.front() == '\t')) header.remove_prefix(1);
  while (!header.empty() && (header.back() == ' ' || header.back() == '\r' || header.back() == '\n')) {
    header.remove_suffix(1);
  }
  if (header.empty()) return -1;
  std::int64_t seconds = 0;
  auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (end == header.data() + header.size()) {
    if (header.front() == '-') return -1;
    return milliseconds_of(error == std::errc() ? seconds : INT64_MAX);
  }
  if (header.size() > 60) return -1;
  char date[64];
  date[header.copy(date, sizeof date - 1)] = '\0';
  std::int64_t when = curl_getdate(date, nullptr);
  if (when < 0) return -1;
  return milliseconds_of(std::max<std::int64_t>(when - now_epoch_s, 0));
}

Backoff::Backoff(const CallOptions& options, std::int64_t now_ms) noexcept
    : max_retries_(options.max_retries),
      retry_timeout_ms_(options.retry_timeout_ms),
      started_ms_(now_ms) {
  // backends are alike in their addresses, calls in their time
  auto seed = mixed(mixed(static_cast<std::uint64_t>(now_ms)) ^ reinterpret_cast<std::uintptr_t>(this)) ^ static_cast<std::uint64_t>(getpid());
  random_.seed(static_cast<std::minstd_rand::result_type>(mixed(seed)));
}

void Backoff::reset(std::int64_t now_ms) noexcept {
  started_ms_ = now_ms;
  tries_ = 0;
}

std::int64_t Backoff::next_delay(std::int64_t now_ms, std::int64_t asked_ms) noexcept {
  if (tries_ >= max_retries_) return -1;
  std::int64_t ceiling = std::min(kFirstDelayMs << std::min(tries_, 10), kLongestDelayMs);
  std::int64_t delay = std::uniform_int_distribution<std::int64_t>(0, ceiling)(random_);
  delay = std::max(delay, asked_ms);
  if (now_ms + delay - started_ms_ > retry_timeout_ms_) return -1;
  ++tries_;
  return delay;
}

}  // namespace pendo
