// A leader core with followers that do what a test says. Reads are carried out at once, unless a
// test wants to hold them.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <utility>
#include <vector>

#include "replication/partition/partition_leader.h"

namespace strandline {

inline Duration ms(std::int64_t count) { return std::chrono::milliseconds{count}; }

struct LeaderHarness {
  struct Options {
    std::vector<int> replicas{1, 2, 3};
    std::vector<int> isr{};  // empty: all
    int leader = 1;
    int min_insync_replicas = 2;
    bool flush_on_ack = true;
    std::int64_t log_start = 0;
    std::int64_t log_end = 0;
    std::int64_t flushed = -1;         // -1: all
    std::int64_t high_watermark = -1;  // -1: the log end
    EpochStarts epochs{};
    int epoch = 5;
    bool open_streams = true;
    std::uint64_t credit = 1 << 20;
  };
  struct Ack {
    std::int64_t appended = 0;
    std::int64_t flushed = 0;
    bool stalled = false;
  };

  class Follower {
   public:
    Follower(LeaderHarness& t, int id) : t_(t), id_(id) {}

    // Opens the next stream and takes up where both logs agree.
    void opens(std::int64_t log_end, std::int64_t flushed, bool needs_catch_up = false) {
      t_.open(id_, log_end, needs_catch_up);
      acks({.appended = log_end, .flushed = flushed});
    }
    void acks(const Ack& ack) {
      StreamAck message{
          .name = t_.names[id_],
          .appended = Offset{ack.appended},
          .flushed = Offset{ack.flushed},
          .high_watermark = std::min(t_.leader.high_watermark(), Offset{ack.appended}),
          .log_start_offset = t_.leader.log_start_offset(),
          .credit_limit = t_.credits[id_],
          .stalled = ack.stalled};
      t_.give(message);
    }
    // Has everything there is on its disk.
    void catches_up() {
      const std::int64_t end = t_.leader.log_end_offset().value();
      acks({.appended = end, .flushed = end});
    }

   private:
    LeaderHarness& t_;
    int id_;
  };

  explicit LeaderHarness(Options o) : options(std::move(o)), leader(make(options)) {
    drain();
    if (!options.open_streams) return;
    for (const int id : options.replicas) {
      if (id != options.leader) follower(id).opens(options.log_end, options.log_end);
    }
    sent.clear();
  }

  static std::vector<ReplicaId> ids(const std::vector<int>& numbers) {
    std::vector<ReplicaId> all;
    for (const int number : numbers) all.emplace_back(number);
    return all;
  }

  static PartitionLeader make(const Options& o) {
    const LeaderConfig config{.self = ReplicaId{o.leader},
                              .incarnation = Incarnation{o.leader},
                              .min_insync_replicas = o.min_insync_replicas,
                              .flush_on_ack = o.flush_on_ack,
                              .tail_bytes_max = 10'000,
                              .catch_up_bytes_max = 1000};
    const LeaderTerm term{LeaderEpoch{o.epoch},
                          ids(o.replicas),
                          {.partition_epoch = PartitionEpoch{7},
                           .members = ids(o.isr.empty() ? o.replicas : o.isr),
                           .min_insync_replicas = o.min_insync_replicas}};
    const Offset end{o.log_end};
    const LeaderLog log{.log_start_offset = Offset{o.log_start},
                        .first_batch_offset = Offset{o.log_start},
                        .log_end_offset = end,
                        .flushed_end = o.flushed < 0 ? end : Offset{o.flushed},
                        .high_watermark = o.high_watermark < 0 ? end : Offset{o.high_watermark},
                        .epochs = o.epochs.empty() && o.log_end > 0
                                      ? EpochStarts{{LeaderEpoch{1}, Offset{0}}}
                                      : o.epochs};
    return PartitionLeader{config, term, log, Instant{ms(1'000'000)}};
  }

  Follower follower(int id) { return Follower{*this, id}; }

  void open(int id, std::int64_t log_end, bool needs_catch_up = false) {
    StreamName& name = names[id];
    name = {.leader_epoch = leader.leader_epoch(),
            .replica = ReplicaId{id},
            .incarnation = Incarnation{incarnations.contains(id) ? incarnations[id] : id},
            .stream = name.stream + 1};
    credits[id] = options.credit;
    // Its epochs are the leader's, as far as its log reaches.
    EpochPiece history{.end = Offset{log_end}};
    for (const EpochStart& start :
         options.epochs.empty() ? EpochStarts{{LeaderEpoch{1}, Offset{0}}} : options.epochs) {
      if (start.start_offset < Offset{log_end}) history.starts.push_back(start);
    }
    const EpochStart present{leader.leader_epoch(), Offset{options.log_end}};
    if (present.start_offset < Offset{log_end}) history.starts.push_back(present);
    give(OpenStream{.name = name,
                    .history = history,
                    .log_start_offset = std::min(leader.log_start_offset(), Offset{log_end}),
                    .log_end_offset = Offset{log_end},
                    .credit_limit = options.credit,
                    .needs_catch_up = needs_catch_up});
  }

