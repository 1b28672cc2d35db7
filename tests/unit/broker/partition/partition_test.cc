#include "broker/partition/partition.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "protocol/base/errc.h"
#include "tests/unit/broker/partition/partition_harness.h"
#include "tests/unit/storage/io/disks.h"

namespace strandline {
namespace {

const ErrorCode kStorageError = make_error_code(Errc::kafka_storage_error);

TEST_CASE("Partition: acks=all is answered when the sync is done, not before", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  DiskGate syncs{disk, DiskCall::sync};
  t.on_shard([&] { REQUIRE(t.produce({.records = 3}).has_value()); });
  syncs.wait_for_first();
  t.on_shard([&] {
    CHECK(t.acks_come() == 0);
    CHECK(t.partition->bounds().high_watermark == Offset{0});
    CHECK(t.partition->bounds().log_end_offset == Offset{3});
    CHECK(t.metrics.delayed_produces.value() == 1);
  });
  syncs.open();
  REQUIRE(t.reaches_acks(1));
  CHECK_FALSE(t.acks[0].error);
  CHECK(t.acks[0].high_watermark == Offset{3});
  CHECK(t.metrics.delayed_produces.value() == 0);
}

TEST_CASE("Partition: appends of one turn share a sync", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  const std::uint64_t before = disk.count(DiskCall::sync);
  t.on_shard([&] {
    for (int i = 0; i < 10; ++i) REQUIRE(t.produce().has_value());
  });
  REQUIRE(t.reaches_acks(10));
  CHECK(disk.count(DiskCall::sync) == before + 1);
}

TEST_CASE("Partition: appends of one turn are one write, in their order", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  const std::uint64_t before = disk.count(DiskCall::write);
  StagedBatches sent;
  t.on_shard([&] {
    for (int i = 0; i < 3; ++i) sent.send(*t.partition, {.records = 2});
    CHECK(sent.outcomes.empty());
    CHECK(t.partition->bounds().log_end_offset == Offset{0});
  });
  REQUIRE(t.reaches([&] { return sent.outcomes.size() == 3; }));
  CHECK(disk.count(DiskCall::write) == before + 1);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto& outcome = sent.outcomes[static_cast<std::size_t>(i)];
    CHECK(outcome.value().base_offset == Offset{2 * i});
    CHECK(outcome.value().end_offset == Offset{2 * i + 2});
  }
  CHECK(t.metrics.produce_batches.value() == 3);
  CHECK(t.metrics.produce_records.value() == 6);
}

TEST_CASE("Partition: a write that fails fails all appends of its turn, and their duplicates",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  StagedBatches sent;
  const TestBatch first{.producer = ProducerId{7}, .sequence = 0};
  disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = ".log"});
  t.on_shard([&] {
    sent.send(*t.partition, first);
    sent.send(*t.partition, {.producer = ProducerId{7}, .sequence = 1});
    sent.send(*t.partition, first);
  });
  REQUIRE(t.reaches([&] { return sent.outcomes.size() == 3; }));
  for (const auto& outcome : sent.outcomes) {
    CHECK(outcome.error() == boost::system::errc::no_space_on_device);
  }
  t.on_shard([&] {
    CHECK(t.partition->bounds().log_end_offset == Offset{0});
    CHECK(t.metrics.produce_batches.value() == 0);
    REQUIRE(t.produce(first).has_value());
  });
  CHECK(t.reaches_acks(1));
}

TEST_CASE("Partition: a duplicate of a batch of the same turn is told the same", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  StagedBatches sent;
  const TestBatch batch{.records = 2, .producer = ProducerId{7}, .sequence = 0};
  t.on_shard([&] {
    sent.send(*t.partition, batch);
    sent.send(*t.partition, batch);
  });
  REQUIRE(t.reaches([&] { return sent.outcomes.size() == 2; }));
  CHECK(sent.outcomes[1].value().base_offset == Offset{0});
  CHECK(sent.outcomes[1].value().end_offset == Offset{2});
  CHECK(t.on_shard([&] { return t.partition->bounds().log_end_offset; }) == Offset{2});
  CHECK(t.metrics.produce_batches.value() == 1);
  CHECK(t.metrics.produce_duplicates.value() == 1);
}

