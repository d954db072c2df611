// When a call is tried again and after how long: the one table of outcomes. Users
// read it in doc/writing.md (Retries).
#pragma once

#include <cstdint>
#include <random>
#include <string_view>

#include "config.h"
#include "wall.h"

namespace pendo {

enum class CallKind {
  kProbe,  // asks how things are: never tried again
  kRead,   // changes nothing
  kBulk,   // sets values: the same call twice leaves the same state
  kTrack,  // counts an event: sent twice it may count twice
};

enum class Verdict {
  kSuccess,
  kRetry,  // worth another try
  kFinal,  // another try would answer the same
};

// `curl_code` is libcurl's result, `http_status` 0 when no answer came.
Verdict judge(CallKind kind, int curl_code, int http_status) noexcept;

// Retry-After as seconds or as an HTTP date, in milliseconds from `now_epoch_s`;
// -1 when the header is absent or makes no sense.
std::int64_t retry_after_ms(std::string_view header, std::int64_t now_epoch_s) noexcept;

// Counts the tries of one call and says how long to wait before the next:
// exponential back-off with full jitter, never less than what Pendo asked for.
class Backoff {
 public:
  Backoff(const CallOptions& options, std::int64_t now_ms) noexcept;

  // Milliseconds to wait, or -1: give up. `asked_ms` is retry_after_ms().
  std::int64_t next_delay(std::int64_t now_ms, std::int64_t asked_ms) noexcept;

  void reset(std::int64_t now_ms) noexcept;  // progress was made
  int tries() const noexcept { return tries_; }

 private:
  int max_retries_;
  std::int64_t retry_timeout_ms_;
  std::int64_t started_ms_;
  int tries_ = 0;
  std::minstd_rand random_;
};

}  // namespace pendo
