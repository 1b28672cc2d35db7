// What appending to a partition log and planning a read from it cost, on a real disk without syncs:
// validated batches into the page cache, and slices of files out of it.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "benchmarks/micro/sample_batch.h"
#include "protocol/base/assertion.h"
#include "storage/io/posix_disk.h"
#include "storage/log/partition_log.h"

namespace strandline {
namespace {

// Benchmarks write as long as they like: beyond this the log is begun anew, so that the disk does
// not fill up and the pages stay in memory.
constexpr std::int64_t kLogBytesMax = 512LL << 20;

class NoDamage final : public DamageReporter {
 public:
  void damaged(const Damage&) override { ++count_; }
  void cut(const std::string&, std::uint64_t, std::uint64_t, const std::string&) override {
    ++count_;
  }
  void rebuilt(const std::string&, const std::string&) override {}
  ~NoDamage() override { STRANDLINE_ASSERT(count_ == 0); }

 private:
  int count_ = 0;
};

// One partition log in a directory of its own below TMPDIR.
class BenchLog {
 public:
  BenchLog() {
    std::string name = std::filesystem::temp_directory_path() / "strandline-bench-XXXXXX";
    STRANDLINE_ASSERT(::mkdtemp(name.data()) != nullptr);
    root_ = name;
    disk_ = PosixDisk::open(root_).value();
    begin_anew();
  }
  ~BenchLog() {
    log_.reset();
    std::filesystem::remove_all(root_);
  }
  BenchLog(const BenchLog&) = delete;
  BenchLog& operator=(const BenchLog&) = delete;

  PartitionLog& log() { return *log_; }

  void begin_anew() {
    log_.reset();
    STRANDLINE_ASSERT(disk_->remove_tree("bench-0").has_value());
    STRANDLINE_ASSERT(disk_->create_directories("bench-0").has_value());
    log_ = PartitionLog::open(*disk_, "bench-0", LogConfig{}, RecoveryPoint{}, bench::kSampleTime,
                              reporter_)
               .value();
  }

  void append(std::vector<std::byte>& batch) {
    const auto appended = log_->append_as_leader(batch, parse_batch_header(batch).value(),
                                                 LeaderEpoch{1}, bench::kSampleTime);
    STRANDLINE_ASSERT(appended.has_value());
  }

 private:
  NoDamage reporter_;
  std::string root_;
  std::unique_ptr<PosixDisk> disk_;
  std::unique_ptr<PartitionLog> log_;
};

void append(benchmark::State& state) {
  BenchLog bench;
  auto batch = bench::sample_batch(Codec::none, 100, static_cast<std::size_t>(state.range(0)));
  std::int64_t written = 0;
  for (auto _ : state) {
    if (written > kLogBytesMax) {
      state.PauseTiming();
      bench.begin_anew();
      written = 0;
      state.ResumeTiming();
    }
    bench.append(batch);
    written += static_cast<std::int64_t>(batch.size());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * batch.size()));
}
BENCHMARK(append)->Arg(200)->Arg(16 << 10)->Arg(1 << 20);

// Finds `bytes` of whole batches, all in memory and checked before, at offsets that jump about.
void plan_and_find(benchmark::State& state) {
  BenchLog bench;
  auto batch = bench::sample_batch(Codec::none, 100, 16UL << 10);
  while (bench.log().size_bytes() < 64UL << 20) bench.append(batch);
  const Offset end = bench.log().log_end_offset();
  const auto bytes = static_cast<std::uint64_t>(state.range(0));
  Prng prng{3};
  std::uint64_t found = 0;
  for (auto _ : state) {
    const Offset from{
        static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(end.value()) * 9 / 10))};
    const ReadPlan plan = bench.log().plan_read(from, end, bytes, true);
    const auto result = execute(plan, ReadMode::nowait);
    STRANDLINE_ASSERT(result.has_value());
    found += result.value().bytes;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(found));
}
BENCHMARK(plan_and_find)->Arg(16 << 10)->Arg(1 << 20);

// A consumer that keeps up: one small batch at a time, at the end of the log.
void plan_and_find_tail(benchmark::State& state) {
  BenchLog bench;
  auto batch = bench::sample_batch(Codec::none, 100, 1UL << 10);
  for (int i = 0; i < 10'000; ++i) bench.append(batch);
  const Offset end = bench.log().log_end_offset();
  const std::int32_t records = parse_batch_header(batch).value().record_count;
  for (auto _ : state) {
    const ReadPlan plan = bench.log().plan_read(end - records, end, 1 << 20, true);
    const auto result = execute(plan, ReadMode::nowait);
    STRANDLINE_ASSERT(result.has_value() && result.value().bytes == batch.size());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(plan_and_find_tail);

}  // namespace
}  // namespace strandline
