// strandlined: reads the command line, brings the broker up, and waits for a signal.
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <variant>

#include "broker/cluster/forced_recovery.h"
#include "broker/config/load.h"
#include "broker/logging/log.h"
#include "broker/server/broker.h"
#include "broker/version.h"

namespace strandline {
namespace {

int print_and_exit(const CommandLineExit& leave) {
  std::fputs(leave.text.c_str(), leave.failed ? stderr : stdout);
  return leave.failed ? kExitBadUsage : EXIT_SUCCESS;
}

// Blocked in every thread that starts from here on; only the main thread takes them, by sigwait.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

int serve(Settings settings) {
  const sigset_t signals = block_signals();
  // A failed sync: nothing may be acknowledged any more, and a clean end would sync again.
  Broker broker{std::move(settings), [](int exit_status) { ::_exit(exit_status); }};
  const auto started = broker.start([&broker] {
    const std::string http = broker.http_address();
    std::printf("strandlined %s listening on %s%s%s\n", std::string{kVersion}.c_str(),
                broker.kafka_address().c_str(), http.empty() ? "" : ", http on ", http.c_str());
    std::fflush(stdout);
  });
  if (!started) {
    std::fprintf(stderr, "strandlined: %s\n", started.error().message.c_str());
    return kExitBadStart;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  log_line(LogLevel::info, "broker", "stopping",
           {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  broker.stop();
  return EXIT_SUCCESS;
}

// Status 0: it is done; 3: it was only told what it would cost.
int recover(const Settings& settings, bool accept_loss) {
  constexpr int kOnlyTold = 3;
  const ForcedRecovery recovery = recover_as_lone_voter(settings, accept_loss);
  if (recovery.failed) {
    std::fprintf(stderr, "strandlined: %s\n", recovery.text.c_str());
    return kExitBadStart;
  }
  std::fputs(recovery.text.c_str(), stdout);
  std::fputs(recovery.done
                 ? "Done: this broker is the only voter. Start it; others join it again with empty "
                   "data directories.\n"
                 : "Nothing was changed. With --accept-loss as well, it will be.\n",
             stdout);
  return recovery.done ? EXIT_SUCCESS : kOnlyTold;
}

// Left alone, the allocator learns to serve large buffers from its heaps, where each that is freed
// stays behind whatever lies above it: the process would hold some multiple of memory.budget. So
// they have pages of their own, given back at once; BufferPool keeps those that are used all the
// time.
void keep_large_buffers_apart() { ::mallopt(M_MMAP_THRESHOLD, 1 << 20); }

int run(int argc, char** argv) {
  keep_large_buffers_apart();
  const auto parsed = parse_command_line(argc, argv, kVersion);
  if (const auto* leave = std::get_if<CommandLineExit>(&parsed)) return print_and_exit(*leave);
  const CommandLine& command_line = std::get<CommandLine>(parsed);
  LoadedSettings loaded = load_settings(command_line);
  if (command_line.check_config) return print_and_exit(check_config_report(loaded));
  if (!loaded.problems.empty()) {
    for (const std::string& problem : loaded.problems) {
      std::fprintf(stderr, "strandlined: %s\n", problem.c_str());
    }
    return kExitBadUsage;
  }
  if (command_line.recover_lone_voter) {
    return recover(loaded.settings, command_line.accept_loss);
  }
  LogLevel level = LogLevel::info;
  if (parse_log_level(loaded.settings.log_level, level)) set_log_level(level);
  return serve(std::move(loaded.settings));
}

}  // namespace
}  // namespace strandline

int main(int argc, char** argv) { return strandline::run(argc, argv); }
