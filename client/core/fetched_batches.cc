#include "client/core/fetched_batches.h"

#include "protocol/record/batch.h"

namespace strandline::client {
namespace {

// What is wrong with a whole batch that comes next; ok when it is as it should be.
Errc judge(const BatchHeader& header, ByteView batch, const FetchPosition& next, bool is_first) {
  if (!batch_crc_matches(batch)) return Errc::corrupt_batch;
  if (header.base_offset < Offset{0} || header.last_offset_delta < 0) return Errc::corrupt_batch;
  // An offset beyond all offsets would come out before the base.
  if (header.base_offset.value() > INT64_MAX - header.last_offset_delta - 1) {
    return Errc::corrupt_batch;
  }
  if (header.next_offset() <= next.offset) return is_first ? Errc::ok : Errc::corrupt_batch;
  if (!is_first && header.base_offset < next.offset) return Errc::corrupt_batch;
  const bool falls = header.leader_epoch != kNoLeaderEpoch && header.leader_epoch < next.epoch;
  return falls ? Errc::corrupt_batch : Errc::ok;
}

}  // namespace

FetchedBatches cut_batches(const FetchPosition& from, ByteView served) {
  FetchedBatches out{.next = from};
  const std::size_t served_bytes = served.size();
  bool is_first = true;  // of those that are wanted
  while (!served.empty()) {
    const auto header = parse_batch(served);
    if (!header) {
      const bool is_cut_off = header.error() == Errc::truncated_frame;
      if (!is_cut_off) out.damage = errc_of(header.error());
      if (is_cut_off && is_first) out.damage = Errc::corrupt_batch;
      return out;
    }
    const ByteView batch = served.first(header.value().size_bytes());
    served = served.subspan(batch.size());
    out.damage = judge(header.value(), batch, out.next, is_first);
    if (out.damage != Errc::ok) return out;
    is_first = false;
    if (header.value().next_offset() <= from.offset) {
      is_first = true;  // older than what is wanted; what is wanted is still to come
      continue;
    }
    out.next.offset = header.value().next_offset();
    if (header.value().leader_epoch != kNoLeaderEpoch) out.next.epoch = header.value().leader_epoch;
    if (header.value().is_control()) continue;
    out.batches.push_back(batch);
    out.bytes += batch.size();
  }
  // Nothing but what was read before: asking again at once would go on for ever.
  if (is_first && served_bytes > 0) out.damage = Errc::corrupt_batch;
  return out;
}

}  // namespace strandline::client
