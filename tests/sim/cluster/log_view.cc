#include "tests/sim/cluster/log_view.h"

#include "protocol/record/batch.h"
#include "storage/log/read_plan.h"

namespace strandline::cluster_sim {
namespace {

constexpr std::uint64_t kReadBytes = 1 << 20;

bool add_slice(const FileSlice& slice, std::vector<BatchView>& batches) {
  std::vector<std::byte> bytes(slice.length);
  const auto got = slice.file->read_at(slice.position, bytes);
  if (!got || got.value() != bytes.size()) return false;
  for (ByteView rest{bytes}; !rest.empty();) {
    const auto header = parse_batch(rest);
    if (!header || !batch_crc_matches(rest.first(header.value().size_bytes()))) return false;
    const BatchHeader& is = header.value();
    batches.push_back({.base_offset = is.base_offset,
                       .records = is.last_offset_delta + 1,
                       .leader_epoch = is.leader_epoch,
                       .crc = is.crc,
                       .producer = is.producer_id,
                       .sequence = is.base_sequence});
    rest = rest.subspan(is.size_bytes());
  }
  return true;
}

}  // namespace

std::optional<std::vector<BatchView>> batches_of(const PartitionLog& log, Offset from, Offset end) {
  std::vector<BatchView> batches;
  while (from < end) {
    const auto read = execute(log.plan_read(from, end, kReadBytes, true), ReadMode::blocking);
    if (!read || read.value().bytes == 0) return std::nullopt;
    for (const FileSlice& slice : read.value().slices) {
      if (!add_slice(slice, batches)) return std::nullopt;
    }
    from = batches.back().next_offset();
  }
  return batches;
}

std::optional<bool> is_durable(const SimDisk& disk, const PartitionLog& log, Offset from,
                               Offset end) {
  const auto read = execute(log.plan_read(from, end, kReadBytes, true), ReadMode::blocking);
  if (!read || read.value().bytes == 0) return std::nullopt;
  for (const FileSlice& slice : read.value().slices) {
    std::vector<std::byte> bytes(slice.length);
    const auto got = slice.file->read_at(slice.position, bytes);
    if (!got || got.value() != bytes.size()) return std::nullopt;
    if (!disk.has_durably(slice.file->path(), slice.position, bytes)) return false;
  }
  return true;
}

Offset first_not_durable(const SimDisk& disk, const PartitionLog& log, Offset from, Offset end) {
  const auto batches = batches_of(log, from, end);
  if (!batches) return end;
  for (const BatchView& batch : *batches) {
    const auto there = is_durable(disk, log, batch.base_offset, batch.next_offset());
    if (there == false) return batch.base_offset;
  }
  return end;
}

}  // namespace strandline::cluster_sim
