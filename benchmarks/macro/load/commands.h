// What the load generator can do; each command prints one JSON object, but for probe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace load {

class Options {
 public:
  Options(int count, char** words);
  std::string text(const std::string& name, const std::string& otherwise) const;
  std::int64_t number(const std::string& name, std::int64_t otherwise) const;

 private:
  std::map<std::string, std::string> given_;
};

inline std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

inline double percentile_ms(const std::vector<std::int64_t>& sorted_ns, double share) {
  if (sorted_ns.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted_ns.size() - 1));
  return static_cast<double>(sorted_ns[at]) / 1e6;
}

void produce(const Options& options);
void paced(const Options& options);
void fetch(const Options& options);
void first(const Options& options);
void end_to_end(const Options& options);
void probe(const Options& options);
void takeover(const Options& options);

}  // namespace load
