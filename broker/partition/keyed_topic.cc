#include "broker/partition/keyed_topic.h"

#include <vector>

#include "broker/logging/log.h"
#include "broker/partition/partition.h"
#include "broker/partition/shard.h"
#include "protocol/base/errc.h"
#include "protocol/record/records.h"
#include "storage/log/read_plan.h"

namespace strandline {
namespace {

constexpr std::size_t kRecordBytesMax = std::size_t{64} << 20;

// Who cannot be read has no key that would be worth a word.
bool has_key(const ReadPlan& plan) {
  const Result<ReadResult> found = execute(plan, ReadMode::blocking);
  if (!found || found.value().slices.empty()) return false;
  const FileSlice& slice = found.value().slices.front();
  std::vector<std::byte> bytes(slice.length);
  const Result<std::size_t> got = slice.file->read_at(slice.position, bytes);
  if (!got) return false;
  Decompressor decompressor;
  bool is_keyed = false;
  const Result<void> walked = for_each_record(ByteView{bytes}.first(got.value()), decompressor,
                                              kRecordBytesMax, [&](const RecordView& record) {
                                                is_keyed = record.key.has_value();
                                                return !is_keyed;
                                              });
  return walked && is_keyed;
}

}  // namespace

void tell_if_keyed(Partition& partition, std::int64_t partitions_before,
                   std::int64_t partitions_now) {
  if (partition.is_cutting()) return;
  const PartitionLog& log = partition.log();
  const Offset end = log.high_watermark();
  if (end <= log.log_start_offset()) return;
  partition.shard().disk_pool().submit([plan = log.plan_read(end - 1, end, 1, true),
                                        topic = partition.topic(), partitions_before,
                                        partitions_now] {
    if (!has_key(plan)) return;
    log_line(LogLevel::warn, "partition",
             "a topic with keyed records got more partitions: clients that choose the partition by "
             "the key send a key elsewhere from now on, so its newer records are not behind its "
             "older ones, and who keeps state by partition sees the key in another one",
             {{"topic", topic}, {"partitions_before", partitions_before}, {"now", partitions_now}});
  });
}

}  // namespace strandline
