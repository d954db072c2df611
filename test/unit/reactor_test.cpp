// Calls against a listener of the test's own, which says when what is there.
#include "reactor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>

#include "call.h"

namespace {

int epoll_refusals = 0;

}  // namespace

// In front of the C library's.
extern "C" int epoll_ctl(int epoll, int what, int fd, epoll_event* event) noexcept {
  if (what != EPOLL_CTL_ADD || epoll_refusals == 0) return static_cast<int>(syscall(SYS_epoll_ctl, epoll, what, fd, event));
  --epoll_refusals;
  errno = ENOSPC;
  return -1;
}

namespace pendo {
namespace {

constexpr int kLongMs = 10'000;

bool is_readable(int fd, int within_ms) {
  pollfd one{fd, POLLIN, 0};
  return poll(&one, 1, within_ms) > 0;
}

// The server's side of a connection.
class Peer {
 public:
  explicit Peer(int listener) : fd_(is_readable(listener, kLongMs) ? accept(listener, nullptr, nullptr) : -1) {}
  ~Peer() { leave(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void leave() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // The head of a request; nothing if none comes.
  std::string take_request() {
    char text[4096];
    if (!is_readable(fd_, kLongMs)) return {};
    ssize_t size = recv(fd_, text, sizeof text, 0);
    return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  }

  void answer(std::string_view status = "200 OK") {
    std::string text = "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 2\r\n\r\n{}";
    EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

 private:
  int fd_;
};

class ReactorTest : public testing::Test {
 protected:
  void SetUp() override {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(listener_, 8), 0);
    ASSERT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    config_.api_url = config_.track_url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    reactor_ = Reactor::create();
    ASSERT_TRUE(reactor_);
  }

  void TearDown() override { close(listener_); }

  void start(Call& call, std::string_view path, bool owner_waited = true) {
    ASSERT_TRUE(call.start(*reactor_, Request{.path = std::string(path), .body = {}}, nullptr));
    reactor_->advance(owner_waited);
  }

  // As an owner does: waits for the descriptor, then looks.
  void wait_for(const Call& call) {
    wait_while(call, Call::State::kRunning);
    EXPECT_TRUE(call.done());
  }

  void wait_while(const Call& call, Call::State state) {
    while (call.state() == state) {
      ASSERT_TRUE(is_readable(reactor_->fd(), kLongMs)) << "nobody was woken";
      reactor_->advance(true);
    }
  }

  // Takes the request, with the owner asleep before and after, and answers it.
  void serve(Peer& peer, Call& call, std::string_view path) {
    EXPECT_TRUE(gets_quiet());
    EXPECT_TRUE(peer.take_request().starts_with("GET " + std::string(path) + " "));
    EXPECT_TRUE(gets_quiet());
    peer.answer();
    wait_for(call);
    EXPECT_TRUE(call.succeeded()) << call.failure().message << ": " << call.failure().detail;
  }

  // Waits and looks until nothing is left to do. Timers of libcurl go off now and
  // then; one that is woken all the time is not quiet.
  bool gets_quiet() {
    constexpr int kMostWakes = 50;
    int wakes = 0;
    while (wakes < kMostWakes && is_readable(reactor_->fd(), 50)) {
      reactor_->advance(true);
      ++wakes;
    }
    return wakes < kMostWakes;
  }

  int listener_ = -1;
  Config config_;
  CallOptions options_;
  std::unique_ptr<Reactor> reactor_;
};

// Each connection likely has the number of the one before it, which is gone.
TEST_F(ReactorTest, WakesItsOwnerForAnAnswer) {
  Call call(config_, options_);
  for (int i = 0; i < 3; ++i) {
    start(call, "/one");
    Peer peer(listener_);
    serve(peer, call, "/one");
  }
}

// Who does not wait does not ask for the descriptor.
TEST_F(ReactorTest, GetsOnWithoutAWait) {
  Call call(config_, options_);
  start(call, "/one");
  Peer peer(listener_);
  reactor_->advance(true);
  EXPECT_TRUE(peer.take_request().starts_with("GET /one "));
  peer.answer();
  for (int i = 0; i < kLongMs && !call.done(); ++i) {
    usleep(1000);
    reactor_->advance(true);
  }
  EXPECT_TRUE(call.succeeded());
}

TEST_F(ReactorTest, WakesItsOwnerForTheNextTry) {
  options_.max_retries = 1;
  Call call(config_, options_);
  start(call, "/one");
  Peer peer(listener_);
  EXPECT_TRUE(gets_quiet());
  peer.take_request();
  peer.answer("503 Service Unavailable");
  wait_while(call, Call::State::kRunning);
  EXPECT_EQ(call.state(), Call::State::kBackingOff);
  wait_while(call, Call::State::kBackingOff);
  serve(peer, call, "/one");
}

TEST_F(ReactorTest, SleepsWhenAConnectionNobodyUsesIsClosed) {
  for (int closed : {0, 1}) {
    Call calls[] = {{config_, options_}, {config_, options_}};
    start(calls[0], "/0");
    Peer first(listener_);
    start(calls[1], "/1");
    Peer second(listener_);
    Peer* peers[] = {&first, &second};
    for (int i : {closed, 1 - closed}) {
      serve(*peers[i], calls[i], "/" + std::to_string(i));
      peers[i]->leave();
      EXPECT_TRUE(gets_quiet());
    }
  }
}

TEST_F(ReactorTest, WatchesManyAndAnyOfThem) {
  Call one(config_, options_);
  Call two(config_, options_);
  Call three(config_, options_);
  start(one, "/one");
  Peer first(listener_);
  start(two, "/two");
  Peer second(listener_);
  start(three, "/three");
  Peer third(listener_);
  EXPECT_TRUE(gets_quiet());
  for (Peer* peer : {&first, &second, &third}) peer->take_request();
  second.answer();
  wait_for(two);
  first.answer();
  third.answer();
  wait_for(one);
  wait_for(three);
  EXPECT_TRUE(one.succeeded() && two.succeeded() && three.succeeded());
}

// The owner was busy elsewhere, which is not held against Pendo. But that was before
// the call.
TEST_F(ReactorTest, ExcusesAnAbsenceOfItsOwnerOnce) {
  constexpr int kPauseMs = 3000;
  config_.request_timeout_ms = 500;
  options_.max_retries = 0;
  Call call(config_, options_);
  reactor_->advance(true);
  usleep(kPauseMs * 1000);
  start(call, "/one", false);
  Peer peer(listener_);
  wait_for(call);
  EXPECT_EQ(call.failure().http_status, 0);
  EXPECT_FALSE(call.succeeded());
  EXPECT_LT(call.elapsed_ms(), kPauseMs);
}

TEST_F(ReactorTest, ExcusesAnAbsenceDuringACall) {
  config_.request_timeout_ms = 2000;
  options_.max_retries = 0;
  Call call(config_, options_);
  start(call, "/one");
  Peer peer(listener_);
  EXPECT_TRUE(gets_quiet());
  usleep(2'500'000);
  reactor_->advance(false);
  EXPECT_FALSE(call.done());
  serve(peer, call, "/one");
}

TEST_F(ReactorTest, ExcusesNoAbsenceBeforeItWindsUp) {
  constexpr int kPauseMs = 3000;
  Call call(config_, options_);
  start(call, "/one");
  Peer peer(listener_);
  EXPECT_TRUE(gets_quiet());
  usleep(kPauseMs * 1000);
  std::int64_t from = monotonic_ms();
  call.wind_up(200);
  reactor_->advance(false);
  wait_for(call);
  EXPECT_FALSE(call.succeeded());
  EXPECT_LT(monotonic_ms() - from, kPauseMs);
}

// Again and again, however often: libcurl itself gives up after five.
TEST_F(ReactorTest, SendsAgainOnANewConnectionWhenTheKeptOneIsDead) {
  options_.max_retries = 0;
  Call call(config_, options_);
  std::unique_ptr<Peer> peer;
  for (int i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    start(call, "/one");
    EXPECT_TRUE(gets_quiet());
    if (peer) {
      EXPECT_FALSE(peer->take_request().empty());
      peer->leave();
      EXPECT_TRUE(gets_quiet());
    }
    peer = std::make_unique<Peer>(listener_);
    serve(*peer, call, "/one");
  }
}

TEST_F(ReactorTest, SaysThatASocketCannotBeWatchedAndGoesOn) {
  epoll_refusals = 1;
  Call call(config_, options_);
  start(call, "/one");
  Peer refused(listener_);
  wait_for(call);
  EXPECT_FALSE(call.succeeded());
  EXPECT_EQ(call.failure().message, "out of memory or file descriptors in a call to Pendo");
  EXPECT_EQ(epoll_refusals, 0);

  start(call, "/one");
  Peer peer(listener_);
  serve(peer, call, "/one");
}

TEST_F(ReactorTest, IsNotMadeWithoutATimer) {
  epoll_refusals = 1;
  EXPECT_EQ(Reactor::create(), nullptr);
  EXPECT_EQ(epoll_refusals, 0);
}

TEST_F(ReactorTest, LeavesNoConnectionToAProgramThatIsStarted) {
  Call call(config_, options_);
  start(call, "/one");
  Peer peer(listener_);
  EXPECT_TRUE(gets_quiet());
  sockaddr_in own{};
  socklen_t size = sizeof own;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&own), &size);
  int found = 0;
  for (int fd = 0; fd < 100; ++fd) {
    sockaddr_in other{};
    socklen_t length = sizeof other;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&other), &length) != 0 || other.sin_port != own.sin_port) continue;
    ++found;
    EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  }
  EXPECT_EQ(found, 1);
}

