#include "storage/log/read_plan.h"

#include <algorithm>

#include "protocol/base/errc.h"
#include "protocol/record/compression.h"
#include "protocol/record/records.h"
#include "storage/log/batch_walk.h"

namespace strandline {
namespace {

constexpr std::size_t kDecompressedMax = std::size_t{256} << 20;

struct Found {
  std::uint64_t position = 0;
  BatchHeader header;
};

ErrorCode damaged(const Segment& segment, std::uint64_t position, Offset offset,
                  std::string expected, std::string found) {
  segment.report({.file = segment.path(kLogSuffix),
                  .position = position,
                  .offset = offset,
                  .expected = std::move(expected),
                  .found = std::move(found)});
  return make_error_code(Errc::corrupt_batch);
}

// The batch that holds plan.from, or the first behind it.
Result<Found> find_start(const ReadPlan& plan, ReadMode mode) {
  Segment& segment = *plan.segment;
  STRANDLINE_TRY(const std::uint64_t hint, segment.position_before(plan.from, mode));
  BatchWalk walk{segment.file(), hint, plan.file_end, mode};
  Found found;
  for (;;) {
    const auto more = walk.read(found.header);
    if (!more && more.error() == Errc::corrupt_batch) {
      return damaged(segment, walk.position(), plan.from, "a batch header", "other bytes");
    }
    if (!more) return more.error();
    found.position = walk.position();
    if (!more.value() || found.header.last_offset() >= plan.from) return found;
    walk.advance(found.header);
  }
}

// Where the last batch ends that still fits the plan.
Result<Found> find_end(const ReadPlan& plan, const Found& start, ReadMode mode) {
  Segment& segment = *plan.segment;
  Found end{start.position, start.header};
  const std::uint64_t limit = start.position + plan.bytes_max;
  if (plan.to_file_end && plan.file_end <= limit) {
    end.position = plan.file_end;
    return end;
  }
  const std::uint64_t hint = segment.batch_start_before(std::min(limit, plan.file_end), plan.end);
  BatchWalk walk{segment.file(), std::max(hint, start.position), plan.file_end, mode};
  BatchHeader header;
  for (;;) {
    end.position = walk.position();
    const auto more = walk.read(header);
    if (!more && more.error() == Errc::corrupt_batch) {
      return damaged(segment, walk.position(), kNoOffset, "a batch header", "other bytes");
    }
    if (!more) return more.error();
    if (!more.value() || header.base_offset >= plan.end) return end;
    const bool first = walk.position() == start.position && plan.at_least_one;
    if (walk.position() + header.size_bytes() > limit && !first) return end;
    walk.advance(header);
  }
}

// Every checksum in the range, and that offsets and epochs join up.
Result<void> check(Segment& segment, std::uint64_t start, std::uint64_t end) {
  BatchWalk walk{segment.file(), start, end, ReadMode::blocking};
  BatchHeader header;
  Offset expected = kNoOffset;
  LeaderEpoch epoch = kNoLeaderEpoch;
  for (;;) {
    const std::uint64_t position = walk.position();
    const auto more = walk.read(header);
    if (!more && more.error() == Errc::corrupt_batch) {
      return damaged(segment, position, expected, "a batch header", "other bytes");
    }
    if (!more) return more.error();
    if (!more.value()) return success();
    // Compacted logs have gaps, so a base offset may be beyond the expected one, never before it.
    if (header.base_offset < expected || header.leader_epoch < epoch) {
      return damaged(segment, position, expected,
                     "base offset from " + std::to_string(expected.value()) + ", epoch from " +
                         std::to_string(epoch.value()),
                     "base offset " + std::to_string(header.base_offset.value()) + ", epoch " +
                         std::to_string(header.leader_epoch.value()));
    }
    STRANDLINE_TRY(const ByteView batch, walk.batch(header));
    if (!batch_crc_matches(batch)) {
      return damaged(segment, position, header.base_offset, "CRC-32C " + std::to_string(header.crc),
                     "another");
    }
    expected = header.next_offset();
    epoch = header.leader_epoch;
    walk.advance(header);
  }
}

}  // namespace

Result<ReadResult> execute(const ReadPlan& plan, ReadMode mode) {
  ReadResult result{.next_offset = plan.from};
  if (plan.segment == nullptr) return result;
  Segment& segment = *plan.segment;
  STRANDLINE_TRY(const Found start, find_start(plan, mode));
  if (start.position >= plan.file_end || start.header.base_offset >= plan.end) return result;
  STRANDLINE_TRY(const Found end, find_end(plan, start, mode));
  if (end.position <= start.position) return result;
  const std::uint64_t length = end.position - start.position;
  if (mode == ReadMode::nowait) {
    if (!segment.checked().contains(start.position, end.position)) return Errc::would_block;
    if (!segment.file()->is_cached(start.position, length)) {
      // It left memory: what comes back from the disk has to be checked again.
      segment.checked().remove(start.position, end.position);
      return Errc::would_block;
    }
  } else if (!segment.checked().contains(start.position, end.position)) {
    segment.file()->read_ahead(start.position, length);
    STRANDLINE_TRYV(check(segment, start.position, end.position));
    segment.checked().add(start.position, end.position);
  }
  result.slices.push_back({segment.file(), start.position, length});
  result.bytes = length;
  return result;
}

namespace {

// Whether this record is what the plan looks for, and the best so far.
bool is_better(const TimePlan& plan, Timestamp time, const TimestampOffset& best) {
  if (plan.time == kNoTimestamp) return time > best.timestamp;
  return time >= plan.time;
}

Result<void> look_into(const TimePlan& plan, const ReadPlan& range, const BatchHeader& header,
                       ByteView batch, Decompressor& decompressor, TimestampOffset& best) {
  if (header.is_control()) return success();
  return for_each_record(batch, decompressor, kDecompressedMax, [&](const RecordView& record) {
    const Timestamp time = header.timestamp_type() == TimestampType::log_append_time
                               ? header.max_timestamp
                               : record.timestamp;
    if (record.offset < range.from || record.offset >= range.end) return true;
    if (!is_better(plan, time, best)) return true;
    best = {time, record.offset, header.leader_epoch};
    return plan.time == kNoTimestamp;  // the first one will do, the greatest needs them all
  });
}

Result<void> look_through(const TimePlan& plan, const ReadPlan& range, Decompressor& decompressor,
                          TimestampOffset& best) {
  Segment& segment = *range.segment;
  const Timestamp wanted = plan.time == kNoTimestamp ? best.timestamp + 1 : plan.time;
  STRANDLINE_TRY(const std::uint64_t hint, segment.position_before_time(wanted));
  BatchWalk walk{segment.file(), hint, range.file_end, ReadMode::blocking};
  BatchHeader header;
  for (;;) {
    const std::uint64_t position = walk.position();
    const auto more = walk.read(header);
    if (!more && more.error() == Errc::corrupt_batch) {
      return damaged(segment, position, kNoOffset, "a batch header", "other bytes");
    }
    if (!more) return more.error();
    if (!more.value() || header.base_offset >= range.end) return success();
    if (is_better(plan, header.max_timestamp, best) && header.last_offset() >= range.from) {
      STRANDLINE_TRY(const ByteView batch, walk.batch(header));
      if (!batch_crc_matches(batch)) {
        return damaged(segment, position, header.base_offset,
                       "CRC-32C " + std::to_string(header.crc), "another");
      }
      STRANDLINE_TRYV(look_into(plan, range, header, batch, decompressor, best));
      if (plan.time != kNoTimestamp && best.offset != kNoOffset) return success();
    }
    walk.advance(header);
  }
}

}  // namespace

Result<TimestampOffset> find_by_time(const TimePlan& plan) {
  TimestampOffset best;
  Decompressor decompressor;
  for (const ReadPlan& range : plan.segments) {
    STRANDLINE_TRYV(look_through(plan, range, decompressor, best));
    if (plan.time != kNoTimestamp && best.offset != kNoOffset) break;
  }
  return best;
}

}  // namespace strandline
