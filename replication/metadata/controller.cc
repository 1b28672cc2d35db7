#include "replication/metadata/controller.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace strandline {

Controller::Controller(ControllerConfig config, const Uuid& cluster_id, std::uint64_t seed)
    : config_(std::move(config)), state_(cluster_id), prng_(seed) {}

Controller::Controller(ControllerConfig config, const MetadataImage& image, std::uint64_t seed)
    : config_(std::move(config)), state_(image), prng_(seed) {}

std::vector<MetadataRecord> Controller::raise_level() const {
  std::int32_t level = kMetadataVersion;
  for (const auto& [id, broker] : image().brokers) {
    level = std::min(level, broker.metadata_version_max);
  }
  if (level <= image().feature_level()) return {};
  return {FeatureLevelRecord{std::string{kMetadataVersionFeature}, level}};
}

ProducerIdsDecision Controller::allocate_producer_ids(BrokerId broker) const {
  const auto first = image().next_producer_id;
  if (first.value() > std::numeric_limits<std::int64_t>::max() - kProducerIdBlockSize) {
    return {.outcome = {Errc::unknown_server_error, "all producer ids have been given out"}};
  }
  return {.block = {first, kProducerIdBlockSize},
          .records = {ProducerIdsRecord{broker, first + kProducerIdBlockSize}}};
}

std::optional<std::string> Controller::run_time_config(std::string_view name) const {
  for (const auto& layer : {std::to_string(config_.self.value()), std::string{}}) {
    const auto& configs = image().broker_overrides(layer);
    const auto it = configs.find(name);
    const auto* def = find_config(config_.broker_configs, name);
    if (it == configs.end() || def == nullptr) continue;
    // Read as leniently as topic configs: a value of another version must not stop the broker.
    auto check = check_config_value(*def, it->second);
    if (!check.error) return std::move(check.canonical);
  }
  return std::nullopt;
}

bool Controller::auto_create_enabled() const {
  const auto value = run_time_config("auto.create.topics.enable");
  return value ? config_bool(*value) : config_.auto_create_topics;
}

std::int32_t Controller::num_partitions() const {
  const auto value = run_time_config("num.partitions");
  return value ? static_cast<std::int32_t>(config_int(*value)) : config_.num_partitions;
}

std::int32_t Controller::replication_factor() const {
  const auto value = run_time_config("default.replication.factor");
  const auto wanted =
      value ? static_cast<std::int32_t>(config_int(*value)) : config_.default_replication_factor;
  if (wanted != -1) return wanted;
  return std::min<std::int32_t>(3, static_cast<std::int32_t>(image().live_brokers().size()));
}

Outcome disk_full_outcome() {
  return {
      Errc::kafka_storage_error,
      "the broker's disk is filled to disk.watermark.stop.bytes; delete topics or records first"};
}

Outcome check_topic_name(std::string_view name) {
  constexpr std::size_t kNameMax = 249;  // "-" and a partition number still fit a file name
  const auto refused = [](std::string message) {
    return Outcome{Errc::invalid_topic_exception, std::move(message)};
  };
  if (name.empty()) return refused("Topic name is empty");
  if (name == "." || name == "..") return refused("Topic name cannot be '.' or '..'");
  if (name.size() > kNameMax) {
    return refused("Topic name is longer than " + std::to_string(kNameMax) + " characters");
  }
  const auto is_legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!std::ranges::all_of(name, is_legal)) {
    return refused("Topic name may contain only letters, digits, '.', '_' and '-'");
  }
  return {};
}

PartitionRecord first_partition_state(const MetadataImage& image, const Uuid& topic_id,
                                      PartitionIndex partition, std::vector<BrokerId> replicas) {
  PartitionRecord record{.topic_id = topic_id, .partition = partition};
  for (const auto id : replicas) {
    const auto* broker = image.broker(id);
    if (broker != nullptr && broker->can_lead()) record.isr.push_back(id);
  }
  record.leader = record.isr.empty() ? kNoBroker : record.isr.front();
  record.replicas = std::move(replicas);
  return record;
}

Outcome check_replicas(const MetadataImage& image, std::span<const BrokerId> replicas) {
  const auto refused = [](std::string message) {
    return Outcome{Errc::invalid_replica_assignment, std::move(message)};
  };
  if (replicas.empty())
    return refused("The manual partition assignment includes an empty replica list");
  std::set<BrokerId> seen;
  bool any_live = false;
  for (const auto id : replicas) {
    const auto* broker = image.broker(id);
    if (broker == nullptr) {
      return refused("The manual partition assignment includes broker " +
                     std::to_string(id.value()) + ", but no such broker is registered");
    }
    if (!seen.insert(id).second) {
      return refused("The manual partition assignment names broker " + std::to_string(id.value()) +
                     " more than once");
    }
    any_live = any_live || broker->can_lead();
  }
  if (!any_live) return refused("All brokers of the manual partition assignment are fenced");
  return {};
}

}  // namespace strandline
