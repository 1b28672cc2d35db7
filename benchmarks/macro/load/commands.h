// What the load generator can do; each command prints one JSON object.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

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

void produce(const Options& options);
void paced(const Options& options);
void fetch(const Options& options);
void first(const Options& options);

}  // namespace load
