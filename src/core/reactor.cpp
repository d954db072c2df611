// libcurl, epoll and a timer.
#include "reactor.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "call.h"

namespace pendo {
namespace {

// libcurl resolves names in a thread of its own. Signals sent to the process
// must not run their handlers there, so the thread is born with all blocked.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

std::unique_ptr<Reactor> Reactor::create() noexcept {
  std::unique_ptr<Reactor> reactor(new (std::nothrow) Reactor);
  if (!reactor || !reactor->open()) return nullptr;
  return reactor;
}

bool Reactor::open() noexcept {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  multi_ = curl_multi_init();
  if (epoll_ < 0 || timer_ < 0 || !multi_) return false;
  if (!watch(timer_, POLLIN) || !tell_epoll(timer_)) return false;
  changed_.clear();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  return true;
}

Reactor::~Reactor() {
  SignalsBlocked blocked;
  while (!calls_.empty()) calls_.back()->cancel();
  if (multi_) curl_multi_cleanup(multi_);
  if (timer_ >= 0) close(timer_);
  if (epoll_ >= 0) close(epoll_);
}

int Reactor::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) noexcept {
  short events = 0;
  if (what & CURL_POLL_IN) events |= POLLIN;
  if (what & CURL_POLL_OUT) events |= POLLOUT;  // CURL_POLL_REMOVE has neither
  return static_cast<Reactor*>(self)->watch(socket, events) ? 0 : -1;
}

std::vector<pollfd>::iterator Reactor::watched(int socket) noexcept {
  return std::find_if(watched_.begin(), watched_.end(), [socket](const pollfd& one) { return one.fd == socket; });
}

// Each request has its connection watched and let go. Where rows come so fast that
// nobody waits in between, epoll need not hear of it. To let go must not fail, and has
// its memory from when the socket came.
bool Reactor::watch(int socket, short events) noexcept try {
  auto known = watched(socket);
  if (known == watched_.end()) {
    if (!events) return true;
    changed_.reserve(changed_.size() + watched_.size() + 1);
    known = watched_.insert(known, pollfd{socket, 0, 0});
  }
  known->events = events;
  if (!events) {
    *known = watched_.back();
    watched_.pop_back();
  }
  if (std::find(changed_.begin(), changed_.end(), socket) == changed_.end()) changed_.push_back(socket);
  return true;
} catch (const std::bad_alloc&) {
  watch_failed_ = true;
  return false;
}

// The number may be that of a socket which is closed by now, and of a new one.
bool Reactor::tell_epoll(int socket) noexcept {
  auto known = watched(socket);
  epoll_event event{};
  event.data.fd = socket;
  if (known == watched_.end()) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, &event);
    return true;
  }
  if (known->events & POLLIN) event.events |= EPOLLIN;
  if (known->events & POLLOUT) event.events |= EPOLLOUT;
  return epoll_ctl(epoll_, EPOLL_CTL_MOD, socket, &event) == 0 ||
         (errno == ENOENT && epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) == 0);
}

int Reactor::fd() noexcept {
  std::erase_if(changed_, [this](int socket) { return tell_epoll(socket); });
  watch_failed_ = watch_failed_ || !changed_.empty();
  arm();
  return epoll_;
}

int Reactor::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
  auto* reactor = static_cast<Reactor*>(self);
  reactor->curl_due_ms_ = timeout_ms < 0 ? -1 : monotonic_ms() + timeout_ms;
  return 0;
}

