// What a request costs before its handler sees it: header and body of Produce and Fetch.
#include <benchmark/benchmark.h>

#include <string>

#include "benchmarks/micro/sample_batch.h"
#include "protocol/base/assertion.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/frame.h"
#include "protocol/wire/messages/fetch.h"
#include "protocol/wire/messages/produce.h"

namespace strandline::wire {
namespace {

constexpr std::int16_t kProduceVersion = 11;
constexpr std::int16_t kFetchVersion = 12;

// The frame of a request, without its size.
template <Message M>
std::vector<std::byte> frame_of(const M& request, std::int16_t version) {
  EncodedFrame out;
  encode_request(request, version, 7, "bench", out);
  const ByteView bytes = out.buffer.view();
  return {bytes.begin() + kFrameSizeBytes, bytes.end()};
}

template <Message M>
void decode_frames(benchmark::State& state, const std::vector<std::byte>& frame,
                   std::int64_t partitions) {
  for (auto _ : state) {
    const auto header = decode_request_header(frame);
    STRANDLINE_ASSERT(header.has_value());
    DecodeBudget budget = DecodeBudget::for_frame(frame.size());
    const auto request = decode<M>(header.value().body, header.value().version, budget);
    STRANDLINE_ASSERT(request.has_value());
    benchmark::DoNotOptimize(request.value().topics.data());
  }
  const auto iterations = static_cast<std::int64_t>(state.iterations());
  state.SetBytesProcessed(iterations * static_cast<std::int64_t>(frame.size()));
  state.SetItemsProcessed(iterations * partitions);
}

// One batch of 16 KiB for each of so many partitions; no byte of them is copied.
void decode_produce(benchmark::State& state) {
  const auto batch = bench::sample_batch(Codec::none, 100, 16UL * 1024);
  ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 30'000;
  request.topics.resize(1);
  request.topics[0].name = "measurements";
  for (std::int32_t i = 0; i < state.range(0); ++i) {
    request.topics[0].partitions.push_back({PartitionIndex{i}, Records{.bytes = batch}});
  }
  decode_frames<ProduceRequest>(state, frame_of(request, kProduceVersion), state.range(0));
}
BENCHMARK(decode_produce)->Arg(1)->Arg(16)->Arg(100);

void decode_fetch(benchmark::State& state) {
  FetchRequest request;
  request.wait_ms_max = 500;
  request.bytes_min = 1;
  request.topics.resize(1);
  request.topics[0].name = "measurements";
  for (std::int32_t i = 0; i < state.range(0); ++i) {
    request.topics[0].partitions.push_back(
        {.index = PartitionIndex{i}, .fetch_offset = Offset{1'000'000}, .bytes_max = 1 << 20});
  }
  decode_frames<FetchRequest>(state, frame_of(request, kFetchVersion), state.range(0));
}
BENCHMARK(decode_fetch)->Arg(1)->Arg(16)->Arg(1000);

// A fetch answer whose records are slices of files: what is encoded is all around them.
void encode_fetch_answer(benchmark::State& state) {
  FetchResponse response;
  response.topics.resize(1);
  response.topics[0].name = "measurements";
  for (std::int32_t i = 0; i < state.range(0); ++i) {
    FetchResponse::Partition partition;
    partition.index = PartitionIndex{i};
    partition.high_watermark = Offset{2'000'000};
    partition.records = Records{.external_bytes = 1 << 20, .external_id = 1};
    response.topics[0].partitions.push_back(std::move(partition));
  }
  EncodedFrame out;
  for (auto _ : state) {
    out.clear();
    encode_response(response, kFetchVersion, 7, out);
    benchmark::DoNotOptimize(out.total_bytes());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(encode_fetch_answer)->Arg(1)->Arg(16)->Arg(1000);

}  // namespace
}  // namespace strandline::wire
