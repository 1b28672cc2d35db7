// The partitions that live on one shard, by topic id and index.
//
// Thread   the shard
// Owns     its partitions
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/uuid.h"
#include "protocol/proto/storage_records.h"

namespace strandline {

class Partition;

struct PartitionKeyHash {
  std::size_t operator()(const PartitionKey& key) const noexcept {
    // Topic ids are random: their low bits need no more mixing than a spread by index.
    return std::hash<Uuid>{}(key.topic_id) +
           static_cast<std::size_t>(key.partition.value()) * 0x9e3779b97f4a7c15U;
  }
};

class PartitionTable {
 public:
  using Map = std::unordered_map<PartitionKey, std::shared_ptr<Partition>, PartitionKeyHash>;

  PartitionTable();
  ~PartitionTable();

  // nullptr when it is not here.
  Partition* find(const PartitionKey& key) const;

  void insert(const PartitionKey& key, std::shared_ptr<Partition> partition);

  // A partition that belongs here and cannot be served: its log did not open.
  void insert_offline(const PartitionKey& key) { offline_.insert(key); }
  const std::unordered_set<PartitionKey, PartitionKeyHash>& offline() const { return offline_; }

  // What to answer for a partition that find() does not find.
  Errc absent_error(const PartitionKey& key) const {
    return offline_.contains(key) ? Errc::kafka_storage_error : Errc::not_leader_or_follower;
  }

  // Takes it out; nullptr when it was not here.
  std::shared_ptr<Partition> extract(const PartitionKey& key);

  const Map& all() const { return partitions_; }

 private:
  Map partitions_;
  std::unordered_set<PartitionKey, PartitionKeyHash> offline_;
};

}  // namespace strandline
