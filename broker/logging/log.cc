#include "broker/logging/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "broker/logging/rate_limiter.h"

namespace strandline {
namespace {

constexpr std::array<std::string_view, 6> kLevelNames = {"trace",   "debug", "info",
                                                         "warning", "error", "off"};

// A line longer than this is cut: a message holds at most a few fields of peer bytes.
constexpr std::size_t kLineBytesMax = 4096;

struct Counts {
  std::array<std::atomic<std::uint64_t>, static_cast<int>(LogLevel::off)> written{};
  std::atomic<std::uint64_t> suppressed{0};
};

struct Limited {
  std::mutex mutex;
  RateLimiter limiter{RateLimiter::Config{}};
};

Counts& counts() {
  static Counts all;
  return all;
}

// Never destroyed: a thread may log while the process leaves main().
Limited& limited() {
  static auto* all = new Limited;
  return *all;
}

std::atomic<LogSink> test_sink{nullptr};

spdlog::logger& stderr_logger() {
  static auto* const logger = [] {
    auto* made = new spdlog::logger{"", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
    made->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
    made->set_level(spdlog::level::trace);  // the threshold is ours
    return made;
  }();
  return *logger;
}

Instant steady_now() { return Instant{std::chrono::steady_clock::now().time_since_epoch()}; }

bool plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte == 0x7f) return false;
  }
  return true;
}

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += c;
    } else if (byte < ' ' || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
}

template <class T>
void append_number(std::string& out, T value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string& out, const LogField& field) {
  out += ' ';
  out += field.key();
  out += '=';
  switch (field.kind()) {
    case LogField::Kind::signed_number: return append_number(out, field.signed_number());
    case LogField::Kind::unsigned_number: return append_number(out, field.unsigned_number());
    case LogField::Kind::real: return append_number(out, field.real());
    case LogField::Kind::boolean: out += field.unsigned_number() != 0 ? "true" : "false"; return;
    case LogField::Kind::text: break;
  }
  if (plain(field.text())) {
    out += field.text();
    return;
  }
  out += '"';
  append_escaped(out, field.text());
  out += '"';
}

void write_line(LogLevel level, std::string_view component, std::string_view message,
                LogFields fields, std::uint64_t suppressed) {
  std::string line;
  line.reserve(160);
  const std::string_view name = log_level_name(level);
  line += name;
  line.append(8 - name.size(), ' ');
  line += component;
  line += ": ";
  append_escaped(line, message);
  for (const LogField& field : fields) append_field(line, field);
  if (suppressed > 0) append_field(line, LogField{"suppressed", suppressed});
  if (line.size() > kLineBytesMax) line.resize(kLineBytesMax);

  counts().written[static_cast<int>(level)].fetch_add(1, std::memory_order_relaxed);
  if (const LogSink sink = test_sink.load(std::memory_order_acquire)) {
    sink(line);
  } else {
    stderr_logger().log(spdlog::level::info, line);
  }
}

}  // namespace

namespace detail {

void write_log_line(LogLevel level, std::string_view component, std::string_view message,
                    LogFields fields) {
  write_line(level, component, message, fields, 0);
}

void write_limited_line(LogLevel level, std::string_view component, std::string_view key,
                        std::string_view message, LogFields fields) {
  std::string full_key;
  full_key.reserve(component.size() + 1 + key.size());
  full_key.append(component).append("/").append(key);
  RateLimiter::Verdict verdict;
  {
    Limited& all = limited();
    const std::lock_guard lock{all.mutex};
    verdict = all.limiter.on_event(steady_now(), full_key);
  }
  if (verdict.told) {
    write_line(level, component, message, fields, verdict.suppressed);
  } else {
    counts().suppressed.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace detail

std::string_view log_level_name(LogLevel level) { return kLevelNames[static_cast<int>(level)]; }

bool parse_log_level(std::string_view name, LogLevel& level) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] != name) continue;
    level = static_cast<LogLevel>(i);
    return true;
  }
  return false;
}

void flush_suppressed_lines(Suppressed which) {
  std::vector<RateLimiter::Ended> ended;
  {
    Limited& all = limited();
    const std::lock_guard lock{all.mutex};
    ended =
        which == Suppressed::all ? all.limiter.take_all() : all.limiter.take_ended(steady_now());
  }
  for (const RateLimiter::Ended& one : ended) {
    log_line(LogLevel::warn, "log", "similar lines were held back",
             {{"key", one.key}, {"suppressed", one.suppressed}});
  }
}

LogCounts log_counts() {
  LogCounts now;
  for (std::size_t i = 0; i < counts().written.size(); ++i) {
    now.written[i] = counts().written[i].load(std::memory_order_relaxed);
  }
  now.suppressed = counts().suppressed.load(std::memory_order_relaxed);
  return now;
}

void set_log_sink(LogSink sink) { test_sink.store(sink, std::memory_order_release); }

}  // namespace strandline