bool Reactor::remember(Call& call) noexcept {
  try {
    calls_.push_back(&call);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void Reactor::forget(Call& call) noexcept { std::erase(calls_, &call); }

// It starts nothing, and so no thread, before advance().
bool Reactor::attach(Call& call) noexcept {
  return curl_multi_add_handle(multi_, call.easy_) == CURLM_OK;
}

void Reactor::detach(Call& call) noexcept {
  SignalsBlocked blocked;
  curl_multi_remove_handle(multi_, call.easy_);
}

void Reactor::unpause(Call& call) noexcept {
  SignalsBlocked blocked;
  // it may hand over what was held back, and what goes wrong then ends nothing by itself
  CURLcode code = curl_easy_pause(call.easy_, CURLPAUSE_CONT);
  if (code != CURLE_OK) {
    curl_multi_remove_handle(multi_, call.easy_);
    call.finish_attempt(code);
  }
}

void Reactor::excuse_absence(bool owner_waited) noexcept {
  std::int64_t now = monotonic_ms();
  absence_ms_ = owner_waited || last_ms_ == 0 ? 0 : now - last_ms_;
  last_ms_ = now;
  if (absence_ms_ == 0) return;
  for (Call* call : calls_) {
    if (call->state_ == Call::State::kRunning) call->excuse(now - absence_ms_, now);
  }
}

void Reactor::advance(bool owner_waited) noexcept {
  SignalsBlocked blocked;
  excuse_absence(owner_waited);
  run_sockets();
  run_timer();
  collect_finished();
  run_deadlines();
}

// What is done for one may add others and take any off the list, whose last one
// moves to the gap: hence from the back.
void Reactor::run_sockets() noexcept {
  if (poll(watched_.data(), watched_.size(), 0) <= 0) return;
  for (std::size_t i = watched_.size(); i-- > 0;) {
    if (i >= watched_.size()) continue;
    short ready = std::exchange(watched_[i].revents, 0);
    if (ready && watched_[i].fd == timer_) {
      take_tick();
    } else if (ready) {
      run_socket(watched_[i].fd, ready);
    }
  }
}

void Reactor::take_tick() noexcept {
  std::uint64_t ticks = 0;
  [[maybe_unused]] auto size = read(timer_, &ticks, sizeof ticks);
  armed_ms_ = -1;
}

void Reactor::run_socket(int socket, short ready) noexcept {
  int mask = 0;
  if (ready & POLLIN) mask |= CURL_CSELECT_IN;
  if (ready & POLLOUT) mask |= CURL_CSELECT_OUT;
  if (ready & (POLLERR | POLLHUP)) mask |= CURL_CSELECT_ERR;
  int running = 0;
  curl_multi_socket_action(multi_, socket, mask, &running);
}

void Reactor::run_timer() noexcept {
  if (curl_due_ms_ < 0 || monotonic_ms() < curl_due_ms_) return;
  curl_due_ms_ = -1;
  int running = 0;
  curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
}

void Reactor::collect_finished() noexcept {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    CURLcode code = message->data.result;  // the message dies with the next call
    auto is_its = [easy](const Call* call) { return call->easy_ == easy; };
    auto found = std::find_if(calls_.begin(), calls_.end(), is_its);
    if (found == calls_.end()) continue;
    Call& call = **found;
    curl_multi_remove_handle(multi_, easy);
    // libcurl counts the owner's absence against the connection it was making
    bool unfair = code == CURLE_OPERATION_TIMEDOUT && absence_ms_ > 0 && !call.was_sent();
    if (unfair && call.begin_attempt()) continue;
    call.finish_attempt(code);
  }
}

void Reactor::run_deadlines() noexcept {
  std::int64_t now = monotonic_ms();
  // a call that ends takes itself off the list, hence from the back
  for (std::size_t i = calls_.size(); i-- > 0;) {
    if (i >= calls_.size()) continue;
    Call& call = *calls_[i];
    if (call.state_ == Call::State::kBackingOff && now >= call.wake_ms_) {
      if (!call.begin_attempt()) call.end(Verdict::kFinal);
    } else if (call.state_ == Call::State::kRunning && call.deadline_ms_ && now >= call.deadline_ms_) {
      curl_multi_remove_handle(multi_, call.easy_);
      call.timed_out_ = true;
      call.finish_attempt(CURLE_OPERATION_TIMEDOUT);
    } else if (call.state_ == Call::State::kRunning && watch_failed_) {
      curl_multi_remove_handle(multi_, call.easy_);
      call.finish_attempt(CURLE_OUT_OF_MEMORY);
    }
  }
  watch_failed_ = false;
}

// One timer for all: libcurl's own, ends of back-offs, deadlines of bodies. One that
// ends too soon only wakes its owner in vain, and setting it costs more than that.
void Reactor::arm() noexcept {
  std::int64_t due = curl_due_ms_;
  auto earlier = [&due](std::int64_t t) {
    if (t && (due < 0 || t < due)) due = t;
  };
  for (const Call* call : calls_) {
    if (call->state_ == Call::State::kBackingOff) earlier(call->wake_ms_);
    if (call->state_ == Call::State::kRunning) earlier(call->deadline_ms_);
  }
  if (watch_failed_) due = monotonic_ms();
  if (due < 0 || (armed_ms_ >= 0 && armed_ms_ <= due)) return;
  armed_ms_ = due;
  itimerspec when{};
  // an absolute time of zero would disarm
  when.it_value.tv_sec = due / 1000;
  when.it_value.tv_nsec = due % 1000 * 1'000'000 + 1;
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace pendo
