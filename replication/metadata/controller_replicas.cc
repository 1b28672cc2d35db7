// The controller's decisions on brokers and replicas: who is in sync, who leads, who goes.
#include <algorithm>
#include <set>
#include <utility>

#include "protocol/base/assertion.h"
#include "replication/metadata/controller.h"
#include "replication/metadata/level.h"
#include "replication/metadata/partition_change.h"

namespace strandline {
namespace {

Outcome refused(Errc code, std::string message) { return {code, std::move(message)}; }

bool contains(std::span<const BrokerId> brokers, BrokerId broker) {
  return std::ranges::find(brokers, broker) != brokers.end();
}

bool is_complete(const PartitionImage& partition, BrokerId broker) {
  return contains(partition.isr, broker) || contains(partition.elr, broker);
}

// Where a request points to; none: there is no such partition.
struct Found {
  TopicPtr topic;
  const PartitionImage* partition = nullptr;
};

Found find(const MetadataImage& image, const PartitionPlace& place) {
  Found found{image.topic(place.topic_id), nullptr};
  const auto index = static_cast<std::size_t>(place.partition.value());
  const bool is_there =
      found.topic && place.partition.value() >= 0 && index < found.topic->partitions.size();
  if (is_there) found.partition = &found.topic->partitions[index];
  return found;
}

// Two records that both follow on the present state would not follow on each other.
Outcome named_twice() {
  return refused(Errc::invalid_request, "The request names the partition more than once");
}

// Once a reassignment under way is done.
std::size_t replicas_to_be(const PartitionImage& partition) {
  return partition.replicas.size() - partition.removing.size();
}

Outcome unknown_partition() {
  return refused(Errc::unknown_topic_or_partition, "There is no such topic or partition");
}

std::string number(BrokerId broker) { return std::to_string(broker.value()); }

}  // namespace

std::int32_t Controller::min_insync_replicas(const TopicImage& topic) const {
  return topic_config(image(), topic, config_.self, config_.topic_defaults).min_insync_replicas;
}

// Appends what follows for one partition when `edit` is done to it, with the standing that
// `changed` is about to have.
template <class Edit>
void Controller::change(const TopicImage& topic, PartitionIndex index, BrokerId changed,
                        bool can_lead, const Edit& edit,
                        std::vector<MetadataRecord>& records) const {
  const PartitionImage& before = topic.partitions[static_cast<std::size_t>(index.value())];
  PartitionChange next{before, min_insync_replicas(topic), [&](BrokerId id) {
                         if (id == changed) return ReplicaStanding{.can_lead = can_lead};
                         const BrokerImage* broker = image().broker(id);
                         return ReplicaStanding{.can_lead = broker && broker->can_lead()};
                       }};
  edit(next, before);
  if (const auto after = next.next()) records.emplace_back(record_of(topic.id, index, *after));
}

// The broker's new state, and what follows for each partition that it has a replica of.
template <class Edit>
std::vector<MetadataRecord> Controller::change_broker(const BrokerImage& after,
                                                      const Edit& edit) const {
  std::vector<MetadataRecord> records{record_of(after)};
  for (const TopicPtr& topic : image().topics_sorted()) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      if (!contains(topic->partitions[i].replicas, after.id)) continue;
      change(
          *topic, PartitionIndex{static_cast<std::int32_t>(i)}, after.id, after.can_lead(),
          [&](PartitionChange& next, const PartitionImage& before) { edit(next, before, *topic); },
          records);
    }
  }
  return records;
}

// --- brokers

