#include "broker/partition/stream_read.h"

#include <utility>

#include "protocol/base/errc.h"
#include "protocol/record/batch.h"

namespace strandline {
namespace {

Result<std::shared_ptr<wire::ByteBuffer>> read_slice(const FileSlice& slice, ReadMode mode) {
  auto buffer = std::make_shared<wire::ByteBuffer>();
  const MutableByteView to{buffer->extend(slice.length), slice.length};
  STRANDLINE_TRY(const std::size_t got, mode == ReadMode::nowait
                                            ? slice.file->read_at_nowait(slice.position, to)
                                            : slice.file->read_at(slice.position, to));
  if (got != slice.length) return Errc::corrupt_batch;
  return buffer;
}

}  // namespace

Result<StreamRead> read_for_stream(const ReadPlan& plan, ReadMode mode) {
  STRANDLINE_TRY(const ReadResult found, execute(plan, mode));
  if (found.slices.size() != 1 || found.bytes == 0) return Errc::offset_out_of_range;
  STRANDLINE_TRY(auto buffer, read_slice(found.slices.front(), mode));
  StreamRead read;
  for (ByteView rest = buffer->view(); !rest.empty();) {
    STRANDLINE_TRY(const BatchHeader header, parse_batch(rest));
    read.claims.push_back({.base_offset = header.base_offset,
                           .leader_epoch = header.leader_epoch,
                           .record_count = header.last_offset_delta + 1,
                           .begins_segment = header.base_offset == plan.segment->base_offset()});
    read.next_offset = header.next_offset();
    rest = rest.subspan(header.size_bytes());
  }
  if (read.claims.front().base_offset != plan.from) return Errc::offset_out_of_range;
  if (mode == ReadMode::blocking) fill_append_times(*plan.segment, read.claims);
  read.bytes = std::move(buffer);
  return read;
}

void fill_append_times(const Segment& segment, std::vector<BatchClaim>& claims) {
  // Batches of one read nearly always came in one second, of which there is one row.
  const Timestamp first = segment.append_time_of(claims.front().next_offset() - 1);
  const Timestamp last = segment.append_time_of(claims.back().next_offset() - 1);
  for (BatchClaim& claim : claims) {
    claim.append_time = first == last ? first : segment.append_time_of(claim.next_offset() - 1);
  }
}

}  // namespace strandline
