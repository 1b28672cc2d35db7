// What a produced batch costs before the log sees it.
#include <benchmark/benchmark.h>

#include "benchmarks/micro/sample_batch.h"
#include "protocol/base/assertion.h"
#include "protocol/base/crc32c.h"
#include "protocol/record/convert.h"
#include "protocol/record/records.h"
#include "protocol/record/validate.h"

namespace strandline {
namespace {

constexpr std::size_t kPlenty = 64UL << 20;

// Bytes and records of all iterations, as rates.
void report(benchmark::State& state, ByteView batch) {
  const auto iterations = static_cast<std::int64_t>(state.iterations());
  const BatchHeader header = parse_batch(batch).value();
  state.SetBytesProcessed(iterations * static_cast<std::int64_t>(batch.size()));
  state.SetItemsProcessed(iterations * header.record_count);
  state.counters["batch_bytes"] = static_cast<double>(batch.size());
  // In seconds; the console prints it with its unit prefix.
  state.counters["per_record"] =
      benchmark::Counter(static_cast<double>(iterations * header.record_count),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void validate(benchmark::State& state, Codec codec) {
  const auto batch = bench::sample_batch(codec, static_cast<std::size_t>(state.range(0)));
  const ProduceRules rules{.now = bench::kSampleTime};
  Decompressor decompressor;
  for (auto _ : state) {
    const BatchVerdict verdict = validate_produced_batch(batch, rules, decompressor);
    STRANDLINE_ASSERT(verdict.accepted());
    benchmark::DoNotOptimize(verdict.max_timestamp);
  }
  report(state, batch);
}
BENCHMARK_CAPTURE(validate, none, Codec::none)->Arg(100)->Arg(1024);
BENCHMARK_CAPTURE(validate, lz4, Codec::lz4)->Arg(100)->Arg(1024);
BENCHMARK_CAPTURE(validate, zstd, Codec::zstd)->Arg(100)->Arg(1024);
BENCHMARK_CAPTURE(validate, snappy, Codec::snappy)->Arg(1024);
BENCHMARK_CAPTURE(validate, gzip, Codec::gzip)->Arg(1024);

// The walk alone, as a consumer or the cleaner does it: validation without the checksum.
void walk(benchmark::State& state) {
  const auto batch = bench::sample_batch(Codec::none, static_cast<std::size_t>(state.range(0)));
  Decompressor decompressor;
  for (auto _ : state) {
    std::size_t bytes = 0;
    const auto walked =
        for_each_record(batch, decompressor, kPlenty,
                        [&](const RecordView& record) { bytes += record.value->size(); });
    STRANDLINE_ASSERT(walked.has_value());
    benchmark::DoNotOptimize(bytes);
  }
  report(state, batch);
}
BENCHMARK(walk)->Arg(100)->Arg(1024);

void build(benchmark::State& state, Codec codec) {
  Prng prng{5};
  const std::string value = bench::sample_value(prng, 100);
  BatchBuilder builder;
  Compressor compressor;
  std::vector<std::byte> batch;
  for (auto _ : state) {
    builder.clear();
    batch.clear();
    for (int i = 0; i < 1000; ++i) {
      builder.append({as_bytes("a key"), as_bytes(value), bench::kSampleTime, {}});
    }
    builder.build({.codec = codec}, compressor, batch);
    benchmark::DoNotOptimize(batch.data());
  }
  report(state, batch);
}
BENCHMARK_CAPTURE(build, none, Codec::none);
BENCHMARK_CAPTURE(build, lz4, Codec::lz4);

void checksum(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{0x5a});
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(checksum)->Arg(200)->Arg(16 << 10)->Arg(1 << 20);

// The leader's write into a batch with CreateTime, and with LogAppendTime, where the checksum is
// new.
void apply(benchmark::State& state, TimestampType type) {
  auto batch = bench::sample_batch(Codec::none, 1024);
  const ProduceRules rules{.timestamp_type = type, .now = bench::kSampleTime};
  Decompressor decompressor;
  const BatchVerdict verdict = validate_produced_batch(batch, rules, decompressor);
  for (auto _ : state) {
    apply_verdict(verdict, rules, Offset{77}, LeaderEpoch{3}, batch);
    benchmark::ClobberMemory();
  }
  report(state, batch);
}
BENCHMARK_CAPTURE(apply, create_time, TimestampType::create_time);
BENCHMARK_CAPTURE(apply, append_time, TimestampType::log_append_time);

}  // namespace
}  // namespace strandline
