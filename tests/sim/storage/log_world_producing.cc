// Producing: batches in order, again, with gaps, and several in one write.
#include <algorithm>
#include <utility>

#include "protocol/base/errc.h"
#include "protocol/record/builder.h"
#include "tests/sim/storage/log_world.h"

namespace strandline::sim {
namespace {

constexpr std::size_t kUnacknowledgedMax = 5;  // what an idempotent producer keeps in flight

std::string text(Offset offset) { return std::to_string(offset.value()); }

}  // namespace

std::vector<std::byte> LogWorld::make_batch(const Producer* producer) {
  BatchBuilder builder;
  const std::uint64_t records = 1 + prng_.below(4);
  for (std::uint64_t i = 0; i < records; ++i) {
    std::string value(prng_.chance(1, 20) ? 3000 : prng_.below(200), '\0');
    for (char& c : value) c = static_cast<char>('a' + prng_.below(26));
    builder.append({.value = as_bytes(value),
                    .timestamp = now_ - static_cast<std::int64_t>(prng_.below(1000))});
  }
  BatchOptions options;
  if (producer != nullptr) {
    options.producer_id = producer->id;
    options.producer_epoch = producer->epoch;
    options.base_sequence = producer->next_sequence;
  }
  std::vector<std::byte> bytes;
  builder.build(options, compressor_, bytes);
  return bytes;
}

bool LogWorld::stage(std::vector<std::byte> bytes, Sent* sent) {
  const BatchHeader header = parse_batch(bytes).value();
  if (log_->must_roll(header, now_) && !write_staged()) return false;
  const std::size_t segments = log_->segment_count();
  const auto placed = log_->stage_as_leader(bytes, header, leader_epoch_, now_);
  if (placed.has_error()) {
    note("append failed: " + placed.error().message());
    return false;
  }
  if (log_->segment_count() != segments) note("rolled at " + text(placed.value().base_offset));
  stats_.rolls += log_->segment_count() - segments;
  staged_.push_back({std::move(bytes), placed.value(), sent});
  return true;
}

bool LogWorld::write_staged() {
  std::vector<ModelBatch> batches;
  for (const Staged& staged : staged_) {
    batches.push_back({parse_batch(staged.bytes).value(), staged.bytes, now_});
  }
  model_.set_in_flight(batches);
  const auto written = log_->write_staged();
  const std::vector<Staged> staged = std::exchange(staged_, {});
  if (written.has_error()) {
    note("write failed: " + written.error().message());
    if (!log_->is_offline()) check_producers();
    return false;
  }
  model_.set_in_flight({});
  for (ModelBatch& batch : batches) model_.append(std::move(batch));
  for (const Staged& batch : staged) {
    ++stats_.appends;
    if (batch.sent == nullptr) continue;
    batch.sent->base_offset = batch.place.base_offset;
    batch.sent->next_offset = batch.place.last_offset + 1;
  }
  if (model_.end() != log_->log_end_offset()) throw Violation{"an append moved the end wrongly"};
  if (options_.plant == Plant::ack_before_sync) acknowledge(log_->log_end_offset());
  return true;
}

bool LogWorld::send(Producer& producer, Sent& sent, bool must_be_duplicate) {
  const BatchHeader header = parse_batch(sent.bytes).value();
  const auto checked = log_->check_producer(header);
  if (checked.has_error()) {
    throw Violation{"a batch that is in order was refused: " + checked.error().message()};
  }
  // A broker that lost the producers' state would append whatever is sent again.
  const bool forgotten = restarted_ && options_.plant == Plant::forget_producers;
  if (checked.value().duplicate && !forgotten) {
    ++stats_.duplicates;
    const ModelBatch* original = model_.find(checked.value().base_offset);
    if (original == nullptr || original->header.producer_id != producer.id ||
        original->header.base_sequence != header.base_sequence ||
        original->header.crc != header.crc) {
      throw Violation{"a duplicate was answered with another batch's offset"};
    }
    sent.base_offset = checked.value().base_offset;
    sent.next_offset = checked.value().last_offset + 1;
    return true;
  }
  if (must_be_duplicate) throw Violation{"a batch sent again was appended again"};
  return stage(sent.bytes, &sent) && write_staged();
}

void LogWorld::append(int which) {
  Producer& producer = producers_[static_cast<std::size_t>(which)];
  // One that the disk refused goes first: a producer sends in order.
  for (Sent& refused : producer.unacknowledged) {
    if (refused.next_offset == kNoOffset && !send(producer, refused, false)) return;
  }
  Sent* sent = make_sent(producer);
  if (sent == nullptr) return;
  send(producer, *sent, false);
  if (options_.plant == Plant::ack_before_sync) acknowledge(log_->log_end_offset());
}

void LogWorld::append_again(int which) {
  Producer& producer = producers_[static_cast<std::size_t>(which)];
  std::deque<Sent>& from =
      producer.unacknowledged.empty() ? producer.acknowledged : producer.unacknowledged;
  if (from.empty() || from.back().next_offset == kNoOffset) return;
  // A producer that was idle through retention may have been forgotten with its batches.
  if (from.back().base_offset < log_->log_start_offset()) return;
  Sent copy = from.back();
  send(producer, copy, true);
}

void LogWorld::append_gap(int which) {
  Producer& producer = producers_[static_cast<std::size_t>(which)];
  const auto known = log_->producers();
  const bool is_known = std::any_of(known.begin(), known.end(), [&](const ProducerEntry& entry) {
    return entry.producer_id == producer.id;
  });
  if (!is_known) return;
  Producer ahead;
  ahead.id = producer.id;
  ahead.epoch = producer.epoch;
  ahead.next_sequence = sequence_after(producer.next_sequence, 7);
  const std::vector<std::byte> bytes = make_batch(&ahead);
  const auto checked = log_->check_producer(parse_batch(bytes).value());
  if (checked.has_value()) throw Violation{"a gap in the sequence was accepted"};
}

void LogWorld::append_plain() {
  if (stage(make_batch(nullptr), nullptr)) write_staged();
}

LogWorld::Sent* LogWorld::make_sent(Producer& producer) {
  if (producer.unacknowledged.size() >= kUnacknowledgedMax) return nullptr;
  Sent sent{.bytes = make_batch(&producer)};
  producer.next_sequence = sequence_after(parse_batch(sent.bytes).value().last_sequence(), 1);
  producer.unacknowledged.push_back(std::move(sent));
  return &producer.unacknowledged.back();
}

void LogWorld::append_group() {
  const std::uint64_t count = 2 + prng_.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (prng_.chance(1, 5)) {
      if (!stage(make_batch(nullptr), nullptr)) return;
      continue;
    }
    Producer& producer = producers_[prng_.below(producers_.size())];
    const bool refused = std::ranges::any_of(producer.unacknowledged, [this](const Sent& sent) {
      return sent.next_offset == kNoOffset &&
             std::ranges::none_of(staged_, [&](const Staged& s) { return s.sent == &sent; });
    });
    if (refused) continue;  // it is sent first, by an append
    Sent* sent = make_sent(producer);
    if (sent == nullptr) continue;
    if (log_->check_producer(parse_batch(sent->bytes).value()).has_error()) {
      throw Violation{"a batch behind a staged one was refused"};
    }
    if (!stage(sent->bytes, sent)) return;
  }
  write_staged();
}

void LogWorld::retry_unacknowledged() {
  restarted_ = true;
  for (Producer& producer : producers_) {
    for (Sent& sent : producer.unacknowledged) {
      if (log_->is_offline() || !send(producer, sent, false)) break;
    }
  }
  restarted_ = false;
  model_.check_unique();
  acknowledge(log_->flushed_end());  // duplicates of what is safe are answered at once
}

}  // namespace strandline::sim
