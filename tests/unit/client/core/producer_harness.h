// A producer core and the brokers it speaks to, which do what a test says. Questions about leaders
// and identities are answered at once unless the test holds them back; produce requests wait for
// it.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/core/producer_core.h"
#include "tests/unit/client/core/scripted_log.h"

namespace strandline::client {

struct ProducerHarness {
  static ProducerConfig config() {
    return {.batch_bytes_max = 1000,
            .linger = Duration{0},
            .buffer_bytes_max = 100'000,
            .request_bytes_max = 20'000,
            .delivery_timeout = std::chrono::seconds{60},
            .retry = {.first = std::chrono::milliseconds{100}, .max = std::chrono::seconds{1}}};
  }

  explicit ProducerHarness(const ProducerConfig& given = config(), std::uint64_t seed = 1)
      : core(given, seed) {
    lead(0, 1);
  }

  // A batch as it lay in a request.
  struct Batch {
    std::int32_t partition = 0;
    BatchHeader header;
    std::vector<std::string> values;
    std::vector<std::byte> bytes;
  };
  struct Sent {
    RequestId id;
    BrokerId broker;
    std::int16_t acks = 0;
    std::vector<Batch> batches;
  };

  void lead(std::int32_t partition, std::int32_t broker, std::int32_t epoch = 0) {
    leaders[partition] = {BrokerId{broker}, LeaderEpoch{epoch}};
  }

  Result<RecordId> append(const std::string& value, std::int32_t partition = 0) {
    auto id = core.append(now, name(partition), {.value = as_bytes(value)});
    drain();
    return id;
  }
  RecordId take(const std::string& value, std::int32_t partition = 0) {
    const auto id = append(value, partition);
    REQUIRE(id.has_value());
    return id.value();
  }
  // A record that fills a batch by itself.
  RecordId take_large(char letter, std::int32_t partition = 0) {
    return take(std::string(1000, letter), partition);
  }

  static TopicPartition name(std::int32_t partition) { return {"t", PartitionIndex{partition}}; }

  // The produce request that has waited longest for an answer.
  Sent next() {
    REQUIRE_FALSE(requests.empty());
    Sent sent = std::move(requests.front());
    requests.erase(requests.begin());
    return sent;
  }

  void answer(const Sent& sent, const std::vector<wire::ProduceResponse::Partition>& partitions,
              std::vector<wire::NodeEndpoint> endpoints = {}) {
    wire::ProduceResponse response;
    response.topics.push_back({.name = "t", .partitions = partitions});
    response.node_endpoints = std::move(endpoints);
    core.on_response(now, sent.id, response);
    drain();
  }
  // The same for every partition in it.
  void answer(const Sent& sent, Errc error, std::int64_t base_offset = -1) {
    std::vector<wire::ProduceResponse::Partition> partitions;
    for (const Batch& batch : sent.batches) {
      partitions.push_back({.index = PartitionIndex{batch.partition},
                            .error_code = error,
                            .base_offset = Offset{base_offset}});
    }
    answer(sent, partitions);
  }
  // As a leader that keeps the rules answers.
  void serve(const Sent& sent) {
    std::vector<wire::ProduceResponse::Partition> partitions;
    for (const Batch& batch : sent.batches) {
      const auto done = logs[batch.partition].append(batch.header, batch.values);
      partitions.push_back({.index = PartitionIndex{batch.partition},
                            .error_code = done.error,
                            .base_offset = done.base_offset});
    }
    answer(sent, partitions);
  }
  // Until nothing waits any more.
  void serve_all() {
    for (int rounds = 0; rounds < 1000 && core.unsettled_records() > 0; ++rounds) {
      while (!requests.empty()) serve(next());
      pass(std::chrono::milliseconds{200});
    }
  }
  void lose(const Sent& sent, Delivery delivery = Delivery::unknown) {
    core.on_failed(now, sent.id, Errc::rpc_connection_lost, delivery);
    drain();
  }

  // Lets time go by, with every time-out on the way.
  void pass(Duration duration) {
    const Instant end = now + duration;
    for (int calls = 0; calls < 10'000; ++calls) {
      const auto at = core.next_timeout();
      if (!at.has_value() || *at > end) break;
      REQUIRE(*at > now);
      now = *at;
      core.on_timeout(now);
      drain();
    }
    now = end;
  }

