// The program itself: its first line, its options, its end, its memory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "simulator_client.h"

namespace simulator {
namespace {

class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int out[2];
    int error[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(error, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], 1);
      ::dup2(error[1], 2);
      arguments.insert(arguments.begin(), SIMULATOR_PROGRAM);
      std::vector<char*> pointers;
      for (auto& argument : arguments) pointers.push_back(argument.data());
      pointers.push_back(nullptr);
      ::execv(SIMULATOR_PROGRAM, pointers.data());
      ::_exit(127);
    }
    ::close(out[1]);
    ::close(error[1]);
    out_ = out[0];
    error_ = error[0];
  }
  ~Process() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
    ::close(out_);
    ::close(error_);
  }

  // The port of the first line.
  int port() {
    std::string line;
    for (char c = 0; c != '\n' && ::read(out_, &c, 1) == 1;) line += c;
    constexpr std::string_view kBegin = "ready http://127.0.0.1:";
    EXPECT_TRUE(line.starts_with(kBegin)) << line;
    return line.starts_with(kBegin) ? std::stoi(line.substr(kBegin.size())) : 0;
  }
  void signal(int number) { ::kill(pid_, number); }
  int exit_status() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  std::string output() { return read_all(out_); }
  std::string errors() { return read_all(error_); }
  // In kB, as the kernel counts it: "VmRSS" now, "VmHWM" at most.
  long memory(const std::string& name) const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
    }
    return -1;
  }

 private:
  static std::string read_all(int fd) {
    std::string all;
    char bytes[4096];
    for (ssize_t got = 0; (got = ::read(fd, bytes, sizeof bytes)) > 0;) all.append(bytes, static_cast<std::size_t>(got));
    return all;
  }

  pid_t pid_ = 0;
  int out_ = -1;
  int error_ = -1;
};

const HeaderList kKey = {{"x-pendo-integration-key", "sim-write-key"}};
constexpr std::string_view kAllVisitors = R"({"request":{"pipeline":[{"source":{"visitors":null}}]}})";

TEST(SimulatorProcess, OptionsSetWhatTheySay) {
  Process process({"--port", "0", "--visitors=7", "--accounts", "3", "--seed", "9", "--clean", "--set", "put_answer=value",
                   "--latency-ms", "1", "--big-records", "1"});
  int port = process.port();
  Connection connection(port);
  connection.send(request_text("POST", "/api/v1/aggregation",
                               R"({"request":{"pipeline":[{"source":{"visitors":null}},{"identified":"visitorId"},{"count":null}]}})", kKey));
  EXPECT_EQ(connection.read_reply().body, R"({"results":[{"count":7}]})");
  connection.send(request_text("GET", "/__sim/config"));
  Value config = connection.read_reply().json();
  EXPECT_EQ(find_path(config, "put_answer.value")->string(), "value");
  EXPECT_EQ(find_path(config, "latency_ms.value")->integer(), 1);
  connection.send(request_text("POST", "/__sim/config", R"({"put_answer":"object"})"));
  connection.read_reply();
  connection.send(request_text("POST", "/__sim/reset"));
  connection.read_reply();
  connection.send(request_text("GET", "/__sim/config"));
  EXPECT_EQ(find_path(connection.read_reply().json(), "put_answer.value")->string(), "value") << "back to the start value";
  connection.send(request_text("GET", "/__sim/record/visitor/v0000001"));
  EXPECT_GT(connection.read_reply().body.size(), 1'000'000U);
  process.signal(SIGTERM);
  EXPECT_EQ(process.exit_status(), 0);
}

TEST(SimulatorProcess, FurtherKeysAreTakenBesideTheOthers) {
  Process process({"--visitors", "7", "--write-key", "further-key", "--track-secret=further-secret"});
  Connection connection(process.port());
  auto status = [&connection](std::string_view method, std::string_view path, std::string_view body, const std::string& key) {
    connection.send(request_text(method, path, body, {{"x-pendo-integration-key", key}}));
    return connection.read_reply().status;
  };
  constexpr std::string_view kEvent = R"({"type":"track","event":"e","visitorId":"v","timestamp":1735689600000})";
  for (std::string key : {"further-key", "sim-write-key"}) {
    EXPECT_EQ(status("POST", "/api/v1/metadata/visitor/custom/value", "[]", key), 200) << key;
    EXPECT_EQ(status("POST", "/data/track", kEvent, key), 403) << key;
  }
  for (std::string key : {"further-secret", "sim-track-secret"}) {
    EXPECT_EQ(status("POST", "/data/track", kEvent, key), 200) << key;
    EXPECT_EQ(status("GET", "/api/v1/token/verify", "", key), 403) << key;
  }
  EXPECT_EQ(status("GET", "/api/v1/token/verify", "", ""), 403);
}

