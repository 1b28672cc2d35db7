#include "client/core/produce_queue.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"
#include "protocol/base/retry.h"

namespace strandline::client {

bool ProduceQueue::append(Instant now, RecordId id, const RecordInput& record) {
  const bool fits = !entries_.empty() && entries_.back().state == State::waiting &&
                    !entries_.back().settled &&
                    entries_.back().batch.has_room(record, config_.batch_bytes_max);
  if (!fits) entries_.push_back({.serial = ++last_serial_, .batch = ProduceBatch{now}});
  Entry& last = entries_.back();
  last.batch.append(id, record);
  last.record_count = last.batch.record_count();
  return !fits;
}

std::optional<ProduceQueue::Parcel> ProduceQueue::take(Instant now,
                                                       const ProducerIdentity& identity,
                                                       RecordId urgent_last, std::size_t room) {
  Entry* const entry = next_entry(now, identity, urgent_last);
  if (entry == nullptr || entry->batch.size_bytes() > room) return std::nullopt;
  if (!entry->batch.sealed()) entry->batch.seal(config_.codec, codecs_.compressor);
  if (config_.idempotent && !entry->numbered) number(*entry, identity);
  entry->state = State::in_flight;
  ++in_flight_;
  return Parcel{entry->serial, entry->batch.bytes()};
}

ProduceQueue::Entry* ProduceQueue::next_entry(Instant now, const ProducerIdentity& identity,
                                              RecordId urgent_last) {
  if (draining_ || wants_identity_) return nullptr;
  if (paused_until_.has_value() && *paused_until_ > now) return nullptr;
  const std::size_t end = std::min(entries_.size(), window());
  for (std::size_t place = 0; place < end; ++place) {
    Entry& entry = entries_[place];
    if (entry.state == State::in_flight || entry.settled) continue;
    if (!is_ready(now, place, urgent_last)) return nullptr;
    if (config_.idempotent && !entry.numbered) {
      if (!identity.is_known()) return nullptr;
      // Those in flight are numbered under the identity of before.
      if (place > 0 && identity.id != identity_.id) return nullptr;
    }
    return &entry;
  }
  return nullptr;
}

bool ProduceQueue::is_ready(Instant now, std::size_t place, RecordId urgent_last) const {
  const Entry& entry = entries_[place];
  return entry.again || entry.batch.records().front() <= urgent_last ||
         place + 1 < entries_.size() || entry.batch.size_bytes() >= config_.batch_bytes_max ||
         entry.batch.created() + config_.linger <= now;
}

std::size_t ProduceQueue::window() const {
  return config_.idempotent && !established_ ? 1 : config_.window;
}

void ProduceQueue::number(Entry& entry, const ProducerIdentity& identity) {
  // With nothing of before unsettled, a newer identity can be taken on without anybody's noticing.
  const bool is_first = &entry == &entries_.front();
  if (is_first && identity != identity_) {
    identity_ = identity;
    next_sequence_ = Sequence{0};
    established_ = false;
  }
  entry.numbered = true;
  entry.base_sequence = next_sequence_;
  entry.batch.stamp(identity_, next_sequence_);
  next_sequence_ = sequence_after(next_sequence_, entry.record_count);
}

std::size_t ProduceQueue::place_of(std::uint64_t serial) const {
  const auto found = std::ranges::find(entries_, serial, &Entry::serial);
  STRANDLINE_ASSERT(found != entries_.end());
  return static_cast<std::size_t>(found - entries_.begin());
}

// Out of flight, one way or another.
ProduceQueue::Entry& ProduceQueue::landed(std::size_t place) {
  Entry& entry = entries_[place];
  STRANDLINE_ASSERT(entry.state == State::in_flight && in_flight_ > 0);
  entry.state = State::waiting;
  entry.again = true;
  --in_flight_;
  if (in_flight_ == 0) draining_ = false;
  return entry;
}

void ProduceQueue::on_appended(std::uint64_t serial, BrokerId by, const Appended& appended) {
  const std::size_t place = place_of(serial);
  const Entry& entry = landed(place);
  established_ = true;
  failures_ = 0;
  if (entry.settled) return remove(place);
  settle(
      place,
      {.base_offset = appended.base_offset, .append_time = appended.append_time, .acked_by = by});
}

void ProduceQueue::on_refused(Instant now, std::uint64_t serial, BrokerId by, Errc error) {
  const std::size_t place = place_of(serial);
  if (config_.idempotent && error == Errc::duplicate_sequence_number) {
    return on_appended(serial, by, {});
  }
  Entry& entry = landed(place);
  if (entry.settled) return drop_settled(place);
  const bool about_sequences = error == Errc::out_of_order_sequence_number ||
                               error == Errc::unknown_producer_id ||
                               error == Errc::invalid_producer_epoch;
  if (config_.idempotent && about_sequences) return misses_sequences(now, place, error);
  // Halves of a batch that may be in a log as a whole would not be known as duplicates.
  if (error == Errc::message_too_large && !entry.doubtful && split(place)) return;
  entry.doubtful = entry.doubtful || leaves_doubt(error);
  if (retry_of(error) != Retry::never) return send_again(now, entry, error);
  settle(place, {.error = error, .may_be_written = entry.doubtful});
}

void ProduceQueue::on_lost(Instant now, std::uint64_t serial, const ErrorCode& error,
                           bool may_be_written) {
  const std::size_t place = place_of(serial);
  Entry& entry = landed(place);
  if (entry.settled) return drop_settled(place);
  entry.doubtful = entry.doubtful || may_be_written;
  if (retry_of(error) != Retry::never) return send_again(now, entry, error);
  settle(place, {.error = error, .may_be_written = entry.doubtful});
}

// Those in flight behind it are likely to share its fate, so nothing overtakes them.
void ProduceQueue::drop_settled(std::size_t place) {
  draining_ = in_flight_ > 0;
  remove(place);
}

void ProduceQueue::send_again(Instant now, Entry& entry, const ErrorCode& error) {
  entry.last_error = error;
  draining_ = in_flight_ > 0;
  // All that were in flight fail together; that is one failure.
  if (paused_until_.has_value() && *paused_until_ > now) return;
  ++failures_;
  paused_until_ = now + config_.retry.after(failures_, prng_);
}

// Behind an unsettled batch this only says that the leader did not get that one; it will.
void ProduceQueue::misses_sequences(Instant now, std::size_t place, Errc error) {
  Entry& entry = entries_[place];
  if (place == 0) {
    entry.doubtful = false;
    wants_identity_ = true;
  }
  send_again(now, entry, error);
}

// It is in no log, so its halves share its sequences.
bool ProduceQueue::split(std::size_t place) {
  if (entries_[place].record_count < 2) return false;
  auto halves =
      entries_[place].batch.split(config_.codec, codecs_.compressor, codecs_.decompressor);
  if (!halves) return false;
  Entry& first = entries_[place];
  Entry second{.serial = ++last_serial_,
               .batch = std::move(halves.value().second),
               .numbered = first.numbered,
               .again = true,
               .doubtful = first.doubtful};
  first.batch = std::move(halves.value().first);
  first.record_count = first.batch.record_count();
  second.record_count = second.batch.record_count();
  if (first.numbered) {
    second.base_sequence = sequence_after(first.base_sequence, first.record_count);
    first.batch.stamp(identity_, first.base_sequence);
    second.batch.stamp(identity_, second.base_sequence);
  }
  draining_ = in_flight_ > 0;
  entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(place) + 1, std::move(second));
  return true;
}

