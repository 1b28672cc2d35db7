// What waits to be said over one link, in order; made into frames of bounded size.
//
// Of the acknowledgements and positions of a stream only the newest is kept: they only grow.
//
// Thread   one owner
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

#include "broker/net/output_queue.h"
#include "broker/partition/partition_table.h"
#include "broker/rpc/rpc_message.h"
#include "protocol/proto/replication_messages.h"

namespace strandline {

class LinkOutbox {
 public:
  void push(const PartitionKey& place, FollowerMessage message);
  // bytes   of StreamBatches, and of nothing else
  void push(const PartitionKey& place, LeaderMessage message, std::optional<MemoryPiece> bytes);

  bool empty() const { return entries_.empty(); }
  // Of batches.
  std::uint64_t bytes() const { return bytes_; }

  // The next frame, with as many entries as fit; needs some. One link carries the messages of
  // followers, or those of leaders, never both.
  RpcPayload take_frame();
  bool is_of_followers() const {
    return std::holds_alternative<FollowerMessage>(entries_.front().message);
  }

 private:
  struct Entry {
    PartitionKey place;
    std::variant<FollowerMessage, LeaderMessage> message;
    std::optional<MemoryPiece> bytes;
    bool is_outdated = false;
  };

  Entry* newest(const PartitionKey& place);

  std::deque<Entry> entries_;
  std::uint64_t first_number_ = 0;  // of the first entry, counted from the beginning
  // By partition, the number of the entry that a newer one takes the place of.
  std::unordered_map<PartitionKey, std::uint64_t, PartitionKeyHash> newest_;
  std::uint64_t bytes_ = 0;
};

}  // namespace strandline
