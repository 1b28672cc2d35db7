// A fetch core and the brokers it speaks to, which do what a test says. Questions about leaders are
// answered at once; all others wait for the test.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/core/fetch_core.h"
#include "protocol/record/builder.h"
#include "tests/unit/client/core/scripted_log.h"

namespace strandline::client {

using Bytes = std::vector<std::byte>;

// One batch of such values, as a leader of that epoch keeps it.
inline Bytes batch_of(std::int64_t base_offset, std::int32_t epoch,
                      const std::vector<std::string>& values) {
  BatchBuilder builder;
  for (const std::string& value : values) builder.append({.value = as_bytes(value)});
  Compressor compressor;
  Bytes bytes;
  builder.build({}, compressor, bytes);
  assign_batch_offset(bytes, Offset{base_offset}, LeaderEpoch{epoch});
  return bytes;
}

inline Bytes joined(const std::vector<Bytes>& parts) {
  Bytes whole;
  for (const Bytes& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

struct FetchHarness {
  static FetchConfig config(WhenLost when_lost = WhenLost::stop) {
    return {.bytes_max = 1'000'000,
            .buffer_bytes_max = 10'000'000,
            .when_lost = when_lost,
            .retry = {.first = std::chrono::milliseconds{100}, .max = std::chrono::seconds{1}}};
  }

  explicit FetchHarness(const FetchConfig& given = config()) : core(given, 1) { lead(0, 1, 5); }

  // One partition in a request.
  struct Part {
    std::int32_t partition = 0;
    LeaderEpoch current_leader_epoch;
    Offset offset;           // a fetch
    LeaderEpoch last_epoch;  // a fetch: of the last record read; a check: the one asked about
    Timestamp time;          // a question for an offset
  };
  enum class Kind : std::uint8_t { fetch, offsets, epochs };
  struct Asked {
    RequestId id;
    BrokerId broker;
    Kind kind = Kind::fetch;
    std::int32_t bytes_max = 0;
    std::vector<Part> parts;
  };

  void lead(std::int32_t partition, std::int32_t broker, std::int32_t epoch) {
    leaders[partition] = {BrokerId{broker}, LeaderEpoch{epoch}};
  }

  static TopicPartition name(std::int32_t partition) { return {"t", PartitionIndex{partition}}; }

  void seek(std::int64_t offset, std::int32_t epoch = -1, std::int32_t partition = 0) {
    core.seek(now, name(partition), {Offset{offset}, LeaderEpoch{epoch}});
    drain();
  }
  void seek_time(Timestamp time) {
    core.seek_time(now, name(0), time);
    drain();
  }

  Asked next(Kind kind) {
    REQUIRE_FALSE(requests.empty());
    Asked asked = std::move(requests.front());
    requests.erase(requests.begin());
    CHECK(asked.kind == kind);
    return asked;
  }
  Asked next_fetch() { return next(Kind::fetch); }

  using FetchAnswer = wire::FetchResponse::Partition;

  void answer(const Asked& asked, std::vector<FetchAnswer> parts,
              std::vector<wire::NodeEndpoint> endpoints = {}) {
    auto frame = std::make_shared<Bytes>();
    wire::FetchResponse response;
    response.topics.push_back({.name = "t", .partitions = std::move(parts)});
    response.node_endpoints = std::move(endpoints);
    core.on_response(now, asked.id, response, frame);
    drain();
  }
  void serve(const Asked& asked, const Bytes& records, std::int64_t high_watermark = 1000) {
    answer(asked, {{.index = PartitionIndex{asked.parts.at(0).partition},
                    .high_watermark = Offset{high_watermark},
                    .records = {.bytes = records}}});
  }
  void refuse(const Asked& asked, Errc error) {
    answer(asked, {{.index = PartitionIndex{asked.parts.at(0).partition}, .error_code = error}});
  }
  void tell_offset(const Asked& asked, std::int64_t offset, std::int32_t epoch,
                   Errc error = Errc::ok) {
    wire::ListOffsetsResponse response;
    response.topics.push_back({.name = "t",
                               .partitions = {{.index = PartitionIndex{0},
                                               .error_code = error,
                                               .offset = Offset{offset},
                                               .leader_epoch = LeaderEpoch{epoch}}}});
    core.on_response(now, asked.id, response, nullptr);
    drain();
  }
  void tell_epoch_end(const Asked& asked, std::int32_t epoch, std::int64_t end,
                      Errc error = Errc::ok) {
    wire::OffsetForLeaderEpochResponse response;
    response.topics.push_back({.name = "t",
                               .partitions = {{.error_code = error,
                                               .index = PartitionIndex{0},
                                               .leader_epoch = LeaderEpoch{epoch},
                                               .end_offset = Offset{end}}}});
    core.on_response(now, asked.id, response, nullptr);
    drain();
  }
  void lose(const Asked& asked, const ErrorCode& error = Errc::rpc_connection_lost) {
    core.on_failed(now, asked.id, error);
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
      for (FetchEffect& effect : effects) note(effect);
      for (const RequestId id : std::exchange(ask_leaders, {})) tell_leaders(id);
      core.assert_invariants();
    }
  }

  void note(FetchEffect& effect) {
    if (auto* e = std::get_if<SendRequest>(&effect)) note_request(*e);
    if (auto* e = std::get_if<PositionMoved>(&effect)) moves.push_back(*e);
    if (auto* e = std::get_if<PositionLost>(&effect)) losses.push_back(*e);
    if (auto* e = std::get_if<BatchDamaged>(&effect)) damages.push_back(*e);
    if (auto* e = std::get_if<DeliverBatches>(&effect)) {
      for (const ByteView batch : e->batches) {
        for (std::string& value : values_of(batch)) values.push_back(std::move(value));
      }
      deliveries.push_back(*e);
    }
  }

  void note_request(const SendRequest& request) {
    if (std::holds_alternative<wire::MetadataRequest>(request.body)) {
      ++metadata_requests;
      ask_leaders.push_back(request.id);
      return;
    }
    Asked asked{.id = request.id, .broker = request.broker};
    if (const auto* fetch = std::get_if<wire::FetchRequest>(&request.body)) {
      asked.bytes_max = fetch->bytes_max;
      CHECK(fetch->session_epoch == -1);  // no session
      for_parts(*fetch, [&](const auto& each) {
        asked.parts.push_back({.partition = each.index.value(),
                               .current_leader_epoch = each.current_leader_epoch,
                               .offset = each.fetch_offset,
                               .last_epoch = each.last_fetched_epoch});
      });
    } else if (const auto* offsets = std::get_if<wire::ListOffsetsRequest>(&request.body)) {
      asked.kind = Kind::offsets;
      for_parts(*offsets, [&](const auto& each) {
        asked.parts.push_back({.partition = each.index.value(),
                               .current_leader_epoch = each.current_leader_epoch,
                               .time = each.timestamp});
      });
    } else if (const auto* ends = std::get_if<wire::OffsetForLeaderEpochRequest>(&request.body)) {
      asked.kind = Kind::epochs;
      CHECK(ends->replica_id == kNoBroker);
      for_parts(*ends, [&](const auto& each) {
        asked.parts.push_back({.partition = each.index.value(),
                               .current_leader_epoch = each.current_leader_epoch,
                               .last_epoch = each.leader_epoch});
      });
    }
    requests.push_back(std::move(asked));
  }

  template <class Request, class Fn>
  static void for_parts(const Request& request, Fn&& fn) {
    for (const auto& topic : request.topics) {
      CHECK(topic.name == "t");
      for (const auto& each : topic.partitions) fn(each);
    }
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
    core.on_response(now, id, response, nullptr);
  }

  FetchCore core;
  Instant now{std::chrono::seconds{1000}};
  std::map<std::int32_t, Leader> leaders;
  std::vector<Asked> requests;
  std::vector<RequestId> ask_leaders;
  std::vector<DeliverBatches> deliveries;  // their batches are gone by now, but for their number
  std::vector<std::string> values;
  std::vector<PositionMoved> moves;
  std::vector<PositionLost> losses;
  std::vector<BatchDamaged> damages;
  Errc topic_error = Errc::ok;
  int metadata_requests = 0;
};

}  // namespace strandline::client
