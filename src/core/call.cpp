// The life of one call, and the words for each way in which it can fail.
#include "call.h"

#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <new>
#include <utility>

#include "answer_limit.h"
#include "printable.h"
#include "reactor.h"
#include "secrets.h"

namespace pendo {
namespace {

// libcurl 8.14 reads one more buffer each time it is paused again, and keeps it:
// of what compresses well that is more than was taken from it.
constexpr long kReceiveBufferBytes = 1 << 10;
constexpr std::size_t kShownReplyBytes = 300;

std::size_t most_reply_bytes(CallKind kind, long status) {
  if (status != 200) return kMaxErrorReplyBytes;
  if (kind == CallKind::kTrack) return kMaxTrackReplyBytes;
  return kind == CallKind::kBulk ? kMaxBulkReplyBytes : kMaxReadReplyBytes;
}

bool append_header(curl_slist*& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list, line.c_str());
  if (!longer) return false;
  list = longer;
  return true;
}

bool refused_key(int status) { return status == 401 || status == 403; }

}  // namespace

std::int64_t monotonic_ms() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

Call::Call(const Config& config, const CallOptions& options) noexcept
    : config_(config), backoff_(options, monotonic_ms()), retry_ambiguous_(options.retry_ambiguous), easy_(curl_easy_init()) {}

Call::~Call() {
  cancel();
  if (easy_) curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
}

bool Call::start(Reactor& reactor, Request&& request, BodySink* sink) noexcept {
  cancel();
  reactor_ = &reactor;
  set_request(std::move(request));
  sink_ = sink;
  backoff_.reset(monotonic_ms());
  maybe_repeated_ = winding_up_ = false;
  if (!reactor.remember(*this)) return false;
  if (begin_attempt()) return true;
  reactor.forget(*this);
  state_ = State::kIdle;
  return false;
}

bool Call::retry_with(Request&& request) noexcept {
  if (!done() || verdict_ != Verdict::kRetry) return false;
  set_request(std::move(request));
  if (!reactor_->remember(*this)) return false;
  if (back_off()) return true;
  reactor_->forget(*this);
  return false;
}

void Call::set_request(Request&& request) noexcept {
  is_configured_ = is_configured_ && request.has_target_of(request_);
  request_ = std::move(request);
}

void Call::wind_up(std::int64_t grace_ms) noexcept {
  winding_up_ = true;
  if (deadline_ms_ > monotonic_ms() + grace_ms) give(grace_ms);
  if (state_ == State::kBackingOff) end(Verdict::kRetry);
}

void Call::progressed() noexcept { backoff_.reset(monotonic_ms()); }

void Call::cancel() noexcept {
  if (state_ == State::kRunning) reactor_->detach(*this);
  if (state_ == State::kRunning || state_ == State::kBackingOff) reactor_->forget(*this);
  state_ = State::kIdle;
}

// What goes where the last one went, as most events do, differs in its body only.
bool Call::configure() noexcept {
  is_configured_ = is_configured_ || configure_target();
  if (is_configured_ && request_.post) {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  }
  return is_configured_;
}

bool Call::configure_target() noexcept try {
  curl_easy_reset(easy_);
  curl_slist_free_all(std::exchange(headers_, nullptr));
  const Secret* secret = secret_in_use();
  bool listed = append_header(headers_, "Content-Type: application/json") &&
                append_header(headers_, "Expect:") &&
                append_header(headers_, "x-pendo-integration-key: " + (secret ? secret->text : std::string()));
  // the answer to an event is empty, and each header of its request takes time
  bool brings_something = !request_.to_track_host;
  if (brings_something) {
    listed = listed && append_header(headers_, "Accept: application/json") &&
             // not CURLOPT_ACCEPT_ENCODING: gunzip.h says why
             append_header(headers_, "Accept-Encoding: gzip");
  }
  if (!listed) return false;
  std::string url = (request_.to_track_host ? config_.track_url : config_.api_url) + request_.path;
  bool set = curl_easy_setopt(easy_, CURLOPT_URL, url.c_str()) == CURLE_OK &&
             // only the schemes that base_url_problem() lets through
             curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
             curl_easy_setopt(easy_, CURLOPT_PROXY, "") == CURLE_OK;
  if (!set) return false;
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "pendo_fdw/1.0");
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  // Not HTTP/2, even where it is offered: in libcurl 7.88 a stream that was paused
  // for a slow reader may never go on. And where the calls of a statement share
  // one connection, its loss makes all of them uncertain instead of one.
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config_.connect_timeout_ms));
  if (!config_.ca_file.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, config_.ca_file.c_str());
  if (request_.connect_only) curl_easy_setopt(easy_, CURLOPT_CONNECT_ONLY, 1L);
  if (request_.post) curl_easy_setopt(easy_, CURLOPT_POST, 1L);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, on_sending);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

