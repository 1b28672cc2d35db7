// What the replicas on a shard need from the broker around them, and what they tell it.
//
// Thread   the shard
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "broker/net/output_queue.h"
#include "broker/partition/link_id.h"
#include "broker/partition/replica_findings.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/proto/replication_messages.h"
#include "protocol/proto/storage_records.h"
#include "replication/metadata/image.h"
#include "replication/partition/replica.h"

namespace strandline {

// --- the controller

struct IsrReply {
  // ok: it is committed, or will be. fenced_leader_epoch, not_leader_or_follower: the term is over.
  Errc error = Errc::ok;
  // The partition as the controller has it. It is not believed before an image says the same: only
  // images show an ISR together with the configs that it was committed under.
  std::optional<PartitionImage> now;
  ReplicaId at_fault = kNoReplica;  // who may not be a member, or not under that incarnation
};

// A leader asks for another ISR. It is said again when no reply comes; replies may come twice.
struct IsrRequest {
  PartitionKey place;
  IsrProposal proposal;
  std::function<void(const IsrReply& reply)> done;  // on the shard; also after the term is over
};

// --- the image, as one partition is to know it

struct PartitionView {
  BrokerId leader = kNoBroker;
  LeaderEpoch leader_epoch;
  std::vector<ReplicaId> replicas;
  std::set<ReplicaId> barred;  // of these, whose brokers are fenced or about to stop
  CommittedIsr isr;
  // Of this broker. None: the image does not show its present start, and says nothing of what it
  // may do.
  Incarnation incarnation = kNoIncarnation;
};

// --- other brokers

// How the partitions of a shard reach other brokers. What comes from there goes to the partition:
// on_link_up() and the like.
class ReplicaTransport {
 public:
  virtual ~ReplicaTransport() = default;

  // A newer image is shown: addresses may have changed.
  virtual void on_image(const MetadataImage& image) = 0;

  // Keeps a connection to where `leader` has the partition until unfollow(). The partition hears of
  // it, maybe inside the call.
  virtual void follow(const PartitionKey& place, BrokerId leader) = 0;
  virtual void unfollow(const PartitionKey& place) = 0;

  // The partition leads from here on. Followers may have heard of it before this broker did: what
  // they said then is told to it now.
  virtual void leads(const PartitionKey& place) = 0;

  // Sent in order at the end of the turn, together with what others have to say; or nowhere, when
  // the link is gone.
  virtual void send(LinkId link, const PartitionKey& place, FollowerMessage message) = 0;
  // bytes   of StreamBatches
  virtual void send(LinkId link, const PartitionKey& place, LeaderMessage message,
                    std::optional<MemoryPiece> bytes) = 0;
  // What a leader's batches are, for the follower at the other end; or nowhere when the link is
  // gone or has enough to do.
  virtual void send(LinkId link, const RangeDigest& digest) = 0;

  // Whether batches may be read for the link. If not, the partition's on_link_room() comes later,
  // once; or on_link_down().
  virtual bool has_room(LinkId link, const PartitionKey& place) = 0;
};

}  // namespace strandline
