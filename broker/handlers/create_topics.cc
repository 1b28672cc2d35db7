#include "broker/handlers/create_topics.h"

#include <utility>

namespace strandline {
namespace {

using Request = wire::CreateTopicsRequest;
using Response = wire::CreateTopicsResponse;

NewTopic new_topic(const Request::Topic& wanted) {
  NewTopic topic{.name = std::string{wanted.name},
                 .num_partitions = wanted.partition_count,
                 .replication_factor = wanted.replication_factor};
  for (const auto& assignment : wanted.assignments) {
    topic.assignments.push_back({assignment.partition_index.value(), assignment.broker_ids});
  }
  for (const auto& config : wanted.configs) {
    std::optional<std::string> value;
    if (config.value) value = std::string{*config.value};
    topic.configs.push_back({std::string{config.name}, std::move(value)});
  }
  return topic;
}

Response::Topic topic_answer(const MetadataImage& image, const ConfigView& configs,
                             CreatedTopic created) {
  Response::Topic answer{.name = std::move(created.name),
                         .topic_id = created.id,
                         .error_code = created.outcome.code,
                         .error_message = message_of(created.outcome)};
  if (!created.outcome.ok()) return answer;
  answer.partition_count = created.num_partitions;
  answer.replication_factor = static_cast<std::int16_t>(created.replication_factor);
  auto& shown = answer.configs.emplace();
  for (const auto& config :
       configs.topic_configs(image, created.configs, created.replication_factor)) {
    shown.push_back({.name = config.def->name,
                     .value = config.value(),
                     .source = static_cast<wire::ConfigSource>(config.source())});
  }
  return answer;
}

}  // namespace

Decided<Response> decide_create_topics(Controller& controller, const ConfigView& configs,
                                       const Request& request) {
  std::vector<NewTopic> topics;
  topics.reserve(request.topics.size());
  for (const auto& wanted : request.topics) topics.push_back(new_topic(wanted));
  auto decision = controller.create_topics(topics, request.validate_only);

  Decided<Response> decided{.records = std::move(decision.records)};
  for (auto& created : decision.items) {
    decided.response.topics.push_back(
        topic_answer(controller.image(), configs, std::move(created)));
  }
  return decided;
}

}  // namespace strandline