void ProduceQueue::settle(std::size_t place, ProduceOutcome outcome) {
  Entry& entry = entries_[place];
  outcome.charged_bytes = entry.batch.charged_bytes();
  outcome.records = entry.batch.empty_out();
  outcomes_.push_back(std::move(outcome));
  if (entry.state == State::in_flight) {
    entry.settled = true;
    return;
  }
  // It took a sequence with it that no leader will see, so nothing behind it is in a log either.
  const bool leaves_gap = outcomes_.back().error && entry.numbered && !entry.doubtful;
  if (leaves_gap) {
    wants_identity_ = true;
    draining_ = in_flight_ > 0;
  }
  remove(place);
}

// A leader counts it among those it remembers, so it does, too, until all before it are settled.
void ProduceQueue::remove(std::size_t place) {
  if (config_.idempotent && place > 0) {
    entries_[place].settled = true;
    return;
  }
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(place));
  while (!entries_.empty() && entries_.front().settled &&
         entries_.front().state == State::waiting) {
    entries_.pop_front();
  }
}

void ProduceQueue::expire(Instant now, Errc why) {
  for (std::size_t place = 0; place < entries_.size();) {
    Entry& entry = entries_[place];
    if (entry.batch.created() + config_.delivery_timeout > now) return;
    if (entry.settled) {
      ++place;
      continue;
    }
    ErrorCode error = entry.last_error ? entry.last_error : make_error_code(why);
    if (!error) error = Errc::request_timed_out;
    const bool in_flight = entry.state == State::in_flight;
    // Gone, or in its place, and passed by then.
    settle(place, {.error = error, .may_be_written = entry.doubtful || in_flight});
  }
}

void ProduceQueue::fail_waiting(const ErrorCode& error) {
  for (std::size_t place = 0; place < entries_.size();) {
    Entry& entry = entries_[place];
    if (entry.state == State::in_flight || entry.settled) {
      ++place;
      continue;
    }
    settle(place, {.error = error, .may_be_written = entry.doubtful});
  }
}

void ProduceQueue::renumber(const ProducerIdentity& identity) {
  STRANDLINE_ASSERT(in_flight_ == 0 && identity != identity_);
  identity_ = identity;
  next_sequence_ = Sequence{0};
  established_ = false;
  wants_identity_ = false;
  std::erase_if(entries_, [](const Entry& entry) { return entry.settled; });
  for (Entry& entry : entries_) entry.numbered = false;
}

std::optional<Instant> ProduceQueue::next_event(Instant now) const {
  std::optional<Instant> next;
  const auto consider = [&](Instant at) {
    if (at > now && (!next.has_value() || at < *next)) next = at;
  };
  const auto live = std::ranges::find(entries_, false, &Entry::settled);
  if (live == entries_.end()) return std::nullopt;
  consider(live->batch.created() + config_.delivery_timeout);
  consider(entries_.back().batch.created() + config_.linger);
  if (paused_until_.has_value()) consider(*paused_until_);
  return next;
}

std::vector<ProduceOutcome> ProduceQueue::take_outcomes() { return std::exchange(outcomes_, {}); }

void ProduceQueue::assert_invariants() const {
  std::size_t in_flight = 0;
  bool beyond_numbered = false;
  for (const Entry& entry : entries_) {
    if (entry.state == State::in_flight) ++in_flight;
    if (entry.state == State::in_flight && config_.idempotent) STRANDLINE_ASSERT(entry.numbered);
    // Sequences are given in the order of the queue.
    STRANDLINE_ASSERT(!(entry.numbered && beyond_numbered));
    beyond_numbered = beyond_numbered || !entry.numbered;
    STRANDLINE_ASSERT(entry.settled == entry.batch.records().empty());
  }
  STRANDLINE_ASSERT(in_flight == in_flight_);
  STRANDLINE_ASSERT(!draining_ || in_flight_ > 0);
}

}  // namespace strandline::client
