#include "broker/handlers/metadata.h"

#include <set>
#include <utility>

namespace strandline {
namespace {

constexpr std::int16_t kFirstVersionByIdAlone = 12;

using TopicAnswer = wire::MetadataResponse::Topic;

wire::MetadataResponse::Partition partition_answer(const MetadataImage& image, std::size_t index,
                                                   const PartitionImage& partition) {
  return {.error_code = partition.leader == kNoBroker ? Errc::leader_not_available : Errc::ok,
          .index = PartitionIndex{static_cast<std::int32_t>(index)},
          .leader_id = partition.leader,
          .leader_epoch = partition.leader_epoch,
          .replicas = partition.replicas,
          .isr = partition.isr,
          .offline_replicas = offline_replicas(image, partition)};
}

TopicAnswer topic_answer(const MetadataImage& image, const TopicImage& topic,
                         bool with_operations) {
  TopicAnswer answer{.name = topic.name, .topic_id = topic.id, .is_internal = topic.is_internal};
  answer.partitions.reserve(topic.partitions.size());
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    answer.partitions.push_back(partition_answer(image, i, topic.partitions[i]));
  }
  if (with_operations) answer.authorized_operations = topic_operations();
  return answer;
}

// A refused topic still carries a name where the version has no null for it.
TopicAnswer refused(Errc code, const wire::MetadataRequest::Topic& asked, std::int16_t version) {
  TopicAnswer answer{.error_code = code, .topic_id = asked.topic_id};
  if (asked.name) answer.name = std::string{*asked.name};
  if (!asked.name && version < kFirstVersionByIdAlone) answer.name = "";
  return answer;
}

TopicAnswer answer_one(const MetadataImage& image, const wire::MetadataRequest::Topic& asked,
                       bool with_operations, std::int16_t version) {
  const bool by_id = !asked.topic_id.is_zero();
  if (by_id && version < kFirstVersionByIdAlone) {
    return refused(Errc::invalid_request, asked, version);
  }
  if (!by_id && !asked.name) return refused(Errc::invalid_request, asked, version);
  const auto topic = by_id ? image.topic(asked.topic_id) : image.topic(*asked.name);
  if (topic) return topic_answer(image, *topic, with_operations);
  if (by_id) return refused(Errc::unknown_topic_id, {.topic_id = asked.topic_id}, version);
  const auto name = check_topic_name(*asked.name);
  return refused(name.ok() ? Errc::unknown_topic_or_partition : name.code, asked, version);
}

}  // namespace

std::vector<std::string> topics_to_create(const MetadataImage& image,
                                          const wire::MetadataRequest& request) {
  std::vector<std::string> names;
  if (!request.allow_auto_topic_creation || !request.topics) return names;
  std::set<std::string_view> seen;
  for (const auto& asked : *request.topics) {
    if (!asked.name || !asked.topic_id.is_zero()) continue;
    if (!seen.insert(*asked.name).second) continue;
    if (image.topic(*asked.name) || is_internal_topic(*asked.name)) continue;
    if (check_topic_name(*asked.name).ok()) names.emplace_back(*asked.name);
  }
  return names;
}

wire::MetadataResponse answer_metadata(const MetadataImage& image, const ListenerView& listener,
                                       const wire::MetadataRequest& request, std::int16_t version) {
  wire::MetadataResponse response;
  for (const auto* broker : image.live_brokers()) {
    auto address = advertised_address(*broker, listener);
    response.brokers.push_back({.node_id = broker->id,
                                .host = std::move(address.host),
                                .port = address.port,
                                .rack = broker->rack});
  }
  response.cluster_id = to_text(image.cluster_id);
  response.controller_id = controller_for_clients(image, listener);
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = cluster_operations();
  }

  const bool with_operations = request.include_topic_authorized_operations;
  if (request.asks_all(version)) {
    for (const auto& topic : image.topics_sorted()) {
      response.topics.push_back(topic_answer(image, *topic, with_operations));
    }
    return response;
  }
  // Each once: a name repeated a million times must not make an answer of gigabytes.
  std::set<std::pair<Uuid, std::string_view>> seen;
  for (const auto& asked : *request.topics) {
    if (!seen.emplace(asked.topic_id, asked.name.value_or("")).second) continue;
    response.topics.push_back(answer_one(image, asked, with_operations, version));
  }
  return response;
}

}  // namespace strandline
