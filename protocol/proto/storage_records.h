// What a broker keeps on its own disk beside record batches, as plain structs, and their Protobuf
// bytes. Field by field meaning: protocol/proto/storage.proto. The files around these bytes add a
// version and an XXH3 (docs/formats/checkpoint.md, docs/formats/snapshots.md).
//
// Thread   values and pure functions
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/base/uuid.h"

namespace strandline {

// One of a producer's newest batches, remembered to know it again.
struct ProducerBatch {
  Sequence first_sequence = kNoSequence;
  Sequence last_sequence = kNoSequence;
  Offset base_offset;
  Offset last_offset;
  Timestamp append_time = kNoTimestamp;
  friend bool operator==(const ProducerBatch&, const ProducerBatch&) = default;
};

// All that a partition knows of one producer id.
struct ProducerEntry {
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
  std::int32_t coordinator_epoch = -1;          // of the newest marker; -1: none yet
  Timestamp last_append_time = kNoTimestamp;    // by this broker's clock; idle time counts from it
  Offset transaction_first_offset = kNoOffset;  // of the open transaction; -1: none
  bool restarts_at_zero = false;                // a marker raised the epoch: sequence 0 is next
  std::vector<ProducerBatch> batches;           // of this epoch, oldest first, at most 5
  friend bool operator==(const ProducerEntry&, const ProducerEntry&) = default;
};

struct ProducerSnapshot {
  Offset next_offset;                    // state after every batch below it
  std::vector<ProducerEntry> producers;  // longest idle first
  friend bool operator==(const ProducerSnapshot&, const ProducerSnapshot&) = default;
};

// Names a partition for good: a topic made anew under an old name has another id.
struct PartitionKey {
  Uuid topic_id;
  PartitionIndex partition;
  friend constexpr auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

// Where a leader's term begins in the log.
struct EpochStart {
  LeaderEpoch leader_epoch;
  Offset start_offset;
  friend constexpr auto operator<=>(const EpochStart&, const EpochStart&) = default;
};

// What of one partition is known to be safe on this disk.
struct PartitionCheckpoint {
  Offset flushed_end;              // every byte below was synced
  Offset log_start;                // first readable offset
  Offset high_watermark;           // as last known
  Offset producer_state_offset;    // a producer snapshot at this offset was synced; 0: none needed
  std::vector<EpochStart> epochs;  // ascending
  friend bool operator==(const PartitionCheckpoint&, const PartitionCheckpoint&) = default;
};

// A change of the checkpoint: the partition's new state, or that it is gone.
struct CheckpointEntry {
  PartitionKey key;
  bool removed = false;
  PartitionCheckpoint state;  // when not removed
  friend bool operator==(const CheckpointEntry&, const CheckpointEntry&) = default;
};

// Whose data directory it is.
struct DirectoryIdentity {
  std::uint32_t format_version = 0;
  Uuid cluster_id;  // zero: of none yet; only with `joined`
  BrokerId node_id;
  Uuid directory_id;
  bool joined = false;  // others founded the cluster
  friend bool operator==(const DirectoryIdentity&, const DirectoryIdentity&) = default;
};

// Decoders check every field.
//
// Errors   corrupt_file   does not decode, or a value no writer puts there
std::string encode_producer_snapshot(const ProducerSnapshot& snapshot);
Result<ProducerSnapshot> decode_producer_snapshot(ByteView bytes);
std::string encode_checkpoint_entries(const std::vector<CheckpointEntry>& entries);
Result<std::vector<CheckpointEntry>> decode_checkpoint_entries(ByteView bytes);
std::string encode_directory_identity(const DirectoryIdentity& identity);
Result<DirectoryIdentity> decode_directory_identity(ByteView bytes);

}  // namespace strandline
