// What the broker tells the people who run it: one line an event, on stderr.
//
//   2026-11-21T04:05:06.123Z warning net: malformed frame, closing peer=127.0.0.1:4242 reason=size
//
//   log_line(LogLevel::info, "net", "listening", {{"host", host}, {"port", port}});
//   log_limited(LogLevel::warn, "net", "malformed", "malformed frame, closing", {{"peer", peer}});
//
// Values that hold spaces, quotes or control characters are quoted and escaped, so that no peer can
// forge a line. Fields are views: they must live until the call returns, which temporaries of the
// same statement do. Nothing is formatted when the level is off.
//
// Thread   any; a line is written whole, in one write
// Owns     stderr's lines; nothing is queued, so a crash loses no line
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>

namespace strandline {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };

// "trace", "debug", "info", "warning", "error", "off".
std::string_view log_level_name(LogLevel level);

// The level of that name; false, and `level` untouched, when there is none.
bool parse_log_level(std::string_view name, LogLevel& level);

namespace detail {
inline std::atomic<LogLevel> log_threshold{LogLevel::info};

// Offset, BrokerId and their like.
template <class T>
concept StrongNumber = requires(const T& v) {
  typename T::rep;
  { v.value() } -> std::same_as<typename T::rep>;
};
}  // namespace detail

// Lines below this level are dropped. Takes effect at once, in all threads.
inline void set_log_level(LogLevel level) {
  detail::log_threshold.store(level, std::memory_order_relaxed);
}
inline LogLevel log_level() { return detail::log_threshold.load(std::memory_order_relaxed); }
inline bool log_enabled(LogLevel level) { return level >= log_level() && level < LogLevel::off; }

// key=value at the end of a line. Keys are literals of ours; values may come from anywhere.
class LogField {
 public:
  enum class Kind : std::uint8_t { text, signed_number, unsigned_number, real, boolean };

  LogField(std::string_view key, std::string_view value) : key_(key), text_(value) {}
  LogField(std::string_view key, const char* value) : LogField(key, std::string_view{value}) {}
  LogField(std::string_view key, bool value) : key_(key), kind_(Kind::boolean), unsigned_(value) {}
  LogField(std::string_view key, double value) : key_(key), kind_(Kind::real), real_(value) {}

  template <std::integral T>
  LogField(std::string_view key, T value) : key_(key) {
    if constexpr (std::is_signed_v<T>) {
      kind_ = Kind::signed_number;
      signed_ = value;
    } else {
      kind_ = Kind::unsigned_number;
      unsigned_ = value;
    }
  }

  template <detail::StrongNumber T>
  LogField(std::string_view key, T value) : LogField(key, value.value()) {}

  std::string_view key() const { return key_; }
  Kind kind() const { return kind_; }
  std::string_view text() const { return text_; }
  std::int64_t signed_number() const { return signed_; }
  std::uint64_t unsigned_number() const { return unsigned_; }
  double real() const { return real_; }

 private:
  std::string_view key_;
  Kind kind_ = Kind::text;
  std::string_view text_;
  union {
    std::int64_t signed_ = 0;
    std::uint64_t unsigned_;
    double real_;
  };
};

using LogFields = std::initializer_list<LogField>;

namespace detail {
void write_log_line(LogLevel level, std::string_view component, std::string_view message,
                    LogFields fields);
void write_limited_line(LogLevel level, std::string_view component, std::string_view key,
                        std::string_view message, LogFields fields);
}  // namespace detail

inline void log_line(LogLevel level, std::string_view component, std::string_view message,
                     LogFields fields = {}) {
  if (log_enabled(level)) detail::write_log_line(level, component, message, fields);
}

// At most 5 lines every 10 s for one (component, key); what was held back is counted and told by
// the next line of that key ("suppressed=118") or by flush_suppressed_lines(). For everything that
// a peer can cause at will.
//
// key   names the kind of event; never holds bytes from a peer
inline void log_limited(LogLevel level, std::string_view component, std::string_view key,
                        std::string_view message, LogFields fields = {}) {
  if (log_enabled(level)) detail::write_limited_line(level, component, key, message, fields);
}

// Tells of the lines held back whose interval is over. Called every few seconds by the broker, so
// that a flood that stopped is accounted for; at its end of all of them.
enum class Suppressed : std::uint8_t { ended, all };
void flush_suppressed_lines(Suppressed which = Suppressed::ended);

// For metrics: lines written at each level, and lines held back.
struct LogCounts {
  std::uint64_t written[static_cast<int>(LogLevel::off)] = {};
  std::uint64_t suppressed = 0;
};
LogCounts log_counts();

// Where whole lines go, without their newline; for tests. nullptr is stderr again.
// Needs   no other thread logging during the change
using LogSink = void (*)(std::string_view line);
void set_log_sink(LogSink sink);

}  // namespace strandline
