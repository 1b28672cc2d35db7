#include "client/core/metadata_cache.h"

#include <algorithm>
#include <utility>

#include "protocol/base/retry.h"

namespace strandline::client {

void MetadataCache::want(Instant now, const std::string& topic) {
  if (!topics_.try_emplace(topic).second) return;
  refresh(now);
}

void MetadataCache::forget(const std::string& topic) { topics_.erase(topic); }

Leader MetadataCache::leader(const TopicPartition& partition) const {
  const auto topic = topics_.find(partition.topic);
  if (topic == topics_.end()) return {};
  const auto found = topic->second.partitions.find(partition.partition);
  return found == topic->second.partitions.end() ? Leader{} : found->second;
}

Errc MetadataCache::why_leaderless(const TopicPartition& partition) const {
  const auto topic = topics_.find(partition.topic);
  if (topic == topics_.end() || !topic->second.known) return Errc::ok;
  if (topic->second.error != Errc::ok) return topic->second.error;
  const auto found = topic->second.partitions.find(partition.partition);
  if (found == topic->second.partitions.end()) return Errc::unknown_topic_or_partition;
  return found->second.broker == kNoBroker ? Errc::leader_not_available : Errc::ok;
}

Errc MetadataCache::topic_error(const std::string& topic) const {
  const auto found = topics_.find(topic);
  return found == topics_.end() ? Errc::ok : found->second.error;
}

bool MetadataCache::on_hint(const TopicPartition& partition, const wire::CurrentLeader& hint,
                            const std::vector<wire::NodeEndpoint>& endpoints) {
  for (const wire::NodeEndpoint& each : endpoints) learn_broker(each.node_id, each.host, each.port);
  const auto topic = topics_.find(partition.topic);
  // A leader whose address is not known is no help.
  if (topic == topics_.end() || !brokers_.contains(hint.leader_id)) return false;
  Leader& known = topic->second.partitions[partition.partition];
  if (hint.leader_epoch <= known.epoch) return false;
  known = {hint.leader_id, hint.leader_epoch};
  return true;
}

void MetadataCache::refresh(Instant now) {
  const Instant at = std::max(now, paused_.value_or(now));
  due_ = due_.has_value() ? std::min(*due_, at) : at;
}

std::optional<wire::MetadataRequest> MetadataCache::take_request(Instant now) {
  if (asking_ || !due_.has_value() || *due_ > now) return std::nullopt;
  asking_ = true;
  due_.reset();
  wire::MetadataRequest request;
  request.allow_auto_topic_creation = config_.create_topics;
  request.topics.emplace();
  for (const auto& [name, topic] : topics_) request.topics->push_back({.name = name});
  return request;
}

void MetadataCache::on_response(Instant now, const wire::MetadataResponse& response) {
  asking_ = false;
  std::map<BrokerId, wire::NodeEndpoint> before = std::exchange(brokers_, {});
  for (const auto& each : response.brokers) {
    brokers_[each.node_id] = {.node_id = each.node_id, .host = each.host, .port = each.port};
  }
  brokers_changed_ = brokers_changed_ || before != brokers_;
  for (const auto& told : response.topics) learn_topic(told);
  failures_ = lacks_leaders() ? failures_ + 1 : 0;
  paused_ = now + config_.retry.after(failures_, prng_);
  if (failures_ > 0) {
    due_ = paused_;
  } else if (!due_.has_value()) {
    due_ = now + config_.age_max;
  } else {
    due_ = std::max(*due_, *paused_);
  }
}

void MetadataCache::on_failed(Instant now) {
  asking_ = false;
  ++failures_;
  paused_ = now + config_.retry.after(failures_, prng_);
  due_ = paused_;
}

std::optional<Instant> MetadataCache::next_request() const { return asking_ ? std::nullopt : due_; }

std::optional<LearnBrokers> MetadataCache::take_brokers() {
  if (!std::exchange(brokers_changed_, false)) return std::nullopt;
  LearnBrokers effect;
  for (const auto& [id, endpoint] : brokers_) effect.brokers.push_back(endpoint);
  return effect;
}

void MetadataCache::learn_topic(const wire::MetadataResponse::Topic& told) {
  if (!told.name.has_value()) return;
  const auto found = topics_.find(*told.name);
  if (found == topics_.end()) return;  // forgotten since
  Topic& topic = found->second;
  topic.known = true;
  topic.error = told.error_code;
  if (told.error_code != Errc::ok) return;
  // Another topic of this name counts its leaders anew.
  if (!told.topic_id.is_zero() && told.topic_id != topic.id) {
    topic.partitions.clear();
    topic.id = told.topic_id;
  }
  for (const auto& each : told.partitions) {
    Leader& known = topic.partitions[each.index];
    const bool is_old = each.leader_epoch != kNoLeaderEpoch && each.leader_epoch < known.epoch;
    if (!is_old) known = {each.leader_id, each.leader_epoch};
  }
}

void MetadataCache::learn_broker(BrokerId id, const std::string& host, std::int32_t port) {
  const wire::NodeEndpoint told{.node_id = id, .host = host, .port = port};
  wire::NodeEndpoint& known = brokers_[id];
  if (known == told) return;
  known = told;
  brokers_changed_ = true;
}

bool MetadataCache::lacks_leaders() const {
  return std::ranges::any_of(topics_, [](const auto& entry) {
    const Topic& topic = entry.second;
    if (!topic.known) return true;
    if (topic.error != Errc::ok) return retry_of(topic.error) != Retry::never;
    return std::ranges::any_of(topic.partitions,
                               [](const auto& each) { return each.second.broker == kNoBroker; });
  });
}

}  // namespace strandline::client
