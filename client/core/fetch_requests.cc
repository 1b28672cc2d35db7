// What the reader asks of brokers, one step's worth at a time.
#include <algorithm>
#include <string_view>
#include <utility>

#include "client/core/fetch_core.h"

namespace strandline::client {
namespace {

// The element of a request's list of topics that has this name, at its end or new.
template <class Request>
auto& topic_of(Request& request, std::string_view name) {
  if (request.topics.empty() || request.topics.back().name != name) {
    request.topics.push_back({.name = name});
  }
  return request.topics.back();
}

}  // namespace

RequestId FetchCore::send(BrokerId broker, RequestBody body) {
  const RequestId id{++last_request_};
  effects_.emplace_back(SendRequest{id, broker, std::move(body)});
  return id;
}

void FetchCore::ask(Instant now) {
  std::map<BrokerId, Questions> questions;
  auto each = turn_.has_value() ? partitions_.upper_bound(*turn_) : partitions_.begin();
  for (std::size_t left = partitions_.size(); left > 0; --left, ++each) {
    if (each == partitions_.end()) each = partitions_.begin();
    sort_question(now, *each, questions);
  }
  // Brokers share the buffer, or the first to be asked would leave nothing to the others.
  std::size_t readers = fetches_.size();
  for (const auto& [broker, asked] : questions) {
    if (!asked.fetch.empty() && !fetches_.contains(broker)) ++readers;
  }
  for (const auto& [broker, asked] : questions) {
    if (!asked.locate.empty()) ask_offsets(broker, asked.locate);
    if (!asked.check.empty()) ask_epochs(broker, asked.check);
    if (!asked.fetch.empty()) ask_batches(broker, asked.fetch, readers);
  }
}

void FetchCore::sort_question(Instant now, Partitions::value_type& entry,
                              std::map<BrokerId, Questions>& questions) {
  auto& [name, partition] = entry;
  if (partition.busy || partition.phase == Phase::lost) return;
  if (partition.paused_until.value_or(now) > now) return;
  const Leader leader = metadata_.leader(name);
  if (leader.broker == kNoBroker) {
    if (metadata_.why_leaderless(name) != Errc::ok) metadata_.refresh(now);
    return;
  }
  if (partition.phase == Phase::fetch && leader.epoch > partition.checked_epoch) {
    partition.replica = kNoBroker;
    // A position that does not know its epoch cannot be checked.
    if (partition.position.epoch != kNoLeaderEpoch) partition.phase = Phase::check;
  }
  switch (partition.phase) {
    case Phase::locate: questions[leader.broker].locate.push_back(&entry); break;
    case Phase::check: questions[leader.broker].check.push_back(&entry); break;
    case Phase::fetch:
      if (!partition.paused) {
        questions[reads_at(now, partition, leader)].fetch.push_back(&entry);
      }
      break;
    case Phase::lost: break;
  }
}

BrokerId FetchCore::reads_at(Instant now, Partition& partition, const Leader& leader) const {
  if (partition.replica_until.value_or(now) <= now) partition.replica = kNoBroker;
  return partition.replica != kNoBroker ? partition.replica : leader.broker;
}

FetchCore::Asked FetchCore::asks(Partitions::value_type& entry) {
  entry.second.busy = true;
  return {entry.first, entry.second.visit, entry.second.position, metadata_.leader(entry.first)};
}

void FetchCore::ask_offsets(BrokerId broker, const std::vector<Partitions::value_type*>& entries) {
  InFlight flight{.broker = broker, .question = Question::offsets, .asked_at = now_};
  wire::ListOffsetsRequest request;
  for (Partitions::value_type* entry : entries) {
    flight.asked.push_back(asks(*entry));
    topic_of(request, entry->first.topic)
        .partitions.push_back({.index = entry->first.partition,
                               .current_leader_epoch = flight.asked.back().leader.epoch,
                               .timestamp = entry->second.time});
  }
  in_flight_[send(broker, std::move(request))] = std::move(flight);
}

void FetchCore::ask_epochs(BrokerId broker, const std::vector<Partitions::value_type*>& entries) {
  InFlight flight{.broker = broker, .question = Question::epochs, .asked_at = now_};
  wire::OffsetForLeaderEpochRequest request;
  request.replica_id = kNoBroker;
  for (Partitions::value_type* entry : entries) {
    flight.asked.push_back(asks(*entry));
    topic_of(request, entry->first.topic)
        .partitions.push_back({.index = entry->first.partition,
                               .current_leader_epoch = flight.asked.back().leader.epoch,
                               .leader_epoch = entry->second.position.epoch});
  }
  in_flight_[send(broker, std::move(request))] = std::move(flight);
}

// One fetch at a time: those who come while it is under way go with the next.
void FetchCore::ask_batches(BrokerId broker, const std::vector<Partitions::value_type*>& entries,
                            std::size_t readers) {
  const std::size_t taken = buffered_bytes_ + awaited_bytes_;
  if (fetches_.contains(broker) || taken >= config_.buffer_bytes_max) return;
  const std::size_t share = std::max<std::size_t>(config_.buffer_bytes_max / readers, 1);
  const std::size_t room = std::min(config_.buffer_bytes_max - taken, share);
  InFlight flight{.broker = broker, .question = Question::batches, .asked_at = now_};
  flight.bytes_max = std::min(room, static_cast<std::size_t>(config_.bytes_max));
  wire::FetchRequest request;
  request.wait_ms_max = static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(config_.wait_max).count());
  request.bytes_min = config_.bytes_min;
  request.bytes_max = static_cast<std::int32_t>(flight.bytes_max);
  request.rack_id = config_.rack;
  for (Partitions::value_type* entry : entries) {
    flight.asked.push_back(asks(*entry));
    topic_of(request, entry->first.topic)
        .partitions.push_back({.index = entry->first.partition,
                               .current_leader_epoch = flight.asked.back().leader.epoch,
                               .fetch_offset = entry->second.position.offset,
                               .last_fetched_epoch = entry->second.position.epoch,
                               .bytes_max = config_.partition_bytes_max});
  }
  turn_ = entries.front()->first;
  awaited_bytes_ += flight.bytes_max;
  const RequestId id = send(broker, std::move(request));
  fetches_[broker] = id;
  in_flight_[id] = std::move(flight);
}

}  // namespace strandline::client
