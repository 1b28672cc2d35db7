#include "broker/logging/log.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/ids.h"

namespace strandline {
namespace {

std::mutex lines_mutex;
std::vector<std::string> lines;

// Collects lines for one test, at the level given.
class CapturedLog {
 public:
  explicit CapturedLog(LogLevel level) {
    lines.clear();
    set_log_level(level);
    set_log_sink([](std::string_view line) {
      const std::lock_guard lock{lines_mutex};
      lines.emplace_back(line);
    });
  }
  ~CapturedLog() {
    set_log_sink(nullptr);
    set_log_level(LogLevel::info);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
};

TEST_CASE("log: a line holds level, component, message and fields", "[log]") {
  const CapturedLog log{LogLevel::debug};
  log_line(LogLevel::warn, "net", "closing",
           {{"peer", "127.0.0.1:9"},
            {"offset", Offset{-1}},
            {"bytes", std::uint64_t{18446744073709551615U}},
            {"ok", false},
            {"share", 0.5}});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] ==
        "warning net: closing peer=127.0.0.1:9 offset=-1 bytes=18446744073709551615 ok=false "
        "share=0.5");
}

TEST_CASE("log: lines below the level are neither written nor counted", "[log]") {
  const CapturedLog log{LogLevel::warn};
  const LogCounts before = log_counts();
  log_line(LogLevel::info, "net", "quiet");
  log_limited(LogLevel::debug, "net", "quiet", "quiet");
  CHECK(lines.empty());
  CHECK(log_counts().written[static_cast<int>(LogLevel::info)] ==
        before.written[static_cast<int>(LogLevel::info)]);
  log_line(LogLevel::error, "net", "loud");
  CHECK(lines.size() == 1);
  CHECK(log_counts().written[static_cast<int>(LogLevel::error)] ==
        before.written[static_cast<int>(LogLevel::error)] + 1);
}

TEST_CASE("log: a peer cannot forge a line or a field", "[log]") {
  const CapturedLog log{LogLevel::info};
  log_line(LogLevel::info, "net", "client\nerror x: y",
           {{"id", "a\r\n2026 error net: b=1 \"q\" \x1b[31m"}, {"empty", ""}});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find('\n') == std::string::npos);
  CHECK(lines[0].find('\x1b') == std::string::npos);
  CHECK(
      lines[0] ==
      R"(info    net: client\x0aerror x: y id="a\x0d\x0a2026 error net: b=1 \"q\" \x1b[31m" empty="")");
}

TEST_CASE("log: a value of any length makes a line of bounded length", "[log]") {
  const CapturedLog log{LogLevel::info};
  log_line(LogLevel::info, "net", "long", {{"id", std::string(100'000, 'x')}});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].size() == 4096);
}

TEST_CASE("log: like lines in a flood are held back and counted", "[log]") {
  const CapturedLog log{LogLevel::info};
  const LogCounts before = log_counts();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 250; ++i)
        log_limited(LogLevel::warn, "test", "flood", "again", {{"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(lines.size() == 5);
  CHECK(log_counts().suppressed - before.suppressed == 995);
}

TEST_CASE("log: what was held back of a flood that stopped is told without a next line", "[log]") {
  const CapturedLog log{LogLevel::info};
  for (int i = 0; i < 8; ++i) log_limited(LogLevel::warn, "test", "stopped", "again");
  flush_suppressed_lines();
  CHECK(lines.size() == 5);  // the ten seconds are not over
  flush_suppressed_lines(Suppressed::all);
  const auto told = std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("key=test/stopped suppressed=3") != std::string::npos;
  });
  CHECK(told == 1);
}

TEST_CASE("log: level names come back", "[log]") {
  for (const auto level : {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warn,
                           LogLevel::error, LogLevel::off}) {
    LogLevel parsed{};
    REQUIRE(parse_log_level(log_level_name(level), parsed));
    CHECK(parsed == level);
  }
  LogLevel untouched = LogLevel::warn;
  CHECK_FALSE(parse_log_level("loud", untouched));
  CHECK(untouched == LogLevel::warn);
}

}  // namespace
}  // namespace strandline
