// Arbitrary bytes as what a broker served of a partition. A bit of the input says whether checksums
// are made right first, which nobody guesses.
#include <cstdint>
#include <cstring>
#include <vector>

#include "client/core/fetched_batches.h"
#include "protocol/base/assertion.h"
#include "protocol/record/batch.h"

namespace strandline::client {
namespace {

void make_checksums_right(std::vector<std::byte>& served) {
  MutableByteView rest{served};
  while (true) {
    const auto header = parse_batch(rest);
    if (!header) return;
    assign_batch_crc(rest.first(header.value().size_bytes()));
    rest = rest.subspan(header.value().size_bytes());
  }
}

void check(const FetchPosition& from, const std::vector<std::byte>& served) {
  const FetchedBatches cut = cut_batches(from, served);
  STRANDLINE_ASSERT(cut.next.offset >= from.offset);
  const std::byte* at = served.data();
  FetchPosition reached = from;
  std::size_t bytes = 0;
  for (const ByteView batch : cut.batches) {
    const auto header = parse_batch_header(batch);
    STRANDLINE_ASSERT(header.has_value());
    STRANDLINE_ASSERT(header.value().size_bytes() == batch.size());
    STRANDLINE_ASSERT(batch_crc_matches(batch));
    STRANDLINE_ASSERT(!header.value().is_control());
    STRANDLINE_ASSERT(batch.data() >= at);
    STRANDLINE_ASSERT(batch.data() + batch.size() <= served.data() + served.size());
    STRANDLINE_ASSERT(header.value().next_offset() > reached.offset);
    at = batch.data() + batch.size();
    reached.offset = header.value().next_offset();
    bytes += batch.size();
  }
  STRANDLINE_ASSERT(cut.bytes == bytes);
  STRANDLINE_ASSERT(cut.next.offset >= reached.offset);
  // Either it goes on behind, or it is told why not.
  STRANDLINE_ASSERT(served.empty() || cut.damage != Errc::ok || cut.next.offset > from.offset);
}

}  // namespace
}  // namespace strandline::client

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  constexpr std::size_t kHead = 13;
  if (size < kHead) return 0;
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  const client::FetchPosition from{Offset{load_be<std::int64_t>(bytes + 1) & INT64_MAX},
                                   LeaderEpoch{load_be<std::int32_t>(bytes + 9)}};
  std::vector<std::byte> served(bytes + kHead, bytes + size);
  if ((data[0] & 1U) != 0) client::make_checksums_right(served);
  client::check(from, served);
  return 0;
}
