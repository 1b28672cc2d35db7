// The controller's decisions on topics and partitions.
#include <algorithm>
#include <map>
#include <set>

#include "replication/metadata/config_changes.h"
#include "replication/metadata/controller.h"
#include "replication/metadata/replica_placement.h"

namespace strandline {
namespace {

// Names (or whatever a request identifies things by) that occur more than once.
template <class Range, class KeyOf>
auto named_twice(const Range& items, KeyOf key_of) {
  using Key = std::decay_t<decltype(key_of(*items.begin()))>;
  std::set<Key> seen;
  std::set<Key> twice;
  for (const auto& item : items) {
    if (!seen.insert(key_of(item)).second) twice.insert(key_of(item));
  }
  return twice;
}

Outcome refused(Errc code, std::string message) { return {code, std::move(message)}; }

}  // namespace

// One create_topics call: what it has granted so far counts for the topics after it.
class TopicCreation {
 public:
  explicit TopicCreation(Controller& controller)
      : controller_(controller),
        image_(controller.image()),
        live_(image_.live_brokers()),
        partitions_left_(
            std::min<std::int64_t>(controller.config().request_partitions_max,
                                   controller.config().partitions_max - image_.partition_count)) {}

  CreatedTopic decide(const NewTopic& topic, bool validate_only,
                      std::vector<MetadataRecord>& records) {
    CreatedTopic answer{.name = topic.name};
    std::vector<std::vector<BrokerId>> placed;
    answer.outcome = controller_.disk_full_ ? disk_full_outcome() : check_name(topic.name);
    if (answer.outcome.ok()) answer.outcome = place(topic, placed);
    if (answer.outcome.ok()) answer.outcome = check_configs(topic, answer.configs);
    if (!answer.outcome.ok()) return answer;

    answer.num_partitions = static_cast<std::int32_t>(placed.size());
    answer.replication_factor = static_cast<std::int32_t>(placed.front().size());
    partitions_left_ -= answer.num_partitions;
    folded_.emplace(folded_topic_name(topic.name), topic.name);
    if (validate_only) return answer;

    answer.id = make_uuid(controller_.prng_);
    records.emplace_back(TopicRecord{answer.id, topic.name});
    for (std::size_t i = 0; i < placed.size(); ++i) {
      records.emplace_back(first_partition_state(
          image_, answer.id, PartitionIndex{static_cast<std::int32_t>(i)}, std::move(placed[i])));
    }
    for (const auto& [name, value] : answer.configs) {
      records.emplace_back(ConfigRecord{ConfigResource::topic, topic.name, name, value});
    }
    return answer;
  }

 private:
  Outcome check_name(const std::string& name) const {
    if (auto outcome = check_topic_name(name); !outcome.ok()) return outcome;
    if (name == kClusterMetadataTopic) {
      return refused(Errc::invalid_topic_exception,
                     "Topic '" + name + "' is the cluster's own and not to be created");
    }
    if (image_.topics.find(name) != nullptr) {
      return refused(Errc::topic_already_exists, "Topic '" + name + "' already exists");
    }
    const auto* other = controller_.state_.colliding_topic(name);
    if (const auto it = folded_.find(folded_topic_name(name)); it != folded_.end()) {
      other = &it->second;
    }
    if (other != nullptr) {
      return refused(Errc::invalid_topic_exception,
                     "Topic '" + name + "' collides with existing topic: " + *other);
    }
    return {};
  }

  Outcome place(const NewTopic& topic, std::vector<std::vector<BrokerId>>& placed) const {
    if (!topic.assignments.empty()) return take_assignments(topic, placed);
    if (topic.num_partitions == 0 || topic.num_partitions < -1) {
      return refused(Errc::invalid_partitions,
                     "Number of partitions must be larger than 0, or -1 for the default");
    }
    if (topic.replication_factor == 0 || topic.replication_factor < -1) {
      return refused(Errc::invalid_replication_factor,
                     "Replication factor must be larger than 0, or -1 for the default");
    }
    const auto count =
        topic.num_partitions == -1 ? controller_.num_partitions() : topic.num_partitions;
    const auto factor = topic.replication_factor == -1 ? controller_.replication_factor()
                                                       : topic.replication_factor;
    if (factor < 1 || static_cast<std::size_t>(factor) > live_.size()) {
      return refused(Errc::invalid_replication_factor,
                     "Replication factor " + std::to_string(factor) + " is not possible with " +
                         std::to_string(live_.size()) + " live broker(s)");
    }
    if (auto outcome = check_count(count); !outcome.ok()) return outcome;
    ReplicaPlacement placement{live_, controller_.prng_};
    for (std::int32_t i = 0; i < count; ++i) placed.push_back(placement.next(factor));
    return {};
  }

