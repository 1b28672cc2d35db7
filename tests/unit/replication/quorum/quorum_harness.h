// One member of a metadata quorum, stepped by hand: brokers 1 (under test), 2, 3, … are the voters.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/base/bytes.h"
#include "replication/quorum/quorum.h"

namespace strandline {

inline ReplicaKey replica(int node) {
  Uuid directory;
  directory.bytes[0] = static_cast<std::byte>(node);
  return {BrokerId{node}, directory};
}

inline VoterSet voter_set(int count) {
  std::vector<Voter> voters;
  for (int node = 1; node <= count; ++node) voters.push_back({replica(node), {}});
  return VoterSet{voters};
}

inline QuorumBatch batch(std::int64_t base, std::int64_t next, int epoch) {
  return {.base_offset = Offset{base},
          .next_offset = Offset{next},
          .epoch = LeaderEpoch{epoch},
          .voters = {},
          .bytes = std::make_shared<const std::vector<std::byte>>(10)};
}

inline LogEnd log_end(int epoch, std::int64_t offset) {
  return {LeaderEpoch{epoch}, Offset{offset}};
}

class QuorumHarness {
 public:
  struct Begin {
    int voters = 3;
    int self = 1;
    std::vector<QuorumBatch> log;
    QuorumVote vote;
    std::size_t message_bytes_max = 1 << 20;
  };

  explicit QuorumHarness(const Begin& begin) {
    QuorumLog log{LogEnd{}, voter_set(begin.voters)};
    for (const QuorumBatch& one : begin.log) log.append(one);
    QuorumConfig config{.self = replica(begin.self)};
    config.message_bytes_max = begin.message_bytes_max;
    core.emplace(now, config,
                 QuorumStart{.vote = begin.vote, .log = std::move(log), .incarnation = 1}, 42);
    drain();
  }

  void pass(int ms) {
    now += std::chrono::milliseconds{ms};
    core->on_timeout(now);
    drain();
  }
  // Until its own time-out, whenever that is.
  void time_out() {
    now = core->next_timeout();
    core->on_timeout(now);
    drain();
  }
  void hear(const QuorumMessage& message) {
    core->on_message(now, message);
    drain();
  }
  void synced(std::int64_t end) {
    core->on_synced(now, Offset{end});
    drain();
  }
  void votes_persisted() {
    const std::vector<QuorumVote> votes = std::exchange(to_persist, {});
    for (const QuorumVote& vote : votes) core->on_vote_persisted(now, vote);
    drain();
  }

  VoteResponse vote_of(int node, int asked, bool pre_vote, bool uncertain = false) const {
    return {.epoch = core->epoch(),
            .asked = LeaderEpoch{asked},
            .voter = replica(node),
            .pre_vote = pre_vote,
            .granted = true,
            .uncertain = uncertain};
  }
  VoteRequest candidate(int node, int epoch, LogEnd end, bool pre_vote = false) const {
    return {.epoch = LeaderEpoch{epoch},
            .candidate = replica(node),
            .voter = replica(1),
            .log_end = end,
            .pre_vote = pre_vote};
  }
  ReplicateRequest from_leader(int node, int epoch, LogEnd previous,
                               std::vector<QuorumBatch> batches = {}, std::int64_t committed = 0) {
    return {.epoch = LeaderEpoch{epoch},
            .leader = replica(node),
            .round = ++rounds,
            .incarnation = 1,
            .previous = previous,
            .batches = std::move(batches),
            .committed = Offset{committed}};
  }
  // What a follower says to the newest request that was sent to it.
  ReplicateResponse answer_of(int node, std::int64_t flushed, std::uint64_t incarnation = 1) const {
    const auto* request = last<ReplicateRequest>(node);
    REQUIRE(request != nullptr);
    return {.epoch = core->epoch(),
            .replica = replica(node),
            .incarnation = incarnation,
            .round = request->round,
            .flushed = Offset{flushed}};
  }

  // Elected by broker 2 in the next epoch; its first batch is appended and not synced yet.
  void lead() {
    time_out();
    const int epoch = core->epoch().value() + 1;
    hear(vote_of(2, epoch, true));
    votes_persisted();
    hear(vote_of(2, epoch, false));
    REQUIRE(core->leads());
    append();
  }
  Errc append(std::optional<VoterSet> voters = {}, int records = 1) {
    const std::int64_t end = core->log_end().value();
    QuorumBatch one = batch(end, end + records, core->epoch().value());
    one.voters = std::move(voters);
    const Errc outcome = core->append(now, std::move(one));
    drain();
    return outcome;
  }
  void ready() {
    lead();
    const std::int64_t end = core->log_end().value();
    synced(end);
    hear(answer_of(2, end));
    REQUIRE(core->is_ready());
  }

  // The newest message of a kind to a broker; none: there was none.
  template <class Message>
  const Message* last(int node) const {
    for (auto one = sent.rbegin(); one != sent.rend(); ++one) {
      if (one->to != replica(node)) continue;
      if (const auto* message = std::get_if<Message>(&one->message)) return message;
    }
    return nullptr;
  }
  template <class Message>
  std::size_t count(int node) const {
    std::size_t n = 0;
    for (const Send& one : sent) {
      n += one.to == replica(node) && std::holds_alternative<Message>(one.message) ? 1 : 0;
    }
    return n;
  }
  template <class Effect>
  const Effect* last_effect() const {
    for (auto one = effects.rbegin(); one != effects.rend(); ++one) {
      if (const auto* effect = std::get_if<Effect>(&*one)) return effect;
    }
    return nullptr;
  }
  void forget() { sent.clear(), effects.clear(); }

  Instant now{std::chrono::hours{1}};
  std::optional<Quorum> core;
  std::vector<Send> sent;
  std::vector<QuorumEffect> effects;  // all but what was sent
  std::vector<QuorumVote> to_persist;
  std::uint64_t rounds = 0;

 private:
  void drain() {
    for (QuorumEffect& effect : core->take_effects()) {
      if (auto* send = std::get_if<Send>(&effect)) {
        sent.push_back(std::move(*send));
        continue;
      }
      if (const auto* vote = std::get_if<PersistVote>(&effect)) to_persist.push_back(vote->vote);
      effects.push_back(std::move(effect));
    }
    core->assert_invariants();
  }
};

}  // namespace strandline