  void drain() {
    for (auto effects = core.take_effects(); !effects.empty(); effects = core.take_effects()) {
      for (ProducerEffect& effect : effects) note(effect);
      for (const RequestId id : std::exchange(ask_leaders, {})) tell_leaders(id);
      for (const RequestId id : std::exchange(ask_identity, {})) tell_identity(id);
      core.assert_invariants();
    }
  }

  void note(ProducerEffect& effect) {
    if (auto* e = std::get_if<SendRequest>(&effect)) note_request(*e);
    if (auto* e = std::get_if<LearnBrokers>(&effect)) brokers = e->brokers;
    if (std::holds_alternative<BufferHasRoom>(effect)) ++times_room;
    if (auto* e = std::get_if<RecordsSettled>(&effect)) {
      std::int64_t place = 0;
      for (const RecordId id : e->outcome.records) {
        REQUIRE(outcomes.count(id) == 0);
        ProduceOutcome one = e->outcome;
        if (one.base_offset != kNoOffset) one.base_offset += place++;
        outcomes[id] = std::move(one);
      }
    }
  }

  void note_request(const SendRequest& request) {
    if (std::holds_alternative<wire::MetadataRequest>(request.body)) {
      ++metadata_requests;
      (hold_metadata ? held_metadata : ask_leaders).push_back(request.id);
    }
    if (std::holds_alternative<wire::InitProducerIdRequest>(request.body)) {
      (hold_identity ? held_identity : ask_identity).push_back(request.id);
    }
    const auto* const produce = std::get_if<wire::ProduceRequest>(&request.body);
    if (produce == nullptr) return;
    Sent sent{.id = request.id, .broker = request.broker, .acks = produce->acks};
    for (const auto& topic : produce->topics) {
      CHECK(topic.name == "t");
      for (const auto& each : topic.partitions) {
        const ByteView bytes = each.records->bytes;
        REQUIRE(batch_crc_matches(bytes));
        sent.batches.push_back({.partition = each.index.value(),
                                .header = parse_batch(bytes).value(),
                                .values = values_of(bytes),
                                .bytes = {bytes.begin(), bytes.end()}});
      }
    }
    requests.push_back(std::move(sent));
  }

  void tell_leaders(RequestId id) {
    wire::MetadataResponse response;
    for (const std::int32_t broker : {1, 2, 3}) {
      response.brokers.push_back({.node_id = BrokerId{broker}, .host = "b", .port = broker});
    }
    wire::MetadataResponse::Topic topic{.error_code = topic_error, .name = "t"};
    for (const auto& [partition, leader] : leaders) {
      topic.partitions.push_back({.index = PartitionIndex{partition},
                                  .leader_id = leader.broker,
                                  .leader_epoch = leader.epoch});
    }
    if (topic_error != Errc::ok) topic.partitions.clear();
    response.topics.push_back(std::move(topic));
    core.on_response(now, id, response);
  }

  void tell_identity(RequestId id) {
    core.on_response(now, id,
                     wire::InitProducerIdResponse{.error_code = identity_error,
                                                  .producer_id = ProducerId{next_producer++},
                                                  .producer_epoch = first_epoch});
  }

  bool settled(RecordId id) const { return outcomes.count(id) == 1; }
  const ProduceOutcome& outcome(RecordId id) const {
    REQUIRE(settled(id));
    return outcomes.at(id);
  }
  bool went_well(RecordId id) const { return settled(id) && !outcomes.at(id).error; }

  ProducerCore core;
  Instant now{std::chrono::seconds{1000}};
  std::map<std::int32_t, Leader> leaders;
  std::map<std::int32_t, ScriptedLog> logs;
  std::vector<Sent> requests;
  std::map<RecordId, ProduceOutcome> outcomes;
  std::vector<wire::NodeEndpoint> brokers;
  std::vector<RequestId> ask_leaders, held_metadata, ask_identity, held_identity;
  bool hold_metadata = false, hold_identity = false;
  Errc topic_error = Errc::ok, identity_error = Errc::ok;
  std::int64_t next_producer = 7;
  ProducerEpoch first_epoch{0};
  int metadata_requests = 0;
  int times_room = 0;
};

}  // namespace strandline::client
