// One HTTP call with its retries: what is asked, how it goes, what came back.
// A Call does nothing by itself; a Reactor drives it.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <string>
#include <utility>
#include <string_view>

#include "config.h"
#include "failure.h"
#include "gunzip.h"
#include "reply_header.h"
#include "retry.h"
#include "wall.h"

namespace pendo {

class Reactor;

// Takes the body of a 200 answer piece by piece. Returning false ends the
// transfer; the sink then knows why. One that has enough for now gets nothing
// until Call::resume(): libcurl may read far more than one buffer at a time.
class BodySink {
 public:
  virtual bool has_enough() const noexcept = 0;
  virtual bool on_body(const char* data, std::size_t size) noexcept = 0;

 protected:
  ~BodySink() = default;
};

struct Request {
  CallKind kind = CallKind::kRead;
  bool post = false;
  bool to_track_host = false;
  bool connect_only = false;  // sends nothing
  bool can_split = false;     // after a 408 the owner asks for less by retry_with()
  std::string path;  // from the root, with the query; shown in messages
  std::string body;
  std::string app = {};  // of an event; empty: it names none

  // The same but for the body.
  bool has_target_of(const Request& other) const noexcept {
    return kind == other.kind && post == other.post && to_track_host == other.to_track_host && connect_only == other.connect_only &&
           path == other.path && app == other.app;
  }
};

// Milliseconds of a clock that never jumps.
std::int64_t monotonic_ms() noexcept;

class Call {
 public:
  enum class State { kIdle, kRunning, kBackingOff, kDone };

  // Both must outlive the call. Check valid() once: no memory, no handle.
  Call(const Config& config, const CallOptions& options) noexcept;
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool valid() const noexcept { return easy_ != nullptr; }

  // Starts from scratch. With a sink, a 200 body goes there and the call is
  // not tried again by itself once the first piece was handed over.
  bool start(Reactor& reactor, Request&& request, BodySink* sink) noexcept;

  // Goes on after a failure with another request, within the same retry
  // limits. False: they are used up, failure() stays as it is.
  bool retry_with(Request&& request) noexcept;

  // No more tries, and the one that is under way ends within that time.
  void wind_up(std::int64_t grace_ms) noexcept;

  // The sink got somewhere: the retry limits start anew.
  void progressed() noexcept;

  void cancel() noexcept;

  // Lets a transfer go on that the sink had enough of. May call the sink.
  void resume() noexcept;

  State state() const noexcept { return state_; }
  bool done() const noexcept { return state_ == State::kDone; }
  bool succeeded() const noexcept { return done() && verdict_ == Verdict::kSuccess; }
  bool worth_retrying() const noexcept { return done() && verdict_ == Verdict::kRetry; }
  int http_status() const noexcept { return http_status_; }
  // Bytes on the way were not as they had been sent: what the sink got may be wrong.
  bool spoilt() const noexcept { return spoilt_; }
  int tries() const noexcept { return backoff_.tries(); }

  // A try that failed may have been taken all the same: its answer was lost.
  bool maybe_repeated() const noexcept { return maybe_repeated_; }
  const std::string& reply() const noexcept { return reply_; }
  const Request& request() const noexcept { return request_; }
  // Bytes of all bodies so far, as they travelled. Taken: they count anew.
  std::int64_t take_wire_bytes() noexcept { return std::exchange(wire_bytes_, 0); }
  std::int64_t elapsed_ms() const noexcept { return finished_ms_ - attempt_ms_; }

  // It went out, in this try or an earlier one that was not turned away.
  bool has_left() const noexcept { return maybe_repeated_ || (was_sent() && state_ != State::kBackingOff); }

  // It failed, and may have been taken all the same.
  bool is_ambiguous() const noexcept;

  // What to tell the user of a call that did not succeed.
  Failure failure() const noexcept;

 private:
  friend class Reactor;

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept;
  static int on_new_socket(void*, curl_socket_t socket, curlsocktype) noexcept;
  static int on_sending(void* self, char*, char*, int, int) noexcept;
  static std::size_t on_data(char* data, std::size_t, std::size_t size, void* self) noexcept;

  bool take_header(const ReplyHeader& header) noexcept;
  bool keep_retry_after(std::string_view value) noexcept;
  bool set_encoding(Encoding encoding) noexcept;
  std::size_t take_compressed(const char* data, std::size_t size, long status) noexcept;
  bool take(const char* data, std::size_t size, long status) noexcept;
  bool streams(long status) const noexcept { return status == 200 && sink_; }

  bool was_sent() const noexcept { return sendings_ > 0; }
  void give(std::int64_t timeout_ms) noexcept;  // from now on
  void excuse(std::int64_t from_ms, std::int64_t to_ms) noexcept;
  void set_request(Request&& request) noexcept;
  bool configure() noexcept;
  bool configure_target() noexcept;
  bool begin_attempt() noexcept;
  void finish_attempt(CURLcode code) noexcept;
  bool back_off() noexcept;
  void end(Verdict verdict) noexcept;
  Failure describe_no_answer() const;
  Failure describe_answer() const;
  const Secret* secret_in_use() const noexcept;
  std::string secret_option(std::string name) const;
  Failure describe_refused_key() const;
  std::string call_text() const;
  std::string with_tries(std::string text) const;
  std::string wait_text() const;

  const Config& config_;
  Backoff backoff_;
  bool retry_ambiguous_;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  Reactor* reactor_ = nullptr;
  BodySink* sink_ = nullptr;
  Request request_;
  State state_ = State::kIdle;
  Verdict verdict_ = Verdict::kFinal;
  CURLcode code_ = CURLE_OK;
  char error_text_[CURL_ERROR_SIZE] = {};
  int http_status_ = 0;
  std::string reply_;
  std::string retry_after_;
  Gunzip gunzip_;
  std::size_t taken_ = 0;  // of what libcurl will hand over again after the pause
  bool bad_encoding_ = false;
  bool spoilt_ = false;
  bool streamed_ = false;
  bool paused_ = false;
  bool reply_too_long_ = false;
  bool timed_out_ = false;
  bool out_of_memory_ = false;
  bool maybe_repeated_ = false;
  bool is_configured_ = false;  // for requests with the target of this one
  bool winding_up_ = false;
  std::int64_t wire_bytes_ = 0;
  int sendings_ = 0;  // of this attempt
  std::int64_t attempt_ms_ = 0;
  std::int64_t finished_ms_ = 0;
  std::int64_t given_ms_ = 0;     // when the deadline was set
  std::int64_t deadline_ms_ = 0;  // without an answer, or the next byte of a streamed one, it failed
  std::int64_t wake_ms_ = 0;      // end of the back-off
};

}  // namespace pendo
