#include "storage/log/digest.h"

#include <array>

#include "protocol/base/bytes.h"
#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "storage/checkpoint/guarded_file.h"
#include "storage/log/batch_walk.h"

namespace strandline {
namespace {

constexpr FileKind kDigestKind{.magic = "SLDG", .version = 1};
constexpr std::size_t kPayloadBytes = 24;

}  // namespace

Result<SegmentDigest> read_digest(const Segment& segment) {
  STRANDLINE_TRY(const std::vector<std::byte> payload,
                 read_file(segment.disk(), segment.path(kDigestSuffix), kDigestKind));
  if (payload.size() != kPayloadBytes) return Errc::corrupt_file;
  return SegmentDigest{.log_bytes = load_be<std::uint64_t>(payload.data()),
                       .end_offset = Offset{load_be<std::int64_t>(payload.data() + 8)},
                       .log_xxh3 = load_be<std::uint64_t>(payload.data() + 16)};
}

Result<void> run(const SealJob& job) {
  Segment& segment = *job.segment;
  STRANDLINE_TRYV(segment.file()->sync());
  STRANDLINE_TRYV(segment.sync_indexes());
  const std::uint64_t size = segment.size();
  BatchWalk walk{
      segment.file(), {.end = size, .offset = segment.base_offset()}, ReadMode::blocking};
  walk.check_checksums();
  Xxh3 hash;
  for (;;) {
    const auto more = walk.next();
    if (!more && more.error() == Errc::corrupt_batch) segment.report(walk.damage());
    if (!more) return more.error();
    if (!more.value()) break;
    STRANDLINE_TRY(const ByteView batch, walk.batch());
    hash.update(batch);
  }
  if (walk.next_offset() != job.end_offset) return Errc::corrupt_batch;
  std::array<std::byte, kPayloadBytes> payload;
  store_be(payload.data(), size);
  store_be(payload.data() + 8, job.end_offset.value());
  store_be(payload.data() + 16, hash.digest());
  return segment.unless_retired([&] {
    return replace_file(segment.disk(), segment.path(kDigestSuffix), kDigestKind, payload,
                        Replacement::durable);
  });
}

}  // namespace strandline