TEST_CASE("Partition: a batch that begins a segment sends those before it ahead", "[partition]") {
  SimDisk disk{1};
  TopicConfig config;
  config.segment_bytes = 1024;
  PartitionHarness t{disk, config};
  StagedBatches sent;
  t.on_shard([&] {
    for (int i = 0; i < 5; ++i) sent.send(*t.partition, {.value_bytes = 400});
  });
  REQUIRE(t.reaches([&] { return sent.outcomes.size() == 5; }));
  for (std::int64_t i = 0; i < 5; ++i) {
    CHECK(sent.outcomes[static_cast<std::size_t>(i)].value().base_offset == Offset{i});
  }
  CHECK(t.on_shard([&] { return t.partition->log().segment_count(); }) == 3);
  CHECK(t.metrics.segments_rolled.value() == 2);
}

TEST_CASE("Partition: a batch behind one that could not be written is no gap of the producer's",
          "[partition]") {
  SimDisk disk{1};
  TopicConfig config;
  config.segment_bytes = 1024;
  PartitionHarness t{disk, config};
  StagedBatches sent;
  disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = ".log"});
  t.on_shard([&] {
    for (int i = 0; i < 3; ++i) {
      sent.send(*t.partition, {.value_bytes = 400, .producer = ProducerId{7}, .sequence = i});
    }
    // The third needs a new segment; the write that makes way for it fails, and it with it.
    REQUIRE(sent.outcomes.size() == 3);
    for (const auto& outcome : sent.outcomes) {
      CHECK(outcome.error() == boost::system::errc::no_space_on_device);
    }
    CHECK(t.partition->bounds().log_end_offset == Offset{0});
  });
}

TEST_CASE("Partition: what is appended as it is abandoned is answered with the reason",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  StagedBatches sent;
  ErrorCode committed;
  t.on_shard([&] {
    sent.then = [&](const PartitionAppend& append) {
      t.partition->when_committed(append.end_offset,
                                  [&](const ErrorCode& error) { committed = error; });
    };
    sent.send(*t.partition, {});
    t.partition->abandon(make_error_code(Errc::unknown_topic_or_partition));
    CHECK(sent.outcomes.size() == 1);
    CHECK(committed == make_error_code(Errc::unknown_topic_or_partition));
  });
}

TEST_CASE("Partition: what is appended while a sync runs shares the next one", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  const std::uint64_t before = disk.count(DiskCall::sync);
  DiskGate syncs{disk, DiskCall::sync};
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  syncs.wait_for_first();
  for (int i = 0; i < 10; ++i) {
    t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  }
  syncs.open();
  REQUIRE(t.reaches_acks(11));
  CHECK(disk.count(DiskCall::sync) == before + 2);
  // The first sync made the first append safe and promised nothing about the rest.
  CHECK(t.acks[0].high_watermark == Offset{1});
  CHECK(t.acks[1].high_watermark == Offset{11});
}

TEST_CASE("Partition: a failed sync acknowledges nothing and ends the broker", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  REQUIRE(t.reaches_acks(1));
  disk.plan({.call = DiskCall::sync});
  const std::uint64_t before = disk.count(DiskCall::sync);
  t.on_shard([&] {
    REQUIRE(t.produce().has_value());
    REQUIRE(t.produce().has_value());
  });
  REQUIRE(t.reaches_acks(3));
  CHECK(t.acks[1].error == kStorageError);
  CHECK(t.acks[2].error == kStorageError);
  CHECK(t.disk_failures == 1);
  t.on_shard([&] {
    CHECK(t.partition->bounds().high_watermark == Offset{1});
    CHECK_FALSE(t.produce().has_value());
    ErrorCode late;
    t.partition->when_committed(Offset{2}, [&](const ErrorCode& error) { late = error; });
    CHECK(late == kStorageError);
    t.partition->start_sync();
  });
  CHECK(disk.count(DiskCall::sync) == before + 1);  // never asked again
}

TEST_CASE("Partition: a duplicate is answered with its first offset, and waits as long",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  DiskGate syncs{disk, DiskCall::sync};
  const TestBatch batch{.records = 2, .producer = ProducerId{7}, .sequence = 0};
  t.on_shard([&] {
    REQUIRE(t.produce(batch).value().base_offset == Offset{0});
    REQUIRE(t.produce({.producer = ProducerId{7}, .sequence = 2}).value().base_offset == Offset{2});
    const auto again = t.produce(batch);
    REQUIRE(again.has_value());
    CHECK(again.value().base_offset == Offset{0});
    CHECK(again.value().end_offset == Offset{2});
    CHECK(t.partition->bounds().log_end_offset == Offset{3});
    CHECK(t.acks_come() == 0);
  });
  syncs.open();
  REQUIRE(t.reaches_acks(3));
  for (const auto& ack : t.acks) CHECK_FALSE(ack.error);
  CHECK(t.metrics.produce_duplicates.value() == 1);
}