// The next request may go to another place, by another key, and with another body.
TEST_F(ReactorTest, AsksForWhatTheNextRequestSays) {
  config_.integration_key.text = "key";
  config_.track_secret.text = "secret";
  config_.app_secrets = {{.app = "shop", .secret = {.text = "of the shop", .problem = {}}}};
  Call call(config_, options_);
  struct {
    Request request;
    std::string_view line, key, body;
  } cases[] = {
      {{.kind = CallKind::kTrack, .post = true, .to_track_host = true, .path = "/data/track", .body = "{1}"}, "POST /data/track ", "secret", "{1}"},
      {{.kind = CallKind::kTrack, .post = true, .to_track_host = true, .path = "/data/track", .body = "{22}"}, "POST /data/track ", "secret", "{22}"},
      {{.kind = CallKind::kTrack, .post = true, .to_track_host = true, .path = "/data/track", .body = "{1}", .app = "shop"}, "POST /data/track ", "of the shop", "{1}"},
      {{.kind = CallKind::kRead, .post = true, .path = "/other", .body = "{333}"}, "POST /other ", "key", "{333}"},
      {{.kind = CallKind::kRead, .path = "/other", .body = {}}, "GET /other ", "key", ""},
      {{.kind = CallKind::kRead, .path = "/more", .body = {}}, "GET /more ", "key", ""},
  };
  std::unique_ptr<Peer> peer;
  for (auto& [request, line, key, body] : cases) {
    ASSERT_TRUE(call.start(*reactor_, std::move(request), nullptr));
    reactor_->advance(true);
    if (!peer) peer = std::make_unique<Peer>(listener_);
    EXPECT_TRUE(gets_quiet());
    std::string sent = peer->take_request();
    EXPECT_TRUE(sent.starts_with(line)) << sent;
    EXPECT_NE(sent.find("\r\nx-pendo-integration-key: " + std::string(key) + "\r\n"), std::string::npos) << sent;
    EXPECT_TRUE(sent.ends_with("\r\n\r\n" + std::string(body))) << sent;
    EXPECT_EQ(sent.find("\r\nContent-Length: ") != std::string::npos, !body.empty()) << sent;
    peer->answer();
    wait_for(call);
    EXPECT_TRUE(call.succeeded());
  }
}

}  // namespace
}  // namespace pendo
