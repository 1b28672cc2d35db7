#include "tests/sim/cluster/seed_runner.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <type_traits>
#include <vector>

#include "protocol/base/assertion.h"

namespace strandline::cluster_sim {
namespace {

constexpr std::size_t kTextMax = 400;

// What a process says of a seed: that it begins, and what came of it.
struct Word {
  std::uint64_t seed = 0;
  bool is_over = false;
  bool passed = false;
  bool counts = false;
  bool repeated = false;
  RunStats stats;
  std::array<char, kTextMax> violation{};
};
static_assert(std::is_trivially_copyable_v<Word>);

class Runner {
 public:
  explicit Runner(const SeedPlan& plan) : plan_(plan) {}

  SeedReport run() {
    workers_.resize(static_cast<std::size_t>(plan_.jobs));
    for (std::size_t i = 0; i < workers_.size(); ++i) begin(i, plan_.first + i);
    while (listen()) {
    }
    rusage used{};
    getrusage(RUSAGE_CHILDREN, &used);
    report_.cpu_seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                          static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    return report_;
  }

 private:
  struct Worker {
    pid_t process = -1;
    int words = -1;
    std::optional<std::uint64_t> seed;  // that it is at
  };

  double passed_time() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }
  bool is_over(std::uint64_t seed) const {
    return seed >= plan_.first + plan_.seeds ||
           (plan_.seconds_max > 0 && passed_time() >= plan_.seconds_max);
  }

  void begin(std::size_t index, std::uint64_t first) {
    std::array<int, 2> ends{};
    STRANDLINE_ASSERT(::pipe(ends.data()) == 0);
    std::fflush(stdout);
    const pid_t process = ::fork();
    STRANDLINE_ASSERT(process >= 0);
    if (process == 0) {
      ::close(ends[0]);
      work(ends[1], first);
      std::fflush(stdout);
      ::_exit(0);
    }
    ::close(ends[1]);
    workers_[index] = {process, ends[0], std::nullopt};
  }

  // In a process of its own.
  void work(int to, std::uint64_t first) const {
    for (std::uint64_t seed = first; !is_over(seed); seed += workers_.size()) {
      Word word{.seed = seed};
      say(to, word);
      RunOutcome outcome = run_cluster(seed, plan_.run);
      word.repeated = seed % 100 < plan_.twice;
      if (word.repeated && outcome.passed &&
          run_cluster(seed, plan_.run).digest != outcome.digest) {
        outcome.passed = false;
        outcome.violation = "the same seed gives another run";
      }
      word.is_over = true;
      word.passed = outcome.passed;
      word.counts = outcome.counts;
      word.stats = outcome.stats;
      outcome.violation.copy(word.violation.data(), kTextMax - 1);
      say(to, word);
    }
  }

  static void say(int to, const Word& word) {
    STRANDLINE_ASSERT(::write(to, &word, sizeof(word)) == static_cast<ssize_t>(sizeof(word)));
  }

  bool listen() {
    std::vector<pollfd> fds;
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i].words < 0) continue;
      fds.push_back({workers_[i].words, POLLIN, 0});
      which.push_back(i);
    }
    if (fds.empty()) return false;
    ::poll(fds.data(), fds.size(), -1);
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents != 0) hear(which[i]);
    }
    return true;
  }

  void hear(std::size_t index) {
    Worker& worker = workers_[index];
    Word word;
    std::size_t have = 0;
    auto* const to = reinterpret_cast<char*>(&word);
    while (have < sizeof(word)) {
      const ssize_t got = ::read(worker.words, to + have, sizeof(word) - have);
      if (got <= 0) return ended(index);
      have += static_cast<std::size_t>(got);
    }
    worker.seed = word.is_over ? std::nullopt : std::optional{word.seed};
    if (word.is_over) take(word);
  }

  // A process that ends while it is at a seed was ended by an assertion.
  void ended(std::size_t index) {
    Worker& worker = workers_[index];
    ::close(worker.words);
    worker.words = -1;
    int status = 0;
    ::waitpid(worker.process, &status, 0);
    if (!worker.seed || stopped_) return;
    const std::uint64_t seed = *worker.seed;
    fail(seed, "the process ended: an assertion, or worse");
    if (!stopped_) begin(index, seed + workers_.size());
  }

  void take(const Word& word) {
    report_.stats.add(word.stats);
    if (word.repeated) ++report_.repeated;
    if (!word.passed) return fail(word.seed, word.violation.data());
    ++(word.counts ? report_.passed : report_.idle);
  }

  void fail(std::uint64_t seed, const std::string& why) {
    if (stopped_) return;
    ++report_.failed;
    std::printf("FAILED: %s\n  again: %s --seed %lu\n", why.c_str(), plan_.again.c_str(), seed);
    std::fflush(stdout);
    if (!plan_.until_found) return;
    stopped_ = true;
    for (const Worker& worker : workers_) {
      if (worker.words >= 0) ::kill(worker.process, SIGKILL);
    }
  }

  const SeedPlan& plan_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::vector<Worker> workers_;
  bool stopped_ = false;
  SeedReport report_;
};

}  // namespace

SeedReport run_seeds(const SeedPlan& plan) { return Runner{plan}.run(); }

}  // namespace strandline::cluster_sim
