#include "broker/partition/link_outbox.h"

#include <utility>
#include <vector>

namespace strandline {
namespace {

// Small enough that a stream of few bytes does not wait long behind one of many.
constexpr std::uint64_t kFrameBytes = std::uint64_t{4} << 20;
constexpr std::size_t kFrameAttachments = 256;
constexpr std::size_t kMessageBytes = std::size_t{1} << 20;
// What an entry comes to when it is encoded, generously.
constexpr std::size_t kEntryBytes = 128;
constexpr std::size_t kClaimBytes = 40;
constexpr std::size_t kEpochBytes = 24;

struct Cost {
  std::size_t operator()(const OpenStream& open) const {
    return kEntryBytes + open.history.starts.size() * kEpochBytes;
  }
  std::size_t operator()(const StreamBatches& batches) const {
    return kEntryBytes + batches.batches.size() * kClaimBytes;
  }
  template <class Message>
  std::size_t operator()(const Message&) const {
    return kEntryBytes;
  }
};

std::size_t cost_of(const std::variant<FollowerMessage, LeaderMessage>& message) {
  return std::visit([](const auto& m) { return std::visit(Cost{}, m); }, message);
}

}  // namespace

void LinkOutbox::push(const PartitionKey& place, FollowerMessage message) {
  const auto* ack = std::get_if<StreamAck>(&message);
  if (ack != nullptr) {
    if (Entry* const before = newest(place)) {
      const auto* says = std::get_if<FollowerMessage>(&before->message);
      const auto* older = says == nullptr ? nullptr : std::get_if<StreamAck>(says);
      before->is_outdated = older != nullptr && older->name == ack->name;
    }
    newest_[place] = first_number_ + entries_.size();
  }
  entries_.push_back({.place = place, .message = std::move(message), .bytes = {}});
}

void LinkOutbox::push(const PartitionKey& place, LeaderMessage message,
                      std::optional<MemoryPiece> bytes) {
  auto* position = std::get_if<StreamPosition>(&message);
  if (position != nullptr) {
    if (Entry* const before = newest(place)) {
      const auto* says = std::get_if<LeaderMessage>(&before->message);
      const auto* older = says == nullptr ? nullptr : std::get_if<StreamPosition>(says);
      before->is_outdated = older != nullptr && older->name == position->name;
      if (before->is_outdated) position->confirm = position->confirm || older->confirm;
    }
    newest_[place] = first_number_ + entries_.size();
  }
  if (bytes) bytes_ += bytes->bytes.size();
  entries_.push_back({.place = place, .message = std::move(message), .bytes = std::move(bytes)});
}

LinkOutbox::Entry* LinkOutbox::newest(const PartitionKey& place) {
  const auto found = newest_.find(place);
  if (found == newest_.end() || found->second < first_number_) return nullptr;
  return &entries_[found->second - first_number_];
}

RpcPayload LinkOutbox::take_frame() {
  std::vector<Placed<FollowerMessage>> followers;
  std::vector<Placed<LeaderMessage>> leaders;
  RpcPayload payload;
  std::size_t message_bytes = 0;
  std::uint64_t batch_bytes = 0;
  for (; !entries_.empty(); entries_.pop_front(), ++first_number_) {
    Entry& entry = entries_.front();
    if (entry.is_outdated) continue;
    const std::size_t cost = cost_of(entry.message);
    const std::uint64_t bytes = entry.bytes ? entry.bytes->bytes.size() : 0;
    const bool is_full = message_bytes + cost > kMessageBytes ||
                         batch_bytes + bytes > kFrameBytes ||
                         payload.attachments.size() == kFrameAttachments;
    if (message_bytes > 0 && is_full) break;
    message_bytes += cost;
    batch_bytes += bytes;
    if (entry.bytes) payload.attachments.emplace_back(std::move(*entry.bytes));
    if (auto* message = std::get_if<FollowerMessage>(&entry.message)) {
      followers.push_back({entry.place, std::move(*message)});
    } else {
      leaders.push_back({entry.place, std::move(std::get<LeaderMessage>(entry.message))});
    }
  }
  if (entries_.empty()) newest_.clear();
  bytes_ -= batch_bytes;
  payload.message =
      followers.empty() ? encode_leader_entries(leaders) : encode_follower_entries(followers);
  return payload;
}

}  // namespace strandline