TEST_CASE("Partition: with flush.on.ack=false nobody waits for the disk", "[partition]") {
  SimDisk disk{1};
  TopicConfig config;
  config.flush_on_ack = false;
  PartitionHarness t{disk, config};
  disk.plan({.call = DiskCall::sync, .repeat = 1000});
  t.on_shard([&] {
    REQUIRE(t.produce({.records = 5}).has_value());
    CHECK(t.acks_come() == 1);
    CHECK(t.partition->bounds().high_watermark == Offset{5});
  });
  CHECK(t.disk_failures == 0);
}

TopicConfig relaxed(std::int64_t flush_messages, std::int64_t flush_ms) {
  TopicConfig config;
  config.flush_on_ack = false;
  config.flush_messages = flush_messages;
  config.flush_ms = flush_ms;
  return config;
}

TEST_CASE("Partition: flush.messages syncs after so many records, and counts anew", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk, relaxed(10, kConfigUnlimited)};
  const auto flushed = [&] { return t.partition->log().flushed_end(); };
  t.on_shard([&] { REQUIRE(t.produce({.records = 9}).has_value()); });
  // What one more record would start is not there after a turn that ended.
  CHECK(t.on_shard(flushed) == Offset{0});
  CHECK(disk.count(DiskCall::sync) == 0);
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  REQUIRE(t.reaches([&] { return flushed() == Offset{10}; }));
  t.on_shard([&] { REQUIRE(t.produce({.records = 9}).has_value()); });
  CHECK(t.on_shard(flushed) == Offset{10});
  t.on_shard([&] { REQUIRE(t.produce({.records = 5}).has_value()); });
  REQUIRE(t.reaches([&] { return flushed() == Offset{24}; }));
}

TEST_CASE("Partition: flush.messages counts what is appended while a sync runs", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk, relaxed(10, kConfigUnlimited)};
  DiskGate syncs{disk, DiskCall::sync};
  t.on_shard([&] { REQUIRE(t.produce({.records = 10}).has_value()); });
  syncs.wait_for_first();
  t.on_shard([&] { REQUIRE(t.produce({.records = 10}).has_value()); });
  syncs.open();
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{20}; }));
}

TEST_CASE("Partition: flush.ms syncs what nobody waits for, also behind a sync that took longer",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk, relaxed(kConfigUnlimited, 20)};
  DiskGate syncs{disk, DiskCall::sync};
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  syncs.wait_for_first();
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  const Instant until = steady_now() + std::chrono::milliseconds{40};
  while (steady_now() < until) {
    REQUIRE(t.on_shard([&] { return t.partition->log().flushed_end(); }) == Offset{0});
  }
  syncs.open();
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{2}; }));
}

TEST_CASE("Partition: flush.ms that is set later holds for what was appended before",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk, relaxed(kConfigUnlimited, kConfigUnlimited)};
  t.on_shard([&] {
    REQUIRE(t.produce().has_value());
    t.partition->set_config(std::make_shared<const TopicConfig>(relaxed(kConfigUnlimited, 1)));
  });
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{1}; }));
}

TEST_CASE("Partition: bytes of a deleted partition that were never synced are not waited for",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk, relaxed(kConfigUnlimited, kConfigUnlimited)};
  t.on_shard([&] {
    REQUIRE(t.produce().has_value());
    CHECK(t.metrics.unsynced_bytes.value() > 0);
    t.partition->abandon(make_error_code(Errc::unknown_topic_or_partition));
    CHECK(t.metrics.unsynced_bytes.value() == 0);
  });
}

TEST_CASE("Partition: files of dropped segments stay as long as file.delete.delay.ms says",
          "[partition]") {
  SimDisk disk{1};
  TopicConfig config;
  config.segment_bytes = 200;
  config.file_delete_delay_ms = kConfigUnlimited;
  PartitionHarness t{disk, config};
  for (int i = 0; i < 5; ++i)
    t.on_shard([&] { REQUIRE(t.produce({.value_bytes = 100}).has_value()); });
  REQUIRE(t.reaches_acks(5));
  t.on_shard([&] { t.partition->delete_records(Offset{5}, [](const Result<Offset>&) {}); });
  CHECK(t.on_shard([&] { return disk.exists("t-0/00000000000000000000.log").value(); }));
  t.is_checkpointed();
  const std::string dropped = "t-0/00000000000000000000.log.deleted";
  const Instant until = steady_now() + std::chrono::milliseconds{30};
  while (steady_now() < until) {
    REQUIRE(t.on_shard([&] { return disk.exists(dropped).value(); }));
  }
  config.file_delete_delay_ms = 0;
  t.on_shard([&] {
    t.partition->set_config(std::make_shared<const TopicConfig>(config));
    REQUIRE(t.produce({.value_bytes = 100}).has_value());
  });
  REQUIRE(t.reaches_acks(6));
  t.on_shard([&] { t.partition->delete_records(Offset{6}, [](const Result<Offset>&) {}); });
  t.is_checkpointed();
  REQUIRE(t.reaches([&] { return !disk.exists("t-0/00000000000000000004.log.deleted").value(); }));
}