  Outcome take_assignments(const NewTopic& topic,
                           std::vector<std::vector<BrokerId>>& placed) const {
    if (topic.num_partitions != -1 || topic.replication_factor != -1) {
      return refused(Errc::invalid_request,
                     "Number of partitions and replication factor must both be -1 when a manual "
                     "partition assignment is given");
    }
    const auto count = topic.assignments.size();
    if (auto outcome = check_count(static_cast<std::int64_t>(count)); !outcome.ok()) return outcome;
    placed.resize(count);
    for (const auto& assignment : topic.assignments) {
      const auto at = static_cast<std::size_t>(assignment.partition_index);
      if (assignment.partition_index < 0 || at >= count || !placed[at].empty()) {
        return refused(Errc::invalid_replica_assignment,
                       "The manual partition assignment must name each partition from 0 to " +
                           std::to_string(count - 1) + " once");
      }
      if (auto outcome = check_replicas(image_, assignment.brokers); !outcome.ok()) return outcome;
      if (assignment.brokers.size() != topic.assignments.front().brokers.size()) {
        return refused(Errc::invalid_replica_assignment,
                       "The manual partition assignment gives partitions different numbers of "
                       "replicas");
      }
      placed[at] = assignment.brokers;
    }
    return {};
  }

  Outcome check_count(std::int64_t count) const {
    if (count <= partitions_left_) return {};
    return refused(Errc::invalid_partitions,
                   std::to_string(count) + " partitions are too many: " +
                       std::to_string(std::max<std::int64_t>(partitions_left_, 0)) +
                       " more are allowed in this request (at most " +
                       std::to_string(controller_.config().request_partitions_max) +
                       " a request; partitions.max is " +
                       std::to_string(controller_.config().partitions_max) + ")");
  }

  Outcome check_configs(const NewTopic& topic, ConfigMap& configs) const {
    for (const auto& entry : topic.configs) {
      if (!entry.value) {
        return refused(Errc::invalid_config,
                       "Null value not supported for topic configs: " + entry.name);
      }
      if (auto outcome = set_topic_override(configs, entry.name, *entry.value); !outcome.ok()) {
        return outcome;
      }
    }
    return check_topic_overrides(configs, controller_.config().topic_defaults);
  }

  Controller& controller_;
  const MetadataImage& image_;
  std::vector<const BrokerImage*> live_;
  std::int64_t partitions_left_;
  std::map<std::string, std::string> folded_;  // of the topics granted so far
};

Decision<CreatedTopic> Controller::create_topics(std::span<const NewTopic> topics,
                                                 bool validate_only) {
  const auto name_of = [](const NewTopic& topic) { return topic.name; };
  const auto twice = named_twice(topics, name_of);
  Decision<CreatedTopic> decision;
  std::set<std::string> answered;
  TopicCreation creation{*this};
  for (const auto& topic : topics) {
    if (!twice.contains(topic.name)) {
      decision.items.push_back(creation.decide(topic, validate_only, decision.records));
    } else if (answered.insert(topic.name).second) {
      decision.items.push_back(
          {.outcome = refused(Errc::invalid_request, "Duplicate topic name"), .name = topic.name});
    }
  }
  return decision;
}

Decision<CreatedTopic> Controller::auto_create_topics(std::span<const std::string> names) {
  Decision<CreatedTopic> decision;
  TopicCreation creation{*this};
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (!seen.insert(name).second) continue;
    if (const auto topic = image().topic(name)) {
      decision.items.push_back({.name = name, .id = topic->id});
      continue;
    }
    auto outcome = check_topic_name(name);
    if (outcome.ok() && (!auto_create_enabled() || is_internal_topic(name))) {
      outcome = refused(Errc::unknown_topic_or_partition, "");
    }
    if (!outcome.ok()) {
      decision.items.push_back({.outcome = std::move(outcome), .name = name});
      continue;
    }
    decision.items.push_back(creation.decide({.name = name}, false, decision.records));
  }
  return decision;
}

Decision<DeletedTopic> Controller::delete_topics(std::span<const TopicSelector> topics) const {
  // By id in the end: a name and the id of the same topic are the same topic twice.
  const auto id_of = [this](const TopicSelector& selector) {
    const auto topic = selector.name ? image().topic(*selector.name) : nullptr;
    return topic ? topic->id : selector.id;
  };
  const auto key_of = [&](const TopicSelector& selector) {
    const auto id = id_of(selector);
    return id.is_zero() ? selector.name.value_or("") : to_text(id);
  };
  const auto twice = named_twice(topics, key_of);
  Decision<DeletedTopic> decision;
  std::set<std::string> answered;
  for (const auto& selector : topics) {
    const auto key = key_of(selector);
    const bool is_duplicate = twice.contains(key);
    if (is_duplicate && !answered.insert(key).second) continue;
    DeletedTopic answer{.name = selector.name, .id = selector.id};
    const auto topic = image().topic(id_of(selector));
    if (!config_.delete_topics) {
      answer.outcome = refused(Errc::topic_deletion_disabled, "delete.topic.enable is false");
    } else if (selector.name && !selector.id.is_zero()) {
      answer.outcome = refused(Errc::invalid_request, "Give the topic's name or its id, not both");
    } else if (!selector.name && selector.id.is_zero()) {
      answer.outcome = refused(Errc::invalid_request, "Neither topic name nor id was given");
    } else if (is_duplicate) {
      answer.outcome = refused(Errc::invalid_request, "Duplicate topic");
    } else if (!topic) {
      answer.outcome =
          selector.name
              ? refused(Errc::unknown_topic_or_partition, "This server does not host this topic")
              : refused(Errc::unknown_topic_id, "This server does not host this topic id");
    } else {
      answer.name = topic->name;
      answer.id = topic->id;
      decision.records.emplace_back(RemoveTopicRecord{topic->id});
    }
    decision.items.push_back(std::move(answer));
  }
  return decision;
}

