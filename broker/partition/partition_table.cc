#include "broker/partition/partition_table.h"

#include "broker/partition/partition.h"

namespace strandline {

PartitionTable::PartitionTable() = default;
PartitionTable::~PartitionTable() = default;

Partition* PartitionTable::find(const PartitionKey& key) const {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? nullptr : found->second.get();
}

void PartitionTable::insert(const PartitionKey& key, std::shared_ptr<Partition> partition) {
  partitions_.insert_or_assign(key, std::move(partition));
}

std::shared_ptr<Partition> PartitionTable::extract(const PartitionKey& key) {
  offline_.erase(key);
  const auto found = partitions_.find(key);
  if (found == partitions_.end()) return nullptr;
  std::shared_ptr<Partition> partition = std::move(found->second);
  partitions_.erase(found);
  return partition;
}

}  // namespace strandline
