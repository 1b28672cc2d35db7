#include "broker/handlers/delete_topics.h"

#include <utility>

namespace strandline {
namespace {

constexpr std::int16_t kFirstVersionWithIds = 6;
constexpr std::int16_t kFirstVersionWithDeletionDisabled = 3;

std::vector<TopicSelector> selectors(const wire::DeleteTopicsRequest& request,
                                     std::int16_t version) {
  std::vector<TopicSelector> topics;
  if (version < kFirstVersionWithIds) {
    for (const auto name : request.topic_names) topics.push_back({.name = std::string{name}});
    return topics;
  }
  for (const auto& wanted : request.topics) {
    TopicSelector selector{.id = wanted.topic_id};
    if (wanted.name) selector.name = std::string{*wanted.name};
    topics.push_back(std::move(selector));
  }
  return topics;
}

// Clients of old versions do not know the newer code.
Errc code_for(Errc code, std::int16_t version) {
  const bool unknown_to_client =
      code == Errc::topic_deletion_disabled && version < kFirstVersionWithDeletionDisabled;
  return unknown_to_client ? Errc::invalid_request : code;
}

}  // namespace

Decided<wire::DeleteTopicsResponse> decide_delete_topics(const Controller& controller,
                                                         const wire::DeleteTopicsRequest& request,
                                                         std::int16_t version) {
  auto decision = controller.delete_topics(selectors(request, version));
  Decided<wire::DeleteTopicsResponse> decided{.records = std::move(decision.records)};
  for (auto& deleted : decision.items) {
    decided.response.topics.push_back({.name = std::move(deleted.name),
                                       .topic_id = deleted.id,
                                       .error_code = code_for(deleted.outcome.code, version),
                                       .error_message = message_of(deleted.outcome)});
  }
  return decided;
}

}  // namespace strandline
