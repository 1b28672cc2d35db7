// From the topic a request names (by name, or by id in newer versions) to the topic as this shard
// knows it, with its effective configs.
//
// Thread   the shard's
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "broker/partition/partition_table.h"
#include "broker/partition/shard.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/uuid.h"
#include "protocol/wire/messages/common.h"
#include "replication/metadata/image.h"

namespace strandline {

struct FoundTopic {
  Errc error = Errc::ok;
  TopicPtr topic;
};

// Errors   unknown_topic_or_partition, or unknown_topic_id when asked by id; by_id says which
FoundTopic find_topic(const Shard& shard, bool by_id, std::string_view name, const Uuid& id);

// unknown_topic_or_partition when the topic has no such partition, leader_not_available when it has
// no leader, not_leader_or_follower when another broker leads it.
Errc check_led_here(const Shard& shard, const TopicImage& topic, PartitionIndex index);

// Whether a consumer may read a replica here that another broker leads (KIP-392): ok, or as
// check_led_here().
Errc check_readable_here(const Shard& shard, const TopicImage& topic, PartitionIndex index);

// Who leads the partition, for a client that asked somebody else; nobody when that is not known.
wire::CurrentLeader leader_hint(const Shard& shard, const Uuid& topic_id, PartitionIndex index);

// Adds where the broker is, once, if it has told.
void add_endpoint(const Shard& shard, BrokerId broker, std::vector<wire::NodeEndpoint>& endpoints);

// The epoch rules of KIP-320: -1 is not checked, an older one is fenced, a newer one unknown.
Errc check_leader_epoch(LeaderEpoch asked, LeaderEpoch ours);

}  // namespace strandline