std::vector<MetadataRecord> Controller::register_broker(const BrokerStart& start) const {
  const BrokerImage* before = image().broker(start.broker);
  const BrokerImage after{.id = start.broker,
                          .incarnation = start.incarnation,
                          .broker_epoch = before == nullptr ? 0 : before->broker_epoch + 1,
                          .advertised = start.advertised,
                          .rack = start.rack,
                          .fenced = start.fenced,
                          .stopping = false,
                          .directory = start.directory,
                          .rpc = start.rpc,
                          .shards = start.shards,
                          .metadata_version_max = start.metadata_version_max};
  // A lone broker leads on whatever it has, in new epochs: the record alone says that.
  if (!start.fenced) return {record_of(after)};
  const bool is_other_disk =
      before != nullptr && !before->directory.is_zero() && before->directory != start.directory;
  return change_broker(
      after, [&](PartitionChange& next, const PartitionImage& now, const TopicImage& topic) {
        if (is_other_disk) return next.forget(start.broker);
        const bool has_others = std::ranges::any_of(
            now.replicas, [&](BrokerId id) { return id != start.broker && is_complete(now, id); });
        const bool may_lack =
            !start.clean &&
            !topic_config(image(), topic, config_.self, config_.topic_defaults).flush_on_ack;
        // Where it is all there is, nothing better can be waited for.
        if (may_lack && has_others) return next.forget(start.broker);
        next.leave_isr(start.broker);
      });
}

std::vector<MetadataRecord> Controller::register_broker(const BrokerStart& start,
                                                        const BrokerFindings& findings) const {
  std::vector<MetadataRecord> records = register_broker(start);
  // The findings are about what the registration makes of its replicas.
  Controller after{config_, image(), 0};
  for (const MetadataRecord& record : records) {
    const Result<void> applied = after.replay(record);
    STRANDLINE_ASSERT(applied.has_value());
  }
  for (MetadataRecord& record : after.note_findings(start.broker, findings)) {
    records.push_back(std::move(record));
  }
  return records;
}

std::vector<MetadataRecord> Controller::note_findings(BrokerId broker,
                                                      const BrokerFindings& findings) const {
  std::vector<MetadataRecord> records;
  const BrokerImage* known = image().broker(broker);
  const bool can_lead = known != nullptr && known->can_lead();
  std::set<PartitionPlace> named{findings.damaged.begin(), findings.damaged.end()};
  for (const auto& cut : findings.cut) named.insert(cut.place);
  for (const PartitionPlace& place : unopened_on(broker)) {
    if (named.contains(place)) continue;
    change(
        *image().topic(place.topic_id), place.partition, broker, can_lead,
        [&](PartitionChange& next, const PartitionImage&) { next.note_opened(broker); }, records);
  }
  for (const auto& [place, end] : findings.cut) {
    const Found found = find(image(), place);
    if (found.partition == nullptr || !is_complete(*found.partition, broker)) continue;
    change(
        *found.topic, place.partition, broker, can_lead,
        [&](PartitionChange& next, const PartitionImage&) { next.note_cut(broker, end); }, records);
  }
  const bool may_wait = image().feature_level() >= kUnopenedReplicaLevel;
  const std::set<PartitionPlace> unopened{findings.unopened.begin(), findings.unopened.end()};
  for (const PartitionPlace& place : findings.damaged) {
    const Found found = find(image(), place);
    if (found.partition == nullptr || !is_complete(*found.partition, broker)) continue;
    change(
        *found.topic, place.partition, broker, can_lead,
        [&](PartitionChange& next, const PartitionImage&) {
          if (may_wait && unopened.contains(place)) return next.note_unopened(broker);
          next.forget(broker);
        },
        records);
  }
  return records;
}

std::vector<PartitionPlace> Controller::unopened_on(BrokerId broker) const {
  std::vector<PartitionPlace> places;
  for (const TopicPtr& topic : image().topics_sorted()) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      if (!is_unopened(topic->partitions[i], broker)) continue;
      places.push_back({topic->id, PartitionIndex{static_cast<std::int32_t>(i)}});
    }
  }
  return places;
}

