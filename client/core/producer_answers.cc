// What brokers answer the producer, and what becomes of requests that have no answer.
#include <algorithm>
#include <utility>

#include "client/core/producer_core.h"
#include "protocol/base/assertion.h"
#include "protocol/base/retry.h"

namespace strandline::client {

std::optional<ProducerCore::InFlight> ProducerCore::landed(RequestId id) {
  auto node = in_flight_.extract(id);
  if (node.empty()) return std::nullopt;
  Broker& broker = brokers_[node.mapped().broker];
  STRANDLINE_ASSERT(broker.in_flight > 0);
  --broker.in_flight;
  return std::move(node.mapped());
}

void ProducerCore::on_response(Instant now, RequestId id, const ResponseBody& response) {
  if (id == metadata_request_) {
    const auto* const told = std::get_if<wire::MetadataResponse>(&response);
    if (told == nullptr) return on_failed(now, id, Errc::unasked_answer, Delivery::unknown);
    metadata_request_.reset();
    on_metadata(now, *told);
  } else if (id == identity_request_) {
    const auto* const told = std::get_if<wire::InitProducerIdResponse>(&response);
    if (told == nullptr) return on_failed(now, id, Errc::unasked_answer, Delivery::unknown);
    identity_request_.reset();
    on_identity(now, *told);
  } else if (in_flight_.contains(id)) {
    const auto* const told = std::get_if<wire::ProduceResponse>(&response);
    if (told == nullptr) return on_failed(now, id, Errc::unasked_answer, Delivery::unknown);
    on_produce(now, *landed(id), *told);
  }
  step(now);
}

void ProducerCore::on_failed(Instant now, RequestId id, const ErrorCode& error, Delivery delivery) {
  if (id == metadata_request_) {
    metadata_request_.reset();
    metadata_.on_failed(now);
  } else if (id == identity_request_) {
    identity_request_.reset();
    on_no_identity(now, error);
  } else if (const auto request = landed(id)) {
    on_lost(now, *request, error, delivery);
  }
  step(now);
}

void ProducerCore::on_sent(Instant now, RequestId id) {
  STRANDLINE_ASSERT(config_.acks == 0);
  if (const auto request = landed(id)) {
    for (const Shipment& each : request->shipments) {
      each.from->second.on_appended(each.serial, request->broker, {});
    }
  }
  step(now);
}

// Whoever has a new leader need not wait before the next try.
void ProducerCore::on_metadata(Instant now, const wire::MetadataResponse& response) {
  std::vector<Leader> before;
  before.reserve(active_.size());
  for (const TopicPartition& each : active_) before.push_back(metadata_.leader(each));
  metadata_.on_response(now, response);
  std::size_t place = 0;
  for (const TopicPartition& each : active_) {
    if (metadata_.leader(each) != before[place++]) queues_.at(each).hurry();
  }
}

void ProducerCore::on_produce(Instant now, const InFlight& request,
                              const wire::ProduceResponse& response) {
  if (response.throttle_time_ms > 0) {
    brokers_[request.broker].throttled_until =
        now + std::chrono::milliseconds{response.throttle_time_ms};
  }
  std::map<TopicPartition, const wire::ProduceResponse::Partition*> answers;
  for (const auto& topic : response.topics) {
    for (const auto& each : topic.partitions) answers[{topic.name, each.index}] = &each;
  }
  for (const Shipment& each : request.shipments) {
    const auto answer = answers.find(each.from->first);
    if (answer != answers.end()) {
      on_produced(now, request.broker, each, *answer->second, response.node_endpoints);
    } else {
      each.from->second.on_lost(now, each.serial, Errc::unasked_answer, true);
      metadata_.refresh(now);
    }
  }
}

void ProducerCore::on_produced(Instant now, BrokerId by, const Shipment& shipment,
                               const wire::ProduceResponse::Partition& answer,
                               const std::vector<wire::NodeEndpoint>& endpoints) {
  auto& [partition, queue] = *shipment.from;
  if (answer.error_code == Errc::ok) {
    return queue.on_appended(shipment.serial, by, {answer.base_offset, answer.log_append_time});
  }
  queue.on_refused(now, shipment.serial, by, answer.error_code);
  if (metadata_.on_hint(partition, answer.current_leader, endpoints)) return queue.hurry();
  if (retry_of(answer.error_code) == Retry::after_metadata) metadata_.refresh(now);
}

void ProducerCore::on_identity(Instant now, const wire::InitProducerIdResponse& response) {
  if (response.error_code != Errc::ok) return on_no_identity(now, response.error_code);
  if (response.producer_id == kNoProducerId) return on_no_identity(now, Errc::unasked_answer);
  identity_ = {response.producer_id, response.producer_epoch};
  identity_failures_ = 0;
  identity_due_.reset();
}

void ProducerCore::on_no_identity(Instant now, const ErrorCode& error) {
  if (retry_of(error) == Retry::never) return fail(error);
  ++identity_failures_;
  identity_due_ = now + config_.retry.after(identity_failures_, prng_);
}

void ProducerCore::on_lost(Instant now, const InFlight& request, const ErrorCode& error,
                           Delivery delivery) {
  for (const Shipment& each : request.shipments) {
    each.from->second.on_lost(now, each.serial, error, delivery == Delivery::unknown);
  }
  metadata_.refresh(now);
}

}  // namespace strandline::client