TEST(SimulatorProcess, BadOptionsEndItWithTwo) {
  for (std::vector<std::string> arguments :
       {std::vector<std::string>{"--bogus"}, {"--port"}, {"--port", "x"}, {"--port", "70000"}, {"--visitors", "-1"},
        {"--visitors", "99999999"}, {"--set", "nope=1"}, {"--set", "null_value"}, {"--set", "null_value=x"}, {"stray"}, {"--seed="}}) {
    Process process(arguments);
    EXPECT_EQ(process.exit_status(), 2) << arguments[0];
    EXPECT_TRUE(process.errors().starts_with("pendo-simulator: ")) << arguments[0];
    EXPECT_EQ(process.output(), "");
  }
}

TEST(SimulatorProcess, HelpIsNoError) {
  Process process({"--help"});
  EXPECT_EQ(process.exit_status(), 0);
  std::string help = process.output();
  for (std::string_view option : {"--port", "--visitors", "--accounts", "--seed", "--latency-ms", "--clean", "--set", "--big-records",
                                  "--write-key", "--track-secret", "--journal"}) {
    EXPECT_NE(help.find(option), std::string::npos) << option;
  }
}

TEST(SimulatorProcess, APortThatIsTakenIsAnError) {
  Process first({"--port", "0"});
  Process second({"--port", std::to_string(first.port())});
  EXPECT_EQ(second.exit_status(), 1);
  EXPECT_TRUE(second.errors().starts_with("pendo-simulator: bind"));
}

TEST(SimulatorProcess, SigtermEndsItWhateverItDoes) {
  Process process({"--visitors", "1000000", "--accounts", "10"});
  int port = process.port();
  Connection control(port);
  control.send(request_text("POST", "/__sim/faults", R"([{"route":"GET *","kind":"stall_before","ms":600000}])"));
  control.read_reply();
  Connection stalled(port);
  stalled.send(request_text("GET", "/api/v1/token/verify", "", kKey));
  Connection unread(port, 16 * 1024);
  unread.send(request_text("POST", "/api/v1/aggregation", kAllVisitors, kKey));
  Connection half(port);
  half.send("GET / HT");
  EXPECT_GT(unread.receive(5000).size(), 0U);
  auto start = std::chrono::steady_clock::now();
  process.signal(SIGTERM);
  EXPECT_EQ(process.exit_status(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(SimulatorProcess, KilledItHasWhatItHadAnswered) {
  std::string path = testing::TempDir() + "journal_" + std::to_string(::getpid());
  auto options = [&path](int port) { return std::vector<std::string>{"--clean", "--journal", path, "--port", std::to_string(port)}; };
  int port = 0;
  int answered = 0;
  for (int round = 0; round < 3; ++round) {
    Process process(options(port));
    port = process.port();
    std::thread killer([&process] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      process.signal(SIGKILL);
    });
    Connection connection(port);
    connection.send(request_text("GET", "/__sim/events"));
    auto before = static_cast<int>(connection.read_reply().json().list().size());
    EXPECT_GE(before, answered);
    EXPECT_LE(before, answered + 1) << "one was on its way";
    answered = before;
    for (;; ++answered) {
      connection.send(request_text("POST", "/data/track", R"({"type":"track","event":"e","visitorId":"v","timestamp":1})",
                                   {{"x-pendo-integration-key", "sim-track-secret"}}));
      if (connection.read_reply().status != 200) break;
    }
    killer.join();
    EXPECT_EQ(process.exit_status(), 1000 + SIGKILL);
  }
  EXPECT_GT(answered, 0);
  ::unlink(path.c_str());
}

TEST(SimulatorProcess, AMillionVisitorsAreNoMemory) {
  Process process({"--visitors", "1000000", "--accounts", "10000"});
  int port = process.port();
  EXPECT_LT(process.memory("VmRSS"), 50'000);
  Connection slow(port, 16 * 1024);
  slow.send(request_text("POST", "/api/v1/aggregation", kAllVisitors, kKey));
  Connection quick(port);
  quick.send(request_text("POST", "/api/v1/aggregation", kAllVisitors, kKey));
  std::size_t got = 0;
  while (got < 100'000'000) {
    std::size_t more = quick.receive(5000, SIZE_MAX).size();
    ASSERT_GT(more, 0U);
    got += more;
  }
  EXPECT_LT(process.memory("VmHWM"), 60'000) << "neither a client that reads nor one that does not";
}

}  // namespace
}  // namespace simulator