bool Call::begin_attempt() noexcept {
  // libcurl counts how often it sent again by itself, until the handle is reset
  if (code_ != CURLE_OK || sendings_ > 1) is_configured_ = false;
  reply_.clear();
  retry_after_.clear();
  error_text_[0] = '\0';
  http_status_ = 0;
  sendings_ = 0;
  code_ = CURLE_OK;
  gunzip_.stop();
  taken_ = 0;
  bad_encoding_ = spoilt_ = streamed_ = paused_ = reply_too_long_ = timed_out_ = out_of_memory_ = false;
  give(config_.request_timeout_ms);
  attempt_ms_ = finished_ms_ = given_ms_;
  state_ = State::kRunning;
  out_of_memory_ = !configure() || !reactor_->attach(*this);
  return !out_of_memory_;
}

void Call::give(std::int64_t timeout_ms) noexcept {
  given_ms_ = monotonic_ms();
  deadline_ms_ = given_ms_ + timeout_ms;
}

void Call::excuse(std::int64_t from_ms, std::int64_t to_ms) noexcept { deadline_ms_ += to_ms - std::max(from_ms, given_ms_); }

std::size_t Call::on_header(char* data, std::size_t, std::size_t size, void* self) noexcept {
  return static_cast<Call*>(self)->take_header(read_header({data, size})) ? size : 0;
}

bool Call::take_header(const ReplyHeader& header) noexcept {
  switch (header.kind) {
    case HeaderKind::kStatus:  // another answer
      gunzip_.stop();
      return true;
    case HeaderKind::kEncoding:
      return set_encoding(encoding_of(header.value));
    case HeaderKind::kRetryAfter:
      return keep_retry_after(header.value);
    case HeaderKind::kOther:
      break;
  }
  return true;
}

bool Call::keep_retry_after(std::string_view value) noexcept try {
  retry_after_ = value;
  return true;
} catch (const std::bad_alloc&) {
  out_of_memory_ = true;
  return false;
}

bool Call::set_encoding(Encoding encoding) noexcept {
  bad_encoding_ = encoding == Encoding::kUnknown;
  if (encoding != Encoding::kGzip) return !bad_encoding_;
  out_of_memory_ = !gunzip_.start();
  return !out_of_memory_;
}

// libcurl sends a request once more by itself when a kept connection turns out
// to be dead. Whether the first one was taken is then not known.
int Call::on_sending(void* self, char*, char*, int, int) noexcept {
  auto* call = static_cast<Call*>(self);
  if (++call->sendings_ == 1) return CURL_PREREQFUNC_OK;
  if (call->request_.kind == CallKind::kTrack && !call->retry_ambiguous_) return CURL_PREREQFUNC_ABORT;
  call->maybe_repeated_ = true;
  return CURL_PREREQFUNC_OK;
}

