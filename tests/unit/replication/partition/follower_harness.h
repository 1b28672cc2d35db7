// A follower core with a log and a leader that do what a test says.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "replication/partition/partition_follower.h"

namespace strandline {

struct FollowerHarness {
  explicit FollowerHarness(FollowerLog log = {}, bool connect = true)
      : follower({.self = ReplicaId{2}, .incarnation = Incarnation{20}, .credit_bytes = 1000},
                 LeaderEpoch{5}, log, StreamId{3}) {
    drain();
    if (connect) {
      follower.on_connected(now);
      drain();
    }
  }

  // A log of `end` records in epoch 1, all on the disk.
  static FollowerLog log_of(std::int64_t end, std::int64_t high_watermark = 0) {
    return {.log_end_offset = Offset{end},
            .flushed_end = Offset{end},
            .high_watermark = Offset{high_watermark},
            .epochs = {{LeaderEpoch{1}, Offset{0}}}};
  }

  // The stream at hand, ready for batches.
  static FollowerHarness streaming(std::int64_t end = 0) {
    FollowerHarness t{end == 0 ? FollowerLog{} : log_of(end)};
    t.give(StreamOpened{t.name(), Offset{end}});
    REQUIRE(t.follower.state() == PartitionFollower::State::streaming);
    t.sent.clear();
    return t;
  }

  StreamName name() const {
    return {LeaderEpoch{5}, ReplicaId{2}, Incarnation{20}, follower.last_stream()};
  }

  void give(const LeaderMessage& message) {
    follower.on_message(now, message);
    drain();
  }

  // One batch with the next records, a hundred bytes each.
  StreamBatches batch(std::int64_t base, std::int32_t count, std::int64_t high_watermark = 0,
                      std::int32_t epoch = 5) const {
    return {.name = name(),
            .batches = {{.base_offset = Offset{base},
                         .leader_epoch = LeaderEpoch{epoch},
                         .record_count = count}},
            .bytes = static_cast<std::uint64_t>(count) * 100,
            .high_watermark = Offset{high_watermark}};
  }
  void receive(std::int64_t base, std::int32_t count, std::int64_t high_watermark = 0) {
    give(batch(base, count, high_watermark));
  }
  void synced(std::int64_t end) {
    follower.on_synced(Offset{end});
    drain();
  }
  void truncated(const FollowerLog& log) {
    follower.on_truncated(now, log);
    drain();
  }
  void pass(Duration duration) {
    const Instant end = now + duration;
    for (int calls = 0; calls < 10'000; ++calls) {
      const auto next = follower.next_timeout();
      if (!next.has_value() || *next > end) break;
      REQUIRE(*next > now);
      now = *next;
      follower.on_timeout(now);
      drain();
    }
    now = end;
  }

  void drain() {
    for (auto effects = follower.take_effects(); !effects.empty();
         effects = follower.take_effects()) {
      for (const FollowerEffect& effect : effects) note(effect);
    }
  }

  void note(const FollowerEffect& effect) {
    if (const auto* e = std::get_if<SendToLeader>(&effect)) sent.push_back(e->message);
    if (const auto* e = std::get_if<TruncateLog>(&effect)) truncation = *e;
    if (const auto* e = std::get_if<RestartLog>(&effect)) restart = *e;
    if (const auto* e = std::get_if<AskAllowance>(&effect)) asks.push_back(*e);
    if (std::holds_alternative<StartSync>(effect)) ++syncs;
    if (const auto* e = std::get_if<AdvanceHighWatermark>(&effect))
      marks.push_back(e->high_watermark);
    if (const auto* e = std::get_if<AdvanceLogStart>(&effect))
      starts.push_back(e->log_start_offset);
    if (const auto* e = std::get_if<StreamBroken>(&effect)) broken.push_back(e->reason);
    if (const auto* e = std::get_if<AppendBatches>(&effect)) {
      if (append_fails_at.has_value()) {
        follower.on_append_failed(now, *append_fails_at, Errc::corrupt_batch);
      } else {
        follower.on_appended(e->batches.back().next_offset());
      }
    }
  }

  template <class Message>
  std::vector<Message> said() const {
    std::vector<Message> found;
    for (const FollowerMessage& message : sent) {
      if (const auto* m = std::get_if<Message>(&message)) found.push_back(*m);
    }
    return found;
  }
  StreamAck last_ack() const {
    const auto acks = said<StreamAck>();
    REQUIRE_FALSE(acks.empty());
    return acks.back();
  }
  PartitionFollower::State state() const { return follower.state(); }

  PartitionFollower follower;
  Instant now{std::chrono::seconds{1000}};
  std::optional<Offset> append_fails_at;
  std::vector<FollowerMessage> sent;
  std::optional<TruncateLog> truncation;
  std::optional<RestartLog> restart;
  int syncs = 0;
  std::vector<Offset> marks;
  std::vector<Offset> starts;
  std::vector<Errc> broken;
  std::vector<AskAllowance> asks;
};

}  // namespace strandline
