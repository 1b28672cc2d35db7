// One shard of the broker: a loop, the partitions that live on it, and how to reach the others.
//
// Thread   everything is the shard's own thread's, but for loop().post() and peer()
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/config/settings.h"
#include "broker/metrics/shard_metrics.h"
#include "broker/partition/partition_table.h"
#include "broker/partition/waiting_fetches.h"
#include "broker/runtime/shard_loop.h"
#include "broker/runtime/worker_pool.h"
#include "protocol/base/ids.h"
#include "protocol/base/uuid.h"
#include "protocol/proto/replication_messages.h"
#include "protocol/record/compression.h"
#include "replication/metadata/broker_time.h"
#include "replication/metadata/image.h"
#include "storage/io/disk.h"

namespace strandline {

using ShardIndex = std::size_t;

class Checkpoint;
class ReplicaTransport;
class Shard;
struct IsrRequest;
struct ReplicationThrottles;

// What a shard is given by the broker around it. Everything outlives the shard.
struct ShardResources {
  ShardLoop& loop;
  ShardMetrics& metrics;
  WorkerPool& disk_pool;
  WorkerPool& sync_pool;
  WorkerPool& idle_pool;  // for work that may wait until the machine has nothing better to do
  // Set while the disk is filled beyond its water marks: nothing is appended for clients; then also
  // nothing is changed that needs room.
  const std::atomic<bool>& refuses_writes;
  const std::atomic<bool>& refuses_changes;
  const Settings& settings;
  Disk& disk;
  // The disk did not keep a promise: the process has to leave.
  std::function<void()> on_disk_failure;
  // Of the data directory; none: cuts of logs are not told to any.
  Checkpoint* checkpoint = nullptr;
  // Of this start of the process: an image that does not show it is from before.
  Uuid incarnation;
  // Asks the controller for another ISR. Unset: nobody is asked.
  std::function<void(Shard&, IsrRequest)> propose_isr;
  // Tells the controller that records of this replica are damaged. Unset: nobody is told.
  std::function<void(Shard&, const PartitionKey&)> report_damage;
  // Tells the controller that the disk keeps what this replica leads waiting. Unset: as above.
  std::function<void(Shard&, const PartitionKey&)> report_stall;
  // Tells the controller that the log of this replica, which it waits for, has opened. Unset: as
  // above.
  std::function<void(Shard&, const PartitionKey&)> report_opened;
  // Of the broker; none: nothing is throttled.
  ReplicationThrottles* throttles = nullptr;
};

class Shard {
 public:
  Shard(ShardIndex index, ShardResources resources);
  ~Shard();

  // All shards by index; set once before the loops start.
  void set_peers(std::vector<Shard*> peers) { peers_ = std::move(peers); }

  ShardIndex index() const { return index_; }
  BrokerId broker_id() const { return BrokerId{resources_.settings.node_id}; }
  const Settings& settings() const { return resources_.settings; }
  ShardLoop& loop() { return resources_.loop; }
  ShardMetrics& metrics() { return resources_.metrics; }
  WorkerPool& disk_pool() { return resources_.disk_pool; }
  WorkerPool& sync_pool() { return resources_.sync_pool; }
  WorkerPool& idle_pool() { return resources_.idle_pool; }
  bool refuses_writes() const { return resources_.refuses_writes.load(std::memory_order_relaxed); }
  bool refuses_changes() const {
    return resources_.refuses_changes.load(std::memory_order_relaxed);
  }
  Disk& disk() const { return resources_.disk; }
  Checkpoint* checkpoint() const { return resources_.checkpoint; }
  const Uuid& incarnation() const { return resources_.incarnation; }
  ReplicationThrottles* throttles() const { return resources_.throttles; }
  PartitionTable& partitions() { return partitions_; }

  // The newest stream that any follower which is gone by now has opened. Whoever follows next in
  // the same place counts on from there: its leader takes lower ones for late.
  StreamId last_stream() const { return last_stream_; }
  void note_stream(StreamId stream) { last_stream_ = std::max(last_stream_, stream); }