TEST_CASE("Partition: an append that failed and was cut off harms nobody else", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  t.on_shard([&] {
    REQUIRE(t.produce().has_value());
    disk.plan({.call = DiskCall::write, .error = ENOSPC});
    CHECK_FALSE(t.produce().has_value());
    REQUIRE(t.produce().has_value());
  });
  REQUIRE(t.reaches_acks(2));
  CHECK_FALSE(t.acks[0].error);
  CHECK_FALSE(t.acks[1].error);
  CHECK(t.on_shard([&] { return t.partition->bounds().high_watermark; }) == Offset{2});
}

TEST_CASE("Partition: an append that takes the log offline ends the wait of those before it",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  t.on_shard([&] {
    REQUIRE(t.produce().has_value());
    disk.plan({.call = DiskCall::write});
    disk.plan({.call = DiskCall::truncate});
    CHECK_FALSE(t.produce().has_value());
    CHECK(t.acks_come() == 1);
    CHECK(t.acks[0].error == kStorageError);
  });
  CHECK(t.metrics.delayed_produces.value() == 0);
}

// librdkafka answers a gap by a new epoch, in which it sends again what may be in the log already.
TEST_CASE("Partition: an offline log tells no producer of a gap or a duplicate", "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  const ProducerId producer{7};
  t.on_shard([&] {
    REQUIRE(t.produce({.producer = producer, .sequence = 0}).has_value());
    disk.plan({.call = DiskCall::write});
    disk.plan({.call = DiskCall::truncate});
    CHECK_FALSE(t.produce({.producer = producer, .sequence = 1}).has_value());
    const auto behind = t.produce({.producer = producer, .sequence = 2});
    const auto again = t.produce({.producer = producer, .sequence = 0});
    REQUIRE_FALSE(behind.has_value());
    CHECK(behind.error() == make_error_code(Errc::log_offline));
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error() == make_error_code(Errc::log_offline));
  });
}

TEST_CASE("Partition: a sync that fails because the topic is deleted is nobody's loss",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  DiskGate syncs{disk, DiskCall::sync};
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  syncs.wait_for_first();
  t.on_shard([&] {
    REQUIRE(t.produce().has_value());
    t.partition->abandon(make_error_code(Errc::unknown_topic_or_partition));
    CHECK(t.acks_come() == 2);
    CHECK(t.acks[0].error == make_error_code(Errc::unknown_topic_or_partition));
  });
  disk.plan({.call = DiskCall::sync, .repeat = 100});
  disk.plan({.call = DiskCall::sync_directory, .repeat = 100});
  syncs.open();
  REQUIRE(t.reaches([&] { return t.metrics.sync_queue.value() == 0; }));
  CHECK(t.disk_failures == 0);
}

TEST_CASE("Partition: a watch wakes its fetch once, at the next move of the high watermark",
          "[partition]") {
  SimDisk disk{1};
  PartitionHarness t{disk};
  int woken = 0;
  int others = 0;
  t.on_shard([&] {
    const std::uint64_t fetch = t.shard.waiting_fetches().add([&woken] { ++woken; });
    const std::uint64_t gone = t.shard.waiting_fetches().add([&others] { ++others; });
    const std::uint64_t ended = t.shard.waiting_fetches().add([&others] { ++others; });
    t.partition->watch({0, fetch});
    t.partition->watch({0, fetch});
    t.partition->watch({0, gone});
    t.partition->watch({0, ended});
    t.partition->unwatch({0, gone});
    t.shard.waiting_fetches().remove(ended);
    REQUIRE(t.produce().has_value());
    CHECK(woken == 0);  // nothing can be read yet
  });
  REQUIRE(t.reaches_acks(1));
  CHECK(t.on_shard([&] { return woken; }) == 1);
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  REQUIRE(t.reaches_acks(2));
  CHECK(t.on_shard([&] { return woken; }) == 1);
  CHECK(others == 0);
}

