#include "broker/handlers/create_partitions.h"

#include <utility>

namespace strandline {

Decided<wire::CreatePartitionsResponse> decide_create_partitions(
    Controller& controller, const wire::CreatePartitionsRequest& request) {
  std::vector<PartitionGrowth> topics;
  for (const auto& wanted : request.topics) {
    PartitionGrowth growth{.name = std::string{wanted.name}, .count = wanted.partition_count};
    if (wanted.assignments) {
      auto& lists = growth.assignments.emplace();
      for (const auto& assignment : *wanted.assignments) lists.push_back(assignment.broker_ids);
    }
    topics.push_back(std::move(growth));
  }
  auto decision = controller.create_partitions(topics, request.validate_only);
  Decided<wire::CreatePartitionsResponse> decided{.records = std::move(decision.records)};
  for (std::size_t i = 0; i < topics.size(); ++i) {
    decided.response.topics.push_back({.name = std::move(topics[i].name),
                                       .error_code = decision.items[i].code,
                                       .error_message = message_of(decision.items[i])});
  }
  return decided;
}

}  // namespace strandline