  // How replicas reach other brokers; none: they do not. Set before the loop starts.
  ReplicaTransport* replicas() const { return replicas_; }
  void set_replicas(ReplicaTransport* replicas) { replicas_ = replicas; }
  void propose_isr(IsrRequest request);
  // A read found records of the partition damaged that had been synced.
  void found_damage(const PartitionKey& key) {
    if (on_damage_) on_damage_(key);
  }
  void when_damage_is_found(std::function<void(const PartitionKey&)> take) {
    on_damage_ = std::move(take);
  }
  // A leader on another broker says what it found some batches to be.
  void digest_came(const RangeDigest& digest) {
    if (on_digest_) on_digest_(digest);
  }
  void when_digest_comes(std::function<void(const RangeDigest&)> take) {
    on_digest_ = std::move(take);
  }
  void report_damage(const PartitionKey& key) {
    if (resources_.report_damage) resources_.report_damage(*this, key);
  }
  void report_stall(const PartitionKey& key) {
    if (resources_.report_stall) resources_.report_stall(*this, key);
  }
  void report_opened(const PartitionKey& key) {
    if (resources_.report_opened) resources_.report_opened(*this, key);
  }

  // Whether the controller was heard in time: if not, others may lead what this broker led.
  bool in_touch() const { return in_touch_; }
  // Gives producers up that have waited for `stuck_after`, if it was not.
  void set_in_touch(bool in_touch, Duration stuck_after);

  // Until that moment nobody else led what the image names this broker for (BrokerTime); at first
  // nothing is known.
  const BrokerMoment& nobody_else_led_until() const { return nobody_else_led_until_; }
  void set_nobody_else_led_until(const BrokerMoment& until) { nobody_else_led_until_ = until; }

  WaitingFetches& waiting_fetches() { return waiting_fetches_; }

  // Notes that the checkpoint is behind this partition, by so many bytes more.
  void mark_dirty(const Partition& partition, std::uint64_t bytes = 0);
  std::vector<std::shared_ptr<Partition>> take_dirty();

  // A partition was synced. When checkpoint.interval.bytes were written, or this shard's share of
  // them, the checkpoint joins: `due` is called.
  void synced();
  void when_checkpoint_is_due(std::function<void()> due) { checkpoint_due_ = std::move(due); }

  // Runs `task` once the checkpoint holds what this shard's partitions are like now.
  void when_checkpointed(Task task) { after_checkpoint_.push_back(std::move(task)); }
  std::vector<Task> take_after_checkpoint() { return std::exchange(after_checkpoint_, {}); }

  // Runs `task` when no round of the checkpointer is under way: now, or at its end.
  void after_checkpoint_round(Task task);
  void checkpoint_round_begins() { is_in_round_ = true; }
  void checkpoint_round_ends();

  // Removes files of dropped segments on a disk thread.
  void remove_files(std::vector<std::string> files);
  void fail_disk() { resources_.on_disk_failure(); }
  Decompressor& decompressor() { return decompressor_; }
  Compressor& compressor() { return compressor_; }

  Shard& peer(ShardIndex index) { return *peers_[index]; }
  std::size_t peer_count() const { return peers_.size(); }

  // Where a partition lives. Neighbouring partitions of a topic go to different shards, and the
  // disk does not depend on it.
  ShardIndex owner_of(const Uuid& topic_id, PartitionIndex partition) const {
    return place_among(topic_id, partition, peers_.size());
  }
  // The same on a broker with so many shards.
  static ShardIndex place_among(const Uuid& topic_id, PartitionIndex partition, std::size_t shards);

  // The metadata as of the last publication that reached this shard; never null once serving.
  const std::shared_ptr<const MetadataImage>& image() const { return image_; }
  void set_image(std::shared_ptr<const MetadataImage> image);

  std::size_t configs_cached() const { return configs_.size(); }

  // The effective configs of a topic of this image.
  std::shared_ptr<const TopicConfig> topic_config(const TopicImage& topic);

 private:
  // Working a topic's configs out parses text; done once per topic and change.
  struct CachedConfig {
    ConfigMap overrides;
    std::shared_ptr<const TopicConfig> config;
  };

  ShardIndex index_;
  ShardResources resources_;
  std::vector<Shard*> peers_;
  PartitionTable partitions_;
  WaitingFetches waiting_fetches_;
  Decompressor decompressor_;
  Compressor compressor_;
  std::shared_ptr<const MetadataImage> image_;
  std::unordered_map<Uuid, CachedConfig> configs_;
  std::unordered_set<PartitionKey, PartitionKeyHash> dirty_;
  std::uint64_t bytes_since_checkpoint_ = 0;
  std::function<void()> checkpoint_due_;
  std::function<void(const PartitionKey&)> on_damage_;
  std::function<void(const RangeDigest&)> on_digest_;
  bool in_touch_ = true;
  BrokerMoment nobody_else_led_until_;
  std::vector<Task> after_checkpoint_;
  bool is_in_round_ = false;
  std::vector<Task> after_round_;
  ReplicaTransport* replicas_ = nullptr;
  StreamId last_stream_ = kNoStream;
};

}  // namespace strandline