  void give(const FollowerMessage& message) {
    leader.on_message(now, message);
    drain();
  }

  void append(std::int64_t records) {
    leader.on_append(now, leader.log_end_offset() + records);
    drain();
    if (tail_follows) leader.on_tail_start(now, Offset{0});
    drain();
  }
  void leader_synced(std::int64_t end) {
    leader.on_synced(now, Offset{end});
    drain();
  }
  // All of it, on every disk.
  void append_everywhere(std::int64_t records) {
    append(records);
    leader_synced(leader.log_end_offset().value());
    for (const int id : options.replicas) {
      if (id != options.leader) follower(id).catches_up();
    }
  }

  // Time passes, with a call at each moment the core asks for.
  void pass(Duration duration) {
    const Instant end = now + duration;
    for (int calls = 0; calls < 10'000; ++calls) {
      const auto next = leader.next_timeout();
      if (!next.has_value() || *next > end) break;
      REQUIRE(*next > now);  // or it would be called without end
      now = *next;
      leader.on_timeout(now);
      drain();
    }
    now = end;
  }

  void commit(std::vector<int> isr, int min_insync_replicas = 0) {
    CommittedIsr committed{
        .partition_epoch = PartitionEpoch{leader.isr().partition_epoch().value() + 1},
        .members = ids(isr),
        .min_insync_replicas =
            min_insync_replicas == 0 ? options.min_insync_replicas : min_insync_replicas};
    leader.on_isr(now, committed);
    drain();
  }
  void refuse(Errc reason, int at_fault = -1) {
    leader.on_isr_refused(now, leader.isr().partition_epoch(), reason, ReplicaId{at_fault});
    drain();
  }

  void drain() {
    for (auto effects = leader.take_effects(); !effects.empty(); effects = leader.take_effects()) {
      for (const LeaderEffect& effect : effects) note(effect);
    }
  }

  void note(const LeaderEffect& effect) {
    if (const auto* e = std::get_if<AdvanceHighWatermark>(&effect))
      marks.push_back(e->high_watermark);
    if (std::holds_alternative<ServeReaders>(effect)) ++readers_let_in;
    if (const auto* e = std::get_if<AskAllowance>(&effect)) asks.push_back(*e);
    if (std::holds_alternative<RefuseWaiting>(effect)) ++refusals;
    if (const auto* e = std::get_if<ProposeIsr>(&effect)) proposals.push_back(e->proposal);
    if (const auto* e = std::get_if<SendToFollower>(&effect)) sent.push_back(e->message);
    if (const auto* e = std::get_if<ReadBatches>(&effect)) {
      reads.push_back(*e);
      if (!hold_reads) carry_out(*e);
    }
  }

  // A hundred bytes a record.
  void carry_out(const ReadBatches& read) {
    const auto fit = static_cast<std::int64_t>(std::max<std::uint64_t>(read.bytes_max / 100, 1));
    const Offset next = read.from + std::min(read.end - read.from, fit);
    const auto header =
        leader.on_read(now, read.name, next, static_cast<std::uint64_t>(next - read.from) * 100);
    if (header.has_value()) sent.emplace_back(*header);
  }
  void carry_out_reads() {
    for (const ReadBatches& read : std::exchange(reads, {})) carry_out(read);
    drain();
  }

  template <class Message>
  std::vector<Message> sent_to(int id) const {
    std::vector<Message> found;
    for (const LeaderMessage& message : sent) {
      const auto* m = std::get_if<Message>(&message);
      if (m != nullptr && m->name.replica == ReplicaId{id}) found.push_back(*m);
    }
    return found;
  }

  std::vector<int> last_proposal() const {
    std::vector<int> members;
    if (proposals.empty()) return members;
    for (const IsrMember& member : proposals.back().members) {
      members.push_back(member.replica.value());
    }
    return members;
  }
  std::int64_t high_watermark() const { return leader.high_watermark().value(); }

  Options options;
  PartitionLeader leader;
  Instant now{ms(1'000'000)};
  std::map<int, StreamName> names;
  std::map<int, std::uint64_t> credits;
  std::map<int, std::int64_t> incarnations;
  bool hold_reads = false;
  bool tail_follows = true;  // everything is in memory
  std::vector<Offset> marks;
  int readers_let_in = 0;
  int refusals = 0;
  std::vector<IsrProposal> proposals;
  std::vector<LeaderMessage> sent;
  std::vector<ReadBatches> reads;
  std::vector<AskAllowance> asks;
};

}  // namespace strandline
