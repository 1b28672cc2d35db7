#include "protocol/proto/replication_messages.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "protocol/base/prng.h"

namespace strandline {
namespace {

PartitionKey place_of(std::uint64_t seed) {
  Prng prng{seed};
  return {make_uuid(prng), PartitionIndex{static_cast<std::int32_t>(seed)}};
}

StreamName some_name() {
  return {.leader_epoch = LeaderEpoch{7},
          .replica = ReplicaId{3},
          .incarnation = Incarnation{900},
          .stream = StreamId{2}};
}

OpenStream some_open() {
  return {.name = some_name(),
          .round = 1,
          .history = {.starts = {{LeaderEpoch{2}, Offset{0}}, {LeaderEpoch{5}, Offset{40}}},
                      .end = Offset{77},
                      .has_older = true},
          .log_start_offset = Offset{10},
          .log_end_offset = Offset{80},
          .credit_limit = 4096,
          .needs_catch_up = true};
}

StreamBatches some_batches() {
  return {
      .name = some_name(),
      .batches = {{.base_offset = Offset{80},
                   .leader_epoch = LeaderEpoch{6},
                   .record_count = 3,
                   .append_time = Timestamp{1'700'000'000'000},
                   .begins_segment = true},
                  {.base_offset = Offset{83}, .leader_epoch = LeaderEpoch{7}, .record_count = 1}},
      .high_watermark = Offset{79},
      .log_start_offset = Offset{10}};
}

bool is_refused(const FollowerMessage& message) {
  const std::vector<Placed<FollowerMessage>> entries{{place_of(1), message}};
  const auto decoded = decode_follower_entries(as_bytes(encode_follower_entries(entries)));
  return !decoded && decoded.error() == Errc::malformed_frame;
}

bool is_refused(const LeaderMessage& message) {
  const std::vector<Placed<LeaderMessage>> entries{{place_of(1), message}};
  const auto decoded = decode_leader_entries(as_bytes(encode_leader_entries(entries)));
  return !decoded && decoded.error() == Errc::malformed_frame;
}

TEST_CASE("replication messages: what followers say comes back as it was, in its order", "[rpc]") {
  const std::vector<Placed<FollowerMessage>> entries{
      {place_of(1), some_open()},
      {place_of(2), StreamAck{.name = some_name(),
                              .appended = Offset{80},
                              .flushed = Offset{70},
                              .high_watermark = Offset{60},
                              .log_start_offset = Offset{10},
                              .credit_limit = 1 << 20,
                              .stalled = true}},
      {place_of(1), StreamAck{.name = {.leader_epoch = LeaderEpoch{0},
                                       .replica = ReplicaId{0},
                                       .incarnation = kNoIncarnation,
                                       .stream = StreamId{1}}}}};
  CHECK(decode_follower_entries(as_bytes(encode_follower_entries(entries))).value() == entries);
  CHECK(decode_follower_entries({}).value().empty());
}

TEST_CASE("replication messages: what leaders say comes back as it was, in its order", "[rpc]") {
  const std::vector<Placed<LeaderMessage>> entries{
      {place_of(1), OlderEpochsWanted{.name = some_name(), .round = 2, .at_most = LeaderEpoch{4}}},
      {place_of(2), StreamOpened{.name = some_name(), .offset = Offset{77}, .restart = true}},
      {place_of(3), some_batches()},
      {place_of(4), StreamPosition{.name = some_name(),
                                   .sent_end = Offset{90},
                                   .high_watermark = Offset{80},
                                   .log_start_offset = Offset{20},
                                   .confirm = true}},
      {place_of(5), StreamEnd{.name = some_name(), .reason = Errc::offset_out_of_range}},
      {place_of(6), StreamEnd{.name = some_name(), .reason = Errc::ok}}};
  CHECK(decode_leader_entries(as_bytes(encode_leader_entries(entries))).value() == entries);
}

TEST_CASE("replication messages: numbers that no writer puts there are refused", "[rpc]") {
  const auto changed = [](auto message, auto change) {
    change(message);
    return message;
  };
  using Open = OpenStream;
  using Batches = StreamBatches;
  REQUIRE_FALSE(is_refused(FollowerMessage{some_open()}));
  REQUIRE_FALSE(is_refused(LeaderMessage{some_batches()}));
  const Open opens[] = {
      changed(some_open(), [](Open& m) { m.name.stream = kNoStream; }),
      changed(some_open(), [](Open& m) { m.name.leader_epoch = kNoLeaderEpoch; }),
      changed(some_open(), [](Open& m) { m.name.replica = kNoReplica; }),
      changed(some_open(), [](Open& m) { m.name.incarnation = Incarnation{-2}; }),
      changed(some_open(), [](Open& m) { m.round = -1; }),
      changed(some_open(), [](Open& m) { m.log_end_offset = kNoOffset; }),
      changed(some_open(), [](Open& m) { m.history.starts[0].start_offset = kNoOffset; }),
      changed(some_open(), [](Open& m) { m.history.starts.resize(kEpochsPerPieceMax + 1); })};
  for (const Open& open : opens) CHECK(is_refused(FollowerMessage{open}));
  const Batches batches[] = {
      changed(some_batches(), [](Batches& m) { m.batches.clear(); }),
      changed(some_batches(), [](Batches& m) { m.batches[0].record_count = 0; }),
      changed(some_batches(), [](Batches& m) { m.batches[0].base_offset = kNoOffset; }),
      changed(some_batches(), [](Batches& m) { m.batches[0].base_offset = Offset{INT64_MAX}; }),
      changed(some_batches(), [](Batches& m) { m.high_watermark = kNoOffset; })};
  for (const Batches& message : batches) CHECK(is_refused(LeaderMessage{message}));
}

TEST_CASE("replication messages: a range's digest comes back as it was, and only as a range",
          "[rpc]") {
  const RangeDigest good{.place = place_of(1),
                         .leader_epoch = LeaderEpoch{0},
                         .start = Offset{0},
                         .end = Offset{70},
                         .bytes = 1,
                         .xxh3 = UINT64_MAX};
  CHECK(decode_range_digest(as_bytes(encode_range_digest(good))).value() == good);
  const auto is_bad = [&](auto change) {
    RangeDigest digest = good;
    change(digest);
    return decode_range_digest(as_bytes(encode_range_digest(digest))).has_error();
  };
  CHECK(is_bad([](RangeDigest& d) { d.end = Offset{0}; }));
  CHECK(is_bad([](RangeDigest& d) { d.start = kNoOffset; }));
  CHECK(is_bad([](RangeDigest& d) { d.bytes = 0; }));
  CHECK(is_bad([](RangeDigest& d) { d.leader_epoch = kNoLeaderEpoch; }));
  CHECK(is_bad([](RangeDigest& d) { d.place.partition = PartitionIndex{-1}; }));
  CHECK(decode_range_digest(as_bytes("\x0f garbage")).has_error());
  CHECK(decode_range_digest({}).has_error());
}

TEST_CASE("replication messages: an entry says one thing about one partition", "[rpc]") {
  // An entry without a message, and one without a topic id.
  CHECK_FALSE(decode_follower_entries(as_bytes(std::string{"\x0a\x00", 2})).has_value());
  CHECK_FALSE(decode_leader_entries(as_bytes(std::string{"\x0a\x00", 2})).has_value());
  CHECK_FALSE(decode_leader_entries(as_bytes("\x0f garbage")).has_value());
}

TEST_CASE("replication messages: a reason of a newer version is one that nobody expected",
          "[rpc]") {
  const std::vector<Placed<LeaderMessage>> entries{
      {place_of(1), StreamEnd{.name = some_name(), .reason = static_cast<Errc>(31'000)}}};
  const auto decoded = decode_leader_entries(as_bytes(encode_leader_entries(entries)));
  CHECK(std::get<StreamEnd>(decoded.value().at(0).message).reason == Errc::unknown_server_error);
}

}  // namespace
}  // namespace strandline
