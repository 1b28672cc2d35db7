#include "client/core/producer_core.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"
#include "protocol/base/retry.h"

namespace strandline::client {
namespace {

ProduceQueueConfig queue_config_of(const ProducerConfig& config) {
  return {.idempotent = config.idempotent,
          .batch_bytes_max = config.batch_bytes_max,
          .window = config.in_flight_max,
          .linger = config.linger,
          .delivery_timeout = config.delivery_timeout,
          .retry = config.retry,
          .codec = config.codec};
}

}  // namespace

std::string_view ProducerConfig::problem() const {
  constexpr std::size_t kRemembered = 5;  // batches of a producer that a leader knows again
  if (acks < -1 || acks > 1) return "acks is -1, 0 or 1";
  if (idempotent && acks != -1) return "an idempotent producer needs acks -1";
  if (in_flight_max == 0) return "at least one request must be allowed in flight";
  if (idempotent && in_flight_max > kRemembered) return "an idempotent producer has five in flight";
  if (batch_bytes_max > request_bytes_max) return "a batch must fit into a request";
  if (request_bytes_max > buffer_bytes_max) return "a request must fit into the buffer";
  if (linger > delivery_timeout) return "the delivery timeout is over before the linger time";
  return "";
}

ProducerCore::ProducerCore(const ProducerConfig& config, std::uint64_t seed)
    : config_(config),
      queue_config_(queue_config_of(config)),
      prng_(seed),
      metadata_({.retry = config.retry,
                 .age_max = config.metadata_age_max,
                 .create_topics = config.create_topics},
                prng_) {
  STRANDLINE_ASSERT(config.problem().empty());
}

Result<RecordId> ProducerCore::append(Instant now, const TopicPartition& partition,
                                      const RecordInput& record) {
  if (fatal_) return fatal_;
  const std::size_t charge = charge_of(record);
  if (kBatchHeaderBytes + charge > config_.request_bytes_max) return Errc::message_too_large;
  if (buffered_bytes_ + charge > config_.buffer_bytes_max) {
    refused_for_room_ = true;
    return Errc::producer_buffer_full;
  }
  const RecordId id{++last_record_};
  auto& queue = queues_.try_emplace(partition, queue_config_, prng_, codecs_).first->second;
  const bool stirs = queue.append(now, id, record);
  buffered_bytes_ += charge;
  ++unsettled_records_;
  if (!stirs) return id;
  active_.insert(partition);
  metadata_.want(now, partition.topic);
  step(now);
  return id;
}

void ProducerCore::flush(Instant now) {
  flushed_last_ = RecordId{last_record_};
  step(now);
}

void ProducerCore::on_timeout(Instant now) { step(now); }

std::optional<Instant> ProducerCore::next_timeout() const {
  std::optional<Instant> next;
  const auto consider = [&](const std::optional<Instant>& at) {
    // What was due at the last input was looked at then, and waits for something else.
    if (at.has_value() && *at > now_ && (!next.has_value() || *at < *next)) next = at;
  };
  consider(metadata_.next_request());
  if (config_.idempotent && !identity_.is_known() && !identity_request_) consider(identity_due_);
  for (const auto& [id, broker] : brokers_) consider(broker.throttled_until);
  for (const TopicPartition& each : active_) consider(queues_.at(each).next_event(now_));
  return next;
}

std::vector<ProducerEffect> ProducerCore::take_effects() { return std::exchange(effects_, {}); }

// Whatever the input was, this brings about what follows from it.
void ProducerCore::step(Instant now) {
  now_ = now;
  refuse_topics(now);
  settle_all(now);
  // First where brokers are, then what goes to them.
  if (auto brokers = metadata_.take_brokers()) effects_.emplace_back(std::move(*brokers));
  renew_identities();
  ask_identity(now);
  ship(now);
  ask_metadata(now);
}

void ProducerCore::settle_all(Instant now) {
  for (auto each = active_.begin(); each != active_.end();) {
    ProduceQueue& queue = queues_.at(*each);
    queue.expire(now, metadata_.why_leaderless(*each));
    collect_outcomes(*each, queue);
    each = queue.empty() ? active_.erase(each) : std::next(each);
  }
}

void ProducerCore::collect_outcomes(const TopicPartition& partition, ProduceQueue& queue) {
  for (ProduceOutcome& outcome : queue.take_outcomes()) {
    buffered_bytes_ -= outcome.charged_bytes;
    unsettled_records_ -= outcome.records.size();
    if (std::exchange(refused_for_room_, false)) effects_.emplace_back(BufferHasRoom{});
    effects_.emplace_back(RecordsSettled{partition, std::move(outcome)});
  }
}

// A topic may be forbidden, or have a name that none can have. Waiting does not change that;
// whoever comes again later may find it changed by others.
void ProducerCore::refuse_topics(Instant now) {
  for (const TopicPartition& each : active_) {
    const Errc error = metadata_.topic_error(each.topic);
    if (error == Errc::ok || retry_of(error) != Retry::never) continue;
    queues_.at(each).fail_waiting(error);
    metadata_.refresh(now);
  }
}

void ProducerCore::fail(const ErrorCode& error) {
  fatal_ = error;
  for (const TopicPartition& each : active_) queues_.at(each).fail_waiting(error);
}

void ProducerCore::assert_invariants() const {
  std::size_t in_flight = 0;
  for (const auto& [partition, queue] : queues_) {
    queue.assert_invariants();
    in_flight += queue.in_flight();
    STRANDLINE_ASSERT(queue.empty() || active_.contains(partition));
  }
  std::map<BrokerId, std::size_t> requests;
  for (const auto& [id, request] : in_flight_) {
    in_flight -= request.shipments.size();
    ++requests[request.broker];
  }
  STRANDLINE_ASSERT(in_flight == 0);
  for (const auto& [id, broker] : brokers_) {
    STRANDLINE_ASSERT(broker.in_flight == requests[id]);
    STRANDLINE_ASSERT(broker.in_flight <= config_.in_flight_max);
  }
  STRANDLINE_ASSERT(buffered_bytes_ <= config_.buffer_bytes_max);
  STRANDLINE_ASSERT((unsettled_records_ == 0) == (buffered_bytes_ == 0));
}

}  // namespace strandline::client
