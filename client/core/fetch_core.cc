#include "client/core/fetch_core.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline::client {

std::string_view FetchConfig::problem() const {
  if (bytes_max <= 0 || partition_bytes_max <= 0) return "an answer must have room for bytes";
  if (bytes_min < 0 || wait_max < Duration{0}) return "neither bytes nor waits are negative";
  if (buffer_bytes_max == 0) return "the buffer must have room for bytes";
  return "";
}

FetchCore::FetchCore(FetchConfig config, std::uint64_t seed)
    : config_(std::move(config)),
      prng_(seed),
      metadata_({.retry = config_.retry, .age_max = config_.metadata_age_max}, prng_) {
  STRANDLINE_ASSERT(config_.problem().empty());
}

void FetchCore::seek(Instant now, const TopicPartition& partition, const FetchPosition& position) {
  Partition& entry = begin_visit(now, partition);
  entry.phase = Phase::fetch;
  entry.position = position;
  step(now);
}

void FetchCore::seek_time(Instant now, const TopicPartition& partition, Timestamp time) {
  Partition& entry = begin_visit(now, partition);
  entry.phase = Phase::locate;
  entry.time = time;
  step(now);
}

// A request that is under way goes on, and its answer finds another visit.
FetchCore::Partition& FetchCore::begin_visit(Instant now, const TopicPartition& partition) {
  metadata_.want(now, partition.topic);
  Partition& entry = partitions_[partition];
  entry = Partition{.visit = ++last_visit_, .paused = entry.paused};
  return entry;
}

void FetchCore::remove(Instant now, const TopicPartition& partition) {
  partitions_.erase(partition);
  const auto same_topic = [&](const auto& entry) { return entry.first.topic == partition.topic; };
  if (std::ranges::none_of(partitions_, same_topic)) metadata_.forget(partition.topic);
  step(now);
}

void FetchCore::pause(Instant now, const TopicPartition& partition, bool paused) {
  const auto found = partitions_.find(partition);
  if (found != partitions_.end()) found->second.paused = paused;
  step(now);
}

void FetchCore::release(Instant now, std::size_t bytes) {
  STRANDLINE_ASSERT(bytes <= buffered_bytes_);
  buffered_bytes_ -= bytes;
  step(now);
}

void FetchCore::on_timeout(Instant now) { step(now); }

// Whatever the input was, this brings about what follows from it.
void FetchCore::step(Instant now) {
  now_ = now;
  // First where brokers are, then what goes to them.
  if (auto brokers = metadata_.take_brokers()) effects_.emplace_back(std::move(*brokers));
  ask(now);
  if (auto request = metadata_.take_request(now)) {
    metadata_request_ = send(kNoBroker, std::move(*request));
  }
}

std::optional<Instant> FetchCore::next_timeout() const {
  std::optional<Instant> next;
  const auto consider = [&](const std::optional<Instant>& at) {
    // What was due at the last input was looked at then, and waits for something else.
    if (at.has_value() && *at > now_ && (!next.has_value() || *at < *next)) next = at;
  };
  consider(metadata_.next_request());
  for (const auto& [name, partition] : partitions_) {
    if (!partition.busy && partition.phase != Phase::lost) consider(partition.paused_until);
  }
  return next;
}

std::vector<FetchEffect> FetchCore::take_effects() { return std::exchange(effects_, {}); }

std::optional<FetchPosition> FetchCore::position(const TopicPartition& partition) const {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || found->second.phase == Phase::locate) return std::nullopt;
  return found->second.position;
}

// The partition that was asked about; null when it is elsewhere by now.
FetchCore::Partition* FetchCore::find(const Asked& asked) {
  const auto found = partitions_.find(asked.partition);
  if (found == partitions_.end() || found->second.visit != asked.visit) return nullptr;
  return &found->second;
}

void FetchCore::assert_invariants() const {
  std::size_t awaited = 0;
  std::size_t fetches = 0;
  std::map<TopicPartition, std::size_t> asked;
  for (const auto& [id, request] : in_flight_) {
    awaited += request.bytes_max;
    if (request.question == Question::batches) {
      ++fetches;
      STRANDLINE_ASSERT(fetches_.at(request.broker) == id);
    }
    for (const Asked& each : request.asked) {
      const auto found = partitions_.find(each.partition);
      if (found == partitions_.end() || found->second.visit != each.visit) continue;
      ++asked[each.partition];
      STRANDLINE_ASSERT(asked[each.partition] == 1 && found->second.busy);
    }
  }
  STRANDLINE_ASSERT(fetches == fetches_.size());
  STRANDLINE_ASSERT(awaited == awaited_bytes_);
  for (const auto& [name, partition] : partitions_) {
    STRANDLINE_ASSERT(partition.busy == asked.contains(name));
    STRANDLINE_ASSERT(partition.phase != Phase::lost || !partition.busy);
  }
}

}  // namespace strandline::client