namespace {

// One topic of a create_partitions call.
class Growth {
 public:
  Growth(const MetadataImage& image, const PartitionGrowth& wanted)
      : image_(image), wanted_(wanted), topic_(image.topic(wanted.name)) {}

  Outcome check(std::int64_t partitions_left) const {
    if (!topic_) {
      return refused(Errc::unknown_topic_or_partition, "This server does not host this topic");
    }
    const auto present = std::to_string(topic_->partitions.size());
    if (added() == 0) {
      return refused(Errc::invalid_partitions, "Topic already has " + present + " partition(s)");
    }
    if (added() < 0) {
      return refused(Errc::invalid_partitions,
                     "Topic has " + present + " partition(s): " + std::to_string(wanted_.count) +
                         " would not be an increase");
    }
    if (added() > partitions_left) {
      return refused(Errc::invalid_partitions,
                     std::to_string(added()) + " new partitions are too many: " +
                         std::to_string(std::max<std::int64_t>(partitions_left, 0)) +
                         " more are allowed in this request");
    }
    return wanted_.assignments ? check_assignments() : check_factor();
  }

  std::int64_t added() const {
    return wanted_.count - static_cast<std::int64_t>(topic_->partitions.size());
  }

  // Needs check() to be ok.
  void records(Prng& prng, std::vector<MetadataRecord>& out) const {
    auto index = PartitionIndex{static_cast<std::int32_t>(topic_->partitions.size())};
    const auto all = wanted_.assignments ? *wanted_.assignments : placed(prng);
    for (const auto& replicas : all) {
      out.emplace_back(first_partition_state(image_, topic_->id, index, replicas));
      index = PartitionIndex{index.value() + 1};
    }
  }

 private:
  std::vector<std::vector<BrokerId>> placed(Prng& prng) const {
    ReplicaPlacement placement{image_.live_brokers(), prng};
    placement.take_over(topic_->partitions);
    std::vector<std::vector<BrokerId>> all;
    for (std::int64_t i = 0; i < added(); ++i) {
      all.push_back(placement.next(topic_->replication_factor()));
    }
    return all;
  }

  Outcome check_factor() const {
    const auto live = image_.live_brokers().size();
    if (static_cast<std::size_t>(topic_->replication_factor()) <= live) return {};
    return refused(Errc::invalid_replication_factor,
                   "The topic's replication factor " +
                       std::to_string(topic_->replication_factor()) + " is not possible with " +
                       std::to_string(live) + " live broker(s)");
  }

  Outcome check_assignments() const {
    const auto& assignments = *wanted_.assignments;
    if (static_cast<std::int64_t>(assignments.size()) != added()) {
      return refused(Errc::invalid_replica_assignment,
                     "Assignments are given for " + std::to_string(assignments.size()) +
                         " partition(s), but " + std::to_string(added()) + " would be added");
    }
    for (const auto& replicas : assignments) {
      if (auto outcome = check_replicas(image_, replicas); !outcome.ok()) return outcome;
      if (static_cast<std::int32_t>(replicas.size()) != topic_->replication_factor()) {
        return refused(Errc::invalid_replica_assignment,
                       "The topic has " + std::to_string(topic_->replication_factor()) +
                           " replica(s) of each partition; an assignment has " +
                           std::to_string(replicas.size()));
      }
    }
    return {};
  }

  const MetadataImage& image_;
  const PartitionGrowth& wanted_;
  TopicPtr topic_;
};

}  // namespace

Decision<Outcome> Controller::create_partitions(std::span<const PartitionGrowth> topics,
                                                bool validate_only) {
  const auto twice = named_twice(topics, [](const PartitionGrowth& topic) { return topic.name; });
  auto left = std::min<std::int64_t>(config_.request_partitions_max,
                                     config_.partitions_max - image().partition_count);
  Decision<Outcome> decision;
  for (const auto& wanted : topics) {
    if (twice.contains(wanted.name)) {
      decision.items.push_back(refused(Errc::invalid_request, "Duplicate topic name"));
      continue;
    }
    const Growth growth{image(), wanted};
    auto outcome = disk_full_ ? disk_full_outcome() : growth.check(left);
    if (outcome.ok()) {
      left -= growth.added();
      if (!validate_only) growth.records(prng_, decision.records);
    }
    decision.items.push_back(std::move(outcome));
  }
  return decision;
}

}  // namespace strandline