// Not for the programs of COPY: a connection is nobody else's, and epoll would watch it
// for as long as one of them has it.
int Call::on_new_socket(void*, curl_socket_t socket, curlsocktype) noexcept {
  return fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

void Call::resume() noexcept {
  if (!paused_ || state_ != State::kRunning) return;
  paused_ = false;
  reactor_->unpause(*this);
}

std::size_t Call::on_data(char* data, std::size_t, std::size_t size, void* self) noexcept {
  auto* call = static_cast<Call*>(self);
  long status = 0;
  curl_easy_getinfo(call->easy_, CURLINFO_RESPONSE_CODE, &status);
  call->http_status_ = static_cast<int>(status);  // for who cannot make sense of it
  if (call->streams(status) && call->sink_->has_enough()) {
    call->paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (call->gunzip_.active()) return call->take_compressed(data, size, status);
  return call->take(data, size, status) ? size : 0;
}

// What is handed over again after a pause begins with what was taken before it.
std::size_t Call::take_compressed(const char* data, std::size_t size, long status) noexcept {
  std::size_t known = std::min(size, taken_);
  taken_ -= known;
  const char* next = data + known;
  std::size_t left = size - known;
  for (;;) {
    char out[CURL_MAX_WRITE_SIZE];
    std::size_t produced = 0;
    Gunzip::Result result = gunzip_.run(next, left, out, sizeof out, produced);
    if (produced > 0 && !take(out, produced, status)) return 0;
    out_of_memory_ = out_of_memory_ || result == Gunzip::Result::kOutOfMemory;
    bad_encoding_ = spoilt_ = result == Gunzip::Result::kBroken;
    if (out_of_memory_ || bad_encoding_) return 0;
    if (result == Gunzip::Result::kNeedsInput && left == 0) return size;
    if (!streams(status) || !sink_->has_enough()) continue;
    taken_ += size - left;
    paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
}

bool Call::take(const char* data, std::size_t size, long status) noexcept {
  if (streams(status)) {
    streamed_ = true;
    give(config_.request_timeout_ms);
    return sink_->on_body(data, size);
  }
  std::size_t limit = most_reply_bytes(request_.kind, status);
  if (reply_.size() + size > limit) {
    reply_too_long_ = true;
    return false;
  }
  try {
    // grown by doubling, it would be there twice at nearly its full size
    if (reply_.size() + size > limit / 4) reply_.reserve(limit);
    reply_.append(data, size);
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
    return false;
  }
  return true;
}

void Call::finish_attempt(CURLcode code) noexcept {
  finished_ms_ = monotonic_ms();
  if (code == CURLE_OK && gunzip_.lacks_end()) {
    code = CURLE_PARTIAL_FILE;
  } else if (bad_encoding_) {
    code = CURLE_BAD_CONTENT_ENCODING;
    error_text_[0] = '\0';
  }
  code_ = code;
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  http_status_ = static_cast<int>(status);
  curl_off_t downloaded = 0;
  curl_easy_getinfo(easy_, CURLINFO_SIZE_DOWNLOAD_T, &downloaded);
  wire_bytes_ += downloaded;
  bool connected = request_.connect_only && code == CURLE_OK;
  Verdict verdict = connected ? Verdict::kSuccess : judge(request_.kind, code, http_status_);
  // what was handed to the sink cannot be taken back: its owner decides
  bool for_owner = streamed_ || winding_up_ || (request_.can_split && http_status_ == 408);
  bool may_repeat = request_.kind != CallKind::kTrack || retry_ambiguous_ || !is_ambiguous();
  bool again = verdict == Verdict::kRetry && !for_owner && may_repeat && back_off();
  if (again && was_sent() && http_status_ != 429) maybe_repeated_ = true;
  if (again) return;
  end(verdict);
}

// Pendo: 429 is turned away before anything is done.
bool Call::is_ambiguous() const noexcept {
  bool turned_away = http_status_ >= 300 && http_status_ < 500 && http_status_ != 408;
  return was_sent() && !turned_away;
}

bool Call::back_off() noexcept {
  std::int64_t now = monotonic_ms();
  std::int64_t delay = backoff_.next_delay(now, retry_after_ms(retry_after_, time(nullptr)));
  if (delay < 0) return false;
  wake_ms_ = now + delay;
  state_ = State::kBackingOff;
  return true;
}

void Call::end(Verdict verdict) noexcept {
  verdict_ = verdict;
  state_ = State::kDone;
  reactor_->forget(*this);
}

std::string Call::call_text() const {
  std::string text = request_.post ? "POST " : "GET ";
  constexpr std::size_t kShownPath = 120;
  text += printable(request_.path, kShownPath);
  return text;
}

std::string Call::with_tries(std::string text) const {
  if (backoff_.tries() > 0) text += " after " + std::to_string(backoff_.tries() + 1) + " tries";
  return text;
}

// How long Pendo wants to be left alone, where that is longer than a back-off.
std::string Call::wait_text() const {
  constexpr std::int64_t kMinute = 60'000;
  constexpr std::int64_t kHour = 60 * kMinute;
  std::int64_t wait_ms = retry_after_ms(retry_after_, time(nullptr));
  if (wait_ms < kMinute) return {};
  std::string text = wait_ms < 2 * kHour ? std::to_string(wait_ms / kMinute) + " min" : std::to_string(wait_ms / kHour) + " h";
  return " Pendo asks to wait " + (wait_ms < 48 * kHour ? text : std::to_string(wait_ms / kHour / 24) + " days") + ".";
}

Failure Call::describe_no_answer() const {
  const std::string& host = request_.to_track_host ? config_.track_url : config_.api_url;
  bool sent_once_only = code_ == CURLE_ABORTED_BY_CALLBACK;  // by on_sending()
  std::string why = timed_out_       ? "no answer within request_timeout"
                    : sent_once_only ? "the connection ended without an answer"
                    : error_text_[0] ? shown_reply(config_, error_text_, kShownReplyBytes)
                                     : curl_easy_strerror(code_);
  bool never_connected = code_ == CURLE_COULDNT_CONNECT || code_ == CURLE_COULDNT_RESOLVE_HOST;
  Failure f;
  f.sqlstate = never_connected ? sqlstate::kCannotConnect : sqlstate::kConnectionFailure;
  f.message = (never_connected ? "could not reach " : "lost the call to ") + host + " for server \"" +
              config_.server_name + "\": " + why;
  f.detail = with_tries(call_text() + " got no complete answer") + ".";
  f.hint = "Check the server's region (or api_url, track_url) and the network of the database host; "
           "SELECT * FROM pendo_fdw_check('" + config_.server_name + "') shows what can be reached.";
  if (code_ == CURLE_PEER_FAILED_VERIFICATION || code_ == CURLE_SSL_CACERT_BADFILE) {
    f.hint = "The certificate must be valid for the host and signed by an authority that the database "
             "host trusts; a superuser may name another one in the server option ca_file.";
  }
  return f;
}

const Secret* Call::secret_in_use() const noexcept {
  return request_.to_track_host ? track_secret_of(config_, request_.app) : &config_.integration_key;
}

// "integration_key must be", "integration_key_file must name a file that holds".
std::string Call::secret_option(std::string name) const {
  const Secret* secret = secret_in_use();
  bool from_file = secret && secret->from_file;
  if (from_file) name += "_file";
  if (!request_.app.empty()) name = '"' + name + ':' + request_.app + '"';
  return name + (from_file ? " must name a file that holds" : " must be");
}

Failure Call::describe_refused_key() const {
  Failure f;
  f.sqlstate = sqlstate::kInsufficientPrivilege;
  std::string what = request_.to_track_host ? "track secret" : "integration key";
  if (!request_.app.empty()) what += " of app \"" + request_.app + "\"";
  f.message = "Pendo refused the " + what + " of server \"" + config_.server_name + "\"";
  f.detail = call_text() + " answered " + std::to_string(http_status_) + ".";
  if (request_.to_track_host) {
    f.hint = "The user mapping option " + secret_option("track_secret") + " the Track Event shared secret of the app "
             "(Subscription Settings > app > App Details), not the integration key, and belong to the "
             "server's region.";
  } else if (request_.kind == CallKind::kBulk) {
    f.hint = "Writing needs a key with \"Allow Write Access\" (Settings > Integrations), of the server's "
             "region. Run SELECT * FROM pendo_fdw_check('" + config_.server_name + "').";
  } else {
    f.hint = "The user mapping option " + secret_option("integration_key") + " a key of this subscription (Settings > "
             "Integrations) and of the server's region. Run SELECT * FROM pendo_fdw_check('" +
             config_.server_name + "').";
  }
  return f;
}

Failure Call::describe_answer() const {
  Failure f;
  std::string words = shown_reply(config_, reply_, kShownReplyBytes);
  std::string status = std::to_string(http_status_);
  f.message = "Pendo answered " + status + " to server \"" + config_.server_name + "\"" +
              (words.empty() ? std::string() : ": " + words);
  f.detail = with_tries(call_text() + " failed") + "." + wait_text();
  if (http_status_ == 429) {
    f.hint = "Pendo limits the rate of calls: run fewer syncs at a time, or set a longer retry_timeout.";
  } else if (http_status_ == 413) {
    f.hint = request_.kind == CallKind::kBulk ? "Set a smaller batch_size or batch_bytes."
                                              : "Ask for less at a time: fewer columns or a smaller page_size.";
  } else if (http_status_ == 408 && request_.kind == CallKind::kBulk) {
    f.hint = "Pendo ends a bulk call after five minutes, perhaps half done: set a smaller batch_size.";
  } else if (http_status_ >= 500) {
    f.hint = "Pendo is in trouble or the call is too large; try again later.";
  } else if (http_status_ >= 300 && http_status_ < 400) {
    f.hint = "Redirects are not followed, since they would carry the key elsewhere: check the server's region or api_url.";
  } else {
    f.hint = "Check that the server's region is the one of the subscription; the key of another region "
             "may be answered like this.";
  }
  return f;
}

Failure Call::failure() const noexcept try {
  Failure f;
  if (out_of_memory_ || code_ == CURLE_OUT_OF_MEMORY) {
    f.sqlstate = sqlstate::kOutOfMemory;
    f.message = "out of memory or file descriptors in a call to Pendo";
  } else if (reply_too_long_) {
    f.sqlstate = sqlstate::kProgramLimit;
    f.message = "Pendo's answer to server \"" + config_.server_name + "\" is too long";
    f.detail = call_text() + " sent more than is taken.";
    f.hint = kReplyLimitHint;
  } else if (refused_key(http_status_)) {
    f = describe_refused_key();
  } else if (http_status_ >= 300) {
    f = describe_answer();
  } else {
    f = describe_no_answer();
  }
  f.http_status = http_status_;
  return f;
} catch (const std::bad_alloc&) {
  Failure f;
  f.sqlstate = sqlstate::kOutOfMemory;
  return f;
}

}  // namespace pendo