std::vector<MetadataRecord> Controller::note_opened(BrokerId broker, std::int64_t broker_epoch,
                                                    std::span<const PartitionPlace> places) const {
  const BrokerImage* known = image().broker(broker);
  if (known == nullptr || known->broker_epoch != broker_epoch) return {};
  std::vector<MetadataRecord> records;
  for (const PartitionPlace& place : places) {
    const Found found = find(image(), place);
    if (found.partition == nullptr || !is_unopened(*found.partition, broker)) continue;
    change(
        *found.topic, place.partition, broker, known->can_lead(),
        [&](PartitionChange& next, const PartitionImage&) { next.note_opened(broker); }, records);
  }
  return records;
}

std::vector<MetadataRecord> Controller::note_damage(BrokerId broker, std::int64_t broker_epoch,
                                                    std::span<const PartitionPlace> places) const {
  const BrokerImage* known = image().broker(broker);
  if (known == nullptr || known->broker_epoch != broker_epoch) return {};
  std::vector<MetadataRecord> records;
  for (const PartitionPlace& place : places) {
    const Found found = find(image(), place);
    if (found.partition == nullptr || !contains(found.partition->replicas, broker)) continue;
    const auto can_take_over = [&](BrokerId id) {
      const BrokerImage* other = image().broker(id);
      return id != broker && is_complete(*found.partition, id) && other != nullptr &&
             other->can_lead();
    };
    // Where it is all there is, most of its records are still of use.
    if (std::ranges::none_of(found.partition->replicas, can_take_over)) continue;
    const bool is_led_by_other =
        found.partition->leader != kNoBroker && found.partition->leader != broker;
    if (!is_complete(*found.partition, broker) && !is_led_by_other) continue;
    // It is about to throw its log away; a leader that has seen it whole in this term would take it
    // back into the ISR meanwhile.
    change(
        *found.topic, place.partition, broker, known->can_lead(),
        [&](PartitionChange& next, const PartitionImage&) {
          next.forget(broker);
          next.begin_term();
        },
        records);
  }
  return records;
}

std::vector<MetadataRecord> Controller::note_stall(BrokerId broker, std::int64_t broker_epoch,
                                                   std::span<const PartitionPlace> places) const {
  std::vector<MetadataRecord> records;
  const BrokerImage* known = image().broker(broker);
  if (known == nullptr || known->broker_epoch != broker_epoch) return records;
  for (const PartitionPlace& place : places) {
    const Found found = find(image(), place);
    if (found.partition == nullptr || found.partition->leader != broker) continue;
    const bool has_others = std::ranges::any_of(found.partition->isr, [&](BrokerId id) {
      const BrokerImage* other = image().broker(id);
      return id != broker && other != nullptr && other->can_lead();
    });
    if (!has_others) continue;
    change(
        *found.topic, place.partition, broker, known->can_lead(),
        [&](PartitionChange& next, const PartitionImage&) { next.leave_isr(broker); }, records);
  }
  return records;
}

std::vector<MetadataRecord> Controller::fence_broker(BrokerId broker) const {
  const BrokerImage* known = image().broker(broker);
  if (known == nullptr || known->fenced) return {};
  BrokerImage after = *known;
  after.fenced = true;
  return change_broker(after, [&](PartitionChange& next, const PartitionImage&, const TopicImage&) {
    next.leave_isr(broker);
  });
}

std::vector<MetadataRecord> Controller::unfence_broker(BrokerId broker) const {
  const BrokerImage* known = image().broker(broker);
  if (known == nullptr || !known->fenced) return {};
  BrokerImage after = *known;
  after.fenced = false;
  return change_broker(after, [](PartitionChange&, const PartitionImage&, const TopicImage&) {});
}

std::vector<MetadataRecord> Controller::stop_broker(BrokerId broker) const {
  const BrokerImage* known = image().broker(broker);
  if (known == nullptr || known->stopping) return {};
  BrokerImage after = *known;
  after.stopping = true;
  return change_broker(
      after, [&](PartitionChange& next, const PartitionImage& now, const TopicImage&) {
        const bool has_others = std::ranges::any_of(now.replicas, [&](BrokerId id) {
          const BrokerImage* other = image().broker(id);
          return id != broker && is_complete(now, id) && other != nullptr && other->can_lead();
        });
        // Alone it stays in sync, and its partition's leader, to the end.
        if (has_others) return next.leave_isr(broker);
        if (now.leader == broker) next.keep_leader();
      });
}

