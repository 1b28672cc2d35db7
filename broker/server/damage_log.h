// Tells the people who run the broker what recovery and readers found damaged, cut or rebuilt.
//
// Thread   any
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "broker/logging/log.h"
#include "storage/log/log_types.h"

namespace strandline {

class DamageLog final : public DamageReporter {
 public:
  void damaged(const Damage& damage) override {
    count_.fetch_add(1, std::memory_order_relaxed);
    log_limited(LogLevel::error, "storage", "damaged",
                "damaged records; see docs/operations.md, 'Repair'",
                {{"file", damage.file},
                 {"position", damage.position},
                 {"offset", damage.offset},
                 {"expected", damage.expected},
                 {"found", damage.found}});
  }

  void cut(const std::string& file, std::uint64_t position, std::uint64_t bytes,
           const std::string& saved_as) override {
    cut_.fetch_add(1, std::memory_order_relaxed);
    log_line(LogLevel::warn, "storage", "cut an unfinished write off the end of a segment",
             {{"file", file}, {"position", position}, {"bytes", bytes}, {"kept_as", saved_as}});
  }

  void rebuilt(const std::string& file, const std::string& why) override {
    rebuilt_.fetch_add(1, std::memory_order_relaxed);
    log_limited(LogLevel::warn, "storage", "rebuilt", "made a helper file anew from the log",
                {{"file", file}, {"why", why}});
  }

  std::uint64_t damage_count() const { return count_.load(std::memory_order_relaxed); }
  std::uint64_t cut_count() const { return cut_.load(std::memory_order_relaxed); }
  std::uint64_t rebuilt_count() const { return rebuilt_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> cut_{0};
  std::atomic<std::uint64_t> rebuilt_{0};
};

}  // namespace strandline
