#include "broker/handlers/elect_leaders.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace strandline {
namespace {

using Request = wire::ElectLeadersRequest;
using Response = wire::ElectLeadersResponse;

struct Asked {
  std::vector<Response::Topic> topics;  // to be answered, in order
  std::vector<PartitionPlace> places;   // of their partitions
};

Asked asked_for(const MetadataImage& image, const std::vector<Request::Topic>& topics) {
  Asked asked;
  for (const auto& wanted : topics) {
    auto& topic = asked.topics.emplace_back(std::string{wanted.name});
    const TopicPtr known = image.topic(wanted.name);
    for (const PartitionIndex index : wanted.partitions) {
      topic.partitions.push_back({.index = index});
      // The id of an unknown one is nobody's.
      asked.places.push_back({known ? known->id : Uuid{}, index});
    }
  }
  return asked;
}

Asked everything(const MetadataImage& image) {
  Asked asked;
  for (const TopicPtr& known : image.topics_sorted()) {
    auto& topic = asked.topics.emplace_back(known->name);
    for (std::size_t i = 0; i < known->partitions.size(); ++i) {
      const PartitionIndex index{static_cast<std::int32_t>(i)};
      topic.partitions.push_back({.index = index});
      asked.places.push_back({known->id, index});
    }
  }
  return asked;
}

void drop_what_needed_nothing(std::vector<Response::Topic>& topics) {
  for (auto& topic : topics) {
    std::erase_if(topic.partitions, [](const Response::Partition& partition) {
      return partition.error_code == Errc::election_not_needed;
    });
  }
  std::erase_if(topics, [](const Response::Topic& topic) { return topic.partitions.empty(); });
}

bool contains(const std::vector<BrokerId>& brokers, BrokerId broker) {
  return std::ranges::find(brokers, broker) != brokers.end();
}

const CutReplica* cut_of(const PartitionImage& partition, BrokerId broker) {
  const auto at = std::ranges::find(partition.cut, broker, &CutReplica::broker);
  return at == partition.cut.end() ? nullptr : &*at;
}

// Complete replicas of before that may have more than the leader.
std::vector<BrokerId> given_up_for(const PartitionImage& before, BrokerId leader) {
  std::vector<BrokerId> complete = before.isr;
  complete.insert(complete.end(), before.elr.begin(), before.elr.end());
  if (contains(complete, leader)) {
    const CutReplica* own = cut_of(before, leader);
    std::erase_if(complete, [&](BrokerId id) {
      const CutReplica* cut = cut_of(before, id);
      if (own == nullptr || id == leader) return true;
      return cut != nullptr && cut->end && own->end && *cut->end <= *own->end;
    });
  }
  return complete;
}

}  // namespace

Decided<Response> decide_elect_leaders(const Controller& controller, const Request& request) {
  using enum wire::ElectionType;
  if (request.election_type != preferred && request.election_type != unclean) {
    return {.response = {.error_code = Errc::invalid_request, .topics = {}}, .records = {}};
  }
  const Election how = request.election_type == preferred ? Election::preferred : Election::unclean;
  Asked asked = request.topics ? asked_for(controller.image(), *request.topics)
                               : everything(controller.image());
  auto decision = controller.elect_leaders(asked.places, how);
  auto outcome = decision.items.begin();
  for (auto& topic : asked.topics) {
    for (auto& partition : topic.partitions) {
      partition.error_code = outcome->code;
      partition.error_message = message_of(*outcome);
      ++outcome;
    }
  }
  if (!request.topics) drop_what_needed_nothing(asked.topics);
  return {.response = {.topics = std::move(asked.topics)}, .records = std::move(decision.records)};
}

std::vector<UncleanElection> unclean_elections(const MetadataImage& before,
                                               std::span<const MetadataRecord> records) {
  std::vector<UncleanElection> elections;
  for (const MetadataRecord& record : records) {
    const auto* after = std::get_if<PartitionRecord>(&record);
    const TopicPtr topic = after == nullptr ? nullptr : before.topic(after->topic_id);
    if (topic == nullptr || after->leader == kNoBroker) continue;
    const PartitionImage* partition = before.partition(topic->name, after->partition);
    if (partition == nullptr || partition->leader == after->leader) continue;
    auto given_up = given_up_for(*partition, after->leader);
    if (given_up.empty()) continue;
    elections.push_back({topic->name, after->partition, after->leader, std::move(given_up)});
  }
  return elections;
}

}  // namespace strandline
