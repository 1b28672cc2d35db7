#include "storage/producer/producer_state.h"

#include <algorithm>
#include <iterator>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

bool is_duplicate(const ProducerBatch& kept, const BatchHeader& header) {
  return kept.first_sequence == header.base_sequence &&
         kept.last_sequence == header.last_sequence();
}

// Whether `header` goes on where the producer stopped, in the epoch the entry has.
bool continues(const ProducerEntry& entry, const BatchHeader& header) {
  if (!entry.batches.empty()) {
    return header.base_sequence == sequence_after(entry.batches.back().last_sequence, 1);
  }
  // Only a marker is left of this producer: retention has taken its batches, unless the marker
  // itself began the epoch.
  return !entry.restarts_at_zero || header.base_sequence == Sequence{0};
}

}  // namespace

Result<ProducerCheck> check_against(const ProducerEntry& entry, const BatchHeader& header) {
  if (header.producer_epoch < entry.epoch) return Errc::invalid_producer_epoch;
  if (header.is_control()) return ProducerCheck{};
  const bool new_epoch = header.producer_epoch > entry.epoch;
  if (!new_epoch) {
    for (const ProducerBatch& kept : entry.batches) {
      if (!is_duplicate(kept, header)) continue;
      return ProducerCheck{.duplicate = true,
                           .base_offset = kept.base_offset,
                           .last_offset = kept.last_offset,
                           .append_time = kept.append_time};
    }
  }
  if (new_epoch ? header.base_sequence != Sequence{0} : !continues(entry, header)) {
    return Errc::out_of_order_sequence_number;
  }
  const bool transaction_open = entry.transaction_first_offset != kNoOffset;
  if (transaction_open && !header.is_transactional()) return Errc::invalid_txn_state;
  return ProducerCheck{};
}

Result<ProducerCheck> ProducerState::check(const BatchHeader& header) const {
  if (!header.has_producer()) return ProducerCheck{};
  if (header.producer_epoch < ProducerEpoch{0}) return Errc::invalid_record;
  if (!header.is_control() && header.base_sequence < Sequence{0}) return Errc::invalid_record;
  const auto known = by_id_.find(header.producer_id);
  // An unknown producer may begin anywhere: its state may have expired, or gone with old segments.
  if (known == by_id_.end()) return ProducerCheck{};
  return check_against(*known->second, header);
}

bool ProducerState::continues(const BatchHeader& header) const {
  const auto known = by_id_.find(header.producer_id);
  return known != by_id_.end() && !header.is_control() && !header.is_transactional() &&
         header.producer_epoch == known->second->epoch &&
         strandline::continues(*known->second, header);
}

void ProducerState::update(const BatchHeader& header, Timestamp append_time,
                           std::int32_t coordinator_epoch) {
  if (!header.has_producer()) return;
  ProducerEntry& entry = entry_for(header.producer_id);
  if (header.is_control()) {
    update_marker(entry, header, coordinator_epoch);
  } else {
    update_data(entry, header, append_time);
  }
  // Append times of a replay may be coarse; idle time must not grow by that.
  entry.last_append_time = std::max(entry.last_append_time, append_time);
}

ProducerState::Before ProducerState::before(ProducerId id) const {
  Before before{.id = id, .entry = std::nullopt, .less_idle = std::nullopt};
  const auto known = by_id_.find(id);
  if (known == by_id_.end()) return before;
  before.entry = *known->second;
  const auto next = std::next(known->second);
  if (next != entries_.end()) before.less_idle = next->producer_id;
  return before;
}

void ProducerState::take_back(Before before) {
  const auto known = by_id_.find(before.id);
  STRANDLINE_ASSERT(known != by_id_.end());
  if (!before.entry) return erase(known->second);
  *known->second = std::move(*before.entry);
  const auto place = before.less_idle ? by_id_.at(*before.less_idle) : entries_.end();
  entries_.splice(place, entries_, known->second);
}

ProducerEntry& ProducerState::entry_for(ProducerId id) {
  const auto known = by_id_.find(id);
  if (known != by_id_.end()) {
    entries_.splice(entries_.end(), entries_, known->second);  // no longer idle
    return entries_.back();
  }
  if (limits_.producers_max != 0 && by_id_.size() >= limits_.producers_max) drop_longest_idle();
  entries_.push_back(ProducerEntry{.producer_id = id});
  by_id_.emplace(id, std::prev(entries_.end()));
  return entries_.back();
}

