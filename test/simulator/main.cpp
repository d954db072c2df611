// Starts a simulator and waits for the signal to end.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "http_server.h"
#include "options.h"

namespace {

using namespace simulator;

// Threads inherit the mask, so that only wait_for_end() sees the signals.
sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int run(const Options& options) {
  sigset_t signals = block_signals();
  World world(options.data);
  world.further_keys = options.further_keys;
  std::string error;
  for (const auto& [name, value] : options.switches) world.switches.set(name, value, error);
  world.switches.remember();
  if (!options.journal.empty()) keep_journal(world, options.journal);
  HttpServer server(world, options.port);
  std::printf("ready http://127.0.0.1:%d\n", server.port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  // nothing is worth keeping, and stalled connections must not delay the end
  std::_Exit(0);
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  std::string error;
  if (!parse_options({arguments + 1, arguments + count}, options, error)) {
    std::fprintf(stderr, "pendo-simulator: %s\n%s", error.c_str(), kUsage);
    return 2;
  }
  if (options.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  try {
    return run(options);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "pendo-simulator: %s\n", failure.what());
    return 1;
  }
}
