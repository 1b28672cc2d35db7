#include <dirent.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
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

// Boot time plus the process's start in ticks since boot (field 22; the name may hold spaces).
double start_time_seconds() {
  const std::string stat = read_proc("/proc/self/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  const char* at = stat.c_str() + name_end + 1;
  for (int field = 2; field < 22 && at != nullptr; ++field) {
    at = std::strchr(at + 1, ' ');
  }
  unsigned long long ticks = 0;
  if (at == nullptr || std::sscanf(at, "%llu", &ticks) != 1) return 0;

  timespec wall{};
  timespec since_boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const double boot = static_cast<double>(wall.tv_sec - since_boot.tv_sec) +
                      static_cast<double>(wall.tv_nsec - since_boot.tv_nsec) * 1e-9;
  return boot + static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

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
  sample.start_time_seconds = start_time_seconds();
  return sample;
}

}  // namespace strandline
