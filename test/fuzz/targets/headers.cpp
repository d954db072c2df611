// The lines of an answer's head, and how long to wait and whether to try again
// after it.
#include <curl/curl.h>

#include <algorithm>

#include "fuzz.h"
#include "reply_header.h"
#include "retry.h"

namespace pendo::fuzz {
namespace {

void wait_for(std::int64_t asked, std::int64_t now_ms) {
  CallOptions options;
  options.max_retries = 3;
  Backoff backoff(options, now_ms);
  for (int i = 0; i < 4; ++i) {
    std::int64_t delay = backoff.next_delay(now_ms, asked);
    if (delay < 0) break;
    require(delay >= asked && delay <= options.retry_timeout_ms, "a wait is as long as asked for, and within the limits");
  }
  require(backoff.tries() <= 3, "tries are counted");
  backoff.reset(now_ms);
  require(backoff.tries() == 0, "progress starts the count anew");
}

}  // namespace

void headers(std::string_view input) {
  Input lines(input);
  std::int64_t now = std::clamp<std::int64_t>(lines.integer(lines.line()), 0, 4'102'444'800);  // until 2100
  int status = static_cast<int>(lines.integer(lines.line()) % 1000);
  for (CallKind kind : {CallKind::kProbe, CallKind::kRead, CallKind::kBulk, CallKind::kTrack}) {
    for (int code = 0; code < CURL_LAST; ++code) {
      bool success = judge(kind, code, status) == Verdict::kSuccess;
      require(success == (code == CURLE_OK && status >= 200 && status < 300), "success is a whole 2xx");
      require(kind != CallKind::kProbe || judge(kind, code, status) != Verdict::kRetry, "a probe is not tried again");
    }
  }
  while (!lines.at_end()) {
    HeapCopy line(lines.line());
    ReplyHeader header = read_header(line.view());
    HeapCopy value(header.value);
    if (header.kind == HeaderKind::kEncoding) encoding_of(value.view());
    if (header.kind != HeaderKind::kRetryAfter) continue;
    std::int64_t asked = retry_after_ms(value.view(), now);
    require(asked >= -1, "nobody asks for less than nothing");
    wait_for(asked, now * 1000);
  }
}

}  // namespace pendo::fuzz
