#include "tests/sim/cluster/vouch_checker.h"

#include <algorithm>
#include <vector>

#include "tests/sim/cluster/log_view.h"
#include "tests/sim/cluster/sim_broker.h"

namespace strandline::cluster_sim {
namespace {

// Of a log that was opened again, so much of what it calls flushed is looked at.
constexpr std::int64_t kLookBack = 100;

std::string text(Offset offset) { return std::to_string(offset.value()); }

bool has(const std::vector<BrokerId>& brokers, int id) {
  return std::ranges::find(brokers, BrokerId{id}) != brokers.end();
}

}  // namespace

void VouchChecker::after_event(const Host& host, Partition& replica, Offset committed) {
  const PartitionLog& log = replica.log();
  Place& place = places_[replica.key()];
  Replica& seen = place.replicas[host.id];
  const Offset flushed = log.flushed_end();
  const bool is_new = seen.life != host.life;
  const bool fell = flushed < seen.flushed;
  if (is_new && seen.lacks == Lacks::is_unknown && !has_flipped_still(host)) {
    seen.lacks = Lacks::is_known;
    seen.lost_in = incarnation_of(host.id);
  }
  if (is_new || flushed > seen.flushed) {
    const Offset from = is_new ? std::max(Offset{0}, flushed - kLookBack) : seen.flushed;
    check_disk(host, log, std::max(from, log.log_start_offset()), flushed);
  }
  seen.life = host.life;
  seen.flushed = flushed;
  if (committed <= place.committed && !fell) return;
  place.committed = std::max(place.committed, committed);
  check_place(replica.key(), place);
}

void VouchChecker::after_event(const Host& host) {
  const MetadataNode* const metadata = host.broker->metadata();
  if (metadata == nullptr || metadata->committed_end() <= shown_) return;
  shown_ = metadata->committed_end();
  newest_ = metadata->image();
  for (auto& [key, place] : places_) check_place(key, place);
}

void VouchChecker::note_wiped(const Host& host) {
  for (auto& [key, place] : places_) {
    Replica& replica = place.replicas[host.id];
    replica.flushed = Offset{0};
    replica.lacks = std::max(replica.lacks, Lacks::is_known);
    replica.lost_in = incarnation_of(host.id);
  }
}

void VouchChecker::note_corrupt(const Host& host, const Flipped& flipped) {
  flipped_.insert_or_assign(host.id, flipped);
  for (auto& [key, place] : places_) {
    Replica& replica = place.replicas[host.id];
    replica.lacks = Lacks::is_unknown;
    replica.was_corrupt = true;
  }
}

// As the controller knows it.
Uuid VouchChecker::incarnation_of(int id) const {
  const BrokerImage* const broker = newest_ == nullptr ? nullptr : newest_->broker(BrokerId{id});
  return broker == nullptr ? Uuid{} : broker->incarnation;
}

bool VouchChecker::has_flipped_still(const Host& host) const {
  const auto& [path, position, now] = flipped_.at(host.id);
  return host.disk->has_durably(path, position, {&now, 1});
}

void VouchChecker::check_disk(const Host& host, const PartitionLog& log, Offset from,
                              Offset end) const {
  const Offset lost = first_not_durable(*host.disk, log, from, end);
  if (lost >= end) return;
  throw Violation{"broker " + std::to_string(host.id) + " calls its log flushed up to " +
                  text(end) + ", and a power loss would take what is at " + text(lost)};
}

void VouchChecker::check_place(const PartitionKey& key, Place& place) const {
  const TopicPtr topic = newest_ == nullptr ? nullptr : newest_->topic(key.topic_id);
  if (topic == nullptr) return;
  const PartitionImage& partition =
      topic->partitions.at(static_cast<std::size_t>(key.partition.value()));
  for (const auto* const members : {&partition.isr, &partition.elr}) {
    for (const BrokerId id : *members) place.replicas.try_emplace(id.value());
  }
  std::int32_t copies = 0;
  for (auto& [id, replica] : place.replicas) {
    const bool counts = has(partition.isr, id) || has(partition.elr, id);
    const bool has_all = replica.flushed >= place.committed;
    // As long as the controller counts on the disk that it had.
    const bool is_told = replica.lacks == Lacks::is_known && replica.lost_in != incarnation_of(id);
    if (is_told && (has_all || !counts)) replica.lacks = Lacks::nothing;
    const bool is_believed = replica.lacks != Lacks::nothing;
    if (has_all || is_believed || replica.was_corrupt) ++copies;
    // One whose log was cut is asked last, and by what it has.
    const bool is_marked =
        std::ranges::find(partition.cut, BrokerId{id}, &CutReplica::broker) != partition.cut.end();
    if (has_all || is_believed || !counts || is_marked) continue;
    throw Violation{"broker " + std::to_string(id) + " may be elected and has flushed up to " +
                    text(replica.flushed) + ", committed is up to " + text(place.committed)};
  }
  if (copies >= min_insync_) return;
  throw Violation{"committed up to " + text(place.committed) + " and flushed on " +
                  std::to_string(copies) + " brokers"};
}

}  // namespace strandline::cluster_sim
