#include "broker/handlers/describe_topic_partitions.h"

#include <algorithm>
#include <set>
#include <string>

namespace strandline {
namespace {

using Request = wire::DescribeTopicPartitionsRequest;
using Response = wire::DescribeTopicPartitionsResponse;

// The names to answer, sorted, each once, from the cursor on.
std::set<std::string> names_from_cursor(const MetadataImage& image, const Request& request) {
  std::set<std::string> names;
  const auto wanted = [&](std::string_view name) {
    return !request.cursor || name >= request.cursor->topic_name;
  };
  for (const auto& asked : request.topics) {
    if (wanted(asked.name)) names.emplace(asked.name);
  }
  if (!request.topics.empty()) return names;
  image.topics.for_each([&](const std::string& name, const TopicPtr&) {
    if (wanted(name)) names.insert(name);
  });
  return names;
}

Response::Partition partition_answer(const MetadataImage& image, std::size_t index,
                                     const PartitionImage& partition) {
  return {.error_code = partition.leader == kNoBroker ? Errc::leader_not_available : Errc::ok,
          .index = PartitionIndex{static_cast<std::int32_t>(index)},
          .leader_id = partition.leader,
          .leader_epoch = partition.leader_epoch,
          .replicas = partition.replicas,
          .isr = partition.isr,
          .eligible_leader_replicas = std::vector<BrokerId>{},
          .last_known_elr = std::vector<BrokerId>{},
          .offline_replicas = offline_replicas(image, partition)};
}

Response::Topic unknown_topic(const std::string& name) {
  const auto checked = check_topic_name(name);
  return {.error_code = checked.ok() ? Errc::unknown_topic_or_partition : checked.code,
          .name = name};
}

Response refuse_all(const Request& request, Errc code) {
  Response response;
  for (const auto& asked : request.topics) {
    response.topics.push_back({.error_code = code, .name = std::string{asked.name}});
  }
  return response;
}

}  // namespace

Response answer_describe_topic_partitions(const MetadataImage& image, const Request& request) {
  if (request.cursor && request.cursor->partition_index < PartitionIndex{0}) {
    return refuse_all(request, Errc::invalid_request);
  }
  auto left = static_cast<std::size_t>(
      std::clamp(request.response_partition_limit, std::int32_t{1}, kDescribedPartitionsMax));
  Response response;
  for (const auto& name : names_from_cursor(image, request)) {
    const auto topic = image.topic(name);
    if (!topic) {
      response.topics.push_back(unknown_topic(name));
      continue;
    }
    const bool at_cursor = request.cursor && request.cursor->topic_name == name;
    auto index = at_cursor ? static_cast<std::size_t>(request.cursor->partition_index.value()) : 0U;
    if (left == 0) {
      response.next_cursor = Response::Cursor{name, PartitionIndex{0}};
      return response;
    }
    auto& answer = response.topics.emplace_back(
        Response::Topic{.name = name, .topic_id = topic->id, .is_internal = topic->is_internal});
    answer.authorized_operations = topic_operations();
    for (; index < topic->partitions.size() && left > 0; ++index, --left) {
      answer.partitions.push_back(partition_answer(image, index, topic->partitions[index]));
    }
    if (index < topic->partitions.size()) {
      response.next_cursor =
          Response::Cursor{name, PartitionIndex{static_cast<std::int32_t>(index)}};
      return response;
    }
  }
  return response;
}

}  // namespace strandline
