#include "storage/log/range_digest.h"

#include <algorithm>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "storage/log/batch_walk.h"

namespace strandline {
namespace {

// Where a piece of a segment is read from the disk and not from memory.
class FreshBytes {
 public:
  FreshBytes(Segment& segment, std::uint64_t position, std::uint64_t length)
      : segment_(segment),
        position_(position),
        length_(length),
        was_cached_(segment.file()->is_cached(position, length)) {
    // What comes from the disk may be other bytes than those that were checked.
    segment_.checked().remove(position_, position_ + length_);
    segment_.file()->drop_cache(position_, length_);
    segment_.file()->read_ahead(position_, length_);
  }
  // Nobody had use for it: it does not take the place of what somebody has.
  ~FreshBytes() {
    if (!was_cached_) segment_.file()->drop_cache(position_, length_);
  }
  FreshBytes(const FreshBytes&) = delete;
  FreshBytes& operator=(const FreshBytes&) = delete;

 private:
  Segment& segment_;
  const std::uint64_t position_;
  const std::uint64_t length_;
  const bool was_cached_;
};

// The range, as far as it was walked.
struct Walked {
  DigestedRange range;
  Xxh3 hash;
  bool has_ended = false;  // nothing more is wanted

  bool has_begun() const { return range.bytes > 0; }
};

Result<void> take(BatchWalk& walk, const ReadPlan& piece, Walked& walked) {
  DigestedRange& range = walked.range;
  if (walk.header().base_offset < piece.from) return success();
  if (walk.next_offset() > piece.end) {
    walked.has_ended = true;
    return success();
  }
  STRANDLINE_TRY(const ByteView batch, walk.batch());
  if (!walked.has_begun()) range.start = walk.header().base_offset;
  walked.hash.update(batch);
  range.bytes += batch.size();
  range.end = walk.next_offset();
  return success();
}

Result<void> walk_piece(const ReadPlan& piece, std::uint64_t bytes_max, Walked& walked) {
  Segment& segment = *piece.segment;
  STRANDLINE_TRY(const BatchPlace start, segment.place_before(piece.from, ReadMode::blocking));
  const std::uint64_t wanted = bytes_max - walked.range.bytes;
  const std::uint64_t left = piece.file_end - std::min(start.position, piece.file_end);
  const FreshBytes fresh{segment, start.position, std::min(wanted, left)};
  BatchWalk walk{segment.file(),
                 {start.position, piece.file_end, start.offset, segment.base_offset()},
                 ReadMode::blocking};
  walk.check_checksums();
  walk.expect_epochs(piece.epochs);
  while (!walked.has_ended && walked.range.bytes < bytes_max) {
    const auto more = walk.next();
    if (!more && more.error() == Errc::corrupt_batch) segment.report(walk.damage());
    if (!more) return more.error();
    if (!more.value()) break;
    STRANDLINE_TRYV(take(walk, piece, walked));
  }
  segment.checked().add(start.position, walk.end_position());
  return success();
}

}  // namespace

std::vector<ReadPlan> plan_digest(const PartitionLog& log, Offset from, Offset end,
                                  std::uint64_t bytes_max) {
  std::vector<ReadPlan> plan;
  std::uint64_t bytes = 0;
  // Of the first segment it may be any part that is left to read.
  while (from < end && bytes < bytes_max) {
    ReadPlan piece = log.plan_read(from, end, bytes_max, true);
    if (!plan.empty()) bytes += piece.file_end;
    from = piece.file_end_offset;
    plan.push_back(std::move(piece));
  }
  return plan;
}

Result<DigestedRange> digest_range(const std::vector<ReadPlan>& plan, std::uint64_t bytes_max) {
  Walked walked;
  if (!plan.empty()) walked.range.start = walked.range.end = plan.front().from;
  for (const ReadPlan& piece : plan) {
    if (walked.has_ended || walked.range.bytes >= bytes_max) break;
    STRANDLINE_TRYV(walk_piece(piece, bytes_max, walked));
  }
  walked.range.xxh3 = walked.hash.digest();
  return walked.range;
}

}  // namespace strandline