// --- in-sync replicas

Decision<IsrAnswer> Controller::alter_isr(BrokerId leader, std::int64_t broker_epoch,
                                          std::span<const IsrAlteration> proposals) const {
  Decision<IsrAnswer> decision;
  const BrokerImage* sender = image().broker(leader);
  const bool is_stale = sender == nullptr || sender->broker_epoch != broker_epoch;
  for (const IsrAlteration& proposal : proposals) {
    IsrAnswer answer;
    const Found found = find(image(), proposal.place);
    if (found.partition != nullptr) {
      answer.partition = *found.partition;
      answer.min_insync_replicas = min_insync_replicas(*found.topic);
    }
    answer.outcome = is_stale ? refused(Errc::stale_broker_epoch,
                                        "The broker has registered again since, or never did")
                     : found.partition == nullptr
                         ? unknown_partition()
                         : check_proposal(leader, proposal, *found.partition, answer.at_fault);
    if (answer.outcome.ok()) {
      std::vector<BrokerId> isr;
      for (const auto& member : proposal.isr) isr.push_back(member.broker);
      const std::size_t records_before = decision.records.size();
      change(
          *found.topic, proposal.place.partition, leader, true,
          [&](PartitionChange& next, const PartitionImage&) { next.set_isr(isr); },
          decision.records);
      if (decision.records.size() == records_before) {
        // A leader that proposes what is so already wants to know that nothing older can be taken
        // any more: only a newer partition epoch tells.
        PartitionImage same = *found.partition;
        ++same.partition_epoch;
        decision.records.emplace_back(
            record_of(proposal.place.topic_id, proposal.place.partition, same));
      }
      answer.partition = image_of(std::get<PartitionRecord>(decision.records.back()));
    }
    decision.items.push_back(std::move(answer));
  }
  return decision;
}

Outcome Controller::check_proposal(BrokerId leader, const IsrAlteration& proposal,
                                   const PartitionImage& now, BrokerId& at_fault) const {
  if (proposal.leader_epoch < now.leader_epoch) {
    return refused(Errc::fenced_leader_epoch, "A newer leader has been elected");
  }
  if (proposal.leader_epoch > now.leader_epoch) {
    return refused(Errc::unknown_leader_epoch, "That leader epoch is not known here yet");
  }
  if (now.leader != leader) {
    return refused(Errc::invalid_request, "Broker " + number(leader) + " does not lead it");
  }
  if (proposal.partition_epoch != now.partition_epoch) {
    return refused(Errc::invalid_update_version, "The partition has changed since");
  }
  std::vector<BrokerId> seen;
  for (const auto& [broker, broker_epoch] : proposal.isr) {
    if (!contains(now.replicas, broker) || contains(seen, broker)) {
      return refused(Errc::invalid_request,
                     "Broker " + number(broker) + " is no replica of it, or is named twice");
    }
    seen.push_back(broker);
    const BrokerImage* member = image().broker(broker);
    const bool is_this_start =
        member != nullptr &&
        (member->broker_epoch == broker_epoch || (broker_epoch == -1 && contains(now.isr, broker)));
    const bool is_eligible = is_this_start && (broker == leader || member->can_lead());
    if (!is_eligible) {
      at_fault = broker;
      return refused(Errc::ineligible_replica,
                     "Broker " + number(broker) + " is fenced, stopping, or has started again");
    }
  }
  if (!contains(seen, leader)) {
    return refused(Errc::invalid_request, "The leader is not in sync with itself");
  }
  return {};
}

// --- elections

