// What the producer asks of brokers: who leads, who it is itself, and to take its batches.
#include <algorithm>
#include <limits>
#include <utility>

#include "client/core/producer_core.h"
#include "protocol/base/assertion.h"

namespace strandline::client {

RequestId ProducerCore::send(BrokerId broker, RequestBody body) {
  const RequestId id{++last_request_};
  effects_.emplace_back(SendRequest{id, broker, std::move(body)});
  return id;
}

void ProducerCore::ask_metadata(Instant now) {
  if (auto request = metadata_.take_request(now)) {
    metadata_request_ = send(kNoBroker, std::move(*request));
  }
}

void ProducerCore::ask_identity(Instant now) {
  const bool lacks = config_.idempotent && !identity_.is_known() && !fatal_ && !active_.empty();
  if (!lacks || identity_request_.has_value() || identity_due_.value_or(now) > now) return;
  identity_request_ =
      send(kNoBroker,
           wire::InitProducerIdRequest{.transaction_timeout_ms = std::numeric_limits<int>::max()});
}

// KIP-360: without transactions a producer counts its epochs by itself.
void ProducerCore::renew_identities() {
  if (!identity_.is_known()) return;
  for (const TopicPartition& each : active_) {
    ProduceQueue& queue = queues_.at(each);
    if (!queue.wants_identity()) continue;
    if (queue.identity() == identity_) {
      if (identity_.epoch.value() == std::numeric_limits<std::int16_t>::max()) {
        identity_ = {};  // out of epochs: another id, by the next step
        identity_due_.reset();
        return;
      }
      ++identity_.epoch;
    }
    queue.renumber(identity_);
  }
}

// Fills requests round by round: each takes at most one batch of a partition.
void ProducerCore::ship(Instant now) {
  while (true) {
    std::map<BrokerId, Cargo> cargo;
    if (!fill_cargo(now, cargo)) return;
    for (auto& [broker, load] : cargo) send_cargo(broker, load);
  }
}

bool ProducerCore::fill_cargo(Instant now, std::map<BrokerId, Cargo>& cargo) {
  if (active_.empty()) return false;
  auto each = turn_.has_value() ? active_.upper_bound(*turn_) : active_.begin();
  // Nobody waits to fill a batch while others wait for room.
  const RecordId urgent_last = refused_for_room_ ? RecordId{last_record_} : flushed_last_;
  bool any = false;
  for (std::size_t left = active_.size(); left > 0; --left, ++each) {
    if (each == active_.end()) each = active_.begin();
    const BrokerId broker = metadata_.leader(*each).broker;
    if (broker == kNoBroker) {
      if (metadata_.why_leaderless(*each) != Errc::ok) metadata_.refresh(now);
      continue;
    }
    if (!may_send_to(now, broker)) continue;
    Cargo& load = cargo[broker];
    const std::size_t room = load.bytes == 0 ? SIZE_MAX : config_.request_bytes_max - load.bytes;
    auto& from = *queues_.find(*each);
    const auto parcel = from.second.take(now, identity_, urgent_last, room);
    if (!parcel) continue;
    load.bytes += std::min(parcel->bytes.size(), config_.request_bytes_max - load.bytes);
    load.topics[from.first.topic].push_back(
        {.index = from.first.partition, .records = wire::Records{.bytes = parcel->bytes}});
    load.shipments.push_back({&from, parcel->serial});
    turn_ = *each;
    any = true;
  }
  return any;
}

void ProducerCore::send_cargo(BrokerId broker, Cargo& cargo) {
  if (cargo.shipments.empty()) return;
  wire::ProduceRequest request;
  request.acks = config_.acks;
  request.timeout_ms = static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(config_.request_timeout).count());
  for (auto& [name, partitions] : cargo.topics) {
    request.topics.push_back({.name = name, .partitions = std::move(partitions)});
  }
  const RequestId id = send(broker, std::move(request));
  ++brokers_[broker].in_flight;
  in_flight_[id] = {broker, std::move(cargo.shipments)};
}

bool ProducerCore::may_send_to(Instant now, BrokerId broker) {
  const auto found = brokers_.find(broker);
  if (found == brokers_.end()) return true;
  if (found->second.throttled_until.value_or(now) > now) return false;
  return found->second.in_flight < config_.in_flight_max;
}

}  // namespace strandline::client
