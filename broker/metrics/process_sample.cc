#include <dirent.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <string>

#include "broker/metrics/metrics_page.h"

namespace strandline {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// The first line or block of a /proc file; empty when it cannot be read.
std::string read_proc(const char* path) {
  std::array<char, 4096> text;
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return {};
  const std::size_t got = std::fread(text.data(), 1, text.size(), file);
  std::fclose(file);
  return {text.data(), got};
}

std::int64_t resident_bytes() {
  long long total_pages = 0;
  long long resident_pages = 0;
  if (std::sscanf(read_proc("/proc/self/statm").c_str(), "%lld %lld", &total_pages,
                  &resident_pages) != 2) {
    return 0;
  }
  return resident_pages * sysconf(_SC_PAGESIZE);
}

std::int64_t open_descriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  std::int64_t entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  return entries - 3;  // ".", ".." and the one we looked with
}

double wall_seconds() {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  return static_cast<double>(wall.tv_sec) + static_cast<double>(wall.tv_nsec) * 1e-9;
}

// Taken before main(): /proc/self/stat counts from a boot that containers may not share.
const double process_start_seconds = wall_seconds();

}  // namespace

ProcessSample sample_process() {
  ProcessSample sample;
  sample.resident_bytes = resident_bytes();
  sample.open_descriptors = open_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    sample.descriptors_max = static_cast<std::int64_t>(limit.rlim_cur);
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    sample.cpu_user_seconds = seconds(usage.ru_utime);
    sample.cpu_system_seconds = seconds(usage.ru_stime);
  }
  sample.start_time_seconds = process_start_seconds;
  return sample;
}

}  // namespace strandline
