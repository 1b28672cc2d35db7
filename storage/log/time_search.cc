// Finding records by their time, exact to the record: looks inside batches, compressed or not.
#include <algorithm>

#include "protocol/base/errc.h"
#include "protocol/record/compression.h"
#include "protocol/record/records.h"
#include "storage/log/batch_walk.h"
#include "storage/log/read_plan.h"

namespace strandline {
namespace {

constexpr std::size_t kDecompressedMax = std::size_t{256} << 20;

class TimeSearch {
 public:
  explicit TimeSearch(const TimePlan& plan) : plan_(plan) {}

  Result<void> look_through(const ReadPlan& range);
  bool done() const { return !wants_greatest() && best_.offset != kNoOffset; }
  const TimestampOffset& best() const { return best_; }

 private:
  bool wants_greatest() const { return plan_.time == kNoTimestamp; }
  // Whether a record of that time is what the plan looks for, and better than the best so far.
  bool is_better(Timestamp time) const {
    return wants_greatest() ? time > best_.timestamp : time >= plan_.time;
  }
  Result<void> look_into(const ReadPlan& range, const BatchHeader& header, ByteView batch);

  const TimePlan& plan_;
  Decompressor decompressor_;
  TimestampOffset best_;
};

Result<void> TimeSearch::look_into(const ReadPlan& range, const BatchHeader& header,
                                   ByteView batch) {
  return for_each_record(batch, decompressor_, kDecompressedMax, [&](const RecordView& record) {
    const Timestamp time = header.timestamp_type() == TimestampType::log_append_time
                               ? header.max_timestamp
                               : record.timestamp;
    if (record.offset < range.from || record.offset >= range.end || !is_better(time)) return true;
    best_ = {time, record.offset, header.leader_epoch};
    return wants_greatest();  // the first one will do, the greatest needs them all
  });
}

Result<void> TimeSearch::look_through(const ReadPlan& range) {
  Segment& segment = *range.segment;
  const Timestamp wanted = wants_greatest() ? best_.timestamp + 1 : plan_.time;
  STRANDLINE_TRY(const BatchPlace near, segment.place_before_time(wanted));
  if (near.position >= range.file_end) return success();
  BatchWalk walk{segment.file(),
                 {near.position, range.file_end, near.offset, segment.base_offset()},
                 ReadMode::blocking};
  walk.expect_epochs(range.epochs);
  for (;;) {
    const auto more = walk.next();
    if (!more && more.error() == Errc::corrupt_batch) segment.report(walk.damage());
    if (!more) return more.error();
    if (!more.value()) {
      // Else a record of a later segment would be taken for the first one.
      if (walk.next_offset() >= std::min(range.end, range.file_end_offset)) return success();
      segment.report_early_end({walk.end_position(), walk.next_offset()}, range.file_end_offset);
      return Errc::corrupt_batch;
    }
    if (walk.header().base_offset >= range.end) return success();
    const BatchHeader& header = walk.header();
    if (!is_better(header.max_timestamp) || header.last_offset() < range.from) continue;
    STRANDLINE_TRY(const ByteView batch, walk.batch());
    if (!batch_crc_matches(batch)) {
      segment.report({.file = segment.path(kLogSuffix),
                      .position = walk.position(),
                      .offset = header.base_offset,
                      .expected = "a matching checksum",
                      .found = "another one"});
      return Errc::corrupt_batch;
    }
    if (header.is_control()) continue;
    STRANDLINE_TRYV(look_into(range, header, batch));
    if (done()) return success();
  }
}

}  // namespace

Result<TimestampOffset> find_by_time(const TimePlan& plan) {
  TimeSearch search{plan};
  for (const ReadPlan& range : plan.segments) {
    STRANDLINE_TRYV(search.look_through(range));
    if (search.done()) break;
  }
  return search.best();
}

}  // namespace strandline