Decision<Outcome> Controller::elect_leaders(std::span<const PartitionPlace> places,
                                            Election how) const {
  Decision<Outcome> decision;
  std::set<PartitionPlace> named;
  for (const PartitionPlace& place : places) {
    const Found found = find(image(), place);
    if (found.partition == nullptr) {
      decision.items.push_back(unknown_partition());
      continue;
    }
    if (!named.insert(place).second) {
      decision.items.push_back(named_twice());
      continue;
    }
    const PartitionImage& now = *found.partition;
    const bool is_led =
        how == Election::preferred ? now.leader == now.replicas.front() : now.leader != kNoBroker;
    if (is_led) {
      decision.items.push_back(
          refused(Errc::election_not_needed, "It has the leader it is to have"));
      continue;
    }
    const std::size_t records_before = decision.records.size();
    change(
        *found.topic, place.partition, kNoBroker, false,
        [&](PartitionChange& next, const PartitionImage&) { next.elect(how); }, decision.records);
    const bool has_changed = decision.records.size() > records_before;
    const bool is_elected =
        has_changed && std::get<PartitionRecord>(decision.records.back()).leader != kNoBroker;
    if (is_elected) {
      decision.items.emplace_back();
    } else if (how == Election::preferred) {
      decision.items.push_back(refused(Errc::preferred_leader_not_available,
                                       "The preferred replica is not in sync, or cannot lead"));
    } else {
      decision.items.push_back(
          refused(Errc::eligible_leaders_not_available, "No replica of it can lead at present"));
    }
  }
  return decision;
}

std::vector<MetadataRecord> Controller::stop_waiting_for_replicas() const {
  std::vector<MetadataRecord> records;
  for (const TopicPtr& topic : image().topics_sorted()) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      if (topic->partitions[i].leader != kNoBroker || topic->partitions[i].cut.empty()) continue;
      change(
          *topic, PartitionIndex{static_cast<std::int32_t>(i)}, kNoBroker, false,
          [](PartitionChange& next, const PartitionImage&) { next.stop_waiting(); }, records);
    }
  }
  return records;
}

std::vector<PartitionPlace> Controller::imbalanced(std::size_t most) const {
  std::vector<PartitionPlace> places;
  for (const TopicPtr& topic : image().topics_sorted()) {
    for (std::size_t i = 0; i < topic->partitions.size() && places.size() < most; ++i) {
      const PartitionImage& now = topic->partitions[i];
      const BrokerId preferred = now.replicas.front();
      const BrokerImage* broker = image().broker(preferred);
      if (now.leader == preferred || now.leader == kNoBroker) continue;
      if (!contains(now.isr, preferred) || broker == nullptr || !broker->can_lead()) continue;
      places.push_back({topic->id, PartitionIndex{static_cast<std::int32_t>(i)}});
    }
  }
  return places;
}

// --- reassignments

Decision<Outcome> Controller::reassign(std::span<const Reassignment> wanted,
                                       bool may_change_factor) const {
  Decision<Outcome> decision;
  std::set<PartitionPlace> named;
  for (const Reassignment& one : wanted) {
    const Found found = find(image(), one.place);
    Outcome outcome;
    if (found.partition == nullptr) {
      outcome = unknown_partition();
    } else if (!named.insert(one.place).second) {
      outcome = named_twice();
    } else if (one.replicas) {
      outcome = check_replicas(image(), *one.replicas);
      const std::size_t now = replicas_to_be(*found.partition);
      if (outcome.ok() && !may_change_factor && one.replicas->size() != now) {
        outcome = refused(Errc::invalid_replication_factor,
                          "The replication factor would change from " + std::to_string(now) +
                              " to " + std::to_string(one.replicas->size()));
      }
    } else if (found.partition->adding.empty() && found.partition->removing.empty()) {
      outcome = refused(Errc::no_reassignment_in_progress, "No reassignment of it is under way");
    }
    if (outcome.ok()) {
      change(
          *found.topic, one.place.partition, kNoBroker, false,
          [&](PartitionChange& next, const PartitionImage&) {
            if (one.replicas) return next.reassign(*one.replicas);
            next.cancel_reassignment();
          },
          decision.records);
    }
    decision.items.push_back(std::move(outcome));
  }
  return decision;
}

}  // namespace strandline