TEST_CASE("Partition: damage that a read meets in memory is told of", "[partition]") {
  constexpr std::uint64_t kBatchLength = 8;
  SimDisk disk{1};
  PartitionHarness t{disk};
  for (int i = 0; i < 3; ++i) t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  REQUIRE(t.reaches_acks(3));
  REQUIRE(disk.flip_bit("t-0/00000000000000000000.log", kBatchLength, 7, true));
  t.on_shard([&] {
    int told = 0;
    ErrorCode error;
    t.shard.when_damage_is_found([&](const PartitionKey& key) { told += key == t.key ? 1 : 100; });
    t.partition->read(Offset{1}, {.bytes_max = 1},
                      [&](const PartitionRead& read) { error = read.error; });
    CHECK(error == make_error_code(Errc::corrupt_batch));
    CHECK(told == 1);
    t.shard.when_damage_is_found({});
  });
}

// --- reading, from real files: sendfile wants descriptors

class ReadHarness {
 public:
  PartitionRead read(Offset from, const ReadLimits& limits = {.bytes_max = 1 << 20}) {
    PartitionRead got;
    bool done = false;
    t.on_shard([&] {
      t.partition->read(from, limits, [&](PartitionRead read) {
        got = std::move(read);
        done = true;
      });
    });
    REQUIRE(t.reaches([&] { return done; }));
    return got;
  }

  static std::string bytes_of(const PartitionRead& read) {
    std::string bytes;
    for (const FilePiece& slice : read.slices) {
      std::string part(slice.length, '\0');
      REQUIRE(::pread(slice.file->fd(), part.data(), part.size(),
                      static_cast<off_t>(slice.position)) == static_cast<ssize_t>(part.size()));
      bytes += part;
    }
    return bytes;
  }

  void produce(int batches, const TestBatch& wanted = {}) {
    const std::size_t before = t.acks.size();
    t.on_shard([&] {
      for (int i = 0; i < batches; ++i) REQUIRE(t.produce(wanted).has_value());
    });
    REQUIRE(t.reaches_acks(before + static_cast<std::size_t>(batches)));
  }

  PosixDiskUnderTest disk{16};
  PartitionHarness t{disk.disk()};
};

TEST_CASE("Partition: a read gives whole batches from the one that holds the offset",
          "[partition]") {
  ReadHarness r;
  r.produce(4, {.records = 5});
  const std::size_t one = make_batch({.records = 5}).size();
  const PartitionRead all = r.read(Offset{0});
  CHECK_FALSE(all.error);
  CHECK(all.bytes == 4 * one);
  const PartitionRead middle = r.read(Offset{7});
  CHECK(middle.bytes == 3 * one);
  const std::string bytes = ReadHarness::bytes_of(middle);
  const auto header = parse_batch(as_bytes(bytes).first(one));
  REQUIRE(header.has_value());
  CHECK(header.value().base_offset == Offset{5});
  CHECK(r.read(Offset{0}, {.bytes_max = 2 * one}).bytes == 2 * one);
  CHECK(r.read(Offset{0}, {.bytes_max = 1}).bytes ==
        one);  // at least one, or a reader would never get on
  CHECK(r.read(Offset{0}, {.bytes_max = one - 1, .at_least_one = false}).bytes == 0);
  CHECK(r.read(Offset{0}, {.bytes_max = one, .at_least_one = false}).bytes == one);
  CHECK(r.read(Offset{0}, {.bytes_max = 0, .at_least_one = false}).bytes == 0);
}

TEST_CASE("Partition: offsets outside the log are out of range, its end is not", "[partition]") {
  ReadHarness r;
  r.produce(2);
  const PartitionRead end = r.read(Offset{2});
  CHECK_FALSE(end.error);
  CHECK(end.bytes == 0);
  CHECK(end.bounds.high_watermark == Offset{2});
  CHECK(r.read(Offset{3}).error == make_error_code(Errc::offset_out_of_range));
  CHECK(r.read(Offset{-1}).error == make_error_code(Errc::offset_out_of_range));
}

TEST_CASE("Partition: what is not synced yet cannot be read", "[partition]") {
  ReadHarness r;
  r.produce(1);
  PartitionRead got;
  r.t.on_shard([&] {
    REQUIRE(r.t.produce().has_value());
    r.t.partition->read(Offset{1}, {.bytes_max = 1 << 20},
                        [&](PartitionRead read) { got = std::move(read); });
    CHECK_FALSE(got.error);
    CHECK(got.bytes == 0);
    CHECK(got.bounds.log_end_offset == Offset{2});
    CHECK(got.bounds.high_watermark == Offset{1});
  });
  REQUIRE(r.t.reaches_acks(2));
  CHECK(r.read(Offset{1}).bytes > 0);
}

}  // namespace
}  // namespace strandline
