// Lives of a metadata log on a simulated disk: numbered decisions, each of which leaves a trace in
// the image, so that an image tells how many of them are in it.
//
// Thread   the test's
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/metadata/metadata_log.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/base/prng.h"
#include "replication/metadata/snapshot.h"
#include "storage/io/sim_disk.h"

namespace strandline {

struct NotedDamage final : DamageReporter {
  void damaged(const Damage& damage) override { damages.push_back(damage); }
  void cut(const std::string&, std::uint64_t, std::uint64_t, const std::string&) override {}
  void rebuilt(const std::string& file, const std::string&) override {
    if (file.ends_with(".image")) snapshots.push_back(file);
  }

  std::vector<Damage> damages;
  std::vector<std::string> snapshots;
};

inline constexpr char kMetadataDirectory[] = "__cluster_metadata-0";

inline Uuid metadata_cluster() {
  Prng ids{7};
  return make_uuid(ids);
}

inline MetadataIdentity metadata_identity(const Uuid& cluster = metadata_cluster()) {
  Prng ids{8};
  return {.cluster_id = cluster, .self = {BrokerId{1}, make_uuid(ids)}, .rpc = {}, .joined = false};
}

inline Uuid decided_topic(int decision) {
  Prng ids{static_cast<std::uint64_t>(decision)};
  return make_uuid(ids);
}

// A topic comes, an older one goes, and the producer id counts.
inline std::vector<MetadataRecord> decision_records(int decision) {
  std::vector<MetadataRecord> records{
      ProducerIdsRecord{BrokerId{1}, ProducerId{decision}},
      TopicRecord{decided_topic(decision), "t" + std::to_string(decision)},
      PartitionRecord{.topic_id = decided_topic(decision),
                      .partition = PartitionIndex{0},
                      .replicas = {BrokerId{1}},
                      .isr = {BrokerId{1}},
                      .leader = BrokerId{1}},
      ConfigRecord{ConfigResource::topic, "t" + std::to_string(decision), "retention.ms", "5"}};
  if (decision > 3) records.emplace_back(RemoveTopicRecord{decided_topic(decision - 3)});
  return records;
}

// The bytes of an image's snapshot are equal when the images are.
inline std::string image_bytes(const MetadataImage& image) {
  return encode_snapshot(image, Offset{0}, LeaderEpoch{0});
}

inline std::string image_after(int decisions) {
  MetadataState state{metadata_cluster()};
  for (int i = 1; i <= decisions; ++i) {
    for (const MetadataRecord& record : decision_records(i)) {
      STRANDLINE_ASSERT(state.apply(record).has_value());
    }
  }
  return image_bytes(state.image());
}

class MetadataLife {
 public:
  // Small enough for a snapshot every few decisions.
  static constexpr std::uint64_t kSnapshotBytes = 1000;

  explicit MetadataLife(SimDisk& given, std::uint64_t snapshot_bytes = kSnapshotBytes)
      : disk(given), snapshot_bytes_min(snapshot_bytes) {}

  // No assertions of Catch2 from here to decide(): they would catch CrashNow.
  Result<void> open(const Uuid& cluster = metadata_cluster()) {
    CheckpointReport report;
    STRANDLINE_TRY(checkpoint, Checkpoint::open(disk, report));
    state = std::make_unique<MetadataState>(cluster);
    start = {.quorum = {.vote = {}, .log = QuorumLog{{}, {}}, .incarnation = 0}, .snapshot = {}};
    STRANDLINE_TRY(log,
                   MetadataLog::open(disk, *checkpoint, metadata_identity(cluster), Timestamp{1000},
                                     damage, {.snapshot_bytes_min = snapshot_bytes_min}, start));
    for (const MetadataRecord& record : start.snapshot) {
      STRANDLINE_TRYV(state->apply(record));
    }
    for (Offset next = start.quorum.log.start(); next < start.quorum.log.end().offset;) {
      const QuorumBatch* batch = start.quorum.log.find(next);
      STRANDLINE_ASSERT(batch != nullptr);
      STRANDLINE_TRY(const auto records, records_of(*batch));
      for (const MetadataRecord& record : records) {
        STRANDLINE_TRYV(state->apply(record));
      }
      next = batch->next_offset;
    }
    return success();
  }

  int decisions() const { return static_cast<int>(state->image().next_producer_id.value()); }

  // Makes the next decision durable, and a snapshot when one is due.
  Result<void> decide() {
    const auto records = decision_records(decisions() + 1);
    const QuorumBatch batch =
        make_quorum_batch(records, log->log_end(), LeaderEpoch{0}, Timestamp{1000});
    STRANDLINE_TRYV(log->append({&batch, 1}, Timestamp{1000}));
    STRANDLINE_TRYV(log->sync());
    for (const MetadataRecord& record : records) {
      STRANDLINE_TRYV(state->apply(record));
    }
    return log->wants_snapshot() ? snapshot() : success();
  }

  Result<void> snapshot() {
    MetadataSnapshotJob job = log->begin_snapshot(state->publish(), log->log_end(), LeaderEpoch{0});
    const Result<void> written = MetadataLog::write_snapshot(disk, job);
    STRANDLINE_TRYV(log->finish_snapshot(job, written));
    return written;
  }

  // Snapshots on the disk, oldest first.
  std::vector<std::string> snapshots() const {
    std::vector<std::string> found;
    const auto names = disk.list(kMetadataDirectory).value();
    for (const std::string& name : names) {
      if (name.ends_with(".image")) found.push_back(std::string{kMetadataDirectory} + "/" + name);
    }
    return found;
  }

  SimDisk& disk;
  std::uint64_t snapshot_bytes_min;
  NotedDamage damage;
  std::unique_ptr<Checkpoint> checkpoint;
  MetadataStart start{.quorum = {.vote = {}, .log = QuorumLog{{}, {}}, .incarnation = 0},
                      .snapshot = {}};
  std::unique_ptr<MetadataState> state;
  std::unique_ptr<MetadataLog> log;
};

}  // namespace strandline
