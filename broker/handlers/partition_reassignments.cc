#include "broker/handlers/partition_reassignments.h"

#include <span>
#include <utility>

namespace strandline {
namespace {

using Listing = wire::ListPartitionReassignmentsResponse;

void list_topic(const TopicImage& topic, std::span<const PartitionIndex> indexes,
                Listing& response) {
  Listing::Topic listed{.name = topic.name, .partitions = {}};
  for (const PartitionIndex index : indexes) {
    const auto at = static_cast<std::size_t>(index.value());
    if (index.value() < 0 || at >= topic.partitions.size()) continue;
    const PartitionImage& partition = topic.partitions[at];
    if (!is_being_reassigned(partition)) continue;
    listed.partitions.push_back({.index = index,
                                 .replicas = partition.replicas,
                                 .adding = partition.adding,
                                 .removing = partition.removing});
  }
  if (!listed.partitions.empty()) response.topics.push_back(std::move(listed));
}

std::vector<PartitionIndex> all_indexes(const TopicImage& topic) {
  std::vector<PartitionIndex> indexes;
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    indexes.emplace_back(static_cast<std::int32_t>(i));
  }
  return indexes;
}

}  // namespace

Decided<wire::AlterPartitionReassignmentsResponse> decide_alter_partition_reassignments(
    const Controller& controller, const wire::AlterPartitionReassignmentsRequest& request) {
  std::vector<Reassignment> wanted;
  for (const auto& topic : request.topics) {
    const TopicPtr known = controller.image().topic(topic.name);
    for (const auto& partition : topic.partitions) {
      // The id of an unknown topic is nobody's.
      wanted.push_back({{known ? known->id : Uuid{}, partition.index}, partition.replicas});
    }
  }
  auto decision = controller.reassign(wanted, request.allow_replication_factor_change);

  Decided<wire::AlterPartitionReassignmentsResponse> decided{.records =
                                                                 std::move(decision.records)};
  auto& response = decided.response;
  response.allow_replication_factor_change = request.allow_replication_factor_change;
  auto outcome = decision.items.begin();
  for (const auto& topic : request.topics) {
    auto& answered = response.topics.emplace_back(std::string{topic.name});
    for (const auto& partition : topic.partitions) {
      answered.partitions.push_back({.index = partition.index,
                                     .error_code = outcome->code,
                                     .error_message = message_of(*outcome)});
      ++outcome;
    }
  }
  return decided;
}

Listing answer_list_partition_reassignments(
    const MetadataImage& image, const wire::ListPartitionReassignmentsRequest& request) {
  Listing response;
  if (!request.topics) {
    for (const TopicPtr& topic : image.topics_sorted()) {
      list_topic(*topic, all_indexes(*topic), response);
    }
    return response;
  }
  for (const auto& wanted : *request.topics) {
    const TopicPtr topic = image.topic(wanted.name);
    if (topic != nullptr) list_topic(*topic, wanted.partitions, response);
  }
  return response;
}

bool is_being_reassigned(const PartitionImage& partition) {
  return !partition.adding.empty() || !partition.removing.empty();
}

}  // namespace strandline
