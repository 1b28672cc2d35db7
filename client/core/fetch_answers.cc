// What brokers answer the reader.
#include <algorithm>
#include <utility>

#include "client/core/fetch_core.h"
#include "protocol/base/assertion.h"
#include "protocol/base/retry.h"

namespace strandline::client {
namespace {

// An answer to a consumer names the partitions in an order of the broker's.
template <class Response>
const auto* answer_for(const Response& response, const TopicPartition& wanted) {
  using Answer = typename Response::Partition;
  for (const auto& topic : response.topics) {
    if (topic.name != wanted.topic) continue;
    const auto found = std::ranges::find(topic.partitions, wanted.partition, &Answer::index);
    if (found != topic.partitions.end()) return &*found;
  }
  return static_cast<const Answer*>(nullptr);
}

}  // namespace

void FetchCore::on_response(Instant now, RequestId id, const ResponseBody& response,
                            const std::shared_ptr<const void>& frame) {
  if (id == metadata_request_) {
    const auto* const told = std::get_if<wire::MetadataResponse>(&response);
    if (told == nullptr) return on_failed(now, id, Errc::unasked_answer);
    metadata_request_.reset();
    on_metadata(now, *told);
    return step(now);
  }
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  const Errc unfit = why_unfit(found->second.question, response);
  if (unfit != Errc::ok) return on_failed(now, id, unfit);
  const InFlight request = landed(id);
  switch (request.question) {
    case Question::batches:
      on_fetched(now, request, std::get<wire::FetchResponse>(response), frame);
      break;
    case Question::offsets:
      on_located(now, request, std::get<wire::ListOffsetsResponse>(response));
      break;
    case Question::epochs:
      on_checked(now, request, std::get<wire::OffsetForLeaderEpochResponse>(response));
      break;
  }
  step(now);
}

// Whether it is an answer to that question at all, and not a refusal of the whole; ok when it is.
Errc FetchCore::why_unfit(Question question, const ResponseBody& response) {
  const auto* const fetched = std::get_if<wire::FetchResponse>(&response);
  switch (question) {
    case Question::batches: return fetched != nullptr ? fetched->error_code : Errc::unasked_answer;
    case Question::offsets:
      return std::holds_alternative<wire::ListOffsetsResponse>(response) ? Errc::ok
                                                                         : Errc::unasked_answer;
    case Question::epochs:
      return std::holds_alternative<wire::OffsetForLeaderEpochResponse>(response)
                 ? Errc::ok
                 : Errc::unasked_answer;
  }
  return Errc::unasked_answer;
}

// Needs    the request is under way
FetchCore::InFlight FetchCore::landed(RequestId id) {
  InFlight request = std::move(in_flight_.extract(id).mapped());
  for (const Asked& each : request.asked) {
    if (Partition* const partition = find(each)) partition->busy = false;
  }
  if (request.question == Question::batches) {
    awaited_bytes_ -= request.bytes_max;
    fetches_.erase(request.broker);
  }
  return request;
}

// Whoever has a new leader need not wait before the next try.
void FetchCore::on_metadata(Instant now, const wire::MetadataResponse& response) {
  std::vector<Leader> before;
  before.reserve(partitions_.size());
  for (const auto& [name, partition] : partitions_) before.push_back(metadata_.leader(name));
  metadata_.on_response(now, response);
  std::size_t place = 0;
  for (auto& [name, partition] : partitions_) {
    if (metadata_.leader(name) != before[place++]) partition.paused_until.reset();
  }
}

void FetchCore::on_failed(Instant now, RequestId id, const ErrorCode& error) {
  if (id == metadata_request_) {
    metadata_request_.reset();
    metadata_.on_failed(now);
    return step(now);
  }
  if (!in_flight_.contains(id)) return;
  const InFlight request = landed(id);
  for (const Asked& each : request.asked) {
    Partition* const partition = find(each);
    if (partition == nullptr) continue;
    partition->replica = kNoBroker;
    if (retry_of(error) == Retry::never) {
      lose(each.partition, *partition, error, std::nullopt);
    } else {
      try_again(now, *partition, error);
    }
  }
  metadata_.refresh(now);
  step(now);
}

void FetchCore::on_fetched(Instant now, const InFlight& request,
                           const wire::FetchResponse& response,
                           const std::shared_ptr<const void>& frame) {
  for (const Asked& each : request.asked) {
    const auto* const answer = answer_for(response, each.partition);
    if (answer != nullptr) {
      metadata_.on_hint(each.partition, answer->current_leader, response.node_endpoints);
    }
    Partition* const partition = find(each);
    if (partition == nullptr) continue;
    if (answer != nullptr) {
      on_fetched(now, request, each, *answer, frame);
    } else {
      try_again(now, *partition, Errc::unasked_answer);
    }
  }
}

void FetchCore::on_fetched(Instant now, const InFlight& request, const Asked& asked,
                           const wire::FetchResponse::Partition& answer,
                           const std::shared_ptr<const void>& frame) {
  Partition& partition = *find(asked);
  if (answer.error_code != Errc::ok) {
    return on_fetch_error(now, request, asked, partition, answer.error_code);
  }
  partition.failures = 0;
  partition.paused_until.reset();
  const auto& parted = answer.diverging_epoch;
  if (parted.end_offset != kNoOffset) {
    if (parted.end_offset < asked.position.offset) {
      return truncated(asked, partition, FetchPosition{parted.end_offset, parted.epoch});
    }
    if (parted.epoch == asked.position.epoch) {
      return try_again(now, partition, Errc::unasked_answer);
    }
    // The position is good; it only had the epoch from somebody who knew less.
    partition.position.epoch = parted.epoch;
    return;
  }
  partition.checked_epoch = std::max(partition.checked_epoch, asked.leader.epoch);
  if (answer.preferred_read_replica != kNoBroker) {
    partition.replica = answer.preferred_read_replica;
    partition.replica_until = now + config_.replica_age_max;
    return;
  }
  deliver(now, request, asked, partition, answer, frame);
}

void FetchCore::deliver(Instant now, const InFlight& request, const Asked& asked,
                        Partition& partition, const wire::FetchResponse::Partition& answer,
                        const std::shared_ptr<const void>& frame) {
  FetchedBatches cut = cut_batches(asked.position, answer.records.bytes);
  partition.position = cut.next;
  const bool tells = answer.high_watermark != partition.high_watermark;
  partition.high_watermark = answer.high_watermark;
  if (tells || !cut.batches.empty()) {
    buffered_bytes_ += cut.bytes;
    effects_.emplace_back(DeliverBatches{.partition = asked.partition,
                                         .from = asked.position,
                                         .next = cut.next,
                                         .batches = std::move(cut.batches),
                                         .bytes = cut.bytes,
                                         .high_watermark = answer.high_watermark,
                                         .log_start_offset = answer.log_start_offset,
                                         .served_by = request.broker,
                                         .leader = asked.leader,
                                         .asked_at = request.asked_at,
                                         .frame = frame});
  }
  if (cut.damage == Errc::ok) return;
  effects_.emplace_back(BatchDamaged{asked.partition, cut.next, request.broker, cut.damage});
  partition.replica = kNoBroker;
  try_again(now, partition, Errc::corrupt_message);
}

void FetchCore::on_fetch_error(Instant now, const InFlight& request, const Asked& asked,
                               Partition& partition, Errc error) {
  // A replica that is behind, or none any more, says nothing about the log.
  const bool at_leader = request.broker == asked.leader.broker;
  partition.replica = kNoBroker;
  if (!at_leader) return try_again(now, partition, error);
  if (error == Errc::offset_out_of_range) return out_of_range(asked, partition);
  if (retry_of(error) == Retry::never) return lose(asked.partition, partition, error, std::nullopt);
  // What led to a leader already known to be followed by another needs no waiting.
  if (metadata_.leader(asked.partition) != asked.leader) return;
  try_again(now, partition, error);
}

void FetchCore::on_located(Instant now, const InFlight& request,
                           const wire::ListOffsetsResponse& response) {
  for (const Asked& each : request.asked) {
    Partition* const partition = find(each);
    if (partition == nullptr) continue;
    const auto* const answer = answer_for(response, each.partition);
    if (answer == nullptr) {
      try_again(now, *partition, Errc::unasked_answer);
    } else {
      located(now, each, *partition, *answer);
    }
  }
}

void FetchCore::on_checked(Instant now, const InFlight& request,
                           const wire::OffsetForLeaderEpochResponse& response) {
  for (const Asked& each : request.asked) {
    Partition* const partition = find(each);
    if (partition == nullptr) continue;
    const auto* const answer = answer_for(response, each.partition);
    if (answer == nullptr) {
      try_again(now, *partition, Errc::unasked_answer);
    } else {
      checked(now, each, *partition, *answer);
    }
  }
}

}  // namespace strandline::client
