#include "broker/partition/replica_links.h"

#include <utility>
#include <vector>

#include "broker/partition/admission.h"
#include "broker/partition/partition.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "replication/partition/messages.h"

namespace strandline {
namespace {

// What may wait for a link before nothing more is read for it: as much as is sent in a few
// milliseconds, and a half of what a channel takes.
constexpr std::uint64_t kWaitingBytesMax = std::uint64_t{4} << 20;
// Whoever is not kept asks again.
constexpr std::size_t kEarlyOpensMax = 16'384;

// Another jitter for each connection of each process.
std::uint64_t seed_of(const Uuid& incarnation, BrokerId broker, std::uint32_t lane) {
  return std::hash<Uuid>{}(incarnation) + static_cast<std::uint64_t>(broker.value()) * 65537U +
         lane;
}

}  // namespace

ReplicaLinks::ReplicaLinks(Shard& shard, BufferPool& buffers, MemoryBudget& budget,
                           const RpcIdentity& self)
    : shard_(shard),
      context_{.loop = shard.loop(),
               .buffers = buffers,
               .budget = budget,
               .metrics = metrics_,
               .self = self,
               .limits = {}} {
  handlers_.on_message(kFollowerEntries, [this](RpcChannel& from, const RpcMessage& message) {
    take_follower_entries(from, message);
  });
  handlers_.on_message(kLeaderEntries, [this](RpcChannel& from, const RpcMessage& message) {
    take_leader_entries(from, message);
  });
  handlers_.on_message(kRangeDigest, [this](RpcChannel& from, const RpcMessage& message) {
    take_range_digest(from, message);
  });
  const std::uint32_t lane = lane_of(shard.index());
  server_ = std::make_unique<RpcServer>(
      context_, handlers_, RpcServerOptions{.lane = lane, .lanes = lane + 1},
      RpcServer::Hooks{.admit = [this](const RpcHello& hello) { return admit(hello); },
                       .on_up = [this](RpcChannel& channel) { add_link(channel); },
                       .on_down = [this](RpcChannel& channel, RpcClose,
                                         ErrorCode) { drop_link(link_of(channel)); },
                       .hand_over = {}});
  shard_.set_replicas(this);
}

ReplicaLinks::~ReplicaLinks() {
  shard_.set_replicas(nullptr);
  stop();
}

void ReplicaLinks::adopt(int native_handle, const RpcHello& hello) {
  server_->adopt(native_handle, hello);
}

std::optional<RpcRefusal> ReplicaLinks::admit(const RpcHello& hello) const {
  return shard_.image() == nullptr ? std::nullopt : refuse_impostor(*shard_.image(), hello.self);
}

void ReplicaLinks::stop() {
  if (std::exchange(stopped_, true)) return;
  for (auto& [way, peer] : peers_) {
    peer.rpc->stop();
    if (peer.link != kNoLink) peer_is_down(way);
  }
  std::vector<LinkId> accepted;
  for (const auto& [id, link] : links_) accepted.push_back(id);
  for (const LinkId id : accepted) drop_link(id);
  server_->close();
}

// --- links

LinkId ReplicaLinks::add_link(RpcChannel& channel) {
  const LinkId id = ++last_link_;
  links_[id].channel = channel.shared_from_this();
  by_channel_[&channel] = id;
  return id;
}

void ReplicaLinks::drop_link(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  const PartitionSet partitions = std::move(found->second.partitions);
  by_channel_.erase(found->second.channel.get());
  links_.erase(found);
  std::erase_if(early_, [id](const auto& entry) { return entry.second.link == id; });
  tell(partitions, [id](Partition& partition) { partition.on_link_down(id); });
}

LinkId ReplicaLinks::link_of(const RpcChannel& channel) const {
  const auto found = by_channel_.find(&channel);
  return found == by_channel_.end() ? kNoLink : found->second;
}

ReplicaLinks::Link* ReplicaLinks::find(LinkId id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : &found->second;
}

// What a partition does when it hears something may change the set.
template <class Tell>
void ReplicaLinks::tell(const PartitionSet& places, Tell tell) {
  const std::vector<PartitionKey> all{places.begin(), places.end()};
  for (const PartitionKey& place : all) {
    if (Partition* const partition = shard_.partitions().find(place)) tell(*partition);
  }
}

// --- following

std::optional<ReplicaLinks::Way> ReplicaLinks::way_to(const PartitionKey& place,
                                                      BrokerId leader) const {
  const BrokerImage* const broker = shard_.image() ? shard_.image()->broker(leader) : nullptr;
  if (stopped_ || broker == nullptr || !broker->rpc) return std::nullopt;
  const std::size_t shards =
      broker->shards > 0 ? static_cast<std::size_t>(broker->shards) : shard_.peer_count();
  return Way{leader, lane_of(Shard::place_among(place.topic_id, place.partition, shards))};
}

void ReplicaLinks::follow(const PartitionKey& place, BrokerId leader) {
  Followed& followed = followed_[place];
  leave(place, followed);
  followed.leader = leader;
  join(place, followed);
}

void ReplicaLinks::unfollow(const PartitionKey& place) {
  const auto found = followed_.find(place);
  if (found == followed_.end()) return;
  leave(place, found->second);
  followed_.erase(found);
}

void ReplicaLinks::join(const PartitionKey& place, Followed& followed) {
  followed.way = way_to(place, followed.leader);
  if (!followed.way) return;
  Peer& peer = peer_at(*followed.way, *shard_.image()->broker(followed.leader));
  peer.followed.insert(place);
  Partition* const partition = shard_.partitions().find(place);
  if (peer.link != kNoLink && partition != nullptr) partition->on_link_up(peer.link);
}

void ReplicaLinks::leave(const PartitionKey& place, Followed& followed) {
  if (!followed.way) return;
  const Way way = *std::exchange(followed.way, std::nullopt);
  const auto found = peers_.find(way);
  if (found == peers_.end()) return;
  found->second.followed.erase(place);
  Partition* const partition = shard_.partitions().find(place);
  const LinkId link = found->second.link;
  if (link != kNoLink && partition != nullptr) partition->on_link_down(link);
  if (found->second.followed.empty()) drop_peer(way);
}

void ReplicaLinks::on_image(const MetadataImage& image) {
  if (image.brokers == brokers_) return;
  brokers_ = image.brokers;
  // Who moved, or came back with another data directory, is not who is connected to.
  std::set<Way> moved;
  for (const auto& [way, peer] : peers_) {
    const BrokerImage* const broker = image.broker(way.first);
    const bool is_there =
        broker != nullptr && broker->rpc == peer.address && broker->directory == peer.directory;
    if (!is_there) moved.insert(way);
  }
  for (auto& [place, followed] : followed_) {
    const bool goes_elsewhere = followed.way != way_to(place, followed.leader) ||
                                (followed.way && moved.contains(*followed.way));
    if (!goes_elsewhere) continue;
    leave(place, followed);
  }
  for (auto& [place, followed] : followed_) {
    if (!followed.way) join(place, followed);
  }
}

ReplicaLinks::Peer& ReplicaLinks::peer_at(const Way& way, const BrokerImage& broker) {
  const auto found = peers_.find(way);
  if (found != peers_.end()) return found->second;
  Peer& peer = peers_[way];
  peer.address = *broker.rpc;
  peer.directory = broker.directory;
  peer.rpc = RpcPeer::make(
      context_, handlers_,
      {.address = peer.address,
       .expected_node = way.first,
       .expected_directory = peer.directory,
       .lane = way.second,
       .seed = seed_of(context_.self.incarnation, way.first, way.second)},
      {.verify = {},
       .on_up = [this, way](RpcChannel& channel) { peer_is_up(way, channel); },
       .on_down = [this, way](const RpcIdentity&, RpcClose, ErrorCode) { peer_is_down(way); }});
  peer.rpc->start();
  return peer;
}

void ReplicaLinks::drop_peer(const Way& way) {
  const auto found = peers_.find(way);
  const LinkId link = found->second.link;
  found->second.rpc->stop();
  peers_.erase(found);
  drop_link(link);
}

void ReplicaLinks::peer_is_up(const Way& way, RpcChannel& channel) {
  Peer& peer = peers_.at(way);
  const LinkId link = peer.link = add_link(channel);
  tell(peer.followed, [link](Partition& partition) { partition.on_link_up(link); });
}

void ReplicaLinks::peer_is_down(const Way& way) {
  Peer& peer = peers_.at(way);
  const LinkId link = std::exchange(peer.link, kNoLink);
  drop_link(link);
  tell(peer.followed, [link](Partition& partition) { partition.on_link_down(link); });
}

// --- what comes

// A follower may be told of a term before its leader is.
bool ReplicaLinks::is_early(const PartitionKey& place, const FollowerMessage& message) const {
  const Partition* const partition = shard_.partitions().find(place);
  return std::holds_alternative<OpenStream>(message) &&
         (partition == nullptr || partition->leader_epoch() < name_of(message).leader_epoch);
}

void ReplicaLinks::keep_for_later(LinkId link, const PartitionKey& place,
                                  const FollowerMessage& message) {
  const std::pair slot{place, name_of(message).replica};
  if (early_.size() >= kEarlyOpensMax && !early_.contains(slot)) return;
  early_[slot] = {.link = link, .open = std::get<OpenStream>(message)};
}

void ReplicaLinks::leads(const PartitionKey& place) {
  auto at = early_.lower_bound({place, kNoReplica});
  while (at != early_.end() && at->first.first == place) {
    const EarlyOpen early = std::move(at->second);
    at = early_.erase(at);
    Link* const link = find(early.link);
    Partition* const partition = shard_.partitions().find(place);
    if (link == nullptr || partition == nullptr) continue;
    link->partitions.insert(place);
    partition->on_follower_message(early.link, early.open);
  }
}

void ReplicaLinks::take_follower_entries(RpcChannel& from, const RpcMessage& message) {
  const auto entries = decode_follower_entries(message.message());
  if (!entries) return from.close(RpcClose::malformed, entries.error());
  const LinkId id = link_of(from);
  for (const Placed<FollowerMessage>& entry : entries.value()) {
    Partition* const partition = shard_.partitions().find(entry.place);
    Link* const link = find(id);
    if (link == nullptr) return;
    if (is_early(entry.place, entry.message)) {
      keep_for_later(id, entry.place, entry.message);
      continue;
    }
    if (partition == nullptr) continue;
    if (std::holds_alternative<OpenStream>(entry.message)) link->partitions.insert(entry.place);
    partition->on_follower_message(id, entry.message);
  }
}

void ReplicaLinks::take_leader_entries(RpcChannel& from, const RpcMessage& message) {
  auto entries = decode_leader_entries(message.message());
  if (!entries) return from.close(RpcClose::malformed, entries.error());
  const LinkId id = link_of(from);
  auto attachment = message.attachments().begin();
  for (Placed<LeaderMessage>& entry : entries.value()) {
    ByteView bytes;
    if (auto* batches = std::get_if<StreamBatches>(&entry.message)) {
      if (attachment == message.attachments().end()) {
        return from.close(RpcClose::malformed, Errc::malformed_frame);
      }
      bytes = *attachment++;
      batches->bytes = bytes.size();
    }
    Partition* const partition = shard_.partitions().find(entry.place);
    if (partition != nullptr) partition->on_leader_message(id, entry.message, bytes);
  }
}

void ReplicaLinks::take_range_digest(RpcChannel& from, const RpcMessage& message) {
  const auto digest = decode_range_digest(message.message());
  if (!digest) return from.close(RpcClose::malformed, digest.error());
  shard_.digest_came(digest.value());
}

// --- what goes

void ReplicaLinks::send(LinkId id, const PartitionKey& place, FollowerMessage message) {
  Link* const link = find(id);
  if (link == nullptr) return;
  link->outbox.push(place, std::move(message));
  plan_flush(id, *link);
}

void ReplicaLinks::send(LinkId id, const PartitionKey& place, LeaderMessage message,
                        std::optional<MemoryPiece> bytes) {
  Link* const link = find(id);
  if (link == nullptr) return;
  link->outbox.push(place, std::move(message), std::move(bytes));
  plan_flush(id, *link);
}

void ReplicaLinks::send(LinkId id, const RangeDigest& digest) {
  Link* const link = find(id);
  if (link == nullptr || !link->channel->has_room()) return;
  (void)link->channel->send(kRangeDigest,
                            {.message = encode_range_digest(digest), .attachments = {}});
}

bool ReplicaLinks::has_room(LinkId id, const PartitionKey& place) {
  Link* const link = find(id);
  if (link == nullptr) return true;  // it is told that the link is down
  if (link->outbox.bytes() + link->channel->send_queue_bytes() < kWaitingBytesMax) return true;
  link->wants_room.push_back(place);
  wait_for_room(id, *link);
  return false;
}

void ReplicaLinks::plan_flush(LinkId id, Link& link) {
  if (link.flush_planned || link.waits_for_room) return;
  link.flush_planned = true;
  shard_.loop().at_end_of_turn([this, id] { flush(id); });
}

void ReplicaLinks::flush(LinkId id) {
  Link* const link = find(id);
  if (link == nullptr) return;
  link->flush_planned = false;
  while (!link->outbox.empty()) {
    if (!link->channel->has_room()) return wait_for_room(id, *link);
    const rpc::Method method = link->outbox.is_of_followers() ? kFollowerEntries : kLeaderEntries;
    // It fails only when the connection is gone, which is told of by itself.
    (void)link->channel->send(method, link->outbox.take_frame());
  }
}

void ReplicaLinks::wait_for_room(LinkId id, Link& link) {
  if (std::exchange(link.waits_for_room, true)) return;
  link.channel->when_room([this, id] { room_came(id); });
}

void ReplicaLinks::room_came(LinkId id) {
  Link* link = find(id);
  if (link == nullptr) return;
  link->waits_for_room = false;
  flush(id);
  // Those that have waited longest first; whoever finds it full again comes last.
  std::size_t left = link->wants_room.size();
  while (link != nullptr && left-- > 0 && !link->waits_for_room) {
    const PartitionKey place = link->wants_room.front();
    link->wants_room.pop_front();
    if (Partition* const partition = shard_.partitions().find(place)) partition->on_link_room(id);
    link = find(id);
  }
  if (link != nullptr && !link->wants_room.empty()) wait_for_room(id, *link);
}

}  // namespace strandline
