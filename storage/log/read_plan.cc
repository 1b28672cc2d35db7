#include "storage/log/read_plan.h"

#include <algorithm>

#include "protocol/base/errc.h"
#include "storage/log/batch_walk.h"

namespace strandline {
namespace {

// Checked in one go, so that a reader of small pieces does not need a disk thread for each.
constexpr std::uint64_t kCheckedBytes = std::uint64_t{1} << 20;
// Up to here a walk over headers costs less than a look into the index.
constexpr std::uint64_t kWalkedBytes = std::uint64_t{64} << 10;
// A thread that must not wait must not walk for long either.
constexpr int kNowaitHeadersMax = 1024;

struct Range {
  BatchPlace start;  // the batch that holds plan.from
  BatchPlace end;    // behind the last batch
};

// As walk.next(), with damage told to the reporter.
Result<bool> step(BatchWalk& walk, const Segment& segment) {
  auto more = walk.next();
  if (!more && more.error() == Errc::corrupt_batch) segment.report(walk.damage());
  return more;
}

// The batch that holds plan.from.
Result<BatchPlace> find_start(const ReadPlan& plan, ReadMode mode) {
  Segment& segment = *plan.segment;
  STRANDLINE_TRY(const BatchPlace near, segment.place_before(plan.from, mode));
  if (near.offset == plan.from) return near;
  BatchWalk walk{
      segment.file(), {near.position, plan.file_end, near.offset, segment.base_offset()}, mode};
  for (int headers = 0;; ++headers) {
    if (mode == ReadMode::nowait && headers == kNowaitHeadersMax) return Errc::would_block;
    STRANDLINE_TRY(const bool more, step(walk, segment));
    if (!more) return BatchPlace{walk.end_position(), walk.next_offset()};
    if (walk.next_offset() > plan.from) {
      return BatchPlace{walk.position(), walk.header().base_offset};
    }
  }
}

// Behind the last batch that fits the plan.
Result<BatchPlace> find_end(const ReadPlan& plan, const BatchPlace& start, ReadMode mode) {
  Segment& segment = *plan.segment;
  const std::uint64_t limit =
      plan.bytes_max > plan.file_end ? plan.file_end : start.position + plan.bytes_max;
  if (plan.end >= plan.file_end_offset && plan.file_end <= limit) {
    return BatchPlace{plan.file_end, plan.file_end_offset};
  }
  BatchPlace from = start;
  if (limit > start.position + kWalkedBytes) {
    STRANDLINE_TRY(const BatchPlace last,
                   segment.place_before_position(std::min(limit, plan.file_end), mode));
    if (last.position > start.position && last.offset <= plan.end) from = last;
  }
  BatchWalk walk{
      segment.file(), {from.position, plan.file_end, from.offset, segment.base_offset()}, mode};
  BatchPlace end = from;
  for (int headers = 0;; ++headers) {
    if (mode == ReadMode::nowait && headers == kNowaitHeadersMax) return Errc::would_block;
    STRANDLINE_TRY(const bool more, step(walk, segment));
    const bool first = end.position == start.position && plan.at_least_one;
    if (!more || walk.next_offset() > plan.end) return end;
    if (walk.end_position() > limit && !first) return end;
    end = {walk.end_position(), walk.next_offset()};
  }
}

// Checks from the start of the range to its end and on to a whole piece. When a batch within the
// range is damaged, the range ends before it.
Result<void> check(const ReadPlan& plan, Range& range) {
  Segment& segment = *plan.segment;
  const std::uint64_t start = range.start.position;
  segment.file()->read_ahead(start, std::max(range.end.position - start, kCheckedBytes));
  BatchWalk walk{segment.file(),
                 {start, plan.file_end, range.start.offset, segment.base_offset()},
                 ReadMode::blocking};
  walk.check_checksums();
  walk.expect_epochs(plan.epochs);
  const std::uint64_t wanted = std::max(range.end.position, start + kCheckedBytes);
  BatchPlace good = range.start;
  while (good.position < wanted && good.position < plan.file_end) {
    const auto more = step(walk, segment);
    if (!more && more.error() != Errc::corrupt_batch) return more.error();
    if (!more) break;
    good = {walk.end_position(), walk.next_offset()};
  }
  const bool at_end = good.position == plan.file_end;
  if (at_end && good.offset > plan.file_end_offset) {
    segment.report({.file = segment.path(kLogSuffix),
                    .position = good.position,
                    .offset = plan.file_end_offset,
                    .expected = "the end of the segment",
                    .found = "records up to offset " + std::to_string(good.offset.value())});
    return Errc::corrupt_batch;
  }
  // Of a file that lost its end the batches before are good: who reads on behind them meets it.
  const bool lost_end = at_end && good.offset < plan.file_end_offset;
  if (!lost_end) segment.checked().add(start, good.position);
  const bool to_end = range.end.position == plan.file_end;
  if (good.position < range.end.position || (lost_end && to_end)) range.end = good;
  if (range.end.position == start) return Errc::corrupt_batch;
  return success();
}

// The first batch says that it ends beyond what may be read. A whole one does; one that is damaged
// may only say so, and readers would come for it for ever.
Result<void> check_first(const ReadPlan& plan, const BatchPlace& start) {
  BatchWalk walk{plan.segment->file(),
                 {start.position, plan.file_end, start.offset, plan.segment->base_offset()},
                 ReadMode::blocking};
  walk.check_checksums();
  walk.expect_epochs(plan.epochs);
  STRANDLINE_TRYV(step(walk, *plan.segment));
  return success();
}

bool is_checked(Segment& segment, const Range& range) {
  const std::uint64_t start = range.start.position;
  const std::uint64_t end = range.end.position;
  if (!segment.checked().contains(start, end)) return false;
  if (segment.file()->is_cached(start, end - start)) return true;
  // It left memory: what comes back from the disk has to be checked again.
  segment.checked().remove(start, end);
  return false;
}

}  // namespace

Result<ReadResult> execute(const ReadPlan& plan, ReadMode mode) {
  ReadResult result{.next_offset = plan.from};
  if (plan.segment == nullptr || plan.from >= plan.end) return result;
  Segment& segment = *plan.segment;
  Range range;
  STRANDLINE_TRY(range.start, find_start(plan, mode));
  if (range.start.position >= plan.file_end) {
    segment.report_early_end(range.start, plan.file_end_offset);
    return Errc::corrupt_batch;
  }
  STRANDLINE_TRY(range.end, find_end(plan, range.start, mode));
  if (range.end.position <= range.start.position) {
    if (!plan.at_least_one) return result;
    if (mode == ReadMode::nowait) return Errc::would_block;
    STRANDLINE_TRYV(check_first(plan, range.start));
    return result;
  }
  if (!is_checked(segment, range)) {
    if (mode == ReadMode::nowait) return Errc::would_block;
    STRANDLINE_TRYV(check(plan, range));
  }
  segment.remember(range.end.offset, range.end.position);
  result.bytes = range.end.position - range.start.position;
  result.next_offset = range.end.offset;
  result.slices.push_back({segment.file(), range.start.position, result.bytes});
  return result;
}

}  // namespace strandline
