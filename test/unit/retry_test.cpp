// Which outcomes are tried again, and after how long.
#include "retry.h"

#include <curl/curl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace pendo {
namespace {

TEST(Retry, StatusesThatPassAreTriedAgainAndOthersAreFinal) {
  for (int status : {408, 429, 500, 502, 503, 504}) EXPECT_EQ(judge(CallKind::kBulk, CURLE_OK, status), Verdict::kRetry) << status;
  for (int status : {301, 400, 401, 402, 403, 404, 413, 422, 501}) EXPECT_EQ(judge(CallKind::kRead, CURLE_OK, status), Verdict::kFinal) << status;
  EXPECT_EQ(judge(CallKind::kTrack, CURLE_OK, 200), Verdict::kSuccess);
}

TEST(Retry, ABrokenBodyOfA200IsNoSuccess) {
  EXPECT_EQ(judge(CallKind::kRead, CURLE_PARTIAL_FILE, 200), Verdict::kRetry);
  EXPECT_EQ(judge(CallKind::kRead, CURLE_WRITE_ERROR, 200), Verdict::kFinal);
}

TEST(Retry, AProbeIsNeverTriedAgain) { EXPECT_EQ(judge(CallKind::kProbe, CURLE_COULDNT_CONNECT, 0), Verdict::kFinal); }

TEST(Retry, AnUntrustedCertificateIsFinal) {
  EXPECT_EQ(judge(CallKind::kRead, CURLE_PEER_FAILED_VERIFICATION, 0), Verdict::kFinal);
}

TEST(Retry, RetryAfterIsReadAsSecondsOrDate) {
  EXPECT_EQ(retry_after_ms(" 7\r\n", 0), 7000);
  EXPECT_EQ(retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 5), 5000);
  EXPECT_EQ(retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 5), 0);
  EXPECT_EQ(retry_after_ms("99999999999999999999999999", 0), 1'000'000'000'000);
  for (auto senseless : {"", "soon", "-3", "-99999999999999999999999999", "1.5x"}) EXPECT_EQ(retry_after_ms(senseless, 0), -1) << senseless;
}

TEST(Retry, RetryAfterOfTheFarFutureIsNoOverflow) {
  constexpr std::int64_t kMost = 1'000'000'000'000;
  for (auto far : {"Fri, 31 Dec 9999 23:59:59 GMT", "9223372036854775807"}) EXPECT_EQ(retry_after_ms(far, 0), kMost) << far;
  // a date in some versions of libcurl only
  for (auto odd : {"Sun, 06 Nov 1784111777", "Sun, 06 Nov 1784111777 08:49:37 GMT"}) {
    std::int64_t asked = retry_after_ms(odd, 0);
    EXPECT_TRUE(asked == kMost || asked == -1) << odd << ": " << asked;
  }
  EXPECT_EQ(retry_after_ms("9223372036854775808", 0), kMost);
}

TEST(Retry, BackoffWaitsAtLeastWhatWasAskedAndGivesUp) {
  CallOptions options;
  options.max_retries = 2;
  options.retry_timeout_ms = 100'000;
  Backoff backoff(options, 0);
  EXPECT_GE(backoff.next_delay(0, 5000), 5000);
  EXPECT_GE(backoff.next_delay(0, -1), 0);
  EXPECT_EQ(backoff.next_delay(0, -1), -1);
  backoff.reset(0);
  EXPECT_EQ(backoff.next_delay(0, 100'001), -1) << "longer than retry_timeout";
}

// Whether delays of up to a second are all over that second.
void expect_spread(const std::vector<std::int64_t>& delays, const char* of) {
  std::size_t quarters[4] = {};
  for (std::int64_t delay : delays) ++quarters[std::min<std::int64_t>(delay / 250, 3)];
  for (std::size_t count : quarters) EXPECT_GT(count, delays.size() / 20) << of;
}

TEST(Retry, CallsDoNotComeBackTogether) {
  std::deque<Backoff> calls;
  std::vector<std::int64_t> delays;
  for (int n = 0; n < 200; ++n) delays.push_back(calls.emplace_back(CallOptions(), 1'000'000).next_delay(1'000'000, -1));
  expect_spread(delays, "calls of one moment");
  delays.clear();
  for (int n = 0; n < 200; ++n) delays.push_back(Backoff(CallOptions(), 1'000'000 + n).next_delay(1'000'000 + n, -1));
  expect_spread(delays, "calls of one place");
}

TEST(Retry, BackendsDoNotComeBackTogether) {
  std::vector<std::int64_t> delays;
  for (int n = 0; n < 100; ++n) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    pid_t child = fork();
    std::int64_t delay = Backoff(CallOptions(), 1'000'000).next_delay(1'000'000, -1);
    if (child == 0) _exit(write(ends[1], &delay, sizeof delay) == sizeof delay ? 0 : 1);
    EXPECT_EQ(read(ends[0], &delay, sizeof delay), static_cast<ssize_t>(sizeof delay));
    waitpid(child, nullptr, 0);
    close(ends[0]);
    close(ends[1]);
    delays.push_back(delay);
  }
  expect_spread(delays, "one moment, one place");
}

}  // namespace
}  // namespace pendo