// One with an open transaction is dropped only when all have one: readers wait for its marker.
void ProducerState::drop_longest_idle() {
  const auto no_transaction = [](const ProducerEntry& entry) {
    return entry.transaction_first_offset == kNoOffset;
  };
  auto victim = std::find_if(entries_.begin(), entries_.end(), no_transaction);
  if (victim == entries_.end()) victim = entries_.begin();
  erase(victim);
  ++dropped_;
}

void ProducerState::erase(Entries::iterator entry) {
  open_transactions_.erase(entry->transaction_first_offset);
  by_id_.erase(entry->producer_id);
  entries_.erase(entry);
}

void ProducerState::update_marker(ProducerEntry& entry, const BatchHeader& header,
                                  std::int32_t coordinator_epoch) {
  if (header.producer_epoch != entry.epoch) {
    entry.restarts_at_zero = entry.epoch != kNoProducerEpoch;
    entry.epoch = header.producer_epoch;
    entry.batches.clear();
  }
  entry.coordinator_epoch = std::max(entry.coordinator_epoch, coordinator_epoch);
  open_transactions_.erase(entry.transaction_first_offset);
  entry.transaction_first_offset = kNoOffset;
}

void ProducerState::update_data(ProducerEntry& entry, const BatchHeader& header,
                                Timestamp append_time) {
  if (header.producer_epoch != entry.epoch) {
    entry.epoch = header.producer_epoch;
    entry.batches.clear();
  }
  entry.restarts_at_zero = false;
  if (entry.batches.size() == kProducerBatchesKept) entry.batches.erase(entry.batches.begin());
  entry.batches.push_back({.first_sequence = header.base_sequence,
                           .last_sequence = header.last_sequence(),
                           .base_offset = header.base_offset,
                           .last_offset = header.last_offset(),
                           .append_time = append_time});
  if (header.is_transactional() && entry.transaction_first_offset == kNoOffset) {
    entry.transaction_first_offset = header.base_offset;
    open_transactions_.emplace(header.base_offset, entry.producer_id);
  }
}

std::size_t ProducerState::expire(Timestamp now, std::int64_t idle_ms_max) {
  std::size_t expired = 0;
  auto entry = entries_.begin();
  while (entry != entries_.end() && now - entry->last_append_time > idle_ms_max) {
    const auto next = std::next(entry);
    if (entry->transaction_first_offset == kNoOffset) {
      erase(entry);
      ++expired;
    }
    entry = next;
  }
  return expired;
}

void ProducerState::clear() {
  entries_.clear();
  by_id_.clear();
  open_transactions_.clear();
}

void ProducerState::restore(const ProducerSnapshot& snapshot) {
  clear();
  for (const ProducerEntry& from : snapshot.producers) {
    ProducerEntry& entry = entry_for(from.producer_id);
    open_transactions_.erase(entry.transaction_first_offset);  // a damaged snapshot names one twice
    entry = from;
    if (entry.transaction_first_offset != kNoOffset) {
      open_transactions_.emplace(entry.transaction_first_offset, entry.producer_id);
    }
  }
}

ProducerSnapshot ProducerState::snapshot(Offset next_offset) const {
  return {.next_offset = next_offset, .producers = {entries_.begin(), entries_.end()}};
}

std::vector<ProducerEntry> ProducerState::describe() const {
  std::vector<ProducerEntry> all;
  all.reserve(by_id_.size());
  for (const auto& [id, entry] : by_id_) all.push_back(*entry);
  return all;
}

std::optional<Offset> ProducerState::first_open_transaction() const {
  if (open_transactions_.empty()) return std::nullopt;
  return open_transactions_.begin()->first;
}

void ProducerState::assert_invariants() const {
  STRANDLINE_ASSERT(entries_.size() == by_id_.size());
  STRANDLINE_ASSERT(limits_.producers_max == 0 || by_id_.size() <= limits_.producers_max);
  std::size_t open = 0;
  for (const auto& [id, entry] : by_id_) {
    STRANDLINE_ASSERT(entry->producer_id == id);
    STRANDLINE_ASSERT(entry->batches.size() <= kProducerBatchesKept);
    if (entry->transaction_first_offset != kNoOffset) ++open;
  }
  STRANDLINE_ASSERT(open == open_transactions_.size());
}

}  // namespace strandline
