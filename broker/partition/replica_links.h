// The connections of one shard to other brokers' shards over which partitions are replicated.
//
// A follower's shard connects to the shard of the leader's broker that has the partition; all
// partitions that go the same way share the connection. What is said in one turn of the loop goes
// in one frame. Format: docs/formats/replication.md
//
// Thread   the shard's loop; made and destroyed while it does not run
// Owns     its connections
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/net/buffer_pool.h"
#include "broker/partition/link_outbox.h"
#include "broker/partition/partition_table.h"
#include "broker/partition/replica_services.h"
#include "broker/partition/shard.h"
#include "broker/rpc/rpc_context.h"
#include "broker/rpc/rpc_handlers.h"
#include "broker/rpc/rpc_peer.h"
#include "broker/rpc/rpc_server.h"
#include "broker/runtime/memory_budget.h"

namespace strandline {

class ReplicaLinks final : public ReplicaTransport {
 public:
  // shard, buffers, budget   outlive it; the shard is told of it
  // self                     of this broker, as on all its connections
  ReplicaLinks(Shard& shard, BufferPool& buffers, MemoryBudget& budget, const RpcIdentity& self);
  ~ReplicaLinks() override;
  ReplicaLinks(const ReplicaLinks&) = delete;
  ReplicaLinks& operator=(const ReplicaLinks&) = delete;

  // The lane of a shard.
  static std::uint32_t lane_of(ShardIndex shard) {
    return kFirstShardLane + static_cast<std::uint32_t>(shard);
  }

  // The broker belongs to this cluster from here on; for handshakes to come.
  void join_cluster(const Uuid& cluster_id) { context_.self.cluster_id = cluster_id; }

  // Serves a connection that said this hello to the broker's control loop.
  void adopt(int native_handle, const RpcHello& hello);

  // Ends all connections; none comes up again. For a clean end, before the logs are closed: what
  // followers append meanwhile would never come to an end.
  void stop();

  const RpcMetrics& metrics() const { return metrics_; }
  // Streams that are wanted of partitions which do not know of their term yet.
  std::size_t streams_waiting() const { return early_.size(); }

  void on_image(const MetadataImage& image) override;
  void follow(const PartitionKey& place, BrokerId leader) override;
  void unfollow(const PartitionKey& place) override;
  void leads(const PartitionKey& place) override;
  void send(LinkId link, const PartitionKey& place, FollowerMessage message) override;
  void send(LinkId link, const PartitionKey& place, LeaderMessage message,
            std::optional<MemoryPiece> bytes) override;
  void send(LinkId link, const RangeDigest& digest) override;
  bool has_room(LinkId link, const PartitionKey& place) override;

 private:
  using PartitionSet = std::set<PartitionKey>;

  struct Link {
    std::shared_ptr<RpcChannel> channel;
    LinkOutbox outbox;
    PartitionSet partitions;  // with streams over it, where the other side follows
    std::deque<PartitionKey> wants_room;
    bool flush_planned = false;
    bool waits_for_room = false;
  };
  // Where a partition is led: a broker, and its lane.
  using Way = std::pair<BrokerId, std::uint32_t>;
  struct Peer {
    std::shared_ptr<RpcPeer> rpc;
    HostPort address;
    Uuid directory;
    LinkId link = kNoLink;  // while it is up
    PartitionSet followed;
  };
  struct Followed {
    BrokerId leader;
    std::optional<Way> way;  // none: the leader's address is not known
  };

  struct EarlyOpen {
    LinkId link = kNoLink;
    OpenStream open;
  };

  std::optional<RpcRefusal> admit(const RpcHello& hello) const;
  LinkId add_link(RpcChannel& channel);
  void drop_link(LinkId link);
  LinkId link_of(const RpcChannel& channel) const;
  Link* find(LinkId link);

  std::optional<Way> way_to(const PartitionKey& place, BrokerId leader) const;
  void join(const PartitionKey& place, Followed& followed);
  void leave(const PartitionKey& place, Followed& followed);
  Peer& peer_at(const Way& way, const BrokerImage& broker);
  void drop_peer(const Way& way);
  void peer_is_up(const Way& way, RpcChannel& channel);
  void peer_is_down(const Way& way);

  bool is_early(const PartitionKey& place, const FollowerMessage& message) const;
  void keep_for_later(LinkId link, const PartitionKey& place, const FollowerMessage& message);
  void take_follower_entries(RpcChannel& from, const RpcMessage& message);
  void take_leader_entries(RpcChannel& from, const RpcMessage& message);
  void take_range_digest(RpcChannel& from, const RpcMessage& message);
  template <class Tell>
  void tell(const PartitionSet& places, Tell tell);

  void plan_flush(LinkId id, Link& link);
  void flush(LinkId id);
  void wait_for_room(LinkId id, Link& link);
  void room_came(LinkId id);

  Shard& shard_;
  RpcMetrics metrics_;
  RpcContext context_;
  RpcHandlers handlers_;
  std::unique_ptr<RpcServer> server_;
  bool stopped_ = false;
  LinkId last_link_ = kNoLink;
  std::map<LinkId, Link> links_;
  std::unordered_map<const RpcChannel*, LinkId> by_channel_;
  std::map<Way, Peer> peers_;
  std::map<PartitionKey, Followed> followed_;
  std::map<std::pair<PartitionKey, ReplicaId>, EarlyOpen> early_;
  std::map<BrokerId, BrokerImage> brokers_;  // of the last image
};

// Methods 40 to 49 are the replication's.
inline constexpr rpc::Method kFollowerEntries{40};
inline constexpr rpc::Method kLeaderEntries{41};
inline constexpr rpc::Method kRangeDigest{42};

}  // namespace strandline
